//! The counts are right: R4 and the table equal a recount of R2.

use std::collections::BTreeMap;

use runtime::{Isolation, Offsets};
use serde_json::Value;

use super::bench::{Bench, Dir, PAGE_EVENTS};

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

fn check_counts(bench: &Bench) {
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
