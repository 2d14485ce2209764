//! CreateAcls: key 30, v1–v3
//!
//! There is no authorizer: SECURITY_DISABLED for each, as Kafka answers without one.
//!
//! Versions: v2 flexible · v3 user resources.

use std::sync::Arc;

use wire::messages::create_acls_request::CreateAclsRequest;
use wire::messages::create_acls_response::{AclCreationResult, CreateAclsResponse};
use wire::{ApiKey, ErrorCode};

use super::describe_acls::NO_AUTHORIZER;
use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::CreateAcls, 1..=3, |call| call.run(handle)).in_the_slow_lane();

fn handle(_broker: &Arc<Broker>, _ctx: &Context, request: CreateAclsRequest) -> Reply<CreateAclsResponse> {
    let refused =
        AclCreationResult { error_code: ErrorCode::SecurityDisabled.code(), error_message: Some(NO_AUTHORIZER) };
    let results = vec![refused; request.creations.len()];
    CreateAclsResponse { results, ..CreateAclsResponse::default() }.into()
}
