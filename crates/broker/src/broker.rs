//! The broker: opening it on a data directory, the in-process API, stopping it.
//!
//! Owns: the order in which things come up (directory, logs, metadata, topics, coordinators) and go down.
//! Never: speaks Kafka's protocol (`api`), touches a socket (`net`).

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use commitlog::{DamagedRange, Log, LogSet, LowSpace, RecoveryReport, SetOptions, SpaceFigures, StorageError};
use os::{Clock, Disk};
use parking_lot::{Mutex, RwLock};
use record::TimestampMs;
use wire::Uuid;

use crate::catalog::Catalog;
use crate::config::{Overrides, ServerConfigs};
use crate::coordinator::{Coordinators, RecoveryError};
use crate::maintenance::Maintenance;
use crate::metadata::journal::MetadataError;
use crate::metadata::properties::{DataDirectory, DirectoryError};
use crate::metadata::{Journal, NODE_ID};
use crate::net::refusal::Refusals;
use crate::options::{BrokerOptions, Durability};
use crate::topic::{METADATA_LOG, Partition, Topic, TopicInfo};

/// Why a broker cannot be opened. The text names the cause and the way out.
#[derive(Debug)]
pub enum OpenError {
    /// The data directory is not ours to open.
    Directory(DirectoryError),
    /// The logs cannot be opened.
    Logs(commitlog::OpenError),
    /// A log that must be there cannot be made.
    Create(commitlog::CreateError),
    /// The metadata cannot be read or begun.
    Metadata(MetadataError),
    /// The disk failed.
    Io(std::io::Error),
    /// The background thread cannot be started, or a coordinator cannot replay its log.
    Other(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Directory(e) => e.fmt(f),
            OpenError::Logs(e) => e.fmt(f),
            OpenError::Create(e) => e.fmt(f),
            OpenError::Metadata(e) => e.fmt(f),
            OpenError::Io(e) => e.fmt(f),
            OpenError::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<DirectoryError> for OpenError {
    fn from(e: DirectoryError) -> Self {
        OpenError::Directory(e)
    }
}

impl From<commitlog::OpenError> for OpenError {
    fn from(e: commitlog::OpenError) -> Self {
        OpenError::Logs(e)
    }
}

impl From<commitlog::CreateError> for OpenError {
    fn from(e: commitlog::CreateError) -> Self {
        OpenError::Create(e)
    }
}

impl From<RecoveryError> for OpenError {
    fn from(e: RecoveryError) -> Self {
        OpenError::Other(e.to_string())
    }
}

impl From<MetadataError> for OpenError {
    fn from(e: MetadataError) -> Self {
        OpenError::Metadata(e)
    }
}

/// The broker. Everything is behind an `Arc`: the network front, the queries and the page share one.
#[derive(Debug)]
pub struct Broker {
    pub(crate) options: BrokerOptions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) directory: DataDirectory,
    pub(crate) logs: Arc<LogSet>,
    pub(crate) catalog: Catalog,
    /// Held while metadata changes; never while a request only reads.
    pub(crate) journal: Mutex<Journal>,
    metadata_log: Arc<Log>,
    pub(crate) server_configs: RwLock<Arc<ServerConfigs>>,
    recovery: RecoveryReport,
    refusals: Refusals,
    maintenance: Maintenance,
    /// Set once, before anything is served.
    coordinators: OnceLock<Coordinators>,
}

impl Broker {
    /// Opens the data directory: recovers the logs, replays the metadata, brings up topics and coordinators.
    pub fn open(options: BrokerOptions) -> Result<Arc<Broker>, OpenError> {
        let (clock, disk) = (Arc::clone(&options.clock), Arc::clone(&options.disk));
        let directory = DataDirectory::open(&*disk, &options.data_dir)?;
        let now_ms = clock.now_ms();
        let mut set = SetOptions::new(Arc::clone(&disk), directory.log_dir.clone(), directory.state_dir.clone());
        set.durability = match options.durability {
            Durability::Fsync => commitlog::Durability::Fsync,
            Durability::Os => commitlog::Durability::Os,
        };
        let fixed = ServerConfigs { fixed: options.configs.clone(), ..ServerConfigs::default() };
        let number = |name: &str| fixed.value(name).and_then(|value| value.parse().ok());
        set.reserve_bytes = options.reserve_bytes;
        set.scrub_interval_ms = options.scrub_interval_ms;
        set.open_files_max = options.open_files_max;
        set.producers_max = options.producers_max;
        set.retention_check_interval_ms = number("log.retention.check.interval.ms").unwrap_or(0);
        set.producer_id_expiration_ms = number("producer.id.expiration.ms").unwrap_or(set.producer_id_expiration_ms);
        let (logs, recovery) = LogSet::open(set, TimestampMs(now_ms))?;
        let journal = crate::startup::open_journal(&logs, &*disk, directory.directory_id, now_ms)?;
        let server_configs = ServerConfigs {
            fixed: fixed_configs(&options, &directory),
            cluster: journal.image().cluster_configs.clone(),
            node: journal.image().node_configs.clone(),
        };
        let broker = Arc::new(Broker {
            options,
            clock,
            disk,
            directory,
            logs,
            catalog: Catalog::default(),
            metadata_log: Arc::clone(journal.log()),
            journal: Mutex::new(journal),
            server_configs: RwLock::new(Arc::new(server_configs)),
            recovery,
            refusals: Refusals::default(),
            maintenance: Maintenance::default(),
            coordinators: OnceLock::new(),
        });
        broker.bring_up_topics()?;
        let coordinators = Coordinators::open(crate::coordinator::options(&broker)?)?;
        let _ = broker.coordinators.set(coordinators);
        if broker.options.background {
            broker.maintenance.start(&broker).map_err(OpenError::Io)?;
        }
        Ok(broker)
    }

