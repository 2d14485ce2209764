//! ListOffsets: key 2, v1–v11
//!
//! Finds offsets by timestamp, and the ends of partitions.
//!
//! Behaviour
//! - −1 latest (the high watermark, or the last stable offset for `read_committed`), −2 earliest, −3 the record with the
//!   largest timestamp, −4 earliest local (the same as earliest), −5 latest tiered and −6 earliest pending upload (none: −1).
//! - A timestamp finds the first *record* whose timestamp is not smaller, inside its batch, with its own timestamp.
//! - Nothing found: offset −1, timestamp −1.
//! - A partition that is named twice is INVALID_REQUEST.
//! - Searches by time are done in the slow lane.
//!
//! Versions: v2 isolation, throttle time · v4 leader epochs · v6 flexible · v7 −3 · v8 −4 · v9 −5 · v10 timeout · v11 −6.

use std::collections::HashSet;
use std::sync::Arc;

use commitlog::Isolation;
use record::TimestampMs;
use wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use wire::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use wire::{ApiKey, ErrorCode, Str};

use super::{Api, Context, Lane, check_leader_epoch};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::ListOffsets, 1..=11, |call| call.run(handle));

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

fn handle(broker: &Arc<Broker>, ctx: &Context, request: ListOffsetsRequest) -> Reply<ListOffsetsResponse> {
    let searches = request.topics.iter().flat_map(|topic| &topic.partitions).any(|wanted| is_search(wanted.timestamp));
    if searches && ctx.lane == Lane::Fast {
        // The batch that it is found in is unpacked, up to a thousand times its size.
        let (broker, version) = (Arc::clone(broker), ctx.version);
        return Reply::Costly(Box::new(move || list(&broker, version, request).into()));
    }
    list(broker, ctx.version, request).into()
}

/// Whether this is a time, or stands for one; the other numbers stand for offsets that are at hand.
fn is_search(timestamp: i64) -> bool {
    timestamp >= 0 || timestamp == MAX_TIMESTAMP
}

fn list(broker: &Broker, version: i16, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let isolation = if request.isolation_level == 1 { Isolation::LastStable } else { Isolation::HighWatermark };
    let twice = named_twice(&request.topics);
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| {
            let found = if twice.contains(&(topic.name.clone(), wanted.partition_index)) {
                Err(ErrorCode::InvalidRequest)
            } else {
                find(broker, version, isolation, &topic.name, wanted)
            };
            found.unwrap_or_else(|error| ListOffsetsPartitionResponse {
                partition_index: wanted.partition_index,
                error_code: error.code(),
                ..ListOffsetsPartitionResponse::default()
            })
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse { name: topic.name, partitions }
    });
    ListOffsetsResponse { topics: topics.collect(), ..ListOffsetsResponse::default() }
}

/// Partitions that a request names more than once: each is refused, as Kafka does.
fn named_twice(topics: &[ListOffsetsTopic]) -> HashSet<(Str, i32)> {
    let mut seen = HashSet::new();
    let named =
        topics.iter().flat_map(|topic| topic.partitions.iter().map(|p| (topic.name.clone(), p.partition_index)));
    named.filter(|named| !seen.insert(named.clone())).collect()
}

fn find(
    broker: &Broker,
    version: i16,
    isolation: Isolation,
    topic: &str,
    wanted: &ListOffsetsPartition,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    let partition = broker.partition(topic, wanted.partition_index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    check_leader_epoch(&partition, wanted.current_leader_epoch)?;
    let log = partition.log();
    let end = match isolation {
        Isolation::LastStable => log.last_stable_offset(),
        _ => log.high_watermark(),
    };
    let mut answer = ListOffsetsPartitionResponse {
        partition_index: wanted.partition_index,
        ..ListOffsetsPartitionResponse::default()
    };
    match wanted.timestamp {
        LATEST => {
            answer.offset = end.0;
            answer.leader_epoch = partition.leader_epoch().0;
        }
        EARLIEST => {
            answer.offset = log.log_start_offset().0;
            answer.leader_epoch = log.epoch_at(log.log_start_offset()).unwrap_or(partition.leader_epoch()).0;
        }
        EARLIEST_LOCAL if version >= 8 => {
            answer.offset = log.log_start_offset().0;
            answer.leader_epoch = log.epoch_at(log.log_start_offset()).unwrap_or(partition.leader_epoch()).0;
        }
        LATEST_TIERED if version >= 9 => {}
        EARLIEST_PENDING_UPLOAD if version >= 11 => {}
        timestamp if timestamp >= 0 || (timestamp == MAX_TIMESTAMP && version >= 7) => {
            let found = if timestamp == MAX_TIMESTAMP {
                log.max_timestamp()
            } else {
                log.offset_for_timestamp(TimestampMs(timestamp), isolation)
            };
            let found = found.map_err(|e| {
                tracing::error!(topic, partition = wanted.partition_index, error = %e, "cannot search by time");
                ErrorCode::KafkaStorageError
            })?;
            if let Some(found) = found.filter(|found| found.offset < end) {
                answer.offset = found.offset.0;
                answer.timestamp = found.timestamp.0;
                answer.leader_epoch = found.leader_epoch.0;
            }
        }
        _ => return Err(ErrorCode::UnsupportedVersion),
    }
    if version < 4 {
        answer.leader_epoch = -1;
    }
    Ok(answer)
}
