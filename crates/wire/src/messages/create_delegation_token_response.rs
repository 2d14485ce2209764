//! CreateDelegationTokenResponse, versions 1 to 3. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateDelegationTokenResponse {
    pub error_code: i16,
    pub principal_type: Str,
    pub principal_name: Str,
    pub token_requester_principal_type: Str,
    pub token_requester_principal_name: Str,
    pub issue_timestamp_ms: i64,
    pub expiry_timestamp_ms: i64,
    pub max_timestamp_ms: i64,
    pub token_id: Str,
    pub hmac: Bytes,
    pub throttle_time_ms: i32,
}

impl Element for CreateDelegationTokenResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.error_code = r.get(v)?;
        s.principal_type = r.get(v)?;
        s.principal_name = r.get(v)?;
        if v >= 3 {
            s.token_requester_principal_type = r.get(v)?;
        }
        if v >= 3 {
            s.token_requester_principal_name = r.get(v)?;
        }
        s.issue_timestamp_ms = r.get(v)?;
        s.expiry_timestamp_ms = r.get(v)?;
        s.max_timestamp_ms = r.get(v)?;
        s.token_id = r.get(v)?;
        s.hmac = r.get(v)?;
        s.throttle_time_ms = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.error_code, v)?;
        w.put(&self.principal_type, v)?;
        w.put(&self.principal_name, v)?;
        if v >= 3 {
            w.put(&self.token_requester_principal_type, v)?;
        } else {
            w.absent(self.token_requester_principal_type.is_empty(), "token_requester_principal_type")?;
        }
        if v >= 3 {
            w.put(&self.token_requester_principal_name, v)?;
        } else {
            w.absent(self.token_requester_principal_name.is_empty(), "token_requester_principal_name")?;
        }
        w.put(&self.issue_timestamp_ms, v)?;
        w.put(&self.expiry_timestamp_ms, v)?;
        w.put(&self.max_timestamp_ms, v)?;
        w.put(&self.token_id, v)?;
        w.put(&self.hmac, v)?;
        w.put(&self.throttle_time_ms, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for CreateDelegationTokenResponse {
    const NAME: &'static str = "CreateDelegationTokenResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=3;
    const FLEXIBLE_FROM: i16 = 2;
}
