//! IncrementalAlterConfigs: key 44, v0–v1
//!
//! Changes single configs of a topic or broker.
//!
//! Behaviour
//! - SET, DELETE, and for lists APPEND and SUBTRACT, which begin with the value in force.
//! - Each resource succeeds or fails as a whole; a resource or a config that comes twice is INVALID_REQUEST.
//!
//! Versions: v1 flexible.

use std::sync::Arc;

use wire::ApiKey;
use wire::messages::incremental_alter_configs_request::{AlterConfigsResource, IncrementalAlterConfigsRequest};
use wire::messages::incremental_alter_configs_response::{
    AlterConfigsResourceResponse, IncrementalAlterConfigsResponse,
};

use super::{Api, Context, resource_named, told};
use crate::admin::AdminError;
use crate::broker::Broker;
use crate::config::alter::{self, Change, Operation};
use crate::config::topic as topic_config;
use crate::reply::Reply;

pub(super) const API: Api =
    Api::new(ApiKey::IncrementalAlterConfigs, 0..=1, |call| call.run(handle)).in_the_slow_lane();

fn handle(
    broker: &Arc<Broker>,
    _ctx: &Context,
    request: IncrementalAlterConfigsRequest,
) -> Reply<IncrementalAlterConfigsResponse> {
    let broker = Arc::clone(broker);
    Reply::blocking(move || {
        let mut responses = Vec::with_capacity(request.resources.len());
        for (at, resource) in request.resources.iter().enumerate() {
            let is_same = |other: &AlterConfigsResource| {
                other.resource_type == resource.resource_type && other.resource_name == resource.resource_name
            };
            let done = if request.resources[..at].iter().any(is_same) {
                Err(AdminError::InvalidRequest("Each resource must appear at most once.".to_owned()))
            } else {
                alter(&broker, resource, request.validate_only)
            };
            let mut response = AlterConfigsResourceResponse {
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                error_code: 0,
                error_message: None,
            };
            if let Err(error) = done {
                response.error_code = error.code().code();
                response.error_message = told(&error);
            }
            responses.push(response);
        }
        IncrementalAlterConfigsResponse { responses, ..IncrementalAlterConfigsResponse::default() }
    })
}

fn alter(broker: &Broker, resource: &AlterConfigsResource, validate_only: bool) -> Result<(), AdminError> {
    let named = resource_named(resource.resource_type, &resource.resource_name)?;
    let mut changes = Vec::with_capacity(resource.configs.len());
    for config in &resource.configs {
        let Some(operation) = Operation::from_code(config.config_operation) else {
            let why = format!("Unknown operation type {} for config {}", config.config_operation, config.name);
            return Err(AdminError::InvalidRequest(why));
        };
        let value = config.value.as_ref().map(|value| value.to_string());
        changes.push(Change { name: config.name.to_string(), operation, value });
    }
    let server = broker.server_configs();
    let inherited = |name: &str| match topic_config::definition(name) {
        Some(definition) => Some(topic_config::value(definition, &Default::default(), &server)),
        None => server.value(name),
    };
    broker.alter_configs(&named, validate_only, |before| alter::apply(before, &changes, inherited))
}
