//! ExpireDelegationTokenRequest, versions 1 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExpireDelegationTokenRequest {
    pub hmac: Bytes,
    pub expiry_time_period_ms: i64,
}

impl Element for ExpireDelegationTokenRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.hmac = r.get(v)?;
        s.expiry_time_period_ms = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.hmac, v)?;
        w.put(&self.expiry_time_period_ms, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ExpireDelegationTokenRequest {
    const NAME: &'static str = "ExpireDelegationTokenRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=2;
    const FLEXIBLE_FROM: i16 = 2;
}

impl Request for ExpireDelegationTokenRequest {
    const KEY: ApiKey = ApiKey::ExpireDelegationToken;
    type Response = crate::messages::expire_delegation_token_response::ExpireDelegationTokenResponse;
}