    /// Stops the background work and closes the logs cleanly. The network front must be stopped before.
    pub fn shutdown(&self) -> Result<(), StorageError> {
        self.maintenance.stop();
        self.coordinators().stop();
        self.logs.close()
    }

    /// Groups and transactions.
    #[must_use]
    pub fn coordinators(&self) -> &Coordinators {
        // `open` sets it before it gives the broker to anybody.
        self.coordinators.get().expect("a broker that is open has its coordinators")
    }

    /// The offset of the last metadata record: the epoch of the finalized features.
    #[must_use]
    pub fn metadata_offset(&self) -> i64 {
        self.metadata_log.high_watermark().0 - 1
    }

    /// Wall-clock time.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The clock that the broker goes by.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The cluster's id.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.directory.cluster_id
    }

    /// The id of the one node.
    #[must_use]
    pub fn node_id(&self) -> i32 {
        NODE_ID
    }

    /// The Kafka log directory.
    #[must_use]
    pub fn log_dir(&self) -> &Path {
        &self.directory.log_dir
    }

    /// What recovery found when the broker was opened.
    #[must_use]
    pub fn recovery(&self) -> &RecoveryReport {
        &self.recovery
    }

    /// What the network front refused to clients.
    #[must_use]
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Whether there is room on the disk for what clients write, beside the reserve. Whoever would make the data grow asks
    /// first.
    pub fn admit(&self, bytes: u64) -> Result<(), LowSpace> {
        self.logs.space().admit(bytes)
    }

    /// The free space of the disk, as of the last look.
    #[must_use]
    pub fn space(&self) -> SpaceFigures {
        self.logs.space().figures()
    }

    /// Why nothing is acknowledged any more, if so: the process should stop.
    #[must_use]
    pub fn health(&self) -> Option<StorageError> {
        self.logs.health()
    }

    /// The ranges of offsets that are known to be damaged, by the partition's directory (`<topic>-<partition>`).
    #[must_use]
    pub fn damaged(&self) -> Vec<(String, Vec<DamagedRange>)> {
        self.logs.damaged()
    }

    /// All topics, in the order of their names.
    #[must_use]
    pub fn topics(&self) -> Vec<TopicInfo> {
        self.catalog.topics().iter().map(|topic| topic.info()).collect()
    }

    /// The topic of this name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<TopicInfo> {
        self.catalog.topic(name).map(|topic| topic.info())
    }

    /// The topic of this id.
    #[must_use]
    pub fn topic_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.catalog.topic_by_id(id)
    }

    /// One partition.
    #[must_use]
    pub fn partition(&self, topic: &str, index: i32) -> Option<Arc<Partition>> {
        self.catalog.partition(topic, index)
    }

    /// The broker configs in force.
    #[must_use]
    pub fn server_configs(&self) -> Arc<ServerConfigs> {
        Arc::clone(&self.server_configs.read())
    }

    /// An integer broker config.
    #[must_use]
    pub fn server_number(&self, name: &str) -> Option<i64> {
        self.server_configs().value(name)?.parse().ok()
    }

    /// The host and port that a client is told, which reached us at `local`.
    #[must_use]
    pub fn address_for(&self, local: SocketAddr) -> (Arc<str>, u16) {
        match &self.options.advertise {
            Some((host, port)) => (Arc::from(host.as_str()), *port),
            None => (Arc::from(local.ip().to_canonical().to_string()), local.port()),
        }
    }

    /// Retention, segment roll by time, checkpoints, forgetting. The background thread calls it once a second.
    pub fn maintain(&self) -> Result<(), StorageError> {
        self.logs.maintain(TimestampMs(self.now_ms()))
    }

    /// Whether a log of the set is the metadata log.
    pub(crate) fn is_metadata_log(name: &str) -> bool {
        name.strip_prefix(METADATA_LOG) == Some("-0")
    }
}

/// What was given at start, with what is so because we are what we are: clients and tools read it.
fn fixed_configs(options: &BrokerOptions, directory: &DataDirectory) -> Overrides {
    let mut configs = options.configs.clone();
    configs.entry("group.initial.rebalance.delay.ms".to_owned()).or_insert_with(|| "0".to_owned());
    let mut is = |name: &str, value: String| configs.insert(name.to_owned(), value);
    let node_id = NODE_ID.to_string();
    is("node.id", node_id.clone());
    is("broker.id", node_id);
    is("process.roles", "broker,controller".to_owned());
    is("log.dirs", directory.log_dir.display().to_string());
    is("group.coordinator.rebalance.protocols", "classic".to_owned());
    for name in ["offsets.topic", "transaction.state.log"] {
        is(&format!("{name}.num.partitions"), "1".to_owned());
        is(&format!("{name}.replication.factor"), "1".to_owned());
    }
    is("transaction.state.log.min.isr", "1".to_owned());
    if let Some((host, port)) = &options.advertise {
        is("advertised.listeners", format!("PLAINTEXT://{host}:{port}"));
    }
    configs
}
