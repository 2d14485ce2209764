//! Configurations: describe, alter.

use wire::ErrorCode;
use wire::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use wire::messages::describe_configs_response::DescribeConfigsResourceResult;
use wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};

use super::outcome;
use crate::{Client, ClientError};

/// What can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceType {
    /// A topic, by name.
    Topic,
    /// A broker, by node id; the empty name is the default of all brokers.
    Broker,
    /// The log levels of a broker.
    BrokerLogger,
    /// The metrics that clients push.
    ClientMetrics,
    /// A group, by id.
    Group,
}

impl ResourceType {
    fn code(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::BrokerLogger => 8,
            Self::ClientMetrics => 16,
            Self::Group => 32,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Broker => "broker",
            Self::BrokerLogger => "loggers of broker",
            Self::ClientMetrics => "client metrics",
            Self::Group => "group",
        }
    }
}

/// One configured thing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConfigResource {
    /// What it is.
    pub resource_type: ResourceType,
    /// Which one.
    pub name: String,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set on this broker while it runs.
    DynamicBroker,
    /// Set for all brokers while they run.
    DynamicDefaultBroker,
    /// From the broker's properties file.
    StaticBroker,
    /// Kafka's own default.
    Default,
    /// Set on the group.
    Group,
    /// Another source, by number.
    Other(i8),
}

impl ConfigSource {
    fn from_code(code: i8) -> Self {
        match code {
            1 => Self::Topic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefaultBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            8 => Self::Group,
            other => Self::Other(other),
        }
    }

    /// Kafka's name, as its tools print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Topic => "DYNAMIC_TOPIC_CONFIG",
            Self::DynamicBroker => "DYNAMIC_BROKER_CONFIG",
            Self::DynamicDefaultBroker => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            Self::StaticBroker => "STATIC_BROKER_CONFIG",
            Self::Default => "DEFAULT_CONFIG",
            Self::Group => "GROUP_CONFIG",
            Self::Other(6) => "DYNAMIC_BROKER_LOGGER_CONFIG",
            Self::Other(7) => "CLIENT_METRICS_CONFIG",
            Self::Other(_) => "UNKNOWN",
        }
    }
}

/// One configuration in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; `None` if it has none or is secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it cannot be changed.
    pub read_only: bool,
    /// Whether its value is secret.
    pub sensitive: bool,
    /// All values that are set for it, the one in force first: source, name there, value.
    pub synonyms: Vec<(ConfigSource, String, Option<String>)>,
}

/// A change to one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigAlteration {
    /// Which one.
    pub name: String,
    /// What becomes of it.
    pub operation: ConfigOperation,
}

/// What becomes of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigOperation {
    /// It gets this value.
    Set(String),
    /// It gets its default again.
    Delete,
    /// A list gets these elements too.
    Append(String),
    /// A list loses these elements.
    Subtract(String),
}

impl Client {
    /// The configurations in force of each resource.
    pub async fn describe_configs(
        &self,
        resources: &[ConfigResource],
    ) -> Result<Vec<(ConfigResource, Result<Vec<ConfigEntry>, ClientError>)>, ClientError> {
        let mut described = Vec::new();
        for resource in resources {
            let link = match self.home_of(resource) {
                Some(node) => self.link(node).await?,
                None => self.any().await?,
            };
            let version = link.version(wire::ApiKey::DescribeConfigs, i16::MAX)?;
            let request = DescribeConfigsRequest {
                resources: vec![DescribeConfigsResource {
                    resource_type: resource.resource_type.code(),
                    resource_name: resource.name.as_str().into(),
                    configuration_keys: None,
                }],
                include_synonyms: true,
                include_documentation: false,
            };
            let response = link.call(version, &request).await?;
            let result = match response.results.first() {
                Some(result) => outcome(what(resource), result.error_code, result.error_message.as_ref())
                    .map(|()| result.configs.iter().map(entry).collect()),
                None => Err(ClientError::refused(what(resource), ErrorCode::ResourceNotFound, None)),
            };
            described.push((resource.clone(), result));
        }
        Ok(described)
    }

    /// Changes configurations of one resource; those not named stay as they are.
    pub async fn alter_configs(
        &self,
        resource: &ConfigResource,
        alterations: &[ConfigAlteration],
        validate_only: bool,
    ) -> Result<(), ClientError> {
        let configs = alterations.iter().map(|alteration| {
            let (operation, value) = match &alteration.operation {
                ConfigOperation::Set(value) => (0, Some(value)),
                ConfigOperation::Delete => (1, None),
                ConfigOperation::Append(value) => (2, Some(value)),
                ConfigOperation::Subtract(value) => (3, Some(value)),
            };
            AlterableConfig {
                name: alteration.name.as_str().into(),
                config_operation: operation,
                value: value.map(Into::into),
            }
        });
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: resource.resource_type.code(),
                resource_name: resource.name.as_str().into(),
                configs: configs.collect(),
            }],
            validate_only,
        };
        let response = match self.home_of(resource) {
            Some(node) => {
                let link = self.link(node).await?;
                link.call(link.version(wire::ApiKey::IncrementalAlterConfigs, i16::MAX)?, &request).await?
            }
            None => {
                let error_of =
                    |answer: &wire::messages::incremental_alter_configs_response::IncrementalAlterConfigsResponse| {
                        answer.responses.first().map_or(0, |result| result.error_code)
                    };
                self.call_controller(|_| request.clone(), error_of).await?
            }
        };
        for result in &response.responses {
            outcome(what(resource), result.error_code, result.error_message.as_ref())?;
        }
        Ok(())
    }

    /// A broker answers for itself.
    fn home_of(&self, resource: &ConfigResource) -> Option<i32> {
        match resource.resource_type {
            ResourceType::Broker | ResourceType::BrokerLogger => resource.name.parse().ok(),
            ResourceType::Topic | ResourceType::ClientMetrics | ResourceType::Group => None,
        }
    }
}

fn what(resource: &ConfigResource) -> String {
    format!("{} {}", resource.resource_type.word(), resource.name)
}

fn entry(config: &DescribeConfigsResourceResult) -> ConfigEntry {
    let text = |value: &Option<wire::Str>| value.as_ref().map(|value| value.to_string());
    let synonyms = config.synonyms.iter();
    ConfigEntry {
        name: config.name.to_string(),
        value: text(&config.value),
        source: ConfigSource::from_code(config.config_source),
        read_only: config.read_only,
        sensitive: config.is_sensitive,
        synonyms: synonyms
            .map(|synonym| (ConfigSource::from_code(synonym.source), synonym.name.to_string(), text(&synonym.value)))
            .collect(),
    }
}
