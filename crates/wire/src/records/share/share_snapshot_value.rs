//! ShareSnapshotValue, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct ShareSnapshotValue {
    pub snapshot_epoch: i32,
    pub state_epoch: i32,
    pub leader_epoch: i32,
    pub start_offset: i64,
    pub delivery_complete_count: i32,
    pub create_timestamp: i64,
    pub write_timestamp: i64,
    pub state_batches: Vec<StateBatch>,
}

impl Default for ShareSnapshotValue {
    fn default() -> Self {
        Self {
            snapshot_epoch: 0,
            state_epoch: 0,
            leader_epoch: 0,
            start_offset: 0,
            delivery_complete_count: -1,
            create_timestamp: 0,
            write_timestamp: 0,
            state_batches: Vec::new(),
        }
    }
}

impl Element for ShareSnapshotValue {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.snapshot_epoch = r.get(v)?;
        s.state_epoch = r.get(v)?;
        s.leader_epoch = r.get(v)?;
        s.start_offset = r.get(v)?;
        s.create_timestamp = r.get(v)?;
        s.write_timestamp = r.get(v)?;
        s.state_batches = r.get(v)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 => s.delivery_complete_count = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.snapshot_epoch, v)?;
        w.put(&self.state_epoch, v)?;
        w.put(&self.leader_epoch, v)?;
        w.put(&self.start_offset, v)?;
        w.put(&self.create_timestamp, v)?;
        w.put(&self.write_timestamp, v)?;
        w.put(&self.state_batches, v)?;
        let tags = w.tags();
        tags.put(w, 0, self.delivery_complete_count == -1, |w| w.put(&self.delivery_complete_count, v))?;
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct StateBatch {
    pub first_offset: i64,
    pub last_offset: i64,
    pub delivery_state: i8,
    pub delivery_count: i16,
}

impl Element for StateBatch {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.first_offset = r.get(v)?;
        s.last_offset = r.get(v)?;
        s.delivery_state = r.get(v)?;
        s.delivery_count = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.first_offset, v)?;
        w.put(&self.last_offset, v)?;
        w.put(&self.delivery_state, v)?;
        w.put(&self.delivery_count, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ShareSnapshotValue {
    const NAME: &'static str = "ShareSnapshotValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl CoordinatorValue for ShareSnapshotValue {
    const TYPE: i16 = 0;
}
