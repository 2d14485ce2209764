//! SaslAuthenticateResponse, versions 0 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct SaslAuthenticateResponse {
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub auth_bytes: Bytes,
    pub session_lifetime_ms: i64,
}

impl Default for SaslAuthenticateResponse {
    fn default() -> Self {
        Self { error_code: 0, error_message: Some(Str::EMPTY), auth_bytes: Bytes::new(), session_lifetime_ms: 0 }
    }
}

impl Element for SaslAuthenticateResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.error_code = r.get(v)?;
        s.error_message = r.get(v)?;
        s.auth_bytes = r.get(v)?;
        if v >= 1 {
            s.session_lifetime_ms = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.error_code, v)?;
        w.put(&self.error_message, v)?;
        w.put(&self.auth_bytes, v)?;
        if v >= 1 {
            w.put(&self.session_lifetime_ms, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for SaslAuthenticateResponse {
    const NAME: &'static str = "SaslAuthenticateResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE_FROM: i16 = 2;
}
