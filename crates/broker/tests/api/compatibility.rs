//! `docs/compatibility.md` says what the broker serves, no more and no less. `UPDATE=1` rewrites it.

use std::fmt::Write as _;
use std::path::Path;

use broker::api;
use wire::ApiKey;

const HEAD: &str = "# What the broker serves

Written by a test (`crates/broker/tests/api/compatibility.rs`) from the broker's own list; do not edit.
The card of each API, with its behaviour and its differences from Apache Kafka, is the head of `crates/broker/src/api/<name>.rs`.
Kafka's column is what the message specifications of 4.3 have. Produce is advertised from v0, so that old librdkafka
compresses, and served from v3, as in Apache Kafka 4.

| key | API | served | Kafka 4.3 |
|---:|---|---|---|
";

fn table() -> String {
    let served: Vec<_> = api::served().collect();
    let mut text = HEAD.to_owned();
    let mut missing = Vec::new();
    for key in ApiKey::ALL.iter().filter(|key| key.is_broker_api()) {
        match served.iter().find(|(one, _)| one == key) {
            Some((_, versions)) => {
                let (ours, theirs) = (versions.clone(), key.versions());
                let range = |range: std::ops::RangeInclusive<i16>| match (range.start(), range.end()) {
                    (first, last) if first == last => first.to_string(),
                    (first, last) => format!("{first}–{last}"),
                };
                let _ = writeln!(text, "| {} | {} | {} | {} |", key.code(), key.name(), range(ours), range(theirs));
            }
            None => missing.push(format!("{} ({})", key.name(), key.code())),
        }
    }
    let _ = write!(text, "\nNot served, and not advertised: {}.\n", missing.join(", "));
    text
}

#[test]
fn the_table_is_what_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility.md");
    let table = table();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &table).expect("written");
    }
    let written = std::fs::read_to_string(&path).expect("docs/compatibility.md is there");
    assert_eq!(written, table, "run this test with UPDATE=1 and look at the difference");
}

#[test]
fn no_version_is_served_that_kafka_does_not_have() {
    for (key, versions) in api::served() {
        let theirs = key.versions();
        assert!(theirs.contains(versions.start()) && theirs.contains(versions.end()), "{}", key.name());
    }
}
