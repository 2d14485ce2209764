//! AllocateProducerIdsRequest, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct AllocateProducerIdsRequest {
    pub broker_id: i32,
    pub broker_epoch: i64,
}

impl Default for AllocateProducerIdsRequest {
    fn default() -> Self {
        Self { broker_id: 0, broker_epoch: -1 }
    }
}

impl Element for AllocateProducerIdsRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.broker_id = r.get(v)?;
        s.broker_epoch = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.broker_id, v)?;
        w.put(&self.broker_epoch, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for AllocateProducerIdsRequest {
    const NAME: &'static str = "AllocateProducerIdsRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for AllocateProducerIdsRequest {
    const KEY: ApiKey = ApiKey::AllocateProducerIds;
    type Response = crate::messages::allocate_producer_ids_response::AllocateProducerIdsResponse;
}
