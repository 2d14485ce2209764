//! BrokerHeartbeatRequest, versions 0 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct BrokerHeartbeatRequest {
    pub broker_id: i32,
    pub broker_epoch: i64,
    pub current_metadata_offset: i64,
    pub want_fence: bool,
    pub want_shut_down: bool,
    pub offline_log_dirs: Vec<Uuid>,
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
}

impl Default for BrokerHeartbeatRequest {
    fn default() -> Self {
        Self {
            broker_id: 0,
            broker_epoch: -1,
            current_metadata_offset: 0,
            want_fence: false,
            want_shut_down: false,
            offline_log_dirs: Vec::new(),
            cordoned_log_dirs: None,
        }
    }
}

impl Element for BrokerHeartbeatRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.broker_id = r.get(v)?;
        s.broker_epoch = r.get(v)?;
        s.current_metadata_offset = r.get(v)?;
        s.want_fence = r.get(v)?;
        s.want_shut_down = r.get(v)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 1 => s.offline_log_dirs = r.get(v)?,
                1 if v >= 2 => s.cordoned_log_dirs = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.broker_id, v)?;
        w.put(&self.broker_epoch, v)?;
        w.put(&self.current_metadata_offset, v)?;
        w.put(&self.want_fence, v)?;
        w.put(&self.want_shut_down, v)?;
        let tags = w.tags();
        if v >= 1 {
            tags.put(w, 0, self.offline_log_dirs.is_empty(), |w| w.put(&self.offline_log_dirs, v))?;
        } else {
            w.absent(self.offline_log_dirs.is_empty(), "offline_log_dirs")?;
        }
        if v >= 2 {
            tags.put(w, 1, self.cordoned_log_dirs.is_none(), |w| w.put(&self.cordoned_log_dirs, v))?;
        } else {
            w.absent(self.cordoned_log_dirs.is_none(), "cordoned_log_dirs")?;
        }
        Ok(())
    }
}

impl Message for BrokerHeartbeatRequest {
    const NAME: &'static str = "BrokerHeartbeatRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for BrokerHeartbeatRequest {
    const KEY: ApiKey = ApiKey::BrokerHeartbeat;
    type Response = crate::messages::broker_heartbeat_response::BrokerHeartbeatResponse;
}
