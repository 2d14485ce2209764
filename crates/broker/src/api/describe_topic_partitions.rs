//! DescribeTopicPartitions: key 75, v0
//!
//! Describes topics page by page: at most `response_partition_limit` partitions (and at most 2,000), then a cursor that
//! says where to go on. Without topics, all are described. The order is that of the names.

use std::sync::Arc;

use wire::messages::describe_topic_partitions_request::DescribeTopicPartitionsRequest;
use wire::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use wire::{ApiKey, ErrorCode};

use super::{Api, Context, topic_operations};
use crate::broker::Broker;
use crate::metadata::NODE_ID;
use crate::reply::Reply;
use crate::topic::{Partition, check_name};

pub(super) const API: Api =
    Api::new(ApiKey::DescribeTopicPartitions, 0..=0, |call| call.run(handle)).in_the_slow_lane();

/// Partitions of one answer (Kafka's `max.request.partition.size.limit`).
const PARTITIONS_MAX: usize = 2000;

fn handle(
    broker: &Arc<Broker>,
    _ctx: &Context,
    request: DescribeTopicPartitionsRequest,
) -> Reply<DescribeTopicPartitionsResponse> {
    let mut names: Vec<String> = if request.topics.is_empty() {
        broker.catalog.topics().iter().map(|topic| topic.name.to_string()).collect()
    } else {
        request.topics.iter().map(|topic| topic.name.to_string()).collect()
    };
    names.sort_unstable();
    names.dedup();
    let mut first_partition = 0;
    if let Some(cursor) = &request.cursor {
        names.retain(|name| name.as_str() >= cursor.topic_name.as_str());
        if names.first().is_some_and(|name| cursor.topic_name == name.as_str()) {
            first_partition = usize::try_from(cursor.partition_index).unwrap_or(0);
        }
    }
    let mut left = usize::try_from(request.response_partition_limit).unwrap_or(0).clamp(1, PARTITIONS_MAX);
    let mut topics = Vec::new();
    let mut next_cursor = None;
    for name in names {
        let skipped = std::mem::take(&mut first_partition);
        if left == 0 {
            next_cursor = Some(Cursor { topic_name: name.into(), partition_index: 0 });
            break;
        }
        let Some(topic) = broker.catalog.topic(&name) else {
            let error = match check_name(&name) {
                Ok(()) => ErrorCode::UnknownTopicOrPartition,
                Err(_) => ErrorCode::InvalidTopicException,
            };
            topics.push(DescribeTopicPartitionsResponseTopic {
                error_code: error.code(),
                name: Some(name.into()),
                ..DescribeTopicPartitionsResponseTopic::default()
            });
            continue;
        };
        let shown: Vec<_> = topic.partitions.iter().skip(skipped).take(left).map(|one| describe(one)).collect();
        left -= shown.len();
        let end = skipped.saturating_add(shown.len());
        topics.push(DescribeTopicPartitionsResponseTopic {
            name: Some((&*topic.name).into()),
            topic_id: topic.id,
            is_internal: topic.is_internal(),
            partitions: shown,
            topic_authorized_operations: topic_operations(),
            ..DescribeTopicPartitionsResponseTopic::default()
        });
        if end < topic.partitions.len() {
            let partition_index = i32::try_from(end).unwrap_or(i32::MAX);
            next_cursor = Some(Cursor { topic_name: name.into(), partition_index });
            break;
        }
    }
    DescribeTopicPartitionsResponse { topics, next_cursor, ..DescribeTopicPartitionsResponse::default() }.into()
}

fn describe(partition: &Partition) -> DescribeTopicPartitionsResponsePartition {
    DescribeTopicPartitionsResponsePartition {
        partition_index: partition.index(),
        leader_id: NODE_ID,
        leader_epoch: partition.leader_epoch().0,
        replica_nodes: vec![NODE_ID],
        isr_nodes: vec![NODE_ID],
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        ..DescribeTopicPartitionsResponsePartition::default()
    }
}
