//! InitProducerIdRequest, versions 0 to 6. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct InitProducerIdRequest {
    pub transactional_id: Option<Str>,
    pub transaction_timeout_ms: i32,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub enable2_pc: bool,
    pub keep_prepared_txn: bool,
}

impl Default for InitProducerIdRequest {
    fn default() -> Self {
        Self {
            transactional_id: Some(Str::EMPTY),
            transaction_timeout_ms: 0,
            producer_id: -1,
            producer_epoch: -1,
            enable2_pc: false,
            keep_prepared_txn: false,
        }
    }
}

impl Element for InitProducerIdRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.transactional_id = r.get(v)?;
        s.transaction_timeout_ms = r.get(v)?;
        if v >= 3 {
            s.producer_id = r.get(v)?;
        }
        if v >= 3 {
            s.producer_epoch = r.get(v)?;
        }
        if v >= 6 {
            s.enable2_pc = r.get(v)?;
        }
        if v >= 6 {
            s.keep_prepared_txn = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.transactional_id, v)?;
        w.put(&self.transaction_timeout_ms, v)?;
        if v >= 3 {
            w.put(&self.producer_id, v)?;
        } else {
            w.absent(self.producer_id == -1, "producer_id")?;
        }
        if v >= 3 {
            w.put(&self.producer_epoch, v)?;
        } else {
            w.absent(self.producer_epoch == -1, "producer_epoch")?;
        }
        if v >= 6 {
            w.put(&self.enable2_pc, v)?;
        } else {
            w.absent(!self.enable2_pc, "enable2_pc")?;
        }
        if v >= 6 {
            w.put(&self.keep_prepared_txn, v)?;
        } else {
            w.absent(!self.keep_prepared_txn, "keep_prepared_txn")?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for InitProducerIdRequest {
    const NAME: &'static str = "InitProducerIdRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    const FLEXIBLE_FROM: i16 = 2;
}

impl Request for InitProducerIdRequest {
    const KEY: ApiKey = ApiKey::InitProducerId;
    type Response = crate::messages::init_producer_id_response::InitProducerIdResponse;
}
