//! The slow, obviously right engine, and the proof that the fast one gives the same for any cut.

use std::collections::BTreeMap;

use super::*;
use crate::plan::Tumble;
use crate::task::Task;

/// What a query must give, record for record, with the cache off.
fn oracle(query: &Query, partitions: &[Vec<Record>]) -> Vec<String> {
    let mut out = Vec::new();
    let mut times: BTreeMap<i32, i64> = BTreeMap::new();
    // By key partition, name and window start: count, durations, largest timestamp.
    type Group = (i64, Vec<i64>, i64);
    let mut groups: BTreeMap<(i32, &str, i64), Group> = BTreeMap::new();
    let mut heads = vec![0; partitions.len()];
    loop {
        let open = (0..partitions.len()).filter(|p| heads[*p] < partitions[*p].len());
        let Some(p) = open.min_by_key(|p| (partitions[*p][heads[*p]].timestamp, *p)) else { return out };
        let record = &partitions[p][heads[p]];
        heads[p] += 1;
        if query.filter.is_some_and(|min| record.duration.is_none_or(|duration| duration <= min)) {
            continue;
        }
        let Some(name) = record.name else { continue };
        let key_partition = match query.exchange {
            true => record::partition_of_key(name.as_bytes(), partitions.len() as i32),
            false => record.partition,
        };
        let time = times.entry(key_partition).or_insert(-1);
        *time = record.timestamp.max(*time);
        let start = match query.window {
            Some(Tumble { size_ms, grace_ms, .. }) => {
                let start = record.timestamp / size_ms * size_ms;
                if start + size_ms <= *time - grace_ms {
                    continue;
                }
                start
            }
            None => 0,
        };
        let (count, durations, last) = groups.entry((key_partition, name, start)).or_insert((0, Vec::new(), i64::MIN));
        *count += 1;
        durations.extend(record.duration);
        *last = record.timestamp.max(*last);
        let number = |value: Option<i64>| value.map_or("NULL".to_owned(), |value| value.to_string());
        let values: Vec<String> = query
            .calls
            .iter()
            .map(|call| match *call {
                "count" => count.to_string(),
                "sum" => number((!durations.is_empty()).then(|| durations.iter().sum())),
                "min" => number(durations.iter().copied().min()),
                "max" => number(durations.iter().copied().max()),
                "latest_by_offset" => number(durations.last().copied()),
                other => panic!("{other}"),
            })
            .collect();
        let window = if query.window.is_some() { format!("[{start}]") } else { String::new() };
        out.push(format!("{name}{window}: {} @{last}", values.join(", ")));
    }
}

/// A random input: time runs on with jitter, partitions are skewed, some keys and values are NULL.
fn input(random: &mut fastrand::Rng, partitions: usize, records: usize) -> Vec<Vec<Record>> {
    const NAMES: [&str; 6] = ["P1", "P2", "P3", "P4", "a-long-page-name", ""];
    let mut out = vec![Vec::new(); partitions];
    let mut clock = 0;
    for _ in 0..records {
        clock += random.i64(0..6);
        let partition = if random.bool() { 0 } else { random.usize(0..partitions) };
        let rows: &mut Vec<Record> = &mut out[partition];
        rows.push(Record {
            partition: partition as i32,
            offset: rows.len() as i64,
            timestamp: (clock - if random.u8(0..4) == 0 { random.i64(0..60) } else { 0 }).max(0),
            name: (random.u8(0..12) > 0).then(|| NAMES[random.usize(0..NAMES.len())]),
            duration: (random.u8(0..12) > 0).then(|| random.i64(-50..300)),
        });
    }
    out
}

/// Feeds a task in random pieces. A partition is at its end exactly when all its records were pushed.
fn feed(task: &mut Task, random: &mut fastrand::Rng, input: &[Vec<Record>], cut: usize) -> Vec<String> {
    let mut out = Vec::new();
    let mut pushed = vec![0; input.len()];
    let mut told = vec![false; input.len()];
    while told.iter().any(|told| !told) {
        let open: Vec<usize> = (0..input.len()).filter(|p| !told[*p]).collect();
        let p = open[random.usize(0..open.len())];
        let count = random.usize(0..=cut).min(input[p].len() - pushed[p]);
        let end = pushed[p] + count;
        told[p] = end == input[p].len();
        task.push(batch(p as i32, &input[p][pushed[p]..end], end as i64, told[p]));
        pushed[p] = end;
        if random.bool() {
            out.extend(rows(&task.superstep(&context())));
        }
    }
    out.extend(rows(&task.superstep(&context())));
    out
}

fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for window in [None, Some(Tumble::with_grace(20, 0)), Some(Tumble::with_grace(7, 30))] {
        for filter in [None, Some(100)] {
            for exchange in [true, false] {
                let calls = vec!["count", "sum", "min", "max", "latest_by_offset"];
                queries.push(Query { filter, exchange, calls, ..Query::counts(window) });
            }
        }
    }
    queries
}

/// One row per key partition is all that has an order without an exchange: compare as sorted by key partition.
fn comparable(query: &Query, partitions: usize, mut rows: Vec<String>) -> Vec<String> {
    if !query.exchange && partitions > 1 {
        rows.sort();
    }
    rows
}

#[test]
fn any_cut_gives_what_the_oracle_gives() {
    for seed in 0..10 {
        let mut random = fastrand::Rng::with_seed(seed);
        let partitions = [1, 2, 4][random.usize(0..3)];
        let records = random.usize(0..120);
        let input = input(&mut random, partitions, records);
        for query in queries() {
            let expected = comparable(&query, partitions, oracle(&query, &input));
            for (cut, workers) in [(1, 1), (3, 2), (1000, 4)] {
                let mut task = query.task(partitions as i32, 0, workers);
                let given = feed(&mut task, &mut random, &input, cut);
                let given = comparable(&query, partitions, given);
                assert_eq!(given, expected, "seed {seed}, cut {cut}, {query:?}");
            }
        }
    }
}

#[test]
fn the_cache_keeps_the_last_value_of_each_key() {
    for seed in 100..104 {
        let mut random = fastrand::Rng::with_seed(seed);
        let input = input(&mut random, 2, 200);
        for query in queries() {
            let last = |rows: Vec<String>| -> BTreeMap<String, String> {
                let split = |row: String| row.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned()));
                rows.into_iter().filter_map(split).collect()
            };
            if !query.exchange {
                // Both partitions have the same keys then: only the exchange makes the last value a defined one.
                continue;
            }
            let expected = last(oracle(&query, &input));
            let mut cuts = Vec::new();
            for cut in [1, 3, 1000] {
                let mut task = query.task(2, 1 << 30, 2);
                let mut effects = feed(&mut task, &mut random, &input, cut);
                effects.extend(rows(&task.flush(&context())));
                assert_eq!(last(effects.clone()), expected, "seed {seed}, cut {cut}, {query:?}");
                cuts.push(effects);
            }
            assert!(cuts.windows(2).all(|pair| pair[0] == pair[1]), "one flush gives the same order for any cut");
        }
    }
}

#[test]
fn many_rows_give_the_same_with_any_number_of_workers() {
    let mut random = fastrand::Rng::with_seed(5);
    let input = input(&mut random, 4, 12_000);
    let query = Query { exchange: true, ..Query::counts(Some(Tumble::with_grace(50, 100))) };
    let expected = oracle(&query, &input);
    for workers in [1, 2, 4] {
        let mut task = query.task(4, 0, workers);
        assert!(feed(&mut task, &mut random, &input, 20_000) == expected, "{workers} workers");
    }
}

#[test]
fn a_partition_behind_its_end_holds_the_merge() {
    let query = Query { exchange: true, ..Query::counts(None) };
    let mut task = query.task(2, 0, 1);
    let mut ours = records("a@10 a@20");
    task.push(batch(0, &ours, 2, true));
    assert!(!task.has_work() && rows(&task.superstep(&context())).is_empty(), "partition 1 has not been heard of");
    ours.iter_mut().for_each(|record| record.partition = 1);
    task.push(batch(1, &ours[..1], 1, false));
    assert_eq!(rows(&task.superstep(&context())), ["a: 1 @10", "a: 2 @10"]);
    assert!(!task.has_work(), "partition 1 is behind its end again");
    task.push(batch(1, &[], 1, true));
    assert_eq!(rows(&task.superstep(&context())), ["a: 3 @20"]);
}
