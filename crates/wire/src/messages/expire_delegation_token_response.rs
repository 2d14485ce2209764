//! ExpireDelegationTokenResponse, versions 1 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExpireDelegationTokenResponse {
    pub error_code: i16,
    pub expiry_timestamp_ms: i64,
    pub throttle_time_ms: i32,
}

impl Element for ExpireDelegationTokenResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.error_code = r.get(v)?;
        s.expiry_timestamp_ms = r.get(v)?;
        s.throttle_time_ms = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.error_code, v)?;
        w.put(&self.expiry_timestamp_ms, v)?;
        w.put(&self.throttle_time_ms, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ExpireDelegationTokenResponse {
    const NAME: &'static str = "ExpireDelegationTokenResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=2;
    const FLEXIBLE_FROM: i16 = 2;
}
