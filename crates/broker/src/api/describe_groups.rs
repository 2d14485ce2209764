//! DescribeGroups: key 15, v0–v6
//!
//! Shows the state and members of groups.
//!
//! Behaviour
//! - Metadata and assignments are shown while the group is stable.
//! - Until v5 a group that does not exist is `Dead`, without an error; from v6 it is GROUP_ID_NOT_FOUND.
//!
//! Versions: v1 throttle time · v3 authorized operations · v4 static members · v5 flexible · v6 error messages.

use std::sync::Arc;

use wire::messages::describe_groups_request::DescribeGroupsRequest;
use wire::messages::describe_groups_response::{DescribeGroupsResponse, DescribedGroup, DescribedGroupMember};
use wire::{ApiKey, ErrorCode, Str};

use super::once::once;
use super::{Api, Context};
use crate::broker::Broker;
use crate::group::GroupState;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::DescribeGroups, 0..=6, |call| call.run(handle)).in_the_slow_lane();

/// READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS: whatever one can do with a group, everybody may.
const ALL_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

fn handle(broker: &Arc<Broker>, ctx: &Context, request: DescribeGroupsRequest) -> Reply<DescribeGroupsResponse> {
    let operations = if request.include_authorized_operations { ALL_OPERATIONS } else { i32::MIN };
    let groups = once(request.groups, Str::clone)
        .into_iter()
        .map(|group_id| describe(broker, group_id, ctx.version, operations));
    DescribeGroupsResponse { groups: groups.collect(), ..DescribeGroupsResponse::default() }.into()
}

fn describe(broker: &Broker, group_id: Str, version: i16, authorized_operations: i32) -> DescribedGroup {
    let Some(group) = broker.coordinators().describe_group(&group_id) else {
        let group_state = Str::from(GroupState::Dead.name());
        let mut described = DescribedGroup { group_id, group_state, ..DescribedGroup::default() };
        if version >= 6 {
            described.error_code = ErrorCode::GroupIdNotFound.code();
            described.error_message = Some(format!("Group {} not found.", described.group_id.as_str()).into());
        }
        return described;
    };
    let members = group.members.into_iter().map(|member| DescribedGroupMember {
        member_id: member.member_id.into(),
        group_instance_id: member.group_instance_id.map(Str::from),
        client_id: member.client_id.into(),
        client_host: member.client_host.into(),
        member_metadata: member.metadata,
        member_assignment: member.assignment,
    });
    DescribedGroup {
        group_id,
        group_state: group.state.name().into(),
        protocol_type: group.protocol_type.into(),
        protocol_data: group.protocol.into(),
        members: members.collect(),
        authorized_operations,
        ..DescribedGroup::default()
    }
}
