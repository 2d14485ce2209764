//! The counts are right: R4 and the table equal a recount of R2.

use std::collections::BTreeMap;

use runtime::{Isolation, Offsets};
use serde_json::Value;

use crate::bench::{Bench, Dir, PAGE_EVENTS};

const WINDOW_MS: i64 = 5_000;

/// Counts per window start and page, of R2 by record timestamp, with the filter applied, below these offsets.
fn recount(bench: &Bench, below: Option<&Offsets>) -> BTreeMap<(i64, String), i64> {
    let mut counts = BTreeMap::new();
    for record in bench.read("R2") {
        let end = below.map_or(i64::MAX, |offsets| offsets["R2"][&record.partition]);
        let Ok(event) = serde_json::from_slice::<Value>(record.value.as_deref().unwrap_or_default()) else { continue };
        if record.offset < end && event["duration"].as_i64().is_some_and(|duration| duration > 100) {
            let start = record.timestamp - record.timestamp % WINDOW_MS;
            *counts.entry((start, event["name"].as_str().unwrap().to_owned())).or_insert(0) += 1;
        }
    }
    counts
}

fn key(start: i64, page: &str) -> String {
    format!("=>{}{}{page}", runtime::InstantMs(start).text(), runtime::InstantMs(start + WINDOW_MS).text())
}

/// The last value of each key of R4; every key's values must strictly increase.
fn last_of_r4(bench: &Bench) -> BTreeMap<String, i64> {
    let mut last = BTreeMap::new();
    for record in bench.read("R4") {
        let key = String::from_utf8(record.key.unwrap()).unwrap();
        let value = i64::from_be_bytes(record.value.unwrap().try_into().unwrap());
        if let Some(before) = last.insert(key.clone(), value) {
            assert!(value > before, "{key}: {value} after {before}: an output was doubled");
        }
    }
    last
}

pub fn check_counts(bench: &Bench) {
    // Everything has been read, so this waits for the commit that holds it.
    let table = bench.instance.table("page_count", Isolation::Committed, usize::MAX).unwrap();
    let expected: BTreeMap<String, i64> =
        recount(bench, None).into_iter().map(|((start, page), count)| (key(start, &page), count)).collect();
    assert_eq!(last_of_r4(bench), expected);
    let counted = recount(bench, Some(&table.offsets));
    let oldest = table.rows.first().map(|row| row[1].as_str().unwrap().to_owned());
    let shown: Vec<Vec<Value>> = counted
        .into_iter()
        .map(|((start, page), count)| {
            let text = |ms| Value::from(runtime::InstantMs(ms).text());
            vec![Value::from(page), text(start), text(start + WINDOW_MS), Value::from(count)]
        })
        .filter(|row| row[1].as_str() >= oldest.as_deref())
        .collect();
    assert_eq!(table.rows, shown);
}

#[test]
fn the_pipeline_counts_what_the_supplier_wrote() {
    let dir = Dir::new("pipeline");
    let set = [("supplier.every", "2 ms")];
    let bench = Bench::start(&dir, &set);
    bench.sql(PAGE_EVENTS);
    bench.until("500 events are counted", || bench.instance.query("page_count").unwrap().facts.records > 500);
    bench.instance.generator_pause("page_event_supplier").unwrap();
    bench.until_idle();
    check_counts(&bench);
    let r3 = bench.read("R3");
    assert_eq!(r3.len(), bench.read("R2").len());
    let value: Value = serde_json::from_slice(r3[0].value.as_deref().unwrap()).unwrap();
    assert_eq!((value["name"].as_str(), value["user"].as_str()), (Some("L:2"), Some("UUUUUU")));
    bench.stop();
}

