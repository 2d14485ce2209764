//! Changing topics and configs: the one place where metadata is written.
//!
//! The order of effects makes a crash harmless: a topic's logs first, then its records (durable), then it is shown; a
//! deleted topic's record first, then it is hidden, then its logs go. What a crash leaves behind is cleared at the next
//! start.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use commitlog::{Log, LogConfig, LowSpace};
use wire::records::metadata::{
    ConfigRecord, MetadataRecord, PartitionRecord, ProducerIdsRecord, RemoveTopicRecord, TopicRecord,
};
use wire::{ErrorCode, Uuid};

use crate::broker::{Broker, OpenError};
use crate::config::{ConfigError, Overrides, server as server_config, topic as topic_config};
use crate::metadata::image::PARTITIONS_MAX;
use crate::metadata::journal::MetadataError;
use crate::metadata::properties::{random_uuid, write_partition_metadata};
use crate::metadata::{BROKER_RESOURCE, NODE_ID, TOPIC_RESOURCE};
use crate::topic::{self, NewTopic, Partition, Rules, Topic, TopicInfo};

/// Most partitions that one request may create, as in Kafka.
pub const PARTITIONS_PER_REQUEST_MAX: usize = 10_000;
/// Most partitions at all: each costs memory, and files that are open.
const PARTITIONS_OF_NODE_MAX: usize = 20_000;
/// Producer ids that are given out at a time.
const PRODUCER_ID_BLOCK: i64 = 1000;

/// Why topics or configs were not changed. Nothing was, unless the variant says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminError {
    /// There is a topic of this name.
    AlreadyExists(String),
    /// There is no topic of this name.
    UnknownTopic(String),
    /// There is no topic of this id.
    UnknownTopicId(String),
    /// The name cannot be a topic's, or the topic is the broker's own.
    InvalidTopic(String),
    /// The number of partitions makes no sense.
    InvalidPartitions(String),
    /// There is one broker: no more copies than one.
    InvalidReplicationFactor(String),
    /// The assignment names other brokers, or leaves partitions out.
    InvalidAssignment(String),
    /// A config's name or value.
    InvalidConfig(String),
    /// The request contradicts itself.
    InvalidRequest(String),
    /// More than is allowed at a time.
    Policy(String),
    /// The disk failed or is full. Parts of the change may have happened.
    Storage(String),
}

/// What creating a topic can fail with.
pub type CreateTopicError = AdminError;

impl AdminError {
    /// The number that clients are told.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            AdminError::AlreadyExists(_) => ErrorCode::TopicAlreadyExists,
            AdminError::UnknownTopic(_) => ErrorCode::UnknownTopicOrPartition,
            AdminError::UnknownTopicId(_) => ErrorCode::UnknownTopicId,
            AdminError::InvalidTopic(_) => ErrorCode::InvalidTopicException,
            AdminError::InvalidPartitions(_) => ErrorCode::InvalidPartitions,
            AdminError::InvalidReplicationFactor(_) => ErrorCode::InvalidReplicationFactor,
            AdminError::InvalidAssignment(_) => ErrorCode::InvalidReplicaAssignment,
            AdminError::InvalidConfig(_) => ErrorCode::InvalidConfig,
            AdminError::InvalidRequest(_) => ErrorCode::InvalidRequest,
            AdminError::Policy(_) => ErrorCode::PolicyViolation,
            AdminError::Storage(_) => ErrorCode::KafkaStorageError,
        }
    }

    /// The text that clients are told.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            AdminError::AlreadyExists(why)
            | AdminError::UnknownTopic(why)
            | AdminError::UnknownTopicId(why)
            | AdminError::InvalidTopic(why)
            | AdminError::InvalidPartitions(why)
            | AdminError::InvalidReplicationFactor(why)
            | AdminError::InvalidAssignment(why)
            | AdminError::InvalidConfig(why)
            | AdminError::InvalidRequest(why)
            | AdminError::Policy(why)
            | AdminError::Storage(why) => why,
        }
    }
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for AdminError {}

impl From<ConfigError> for AdminError {
    fn from(e: ConfigError) -> Self {
        match e {
            ConfigError::Invalid(why) => AdminError::InvalidConfig(why),
            ConfigError::BadRequest(why) => AdminError::InvalidRequest(why),
        }
    }
}

impl From<MetadataError> for AdminError {
    fn from(e: MetadataError) -> Self {
        AdminError::Storage(e.to_string())
    }
}

