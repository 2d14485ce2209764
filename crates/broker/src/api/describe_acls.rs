//! DescribeAcls: key 29, v1–v3
//!
//! There is no authorizer: SECURITY_DISABLED, as Kafka answers without one.
//!
//! Versions: v2 flexible · v3 user resources.

use std::sync::Arc;

use wire::messages::describe_acls_request::DescribeAclsRequest;
use wire::messages::describe_acls_response::DescribeAclsResponse;
use wire::{ApiKey, ErrorCode, Str};

use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::DescribeAcls, 1..=3, |call| call.run(handle)).in_the_slow_lane();

/// The text that goes with SECURITY_DISABLED.
pub(super) const NO_AUTHORIZER: Str = Str::from_static("No Authorizer is configured on the broker");

fn handle(_broker: &Arc<Broker>, _ctx: &Context, _request: DescribeAclsRequest) -> Reply<DescribeAclsResponse> {
    let error_code = ErrorCode::SecurityDisabled.code();
    DescribeAclsResponse { error_code, error_message: Some(NO_AUTHORIZER), ..DescribeAclsResponse::default() }.into()
}
