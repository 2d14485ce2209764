//! Control records: the markers that end a transaction in a partition.
//!
//! ```text
//! key   ┌─────────────┬──────────────────────────┐   value ┌─────────────┬───────────────────┐
//!       │ version i16 │ type i16 0 abort, 1 commit│         │ version i16 │ coordinator epoch │
//!       └─────────────┴──────────────────────────┘         └─────────────┴───────────────────┘
//! ```

use bytes::Bytes;

use crate::batch::Batch;
use crate::build::{BatchBuilder, BatchOptions, ProducerIdentity};
use crate::header::BatchError;
use crate::iterate::ReadLimits;
use crate::number::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlType {
    /// Its records are never shown to `read_committed` consumers.
    Abort,
    /// Its records are shown.
    Commit,
}

/// The end of a transaction, as a partition's log has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnMarker {
    /// How it ended.
    pub control_type: ControlType,
    /// The epoch of the coordinator that decided it.
    pub coordinator_epoch: i32,
}

/// A control batch with one marker.
#[must_use]
pub fn end_txn_marker(
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    marker: EndTxnMarker,
    timestamp: TimestampMs,
) -> Bytes {
    let producer = ProducerIdentity { id: producer_id, epoch: producer_epoch, base_sequence: Sequence::NONE };
    let options =
        BatchOptions { producer: Some(producer), transactional: true, control: true, ..BatchOptions::default() };
    let control_type: u8 = match marker.control_type {
        ControlType::Abort => 0,
        ControlType::Commit => 1,
    };
    let mut value = [0; 6];
    value[2..].copy_from_slice(&marker.coordinator_epoch.to_be_bytes());
    let mut builder = BatchBuilder::new(options);
    builder.push(timestamp, Some(&[0, 0, 0, control_type]), Some(&value), []);
    builder.finish(Offset(0), LeaderEpoch(0))
}

/// The marker in a control batch; `None` when it holds another kind of control record (a leader change, say).
pub fn parse_end_txn_marker(batch: &Batch) -> Result<Option<EndTxnMarker>, BatchError> {
    let records = batch.records(ReadLimits { decompressed_bytes_max: 64 * 1024 })?;
    let Some(first) = records.iter().next() else { return Ok(None) };
    let record = first?;
    let (Some(key), Some(value)) = (record.key, record.value) else { return Ok(None) };
    let Some(&[_, _, kind_high, kind_low]) = key.first_chunk::<4>() else {
        return Err(BatchError::Malformed("a control record has no type"));
    };
    let control_type = match i16::from_be_bytes([kind_high, kind_low]) {
        0 => ControlType::Abort,
        1 => ControlType::Commit,
        _ => return Ok(None),
    };
    let Some(&[_, _, a, b, c, d]) = value.first_chunk::<6>() else {
        return Err(BatchError::Malformed("an end-of-transaction marker has no coordinator epoch"));
    };
    Ok(Some(EndTxnMarker { control_type, coordinator_epoch: i32::from_be_bytes([a, b, c, d]) }))
}
