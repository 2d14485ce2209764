//! PushTelemetryResponse, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PushTelemetryResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
}

impl Element for PushTelemetryResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.error_code = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.error_code, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for PushTelemetryResponse {
    const NAME: &'static str = "PushTelemetryResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
