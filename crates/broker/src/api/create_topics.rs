//! CreateTopics: key 19, v2–v7
//!
//! Creates topics, or says whether they could be created.
//!
//! Behaviour
//! - −1 partitions or −1 replicas mean the broker's defaults. There is one broker: more replicas than one are
//!   INVALID_REPLICATION_FACTOR, an assignment must name broker 1 for partitions 0, 1, 2 …
//! - A name that comes twice is INVALID_REQUEST once, and not created.
//! - The answer comes when the topics are durable.
//!
//! Versions: v2 throttle time · v4 the defaults −1 · v5 flexible, effective configs in the answer · v7 topic id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wire::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use wire::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult, CreateTopicsResponse};
use wire::{ApiKey, Str, Uuid};

use super::{Api, Context, check_replicas, config_text, told};
use crate::admin::{AdminError, PARTITIONS_PER_REQUEST_MAX};
use crate::broker::Broker;
use crate::config::{Overrides, topic as topic_config};
use crate::reply::Reply;
use crate::topic::NewTopic;

pub(super) const API: Api = Api::new(ApiKey::CreateTopics, 2..=7, |call| call.run(handle)).in_the_slow_lane();

fn handle(broker: &Arc<Broker>, _ctx: &Context, request: CreateTopicsRequest) -> Reply<CreateTopicsResponse> {
    let broker = Arc::clone(broker);
    Reply::blocking(move || {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for topic in &request.topics {
            *times.entry(&topic.name).or_default() += 1;
        }
        let mut topics = Vec::new();
        let mut answered_twice = BTreeSet::new();
        let asked = request.topics.iter().map(|topic| topic.num_partitions.max(1) as usize + topic.assignments.len());
        let excessive = asked.fold(0_usize, usize::saturating_add) > PARTITIONS_PER_REQUEST_MAX;
        for topic in &request.topics {
            let result = if times.get(&*topic.name).is_some_and(|times| *times > 1) {
                if !answered_twice.insert(&topic.name) {
                    continue;
                }
                Err(AdminError::InvalidRequest("Duplicate topic name.".to_owned()))
            } else if excessive {
                Err(AdminError::Policy("Excessively large number of partitions per request.".to_owned()))
            } else {
                create(&broker, topic, request.validate_only)
            };
            topics.push(result.unwrap_or_else(|error| CreatableTopicResult {
                name: topic.name.clone(),
                error_code: error.code().code(),
                error_message: told(&error),
                ..CreatableTopicResult::default()
            }));
        }
        CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }
    })
}

fn create(broker: &Broker, topic: &CreatableTopic, validate_only: bool) -> Result<CreatableTopicResult, AdminError> {
    let mut configs = Overrides::new();
    for config in &topic.configs {
        let Some(value) = &config.value else {
            let why = format!("Null value not supported for topic configs: {}", config.name);
            return Err(AdminError::InvalidConfig(why));
        };
        configs.insert(config.name.to_string(), value.to_string());
    }
    let partitions = if topic.assignments.is_empty() { asked_partitions(topic)? } else { Some(assigned(topic)?) };
    let new = NewTopic { partitions, configs };
    let (partitions, topic_id, configs) = if validate_only {
        (broker.check_new_topic(&topic.name, &new)?, Uuid::ZERO, new.configs)
    } else {
        broker.admit(0)?;
        let info = broker.create_topic(&topic.name, new)?;
        (info.partitions, info.id, info.configs)
    };
    let configs =
        topic_config::describe(&configs, &broker.server_configs()).into_iter().map(|entry| CreatableTopicConfigs {
            name: Str::from_static(entry.name),
            value: entry.value.map(config_text),
            read_only: entry.read_only,
            config_source: entry.source as i8,
            is_sensitive: entry.sensitive,
        });
    Ok(CreatableTopicResult {
        name: topic.name.clone(),
        topic_id,
        num_partitions: partitions,
        replication_factor: 1,
        configs: Some(configs.collect()),
        ..CreatableTopicResult::default()
    })
}

fn asked_partitions(topic: &CreatableTopic) -> Result<Option<i32>, AdminError> {
    match topic.replication_factor {
        -1 | 1 => {}
        factor if factor <= 0 => {
            let why = "Replication factor must be larger than 0, or -1 to use the default value.".to_owned();
            return Err(AdminError::InvalidReplicationFactor(why));
        }
        factor => {
            let why = format!(
                "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} cannot \
                 be reached because only 1 broker(s) are registered or some brokers have all their log directories cordoned."
            );
            return Err(AdminError::InvalidReplicationFactor(why));
        }
    }
    match topic.num_partitions {
        -1 => Ok(None),
        partitions if partitions > 0 => Ok(Some(partitions)),
        _ => {
            let why = "Number of partitions was set to an invalid non-positive value.".to_owned();
            Err(AdminError::InvalidPartitions(why))
        }
    }
}

fn assigned(topic: &CreatableTopic) -> Result<i32, AdminError> {
    if topic.num_partitions != -1 || topic.replication_factor != -1 {
        let why = "A manual partition assignment was specified, but num partitions or replication factor was not set \
                   to -1.";
        return Err(AdminError::InvalidRequest(why.to_owned()));
    }
    let mut indexes: Vec<i32> = topic.assignments.iter().map(|assignment| assignment.partition_index).collect();
    indexes.sort_unstable();
    if indexes.iter().zip(0..).any(|(index, expected)| *index != expected) {
        let why = "partitions should be a consecutive 0-based integer sequence".to_owned();
        return Err(AdminError::InvalidAssignment(why));
    }
    topic.assignments.iter().try_for_each(|assignment| check_replicas(&assignment.broker_ids))?;
    i32::try_from(indexes.len()).map_err(|_| AdminError::InvalidAssignment("too many partitions".to_owned()))
}
