//! DescribeClientQuotas: key 48, v0–v1
//!
//! Nobody can set a quota: the list is empty.
//!
//! Versions: v1 flexible.
//!
//! Kafka: quotas that it has can be altered (AlterClientQuotas), and a filter that makes no sense is INVALID_REQUEST.

use std::sync::Arc;

use wire::ApiKey;
use wire::messages::describe_client_quotas_request::DescribeClientQuotasRequest;
use wire::messages::describe_client_quotas_response::DescribeClientQuotasResponse;

use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::DescribeClientQuotas, 0..=1, |call| call.run(handle)).in_the_slow_lane();

fn handle(
    _broker: &Arc<Broker>,
    _ctx: &Context,
    _request: DescribeClientQuotasRequest,
) -> Reply<DescribeClientQuotasResponse> {
    DescribeClientQuotasResponse { entries: Some(Vec::new()), ..DescribeClientQuotasResponse::default() }.into()
}
