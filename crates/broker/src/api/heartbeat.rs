//! Heartbeat: key 12, v0–v4
//!
//! Keeps a member in its group, and tells it of rebalances.
//!
//! Behaviour
//! - REBALANCE_IN_PROGRESS while the others join: the member is to join again, its generation is valid until then.
//!
//! Versions: v1 throttle time · v3 static members · v4 flexible.

use std::sync::Arc;

use wire::ApiKey;
use wire::messages::heartbeat_request::HeartbeatRequest;
use wire::messages::heartbeat_response::HeartbeatResponse;

use super::{Api, Context};
use crate::broker::Broker;
use crate::group;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::Heartbeat, 0..=4, |call| call.run(handle));

fn handle(broker: &Arc<Broker>, _ctx: &Context, request: HeartbeatRequest) -> Reply<HeartbeatResponse> {
    let heartbeat = group::HeartbeatRequest {
        group_id: request.group_id.to_string(),
        generation: request.generation_id,
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.map(|i| i.to_string()),
    };
    let error_code = broker.coordinators().heartbeat(&heartbeat).code();
    HeartbeatResponse { error_code, ..HeartbeatResponse::default() }.into()
}
