//! Bringing up metadata and topics when a broker is opened.
//!
//! Owns: the first records of a new cluster; matching the logs on disk with the topics that the metadata knows.
//! Never: deletes a log with records in it, unless the metadata says that its topic was deleted.

use std::path::Path;
use std::sync::Arc;

use commitlog::{LogConfig, LogSet};
use hashbrown::HashMap;
use os::Disk;
use record::Offset;
use wire::Uuid;
use wire::records::metadata::{FeatureLevelRecord, MetadataRecord, PartitionChangeRecord};

use crate::broker::{Broker, OpenError};
use crate::config::Overrides;
use crate::metadata::properties::{read_partition_metadata, write_partition_metadata};
use crate::metadata::{Journal, METADATA_FEATURE, METADATA_LEVEL, NODE_ID};
use crate::topic::{METADATA_LOG, OFFSETS_TOPIC, Partition, Rules, TRANSACTIONS_TOPIC, Topic};

/// Kafka's fixed id of the metadata log.
const METADATA_TOPIC_ID: Uuid = Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

/// Opens the metadata log, or begins it.
pub(crate) fn open_journal(
    logs: &Arc<LogSet>,
    disk: &dyn Disk,
    _directory_id: Uuid,
    now_ms: i64,
) -> Result<Journal, OpenError> {
    // Metadata is never retired by age: without it the data directory means nothing.
    let config = LogConfig { retention_ms: -1, retention_bytes: -1, ..LogConfig::default() };
    let name = format!("{METADATA_LOG}-0");
    let log = match logs.get(&name) {
        Some(log) => {
            log.set_config(config);
            log
        }
        None => {
            let furnish = |dir: &Path| write_partition_metadata(disk, dir, METADATA_TOPIC_ID);
            logs.create_with(&name, config, &furnish)?
        }
    };
    let mut journal = Journal::replay(log)?;
    if journal.is_empty() {
        // The tickets of what follows cover this one.
        let _announced = journal.announce_leader(now_ms)?;
    }
    if !journal.image().features.contains_key(METADATA_FEATURE) {
        let level = FeatureLevelRecord { name: METADATA_FEATURE.into(), feature_level: METADATA_LEVEL };
        journal.commit(&[(MetadataRecord::FeatureLevel(level), 0)], now_ms)?;
    }
    Ok(journal)
}

/// Segments of internal topics: a start replays these logs, up to two segments beyond what their compaction leaves. (Kafka
/// has 100 MiB here.)
const INTERNAL_SEGMENT_BYTES: &str = "4194304";
/// How long markers and tombstones of internal topics outlive their compaction. Only a start reads these logs, from their
/// front to their end; in Kafka's 24 hours the markers of commits every 100 ms alone would grow to hundreds of megabytes.
const INTERNAL_DELETE_RETENTION_MS: &str = "600000";

/// What internal topics are created with: Kafka's own choices for them, where no start has to wait for these.
pub(crate) fn internal_topic_configs(name: &str) -> Overrides {
    let mut configs = Overrides::new();
    let mut set = |name: &str, value: &str| configs.insert(name.to_owned(), value.to_owned());
    set("cleanup.policy", "compact");
    set("compression.type", if name == OFFSETS_TOPIC { "producer" } else { "uncompressed" });
    set("segment.bytes", INTERNAL_SEGMENT_BYTES);
    set("delete.retention.ms", INTERNAL_DELETE_RETENTION_MS);
    if name == TRANSACTIONS_TOPIC {
        set("min.insync.replicas", "1");
        set("unclean.leader.election.enable", "false");
    }
    configs
}

