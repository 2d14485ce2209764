//! JoinGroupRequest, versions 0 to 9. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct JoinGroupRequest {
    pub group_id: Str,
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    pub member_id: Str,
    pub group_instance_id: Option<Str>,
    pub protocol_type: Str,
    pub protocols: Vec<JoinGroupRequestProtocol>,
    pub reason: Option<Str>,
}

impl Default for JoinGroupRequest {
    fn default() -> Self {
        Self {
            group_id: Str::EMPTY,
            session_timeout_ms: 0,
            rebalance_timeout_ms: -1,
            member_id: Str::EMPTY,
            group_instance_id: None,
            protocol_type: Str::EMPTY,
            protocols: Vec::new(),
            reason: None,
        }
    }
}

impl Element for JoinGroupRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        s.session_timeout_ms = r.get(v)?;
        if v >= 1 {
            s.rebalance_timeout_ms = r.get(v)?;
        }
        s.member_id = r.get(v)?;
        if v >= 5 {
            s.group_instance_id = r.get(v)?;
        }
        s.protocol_type = r.get(v)?;
        s.protocols = r.get(v)?;
        if v >= 8 {
            s.reason = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        w.put(&self.session_timeout_ms, v)?;
        if v >= 1 {
            w.put(&self.rebalance_timeout_ms, v)?;
        }
        w.put(&self.member_id, v)?;
        if v >= 5 {
            w.put(&self.group_instance_id, v)?;
        } else {
            w.absent(self.group_instance_id.is_none(), "group_instance_id")?;
        }
        w.put(&self.protocol_type, v)?;
        w.put(&self.protocols, v)?;
        if v >= 8 {
            w.put(&self.reason, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct JoinGroupRequestProtocol {
    pub name: Str,
    pub metadata: Bytes,
}

impl Element for JoinGroupRequestProtocol {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.metadata = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.metadata, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for JoinGroupRequest {
    const NAME: &'static str = "JoinGroupRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=9;
    const FLEXIBLE_FROM: i16 = 6;
}

impl Request for JoinGroupRequest {
    const KEY: ApiKey = ApiKey::JoinGroup;
    type Response = crate::messages::join_group_response::JoinGroupResponse;
}
