//! InitProducerIdResponse, versions 0 to 6. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct InitProducerIdResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub ongoing_txn_producer_id: i64,
    pub ongoing_txn_producer_epoch: i16,
}

impl Default for InitProducerIdResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            producer_id: -1,
            producer_epoch: 0,
            ongoing_txn_producer_id: -1,
            ongoing_txn_producer_epoch: -1,
        }
    }
}

impl Element for InitProducerIdResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.error_code = r.get(v)?;
        s.producer_id = r.get(v)?;
        s.producer_epoch = r.get(v)?;
        if v >= 6 {
            s.ongoing_txn_producer_id = r.get(v)?;
        }
        if v >= 6 {
            s.ongoing_txn_producer_epoch = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.producer_id, v)?;
        w.put(&self.producer_epoch, v)?;
        if v >= 6 {
            w.put(&self.ongoing_txn_producer_id, v)?;
        } else {
            w.absent(self.ongoing_txn_producer_id == -1, "ongoing_txn_producer_id")?;
        }
        if v >= 6 {
            w.put(&self.ongoing_txn_producer_epoch, v)?;
        } else {
            w.absent(self.ongoing_txn_producer_epoch == -1, "ongoing_txn_producer_epoch")?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for InitProducerIdResponse {
    const NAME: &'static str = "InitProducerIdResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    const FLEXIBLE_FROM: i16 = 2;
}