impl Broker {
    /// Gives every topic of the metadata its logs, deals with logs that belong to none, and creates the internal
    /// topics.
    pub(crate) fn bring_up_topics(self: &Arc<Self>) -> Result<(), OpenError> {
        let ids_on_disk = self.ids_on_disk();
        let image = self.journal.lock().image().clone();
        let server = self.server_configs();
        let mut mine: HashMap<String, Uuid> = HashMap::new();
        for (id, topic) in &image.topics {
            for index in 0..topic.leader_epochs.len() {
                mine.insert(format!("{}-{index}", topic.name), *id);
            }
        }
        self.clear_strays(&mine, &ids_on_disk, &image.removed)?;
        for (id, topic) in image.topics {
            let overrides = image.topic_configs.get(&topic.name).cloned().unwrap_or_default();
            let rules = Rules::of(&overrides, &server);
            let name: Arc<str> = Arc::from(topic.name.as_str());
            let produce_rules = Arc::new(rules.produce.clone());
            let mut partitions = Vec::with_capacity(topic.leader_epochs.len());
            for (index, epoch) in topic.leader_epochs.iter().enumerate() {
                let log_name = format!("{name}-{index}");
                let log = match self.logs.get(&log_name) {
                    Some(log) => {
                        log.set_config(rules.log.clone());
                        log
                    }
                    None => {
                        tracing::error!(log = log_name, "the log of a known partition is missing: it starts empty");
                        self.create_log(&log_name, rules.log.clone(), id)?
                    }
                };
                let index = i32::try_from(index).unwrap_or(i32::MAX);
                partitions.push(Arc::new(Partition::new(
                    Arc::clone(&name),
                    id,
                    index,
                    log,
                    *epoch,
                    Arc::clone(&produce_rules),
                )));
            }
            self.catalog.put(Arc::new(Topic { name, id, partitions, overrides: Arc::new(overrides) }));
        }
        self.bump_cut_epochs()?;
        for name in [OFFSETS_TOPIC, TRANSACTIONS_TOPIC] {
            if self.catalog.topic(name).is_none() {
                self.create_internal_topic(name, internal_topic_configs(name))
                    .map_err(|e| OpenError::Other(format!("cannot create {name}: {}", e.message())))?;
            }
        }
        Ok(())
    }

    fn ids_on_disk(&self) -> HashMap<String, Uuid> {
        let mut ids = HashMap::new();
        for name in self.logs.names() {
            if let Some(id) = self.logs.get(&name).and_then(|log| read_partition_metadata(&*self.disk, log.dir())) {
                ids.insert(name, id);
            }
        }
        ids
    }

    /// Logs whose directory belongs to no partition of the metadata: leftovers of a creation or a deletion that was
    /// cut short, or something that we know nothing of, which stays.
    fn clear_strays(
        &self,
        mine: &HashMap<String, Uuid>,
        ids_on_disk: &HashMap<String, Uuid>,
        removed: &std::collections::HashSet<Uuid>,
    ) -> Result<(), OpenError> {
        let mut gone = Vec::new();
        for name in self.logs.names() {
            let on_disk = ids_on_disk.get(&name);
            let expected = mine.get(&name);
            if Broker::is_metadata_log(&name) || (expected.is_some() && (on_disk == expected || on_disk.is_none())) {
                continue;
            }
            let empty = self.logs.get(&name).is_none_or(|log| log.log_end_offset() == Offset(0));
            if empty || on_disk.is_some_and(|id| removed.contains(id)) {
                gone.push(name);
            } else {
                tracing::error!(log = name, "a log belongs to no topic of the metadata: left alone, not served");
            }
        }
        let names: Vec<&str> = gone.iter().map(String::as_str).collect();
        self.logs.delete(&names).map_err(|e| OpenError::Other(e.to_string()))
    }

    /// A log that lost its tail gets a new leader epoch, so that consumers who have seen more find out (KIP-320).
    fn bump_cut_epochs(&self) -> Result<(), OpenError> {
        let mut changes = Vec::new();
        let mut bumped = Vec::new();
        for cut in &self.recovery().cuts {
            let Some((topic, index)) = cut.log.rsplit_once('-') else { continue };
            let Some(partition) = index.parse().ok().and_then(|index| self.partition(topic, index)) else { continue };
            let change = PartitionChangeRecord {
                partition_id: partition.index(),
                topic_id: partition.topic_id(),
                leader: NODE_ID,
                ..PartitionChangeRecord::default()
            };
            changes.push((MetadataRecord::PartitionChange(change), 0));
            bumped.push(partition);
        }
        self.journal.lock().commit(&changes, self.now_ms())?;
        for partition in bumped {
            partition.bump_leader_epoch();
        }
        Ok(())
    }
}
