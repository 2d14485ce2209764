//! Configs: what Kafka calls topic and broker configs, their effective values and how they are altered.
//!
//! Owns: the tables of names, kinds, defaults and rules; the layering topic → broker → cluster default → static →
//! default with the sources and synonyms that DescribeConfigs shows; validation; SET, DELETE, APPEND and SUBTRACT.
//! Never: stores anything (the metadata log does) and never sees a wire struct.
//!
//! - [`kind`] — the kinds of values and how a text is checked against one.
//! - [`topic`] — the topic configs, each with the broker config that it inherits from.
//! - [`server`] — the broker configs.
//! - [`alter`] — incremental changes of a set of overrides.

pub mod alter;
pub mod kind;
pub mod server;
#[cfg(test)]
mod tests;
pub mod topic;

use std::borrow::Cow;
use std::collections::BTreeMap;

pub use kind::Kind;
pub use server::ServerConfigs;

/// Configs that somebody set: name → value.
pub type Overrides = BTreeMap<String, String>;

/// Where an effective value comes from. The numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Source {
    /// Set on this topic.
    DynamicTopic = 1,
    /// Set on this broker while it ran.
    DynamicBroker = 2,
    /// Set for all brokers while they ran.
    DynamicDefaultBroker = 3,
    /// Given at start.
    StaticBroker = 4,
    /// Nobody set it.
    Default = 5,
}

/// A value as it is shown. Hardly any is set by somebody: the others are not copied.
pub type Shown = Cow<'static, str>;

/// One value in the chain that leads to an effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// The config's name at its layer.
    pub name: &'static str,
    /// Its value there.
    pub value: Option<Shown>,
    /// The layer.
    pub source: Source,
}

/// One effective config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The config's name.
    pub name: &'static str,
    /// The effective value; `None` for null and for sensitive values.
    pub value: Option<Shown>,
    /// What kind of value it is.
    pub kind: Kind,
    /// Where the value comes from.
    pub source: Source,
    /// Whether the value must not be shown.
    pub sensitive: bool,
    /// Whether it can only be given at start.
    pub read_only: bool,
    /// The chain of values, the effective one first.
    pub synonyms: Vec<Synonym>,
}

/// Why a change of configs is refused. The text is shown to the user as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The name or the value is not acceptable (Kafka's INVALID_CONFIG).
    Invalid(String),
    /// The operation makes no sense for this config (Kafka's INVALID_REQUEST).
    BadRequest(String),
}

impl ConfigError {
    /// The text for the user.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            ConfigError::Invalid(message) | ConfigError::BadRequest(message) => message,
        }
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for ConfigError {}
