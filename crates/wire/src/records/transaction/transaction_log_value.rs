//! TransactionLogValue, versions 0 to 1. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct TransactionLogValue {
    pub producer_id: i64,
    pub previous_producer_id: i64,
    pub next_producer_id: i64,
    pub producer_epoch: i16,
    pub next_producer_epoch: i16,
    pub transaction_timeout_ms: i32,
    pub transaction_status: i8,
    pub transaction_partitions: Option<Vec<PartitionsSchema>>,
    pub transaction_last_update_timestamp_ms: i64,
    pub transaction_start_timestamp_ms: i64,
    pub client_transaction_version: i16,
}

impl Default for TransactionLogValue {
    fn default() -> Self {
        Self {
            producer_id: 0,
            previous_producer_id: -1,
            next_producer_id: -1,
            producer_epoch: 0,
            next_producer_epoch: -1,
            transaction_timeout_ms: 0,
            transaction_status: 0,
            transaction_partitions: Some(Vec::new()),
            transaction_last_update_timestamp_ms: 0,
            transaction_start_timestamp_ms: 0,
            client_transaction_version: 0,
        }
    }
}

impl Element for TransactionLogValue {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.producer_id = r.get(v)?;
        s.producer_epoch = r.get(v)?;
        s.transaction_timeout_ms = r.get(v)?;
        s.transaction_status = r.get(v)?;
        s.transaction_partitions = r.get(v)?;
        s.transaction_last_update_timestamp_ms = r.get(v)?;
        s.transaction_start_timestamp_ms = r.get(v)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 1 => s.previous_producer_id = r.get(v)?,
                1 if v >= 1 => s.next_producer_id = r.get(v)?,
                2 if v >= 1 => s.client_transaction_version = r.get(v)?,
                3 if v >= 1 => s.next_producer_epoch = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.producer_id, v)?;
        w.put(&self.producer_epoch, v)?;
        w.put(&self.transaction_timeout_ms, v)?;
        w.put(&self.transaction_status, v)?;
        w.put(&self.transaction_partitions, v)?;
        w.put(&self.transaction_last_update_timestamp_ms, v)?;
        w.put(&self.transaction_start_timestamp_ms, v)?;
        let tags = w.tags();
        if v >= 1 {
            tags.put(w, 0, self.previous_producer_id == -1, |w| w.put(&self.previous_producer_id, v))?;
        } else {
            w.absent(self.previous_producer_id == -1, "previous_producer_id")?;
        }
        if v >= 1 {
            tags.put(w, 1, self.next_producer_id == -1, |w| w.put(&self.next_producer_id, v))?;
        } else {
            w.absent(self.next_producer_id == -1, "next_producer_id")?;
        }
        if v >= 1 {
            tags.put(w, 2, self.client_transaction_version == 0, |w| w.put(&self.client_transaction_version, v))?;
        } else {
            w.absent(self.client_transaction_version == 0, "client_transaction_version")?;
        }
        if v >= 1 {
            tags.put(w, 3, self.next_producer_epoch == -1, |w| w.put(&self.next_producer_epoch, v))?;
        } else {
            w.absent(self.next_producer_epoch == -1, "next_producer_epoch")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionsSchema {
    pub topic: Str,
    pub partition_ids: Vec<i32>,
}

impl Element for PartitionsSchema {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.topic = r.get(v)?;
        s.partition_ids = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.topic, v)?;
        w.put(&self.partition_ids, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for TransactionLogValue {
    const NAME: &'static str = "TransactionLogValue";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FLEXIBLE_FROM: i16 = 1;
}

impl CoordinatorValue for TransactionLogValue {
    const TYPE: i16 = 0;
}
