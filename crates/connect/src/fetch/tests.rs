//! What a reader of a partition sees, and what it passes over.

use std::path::PathBuf;
use std::sync::Arc;

use broker::{Broker, BrokerOptions, NewTopic, TopologyCommit};
use commitlog::Isolation;
use os::SystemClock;
use record::{BatchBuilder, BatchOptions, BatchesBuilder, LeaderEpoch, Offset, TimestampMs};
use testkit::SimDisk;

use super::{FetchBuffer, FetchError, fetch, fetch_within};

fn broker() -> Arc<Broker> {
    let mut options = BrokerOptions::new(PathBuf::from("/data"));
    options.disk = Arc::new(SimDisk::new());
    options.clock = Arc::new(SystemClock::new());
    options.background = false;
    let broker = Broker::open(options).unwrap();
    broker.create_topic("t", NewTopic { partitions: Some(1), ..NewTopic::default() }).unwrap();
    broker
}

fn produce(broker: &Broker, values: &[&str]) {
    let mut batch = BatchBuilder::new(BatchOptions::default());
    for value in values {
        batch.push(TimestampMs(broker.now_ms()), None, Some(value.as_bytes()), []);
    }
    let appended = broker.partition("t", 0).unwrap().produce(batch.finish(Offset(0), LeaderEpoch(0)), broker.now_ms());
    appended.unwrap().ticket.wait().unwrap();
}

/// Offsets and values from an offset on, the next offset, and whether that is the end.
fn check(broker: &Broker, from: i64, bytes_max: usize, records: &[(i64, &str)], next_offset: i64, at_end: bool) {
    let partition = broker.partition("t", 0).unwrap();
    let fetched = fetch(partition.log(), from, bytes_max, Isolation::LastStable).unwrap();
    let got: Vec<(i64, String)> = fetched
        .records()
        .map(|record| record.unwrap())
        .map(|record| (record.offset.0, String::from_utf8_lossy(record.value.unwrap()).into_owned()))
        .collect();
    let got: Vec<(i64, &str)> = got.iter().map(|(offset, value)| (*offset, value.as_str())).collect();
    assert_eq!((&*got, fetched.next_offset, fetched.at_end), (records, next_offset, at_end), "from {from}");
}

#[test]
fn records_of_whole_batches_from_an_offset_inside() {
    let broker = broker();
    produce(&broker, &["a", "b", "c"]);
    produce(&broker, &["d"]);
    check(&broker, 0, 1 << 20, &[(0, "a"), (1, "b"), (2, "c"), (3, "d")], 4, true);
    check(&broker, 1, 1, &[(1, "b"), (2, "c")], 3, false);
    check(&broker, 4, 1 << 20, &[], 4, true);
    let partition = broker.partition("t", 0).unwrap();
    let beyond = fetch(partition.log(), 5, 1, Isolation::LastStable);
    assert!(matches!(beyond, Err(FetchError::OutOfRange { start: 0, end: 4 })), "{beyond:?}");
}

#[test]
fn markers_are_passed_over() {
    let broker = broker();
    let member = broker.query_member("app", &["t".to_owned()]).unwrap();
    let mut producer = broker.open_transactional("app", 60_000).unwrap();
    let mut records = BatchesBuilder::default();
    records.push(TimestampMs(broker.now_ms()), None, Some(b"committed"), []);
    let appends = vec![("t".to_owned(), 0, records)];
    let commit = TopologyCommit { producer: &mut producer, appends, offsets: Vec::new(), member: &member };
    broker.commit(vec![commit]).unwrap();
    check(&broker, 0, 1 << 20, &[(0, "committed")], 2, true);
    check(&broker, 1, 1 << 20, &[], 2, true);
    produce(&broker, &["after"]);
    check(&broker, 1, 1 << 20, &[(2, "after")], 3, true);
}

#[test]
fn what_one_fetch_decompresses_is_bounded() {
    let broker = broker();
    for value in ["a", "b", "c"] {
        produce(&broker, &[value]);
    }
    let partition = broker.partition("t", 0).unwrap();
    let place = |from, most| {
        let fetched =
            fetch_within(FetchBuffer::default(), partition.log(), from, 1 << 20, most, Isolation::LastStable).unwrap();
        (fetched.records().count(), fetched.next_offset, fetched.at_end)
    };
    assert_eq!(place(0, 1), (1, 1, false), "one batch is always taken");
    let two = 2 * fetch(partition.log(), 2, 1, Isolation::LastStable).unwrap().batches[0].body().len();
    assert_eq!(place(0, two), (2, 2, false));
    assert_eq!(place(2, two), (1, 3, true));
}
