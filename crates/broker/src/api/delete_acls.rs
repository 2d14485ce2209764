//! DeleteAcls: key 31, v1–v3
//!
//! There is no authorizer: SECURITY_DISABLED for each filter, as Kafka answers without one.
//!
//! Versions: v2 flexible · v3 user resources.

use std::sync::Arc;

use wire::messages::delete_acls_request::DeleteAclsRequest;
use wire::messages::delete_acls_response::{DeleteAclsFilterResult, DeleteAclsResponse};
use wire::{ApiKey, ErrorCode};

use super::describe_acls::NO_AUTHORIZER;
use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::DeleteAcls, 1..=3, |call| call.run(handle)).in_the_slow_lane();

fn handle(_broker: &Arc<Broker>, _ctx: &Context, request: DeleteAclsRequest) -> Reply<DeleteAclsResponse> {
    let refused = DeleteAclsFilterResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER),
        ..DeleteAclsFilterResult::default()
    };
    let filter_results = vec![refused; request.filters.len()];
    DeleteAclsResponse { filter_results, ..DeleteAclsResponse::default() }.into()
}
