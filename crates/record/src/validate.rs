//! What a batch from a client must satisfy before it enters a log.
//!
//! Kafka: the same rules as its `LogValidator`, except that a compressed batch whose offset deltas have holes is refused
//! here and rewritten there; no client writes one.

use std::fmt;

use crate::batch::Batch;
use crate::header::{BatchError, TimestampType};
use crate::iterate::ReadLimits;
use crate::number::TimestampMs;

/// What the topic asks of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether every record needs a key: a compacted topic.
    pub key_required: bool,
    /// The broker's time.
    pub now: TimestampMs,
    /// How far a timestamp may lie before `now`, in ms (`message.timestamp.before.max.ms`).
    pub timestamp_before_max_ms: i64,
    /// How far a timestamp may lie after `now`, in ms (`message.timestamp.after.max.ms`).
    pub timestamp_after_max_ms: i64,
    /// Whether the broker stamps the batch: then the client's timestamps do not matter.
    pub log_append_time: bool,
    /// Most bytes that the records may have after decompression.
    pub limits: ReadLimits,
}

/// What validation learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchFacts {
    /// The largest timestamp of the records; the header's may lie and must then be corrected.
    pub max_timestamp: TimestampMs,
    /// Offset delta of the first record that has it.
    pub max_timestamp_offset_delta: i32,
    /// Bytes that the records have, decompressed.
    pub records_bytes: usize,
}

/// Why a batch is refused, by what the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKind {
    /// The bytes are damaged: CORRUPT_MESSAGE; sending them again may help.
    Corrupt,
    /// The content breaks a rule: INVALID_RECORD.
    Record,
    /// A timestamp is out of the topic's window: INVALID_TIMESTAMP.
    Timestamp,
    /// A message format that is no longer accepted: UNSUPPORTED_FOR_MESSAGE_FORMAT.
    Format,
    /// The records are too large once decompressed: MESSAGE_TOO_LARGE.
    TooLarge,
}

/// A record that is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRecord {
    /// Its place in the batch.
    pub batch_index: i32,
    /// What is wrong with it.
    pub message: String,
}

/// A refused batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidBatch {
    /// What the client is told.
    pub kind: InvalidKind,
    /// Why.
    pub message: String,
    /// The records at fault, when single ones are.
    pub records: Vec<InvalidRecord>,
}

impl fmt::Display for InvalidBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl std::error::Error for InvalidBatch {}

impl From<BatchError> for InvalidBatch {
    fn from(e: BatchError) -> Self {
        let kind = match &e {
            BatchError::UnsupportedMagic(_) => InvalidKind::Format,
            BatchError::Incomplete { .. } | BatchError::Crc { .. } => InvalidKind::Corrupt,
            BatchError::Malformed(_) => InvalidKind::Record,
            BatchError::Compression(crate::CompressionError::TooLarge { .. }) => InvalidKind::TooLarge,
            BatchError::Compression(_) => InvalidKind::Corrupt,
        };
        Self { kind, message: e.to_string(), records: Vec::new() }
    }
}

fn refuse(message: impl Into<String>) -> InvalidBatch {
    InvalidBatch { kind: InvalidKind::Record, message: message.into(), records: Vec::new() }
}

/// Most faulty records that one answer names.
const INVALID_RECORDS_MAX: usize = 16;

/// After so many records, some 100 µs, other threads have their turn.
const TURN_RECORDS: i32 = 4096;

/// Checks a batch that a client sent: checksum, header against content, every record.
pub fn validate(batch: &Batch, rules: &Rules) -> Result<BatchFacts, InvalidBatch> {
    let header = &batch.header;
    batch.check_crc()?;
    if header.records_count == 0 {
        return Err(refuse("the batch has no records"));
    }
    if i64::from(header.last_offset_delta) + 1 != i64::from(header.records_count) {
        let (delta, count) = (header.last_offset_delta, header.records_count);
        return Err(refuse(format!("the batch has a last offset delta of {delta} but {count} records")));
    }
    if header.is_control() {
        return Err(refuse("clients are not allowed to write control records"));
    }
    if header.delete_horizon().is_some() {
        return Err(refuse("clients are not allowed to set a delete horizon"));
    }
    if header.has_producer() && (header.base_sequence.0 < 0 || header.producer_epoch.0 < 0) {
        return Err(refuse("a batch with a producer id needs a sequence and a producer epoch"));
    }
    if header.is_transactional() && !header.has_producer() {
        return Err(refuse("a transactional batch needs a producer id"));
    }
    if header.timestamp_type() == TimestampType::LogAppendTime {
        return Err(InvalidBatch {
            kind: InvalidKind::Timestamp,
            message: "clients are not allowed to set the timestamp type to log append time".into(),
            records: Vec::new(),
        });
    }
    let records = batch.records(rules.limits)?;
    let records_bytes = records.body().len();
    let mut facts = BatchFacts { max_timestamp: TimestampMs::NONE, max_timestamp_offset_delta: 0, records_bytes };
    let mut unkeyed = Vec::new();
    let mut untimely = Vec::new();
    for (index, record) in (0..).zip(&records) {
        let record = record?;
        if index % TURN_RECORDS == TURN_RECORDS - 1 {
            std::thread::yield_now();
        }
        if record.offset_delta != index {
            return Err(refuse(format!("record {index} has the offset delta {}", record.offset_delta)));
        }
        if rules.key_required && record.key.is_none() && unkeyed.len() < INVALID_RECORDS_MAX {
            let message = "compacted topics cannot accept a record without a key".to_owned();
            unkeyed.push(InvalidRecord { batch_index: index, message });
        }
        if !rules.log_append_time && untimely.len() < INVALID_RECORDS_MAX {
            untimely.extend(
                timestamp_fault(record.timestamp, rules).map(|m| InvalidRecord { batch_index: index, message: m }),
            );
        }
        if index == 0 || record.timestamp > facts.max_timestamp {
            facts.max_timestamp = record.timestamp;
            facts.max_timestamp_offset_delta = index;
        }
    }
    for (kind, faults) in [(InvalidKind::Record, unkeyed), (InvalidKind::Timestamp, untimely)] {
        if let Some(first) = faults.first() {
            return Err(InvalidBatch { kind, message: first.message.clone(), records: faults });
        }
    }
    Ok(facts)
}

fn timestamp_fault(timestamp: TimestampMs, rules: &Rules) -> Option<String> {
    let TimestampMs(timestamp) = timestamp;
    if timestamp == TimestampMs::NONE.0 {
        return None;
    }
    if timestamp < 0 {
        return Some(format!("timestamp {timestamp} is negative"));
    }
    let behind_ms = rules.now.0.saturating_sub(timestamp);
    if behind_ms > rules.timestamp_before_max_ms || -behind_ms > rules.timestamp_after_max_ms {
        let (before, after) = (rules.timestamp_before_max_ms, rules.timestamp_after_max_ms);
        return Some(format!(
            "timestamp {timestamp} is out of range: it may lie {before} ms before or {after} ms after the broker's time {}",
            rules.now
        ));
    }
    None
}
