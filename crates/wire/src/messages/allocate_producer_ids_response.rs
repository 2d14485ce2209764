//! AllocateProducerIdsResponse, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AllocateProducerIdsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub producer_id_start: i64,
    pub producer_id_len: i32,
}

impl Element for AllocateProducerIdsResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.error_code = r.get(v)?;
        s.producer_id_start = r.get(v)?;
        s.producer_id_len = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.producer_id_start, v)?;
        w.put(&self.producer_id_len, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for AllocateProducerIdsResponse {
    const NAME: &'static str = "AllocateProducerIdsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
