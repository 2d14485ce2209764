//! SyncGroup: key 14, v0–v5
//!
//! Hands in the leader's assignment, and gives each member its own.
//!
//! Behaviour
//! - Answered when the leader has synced and the generation is durable. A member without an assignment gets empty bytes,
//!   never null.
//!
//! Versions: v3 static members · v4 flexible · v5 protocol type and name, which must be given and be the group's.

use std::sync::Arc;

use bytes::Bytes;
use wire::messages::sync_group_request::SyncGroupRequest;
use wire::messages::sync_group_response::SyncGroupResponse;
use wire::{ApiKey, ErrorCode, Str};

use super::{Api, Context};
use crate::broker::Broker;
use crate::group::SyncRequest;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::SyncGroup, 0..=5, |call| call.run(handle));

fn handle(broker: &Arc<Broker>, ctx: &Context, request: SyncGroupRequest) -> Reply<SyncGroupResponse> {
    let names_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    if ctx.version >= 5 && !names_protocol {
        let error_code = ErrorCode::InconsistentGroupProtocol.code();
        return SyncGroupResponse { error_code, ..SyncGroupResponse::default() }.into();
    }
    let sync = SyncRequest {
        group_id: request.group_id.to_string(),
        generation: request.generation_id,
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.map(|i| i.to_string()),
        protocol_type: request.protocol_type.map(|t| t.to_string()),
        protocol: request.protocol_name.map(|p| p.to_string()),
        assignments: request
            .assignments
            .into_iter()
            .map(|a| (a.member_id.to_string(), Bytes::copy_from_slice(&a.assignment)))
            .collect(),
    };
    let synced = broker.coordinators().sync_group(sync);
    Reply::later(async move {
        let reply = synced.await;
        SyncGroupResponse {
            error_code: reply.error.code(),
            protocol_type: reply.protocol_type.map(Str::from),
            protocol_name: reply.protocol.map(Str::from),
            assignment: reply.assignment,
            ..SyncGroupResponse::default()
        }
    })
}
