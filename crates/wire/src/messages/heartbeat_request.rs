//! HeartbeatRequest, versions 0 to 4. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeartbeatRequest {
    pub group_id: Str,
    pub generation_id: i32,
    pub member_id: Str,
    pub group_instance_id: Option<Str>,
}

impl Element for HeartbeatRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        s.generation_id = r.get(v)?;
        s.member_id = r.get(v)?;
        if v >= 3 {
            s.group_instance_id = r.get(v)?;
        }
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
        w.no_tags();
        Ok(())
    }
}

impl Message for HeartbeatRequest {
    const NAME: &'static str = "HeartbeatRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const FLEXIBLE_FROM: i16 = 4;
}

impl Request for HeartbeatRequest {
    const KEY: ApiKey = ApiKey::Heartbeat;
    type Response = crate::messages::heartbeat_response::HeartbeatResponse;
}
