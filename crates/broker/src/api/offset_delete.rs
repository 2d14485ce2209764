//! OffsetDelete: key 47, v0
//!
//! Forgets offsets of a group.
//!
//! Behaviour
//! - While the group has members, only offsets of topics that none of them subscribes to (GROUP_SUBSCRIBED_TO_TOPIC), and
//!   only where the subscriptions can be read (NON_EMPTY_GROUP).
//! - A partition that does not exist is UNKNOWN_TOPIC_OR_PARTITION.

use std::sync::Arc;

use wire::messages::offset_delete_request::OffsetDeleteRequest;
use wire::messages::offset_delete_response::{
    OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use wire::{ApiKey, ErrorCode};

use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::OffsetDelete, 0..=0, |call| call.run(handle)).in_the_slow_lane();

fn handle(broker: &Arc<Broker>, _ctx: &Context, request: OffsetDeleteRequest) -> Reply<OffsetDeleteResponse> {
    let mut wanted = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in topic.partitions {
            let partition_index = partition.partition_index;
            let known = broker.partition(&topic.name, partition_index).is_some();
            let error = if known { ErrorCode::None } else { ErrorCode::UnknownTopicOrPartition };
            partitions.push(OffsetDeleteResponsePartition { partition_index, error_code: error.code() });
            if known {
                wanted.push((topic.name.to_string(), partition_index));
            }
        }
        topics.push(OffsetDeleteResponseTopic { name: topic.name, partitions });
    }
    let deleted = broker.coordinators().delete_offsets(&request.group_id, &wanted);
    Reply::later(async move {
        let codes = match deleted.await {
            Ok(codes) => codes,
            Err(error) => {
                return OffsetDeleteResponse { error_code: error.code(), ..OffsetDeleteResponse::default() };
            }
        };
        let open = topics.iter_mut().flat_map(|t| &mut t.partitions).filter(|p| p.error_code == 0);
        for (partition, code) in open.zip(codes) {
            partition.error_code = code.code();
        }
        OffsetDeleteResponse { topics, ..OffsetDeleteResponse::default() }
    })
}
