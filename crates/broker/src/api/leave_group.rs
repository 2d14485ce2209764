//! LeaveGroup: key 13, v0–v5
//!
//! Takes members out of a group at once, without waiting for their sessions to end.
//!
//! Behaviour
//! - A static member may be removed by its instance id alone, as administrators do.
//! - The member of a running query cannot be removed: UNKNOWN_MEMBER_ID.
//!
//! Versions: v1 throttle time · v3 many members, with an error each · v4 flexible · v5 reason.

use std::sync::Arc;

use wire::messages::leave_group_request::LeaveGroupRequest;
use wire::messages::leave_group_response::{LeaveGroupResponse, MemberResponse};
use wire::{ApiKey, ErrorCode, Str};

use super::{Api, Context};
use crate::broker::Broker;
use crate::group::LeaveMember;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::LeaveGroup, 0..=5, |call| call.run(handle));

fn handle(broker: &Arc<Broker>, ctx: &Context, request: LeaveGroupRequest) -> Reply<LeaveGroupResponse> {
    if request.group_id.is_empty() {
        let error_code = ErrorCode::InvalidGroupId.code();
        return LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() }.into();
    }
    let leaving = if ctx.version < 3 {
        vec![LeaveMember { member_id: request.member_id.to_string(), group_instance_id: None }]
    } else {
        let leaving = request.members.into_iter().map(|m| LeaveMember {
            member_id: m.member_id.to_string(),
            group_instance_id: m.group_instance_id.map(|i| i.to_string()),
        });
        leaving.collect()
    };
    let replies = broker.coordinators().leave_group(&request.group_id, leaving);
    if ctx.version < 3 {
        let error_code = replies.first().map_or(0, |reply| reply.error.code());
        return LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() }.into();
    }
    let members = replies.into_iter().map(|reply| MemberResponse {
        member_id: reply.member_id.into(),
        group_instance_id: reply.group_instance_id.map(Str::from),
        error_code: reply.error.code(),
    });
    LeaveGroupResponse { members: members.collect(), ..LeaveGroupResponse::default() }.into()
}
