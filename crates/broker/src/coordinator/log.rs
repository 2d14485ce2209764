//! A coordinator's log: appending records to it, and reading all of it once.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use commitlog::{AppendContext, AppendError, AppendKind, Isolation, Log, ReadRequest, Ticket};
use record::control::{ControlType, EndTxnMarker, parse_end_txn_marker};
use record::{
    BatchBuilder, BatchOptions, LeaderEpoch, Offset, ProducerId, ProducerIdentity, ReadLimits, Sequence, TimestampMs,
};

use super::records::KeyValue;
use crate::txn::Producer;

/// Batches are cut near this size.
const BATCH_BYTES: usize = 512 * 1024;
/// Bytes read at a time while replaying.
const REPLAY_BYTES: u64 = 1 << 20;
/// The most bytes that the records of one batch may have; more cannot have been written by [`CoordinatorLog::append`].
const BATCH_LIMITS: ReadLimits = ReadLimits { decompressed_bytes_max: 128 << 20 };

/// The log of a coordinator topic.
#[derive(Clone, Debug)]
pub(super) struct CoordinatorLog {
    pub log: Arc<Log>,
    pub leader_epoch: LeaderEpoch,
}

/// What an append of records did.
#[derive(Debug)]
pub struct CoordinatorAppend {
    /// The offset of the first record; the others follow without a gap.
    pub base_offset: Offset,
    /// Done when all are durable.
    pub ticket: Ticket,
}

/// Something read back.
#[derive(Debug)]
pub(super) enum Entry {
    Record { offset: Offset, producer: Option<ProducerId>, key: Bytes, value: Option<Bytes> },
    Marker { producer: ProducerId, commit: bool },
}

impl CoordinatorLog {
    /// Appends records, all or none, as part of a transaction if a producer is given.
    pub fn append(
        &self,
        records: &[KeyValue],
        producer: Option<Producer>,
        now: TimestampMs,
    ) -> Result<CoordinatorAppend, AppendError> {
        let identity = producer.map(|p| ProducerIdentity { id: p.id, epoch: p.epoch, base_sequence: Sequence::NONE });
        let options = BatchOptions { producer: identity, transactional: producer.is_some(), ..BatchOptions::default() };
        let mut builder = BatchBuilder::new(options);
        let mut batches = BytesMut::new();
        for (key, value) in records {
            if builder.size_bytes() >= BATCH_BYTES {
                let full = std::mem::replace(&mut builder, BatchBuilder::new(options));
                batches.extend_from_slice(&full.finish(Offset(0), self.leader_epoch));
            }
            builder.push(now, Some(key), value.as_deref(), []);
        }
        let last = builder.finish(Offset(0), self.leader_epoch);
        let batches = if batches.is_empty() {
            last
        } else {
            batches.extend_from_slice(&last);
            batches.freeze()
        };
        let context = AppendContext { kind: AppendKind::Coordinator, leader_epoch: self.leader_epoch, now_ms: now };
        let appended = self.log.append(batches, context)?;
        Ok(CoordinatorAppend { base_offset: appended.base_offset, ticket: appended.ticket })
    }

    /// Reads the log from its start to its end, durable or not.
    pub fn read_all(&self, mut each: impl FnMut(Entry)) -> Result<(), String> {
        let mut from = self.log.log_start_offset();
        while from < self.log.log_end_offset() {
            let request =
                ReadRequest { from, bytes_max: REPLAY_BYTES, at_least_one: true, isolation: Isolation::LogEnd };
            let read = self.log.read(request).map_err(|e| e.to_string())?;
            let before = from;
            for chunk in read.chunks {
                let bytes = chunk.read().map_err(|e| e.to_string())?;
                from = from.max(read_batches(bytes, &mut each)?);
            }
            if from <= before {
                return Err(format!("the log ends at offset {from}, before its end offset"));
            }
        }
        Ok(())
    }
}

fn read_batches(bytes: Bytes, each: &mut impl FnMut(Entry)) -> Result<Offset, String> {
    let mut next = Offset(0);
    for batch in record::split(bytes) {
        let batch = batch.map_err(|e| format!("after offset {next}: {e}"))?;
        let at = batch.header.base_offset;
        let fail = |e: &dyn fmt::Display| format!("at offset {at}: {e}");
        next = batch.header.next_offset();
        let producer = batch.header.producer_id;
        if batch.header.is_control() {
            if let Some(EndTxnMarker { control_type, .. }) = parse_end_txn_marker(&batch).map_err(|e| fail(&e))? {
                each(Entry::Marker { producer, commit: control_type == ControlType::Commit });
            }
            continue;
        }
        let transactional = batch.header.is_transactional();
        let records = batch.records(BATCH_LIMITS).map_err(|e| fail(&e))?;
        for record in records.iter() {
            let record = record.map_err(|e| fail(&e))?;
            let Some(key) = record.key else { continue };
            each(Entry::Record {
                offset: record.offset,
                producer: transactional.then_some(producer),
                key: Bytes::copy_from_slice(key),
                value: record.value.map(Bytes::copy_from_slice),
            });
        }
    }
    Ok(next)
}
