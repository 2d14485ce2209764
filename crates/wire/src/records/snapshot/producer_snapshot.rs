//! ProducerSnapshot, versions 1 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProducerSnapshot {
    pub crc: u32,
    pub producer_entries: Vec<ProducerEntry>,
}

impl Element for ProducerSnapshot {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.crc = r.get(v)?;
        s.producer_entries = r.get(v)?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.crc, v)?;
        w.put(&self.producer_entries, v)?;
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProducerEntry {
    pub producer_id: i64,
    pub epoch: i16,
    pub last_sequence: i32,
    pub last_offset: i64,
    pub offset_delta: i32,
    pub timestamp: i64,
    pub coordinator_epoch: i32,
    pub current_txn_first_offset: i64,
}

impl Element for ProducerEntry {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.producer_id = r.get(v)?;
        s.epoch = r.get(v)?;
        s.last_sequence = r.get(v)?;
        s.last_offset = r.get(v)?;
        s.offset_delta = r.get(v)?;
        s.timestamp = r.get(v)?;
        s.coordinator_epoch = r.get(v)?;
        s.current_txn_first_offset = r.get(v)?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.producer_id, v)?;
        w.put(&self.epoch, v)?;
        w.put(&self.last_sequence, v)?;
        w.put(&self.last_offset, v)?;
        w.put(&self.offset_delta, v)?;
        w.put(&self.timestamp, v)?;
        w.put(&self.coordinator_epoch, v)?;
        w.put(&self.current_txn_first_offset, v)?;
        Ok(())
    }
}

impl Message for ProducerSnapshot {
    const NAME: &'static str = "ProducerSnapshot";
    const VERSIONS: RangeInclusive<i16> = 1..=1;
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
