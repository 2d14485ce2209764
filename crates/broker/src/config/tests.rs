//! What configs accept, inherit and show.

use super::alter::{self, Change, Operation};
use super::{Overrides, ServerConfigs, Source, server, topic};

fn overrides(pairs: &[(&str, &str)]) -> Overrides {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn topic_values_are_checked_in_kafkas_words() {
    let check = |name: &str, value: &str, expected: &str| {
        let got = match topic::validate(&overrides(&[(name, value)])) {
            Ok(()) => "ok".to_owned(),
            Err(e) => e.to_string(),
        };
        assert!(got.contains(expected), "{name}={value}: {got}");
    };
    check("retention.ms", "-1", "ok");
    check("retention.ms", "-2", "Value must be at least -1");
    check("retention.ms", "soon", "Not a number of type LONG");
    check("segment.bytes", "99999999999", "Not a number of type INT");
    check("cleanup.policy", "compact", "ok");
    check("cleanup.policy", "compact, delete", "ok");
    check("cleanup.policy", "", "ok");
    check("compression.gzip.level", "-1", "ok");
    check("compression.gzip.level", "0", "Value must be between 1 and 9 or equal to -1");
    check("leader.replication.throttled.replicas", "*", "ok");
    check("leader.replication.throttled.replicas", "0:1,1:1", "ok");
    check("leader.replication.throttled.replicas", "zz", "must be the literal '*' or a list of replicas");
    check("cleanup.policy", "shred", "String must be one of: compact, delete");
    check("compression.type", "zstd", "ok");
    check("compression.type", "rar", "String must be one of");
    check("compression.lz4.level", "18", "no more than 17");
    check("min.cleanable.dirty.ratio", "0.25", "ok");
    check("min.cleanable.dirty.ratio", "1.5", "between 0 and 1");
    check("preallocate", "yes", "either true or false");
    check("remote.storage.enable", "true", "Tiered Storage");
    check("retention", "1", "Unknown topic config name: retention");
}

#[test]
fn only_broker_configs_that_do_something_can_be_altered() {
    let check = |name: &str, value: &str, expected: &str| {
        let got = match server::validate(&overrides(&[(name, value)])) {
            Ok(()) => "ok".to_owned(),
            Err(e) => e.to_string(),
        };
        assert!(got.contains(expected), "{name}={value}: {got}");
    };
    check("log.retention.ms", "1000", "ok");
    check("message.max.bytes", "-1", "at least 0");
    check("num.io.threads", "9", "Cannot update these configs dynamically");
    check("retention.ms", "9", "Unknown broker config name");
}

#[test]
fn a_topic_inherits_from_the_nearest_layer() {
    let mut layers = ServerConfigs { fixed: overrides(&[("message.max.bytes", "10")]), ..ServerConfigs::default() };
    let check = |own: &[(&str, &str)], layers: &ServerConfigs, value: &str, source: Source, synonyms: usize| {
        let entries = topic::describe(&overrides(own), layers);
        let entry = entries.iter().find(|entry| entry.name == "max.message.bytes").expect("listed");
        assert_eq!(
            (entry.value.as_deref(), entry.source, entry.synonyms.len()),
            (Some(value), source, synonyms),
            "{own:?} {layers:?}"
        );
    };
    check(&[], &ServerConfigs::default(), "1048588", Source::Default, 1);
    check(&[], &layers, "10", Source::StaticBroker, 2);
    layers.cluster = overrides(&[("message.max.bytes", "20")]);
    check(&[], &layers, "20", Source::DynamicDefaultBroker, 3);
    layers.node = overrides(&[("message.max.bytes", "30")]);
    check(&[], &layers, "30", Source::DynamicBroker, 4);
    check(&[("max.message.bytes", "40")], &layers, "40", Source::DynamicTopic, 5);
}

#[test]
fn the_tables_are_whole() {
    assert_eq!(server::definitions().len(), 340);
    assert!(server::definitions().is_sorted_by_key(|definition| definition.name));
    assert!(topic::DEFINITIONS.is_sorted_by_key(|definition| definition.name));
    let names = |name: &str| server::definitions().iter().any(|definition| definition.name == name);
    for definition in topic::DEFINITIONS {
        assert!(definition.broker_name.is_none_or(names), "{} inherits from nothing", definition.name);
    }
}

#[test]
fn incremental_changes() {
    let before = overrides(&[("cleanup.policy", "delete"), ("retention.ms", "5")]);
    let check = |changes: &[(&str, Operation, Option<&str>)], expected: &str| {
        let changes: Vec<Change> = changes
            .iter()
            .map(|(name, operation, value)| Change {
                name: (*name).to_owned(),
                operation: *operation,
                value: value.map(str::to_owned),
            })
            .collect();
        let got =
            match alter::apply(&before, &changes, |name| (name == "log.cleanup.policy").then(|| "delete".to_owned())) {
                Ok(after) => after.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "),
                Err(e) => e.to_string(),
            };
        assert!(got.contains(expected), "{changes:?}: {got}");
    };
    use Operation::{Append, Delete, Set, Subtract};
    check(&[("retention.ms", Set, Some("7"))], "cleanup.policy=delete retention.ms=7");
    check(&[("retention.ms", Delete, None)], "cleanup.policy=delete");
    check(&[("retention.bytes", Delete, None)], "cleanup.policy=delete retention.ms=5");
    check(&[("cleanup.policy", Append, Some("compact"))], "cleanup.policy=delete,compact");
    check(&[("cleanup.policy", Append, Some("delete"))], "cleanup.policy=delete retention");
    check(&[("cleanup.policy", Subtract, Some("delete"))], "cleanup.policy= retention");
    check(&[("log.cleanup.policy", Append, Some("compact"))], "log.cleanup.policy=delete,compact");
    check(&[("retention.ms", Append, Some("1"))], "Can't APPEND to key retention.ms");
    check(&[("retention.ms", Set, None)], "Null value not supported");
    check(&[("retention.ms", Set, Some("1")), ("retention.ms", Set, Some("2"))], "duplicate config keys");
}
