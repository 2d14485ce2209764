//! AddPartitionsToTxn: key 24, v0–v3
//!
//! Enrols partitions in a transaction, and begins it with the first ones.
//!
//! Behaviour
//! - Answered when it is durable. While the id's last transaction is still ending, the request waits for that.
//! - If one partition does not exist, none is added: it is UNKNOWN_TOPIC_OR_PARTITION, the others
//!   OPERATION_NOT_ATTEMPTED.
//!
//! Versions: v2 PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH · v3 flexible. v4 and v5 are for brokers, not for
//! clients.
//!
//! Kafka: answers CONCURRENT_TRANSACTIONS where we wait.

use std::sync::Arc;

use record::{ProducerEpoch, ProducerId};
use wire::messages::add_partitions_to_txn_request::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use wire::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResponse, AddPartitionsToTxnTopicResult,
};
use wire::{ApiKey, ErrorCode};

use super::{Api, Context, fenced_as};
use crate::broker::Broker;
use crate::reply::Reply;
use crate::txn::{Partitions, Producer, Refusal};

pub(super) const API: Api = Api::new(ApiKey::AddPartitionsToTxn, 0..=3, |call| call.run(handle));

fn handle(
    broker: &Arc<Broker>,
    ctx: &Context,
    request: AddPartitionsToTxnRequest,
) -> Reply<AddPartitionsToTxnResponse> {
    let topics = request.v3_and_below_topics;
    let exists = |topic: &str, partition: i32| {
        broker.partition(topic, partition).is_some_and(|partition| !partition.is_internal())
    };
    if topics.iter().any(|topic| topic.partitions.iter().any(|p| !exists(&topic.name, *p))) {
        let judge = |topic: &str, partition: i32| match exists(topic, partition) {
            true => ErrorCode::OperationNotAttempted,
            false => ErrorCode::UnknownTopicOrPartition,
        };
        return respond(topics, judge).into();
    }
    let mut partitions = Partitions::new();
    for topic in &topics {
        partitions.entry(topic.name.to_string()).or_default().extend(&topic.partitions);
    }
    let producer = Producer {
        id: ProducerId(request.v3_and_below_producer_id),
        epoch: ProducerEpoch(request.v3_and_below_producer_epoch),
    };
    let transactional_id = request.v3_and_below_transactional_id.to_string();
    let fenced = fenced_as(ctx.version >= 2);
    match broker.coordinators().add_partitions(transactional_id, producer, ctx.connection_id, partitions) {
        Ok(later) => Reply::later(async move {
            let error = later.await.err().map_or(ErrorCode::None, fenced);
            respond(topics, |_, _| error)
        }),
        Err(Refusal::Error(error)) => respond(topics, |_, _| fenced(error)).into(),
        Err(Refusal::Busy) => respond(topics, |_, _| ErrorCode::ConcurrentTransactions).into(),
        Err(Refusal::StaleConnection) => Reply::Close,
    }
}

fn respond(topics: Vec<AddPartitionsToTxnTopic>, judge: impl Fn(&str, i32) -> ErrorCode) -> AddPartitionsToTxnResponse {
    let results = topics.into_iter().map(|topic| AddPartitionsToTxnTopicResult {
        results_by_partition: topic
            .partitions
            .iter()
            .map(|partition| AddPartitionsToTxnPartitionResult {
                partition_index: *partition,
                partition_error_code: judge(&topic.name, *partition).code(),
            })
            .collect(),
        name: topic.name,
    });
    AddPartitionsToTxnResponse {
        results_by_topic_v3_and_below: results.collect(),
        ..AddPartitionsToTxnResponse::default()
    }
}
