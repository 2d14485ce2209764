//! The topic configs, each with the broker config that it inherits from.
//!
//! Kafka: `segment.bytes` is accepted from 14 bytes on, as Apache Kafka 3 does (4.0 asks for 1 MiB), so that tests and
//! small devices can roll early. Tiered storage is not there: turning it on is refused.

use super::kind::{self, Kind, Rule};
use super::server::trimmed;
use super::{ConfigError, Entry, Overrides, ServerConfigs, Shown, Source, Synonym};

/// One topic config.
#[derive(Debug)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// What kind of value it has.
    pub kind: Kind,
    /// What a value must satisfy.
    pub rule: Rule,
    /// The broker config whose value is the default of topics.
    pub broker_name: Option<&'static str>,
    /// The value where neither the topic nor the broker says anything.
    pub default: &'static str,
}

const fn config(
    name: &'static str,
    kind: Kind,
    rule: Rule,
    broker_name: Option<&'static str>,
    default: &'static str,
) -> Definition {
    Definition { name, kind, rule, broker_name, default }
}

const MAX: &str = "9223372036854775807";
const CODECS: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];

/// All topic configs, in the order of their names.
#[rustfmt::skip]
pub const DEFINITIONS: &[Definition] = &[
    config("cleanup.policy", Kind::List, Rule::ListOf(&["compact", "delete"]), Some("log.cleanup.policy"), "delete"),
    config("compression.gzip.level", Kind::Int, Rule::BetweenOr(1, 9, -1), Some("compression.gzip.level"), "-1"),
    config("compression.lz4.level", Kind::Int, Rule::Between(1, 17), Some("compression.lz4.level"), "9"),
    config("compression.type", Kind::String, Rule::OneOf(CODECS), Some("compression.type"), "producer"),
    config("compression.zstd.level", Kind::Int, Rule::Between(-131_072, 22), Some("compression.zstd.level"), "3"),
    config("delete.retention.ms", Kind::Long, Rule::AtLeast(0), Some("log.cleaner.delete.retention.ms"), "86400000"),
    config("file.delete.delay.ms", Kind::Long, Rule::AtLeast(0), Some("log.segment.delete.delay.ms"), "60000"),
    config("flush.messages", Kind::Long, Rule::AtLeast(1), Some("log.flush.interval.messages"), MAX),
    config("flush.ms", Kind::Long, Rule::AtLeast(0), Some("log.flush.interval.ms"), MAX),
    config("follower.replication.throttled.replicas", Kind::List, Rule::Replicas, None, ""),
    config("index.interval.bytes", Kind::Int, Rule::AtLeast(0), Some("log.index.interval.bytes"), "4096"),
    config("leader.replication.throttled.replicas", Kind::List, Rule::Replicas, None, ""),
    config("local.retention.bytes", Kind::Long, Rule::AtLeast(-2), Some("log.local.retention.bytes"), "-2"),
    config("local.retention.ms", Kind::Long, Rule::AtLeast(-2), Some("log.local.retention.ms"), "-2"),
    config("max.compaction.lag.ms", Kind::Long, Rule::AtLeast(1), Some("log.cleaner.max.compaction.lag.ms"), MAX),
    config("max.message.bytes", Kind::Int, Rule::AtLeast(0), Some("message.max.bytes"), "1048588"),
    config("message.timestamp.after.max.ms", Kind::Long, Rule::AtLeast(0), Some("log.message.timestamp.after.max.ms"), "3600000"),
    config("message.timestamp.before.max.ms", Kind::Long, Rule::AtLeast(0), Some("log.message.timestamp.before.max.ms"), MAX),
    config("message.timestamp.type", Kind::String, Rule::OneOf(&["CreateTime", "LogAppendTime"]), Some("log.message.timestamp.type"), "CreateTime"),
    config("min.cleanable.dirty.ratio", Kind::Double, Rule::Fraction, Some("log.cleaner.min.cleanable.ratio"), "0.5"),
    config("min.compaction.lag.ms", Kind::Long, Rule::AtLeast(0), Some("log.cleaner.min.compaction.lag.ms"), "0"),
    config("min.insync.replicas", Kind::Int, Rule::AtLeast(1), Some("min.insync.replicas"), "1"),
    config("preallocate", Kind::Boolean, Rule::Any, Some("log.preallocate"), "false"),
    config("remote.log.copy.disable", Kind::Boolean, Rule::Any, None, "false"),
    config("remote.log.delete.on.disable", Kind::Boolean, Rule::Any, None, "false"),
    config("remote.storage.enable", Kind::Boolean, Rule::Any, None, "false"),
    config("retention.bytes", Kind::Long, Rule::Any, Some("log.retention.bytes"), "-1"),
    config("retention.ms", Kind::Long, Rule::AtLeast(-1), Some("log.retention.ms"), "604800000"),
    config("segment.bytes", Kind::Int, Rule::AtLeast(14), Some("log.segment.bytes"), "1073741824"),
    config("segment.index.bytes", Kind::Int, Rule::AtLeast(4), Some("log.index.size.max.bytes"), "10485760"),
    config("segment.jitter.ms", Kind::Long, Rule::AtLeast(0), Some("log.roll.jitter.ms"), "0"),
    config("segment.ms", Kind::Long, Rule::AtLeast(1), Some("log.roll.ms"), "604800000"),
    config("unclean.leader.election.enable", Kind::Boolean, Rule::Any, Some("unclean.leader.election.enable"), "false"),
];