impl From<LowSpace> for AdminError {
    fn from(e: LowSpace) -> Self {
        AdminError::Storage(e.to_string())
    }
}

fn storage(e: impl fmt::Display) -> AdminError {
    AdminError::Storage(e.to_string())
}

/// Whose configs are changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A topic's.
    Topic(String),
    /// This broker's.
    Node,
    /// All brokers'.
    Cluster,
}

impl Broker {
    /// Creates a topic, and waits until it is durable. Without a number of partitions it gets `num.partitions`.
    pub fn create_topic(&self, name: &str, new: NewTopic) -> Result<TopicInfo, AdminError> {
        let partitions = self.check_new_topic(name, &new)?;
        if topic::is_internal(name) {
            return Err(AdminError::InvalidTopic(format!("Topic '{name}' is the broker's own")));
        }
        self.create(name, partitions, new.configs)
    }

    pub(crate) fn create_internal_topic(&self, name: &str, configs: Overrides) -> Result<TopicInfo, AdminError> {
        self.create(name, 1, configs)
    }

    /// Checks what a new topic would be, and says how many partitions it would get.
    pub(crate) fn check_new_topic(&self, name: &str, new: &NewTopic) -> Result<i32, AdminError> {
        topic::check_name(name).map_err(AdminError::InvalidTopic)?;
        if self.catalog.topic(name).is_some() {
            return Err(AdminError::AlreadyExists(format!("Topic '{name}' already exists.")));
        }
        if let Some(other) = self.colliding_topic(name) {
            let why = format!("Topic '{name}' collides with existing topic: {other}");
            return Err(AdminError::InvalidTopic(why));
        }
        let partitions = match new.partitions {
            Some(partitions) => partitions,
            None => self.server_number("num.partitions").and_then(|number| i32::try_from(number).ok()).unwrap_or(1),
        };
        if partitions <= 0 {
            let why = "Number of partitions was set to an invalid non-positive value.".to_owned();
            return Err(AdminError::InvalidPartitions(why));
        }
        if partitions as usize > PARTITIONS_PER_REQUEST_MAX {
            return Err(AdminError::Policy("Excessively large number of partitions per request.".to_owned()));
        }
        self.check_room_for(partitions as usize)?;
        topic_config::validate(&new.configs)?;
        Ok(partitions)
    }

    /// Refuses partitions beyond what one node can carry.
    fn check_room_for(&self, partitions: usize) -> Result<(), AdminError> {
        let present: usize = self.catalog.topics().iter().map(|topic| topic.partitions.len()).sum();
        if present + partitions > PARTITIONS_OF_NODE_MAX {
            return Err(AdminError::Policy(format!(
                "There are {present} partitions, and may be {PARTITIONS_OF_NODE_MAX}; delete topics that are not needed"
            )));
        }
        Ok(())
    }

    /// A topic that differs only in `.` and `_`: metrics of both would have one name.
    fn colliding_topic(&self, name: &str) -> Option<Arc<str>> {
        if !name.contains(['.', '_']) {
            return None;
        }
        let flat = name.replace('.', "_");
        let topics = self.catalog.topics();
        topics.iter().map(|topic| &topic.name).find(|other| other.replace('.', "_") == flat).cloned()
    }

    fn create(&self, name: &str, partitions: i32, configs: Overrides) -> Result<TopicInfo, AdminError> {
        let mut journal = self.journal.lock();
        if self.catalog.topic(name).is_some() {
            return Err(AdminError::AlreadyExists(format!("Topic '{name}' already exists.")));
        }
        let id = random_uuid().map_err(storage)?;
        let rules = Rules::of(&configs, &self.server_configs());
        let name: Arc<str> = Arc::from(name);
        let produce_rules = Arc::new(rules.produce);
        let made = self.create_partitions_of(&name, id, 0..partitions, &rules.log, &produce_rules)?;
        let mut records = vec![(MetadataRecord::Topic(TopicRecord { name: (&*name).into(), topic_id: id }), 0)];
        records.extend(configs.iter().map(|(key, value)| config_record(TOPIC_RESOURCE, &name, key, Some(value))));
        records.extend(made.iter().map(|partition| self.partition_record(id, partition.index())));
        if let Err(e) = journal.commit(&records, self.now_ms()) {
            self.delete_logs(&made);
            return Err(e.into());
        }
        let topic = Arc::new(Topic { name, id, partitions: made, overrides: Arc::new(configs) });
        self.catalog.put(Arc::clone(&topic));
        Ok(topic.info())
    }

