//! RenewDelegationTokenRequest, versions 1 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct RenewDelegationTokenRequest {
    pub hmac: Bytes,
    pub renew_period_ms: i64,
}

impl Element for RenewDelegationTokenRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.hmac = r.get(v)?;
        s.renew_period_ms = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.hmac, v)?;
        w.put(&self.renew_period_ms, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for RenewDelegationTokenRequest {
    const NAME: &'static str = "RenewDelegationTokenRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=2;
    const FLEXIBLE_FROM: i16 = 2;
}

impl Request for RenewDelegationTokenRequest {
    const KEY: ApiKey = ApiKey::RenewDelegationToken;
    type Response = crate::messages::renew_delegation_token_response::RenewDelegationTokenResponse;
}
