//! FindCoordinator: key 10, v0–v6
//!
//! Says which broker coordinates a group or a transactional id: this one, at the address that the client reached it by.
//!
//! Behaviour
//! - Key type 0 is a group, 1 a transactional id; any other is INVALID_REQUEST.
//!
//! Versions: v1 key type · v3 flexible · v4 many keys · v6 share groups (key type 2).
//!
//! Kafka: there is no share coordinator here yet, so key type 2 is INVALID_REQUEST too.

use std::sync::Arc;

use wire::messages::find_coordinator_request::FindCoordinatorRequest;
use wire::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use wire::{ApiKey, ErrorCode, Str};

use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::FindCoordinator, 0..=6, |call| call.run(handle));

fn handle(broker: &Arc<Broker>, ctx: &Context, request: FindCoordinatorRequest) -> Reply<FindCoordinatorResponse> {
    let known = matches!(request.key_type, 0 | 1);
    let find = |key: Str| {
        if known {
            let (host, port) = (Str::from(&*ctx.host), i32::from(ctx.port));
            Coordinator { key, node_id: broker.node_id(), host, port, ..Coordinator::default() }
        } else {
            let error = ErrorCode::InvalidRequest;
            let error_message = Some(Str::from(error.message()));
            Coordinator {
                key,
                node_id: -1,
                port: -1,
                error_code: error.code(),
                error_message,
                ..Coordinator::default()
            }
        }
    };
    if ctx.version >= 4 {
        let coordinators = request.coordinator_keys.into_iter().map(find).collect();
        return FindCoordinatorResponse { coordinators, ..FindCoordinatorResponse::default() }.into();
    }
    let Coordinator { node_id, host, port, error_code, error_message, .. } = find(request.key);
    FindCoordinatorResponse { node_id, host, port, error_code, error_message, ..FindCoordinatorResponse::default() }
        .into()
}
