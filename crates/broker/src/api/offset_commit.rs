//! OffsetCommit: key 8, v2–v9
//!
//! Remembers how far a group has come.
//!
//! Behaviour
//! - Answered when the offsets are durable; a fetch never shows one that is not.
//! - A partition that does not exist is UNKNOWN_TOPIC_OR_PARTITION, metadata beyond 4 KiB OFFSET_METADATA_TOO_LARGE; the
//!   others are committed.
//! - Beyond the memory that the offsets of a group, or of all, may take (docs/hostile.md) those that would take more are
//!   POLICY_VIOLATION. Kafka: has no such bound.
//! - The offsets of a running query's group are its own: UNKNOWN_MEMBER_ID, also for who names its member. Kafka: knows no
//!   such groups.
//! - Generation −1 is for consumers without a group protocol, as long as the group has no members.
//!
//! Versions: v2–v4 a retention of its own · v6 leader epoch · v7 static members · v8 flexible · v9 member epochs of the
//! new protocol, which no group has yet.

use std::sync::Arc;

use record::Offset;
use wire::messages::offset_commit_request::OffsetCommitRequest;
use wire::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use wire::{ApiKey, ErrorCode};

use super::{Api, Context};
use crate::broker::Broker;
use crate::group::{self, Committer, OffsetCommit};
use crate::net::refusal::Refusal;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::OffsetCommit, 2..=9, |call| call.run(handle));

fn handle(broker: &Arc<Broker>, _ctx: &Context, request: OffsetCommitRequest) -> Reply<OffsetCommitResponse> {
    let retention_ms = (request.retention_time_ms >= 0).then_some(request.retention_time_ms);
    let mut offsets = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for commit in topic.partitions {
            let partition_index = commit.partition_index;
            let known = broker.partition(&topic.name, partition_index).is_some();
            let error = if known { ErrorCode::None } else { ErrorCode::UnknownTopicOrPartition };
            partitions.push(OffsetCommitResponsePartition { partition_index, error_code: error.code() });
            if known {
                offsets.push(OffsetCommit {
                    topic: topic.name.to_string(),
                    partition: partition_index,
                    offset: Offset(commit.committed_offset),
                    leader_epoch: commit.committed_leader_epoch,
                    metadata: commit.committed_metadata.as_deref().unwrap_or_default().to_owned(),
                    retention_ms,
                });
            }
        }
        topics.push(OffsetCommitResponseTopic { name: topic.name, partitions, ..OffsetCommitResponseTopic::default() });
    }
    let mut response = OffsetCommitResponse { topics, ..OffsetCommitResponse::default() };
    if offsets.is_empty() {
        return response.into();
    }
    let (told, group_id) = (broker.clone(), request.group_id.to_string());
    let committed = broker.coordinators().commit_offsets(group::OffsetCommitRequest {
        committer: Committer::Client,
        group_id: request.group_id.to_string(),
        generation: request.generation_id_or_member_epoch,
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.map(|i| i.to_string()),
        offsets,
        producer: None,
    });
    Reply::later(async move {
        let mut codes = committed.await.map(Vec::into_iter).inspect_err(|code| note_full(&told, &group_id, *code));
        let open = response.topics.iter_mut().flat_map(|t| &mut t.partitions).filter(|p| p.error_code == 0);
        for partition in open {
            let code = match &mut codes {
                Ok(codes) => codes.next().unwrap_or(ErrorCode::UnknownServerError),
                Err(error) => *error,
            };
            partition.error_code = code.code();
        }
        response
    })
}

/// Counts offsets for which there is no memory, and says so.
pub(super) fn note_full(broker: &Broker, group_id: &str, code: ErrorCode) {
    const ID_CHARS_MAX: usize = 100;
    if code == ErrorCode::PolicyViolation {
        let id: String = group_id.chars().take(ID_CHARS_MAX).collect();
        let why = format_args!(
            "no memory for more offsets of group {id:?}: it has its share, or all groups together have all that there is; delete groups or offsets that nobody needs"
        );
        broker.refusals().note(Refusal::GroupOffsets, None, why);
    }
}
