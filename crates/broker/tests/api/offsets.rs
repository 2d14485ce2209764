//! Offsets: by time, by epoch, and deleting records below one.

use os::Disk;
use record::{BatchOptions, Compression};
use wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use wire::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

use crate::harness::{Fixture, NOW_MS, batch_of, compressed, name_of};

fn list(fixture: &Fixture, version: i16, topic: &str, timestamp: i64) -> String {
    let partition = ListOffsetsPartition { timestamp, ..ListOffsetsPartition::default() };
    let topic = ListOffsetsTopic { name: topic.into(), partitions: vec![partition] };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..ListOffsetsRequest::default() };
    let response = fixture.ask(version, &request);
    let found = &response.topics[0].partitions[0];
    match found.error_code {
        0 => format!("{} at {}", found.offset, found.timestamp),
        error_code => name_of(error_code).to_owned(),
    }
}

#[test]
fn by_time() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    fixture.create("empty", 1, &[]);
    // Timestamps within a compressed batch, not in order.
    let records = [(None, "a", 100), (None, "b", 300), (None, "c", 200)];
    fixture.produce("t", 0, batch_of(compressed(Compression::Lz4), &records));
    fixture.produce("t", 0, batch_of(BatchOptions::default(), &[(None, "d", 250)]));
    let check = |topic: &str, version: i16, timestamp: i64, expected: &str| {
        assert_eq!(list(&fixture, version, topic, timestamp), expected, "{topic} v{version} {timestamp}");
    };
    for version in 1..=10 {
        check("t", version, -1, "4 at -1");
        check("t", version, -2, "0 at -1");
        check("t", version, 0, "0 at 100");
        check("t", version, 100, "0 at 100");
        check("t", version, 101, "1 at 300");
        check("t", version, 300, "1 at 300");
        check("t", version, 301, "-1 at -1");
        check("t", version, -3, if version >= 7 { "1 at 300" } else { "UNSUPPORTED_VERSION" });
        check("t", version, -4, if version >= 8 { "0 at -1" } else { "UNSUPPORTED_VERSION" });
        check("t", version, -5, if version >= 9 { "-1 at -1" } else { "UNSUPPORTED_VERSION" });
        check("t", version, -6, "UNSUPPORTED_VERSION");
    }
    check("empty", 7, -3, "-1 at -1");
    check("empty", 7, -1, "0 at -1");
    check("none", 7, -1, "UNKNOWN_TOPIC_OR_PARTITION");
}

#[test]
fn records_below_an_offset_can_go() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    fixture.create("compacted", 1, &[("cleanup.policy", "compact")]);
    for value in ["a", "b", "c"] {
        fixture.produce_values("t", 0, &[value]);
    }
    let check = |topic: &str, offset: i64, expected: &str| {
        let partition = DeleteRecordsPartition { offset, ..DeleteRecordsPartition::default() };
        let topics = vec![DeleteRecordsTopic { name: topic.into(), partitions: vec![partition] }];
        let response = fixture.ask(2, &DeleteRecordsRequest { topics, ..DeleteRecordsRequest::default() });
        let result = &response.topics[0].partitions[0];
        let got = format!("{} {}", name_of(result.error_code), result.low_watermark);
        assert_eq!(got, expected, "{topic} {offset}");
    };
    check("t", 2, "NONE 2");
    // The start never moves down.
    check("t", 1, "NONE 2");
    check("t", 4, "OFFSET_OUT_OF_RANGE -1");
    check("t", -2, "OFFSET_OUT_OF_RANGE -1");
    check("none", 0, "UNKNOWN_TOPIC_OR_PARTITION -1");
    check("compacted", 0, "POLICY_VIOLATION -1");
    check("__consumer_offsets", 0, "INVALID_TOPIC_EXCEPTION -1");
    assert_eq!(list(&fixture, 5, "t", -2), "2 at -1");
    assert_eq!(name_of(fixture.fetch("t", 0, 1).error_code), "OFFSET_OUT_OF_RANGE");
    check("t", -1, "NONE 3");
    assert_eq!(fixture.produce_values("t", 0, &["d"]), 3);
    let fixture = fixture.restart();
    assert_eq!(list(&fixture, 5, "t", -2), "3 at -1");
    assert_eq!(fixture.produce_values("t", 0, &["e"]), 4);
}

#[test]
fn epochs() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    fixture.produce("t", 0, batch_of(BatchOptions::default(), &[(None, "a", NOW_MS)]));
    let check = |current_leader_epoch: i32, leader_epoch: i32, expected: (&str, i32, i64)| {
        let partition =
            OffsetForLeaderPartition { current_leader_epoch, leader_epoch, ..OffsetForLeaderPartition::default() };
        let topics = vec![OffsetForLeaderTopic { topic: "t".into(), partitions: vec![partition] }];
        let request = OffsetForLeaderEpochRequest { topics, ..OffsetForLeaderEpochRequest::default() };
        let response = fixture.ask(4, &request);
        let found = &response.topics[0].partitions[0];
        let got = (name_of(found.error_code), found.leader_epoch, found.end_offset);
        assert_eq!(got, expected, "{current_leader_epoch} {leader_epoch}");
    };
    check(-1, 0, ("NONE", 0, 1));
    check(0, 0, ("NONE", 0, 1));
    check(3, 0, ("UNKNOWN_LEADER_EPOCH", -1, -1));
}

#[test]
fn old_records_go_when_retention_is_due() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[("retention.ms", "1000")]);
    fixture.produce_values("t", 0, &["a"]);
    let start = |fixture: &Fixture| fixture.broker.partition("t", 0).expect("there").log().log_start_offset().0;
    let segments = |fixture: &Fixture| {
        let dir = fixture.broker.partition("t", 0).expect("there").log().dir().to_owned();
        let entries = fixture.disk.read_dir(&dir).expect("listed");
        entries.iter().filter(|entry| entry.name.ends_with(".log")).count()
    };
    let check = |after_s: u64, expected: i64| {
        fixture.clock.advance(std::time::Duration::from_secs(after_s));
        fixture.broker.maintain().expect("housekeeping");
        // The active segment is rolled, closed in the background, and then goes.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while segments(&fixture) > 1 {
            assert!(std::time::Instant::now() < deadline, "after {after_s} s more, a rolled segment stays");
            std::thread::yield_now();
            fixture.broker.maintain().expect("housekeeping");
        }
        assert_eq!(start(&fixture), expected, "after {after_s} s more");
    };
    // Kafka looks 30 s after its start, and then every 5 minutes.
    check(10, 0);
    check(25, 1);
    fixture.produce_values("t", 0, &["b"]);
    check(200, 1);
    check(110, 2);
    assert_eq!(fixture.produce_values("t", 0, &["c"]), 2);
}
