//! Produce: key 0, v3–v11 (advertised from v0)
//!
//! Appends record batches.
//!
//! Behaviour
//! - Each partition has exactly one batch of format v2. It is checked, appended at once, and answered when it is
//!   durable and visible; a partition's error does not touch the others.
//! - acks 0 has no answer; if anything fails, the connection is closed, so that the client notices. acks 1 and -1 are
//!   the same on one node. Anything else is INVALID_REQUIRED_ACKS for every partition.
//! - A transactional batch needs the request's transactional id, and a partition that was added to its transaction.
//! - Clients do not write to internal topics.
//!
//! Versions: v3 transactional id, format v2 · v5 log start · v7 zstd · v8 errors per record · v9 flexible · v10 leader
//! and endpoints in answers.
//!
//! Kafka: v0–v2 close the connection, as in Apache Kafka 4. Topics are not created here: clients ask for Metadata first.

use std::sync::Arc;

use record::Compression;
use wire::messages::produce_request::{PartitionProduceData, ProduceRequest};
use wire::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use wire::{ApiKey, ErrorCode};

use super::{Api, Context, abortable_as};
use crate::broker::Broker;
use crate::produce::{ProduceError, sole_batch};
use crate::reply::Reply;
use crate::topic::is_internal;
use crate::txn::Producer;
use commitlog::{Appended, Ticket};

pub(super) const API: Api = Api::new(ApiKey::Produce, 3..=11, |call| call.run(handle)).advertised_from(0);

fn handle(broker: &Arc<Broker>, ctx: &Context, request: ProduceRequest) -> Reply<ProduceResponse> {
    let acks = request.acks;
    let acks_known = matches!(acks, -1..=1);
    let mut tickets = Vec::new();
    let mut failed = false;
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for topic in request.topic_data {
        let mut partition_responses = Vec::with_capacity(topic.partition_data.len());
        for data in topic.partition_data {
            let index = data.index;
            let appended = if acks_known {
                append(broker, ctx, request.transactional_id.as_deref(), &topic.name, data)
            } else {
                let error = ErrorCode::InvalidRequiredAcks;
                Err(ProduceError::new(error, error.message()))
            };
            partition_responses.push(match appended {
                Ok(appended) => {
                    let response = PartitionProduceResponse {
                        index,
                        base_offset: appended.base_offset.0,
                        log_append_time_ms: appended.log_append_time.0,
                        log_start_offset: appended.log_start_offset.0,
                        ..PartitionProduceResponse::default()
                    };
                    tickets.push((responses.len(), partition_responses.len(), appended.ticket));
                    response
                }
                Err(e) => {
                    failed = true;
                    refused(index, e)
                }
            });
        }
        responses.push(TopicProduceResponse {
            name: topic.name,
            partition_responses,
            ..TopicProduceResponse::default()
        });
    }
    let mut response = ProduceResponse { responses, ..ProduceResponse::default() };
    match acks {
        0 if failed => Reply::Close,
        0 => Reply::Silent,
        _ if tickets.is_empty() => response.into(),
        _ => Reply::later(async move {
            if let Err(e) =
                Ticket::all(tickets.iter_mut().map(|(_, _, ticket)| std::mem::replace(ticket, Ticket::done()))).await
            {
                // The set has latched: which of them reached the disk is not known, so none did.
                for (topic, partition, _) in tickets {
                    let response = &mut response.responses[topic].partition_responses[partition];
                    let error = ProduceError::new(ErrorCode::KafkaStorageError, e.to_string());
                    *response = refused(response.index, error);
                }
            }
            response
        }),
    }
}

fn append(
    broker: &Broker,
    ctx: &Context,
    transactional_id: Option<&str>,
    topic: &str,
    data: PartitionProduceData,
) -> Result<Appended, ProduceError> {
    let refuse = |error: ErrorCode| ProduceError::new(error, error.message());
    if is_internal(topic) {
        return Err(refuse(ErrorCode::InvalidTopicException));
    }
    let partition = broker.partition(topic, data.index).ok_or_else(|| refuse(ErrorCode::UnknownTopicOrPartition))?;
    let batch = sole_batch(data.records.into_bytes().unwrap_or_default())?;
    if ctx.version < 7 && batch.header.compression().is_ok_and(|codec| codec == Compression::Zstd) {
        return Err(refuse(ErrorCode::UnsupportedCompressionType));
    }
    if batch.header.is_transactional() {
        let transactional_id = transactional_id.ok_or_else(|| refuse(ErrorCode::TransactionalIdAuthorizationFailed))?;
        let producer = Producer { id: batch.header.producer_id, epoch: batch.header.producer_epoch };
        let checked = partition.check(batch, ctx.now_ms)?;
        let append = || partition.append(checked, ctx.now_ms);
        return broker
            .coordinators()
            .append_transactional(transactional_id, producer, topic, data.index, append)
            .map_err(|error| refuse(abortable_as(ctx.version >= 11)(error)))?;
    }
    partition.append_checked(batch, ctx.now_ms)
}

fn refused(index: i32, error: ProduceError) -> PartitionProduceResponse {
    let record_errors = error.records.into_iter().map(|(batch_index, message)| BatchIndexAndErrorMessage {
        batch_index,
        batch_index_error_message: Some(message.into()),
    });
    PartitionProduceResponse {
        index,
        error_code: error.code.code(),
        base_offset: -1,
        log_start_offset: -1,
        record_errors: record_errors.collect(),
        error_message: Some(error.message.into()),
        ..PartitionProduceResponse::default()
    }
}
