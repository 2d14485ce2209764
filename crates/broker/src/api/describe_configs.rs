//! DescribeConfigs: key 32, v1–v4
//!
//! Says which configs a topic or the broker has, with their defaults and where each comes from.
//!
//! Behaviour
//! - All effective configs are listed, also those that nobody set: clients read `cleanup.policy` and the like from it.
//! - A broker's name is its id, or empty for what is set for all brokers.
//!
//! Versions: v1 synonyms · v3 kind, documentation (always null) · v4 flexible.
//!
//! Kafka: loggers, client metrics and groups have no configs here; their lists are empty.

use std::collections::HashSet;
use std::sync::Arc;

use wire::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use wire::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use wire::{ApiKey, ErrorCode, Str};

use super::once::once;
use super::{Api, Context, config_text, resource_named, told};
use crate::admin::{AdminError, Resource};
use crate::broker::Broker;
use crate::config::{Entry, topic as topic_config};
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::DescribeConfigs, 1..=4, |call| call.run(handle)).in_the_slow_lane();

const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

fn handle(broker: &Arc<Broker>, _ctx: &Context, request: DescribeConfigsRequest) -> Reply<DescribeConfigsResponse> {
    let resources = once(request.resources, |resource| (resource.resource_type, resource.resource_name.clone()));
    let results = resources.iter().map(|resource| {
        let mut result = DescribeConfigsResult {
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            error_message: None,
            ..DescribeConfigsResult::default()
        };
        match entries(broker, resource) {
            Ok(entries) => {
                let keys = resource.configuration_keys.as_deref().filter(|keys| !keys.is_empty());
                let keys = keys.map(|keys| keys.iter().map(Str::as_str).collect::<HashSet<_>>());
                let wanted = |entry: &Entry| keys.as_ref().is_none_or(|keys| keys.contains(entry.name));
                let shown = entries.into_iter().filter(wanted);
                result.configs = shown.map(|entry| show(entry, request.include_synonyms)).collect();
            }
            Err(error) => {
                result.error_code = error.code().code();
                result.error_message = told(&error);
            }
        }
        result
    });
    DescribeConfigsResponse { results: results.collect(), ..DescribeConfigsResponse::default() }.into()
}

fn entries(broker: &Broker, resource: &DescribeConfigsResource) -> Result<Vec<Entry>, AdminError> {
    if matches!(resource.resource_type, BROKER_LOGGER | CLIENT_METRICS | GROUP) {
        return Ok(Vec::new());
    }
    let server = broker.server_configs();
    Ok(match resource_named(resource.resource_type, &resource.resource_name)? {
        Resource::Topic(name) => match broker.catalog.topic(&name) {
            Some(topic) => topic_config::describe(&topic.overrides, &server),
            None => {
                let why = ErrorCode::UnknownTopicOrPartition.message();
                return Err(AdminError::UnknownTopic(why.to_owned()));
            }
        },
        Resource::Node => server.describe(),
        Resource::Cluster => server.describe_cluster_default(),
    })
}

fn show(entry: Entry, with_synonyms: bool) -> DescribeConfigsResourceResult {
    let synonyms = entry.synonyms.into_iter().filter(|_| with_synonyms).map(|synonym| DescribeConfigsSynonym {
        name: Str::from_static(synonym.name),
        value: synonym.value.map(config_text),
        source: synonym.source as i8,
    });
    DescribeConfigsResourceResult {
        name: Str::from_static(entry.name),
        value: entry.value.map(config_text),
        read_only: entry.read_only,
        config_source: entry.source as i8,
        is_sensitive: entry.sensitive,
        synonyms: synonyms.collect(),
        config_type: entry.kind as i8,
        documentation: None,
    }
}
