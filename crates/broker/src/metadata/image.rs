//! What the metadata records say so far.

use std::collections::{BTreeMap, HashSet};

use wire::Uuid;
use wire::records::metadata::MetadataRecord;

use super::{BROKER_RESOURCE, TOPIC_RESOURCE};
use crate::config::Overrides;

/// Most partitions that replay believes a topic to have: a number in a record is not a reason to allocate.
pub const PARTITIONS_MAX: i32 = 1_000_000;

/// One topic of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    /// Its name.
    pub name: String,
    /// The leader epoch of each partition.
    pub leader_epochs: Vec<i32>,
}

/// The sum of all records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Topics by id.
    pub topics: BTreeMap<Uuid, TopicImage>,
    /// Configs of topics, by name.
    pub topic_configs: BTreeMap<String, Overrides>,
    /// Configs set for all brokers.
    pub cluster_configs: Overrides,
    /// Configs set for this broker.
    pub node_configs: Overrides,
    /// Feature levels.
    pub features: BTreeMap<String, i16>,
    /// The first producer id that was not given out yet.
    pub next_producer_id: i64,
    /// Ids of topics that were deleted: their directories may go.
    pub removed: HashSet<Uuid>,
}

impl Image {
    /// Adds one record. Records that say nothing of interest to one node are passed over.
    pub fn apply(&mut self, record: &MetadataRecord) {
        match record {
            MetadataRecord::Topic(topic) => {
                let name = topic.name.to_string();
                self.topics.insert(topic.topic_id, TopicImage { name, leader_epochs: Vec::new() });
            }
            MetadataRecord::Partition(partition) => {
                let Some(topic) = self.topics.get_mut(&partition.topic_id) else { return };
                if (0..PARTITIONS_MAX).contains(&partition.partition_id) {
                    let index = partition.partition_id as usize;
                    if topic.leader_epochs.len() <= index {
                        topic.leader_epochs.resize(index + 1, 0);
                    }
                    topic.leader_epochs[index] = partition.leader_epoch;
                }
            }
            MetadataRecord::PartitionChange(change) => {
                let Some(topic) = self.topics.get_mut(&change.topic_id) else { return };
                let epoch = usize::try_from(change.partition_id).ok().and_then(|at| topic.leader_epochs.get_mut(at));
                // −2 means that the leader did not change; anything else is an election, be it of the same node.
                if let (Some(epoch), true) = (epoch, change.leader != -2) {
                    *epoch += 1;
                }
            }
            MetadataRecord::RemoveTopic(removal) => {
                if let Some(topic) = self.topics.remove(&removal.topic_id) {
                    self.topic_configs.remove(&topic.name);
                }
                self.removed.insert(removal.topic_id);
            }
            MetadataRecord::Config(config) => {
                let overrides = match (config.resource_type, config.resource_name.as_str()) {
                    (TOPIC_RESOURCE, name) => self.topic_configs.entry(name.to_owned()).or_default(),
                    (BROKER_RESOURCE, "") => &mut self.cluster_configs,
                    (BROKER_RESOURCE, _) => &mut self.node_configs,
                    _ => return,
                };
                match &config.value {
                    Some(value) => overrides.insert(config.name.to_string(), value.to_string()),
                    None => overrides.remove(config.name.as_str()),
                };
            }
            MetadataRecord::FeatureLevel(feature) => {
                match feature.feature_level {
                    0 => self.features.remove(feature.name.as_str()),
                    level => self.features.insert(feature.name.to_string(), level),
                };
            }
            MetadataRecord::ProducerIds(block) => self.next_producer_id = block.next_producer_id,
            _ => {}
        }
    }
}
