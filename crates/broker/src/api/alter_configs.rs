//! AlterConfigs: key 33, v0–v2
//!
//! Replaces all configs of a topic or broker. IncrementalAlterConfigs is the better way; older clients only know this
//! one.
//!
//! Behaviour
//! - What the request does not name goes back to its default. A null value is INVALID_CONFIG.
//! - Each resource succeeds or fails as a whole.
//!
//! Versions: v2 flexible.

use std::sync::Arc;

use wire::ApiKey;
use wire::messages::alter_configs_request::{AlterConfigsRequest, AlterConfigsResource};
use wire::messages::alter_configs_response::{AlterConfigsResourceResponse, AlterConfigsResponse};

use super::{Api, Context, resource_named, told};
use crate::admin::AdminError;
use crate::broker::Broker;
use crate::config::{ConfigError, Overrides};
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::AlterConfigs, 0..=2, |call| call.run(handle)).in_the_slow_lane();

fn handle(broker: &Arc<Broker>, _ctx: &Context, request: AlterConfigsRequest) -> Reply<AlterConfigsResponse> {
    let broker = Arc::clone(broker);
    Reply::blocking(move || {
        let responses = request.resources.iter().map(|resource| {
            let mut response = AlterConfigsResourceResponse {
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                error_code: 0,
                error_message: None,
            };
            if let Err(error) = alter(&broker, resource, request.validate_only) {
                response.error_code = error.code().code();
                response.error_message = told(&error);
            }
            response
        });
        AlterConfigsResponse { responses: responses.collect(), ..AlterConfigsResponse::default() }
    })
}

fn alter(broker: &Broker, resource: &AlterConfigsResource, validate_only: bool) -> Result<(), AdminError> {
    let named = resource_named(resource.resource_type, &resource.resource_name)?;
    let mut after = Overrides::new();
    for config in &resource.configs {
        let Some(value) = &config.value else {
            let why = format!("Null value not supported for : {}", config.name);
            return Err(AdminError::from(ConfigError::Invalid(why)));
        };
        after.insert(config.name.to_string(), value.to_string());
    }
    broker.alter_configs(&named, validate_only, |_| Ok(after))
}
