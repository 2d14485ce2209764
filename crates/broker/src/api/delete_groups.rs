//! DeleteGroups: key 42, v0–v2
//!
//! Forgets groups and their offsets.
//!
//! Behaviour
//! - A group with members is NON_EMPTY_GROUP; a running query is a member of its group.
//!
//! Versions: v1 same as v0 · v2 flexible.

use std::sync::Arc;

use wire::ApiKey;
use wire::messages::delete_groups_request::DeleteGroupsRequest;
use wire::messages::delete_groups_response::{DeletableGroupResult, DeleteGroupsResponse};

use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::DeleteGroups, 0..=2, |call| call.run(handle)).in_the_slow_lane();

fn handle(broker: &Arc<Broker>, _ctx: &Context, request: DeleteGroupsRequest) -> Reply<DeleteGroupsResponse> {
    let groups = request.groups_names.into_iter();
    let deletions: Vec<_> = groups
        .map(|group_id| {
            let deleted = broker.coordinators().delete_group(&group_id);
            (group_id, deleted)
        })
        .collect();
    Reply::later(async move {
        let mut results = Vec::with_capacity(deletions.len());
        for (group_id, deleted) in deletions {
            results.push(DeletableGroupResult { group_id, error_code: deleted.await.code() });
        }
        DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() }
    })
}
