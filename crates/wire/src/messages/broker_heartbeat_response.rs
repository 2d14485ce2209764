//! BrokerHeartbeatResponse, versions 0 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct BrokerHeartbeatResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub is_caught_up: bool,
    pub is_fenced: bool,
    pub should_shut_down: bool,
}

impl Default for BrokerHeartbeatResponse {
    fn default() -> Self {
        Self { throttle_time_ms: 0, error_code: 0, is_caught_up: false, is_fenced: true, should_shut_down: false }
    }
}

impl Element for BrokerHeartbeatResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.error_code = r.get(v)?;
        s.is_caught_up = r.get(v)?;
        s.is_fenced = r.get(v)?;
        s.should_shut_down = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.is_caught_up, v)?;
        w.put(&self.is_fenced, v)?;
        w.put(&self.should_shut_down, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for BrokerHeartbeatResponse {
    const NAME: &'static str = "BrokerHeartbeatResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE_FROM: i16 = 0;
}
