//! The Spring keys of the page-event exercise, as settings.
//!
//! Keys are compared in Spring's relaxed way: case, dashes, underscores and dots do not count, so that
//! `fixed-delay` and `fixedDelay` are one key.
//! Never: guesses; a key that is not understood is named in a warning.

use std::collections::{BTreeMap, BTreeSet};

use super::properties::Entry;
use super::{SettingsError, nearest};

/// What a key of Spring's is here.
enum Meaning {
    /// A setting; of two with the same name the stronger (larger) wins, equal ones must agree.
    Setting { name: &'static str, strength: u8, bare_ms: bool },
    /// Understood, and without effect here: why.
    NoEffect(&'static str),
}

const fn setting(name: &'static str) -> Meaning {
    Meaning::Setting { name, strength: 0, bare_ms: false }
}

const fn duration(name: &'static str, strength: u8) -> Meaning {
    Meaning::Setting { name, strength, bare_ms: true }
}

const STREAMS_COMMIT: &str = "spring.cloud.stream.kafka.streams.binder.configuration.commit.interval.ms";
const WRONG_COMMIT: &str = "spring.cloud.stream.kafka.binder.configuration.commit.interval.ms";
const OTHER_BROKER: &str = "the broker is embedded; `--listen` sets its address";
const TYPED_BY_SQL: &str = "the formats are in the statements' WITH (key_format, value_format)";
const NAMED_BY_QUERY: &str = "a query's group and application id are its own name";

#[rustfmt::skip]
const KEYS: [(&str, Meaning); 31] = [
    ("spring.cloud.stream.bindings.pageEventConsumer-in-0.destination", setting("topic.R1")),
    ("spring.cloud.stream.bindings.pageEventSupplier-out-0.destination", setting("topic.R2")),
    ("spring.cloud.stream.bindings.pageEventFunction-in-0.destination", setting("topic.R2")),
    ("spring.cloud.stream.bindings.kStreamFunction-in-0.destination", setting("topic.R2")),
    ("spring.cloud.stream.bindings.pageEventFunction-out-0.destination", setting("topic.R3")),
    ("spring.cloud.stream.bindings.kStreamFunction-out-0.destination", setting("topic.R4")),
    ("spring.cloud.stream.poller.fixed-delay", duration("supplier.every", 0)),
    ("spring.integration.poller.fixed-delay", duration("supplier.every", 1)),
    ("spring.cloud.stream.bindings.pageEventSupplier-out-0.producer.poller.fixed-delay", duration("supplier.every", 2)),
    (WRONG_COMMIT, duration("commit.interval", 0)),
    (STREAMS_COMMIT, duration("commit.interval", 1)),
    ("spring.cloud.stream.function.definition", Meaning::Setting { name: "function.definition", strength: 0, bare_ms: false }),
    ("spring.cloud.function.definition", Meaning::Setting { name: "function.definition", strength: 1, bare_ms: false }),
    ("spring.cloud.stream.bindings.pageEventConsumer-in-0.group", Meaning::NoEffect(NAMED_BY_QUERY)),
    ("spring.cloud.stream.bindings.pageEventSupplier-out-0.group", Meaning::NoEffect(NAMED_BY_QUERY)),
    ("spring.cloud.stream.bindings.pageEventFunction-in-0.group", Meaning::NoEffect(NAMED_BY_QUERY)),
    ("spring.cloud.stream.bindings.pageEventFunction-out-0.group", Meaning::NoEffect(NAMED_BY_QUERY)),
    ("spring.cloud.stream.bindings.kStreamFunction-in-0.group", Meaning::NoEffect(NAMED_BY_QUERY)),
    ("spring.cloud.stream.bindings.kStreamFunction-out-0.group", Meaning::NoEffect(NAMED_BY_QUERY)),
    ("spring.application.name", Meaning::NoEffect(NAMED_BY_QUERY)),
    ("spring.kafka.streams.application-id", Meaning::NoEffect(NAMED_BY_QUERY)),
    ("spring.kafka.bootstrap-servers", Meaning::NoEffect(OTHER_BROKER)),
    ("spring.cloud.stream.kafka.binder.brokers", Meaning::NoEffect(OTHER_BROKER)),
    ("spring.cloud.stream.kafka.streams.binder.brokers", Meaning::NoEffect(OTHER_BROKER)),
    ("spring.cloud.stream.kafka.streams.binder.configuration.default.key.serde", Meaning::NoEffect(TYPED_BY_SQL)),
    ("spring.cloud.stream.kafka.streams.binder.configuration.default.value.serde", Meaning::NoEffect(TYPED_BY_SQL)),
    ("spring.kafka.producer.key-serializer", Meaning::NoEffect(TYPED_BY_SQL)),
    ("spring.kafka.producer.value-serializer", Meaning::NoEffect(TYPED_BY_SQL)),
    ("spring.kafka.consumer.auto-offset-reset", Meaning::NoEffect("queries start at earliest unless WITH (start = 'latest')")),
    ("spring.kafka.consumer.enable-auto-commit", Meaning::NoEffect("a query commits its offsets with its results")),
    ("server.port", Meaning::Setting { name: "server.port", strength: 0, bare_ms: false }),
];

/// The functions of the exercise and the statements that stand for them.
const FUNCTIONS: [(&str, &[&str]); 4] = [
    ("pageEventConsumer", &["page_event_consumer"]),
    ("pageEventSupplier", &["page_event_supplier"]),
    ("pageEventFunction", &["page_event_function"]),
    ("kStreamFunction", &["page_count", "page_visits"]),
];

/// Spring's relaxed form of a name.
fn relaxed(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Turns the entries of a file into settings (name, value, origin).
pub(super) fn map(
    file: &str,
    entries: Vec<Entry>,
    warnings: &mut Vec<String>,
) -> Result<Vec<super::Entry>, SettingsError> {
    let mut own = Vec::new();
    let mut found: BTreeMap<&'static str, Vec<(u8, Entry)>> = BTreeMap::new();
    for mut entry in entries {
        let place = format!("{file}:{}", entry.line);
        let form = relaxed(&entry.key);
        match KEYS.iter().find(|(key, _)| relaxed(key) == form) {
            Some((key, Meaning::Setting { name, strength, bare_ms })) => {
                entry.value = entry.value.trim().to_owned();
                if *bare_ms && !entry.value.is_empty() && entry.value.bytes().all(|b| b.is_ascii_digit()) {
                    entry.value.push_str(" milliseconds");
                }
                if *key == WRONG_COMMIT {
                    warnings.push(format!(
                        "{place}: `{WRONG_COMMIT}` is the channel binder's prefix, which Kafka Streams ignores; it is applied \
                         here, but write `{STREAMS_COMMIT}`"
                    ));
                }
                found.entry(name).or_default().push((*strength, entry));
            }
            Some((_, Meaning::NoEffect(why))) => {
                warnings.push(format!("{place}: `{}` has no effect: {why}", entry.key));
            }
            None if entry.key.starts_with("spring.") => {
                let fix = match nearest(&entry.key, KEYS.iter().map(|(key, _)| *key)) {
                    Some(near) => format!("; did you mean `{near}`?"),
                    None => String::new(),
                };
                warnings.push(format!("{place}: unknown key `{}` is ignored{fix}", entry.key));
            }
            None => own.push((entry.key, entry.value, place)),
        }
    }
    for (name, mut all) in found {
        // Of one key given twice the later counts, as in Java.
        let mut last: Vec<(u8, Entry)> = Vec::new();
        for (strength, entry) in all.drain(..) {
            last.retain(|(_, earlier)| relaxed(&earlier.key) != relaxed(&entry.key));
            last.push((strength, entry));
        }
        let top = last.iter().map(|(strength, _)| *strength).max().unwrap_or(0);
        last.retain(|(strength, _)| *strength == top);
        let (_, first) = &last[0];
        if last.iter().any(|(_, entry)| entry.value != first.value) {
            let each: Vec<String> =
                last.iter().map(|(_, e)| format!("  {file}:{}: {} = {}", e.line, e.key, e.value)).collect();
            return Err(SettingsError {
                message: format!(
                    "these keys all set `{name}` and must agree:\n{}\nfix: give them the same value",
                    each.join("\n")
                ),
            });
        }
        own.push((name.to_owned(), first.value.clone(), format!("{file}:{} ({})", first.line, first.key)));
    }
    Ok(own)
}

/// The statements that a `function.definition` starts, and a warning for each name that is none.
pub(super) fn started_statements(definition: &str) -> (BTreeSet<&'static str>, Vec<String>) {
    let mut started = BTreeSet::new();
    let mut warnings = Vec::new();
    for name in definition.split([';', '|']).map(str::trim).filter(|name| !name.is_empty()) {
        let form = relaxed(name);
        let by_function = FUNCTIONS.iter().find(|(function, _)| relaxed(function) == form);
        let by_statement =
            FUNCTIONS.iter().find(|(_, statements)| statements.iter().any(|s| s.eq_ignore_ascii_case(name)));
        match by_function.or(by_statement) {
            Some((_, statements)) => started.extend(statements.iter().copied()),
            None => {
                let fix = match nearest(name, FUNCTIONS.iter().map(|(function, _)| *function)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        "known are pageEventConsumer, pageEventSupplier, pageEventFunction, kStreamFunction".to_owned()
                    }
                };
                warnings.push(format!("function.definition: there is no function `{name}`; {fix}"));
            }
        }
    }
    (started, warnings)
}

/// Whether a statement stands for a function of the exercise.
pub(super) fn is_function_statement(statement: &str) -> bool {
    FUNCTIONS.iter().any(|(_, statements)| statements.contains(&statement))
}
