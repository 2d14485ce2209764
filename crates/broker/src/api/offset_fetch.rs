//! OffsetFetch: key 9, v1–v9
//!
//! Says how far groups have come.
//!
//! Behaviour
//! - An offset that was never committed is −1, not an error; so is every offset of an unknown group.
//! - With requireStable, an offset that an open transaction is about to move is UNSTABLE_OFFSET_COMMIT.
//! - Answered when what it tells is durable.
//!
//! Versions: v2 null topics: all · v5 leader epoch · v6 flexible · v7 requireStable · v8 many groups · v9 member epochs of
//! the new protocol, which no group has yet.

use std::collections::HashSet;
use std::sync::Arc;

use wire::messages::offset_fetch_request::OffsetFetchRequest;
use wire::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use wire::{ApiKey, ErrorCode, Str};

use super::once::once;
use super::{Api, Context};
use crate::broker::Broker;
use crate::group::OffsetReply;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::OffsetFetch, 1..=9, |call| call.run(handle));

fn handle(broker: &Arc<Broker>, ctx: &Context, request: OffsetFetchRequest) -> Reply<OffsetFetchResponse> {
    let broker = Arc::clone(broker);
    let require_stable = request.require_stable;
    if ctx.version >= 8 {
        return Reply::later(async move {
            let mut groups = Vec::with_capacity(request.groups.len());
            for group in once(request.groups, |group| group.group_id.clone()) {
                let topics = group.topics.map(|topics| topics.into_iter().map(|t| (t.name, t.partition_indexes)));
                let fetched = fetch(&broker, &group.group_id, topics.map(Iterator::collect), require_stable).await;
                groups.push(group_response(group.group_id, fetched));
            }
            OffsetFetchResponse { groups, ..OffsetFetchResponse::default() }
        });
    }
    Reply::later(async move {
        let topics = request.topics.map(|topics| topics.into_iter().map(|t| (t.name, t.partition_indexes)).collect());
        let group = group_response(Str::EMPTY, fetch(&broker, &request.group_id, topics, require_stable).await);
        // The same answer in the layout of one group.
        let topics = group.topics.into_iter().map(|topic| OffsetFetchResponseTopic {
            name: topic.name,
            partitions: topic
                .partitions
                .into_iter()
                .map(|p| OffsetFetchResponsePartition {
                    partition_index: p.partition_index,
                    committed_offset: p.committed_offset,
                    committed_leader_epoch: p.committed_leader_epoch,
                    metadata: p.metadata,
                    error_code: p.error_code,
                })
                .collect(),
        });
        OffsetFetchResponse { topics: topics.collect(), error_code: group.error_code, ..OffsetFetchResponse::default() }
    })
}

/// Topics with their partitions and replies, in the order asked for.
type Fetched = Result<Vec<(Str, Vec<(i32, OffsetReply)>)>, ErrorCode>;

async fn fetch(
    broker: &Arc<Broker>,
    group_id: &str,
    topics: Option<Vec<(Str, Vec<i32>)>>,
    require_stable: bool,
) -> Fetched {
    let Some(mut topics) = topics else {
        let mut all: Vec<(Str, Vec<(i32, OffsetReply)>)> = Vec::new();
        for (topic, partition, reply) in broker.coordinators().fetch_all_offsets(group_id, require_stable).await? {
            match all.last_mut() {
                Some((last, partitions)) if last.as_str() == topic => partitions.push((partition, reply)),
                _ => all.push((topic.into(), vec![(partition, reply)])),
            }
        }
        return Ok(all);
    };
    let mut seen = HashSet::new();
    for (topic, partitions) in &mut topics {
        partitions.retain(|partition| seen.insert((topic.clone(), *partition)));
    }
    let wanted: Vec<(String, i32)> =
        topics.iter().flat_map(|(topic, ps)| ps.iter().map(|p| (topic.to_string(), *p))).collect();
    let replies = broker.coordinators().fetch_offsets(group_id, &wanted, require_stable).await?;
    let mut replies = replies.into_iter();
    let fetched = topics.into_iter().map(|(topic, partitions)| {
        let partitions = partitions.into_iter().zip(replies.by_ref()).collect();
        (topic, partitions)
    });
    Ok(fetched.collect())
}

fn group_response(group_id: Str, fetched: Fetched) -> OffsetFetchResponseGroup {
    let topics = match fetched {
        Ok(topics) => topics,
        Err(error) => {
            return OffsetFetchResponseGroup { group_id, topics: Vec::new(), error_code: error.code() };
        }
    };
    let topics = topics.into_iter().map(|(name, partitions)| OffsetFetchResponseTopics {
        name,
        partitions: partitions
            .into_iter()
            .map(|(partition_index, reply)| OffsetFetchResponsePartitions {
                partition_index,
                committed_offset: reply.offset.0,
                committed_leader_epoch: reply.leader_epoch,
                metadata: Some(reply.metadata.into()),
                error_code: reply.error.code(),
            })
            .collect(),
        ..OffsetFetchResponseTopics::default()
    });
    OffsetFetchResponseGroup { group_id, topics: topics.collect(), error_code: 0 }
}
