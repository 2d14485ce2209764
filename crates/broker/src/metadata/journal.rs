//! The metadata log: replaying it at start, appending to it.
//!
//! ```text
//! offset 0: control batch, one LeaderChange record (key: version i16, type i16 = 2)
//! then:     batches of records without keys; each value is
//!           +-------------------+---------------------+------------------------+--------+
//!           | frame uvarint = 1 | record type uvarint | record version uvarint | record |
//!           +-------------------+---------------------+------------------------+--------+
//! ```

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use commitlog::{AppendContext, AppendError, AppendKind, Isolation, Log, ReadError, ReadRequest, StorageError, Ticket};
use record::{BatchBuilder, BatchOptions, LeaderEpoch, Offset, ReadLimits, TimestampMs};
use wire::records::control::LeaderChangeMessage;
use wire::records::control::leader_change_message::Voter;
use wire::records::metadata::MetadataRecord;
use wire::{DecodeError, EncodeError, Message, Writer};

use super::{Image, METADATA_FEATURE, METADATA_LEVEL, NODE_ID};

/// The epoch of the metadata log's only leader.
const LEADER_EPOCH: LeaderEpoch = LeaderEpoch(1);
/// Bytes read at a time while replaying.
const REPLAY_BYTES: u64 = 1 << 20;
/// Most bytes of a metadata batch's records.
const BATCH_LIMITS: ReadLimits = ReadLimits { decompressed_bytes_max: 64 << 20 };
/// Control record type of a leader change.
const LEADER_CHANGE_TYPE: i16 = 2;

/// Why the metadata cannot be read or changed.
#[derive(Debug)]
pub enum MetadataError {
    /// The log cannot be read.
    Read(ReadError),
    /// The log cannot be appended to.
    Append(AppendError),
    /// The append did not become durable.
    Storage(StorageError),
    /// A record is damaged, or of a kind or version that this program does not know.
    Unreadable {
        /// The first offset of its batch.
        offset: Offset,
        /// What is wrong.
        why: String,
    },
    /// The directory was written by a newer program.
    Newer {
        /// The level that it needs.
        level: i16,
    },
    /// A record cannot be encoded: our mistake.
    Encode(EncodeError),
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetadataError::Read(e) => write!(f, "cannot read the metadata log: {e}"),
            MetadataError::Append(e) => write!(f, "cannot append to the metadata log: {e}"),
            MetadataError::Storage(e) => write!(f, "the metadata log cannot be made durable: {e}"),
            MetadataError::Unreadable { offset, why } => {
                write!(f, "the metadata log cannot be understood at offset {offset}: {why}")
            }
            MetadataError::Newer { level } => write!(
                f,
                "the data directory has metadata.version {level}, this program knows up to {METADATA_LEVEL}; use the \
                 newer program that wrote it, or another --data-dir"
            ),
            MetadataError::Encode(e) => write!(f, "a metadata record cannot be encoded: {e}"),
        }
    }
}

impl std::error::Error for MetadataError {}

/// The metadata log with the image that it adds up to.
#[derive(Debug)]
pub struct Journal {
    log: Arc<Log>,
    image: Image,
}

impl Journal {
    /// Replays the log.
    pub fn replay(log: Arc<Log>) -> Result<Journal, MetadataError> {
        let mut image = Image::default();
        let mut from = log.log_start_offset();
        while from < log.log_end_offset() {
            let request =
                ReadRequest { from, bytes_max: REPLAY_BYTES, at_least_one: true, isolation: Isolation::LogEnd };
            let read = log.read(request).map_err(MetadataError::Read)?;
            let before = from;
            for chunk in read.chunks {
                let bytes = chunk.read().map_err(MetadataError::Storage)?;
                from = apply_batches(bytes, &mut image)?;
            }
            if from <= before {
                let why = "the log ends before its end offset".to_owned();
                return Err(MetadataError::Unreadable { offset: from, why });
            }
        }
        if let Some(level) = image.features.get(METADATA_FEATURE).filter(|level| **level > METADATA_LEVEL) {
            return Err(MetadataError::Newer { level: *level });
        }
        Ok(Journal { log, image })
    }

    /// Whether nothing was ever written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.log.log_end_offset() == Offset(0)
    }

    /// What the records say.
    #[must_use]
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The log itself.
    #[must_use]
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Announces the log's leader: its first record.
    pub fn announce_leader(&self, now_ms: i64) -> Result<Ticket, MetadataError> {
        let voters = || vec![Voter { voter_id: NODE_ID, ..Voter::default() }];
        let change =
            LeaderChangeMessage { version: 0, leader_id: NODE_ID, voters: voters(), granting_voters: voters() };
        let mut writer = Writer::new();
        change.encode(&mut writer, 0).map_err(MetadataError::Encode)?;
        let value = writer.into_bytes().map_err(MetadataError::Encode)?;
        let mut key = [0; 4];
        key[2..].copy_from_slice(&LEADER_CHANGE_TYPE.to_be_bytes());
        let mut batch = BatchBuilder::new(BatchOptions { control: true, ..BatchOptions::default() });
        batch.push(TimestampMs(now_ms), Some(&key), Some(&value), []);
        self.append_bytes(batch.finish(Offset(0), LEADER_EPOCH), now_ms)
    }

    /// Appends records as one batch, waits until they are durable, and only then adds them to the image.
    pub fn commit(&mut self, records: &[(MetadataRecord, i16)], now_ms: i64) -> Result<(), MetadataError> {
        if records.is_empty() {
            return Ok(());
        }
        let mut batch = BatchBuilder::new(BatchOptions::default());
        for (record, version) in records {
            let value = wire::metadata::encode(record, *version).map_err(MetadataError::Encode)?;
            batch.push(TimestampMs(now_ms), None, Some(&value), []);
        }
        let ticket = self.append_bytes(batch.finish(Offset(0), LEADER_EPOCH), now_ms)?;
        ticket.wait().map_err(MetadataError::Storage)?;
        for (record, _) in records {
            self.image.apply(record);
        }
        Ok(())
    }

    fn append_bytes(&self, batch: Bytes, now_ms: i64) -> Result<Ticket, MetadataError> {
        let context =
            AppendContext { kind: AppendKind::Coordinator, leader_epoch: LEADER_EPOCH, now_ms: TimestampMs(now_ms) };
        Ok(self.log.append(batch, context).map_err(MetadataError::Append)?.ticket)
    }
}

fn apply_batches(bytes: Bytes, image: &mut Image) -> Result<Offset, MetadataError> {
    let mut next = Offset(0);
    for batch in record::split(bytes) {
        let unreadable =
            |offset: Offset, why: &dyn fmt::Display| MetadataError::Unreadable { offset, why: why.to_string() };
        let batch = batch.map_err(|e| unreadable(next, &e))?;
        let base_offset = batch.header.base_offset;
        next = batch.header.next_offset();
        if batch.header.is_control() {
            continue;
        }
        let records = batch.records(BATCH_LIMITS).map_err(|e| unreadable(base_offset, &e))?;
        for record in records.iter() {
            let record = record.map_err(|e| unreadable(base_offset, &e))?;
            let value = Bytes::copy_from_slice(record.value.unwrap_or_default());
            match wire::metadata::decode(value) {
                Ok((_, record)) => image.apply(&record),
                Err(e @ (DecodeError::UnsupportedVersion { .. } | DecodeError::UnexpectedType(_))) => {
                    let why = format!("{e}; the data directory was written by a newer program: use that one");
                    return Err(unreadable(base_offset, &why));
                }
                Err(e) => return Err(unreadable(base_offset, &e)),
            }
        }
    }
    Ok(next)
}
