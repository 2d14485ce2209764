//! Requests as bytes, encoded once: whatever is sent again and again costs the load generator one write.
//!
//! Versions are the newest that both name topics by name and are known to every Kafka from 2.7 on. All requests carry the
//! same correlation id; answers come in the order of the requests.

use bytes::Bytes;
use record::{BatchBuilder, BatchOptions, LeaderEpoch, Offset, TimestampMs};
use wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use wire::messages::delete_topics_request::DeleteTopicsRequest;
use wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use wire::messages::request_header::RequestHeader;
use wire::{Message, Records, Request, Writer};

use crate::Result;

pub const PRODUCE_VERSION: i16 = 9;
pub const FETCH_VERSION: i16 = 12;
pub const CREATE_TOPICS_VERSION: i16 = 5;
pub const INCREMENTAL_ALTER_CONFIGS_VERSION: i16 = 1;
const DELETE_TOPICS_VERSION: i16 = 4;

/// Where the records of these batches lie in time: a round instant, so that runs are alike.
pub const FIRST_TIMESTAMP: TimestampMs = TimestampMs(1_700_000_000_000);

fn frame<R: Request>(version: i16, request: &R) -> Result<Bytes> {
    let header = RequestHeader {
        request_api_key: R::KEY.code(),
        request_api_version: version,
        correlation_id: 1,
        client_id: Some("bench".into()),
    };
    let mut w = Writer::framed();
    header
        .encode(&mut w, R::KEY.request_header_version(version))
        .and_then(|()| request.encode(&mut w, version))
        .and_then(|()| w.into_bytes())
        .map_err(|e| format!("{}: {e}", R::NAME))
}

/// A batch of `count` records without keys, whose values are `value_bytes` random bytes each.
pub fn batch(count: usize, value_bytes: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(value_bytes as u64);
    let mut value = vec![0; value_bytes];
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for _ in 0..count {
        random.fill(&mut value);
        builder.push(FIRST_TIMESTAMP, None, Some(&value), []);
    }
    builder.finish(Offset(0), LeaderEpoch(-1))
}

/// A Produce request with `acks=all`.
pub fn produce(topic: &str, partition: i32, batch: Bytes) -> Result<Bytes> {
    produce_to(topic, vec![PartitionProduceData { index: partition, records: Records::Bytes(batch) }])
}

/// A Produce request with the same batch for each of the first `partitions` partitions.
pub fn produce_many(topic: &str, partitions: i32, batch: &Bytes) -> Result<Bytes> {
    let of = |index| PartitionProduceData { index, records: Records::Bytes(batch.clone()) };
    produce_to(topic, (0..partitions).map(of).collect())
}

fn produce_to(topic: &str, partition_data: Vec<PartitionProduceData>) -> Result<Bytes> {
    let topic = TopicProduceData { name: topic.into(), partition_data, ..Default::default() };
    let request = ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    frame(PRODUCE_VERSION, &request)
}

/// A Fetch request as a consumer with Kafka's defaults sends it, except that it reads up to `bytes_max` at a time.
pub fn fetch(topic: &str, partition: i32, offset: i64, bytes_max: i32) -> Result<Bytes> {
    let partition = FetchPartition {
        partition,
        current_leader_epoch: -1,
        fetch_offset: offset,
        last_fetched_epoch: -1,
        log_start_offset: -1,
        partition_max_bytes: bytes_max,
        ..Default::default()
    };
    let request = FetchRequest {
        replica_id: -1,
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 50 << 20,
        isolation_level: 1,
        session_epoch: -1,
        topics: vec![FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() }],
        ..Default::default()
    };
    frame(FETCH_VERSION, &request)
}

pub fn create_topic(topic: &str, partitions: i32, configs: &[(&str, &str)]) -> Result<Bytes> {
    let config =
        |(name, value): &(&str, &str)| CreatableTopicConfig { name: (*name).into(), value: Some((*value).into()) };
    let topic = CreatableTopic {
        name: topic.into(),
        num_partitions: partitions,
        replication_factor: 1,
        configs: configs.iter().map(config).collect(),
        ..Default::default()
    };
    frame(CREATE_TOPICS_VERSION, &CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() })
}

/// Sets configs of a topic.
pub fn alter_topic(topic: &str, configs: &[(&str, &str)]) -> Result<Bytes> {
    /// Kafka's number for resources that are topics, and for the operation that sets a value.
    const TOPIC: i8 = 2;
    const SET: i8 = 0;
    let config = |(name, value): &(&str, &str)| AlterableConfig {
        name: (*name).into(),
        config_operation: SET,
        value: Some((*value).into()),
    };
    let resource = AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: topic.into(),
        configs: configs.iter().map(config).collect(),
    };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    frame(INCREMENTAL_ALTER_CONFIGS_VERSION, &request)
}

pub fn delete_topic(topic: &str) -> Result<Bytes> {
    let request = DeleteTopicsRequest { topic_names: vec![topic.into()], timeout_ms: 30_000, ..Default::default() };
    frame(DELETE_TOPICS_VERSION, &request)
}
