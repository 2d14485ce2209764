//! DeleteRecords: key 21, v0–v2
//!
//! Moves the start of partitions up.
//!
//! Behaviour
//! - Offset −1 means the high watermark; above it OFFSET_OUT_OF_RANGE. The start never moves down.
//! - A topic that is only compacted refuses: POLICY_VIOLATION.
//! - The answer comes when the new start survives power loss.
//!
//! Versions: v2 flexible.

use std::sync::Arc;

use commitlog::{DeleteRecordsError, Ticket};
use record::Offset;
use wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest};
use wire::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use wire::{ApiKey, ErrorCode};

use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;
use crate::topic::is_internal;

pub(super) const API: Api = Api::new(ApiKey::DeleteRecords, 0..=2, |call| call.run(handle)).in_the_slow_lane();

const HIGH_WATERMARK: i64 = -1;

fn handle(broker: &Arc<Broker>, _ctx: &Context, request: DeleteRecordsRequest) -> Reply<DeleteRecordsResponse> {
    let broker = Arc::clone(broker);
    // Old segments are removed on the way: not a thing for a network thread.
    Reply::blocking(move || {
        let mut tickets = Vec::new();
        let topics = request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|wanted| {
                let mut result = DeleteRecordsPartitionResult {
                    partition_index: wanted.partition_index,
                    low_watermark: -1,
                    ..DeleteRecordsPartitionResult::default()
                };
                match delete(&broker, &topic.name, wanted) {
                    Ok((low_watermark, ticket)) => {
                        result.low_watermark = low_watermark;
                        tickets.push(ticket);
                    }
                    Err(error) => result.error_code = error.code(),
                }
                result
            });
            let partitions = partitions.collect();
            DeleteRecordsTopicResult { name: topic.name, partitions }
        });
        let mut topics: Vec<DeleteRecordsTopicResult> = topics.collect();
        if Ticket::all(tickets).wait().is_err() {
            for result in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                result.error_code = ErrorCode::KafkaStorageError.code();
                result.low_watermark = -1;
            }
        }
        DeleteRecordsResponse { topics, ..DeleteRecordsResponse::default() }
    })
}

fn delete(broker: &Broker, topic: &str, wanted: &DeleteRecordsPartition) -> Result<(i64, Ticket), ErrorCode> {
    if is_internal(topic) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let partition = broker.partition(topic, wanted.partition_index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let rules = partition.rules();
    if rules.compacted && !rules.deleted {
        return Err(ErrorCode::PolicyViolation);
    }
    let log = partition.log();
    let before = if wanted.offset == HIGH_WATERMARK { log.high_watermark() } else { Offset(wanted.offset) };
    match log.delete_records(before) {
        Ok(ticket) => Ok((log.log_start_offset().0, ticket)),
        Err(DeleteRecordsError::OffsetOutOfRange { .. }) => Err(ErrorCode::OffsetOutOfRange),
        Err(DeleteRecordsError::Deleted) => Err(ErrorCode::UnknownTopicOrPartition),
        Err(_) => Err(ErrorCode::KafkaStorageError),
    }
}
