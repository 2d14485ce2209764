//! The set: open, create, delete, maintain, close.

use std::path::PathBuf;
use std::sync::Arc;

use record::{Offset, TimestampMs};

use crate::config::{LogConfig, SetOptions};
use crate::error::{CreateError, OpenError, StorageError};
use crate::log::Log;
use crate::ticket::Ticket;

/// All partition logs of a log directory, and their flusher.
#[derive(Debug)]
pub struct LogSet {
    _options: SetOptions,
}

/// What opening found.
#[derive(Clone, Debug, Default)]
pub struct RecoveryReport {
    /// The last stop was a clean one: nothing had to be looked at.
    pub clean: bool,
    /// Tails that were cut.
    pub cuts: Vec<Cut>,
    /// Damage below a recovery point, in words: file, offsets. Nothing was cut for it.
    pub damage: Vec<String>,
}

/// A tail that recovery cut off, and kept under the state directory.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Which log.
    pub log: String,
    /// The new end of the log.
    pub end_offset: Offset,
    /// Bytes cut, over all segments.
    pub bytes: u64,
    /// Where the bytes are kept.
    pub kept_in: PathBuf,
    /// Valid batches follow the first bad one: acknowledged records may be among them.
    pub valid_batches_follow: bool,
}

#[allow(unused_variables, reason = "signatures first; bodies land next")]
impl LogSet {
    /// Opens all logs of the directory, recovers them, and starts the flusher.
    pub fn open(options: SetOptions, now_ms: TimestampMs) -> Result<(Arc<Self>, RecoveryReport), OpenError> {
        unimplemented!()
    }
    /// Creates an empty log, durably.
    pub fn create(&self, name: &str, config: LogConfig) -> Result<Arc<Log>, CreateError> {
        unimplemented!()
    }
    /// The log of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Log>> {
        unimplemented!()
    }
    /// All names, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        unimplemented!()
    }
    /// Deletes logs, durably: a log created later under the same name has nothing of them. Unknown names are ignored.
    pub fn delete(&self, names: &[&str]) -> Result<(), StorageError> {
        unimplemented!()
    }
    /// A ticket that is done when all that was appended before this call is durable.
    pub fn sync(&self) -> Ticket {
        unimplemented!()
    }
    /// Why the set has latched, if it has: nothing is acknowledged any more, and the process should stop.
    #[must_use]
    pub fn health(&self) -> Option<StorageError> {
        unimplemented!()
    }
    /// Checkpoints, retention, compaction, forgetting idle producers. To be called about once a second from one background
    /// thread.
    pub fn maintain(&self, now_ms: TimestampMs) -> Result<(), StorageError> {
        unimplemented!()
    }
    /// The clean stop: everything synced, indexes and snapshots written, the mark set. Appends fail from here on.
    pub fn close(&self) -> Result<(), StorageError> {
        unimplemented!()
    }
}
