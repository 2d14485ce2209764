//! JoinGroup: key 11, v0–v9
//!
//! Makes a client a member of a classic group, and gives it the group's next generation.
//!
//! Behaviour
//! - Answered when all members have joined, or when those that have not are out of time.
//! - From v4 a new dynamic member is first told its id (MEMBER_ID_REQUIRED), and joins with it again: so a client that
//!   gives up leaves no member behind.
//! - The leader is told all members with their metadata, and computes the assignment.
//!
//! Versions: v1 rebalance timeout (v0: the session timeout) · v4 MEMBER_ID_REQUIRED · v5 static members · v6 flexible ·
//! v7 protocol type and nullable protocol · v8 reason · v9 skipAssignment.

use std::sync::Arc;

use bytes::Bytes;
use wire::messages::join_group_request::JoinGroupRequest;
use wire::messages::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};
use wire::{ApiKey, ErrorCode, Str};

use super::{Api, Context, client_host};
use crate::broker::Broker;
use crate::group::{JoinReply, JoinRequest};
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::JoinGroup, 0..=9, |call| call.run(handle));

fn handle(broker: &Arc<Broker>, ctx: &Context, request: JoinGroupRequest) -> Reply<JoinGroupResponse> {
    let version = ctx.version;
    let Ok(fresh_uuid) = fresh_uuid() else {
        let reply = JoinReply::error(ErrorCode::CoordinatorNotAvailable, request.member_id.as_str());
        return respond(reply, version).into();
    };
    let join = JoinRequest {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.map(|i| i.to_string()),
        client_id: ctx.client_id.as_deref().unwrap_or_default().to_owned(),
        client_host: client_host(ctx),
        protocol_type: request.protocol_type.to_string(),
        // Copies: metadata stays with the group for long, and must not keep the request's frame alive.
        protocols: request
            .protocols
            .into_iter()
            .map(|p| (p.name.to_string(), Bytes::copy_from_slice(&p.metadata)))
            .collect(),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: if version == 0 { request.session_timeout_ms } else { request.rebalance_timeout_ms },
        require_known_member_id: version >= 4,
        supports_skipping_assignment: version >= 9,
        fresh_uuid,
    };
    let joined = broker.coordinators().join_group(join);
    Reply::later(async move { respond(joined.await, version) })
}

fn respond(reply: JoinReply, version: i16) -> JoinGroupResponse {
    let members = reply.members.into_iter().map(|(member_id, instance, metadata)| JoinGroupResponseMember {
        member_id: member_id.into(),
        group_instance_id: instance.map(Str::from),
        metadata,
    });
    // Until v7 there is no null for the protocol of a refusal.
    let protocol_name = reply.protocol.map(Str::from).or((version < 7).then_some(Str::EMPTY));
    JoinGroupResponse {
        error_code: reply.error.code(),
        generation_id: reply.generation,
        protocol_type: reply.protocol_type.map(Str::from),
        protocol_name,
        leader: reply.leader.into(),
        skip_assignment: reply.skip_assignment,
        member_id: reply.member_id.into(),
        members: members.collect(),
        ..JoinGroupResponse::default()
    }
}

/// A random UUID as Java writes it: member ids end in one.
fn fresh_uuid() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    let n = u128::from_be_bytes(bytes);
    let (n, version) = (n & !(0xf << 76) & !(0x3 << 62), (0x4_u128 << 76) | (0x2 << 62));
    let hex = format!("{:032x}", n | version);
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}
