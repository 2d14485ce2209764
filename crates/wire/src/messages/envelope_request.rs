//! EnvelopeRequest, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct EnvelopeRequest {
    pub request_data: Bytes,
    pub request_principal: Option<Bytes>,
    pub client_host_address: Bytes,
}

impl Default for EnvelopeRequest {
    fn default() -> Self {
        Self { request_data: Bytes::new(), request_principal: Some(Bytes::new()), client_host_address: Bytes::new() }
    }
}

impl Element for EnvelopeRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.request_data = r.get(v)?;
        s.request_principal = r.get(v)?;
        s.client_host_address = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.request_data, v)?;
        w.put(&self.request_principal, v)?;
        w.put(&self.client_host_address, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for EnvelopeRequest {
    const NAME: &'static str = "EnvelopeRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for EnvelopeRequest {
    const KEY: ApiKey = ApiKey::Envelope;
    type Response = crate::messages::envelope_response::EnvelopeResponse;
}
