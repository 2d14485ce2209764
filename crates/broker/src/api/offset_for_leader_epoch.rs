//! OffsetForLeaderEpoch: key 23, v2–v4
//!
//! Says where a leader epoch ended, so that clients notice that a log lost its tail (KIP-320).
//!
//! Behaviour
//! - The largest known epoch that is not larger than the one asked for, and the first offset after it; −1 and −1 when
//!   none is known.
//!
//! Versions: v3 replica id · v4 flexible.

use std::sync::Arc;

use record::LeaderEpoch;
use wire::messages::offset_for_leader_epoch_request::{OffsetForLeaderEpochRequest, OffsetForLeaderPartition};
use wire::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use wire::{ApiKey, ErrorCode};

use super::{Api, Context, check_leader_epoch};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::OffsetForLeaderEpoch, 2..=4, |call| call.run(handle));

fn handle(
    broker: &Arc<Broker>,
    _ctx: &Context,
    request: OffsetForLeaderEpochRequest,
) -> Reply<OffsetForLeaderEpochResponse> {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| {
            find(broker, &topic.topic, wanted).unwrap_or_else(|error| EpochEndOffset {
                error_code: error.code(),
                partition: wanted.partition,
                ..EpochEndOffset::default()
            })
        });
        let partitions = partitions.collect();
        OffsetForLeaderTopicResult { topic: topic.topic, partitions }
    });
    OffsetForLeaderEpochResponse { topics: topics.collect(), ..OffsetForLeaderEpochResponse::default() }.into()
}

fn find(broker: &Broker, topic: &str, wanted: &OffsetForLeaderPartition) -> Result<EpochEndOffset, ErrorCode> {
    let partition = broker.partition(topic, wanted.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    check_leader_epoch(&partition, wanted.current_leader_epoch)?;
    let mut answer = EpochEndOffset { partition: wanted.partition, ..EpochEndOffset::default() };
    let log = partition.log();
    if wanted.leader_epoch == partition.leader_epoch().0 {
        // The current epoch ends at the end of the log, also when it has no batch yet.
        answer.leader_epoch = wanted.leader_epoch;
        answer.end_offset = log.log_end_offset().0;
    } else if let Some(end) = log.end_offset_for_epoch(LeaderEpoch(wanted.leader_epoch)) {
        answer.leader_epoch = end.leader_epoch.0;
        answer.end_offset = end.end_offset.0;
    }
    Ok(answer)
}
