//! The way of a client's batch into a log: what Kafka checks before it appends.
//!
//! Owns: the checks in Kafka's order and the error that each gives; recompression where the topic asks for it; how much
//! of that may be done at once ([`Effort`]).
//! Never: waits for the disk (the append's ticket does).

use std::fmt;

use bytes::{Bytes, BytesMut};
use commitlog::{AppendContext, AppendError, AppendKind, Appended, LowSpace};
use record::{
    Batch, BatchBuilder, BatchError, BatchOptions, Compression, InvalidBatch, InvalidKind, LeaderEpoch, Offset,
    ProducerIdentity, ReadLimits, TimestampMs,
};
use wire::ErrorCode;

use crate::topic::{Partition, ProduceRules};

/// Why a client's batch was not appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceError {
    /// The number that clients are told.
    pub code: ErrorCode,
    /// Why, in words.
    pub message: String,
    /// Records at fault: their place in the batch, and why.
    pub records: Vec<(i32, String)>,
}

impl ProduceError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), records: Vec::new() }
    }
}

impl fmt::Display for ProduceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ProduceError {}

impl From<InvalidBatch> for ProduceError {
    fn from(invalid: InvalidBatch) -> Self {
        let code = match invalid.kind {
            InvalidKind::Corrupt => ErrorCode::CorruptMessage,
            InvalidKind::Record => ErrorCode::InvalidRecord,
            InvalidKind::Timestamp => ErrorCode::InvalidTimestamp,
            InvalidKind::Format => ErrorCode::UnsupportedForMessageFormat,
            InvalidKind::TooLarge => ErrorCode::MessageTooLarge,
        };
        let records = invalid.records.into_iter().map(|record| (record.batch_index, record.message)).collect();
        Self { code, message: invalid.message, records }
    }
}

impl From<LowSpace> for ProduceError {
    fn from(e: LowSpace) -> Self {
        // Retriable: producers ask again until there is room, or their own timeout is over.
        Self::new(ErrorCode::KafkaStorageError, e.to_string())
    }
}

impl From<AppendError> for ProduceError {
    fn from(e: AppendError) -> Self {
        let code = match &e {
            AppendError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            AppendError::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            AppendError::InvalidTxnState { .. } => ErrorCode::InvalidTxnState,
            AppendError::CoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
            AppendError::TooLarge { .. } => ErrorCode::RecordListTooLarge,
            AppendError::TooManyProducers { .. } => ErrorCode::ThrottlingQuotaExceeded,
            AppendError::Malformed(_) => ErrorCode::CorruptMessage,
            AppendError::Deleted => ErrorCode::UnknownTopicOrPartition,
            _ => ErrorCode::KafkaStorageError,
        };
        Self::new(code, e.to_string())
    }
}

/// Bytes that a request's batches may unpack to before it is a costly one: about a millisecond.
const QUICK_UNPACKED_BYTES_MAX: usize = 1 << 20;

/// How much work the checks of a request may be. A small batch may unpack to a thousand times its size, and only
/// unpacking tells.
#[derive(Debug)]
pub(crate) enum Effort {
    /// By a thread on which others wait: batches may unpack to so many bytes.
    Quick(usize),
    /// By a thread of its own: as much as a batch may.
    Full,
}

impl Effort {
    /// The effort of one request.
    pub fn quick() -> Self {
        Effort::Quick(QUICK_UNPACKED_BYTES_MAX)
    }
}

/// Why a batch was not appended yet.
#[derive(Debug)]
pub(crate) enum Unchecked {
    /// It is refused.
    Refused(ProduceError),
    /// Checking it takes more than [`Effort::Quick`] allows: here it is again.
    TooMuch(Bytes),
}

impl<E: Into<ProduceError>> From<E> for Unchecked {
    fn from(e: E) -> Self {
        Unchecked::Refused(e.into())
    }
}

impl Unchecked {
    /// With [`Effort::Full`] there is only refusal.
    fn refusal(self) -> ProduceError {
        match self {
            Unchecked::Refused(e) => e,
            Unchecked::TooMuch(_) => {
                ProduceError::new(ErrorCode::MessageTooLarge, ErrorCode::MessageTooLarge.message())
            }
        }
    }
}

impl Partition {
    /// Appends the one batch of a client, checked as a Produce request's is. Sequences and epochs are checked by the
    /// log, with the write.
    pub fn produce(&self, batch: Bytes, now_ms: i64) -> Result<Appended, ProduceError> {
        let checked = self.check(sole_batch(batch)?, now_ms, &mut Effort::Full).map_err(Unchecked::refusal)?;
        self.append(checked, now_ms)
    }

    /// Appends a batch of the program itself, without which nothing would go on or get smaller: out of the disk's reserve.
    pub fn produce_from_reserve(&self, batch: Bytes, now_ms: i64) -> Result<Appended, ProduceError> {
        let batch = sole_batch(batch)?;
        let checked = self.check_batch(batch, now_ms, &mut Effort::Full).map_err(Unchecked::refusal)?;
        self.append(checked, now_ms)
    }

