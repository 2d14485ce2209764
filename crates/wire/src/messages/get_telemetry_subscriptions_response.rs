//! GetTelemetrySubscriptionsResponse, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct GetTelemetrySubscriptionsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub client_instance_id: Uuid,
    pub subscription_id: i32,
    pub accepted_compression_types: Vec<i8>,
    pub push_interval_ms: i32,
    pub telemetry_max_bytes: i32,
    pub delta_temporality: bool,
    pub requested_metrics: Vec<Str>,
}

impl Element for GetTelemetrySubscriptionsResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.error_code = r.get(v)?;
        s.client_instance_id = r.get(v)?;
        s.subscription_id = r.get(v)?;
        s.accepted_compression_types = r.get(v)?;
        s.push_interval_ms = r.get(v)?;
        s.telemetry_max_bytes = r.get(v)?;
        s.delta_temporality = r.get(v)?;
        s.requested_metrics = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.client_instance_id, v)?;
        w.put(&self.subscription_id, v)?;
        w.put(&self.accepted_compression_types, v)?;
        w.put(&self.push_interval_ms, v)?;
        w.put(&self.telemetry_max_bytes, v)?;
        w.put(&self.delta_temporality, v)?;
        w.put(&self.requested_metrics, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for GetTelemetrySubscriptionsResponse {
    const NAME: &'static str = "GetTelemetrySubscriptionsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
