//! TxnOffsetCommit: key 28, v0–v4
//!
//! Commits offsets as part of a transaction: they count when its COMMIT marker is written.
//!
//! Behaviour
//! - The group's offsets must have been added to the open transaction (INVALID_TXN_STATE otherwise), by the present
//!   producer (INVALID_PRODUCER_EPOCH).
//! - v3+ names the member: one of an older generation, or that is no member, is refused, so that a consumer that lost
//!   its partitions cannot move their offsets (KIP-447). The offsets of a running query's group are its own, in every
//!   version: UNKNOWN_MEMBER_ID.
//!
//! Versions: v2 leader epoch · v3 flexible, member · v4 TRANSACTION_ABORTABLE instead of INVALID_TXN_STATE.

use std::sync::Arc;

use record::{Offset, ProducerEpoch, ProducerId};
use wire::messages::txn_offset_commit_request::TxnOffsetCommitRequest;
use wire::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use wire::{ApiKey, ErrorCode};

use super::offset_commit::note_full;
use super::{Api, Context, abortable_as};
use crate::broker::Broker;
use crate::group::{Committer, OffsetCommit, OffsetCommitRequest};
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::TxnOffsetCommit, 0..=4, |call| call.run(handle));

fn handle(broker: &Arc<Broker>, ctx: &Context, request: TxnOffsetCommitRequest) -> Reply<TxnOffsetCommitResponse> {
    let mut offsets = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for commit in topic.partitions {
            let partition_index = commit.partition_index;
            let known = broker.partition(&topic.name, partition_index).is_some();
            let error = if known { ErrorCode::None } else { ErrorCode::UnknownTopicOrPartition };
            partitions.push(TxnOffsetCommitResponsePartition { partition_index, error_code: error.code() });
            if known {
                offsets.push(OffsetCommit {
                    topic: topic.name.to_string(),
                    partition: partition_index,
                    offset: Offset(commit.committed_offset),
                    leader_epoch: commit.committed_leader_epoch,
                    metadata: commit.committed_metadata.as_deref().unwrap_or_default().to_owned(),
                    retention_ms: None,
                });
            }
        }
        topics.push(TxnOffsetCommitResponseTopic { name: topic.name, partitions });
    }
    let mut response = TxnOffsetCommitResponse { topics, ..TxnOffsetCommitResponse::default() };
    if offsets.is_empty() {
        return response.into();
    }
    let (told, group_id) = (broker.clone(), request.group_id.to_string());
    let commit = OffsetCommitRequest {
        committer: Committer::Client,
        group_id: request.group_id.to_string(),
        generation: request.generation_id,
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.map(|i| i.to_string()),
        offsets,
        producer: Some((ProducerId(request.producer_id), ProducerEpoch(request.producer_epoch))),
    };
    let committed = broker.coordinators().commit_transactional_offsets(&request.transactional_id, commit);
    let version = ctx.version;
    Reply::later(async move {
        let committed = committed.await.inspect_err(|code| note_full(&told, &group_id, *code));
        let mut codes = committed.map(Vec::into_iter).map_err(abortable_as(version >= 4));
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
