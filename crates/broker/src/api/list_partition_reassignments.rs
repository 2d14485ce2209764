//! ListPartitionReassignments: key 46, v0
//!
//! There is one broker, so that no partition ever moves: the list is empty.

use std::sync::Arc;

use wire::ApiKey;
use wire::messages::list_partition_reassignments_request::ListPartitionReassignmentsRequest;
use wire::messages::list_partition_reassignments_response::ListPartitionReassignmentsResponse;

use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api =
    Api::new(ApiKey::ListPartitionReassignments, 0..=0, |call| call.run(handle)).in_the_slow_lane();

fn handle(
    _broker: &Arc<Broker>,
    _ctx: &Context,
    _request: ListPartitionReassignmentsRequest,
) -> Reply<ListPartitionReassignmentsResponse> {
    ListPartitionReassignmentsResponse::default().into()
}