    /// All that Kafka checks in a client's batch, and whether the disk has room for it; what to append.
    pub(crate) fn check(&self, batch: Batch, now_ms: i64, effort: &mut Effort) -> Result<Batch, Unchecked> {
        self.log().space().admit(batch.bytes.len() as u64)?;
        self.check_batch(batch, now_ms, effort)
    }

    fn check_batch(&self, batch: Batch, now_ms: i64, effort: &mut Effort) -> Result<Batch, Unchecked> {
        let rules = self.rules();
        if batch.header.base_offset != Offset(0) {
            let why = format!(
                "The baseOffset of the record batch in the append should be 0, but it is {}",
                batch.header.base_offset
            );
            return Err(ProduceError::new(ErrorCode::InvalidRecord, why).into());
        }
        check_size(&batch, &rules)?;
        let compression = batch.header.compression().unwrap_or(Compression::None);
        let limits = match effort {
            Effort::Quick(_) if rules.compression.is_some_and(|wanted| wanted != compression) => {
                return Err(Unchecked::TooMuch(batch.bytes));
            }
            Effort::Quick(left) if compression != Compression::None => ReadLimits { decompressed_bytes_max: *left },
            _ => ReadLimits::default(),
        };
        let facts = match record::validate(&batch, &self.batch_rules(&rules, now_ms, limits)) {
            Err(e) if e.kind == InvalidKind::TooLarge && matches!(effort, Effort::Quick(_)) => {
                return Err(Unchecked::TooMuch(batch.bytes));
            }
            validated => validated?,
        };
        if let Effort::Quick(left) = effort
            && compression != Compression::None
        {
            *left = left.saturating_sub(facts.records_bytes);
        }
        Ok(prepare(batch, &rules, facts.max_timestamp)?)
    }

    /// Appends a checked batch.
    pub(crate) fn append(&self, checked: Batch, now_ms: i64) -> Result<Appended, ProduceError> {
        let context =
            AppendContext { kind: AppendKind::Client, leader_epoch: self.leader_epoch(), now_ms: TimestampMs(now_ms) };
        Ok(self.log().append_batch(checked, context)?)
    }
}

/// The one batch that a Produce request may carry for a partition.
pub(crate) fn sole_batch(bytes: Bytes) -> Result<Batch, ProduceError> {
    if bytes.is_empty() {
        let why = "Produce requests must have at least one record batch per partition";
        return Err(ProduceError::new(ErrorCode::InvalidRecord, why));
    }
    let (batch, behind) = Batch::split_first(bytes).map_err(|e| {
        let code = match e {
            BatchError::UnsupportedMagic(_) => ErrorCode::InvalidRecord,
            _ => ErrorCode::CorruptMessage,
        };
        ProduceError::new(code, e.to_string())
    })?;
    if !behind.is_empty() {
        let why = "Produce requests must have exactly one record batch per partition";
        return Err(ProduceError::new(ErrorCode::InvalidRecord, why));
    }
    Ok(batch)
}

fn check_size(batch: &Batch, rules: &ProduceRules) -> Result<(), ProduceError> {
    let size = batch.header.size_bytes();
    if size > rules.message_bytes_max {
        let why = format!(
            "The record batch size in the append is {size} bytes which exceeds the maximum configured value of {}.",
            rules.message_bytes_max
        );
        return Err(ProduceError::new(ErrorCode::MessageTooLarge, why));
    }
    if size > rules.segment_bytes_max {
        let why = format!(
            "Message batch size is {size} bytes in append which exceeds the maximum configured segment size of {}.",
            rules.segment_bytes_max
        );
        return Err(ProduceError::new(ErrorCode::RecordListTooLarge, why));
    }
    Ok(())
}

/// The batch to append: as it came, unless the topic compresses differently or the header lies about the largest
/// timestamp.
fn prepare(batch: Batch, rules: &ProduceRules, max_timestamp: TimestampMs) -> Result<Batch, ProduceError> {
    let corrupt = |e: BatchError| ProduceError::new(ErrorCode::CorruptMessage, e.to_string());
    let compression = batch.header.compression().map_err(corrupt)?;
    if let Some(wanted) = rules.compression
        && wanted != compression
    {
        return recompress(&batch, wanted).and_then(|bytes| Batch::parse(&bytes)).map_err(corrupt);
    }
    if rules.log_append_time || batch.header.max_timestamp == max_timestamp {
        return Ok(batch);
    }
    let mut bytes = BytesMut::from(batch.bytes);
    record::set_max_timestamp(&mut bytes, max_timestamp);
    Batch::parse(&bytes.freeze()).map_err(corrupt)
}

fn recompress(batch: &Batch, compression: Compression) -> Result<Bytes, BatchError> {
    let header = &batch.header;
    let producer = header.has_producer().then_some(ProducerIdentity {
        id: header.producer_id,
        epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
    });
    let transactional = header.is_transactional();
    let mut builder = BatchBuilder::new(BatchOptions { compression, producer, transactional, control: false });
    let records = batch.records(record::ReadLimits::default())?;
    for record in records.iter() {
        let record = record?;
        let headers = record.headers.map(|header| (header.key, header.value));
        builder.push(record.timestamp, record.key, record.value, headers);
    }
    Ok(builder.finish(Offset(0), LeaderEpoch(0)))
}
