//! ElectLeaders: key 43, v0–v2
//!
//! There is one broker, which leads every partition: an election is never needed (ELECTION_NOT_NEEDED). Without a list,
//! all partitions are meant, and those that need no election are left out of the answer, as Kafka does.
//!
//! Versions: v1 kind of election, top-level error · v2 flexible.

use std::sync::Arc;

use wire::messages::elect_leaders_request::ElectLeadersRequest;
use wire::messages::elect_leaders_response::{ElectLeadersResponse, PartitionResult, ReplicaElectionResult};
use wire::{ApiKey, ErrorCode};

use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::ElectLeaders, 0..=2, |call| call.run(handle)).in_the_slow_lane();

fn handle(broker: &Arc<Broker>, _ctx: &Context, request: ElectLeadersRequest) -> Reply<ElectLeadersResponse> {
    let results = request.topic_partitions.into_iter().flatten().map(|wanted| {
        let partition_result = wanted.partitions.iter().map(|partition_id| {
            let error = match broker.partition(&wanted.topic, *partition_id) {
                Some(_) => ErrorCode::ElectionNotNeeded,
                None => ErrorCode::UnknownTopicOrPartition,
            };
            PartitionResult {
                partition_id: *partition_id,
                error_code: error.code(),
                error_message: Some(error.message().into()),
            }
        });
        let partition_result = partition_result.collect();
        ReplicaElectionResult { topic: wanted.topic, partition_result }
    });
    ElectLeadersResponse { replica_election_results: results.collect(), ..ElectLeadersResponse::default() }.into()
}
