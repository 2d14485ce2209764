//! One partition.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use os::File;
use record::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

use crate::config::LogConfig;
use crate::error::{AppendError, DeleteRecordsError, ReadError, StorageError};
use crate::ticket::Ticket;
use crate::watch::Watch;

/// Who appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendKind {
    /// A producer: sequences are checked, control batches refused.
    Client,
    /// A coordinator or the controller: no sequences.
    Coordinator,
    /// The end of a transaction.
    Marker {
        /// The caller is bound to write these bytes again at this offset, before any other append, should power loss take
        /// them. The high watermark may then pass the marker before its sync, if all before it is durable or such a marker.
        promised: bool,
    },
}

/// What an append needs to know beside its bytes.
#[derive(Clone, Copy, Debug)]
pub struct AppendContext {
    /// Who appends.
    pub kind: AppendKind,
    /// Stamped into the batches.
    pub leader_epoch: LeaderEpoch,
    /// The broker's clock: append time where the log is so configured, and the age of an idle producer.
    pub now_ms: TimestampMs,
}

/// What an append did.
#[derive(Debug)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Offset of the last record.
    pub last_offset: Offset,
    /// The timestamp given by the log, with `LogAppendTime`; else [`TimestampMs::NONE`].
    pub log_append_time: TimestampMs,
    /// Where the log begins.
    pub log_start_offset: Offset,
    /// Done when the records are durable and below the high watermark.
    pub ticket: Ticket,
    /// The batch was there already: the offsets are those of its first arrival.
    pub duplicate: bool,
}

/// How far a reader may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// To the end, durable or not: for the owner of the log only.
    LogEnd,
    /// To the high watermark: `read_uncommitted`.
    HighWatermark,
    /// To the last stable offset: `read_committed`.
    LastStable,
}

/// What to read.
#[derive(Clone, Copy, Debug)]
pub struct ReadRequest {
    /// The first offset wanted; the answer starts with the batch that contains it.
    pub from: Offset,
    /// How many bytes at most. Batches are never split.
    pub bytes_max: u64,
    /// Return the first batch even when it is larger than `bytes_max`.
    pub at_least_one: bool,
    /// How far to look.
    pub isolation: Isolation,
}

/// A piece of the answer: whole batches.
#[derive(Clone, Debug)]
pub enum Chunk {
    /// In memory.
    Bytes(Bytes),
    /// In a file, for sendfile. Its checksums have been checked in this run.
    FileRange {
        /// The segment's file; stays readable while held, even when the segment is deleted.
        file: Arc<dyn File>,
        /// Where.
        position: u64,
        /// How much.
        len: u32,
    },
}

/// A transaction whose records a `read_committed` reader must skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTxn {
    /// Whose.
    pub producer_id: ProducerId,
    /// Its first offset.
    pub first_offset: Offset,
    /// The offset of its abort marker.
    pub last_offset: Offset,
    /// The last stable offset when it was aborted.
    pub last_stable_offset: Offset,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct ReadResult {
    /// The batches, in order.
    pub chunks: Vec<Chunk>,
    /// Where `read_uncommitted` ends.
    pub high_watermark: Offset,
    /// Where `read_committed` ends.
    pub last_stable_offset: Offset,
    /// Where the log begins.
    pub log_start_offset: Offset,
    /// With [`Isolation::LastStable`]: the aborted transactions among the batches, in the order of their markers.
    pub aborted: Vec<AbortedTxn>,
}

/// A record found by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// Its timestamp.
    pub timestamp: TimestampMs,
    /// Its offset.
    pub offset: Offset,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
}

/// Where an epoch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest known epoch that is not larger than the one asked for.
    pub leader_epoch: LeaderEpoch,
    /// The first offset after it.
    pub end_offset: Offset,
}

/// What a log knows of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerInfo {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// The last sequence in this epoch; [`Sequence::NONE`] when there is none.
    pub last_sequence: Sequence,
    /// When it last wrote, by record time.
    pub last_timestamp: TimestampMs,
    /// The epoch of the coordinator of its last marker; −1 for none.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins.
    pub current_txn_first_offset: Option<Offset>,
}

/// A transaction without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenTransaction {
    /// Whose.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// Where it begins here.
    pub first_offset: Offset,
}

/// One partition. All methods block at most for a short lock and file reads or writes, never for a sync.
#[derive(Debug)]
pub struct Log {
    name: String,
    dir: PathBuf,
}

#[allow(missing_docs, unused_variables, reason = "signatures first; bodies land next")]
impl Log {
    /// The directory's name, `<topic>-<partition>`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The directory: the broker keeps `partition.metadata` in it.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
    /// Appends whole, validated batches: all or none.
    pub fn append(&self, batches: Bytes, context: AppendContext) -> Result<Appended, AppendError> {
        unimplemented!()
    }
    /// Reads whole batches from the one that contains `from`.
    pub fn read(&self, request: ReadRequest) -> Result<ReadResult, ReadError> {
        unimplemented!()
    }
    pub fn high_watermark(&self) -> Offset {
        unimplemented!()
    }
    pub fn last_stable_offset(&self) -> Offset {
        unimplemented!()
    }
    pub fn log_start_offset(&self) -> Offset {
        unimplemented!()
    }
    pub fn log_end_offset(&self) -> Offset {
        unimplemented!()
    }
    /// The first record with a timestamp of at least `timestamp`, below the bound of `isolation`.
    pub fn offset_for_timestamp(
        &self,
        timestamp: TimestampMs,
        isolation: Isolation,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        unimplemented!()
    }
    /// The (first) record with the largest timestamp.
    pub fn max_timestamp(&self) -> Result<Option<TimestampOffset>, ReadError> {
        unimplemented!()
    }
    /// Moves the log start up. The ticket is done when that survives power loss.
    pub fn delete_records(&self, before: Offset) -> Result<Ticket, DeleteRecordsError> {
        unimplemented!()
    }
    /// The newest leader epoch in the log.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        unimplemented!()
    }
    /// The epoch at `offset`.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        unimplemented!()
    }
    /// Kafka's OffsetForLeaderEpoch; `None`: the epoch is not known.
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<EpochEnd> {
        unimplemented!()
    }
    pub fn producers(&self) -> Vec<ProducerInfo> {
        unimplemented!()
    }
    /// Transactions without an end, by first offset.
    pub fn open_transactions(&self) -> Vec<OpenTransaction> {
        unimplemented!()
    }
    pub fn config(&self) -> LogConfig {
        unimplemented!()
    }
    pub fn set_config(&self, config: LogConfig) {
        unimplemented!()
    }
    pub fn size_bytes(&self) -> u64 {
        unimplemented!()
    }
    /// Whether [`crate::LogSet::delete`] took it.
    pub fn is_deleted(&self) -> bool {
        unimplemented!()
    }
    /// Wakes `waker` whenever the high watermark, the last stable offset or the log start moves, or the log is deleted.
    pub fn watch(&self, waker: Waker) -> Watch {
        unimplemented!()
    }
}

impl Chunk {
    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::FileRange { len, .. } => *len as usize,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, read now if they are in a file.
    pub fn read(&self) -> Result<Bytes, StorageError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::FileRange { file, position, len } => {
                let mut bytes = vec![0; *len as usize];
                file.read_exact_at(&mut bytes, *position)
                    .map_err(|e| StorageError::new("read", Path::new("a segment"), e))?;
                Ok(bytes.into())
            }
        }
    }
}