    fn create_partitions_of(
        &self,
        name: &Arc<str>,
        id: Uuid,
        indexes: Range<i32>,
        config: &LogConfig,
        rules: &Arc<topic::ProduceRules>,
    ) -> Result<Vec<Arc<Partition>>, AdminError> {
        let names: Vec<String> = indexes.clone().map(|index| format!("{name}-{index}")).collect();
        let logs: Vec<(&str, LogConfig)> = names.iter().map(|name| (name.as_str(), config.clone())).collect();
        let furnish = |dir: &Path| write_partition_metadata(&*self.disk, dir, id);
        let logs = self.logs.create_all(&logs, &furnish).map_err(storage)?;
        let made = indexes
            .zip(logs)
            .map(|(index, log)| Arc::new(Partition::new(Arc::clone(name), id, index, log, 0, Arc::clone(rules))));
        Ok(made.collect())
    }

    /// A new, empty log with its `partition.metadata`.
    pub(crate) fn create_log(&self, name: &str, config: LogConfig, topic_id: Uuid) -> Result<Arc<Log>, OpenError> {
        let furnish = |dir: &Path| write_partition_metadata(&*self.disk, dir, topic_id);
        self.logs.create_with(name, config, &furnish).map_err(OpenError::from)
    }

    fn delete_logs(&self, partitions: &[Arc<Partition>]) {
        let names: Vec<&str> = partitions.iter().map(|partition| partition.log().name()).collect();
        if let Err(e) = self.logs.delete(&names) {
            tracing::error!(error = %e, "cannot delete logs now; it is tried again");
        }
    }

    fn partition_record(&self, topic_id: Uuid, partition_id: i32) -> (MetadataRecord, i16) {
        let record = PartitionRecord {
            partition_id,
            topic_id,
            replicas: vec![NODE_ID],
            isr: vec![NODE_ID],
            leader: NODE_ID,
            leader_epoch: 0,
            partition_epoch: 0,
            directories: vec![self.directory.directory_id],
            ..PartitionRecord::default()
        };
        (MetadataRecord::Partition(record), 1)
    }

    /// Deletes a topic with its records, durably. A topic of the same name that is created later has another id.
    pub fn delete_topic(&self, name: &str) -> Result<TopicInfo, AdminError> {
        let topic = {
            let mut journal = self.journal.lock();
            let Some(topic) = self.catalog.topic(name) else {
                return Err(AdminError::UnknownTopic("This server does not host this topic-partition.".to_owned()));
            };
            if topic.is_internal() {
                return Err(AdminError::InvalidTopic(format!("Topic '{name}' is the broker's own, it stays")));
            }
            let removal = MetadataRecord::RemoveTopic(RemoveTopicRecord { topic_id: topic.id });
            journal.commit(&[(removal, 0)], self.now_ms())?;
            self.catalog.remove(name);
            // Still under the lock: a topic of the same name needs the same directories.
            self.delete_logs(&topic.partitions);
            topic
        };
        self.coordinators().forget_topic(name);
        Ok(topic.info())
    }

    /// Raises a topic's number of partitions to `count`.
    pub fn create_partitions(&self, name: &str, count: i32, validate_only: bool) -> Result<(), AdminError> {
        let mut journal = self.journal.lock();
        let Some(topic) = self.catalog.topic(name) else {
            return Err(AdminError::UnknownTopic("This server does not host this topic-partition.".to_owned()));
        };
        let current = i32::try_from(topic.partitions.len()).unwrap_or(PARTITIONS_MAX);
        if topic.is_internal() {
            return Err(AdminError::InvalidTopic(format!("Topic '{name}' is the broker's own and has one partition")));
        }
        if count <= current {
            let why = if count == current {
                format!("Topic already has {current} partition(s).")
            } else {
                format!("The topic {name} currently has {current} partition(s); {count} would not be an increase.")
            };
            return Err(AdminError::InvalidPartitions(why));
        }
        if (count - current) as usize > PARTITIONS_PER_REQUEST_MAX {
            return Err(AdminError::Policy("Excessively large number of partitions per request.".to_owned()));
        }
        self.check_room_for((count - current) as usize)?;
        if validate_only {
            return Ok(());
        }
        let rules = Rules::of(&topic.overrides, &self.server_configs());
        let produce_rules = Arc::new(rules.produce);
        let made = self.create_partitions_of(&topic.name, topic.id, current..count, &rules.log, &produce_rules)?;
        let records: Vec<_> = made.iter().map(|made| self.partition_record(topic.id, made.index())).collect();
        if let Err(e) = journal.commit(&records, self.now_ms()) {
            self.delete_logs(&made);
            return Err(e.into());
        }
        let partitions = topic.partitions.iter().cloned().chain(made).collect();
        let (name, overrides) = (Arc::clone(&topic.name), Arc::clone(&topic.overrides));
        self.catalog.put(Arc::new(Topic { name, id: topic.id, partitions, overrides }));
        drop(journal);
        // Queries that read the topic look how many partitions it has.
        topic.partitions.iter().for_each(|partition| partition.log().wake_watchers());
        Ok(())
    }

