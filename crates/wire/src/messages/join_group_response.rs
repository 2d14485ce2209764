//! JoinGroupResponse, versions 0 to 9. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct JoinGroupResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub generation_id: i32,
    pub protocol_type: Option<Str>,
    pub protocol_name: Option<Str>,
    pub leader: Str,
    pub skip_assignment: bool,
    pub member_id: Str,
    pub members: Vec<JoinGroupResponseMember>,
}

impl Default for JoinGroupResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            generation_id: -1,
            protocol_type: None,
            protocol_name: Some(Str::EMPTY),
            leader: Str::EMPTY,
            skip_assignment: false,
            member_id: Str::EMPTY,
            members: Vec::new(),
        }
    }
}

impl Element for JoinGroupResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 2 {
            s.throttle_time_ms = r.get(v)?;
        }
        s.error_code = r.get(v)?;
        s.generation_id = r.get(v)?;
        if v >= 7 {
            s.protocol_type = r.get(v)?;
        }
        s.protocol_name = if v >= 7 { r.get(v)? } else { r.get_some(v)? };
        s.leader = r.get(v)?;
        if v >= 9 {
            s.skip_assignment = r.get(v)?;
        }
        s.member_id = r.get(v)?;
        s.members = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 2 {
            w.put(&self.throttle_time_ms, v)?;
        }
        w.put(&self.error_code, v)?;
        w.put(&self.generation_id, v)?;
        if v >= 7 {
            w.put(&self.protocol_type, v)?;
        }
        if v >= 7 {
            w.put(&self.protocol_name, v)?;
        } else {
            w.put_some(&self.protocol_name, "protocol_name", v)?;
        };
        w.put(&self.leader, v)?;
        if v >= 9 {
            w.put(&self.skip_assignment, v)?;
        } else {
            w.absent(!self.skip_assignment, "skip_assignment")?;
        }
        w.put(&self.member_id, v)?;
        w.put(&self.members, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct JoinGroupResponseMember {
    pub member_id: Str,
    pub group_instance_id: Option<Str>,
    pub metadata: Bytes,
}

impl Element for JoinGroupResponseMember {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.member_id = r.get(v)?;
        if v >= 5 {
            s.group_instance_id = r.get(v)?;
        }
        s.metadata = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.member_id, v)?;
        if v >= 5 {
            w.put(&self.group_instance_id, v)?;
        }
        w.put(&self.metadata, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for JoinGroupResponse {
    const NAME: &'static str = "JoinGroupResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=9;
    const FLEXIBLE_FROM: i16 = 6;
}
