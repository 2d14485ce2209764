//! Topics and their partitions, as the rest of the broker sees them.
//!
//! Owns: the names that topics may have; the parsed configs that the produce path needs at hand; the pairing of a
//! partition with its log.
//! Never: writes metadata.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use commitlog::{Cleanup, Log, LogConfig};
use parking_lot::RwLock;
use record::{Compression, LeaderEpoch, TimestampMs, TimestampType};
use wire::Uuid;

use crate::config::{Overrides, ServerConfigs, topic as topic_config};

/// The topic that holds committed offsets and group metadata.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// The topic that holds the state of transactions.
pub const TRANSACTIONS_TOPIC: &str = "__transaction_state";
/// The log that holds the cluster's metadata. It is not a topic that clients can see.
pub const METADATA_LOG: &str = "__cluster_metadata";

/// Most characters in a topic's name.
pub const NAME_LEN_MAX: usize = 249;

/// Whether a topic belongs to the broker itself.
#[must_use]
pub fn is_internal(name: &str) -> bool {
    name == OFFSETS_TOPIC || name == TRANSACTIONS_TOPIC
}

/// Checks a topic's name, and says what is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("Topic name is invalid: the empty string is not allowed".to_owned());
    }
    if name == "." || name == ".." {
        return Err(format!("Topic name is invalid: '{name}' is not allowed"));
    }
    if name.len() > NAME_LEN_MAX {
        return Err(format!(
            "Topic name is invalid: the length of '{name}' is longer than the max allowed length {NAME_LEN_MAX}"
        ));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
        return Err(format!(
            "Topic name is invalid: '{name}' contains one or more characters other than ASCII alphanumerics, '.', \
             '_' and '-'"
        ));
    }
    if name == METADATA_LOG {
        return Err(format!("Topic name is invalid: '{name}' is not allowed"));
    }
    Ok(())
}

/// What the produce path asks of a topic's configs, parsed once.
#[derive(Clone, Debug)]
pub struct ProduceRules {
    /// Most bytes of a batch.
    pub message_bytes_max: usize,
    /// Most bytes of a segment; no batch may be larger.
    pub segment_bytes_max: usize,
    /// Whether every record needs a key.
    pub compacted: bool,
    /// Whether old segments are deleted (also beside compaction).
    pub deleted: bool,
    /// Whether the broker stamps batches with its own time.
    pub log_append_time: bool,
    /// How far a timestamp may lie in the past, in ms.
    pub timestamp_before_max_ms: i64,
    /// How far a timestamp may lie in the future, in ms.
    pub timestamp_after_max_ms: i64,
    /// What batches are compressed with in the log; `None`: as the producer sent them.
    pub compression: Option<Compression>,
}

/// A topic's effective configs, parsed for the produce path and for its logs.
#[derive(Clone, Debug)]
pub struct Rules {
    /// For the produce path.
    pub produce: ProduceRules,
    /// For each of its logs.
    pub log: LogConfig,
}