    /// Replaces the overrides of a resource by what `change` makes of them.
    pub fn alter_configs(
        &self,
        resource: &Resource,
        validate_only: bool,
        change: impl FnOnce(&Overrides) -> Result<Overrides, ConfigError>,
    ) -> Result<(), AdminError> {
        let mut journal = self.journal.lock();
        let server = self.server_configs();
        let topic = match resource {
            Resource::Topic(name) => match self.catalog.topic(name) {
                Some(topic) => Some(topic),
                None => return Err(AdminError::UnknownTopic(format!("The topic '{name}' does not exist."))),
            },
            Resource::Node | Resource::Cluster => None,
        };
        let before: &Overrides = match (resource, &topic) {
            (Resource::Cluster, _) => &server.cluster,
            (_, Some(topic)) => &topic.overrides,
            (_, None) => &server.node,
        };
        let after = change(before)?;
        match &topic {
            Some(_) => topic_config::validate(&after)?,
            None => server_config::validate(&after)?,
        }
        if validate_only || after == *before {
            return Ok(());
        }
        let node = NODE_ID.to_string();
        let (kind, resource_name) = match resource {
            Resource::Topic(name) => (TOPIC_RESOURCE, name.as_str()),
            Resource::Node => (BROKER_RESOURCE, node.as_str()),
            Resource::Cluster => (BROKER_RESOURCE, ""),
        };
        let mut records = Vec::new();
        for (name, value) in &after {
            if before.get(name) != Some(value) {
                records.push(config_record(kind, resource_name, name, Some(value)));
            }
        }
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            records.push(config_record(kind, resource_name, name, None));
        }
        journal.commit(&records, self.now_ms())?;
        match topic {
            Some(topic) => self.show_configs(&topic, after),
            None => {
                let mut layers = (*server).clone();
                match resource {
                    Resource::Cluster => layers.cluster = after,
                    _ => layers.node = after,
                }
                *self.server_configs.write() = Arc::new(layers);
                for topic in self.catalog.topics() {
                    self.show_configs(&topic, (*topic.overrides).clone());
                }
            }
        }
        Ok(())
    }

    fn show_configs(&self, topic: &Arc<Topic>, overrides: Overrides) {
        let rules = Rules::of(&overrides, &self.server_configs());
        let produce_rules = Arc::new(rules.produce);
        for partition in &topic.partitions {
            partition.set_rules(&produce_rules);
            partition.log().set_config(rules.log.clone());
        }
        let (name, partitions) = (Arc::clone(&topic.name), topic.partitions.clone());
        self.catalog.put(Arc::new(Topic { name, id: topic.id, partitions, overrides: Arc::new(overrides) }));
    }

    /// Producer ids that nobody ever had, also not before a restart.
    pub(crate) fn allocate_producer_ids(&self) -> Result<Range<i64>, AdminError> {
        let mut journal = self.journal.lock();
        let first = journal.image().next_producer_id;
        let next_producer_id = first + PRODUCER_ID_BLOCK;
        let block = ProducerIdsRecord { broker_id: NODE_ID, next_producer_id, ..ProducerIdsRecord::default() };
        journal.commit(&[(MetadataRecord::ProducerIds(block), 0)], self.now_ms())?;
        Ok(first..next_producer_id)
    }
}

fn config_record(resource_type: i8, resource_name: &str, name: &str, value: Option<&String>) -> (MetadataRecord, i16) {
    let record = ConfigRecord {
        resource_type,
        resource_name: resource_name.into(),
        name: name.into(),
        value: value.map(|value| value.as_str().into()),
    };
    (MetadataRecord::Config(record), 0)
}
