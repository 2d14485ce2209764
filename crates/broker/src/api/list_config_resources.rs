//! ListConfigResources: key 74, v0–v1
//!
//! Says what has configs: the topics, and this broker.
//!
//! Behaviour
//! - v0 asks for client metrics alone, of which there are none. v1 names kinds; no kind means all.
//! - A kind that is not known is UNSUPPORTED_VERSION.
//!
//! Versions: v0 (ListClientMetricsResources) · v1 kinds.
//!
//! Kafka: groups and client metrics have no configs here.

use std::sync::Arc;

use wire::messages::list_config_resources_request::ListConfigResourcesRequest;
use wire::messages::list_config_resources_response::{ConfigResource, ListConfigResourcesResponse};
use wire::{ApiKey, ErrorCode, Str};

use super::{Api, Context};
use crate::broker::Broker;
use crate::metadata::{BROKER_RESOURCE, NODE_ID, TOPIC_RESOURCE};
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::ListConfigResources, 0..=1, |call| call.run(handle)).in_the_slow_lane();

const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;
const KINDS: [i8; 5] = [TOPIC_RESOURCE, BROKER_RESOURCE, BROKER_LOGGER, CLIENT_METRICS, GROUP];

fn handle(
    broker: &Arc<Broker>,
    ctx: &Context,
    request: ListConfigResourcesRequest,
) -> Reply<ListConfigResourcesResponse> {
    let asked = if ctx.version == 0 { vec![CLIENT_METRICS] } else { request.resource_types };
    if asked.iter().any(|kind| !KINDS.contains(kind)) {
        let error_code = ErrorCode::UnsupportedVersion.code();
        return ListConfigResourcesResponse { error_code, ..ListConfigResourcesResponse::default() }.into();
    }
    let wanted = |kind: i8| asked.is_empty() || asked.contains(&kind);
    let mut config_resources = Vec::new();
    if wanted(TOPIC_RESOURCE) {
        config_resources
            .extend(broker.catalog.topics().iter().map(|topic| named(TOPIC_RESOURCE, Str::from(&*topic.name))));
    }
    for kind in [BROKER_RESOURCE, BROKER_LOGGER].into_iter().filter(|kind| wanted(*kind)) {
        config_resources.push(named(kind, NODE_ID.to_string().into()));
    }
    ListConfigResourcesResponse { config_resources, ..ListConfigResourcesResponse::default() }.into()
}

fn named(resource_type: i8, resource_name: Str) -> ConfigResource {
    ConfigResource { resource_name, resource_type }
}
