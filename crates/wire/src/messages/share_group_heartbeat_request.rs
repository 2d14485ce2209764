//! ShareGroupHeartbeatRequest, versions 1 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupHeartbeatRequest {
    pub group_id: Str,
    pub member_id: Str,
    pub member_epoch: i32,
    pub rack_id: Option<Str>,
    pub subscribed_topic_names: Option<Vec<Str>>,
}

impl Element for ShareGroupHeartbeatRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        s.member_id = r.get(v)?;
        s.member_epoch = r.get(v)?;
        s.rack_id = r.get(v)?;
        s.subscribed_topic_names = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        w.put(&self.member_id, v)?;
        w.put(&self.member_epoch, v)?;
        w.put(&self.rack_id, v)?;
        w.put(&self.subscribed_topic_names, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ShareGroupHeartbeatRequest {
    const NAME: &'static str = "ShareGroupHeartbeatRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=1;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for ShareGroupHeartbeatRequest {
    const KEY: ApiKey = ApiKey::ShareGroupHeartbeat;
    type Response = crate::messages::share_group_heartbeat_response::ShareGroupHeartbeatResponse;
}
