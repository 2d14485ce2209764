//! The broker configs: Apache Kafka's names and defaults, what this broker was started with, and what was set while it
//! ran (for this broker, or for all).
//!
//! Kafka: only those broker configs that are the default of a topic config can be altered at run time; the others have
//! no machinery behind them that could obey, so a change is refused instead of stored and ignored.

use std::sync::OnceLock;

use super::kind::{self, Kind};
use super::{ConfigError, Entry, Overrides, Shown, Source, Synonym, topic};

/// One broker config.
#[derive(Debug)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// What kind of value it has.
    pub kind: Kind,
    /// Whether the value must not be shown.
    pub sensitive: bool,
    /// Whether it can only be given at start.
    pub read_only: bool,
    /// The default; `None` is null.
    pub default: Option<&'static str>,
}

/// All broker configs, in the order of their names.
pub fn definitions() -> &'static [Definition] {
    static DEFINITIONS: OnceLock<Vec<Definition>> = OnceLock::new();
    DEFINITIONS.get_or_init(|| {
        include_str!("broker_defaults.txt").lines().filter(|line| !line.starts_with('#')).filter_map(parse).collect()
    })
}

fn parse(line: &'static str) -> Option<Definition> {
    let mut fields = line.splitn(4, '|');
    let (name, kind, flags, default) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    Some(Definition {
        name,
        kind: Kind::named(kind)?,
        sensitive: flags.contains('S'),
        read_only: flags.contains('R') || topic::definition_by_broker_name(name).is_none(),
        default: (default != "~").then_some(default),
    })
}

fn definition(name: &str) -> Option<&'static Definition> {
    let all = definitions();
    all.binary_search_by(|definition| definition.name.cmp(name)).ok().map(|at| &all[at])
}

/// The layers of broker configs.
#[derive(Clone, Debug, Default)]
pub struct ServerConfigs {
    /// Given at start.
    pub fixed: Overrides,
    /// Set for all brokers while they ran.
    pub cluster: Overrides,
    /// Set for this broker while it ran.
    pub node: Overrides,
}

impl ServerConfigs {
    /// The effective value; `None` is null (or unknown).
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        for layer in [&self.node, &self.cluster, &self.fixed] {
            if let Some(value) = layer.get(name) {
                return Some(value.trim().to_owned());
            }
        }
        definition(name).and_then(|definition| definition.default).map(str::to_owned)
    }

    /// The values that a config has at each layer, the effective one first.
    #[must_use]
    pub fn chain(&self, name: &str) -> Vec<Synonym> {
        definition(name).map(|definition| self.chain_of(definition)).unwrap_or_default()
    }

    fn chain_of(&self, definition: &'static Definition) -> Vec<Synonym> {
        let name = definition.name;
        let layers = [
            (&self.node, Source::DynamicBroker),
            (&self.cluster, Source::DynamicDefaultBroker),
            (&self.fixed, Source::StaticBroker),
        ];
        let mut chain = Vec::with_capacity(1);
        for (layer, source) in layers {
            if let Some(value) = layer.get(name) {
                chain.push(Synonym { name, value: Some(Shown::Owned(value.clone())), source });
            }
        }
        if let Some(default) = definition.default {
            chain.push(Synonym { name, value: Some(Shown::Borrowed(default)), source: Source::Default });
        }
        chain
    }

    /// All effective broker configs, in the order of their names.
    #[must_use]
    pub fn describe(&self) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(definitions().len());
        for definition in definitions() {
            let mut synonyms = self.chain_of(definition);
            if definition.sensitive {
                for synonym in &mut synonyms {
                    synonym.value = None;
                }
            }
            let effective = synonyms.first();
            entries.push(Entry {
                name: definition.name,
                value: effective.and_then(|synonym| synonym.value.clone()).map(trimmed),
                kind: definition.kind,
                source: effective.map_or(Source::Default, |synonym| synonym.source),
                sensitive: definition.sensitive,
                read_only: definition.read_only,
                synonyms,
            });
        }
        entries
    }

    /// Only what somebody set for all brokers: what describing the cluster default (`--entity-default`) shows.
    #[must_use]
    pub fn describe_cluster_default(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (name, value) in &self.cluster {
            let Some(definition) = definition(name) else { continue };
            let source = Source::DynamicDefaultBroker;
            entries.push(Entry {
                name: definition.name,
                value: Some(Shown::Owned(value.clone())),
                kind: definition.kind,
                source,
                sensitive: false,
                read_only: false,
                synonyms: vec![Synonym { name: definition.name, value: Some(Shown::Owned(value.clone())), source }],
            });
        }
        entries
    }
}

pub(super) fn trimmed(value: Shown) -> Shown {
    match value {
        Shown::Borrowed(value) => Shown::Borrowed(value.trim()),
        Shown::Owned(value) => Shown::Owned(value.trim().to_owned()),
    }
}

/// Checks what somebody wants to set on a broker (or on all) while it runs.
pub fn validate(overrides: &Overrides) -> Result<(), ConfigError> {
    for (name, value) in overrides {
        let Some(of_topic) = topic::definition_by_broker_name(name) else {
            return Err(match definition(name) {
                Some(_) => ConfigError::BadRequest(format!(
                    "Cannot update these configs dynamically: {name}; give it when the broker starts"
                )),
                None => ConfigError::BadRequest(format!("Unknown broker config name: {name}")),
            });
        };
        kind::check(name, of_topic.kind, of_topic.rule, value).map_err(ConfigError::Invalid)?;
    }
    Ok(())
}