#[test]
fn counts_survive_restarts_and_crashes() {
    let dir = Dir::new("restart");
    let set = [("supplier.every", "1 ms")];
    for round in 0..6 {
        let bench = Bench::start(&dir, &set);
        bench.sql(PAGE_EVENTS);
        let before = bench.read("R2").len();
        bench.until("200 more events are there", || bench.read("R2").len() > before + 200);
        if round % 2 == 0 {
            // What a kill leaves: events without their counts, a transaction that may be open.
            bench.abandon();
        } else {
            bench.stop();
        }
    }
    let bench = Bench::start(&dir, &[("supplier.every", "1 hour")]);
    bench.instance.generator_pause("page_event_supplier").unwrap();
    bench.until_idle();
    check_counts(&bench);
    bench.stop();
}

/// Four partitions with skewed backlogs and grace 0: whatever the cut, the same records in R4, the same late ones.
#[test]
fn the_cut_of_batches_does_not_matter() {
    let run = |records_per_batch: usize, buffer_bytes: &str, cache: &str| {
        let dir = Dir::new("cut");
        let bench = Bench::start(&dir, &[("input.buffer.max.bytes", buffer_bytes), ("cache_max_bytes", cache)]);
        bench.sql(
            "CREATE STREAM page_events (name TEXT, duration BIGINT DEFAULT 0) \
             WITH (topic = 'R2', value_format = 'json', partitions = 4);",
        );
        for partition in 0..4 {
            // Each partition is behind the one before it by some windows, and has its own pace.
            let event = |i: i64| {
                let timestamp = i * (700 + 211 * partition) - partition * 4_000 + 40_000 - (i * 31 % 9) * 1_500;
                (timestamp, format!(r#"{{"name":"P{}","duration":{}}}"#, i % 7, (i * 37) % 400))
            };
            let events: Vec<(i64, String)> = (0..120 + 40 * partition).map(event).collect();
            for batch in events.chunks(records_per_batch) {
                let batch: Vec<(i64, &str)> = batch.iter().map(|(at, value)| (*at, value.as_str())).collect();
                bench.produce("R2", partition as i32, &batch);
            }
        }
        bench.sql(
            "CREATE TABLE page_count WITH (grace = '0 seconds') AS \
               SELECT name, window_start, window_end, count(*) AS visits, sum(duration) AS total \
               FROM TUMBLE(page_events, INTERVAL '5 seconds') WHERE duration > 100 \
               GROUP BY name, window_start, window_end; \
             CREATE STREAM page_visits WITH (topic = 'R4', key_format = 'text', value_format = 'int64') AS \
               SELECT visits FROM page_count PARTITION BY '=>' || window_start || window_end || name;",
        );
        bench.until_idle();
        let table = bench.instance.table("page_count", Isolation::Committed, usize::MAX).unwrap();
        let r4: Vec<_> = bench.read("R4").into_iter().map(|r| (r.timestamp, r.key, r.value)).collect();
        let late = bench.instance.query("page_count").unwrap().facts.late;
        bench.stop();
        (r4, table.rows, late)
    };
    let (r4, table, late) = run(usize::MAX, "100000000", "0");
    assert!(late > 0 && !r4.is_empty() && !table.is_empty());
    for (records_per_batch, buffer_bytes) in [(1, "1"), (3, "1"), (7, "2000"), (usize::MAX, "1")] {
        let other = run(records_per_batch, buffer_bytes, "0");
        assert_eq!(other.2, late, "{records_per_batch} {buffer_bytes}");
        assert_eq!(other.1, table, "{records_per_batch} {buffer_bytes}");
        assert_eq!(other.0, r4, "{records_per_batch} {buffer_bytes}");
    }
    let cached = run(3, "1", "10485760");
    assert_eq!((cached.1, cached.2), (table, late));
}

#[test]
fn a_bad_record_lands_in_the_dead_letters_and_the_counts_go_on() {
    let dir = Dir::new("bad");
    let bench = Bench::start(&dir, &[("supplier.every", "1 hour")]);
    bench.sql(PAGE_EVENTS);
    bench.until_idle();
    let at = bench.broker.now_ms();
    bench.produce(
        "R2",
        0,
        &[(at, r#"{"name":"P1","duration":200}"#), (at + 1, "hello"), (at + 2, r#"{"duration":"5"}"#)],
    );
    bench.produce("R2", 0, &[(at + 3, r#"{"name":null,"duration":200}"#), (at + 4, r#"{"name":"P1","duration":300}"#)]);
    bench.until_idle();
    check_counts_of(&bench, &[("P1", 2)]);
    let facts = bench.instance.query("page_count").unwrap().facts;
    assert_eq!((facts.bad, facts.null_keys, facts.records), (2, 1, 5));
    let bad = facts.last_bad.unwrap();
    assert_eq!((bad.topic.as_str(), bad.offset, bad.value.as_deref()), ("R2", 2, Some(r#"{"duration":"5"}"#)));
    let letters = bench.read("page_count-dlq");
    assert_eq!(letters.len(), 2);
    let first = &letters[0];
    assert_eq!((first.value.as_deref(), first.timestamp), (Some(&b"hello"[..]), at + 1));
    let header = |name: &str| first.headers[&format!("__streams.errors.{name}")].as_str();
    assert_eq!((header("topic"), header("partition"), header("offset")), ("R2", "0", "1"));
    assert_eq!(header("timestamp"), (at + 1).to_string());
    assert!(!header("message").is_empty());
    assert_eq!(bench.instance.topic("page_count-dlq").unwrap().dead_letters_of.as_deref(), Some("page_count"));
    bench.stop();
}

fn check_counts_of(bench: &Bench, expected: &[(&str, i64)]) {
    let table = bench.instance.table("page_count", Isolation::Committed, usize::MAX).unwrap();
    let mut totals: BTreeMap<String, i64> = BTreeMap::new();
    for row in &table.rows {
        *totals.entry(row[0].as_str().unwrap().to_owned()).or_insert(0) += row[3].as_i64().unwrap();
    }
    let expected = expected.iter().map(|(page, count)| ((*page).to_owned(), *count)).collect();
    assert_eq!(totals, expected);
}

#[test]
fn commits_are_transactions_with_stream_time_and_an_idle_query_commits_nothing() {
    let dir = Dir::new("commit");
    let bench = Bench::start(&dir, &[("supplier.every", "1 hour")]);
    bench.sql(PAGE_EVENTS);
    bench.until_idle();
    let at = bench.broker.now_ms();
    bench.produce("R2", 0, &[(at, r#"{"name":"P1","duration":200}"#), (at - 10, r#"{"name":"P2","duration":200}"#)]);
    bench.until_idle();
    bench.instance.table("page_count", Isolation::Committed, 1).unwrap();
    // Two records and their marker.
    let partition = bench.broker.partition("R4", 0).unwrap();
    assert_eq!(partition.log().last_stable_offset().0, 3);
    assert_eq!(bench.read("R4").len(), 2);
    let changelog = bench.read("millstream-page_count-page_count-changelog");
    assert_eq!(changelog.len(), 2);
    let start = at - at % WINDOW_MS;
    let mut key = b"P1".to_vec();
    key.extend_from_slice(&start.to_be_bytes());
    key.extend_from_slice(&[0; 4]);
    assert_eq!((changelog[0].key.clone(), changelog[0].value.clone()), (Some(key), Some(1i64.to_be_bytes().to_vec())));
    let offsets = bench.broker.committed_offsets("millstream-page_count");
    assert_eq!(offsets.len(), 1);
    let metadata = engine::task::OffsetMetadata::decode(&offsets[0].3).unwrap();
    assert_eq!((metadata.partition_time, metadata.stream_times["page_count"]), (at, at));
    let commits = || bench.instance.query("page_count").unwrap().facts.commits;
    let before = commits();
    std::thread::sleep(std::time::Duration::from_millis(400));
    assert_eq!(commits(), before, "an idle query has committed");
    bench.stop();
}
