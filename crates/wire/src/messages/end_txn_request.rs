//! EndTxnRequest, versions 0 to 5. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndTxnRequest {
    pub transactional_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub committed: bool,
}

impl Element for EndTxnRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.transactional_id = r.get(v)?;
        s.producer_id = r.get(v)?;
        s.producer_epoch = r.get(v)?;
        s.committed = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.transactional_id, v)?;
        w.put(&self.producer_id, v)?;
        w.put(&self.producer_epoch, v)?;
        w.put(&self.committed, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for EndTxnRequest {
    const NAME: &'static str = "EndTxnRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FLEXIBLE_FROM: i16 = 3;
}

impl Request for EndTxnRequest {
    const KEY: ApiKey = ApiKey::EndTxn;
    type Response = crate::messages::end_txn_response::EndTxnResponse;
}
