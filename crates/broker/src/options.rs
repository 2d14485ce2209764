//! What a broker is opened with.

use std::path::PathBuf;
use std::sync::Arc;

use os::{Clock, Disk, RealDisk, SystemClock};

use crate::config::Overrides;

/// When an append is acknowledged and shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After its bytes are on the disk.
    #[default]
    Fsync,
    /// After its bytes are with the operating system: Kafka's own promise.
    Os,
}

/// What a broker is opened with.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// The disk that holds the data directory.
    pub disk: Arc<dyn Disk>,
    /// Wall-clock and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// The data directory: `log` below it is the Kafka log directory, `state` is ours.
    pub data_dir: PathBuf,
    /// When an append is acknowledged and shown.
    pub durability: Durability,
    /// The address that clients are told, where it is not the one that they connected to.
    pub advertise: Option<(String, u16)>,
    /// Broker configs given at start, by Kafka's names (`num.partitions`, `log.retention.ms` …).
    pub configs: Overrides,
    /// Producers are refused while less than this is free on the disk; `None`: 256 MiB, but no more than a tenth of it.
    pub reserve_bytes: Option<u64>,
    /// How long after its beginning a pass over all bytes, to find those that have rotted, is followed by the next one.
    pub scrub_interval_ms: i64,
    /// How many files of closed segments are kept open, beside those that somebody reads at the moment.
    pub open_files_max: usize,
    /// How many producers' sequences all logs together remember; with more, a new producer is refused.
    pub producers_max: usize,
    /// Whether a background thread does the housekeeping (retention, checkpoints, timeouts). Without it, somebody
    /// calls [`crate::Broker::maintain`]: tests on a simulated disk do.
    pub background: bool,
}

impl BrokerOptions {
    /// A broker on this machine's disk and clock.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            disk: Arc::new(RealDisk),
            clock: Arc::new(SystemClock::new()),
            data_dir: data_dir.into(),
            durability: Durability::Fsync,
            advertise: None,
            configs: Overrides::new(),
            reserve_bytes: None,
            scrub_interval_ms: commitlog::config::SCRUB_INTERVAL_MS,
            open_files_max: commitlog::config::OPEN_FILES_MAX,
            producers_max: commitlog::config::PRODUCERS_MAX,
            background: true,
        }
    }
}
