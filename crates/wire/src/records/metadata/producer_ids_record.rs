//! ProducerIdsRecord, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct ProducerIdsRecord {
    pub broker_id: i32,
    pub broker_epoch: i64,
    pub next_producer_id: i64,
}

impl Default for ProducerIdsRecord {
    fn default() -> Self {
        Self { broker_id: 0, broker_epoch: -1, next_producer_id: 0 }
    }
}

impl Element for ProducerIdsRecord {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.broker_id = r.get(v)?;
        s.broker_epoch = r.get(v)?;
        s.next_producer_id = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.broker_id, v)?;
        w.put(&self.broker_epoch, v)?;
        w.put(&self.next_producer_id, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ProducerIdsRecord {
    const NAME: &'static str = "ProducerIdsRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