impl Rules {
    /// Parses the effective configs. They were validated when they were set.
    #[must_use]
    pub fn of(overrides: &Overrides, server: &ServerConfigs) -> Rules {
        let text = |name: &str| {
            topic_config::definition(name)
                .map(|definition| topic_config::value(definition, overrides, server))
                .unwrap_or_default()
        };
        let long = |name: &str| text(name).parse::<i64>().unwrap_or_default();
        let size = |name: &str| usize::try_from(long(name)).unwrap_or_default();
        let policy = text("cleanup.policy");
        let has = |what: &str| policy.split(',').any(|item| item.trim() == what);
        let (compacted, deleted) = (has("compact"), has("delete"));
        let produce = ProduceRules {
            message_bytes_max: size("max.message.bytes"),
            segment_bytes_max: size("segment.bytes"),
            compacted,
            deleted,
            log_append_time: text("message.timestamp.type") == "LogAppendTime",
            timestamp_before_max_ms: long("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: long("message.timestamp.after.max.ms"),
            compression: match text("compression.type").as_str() {
                "uncompressed" => Some(Compression::None),
                name => Compression::from_name(name),
            },
        };
        let number = |name: &str| u32::try_from(long(name).max(0)).unwrap_or(u32::MAX);
        let log = LogConfig {
            segment_bytes_max: number("segment.bytes"),
            segment_ms_max: long("segment.ms"),
            segment_index_bytes_max: number("segment.index.bytes"),
            index_interval_bytes: number("index.interval.bytes"),
            retention_ms: long("retention.ms"),
            retention_bytes: long("retention.bytes"),
            cleanup: match (compacted, deleted) {
                (true, true) => Cleanup::CompactAndDelete,
                (true, false) => Cleanup::Compact,
                (false, true) => Cleanup::Delete,
                (false, false) => Cleanup::Keep,
            },
            timestamp_type: if produce.log_append_time {
                TimestampType::LogAppendTime
            } else {
                TimestampType::CreateTime
            },
            delete_retention_ms: long("delete.retention.ms"),
            min_compaction_lag_ms: long("min.compaction.lag.ms"),
            max_compaction_lag_ms: long("max.compaction.lag.ms"),
            min_cleanable_dirty_ratio: text("min.cleanable.dirty.ratio").parse().unwrap_or(0.5),
        };
        Rules { produce, log }
    }
}

/// One partition: a log and the topic that it belongs to.
#[derive(Debug)]
pub struct Partition {
    topic: Arc<str>,
    topic_id: Uuid,
    index: i32,
    log: Arc<Log>,
    leader_epoch: AtomicI32,
    rules: RwLock<Arc<ProduceRules>>,
}

impl Partition {
    pub(crate) fn new(
        topic: Arc<str>,
        topic_id: Uuid,
        index: i32,
        log: Arc<Log>,
        leader_epoch: i32,
        rules: Arc<ProduceRules>,
    ) -> Self {
        let leader_epoch = AtomicI32::new(leader_epoch);
        Self { topic, topic_id, index, log, leader_epoch, rules: RwLock::new(rules) }
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The topic's id.
    #[must_use]
    pub fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    /// The partition's number.
    #[must_use]
    pub fn index(&self) -> i32 {
        self.index
    }

    /// Its log: reading, offsets, watching.
    #[must_use]
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// The epoch that new batches are stamped with.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(self.leader_epoch.load(Ordering::Relaxed))
    }

    /// The configs that the produce path needs.
    #[must_use]
    pub fn rules(&self) -> Arc<ProduceRules> {
        Arc::clone(&self.rules.read())
    }

    pub(crate) fn bump_leader_epoch(&self) {
        self.leader_epoch.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_rules(&self, rules: &Arc<ProduceRules>) {
        *self.rules.write() = Arc::clone(rules);
    }

    /// Whether the topic belongs to the broker itself.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        is_internal(&self.topic)
    }

    /// The rules by which [`record::validate`] judges a batch that arrives now.
    #[must_use]
    pub fn batch_rules(&self, rules: &ProduceRules, now_ms: i64, limits: record::ReadLimits) -> record::Rules {
        record::Rules {
            key_required: rules.compacted,
            now: TimestampMs(now_ms),
            timestamp_before_max_ms: rules.timestamp_before_max_ms,
            timestamp_after_max_ms: rules.timestamp_after_max_ms,
            log_append_time: rules.log_append_time,
            limits,
        }
    }
}

/// One topic. Replaced as a whole when it changes; its partitions are shared between the versions.
#[derive(Debug)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id: another one after it was deleted and created again.
    pub id: Uuid,
    /// Its partitions, by number.
    pub partitions: Vec<Arc<Partition>>,
    /// The configs that somebody set on it.
    pub overrides: Arc<Overrides>,
}

impl Topic {
    /// Whether the topic belongs to the broker itself.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        is_internal(&self.name)
    }

    /// The partition with this number.
    #[must_use]
    pub fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    /// What others are told about it.
    #[must_use]
    pub fn info(&self) -> TopicInfo {
        TopicInfo {
            name: self.name.to_string(),
            id: self.id,
            partitions: i32::try_from(self.partitions.len()).unwrap_or(i32::MAX),
            internal: self.is_internal(),
            configs: (*self.overrides).clone(),
        }
    }
}

/// What others are told about a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// How many partitions it has.
    pub partitions: i32,
    /// Whether it belongs to the broker itself.
    pub internal: bool,
    /// The configs that somebody set on it.
    pub configs: Overrides,
}

/// A topic to be created.
#[derive(Clone, Debug, Default)]
pub struct NewTopic {
    /// How many partitions; `None`: as many as `num.partitions` says.
    pub partitions: Option<i32>,
    /// Configs to set on it.
    pub configs: Overrides,
}
