//! DescribeProducers: key 61, v0
//!
//! Says which idempotent and transactional producers partitions know, and where their open transactions begin.

use std::collections::HashSet;
use std::sync::Arc;

use wire::messages::describe_producers_request::DescribeProducersRequest;
use wire::messages::describe_producers_response::{
    DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};
use wire::{ApiKey, ErrorCode};

use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::DescribeProducers, 0..=0, |call| call.run(handle)).in_the_slow_lane();

fn handle(broker: &Arc<Broker>, _ctx: &Context, request: DescribeProducersRequest) -> Reply<DescribeProducersResponse> {
    let mut seen = HashSet::new();
    let topics = request.topics.into_iter().map(|topic| {
        let indexes = topic.partition_indexes.into_iter();
        let partitions = indexes
            .filter(|index| seen.insert((topic.name.clone(), *index)))
            .map(|index| describe(broker, &topic.name, index));
        let partitions = partitions.collect();
        TopicResponse { name: topic.name, partitions }
    });
    DescribeProducersResponse { topics: topics.collect(), ..DescribeProducersResponse::default() }.into()
}

fn describe(broker: &Broker, topic: &str, partition_index: i32) -> PartitionResponse {
    let Some(partition) = broker.partition(topic, partition_index) else {
        let error_code = ErrorCode::UnknownTopicOrPartition.code();
        return PartitionResponse { partition_index, error_code, ..PartitionResponse::default() };
    };
    let producers = partition.log().producers().into_iter().map(|producer| ProducerState {
        producer_id: producer.producer_id.0,
        producer_epoch: i32::from(producer.epoch.0),
        last_sequence: producer.last_sequence.0,
        last_timestamp: producer.last_timestamp.0,
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.current_txn_first_offset.map_or(-1, |offset| offset.0),
    });
    PartitionResponse { partition_index, active_producers: producers.collect(), ..PartitionResponse::default() }
}
