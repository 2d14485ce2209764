//! PushTelemetryRequest, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PushTelemetryRequest {
    pub client_instance_id: Uuid,
    pub subscription_id: i32,
    pub terminating: bool,
    pub compression_type: i8,
    pub metrics: Bytes,
}

impl Element for PushTelemetryRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.client_instance_id = r.get(v)?;
        s.subscription_id = r.get(v)?;
        s.terminating = r.get(v)?;
        s.compression_type = r.get(v)?;
        s.metrics = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.client_instance_id, v)?;
        w.put(&self.subscription_id, v)?;
        w.put(&self.terminating, v)?;
        w.put(&self.compression_type, v)?;
        w.put(&self.metrics, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for PushTelemetryRequest {
    const NAME: &'static str = "PushTelemetryRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for PushTelemetryRequest {
    const KEY: ApiKey = ApiKey::PushTelemetry;
    type Response = crate::messages::push_telemetry_response::PushTelemetryResponse;
}
