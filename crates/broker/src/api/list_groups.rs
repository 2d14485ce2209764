//! ListGroups: key 16, v0–v5
//!
//! Names all groups, running queries' included.
//!
//! Versions: v1 throttle time · v3 flexible · v4 states · v5 types: all groups are `classic`.

use std::sync::Arc;

use wire::ApiKey;
use wire::messages::list_groups_request::ListGroupsRequest;
use wire::messages::list_groups_response::{ListGroupsResponse, ListedGroup};

use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::ListGroups, 0..=5, |call| call.run(handle)).in_the_slow_lane();

fn handle(broker: &Arc<Broker>, _ctx: &Context, request: ListGroupsRequest) -> Reply<ListGroupsResponse> {
    let (states, types) = (request.states_filter, request.types_filter);
    let wanted_type = types.is_empty() || types.iter().any(|t| t.eq_ignore_ascii_case("classic"));
    let wanted_state = |state: &str| states.is_empty() || states.iter().any(|s| s.eq_ignore_ascii_case(state));
    let groups = broker.coordinators().list_groups().into_iter();
    let groups = groups.filter(|group| wanted_type && wanted_state(group.state.name())).map(|group| ListedGroup {
        group_id: group.group_id.into(),
        protocol_type: group.protocol_type.into(),
        group_state: group.state.name().into(),
        group_type: "classic".into(),
    });
    ListGroupsResponse { groups: groups.collect(), ..ListGroupsResponse::default() }.into()
}
