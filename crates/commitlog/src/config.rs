//! What a log and the set can be told. Names and defaults are Kafka's.

use std::path::PathBuf;
use std::sync::Arc;

use os::Disk;
use record::TimestampType;

/// All bytes are looked at once a day.
pub const SCRUB_INTERVAL_MS: i64 = 24 * 3_600_000;

/// More open files of closed segments than this spare little.
pub const OPEN_FILES_MAX: usize = 4096;

/// Each producer whose sequences are remembered takes 200 to 400 bytes.
pub const PRODUCERS_MAX: usize = 200_000;

/// When an append counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After the sync: it survives power loss.
    Fsync,
    /// At once: it survives the process, not the machine. Kafka's own promise for one node.
    Os,
}

/// How a log gets rid of old records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// By age and size, segment by segment.
    Delete,
    /// By key: the last record of each key stays.
    Compact,
    /// Both.
    CompactAndDelete,
    /// Neither: all records stay.
    Keep,
}

impl Cleanup {
    /// Whether age and size count.
    #[must_use]
    pub fn deletes(self) -> bool {
        matches!(self, Self::Delete | Self::CompactAndDelete)
    }

    /// Whether keys count.
    #[must_use]
    pub fn compacts(self) -> bool {
        matches!(self, Self::Compact | Self::CompactAndDelete)
    }
}

/// The settings of one log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment is rolled before it grows beyond this.
    pub segment_bytes_max: u32,
    /// `segment.ms`, measured by record time.
    pub segment_ms_max: i64,
    /// `segment.index.bytes`: a segment is rolled when an index would grow beyond this.
    pub segment_index_bytes_max: u32,
    /// `index.interval.bytes`: how many bytes of batches lie between two index entries.
    pub index_interval_bytes: u32,
    /// `retention.ms`; negative: forever.
    pub retention_ms: i64,
    /// `retention.bytes`; negative: without bound.
    pub retention_bytes: i64,
    /// `cleanup.policy`.
    pub cleanup: Cleanup,
    /// `message.timestamp.type`. With `LogAppendTime`, append stamps the batches with its `now_ms`.
    pub timestamp_type: TimestampType,
    /// `delete.retention.ms`: how long tombstones and markers outlive their compaction.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`.
    pub max_compaction_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`.
    pub min_cleanable_dirty_ratio: f64,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes_max: 1 << 30,
            segment_ms_max: 7 * 24 * 3_600_000,
            segment_index_bytes_max: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: 7 * 24 * 3_600_000,
            retention_bytes: -1,
            cleanup: Cleanup::Delete,
            timestamp_type: TimestampType::CreateTime,
            delete_retention_ms: 24 * 3_600_000,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            min_cleanable_dirty_ratio: 0.5,
        }
    }
}

/// Where and how a set of logs lives.
#[derive(Clone, Debug)]
pub struct SetOptions {
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// The Kafka log directory (`<data-dir>/log`); created when absent. The caller holds the lock on the data directory.
    pub log_dir: PathBuf,
    /// Our own files (`<data-dir>/state`): the journal, and what recovery cut.
    pub state_dir: PathBuf,
    /// When an append counts as done.
    pub durability: Durability,
    /// The settings of every log found on disk until [`crate::Log::set_config`] says otherwise. They had better retain
    /// everything: a log of which the owner does not know yet is not to be shortened.
    pub default_config: LogConfig,
    /// `producer.id.expiration.ms`: when a producer without an open transaction is forgotten that has sent nothing for so
    /// long, by the clock; after a start, since the start.
    pub producer_id_expiration_ms: i64,
    /// How many producers all logs together remember; with more, one that no log knows yet is refused. Each takes 200 to 400
    /// bytes.
    pub producers_max: usize,
    /// Producers are refused while less than this is free on the disk ([`crate::Space`]); `None`: 256 MiB, but no more than a
    /// tenth of the file system.
    pub reserve_bytes: Option<u64>,
    /// `log.retention.check.interval.ms`: how often `maintain` retires old segments. 0: each time.
    pub retention_check_interval_ms: i64,
    /// How long after its beginning a pass over all bytes, to find those that have rotted, is followed by the next one.
    pub scrub_interval_ms: i64,
    /// How many files of closed segments are kept open, beside those that somebody reads at the moment.
    pub open_files_max: usize,
}

impl SetOptions {
    /// Kafka's defaults, durable.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, log_dir: PathBuf, state_dir: PathBuf) -> Self {
        Self {
            disk,
            log_dir,
            state_dir,
            durability: Durability::Fsync,
            default_config: LogConfig { retention_ms: -1, retention_bytes: -1, ..LogConfig::default() },
            producer_id_expiration_ms: 24 * 3_600_000,
            producers_max: PRODUCERS_MAX,
            reserve_bytes: None,
            retention_check_interval_ms: 0,
            scrub_interval_ms: SCRUB_INTERVAL_MS,
            open_files_max: OPEN_FILES_MAX,
        }
    }
}