/// The definition of this name.
#[must_use]
pub fn definition(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

/// The topic config that inherits from this broker config.
#[must_use]
pub fn definition_by_broker_name(broker_name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.broker_name == Some(broker_name))
}

/// Checks all overrides of a topic.
pub fn validate(overrides: &Overrides) -> Result<(), ConfigError> {
    for (name, value) in overrides {
        let Some(definition) = definition(name) else {
            return Err(ConfigError::Invalid(format!("Unknown topic config name: {name}")));
        };
        kind::check(name, definition.kind, definition.rule, value).map_err(ConfigError::Invalid)?;
        if name == "remote.storage.enable" && value.trim().eq_ignore_ascii_case("true") {
            let why = "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with \
                       remote log storage.";
            return Err(ConfigError::Invalid(why.to_owned()));
        }
    }
    Ok(())
}

/// The effective value of one topic config.
#[must_use]
pub fn value(definition: &Definition, overrides: &Overrides, server: &ServerConfigs) -> String {
    if let Some(value) = overrides.get(definition.name) {
        return value.trim().to_owned();
    }
    let inherited = definition.broker_name.and_then(|name| server.value(name));
    inherited.unwrap_or_else(|| definition.default.to_owned())
}

/// All effective configs of a topic, in the order of their names, with the chain that leads to each.
#[must_use]
pub fn describe(overrides: &Overrides, server: &ServerConfigs) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(DEFINITIONS.len());
    for definition in DEFINITIONS {
        let mut synonyms = Vec::new();
        if let Some(value) = overrides.get(definition.name) {
            let value = Some(Shown::Owned(value.trim().to_owned()));
            synonyms.push(Synonym { name: definition.name, value, source: Source::DynamicTopic });
        }
        if let Some(name) = definition.broker_name {
            synonyms.extend(server.chain(name));
        }
        let effective = synonyms.first();
        let value = effective.and_then(|synonym| synonym.value.clone());
        entries.push(Entry {
            name: definition.name,
            value: Some(value.map_or(Shown::Borrowed(definition.default), trimmed)),
            kind: definition.kind,
            source: effective.map_or(Source::Default, |synonym| synonym.source),
            sensitive: false,
            read_only: false,
            synonyms,
        });
    }
    entries
}
