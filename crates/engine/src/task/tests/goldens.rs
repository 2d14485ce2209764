//! Record for record what Kafka Streams 4.3.1 gave (`tests/java/streams-goldens` writes the files), changelog bytes
//! included.

use super::*;
use crate::plan::{Emit, Tumble};
use crate::task::OffsetMetadata;

const TUMBLING: &str = include_str!("../../../testdata/goldens/tumbling.txt");
const RUNNING: &str = include_str!("../../../testdata/goldens/running.txt");
const FINAL: &str = include_str!("../../../testdata/goldens/final.txt");
const OFFSET_METADATA: &str = include_str!("../../../testdata/goldens/offset-metadata.txt");

#[derive(Debug, Default)]
struct Scenario {
    name: &'static str,
    options: Vec<&'static str>,
    records: Vec<Record>,
    /// After how many records each line came.
    results: Vec<(usize, String)>,
    changelog: Vec<String>,
    dropped: u64,
}

impl Scenario {
    fn option(&self, name: &str) -> &'static str {
        let with_name =
            |option: &&'static str| option.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value);
        self.options.iter().find_map(with_name).unwrap()
    }

    fn query(&self) -> Query {
        let number = |name| self.option(name).parse::<i64>().unwrap();
        let calls = match self.option("kind") {
            "count" => vec!["count"],
            "reduce" => vec!["sum"],
            _ => vec!["count", "sum", "min", "max", "latest_by_offset"],
        };
        Query {
            window: (number("size") > 0).then(|| Tumble::with_grace(number("size"), number("grace"))),
            emit: if self.option("emit") == "final" { Emit::Final } else { Emit::Changes },
            filter: Some(number("filter")).filter(|min| *min >= 0),
            exchange: false,
            calls,
        }
    }
}

fn scenarios(text: &'static str) -> Vec<Scenario> {
    let mut out: Vec<Scenario> = Vec::new();
    for line in text.lines() {
        let words: Vec<&'static str> = line.split(' ').collect();
        if words[0] == "scenario" {
            out.push(Scenario { name: words[1], options: words[2..].to_vec(), ..Scenario::default() });
            continue;
        }
        let scenario = out.last_mut().unwrap();
        match words[0] {
            ">" => scenario.records.push(Record {
                partition: 0,
                offset: scenario.records.len() as i64,
                timestamp: words[2].parse().unwrap(),
                name: words[1].strip_prefix('\'').map(|name| name.trim_end_matches('\'')),
                duration: words[3].parse().ok(),
            }),
            "<" => {
                let start = if scenario.option("size") == "0" { String::new() } else { format!("[{}]", words[2]) };
                let value = words[4].replace('-', "\u{0}").replace(',', ", ");
                // A lone dash is null, a dash before a digit a sign.
                let value: Vec<String> = value
                    .split(", ")
                    .map(|part| if part == "\u{0}" { "NULL".to_owned() } else { part.replace('\u{0}', "-") })
                    .collect();
                let name = words[1].trim_matches('\'');
                scenario
                    .results
                    .push((scenario.records.len(), format!("{name}{start}: {} @{}", value.join(", "), words[3])));
            }
            "c" => scenario.changelog.push(words[1..].join(" ")),
            _ => scenario.dropped = words[1].parse().unwrap(),
        }
    }
    out
}

fn check(text: &'static str, at_least: usize) {
    let scenarios = scenarios(text);
    assert!(scenarios.len() >= at_least);
    for scenario in scenarios {
        let query = scenario.query();
        let running = query.window.is_none();
        let expected: Vec<&String> = scenario.results.iter().map(|(_, result)| result).collect();
        for cut in [1, 7, usize::MAX] {
            let mut task = query.task(1, 0, 1);
            let mut changelog = KeptChangelog::default();
            let mut given = Vec::new();
            // Kafka: an aggregate without a window drops records with a null value, and counts them. Here a null value
            // does not reach the engine as such; the filter of the other scenarios removes it uncounted in both.
            let null_value = |record: &Record| running && record.duration.is_none();
            let (null_values, records): (Vec<Record>, Vec<Record>) =
                scenario.records.iter().cloned().partition(|record| null_value(record));
            let mut dropped = if query.filter.is_none() { null_values.len() as u64 } else { 0 };
            for piece in records.chunks(cut.min(records.len())) {
                let next = piece.last().unwrap().offset + 1;
                task.push(batch(0, piece, next, true));
                let effects = task.superstep(&context());
                let so_far = given.len();
                given.extend(rows(&effects));
                changelog.append(&effects.changelog);
                if cut == 1 {
                    let due: Vec<&String> = scenario
                        .results
                        .iter()
                        .filter(|(after, _)| *after == next as usize)
                        .map(|(_, result)| result)
                        .collect();
                    assert_eq!(
                        given[so_far..].iter().collect::<Vec<_>>(),
                        due,
                        "{} at record {}",
                        scenario.name,
                        next - 1
                    );
                }
            }
            assert_eq!(given.iter().collect::<Vec<_>>(), expected, "{} cut at {cut}", scenario.name);
            if scenario.option("kind") == "count" {
                let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                let rows = changelog.rows.iter();
                let rows: Vec<String> =
                    rows.map(|(_, key, value, time)| format!("{} {} {time}", hex(key), hex(value))).collect();
                assert_eq!(rows, scenario.changelog, "{}", scenario.name);
            }
            dropped += task.stats().iter().map(|stats| stats.null_keys + stats.late).sum::<u64>();
            assert_eq!(dropped, scenario.dropped, "{}: drops", scenario.name);
        }
    }
}

#[test]
fn tumbling_windows_are_kafka_streams() {
    check(TUMBLING, 48);
}

#[test]
fn running_aggregates_are_kafka_streams() {
    check(RUNNING, 12);
}

#[test]
fn final_results_are_kafka_streams() {
    check(FINAL, 16);
}

#[test]
fn offset_metadata_is_kafka_streams() {
    for line in OFFSET_METADATA.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let named = words[1].split(',').filter_map(|pair| pair.split_once('='));
        let times = OffsetMetadata {
            partition_time: words[0].parse().unwrap(),
            stream_times: named.map(|(name, time)| (name.to_owned(), time.parse().unwrap())).collect(),
        };
        assert_eq!(OffsetMetadata::decode(words[2]), Ok(times.clone()), "{line}");
        // Kafka Streams writes several names in no particular order; ours are sorted.
        if times.stream_times.len() < 2 {
            assert_eq!(times.encode(), words[2], "{line}");
        }
        assert_eq!(OffsetMetadata::decode(&times.encode()), Ok(times));
    }
}
