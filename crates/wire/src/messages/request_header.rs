//! RequestHeader, versions 1 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct RequestHeader {
    pub request_api_key: i16,
    pub request_api_version: i16,
    pub correlation_id: i32,
    pub client_id: Option<Str>,
}

impl Default for RequestHeader {
    fn default() -> Self {
        Self { request_api_key: 0, request_api_version: 0, correlation_id: 0, client_id: Some(Str::EMPTY) }
    }
}

impl Element for RequestHeader {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.request_api_key = r.get(v)?;
        s.request_api_version = r.get(v)?;
        s.correlation_id = r.get(v)?;
        s.client_id = r.get_inflexible(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.request_api_key, v)?;
        w.put(&self.request_api_version, v)?;
        w.put(&self.correlation_id, v)?;
        w.put_inflexible(&self.client_id, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for RequestHeader {
    const NAME: &'static str = "RequestHeader";
    const VERSIONS: RangeInclusive<i16> = 1..=2;
    const FLEXIBLE_FROM: i16 = 2;
}
