//! SyncGroupRequest, versions 0 to 5. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyncGroupRequest {
    pub group_id: Str,
    pub generation_id: i32,
    pub member_id: Str,
    pub group_instance_id: Option<Str>,
    pub protocol_type: Option<Str>,
    pub protocol_name: Option<Str>,
    pub assignments: Vec<SyncGroupRequestAssignment>,
}

impl Element for SyncGroupRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        s.generation_id = r.get(v)?;
        s.member_id = r.get(v)?;
        if v >= 3 {
            s.group_instance_id = r.get(v)?;
        }
        if v >= 5 {
            s.protocol_type = r.get(v)?;
        }
        if v >= 5 {
            s.protocol_name = r.get(v)?;
        }
        s.assignments = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        w.put(&self.generation_id, v)?;
        w.put(&self.member_id, v)?;
        if v >= 3 {
            w.put(&self.group_instance_id, v)?;
        } else {
            w.absent(self.group_instance_id.is_none(), "group_instance_id")?;
        }
        if v >= 5 {
            w.put(&self.protocol_type, v)?;
        }
        if v >= 5 {
            w.put(&self.protocol_name, v)?;
        }
        w.put(&self.assignments, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyncGroupRequestAssignment {
    pub member_id: Str,
    pub assignment: Bytes,
}

impl Element for SyncGroupRequestAssignment {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.member_id = r.get(v)?;
        s.assignment = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.member_id, v)?;
        w.put(&self.assignment, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for SyncGroupRequest {
    const NAME: &'static str = "SyncGroupRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FLEXIBLE_FROM: i16 = 4;
}

impl Request for SyncGroupRequest {
    const KEY: ApiKey = ApiKey::SyncGroup;
    type Response = crate::messages::sync_group_response::SyncGroupResponse;
}
