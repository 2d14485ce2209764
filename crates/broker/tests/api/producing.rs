//! Producing: what is accepted, what is refused, with which error.

use broker::net::refusal::Refusal;
use broker::reply::Answer;
use bytes::{Bytes, BytesMut};
use record::{BatchOptions, Compression};
use wire::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use wire::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use wire::messages::produce_request::ProduceRequest;

use crate::harness::{
    Fixture, NOW_MS, batch, batch_of, compressed, decode, first_produced, idempotent, name_of, produce_request,
    records_of,
};

#[test]
fn a_producer_too_many_is_refused_and_counted() {
    let fixture = Fixture::with_options(&[], |options| options.producers_max = 2);
    fixture.create("t", 1, &[]);
    let check = |id: i64, sequence: i32, expected: &str, refused: u64| {
        let batch = batch_of(idempotent(id, 0, sequence), &[(None, "v", NOW_MS)]);
        let response = first_produced(fixture.ask(11, &produce_request("t", 0, batch)));
        let counted = fixture.broker.refusals().count(Refusal::Producers);
        assert_eq!((name_of(response.error_code), counted), (expected, refused), "{id} {sequence}");
    };
    check(1, 0, "NONE", 0);
    check(2, 0, "NONE", 0);
    check(3, 0, "THROTTLING_QUOTA_EXCEEDED", 1);
    check(1, 1, "NONE", 1);
    // Other refusals are not counted as this one.
    check(1, 7, "OUT_OF_ORDER_SEQUENCE_NUMBER", 1);
    check(4, 0, "THROTTLING_QUOTA_EXCEEDED", 2);
}

#[test]
fn what_a_batch_must_be() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[("max.message.bytes", "1000"), ("message.timestamp.after.max.ms", "1000")]);
    fixture.create("compacted", 1, &[("cleanup.policy", "compact")]);
    let two = || {
        let mut both = BytesMut::from(batch(&["a"]));
        both.extend_from_slice(&batch(&["b"]));
        both.freeze()
    };
    let changed = |at: usize, mask: u8| {
        let mut bytes = BytesMut::from(batch(&["a", "b"]));
        bytes[at] ^= mask;
        bytes.freeze()
    };
    let check = |version: i16, topic: &str, partition: i32, acks: i16, batch: Bytes, expected: &str| {
        let mut request = produce_request(topic, partition, batch);
        request.acks = acks;
        let response = first_produced(fixture.ask(version, &request));
        assert_eq!(name_of(response.error_code), expected, "{topic}-{partition} acks={acks} v{version}: {response:?}");
        assert_eq!(response.base_offset == -1, response.error_code != 0);
    };
    let good = || batch(&["a"]);
    check(11, "t", 0, -1, good(), "NONE");
    check(3, "t", 0, 1, good(), "NONE");
    check(11, "t", 0, 2, good(), "INVALID_REQUIRED_ACKS");
    check(11, "t", 1, -1, good(), "UNKNOWN_TOPIC_OR_PARTITION");
    check(11, "t", -1, -1, good(), "UNKNOWN_TOPIC_OR_PARTITION");
    check(11, "none", 0, -1, good(), "UNKNOWN_TOPIC_OR_PARTITION");
    check(11, "__consumer_offsets", 0, -1, good(), "INVALID_TOPIC_EXCEPTION");
    check(11, "t", 0, -1, Bytes::new(), "INVALID_RECORD");
    check(11, "t", 0, -1, two(), "INVALID_RECORD");
    check(11, "t", 0, -1, good().slice(..65), "CORRUPT_MESSAGE");
    check(11, "t", 0, -1, changed(70, 1), "CORRUPT_MESSAGE");
    // Magic 1 instead of 2.
    check(11, "t", 0, -1, changed(16, 3), "INVALID_RECORD");
    check(11, "t", 0, -1, batch(&["x".repeat(1000).as_str()]), "MESSAGE_TOO_LARGE");
    check(11, "t", 0, -1, batch_of(BatchOptions::default(), &[(None, "late", NOW_MS + 1001)]), "INVALID_TIMESTAMP");
    check(11, "compacted", 0, -1, good(), "INVALID_RECORD");
    check(11, "compacted", 0, -1, batch_of(BatchOptions::default(), &[(Some("k"), "v", NOW_MS)]), "NONE");
    let zstd = || batch_of(compressed(Compression::Zstd), &[(None, "v", NOW_MS)]);
    check(6, "t", 0, -1, zstd(), "UNSUPPORTED_COMPRESSION_TYPE");
    check(7, "t", 0, -1, zstd(), "NONE");
    let control = BatchOptions { control: true, ..BatchOptions::default() };
    check(11, "t", 0, -1, batch_of(control, &[(Some("\0\0\0\0"), "v", NOW_MS)]), "INVALID_RECORD");
    let transactional = BatchOptions { transactional: true, ..idempotent(7, 0, 0) };
    check(11, "t", 0, -1, batch_of(transactional, &[(None, "v", NOW_MS)]), "TRANSACTIONAL_ID_AUTHORIZATION_FAILED");
}

#[test]
fn records_at_fault_are_named() {
    let fixture = Fixture::new();
    fixture.create("compacted", 1, &[("cleanup.policy", "compact")]);
    let records = [(Some("k"), "a", NOW_MS), (None, "b", NOW_MS), (None, "c", NOW_MS)];
    let response = fixture.produce("compacted", 0, batch_of(BatchOptions::default(), &records));
    assert_eq!(name_of(response.error_code), "INVALID_RECORD");
    let at: Vec<i32> = response.record_errors.iter().map(|record| record.batch_index).collect();
    assert_eq!(at, [1, 2]);
    assert_eq!(fixture.broker.partition("compacted", 0).expect("there").log().log_end_offset().0, 0);
}

#[test]
fn one_bad_partition_does_not_touch_the_others() {
    let fixture = Fixture::new();
    fixture.create("t", 2, &[]);
    let mut request = produce_request("t", 0, batch(&["a"]));
    let second = produce_request("t", 9, batch(&["b"])).topic_data.remove(0).partition_data.remove(0);
    let third = produce_request("t", 1, batch(&["c"])).topic_data.remove(0).partition_data.remove(0);
    request.topic_data[0].partition_data.extend([second, third]);
    let response = fixture.ask(11, &request);
    let got: Vec<&str> =
        response.responses[0].partition_responses.iter().map(|partition| name_of(partition.error_code)).collect();
    assert_eq!(got, ["NONE", "UNKNOWN_TOPIC_OR_PARTITION", "NONE"]);
    assert_eq!(records_of(&fixture.fetch("t", 1, 0)), ["0=c"]);
}

/// Requests that are long enough for two threads.
#[test]
fn a_request_to_many_partitions() {
    const PARTITIONS: i32 = 600;
    let fixture = Fixture::new();
    fixture.create("t", PARTITIONS, &[]);
    let check = |what: &str, parts: Vec<(i32, Bytes)>, expected: Vec<(&str, i64)>| {
        let mut request = produce_request("t", 0, Bytes::new());
        let data = |(index, batch): &(i32, Bytes)| {
            produce_request("t", *index, batch.clone()).topic_data.remove(0).partition_data.remove(0)
        };
        request.topic_data[0].partition_data = parts.iter().map(data).collect();
        let response = fixture.ask(11, &request).responses.remove(0);
        let indexes: Vec<i32> = response.partition_responses.iter().map(|partition| partition.index).collect();
        assert_eq!(indexes, parts.iter().map(|(index, _)| *index).collect::<Vec<_>>(), "{what}");
        let got: Vec<_> = response.partition_responses.iter().map(|p| (name_of(p.error_code), p.base_offset)).collect();
        assert_eq!(got, expected, "{what}");
    };
    let value = |round: i32, index: i32| batch(&[format!("{round}-{index}").as_str()]);
    let all = |round: i32| (0..PARTITIONS).map(|index| (index, value(round, index))).collect::<Vec<_>>();
    check("all", all(0), vec![("NONE", 0); 600]);
    let mut parts = all(1);
    parts[7].1 = Bytes::new();
    parts[300].0 = PARTITIONS;
    let mut expected = vec![("NONE", 1); 600];
    (expected[7], expected[300]) = (("INVALID_RECORD", -1), ("UNKNOWN_TOPIC_OR_PARTITION", -1));
    check("two are refused", parts, expected);
    // On one thread, in order. Ten times: a second one would now and then come too late to change that.
    for before in (0..10).map(|request| request * PARTITIONS) {
        let numbers = before..before + PARTITIONS;
        let again = |i: i32| (300, batch_of(idempotent(7, 0, i), &[(None, "again", NOW_MS)]));
        let expected = numbers.clone().map(|i| ("NONE", i64::from(i) + 1)).collect();
        check("one partition, again and again", numbers.map(again).collect(), expected);
    }
    for index in (0..PARTITIONS).filter(|index| ![7, 300].contains(index)) {
        assert_eq!(records_of(&fixture.fetch("t", index, 0)), [format!("0=0-{index}"), format!("1=1-{index}")]);
    }
}

#[test]
fn what_unpacks_to_much_is_left_to_another_thread() {
    let fixture = Fixture::new();
    fixture.create("t", 3, &[]);
    fixture.create("gzip", 1, &[("compression.type", "gzip")]);
    let check = |topic: &str, batches: &[(Compression, usize)], costly: bool, expected: &[&str]| {
        let zeros = |(codec, bytes): &(Compression, usize)| {
            batch_of(compressed(*codec), &[(None, "\0".repeat(*bytes).as_str(), NOW_MS)])
        };
        let mut request = produce_request(topic, 0, zeros(&batches[0]));
        for (index, batch) in (1..).zip(&batches[1..]) {
            let data = produce_request(topic, index, zeros(batch)).topic_data.remove(0).partition_data.remove(0);
            request.topic_data[0].partition_data.push(data);
        }
        let answer = fixture.begin(11, &request);
        assert_eq!(matches!(answer, Answer::Costly(_)), costly, "{topic} {batches:?}: {answer:?}");
        let response = decode::<ProduceRequest>(11, fixture.finish(answer));
        let got: Vec<&str> =
            response.responses[0].partition_responses.iter().map(|partition| name_of(partition.error_code)).collect();
        assert_eq!(got, expected, "{topic} {batches:?}");
    };
    let (none, zstd, gzip) = (Compression::None, Compression::Zstd, Compression::Gzip);
    check("t", &[(zstd, 600 << 10)], false, &["NONE"]);
    check("t", &[(zstd, 2 << 20)], true, &["NONE"]);
    // All batches of a request share what may be unpacked at once.
    check("t", &[(zstd, 600 << 10), (gzip, 600 << 10)], true, &["NONE", "NONE"]);
    check("t", &[(none, 600 << 10), (none, 600 << 10), (none, 10)], false, &["NONE"; 3]);
    check("t", &[(none, 10), (zstd, 65 << 20), (none, 10)], true, &["NONE", "MESSAGE_TOO_LARGE", "NONE"]);
    check("gzip", &[(gzip, 10)], false, &["NONE"]);
    check("gzip", &[(zstd, 10)], true, &["NONE"]);
    let end = |partition| fixture.broker.partition("t", partition).expect("there").log().log_end_offset().0;
    assert_eq!([end(0), end(1), end(2)], [5, 2, 2], "each batch is appended once");
}

#[test]
fn acks_0_is_silent_and_its_failure_closes() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    let mut request = produce_request("t", 0, batch(&["a"]));
    request.acks = 0;
    assert!(matches!(fixture.begin(9, &request), Answer::Silent));
    assert_eq!(fixture.produce_values("t", 0, &["b"]), 1, "the silent one was appended first");
    request.topic_data[0].name = "none".into();
    assert!(matches!(fixture.begin(9, &request), Answer::Close));
}

#[test]
fn a_retry_is_answered_with_the_first_offset() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    let send = |id: i64, epoch: i16, sequence: i32, values: &[&str]| {
        let records: Vec<_> = values.iter().map(|value| (None, *value, NOW_MS)).collect();
        let response = fixture.produce("t", 0, batch_of(idempotent(id, epoch, sequence), &records));
        format!("{} {}", name_of(response.error_code), response.base_offset)
    };
    assert_eq!(send(1, 0, 0, &["a", "b"]), "NONE 0");
    assert_eq!(send(1, 0, 2, &["c"]), "NONE 2");
    assert_eq!(send(1, 0, 0, &["a", "b"]), "NONE 0");
    assert_eq!(send(1, 0, 2, &["c"]), "NONE 2");
    assert_eq!(send(1, 0, 4, &["e"]), "OUT_OF_ORDER_SEQUENCE_NUMBER -1");
    assert_eq!(send(1, 1, 1, &["e"]), "OUT_OF_ORDER_SEQUENCE_NUMBER -1");
    assert_eq!(send(1, 1, 0, &["e"]), "NONE 3");
    assert_eq!(send(1, 0, 3, &["d"]), "INVALID_PRODUCER_EPOCH -1");
    assert_eq!(records_of(&fixture.fetch("t", 0, 0)), ["0=a", "1=b", "2=c", "3=e"]);
}

#[test]
fn the_broker_stamps_where_the_topic_says_so() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let response = fixture.produce("t", 0, batch_of(BatchOptions::default(), &[(None, "v", 5)]));
    assert_eq!((response.error_code, response.log_append_time_ms), (0, NOW_MS));
    let data = fixture.fetch("t", 0, 0);
    let bytes = data.records.clone().into_bytes().expect("records");
    let batch = record::Batch::parse(&bytes).expect("a batch");
    assert_eq!(batch.header.max_timestamp.0, NOW_MS);
    assert_eq!(records_of(&data), ["0=v"]);
}

#[test]
fn a_topic_can_ask_for_its_own_compression() {
    let fixture = Fixture::new();
    for (compression, expected) in [
        ("producer", Compression::Gzip),
        ("uncompressed", Compression::None),
        ("lz4", Compression::Lz4),
        ("zstd", Compression::Zstd),
        ("snappy", Compression::Snappy),
        ("gzip", Compression::Gzip),
    ] {
        fixture.create(compression, 1, &[("compression.type", compression)]);
        let sent = batch_of(compressed(Compression::Gzip), &[(Some("k"), "v", NOW_MS), (None, "w", NOW_MS + 1)]);
        assert_eq!(fixture.produce(compression, 0, sent).error_code, 0, "{compression}");
        let data = fixture.fetch(compression, 0, 0);
        let bytes = data.records.clone().into_bytes().expect("records");
        let batch = record::Batch::parse(&bytes).expect("a batch");
        assert_eq!(batch.header.compression().expect("known"), expected, "{compression}");
        assert_eq!(records_of(&data), ["0=v", "1=w"], "{compression}");
    }
}

#[test]
fn a_header_that_lies_about_time_is_corrected() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    let mut bytes = BytesMut::from(batch(&["a"]));
    record::set_max_timestamp(&mut bytes, record::TimestampMs(NOW_MS + 500));
    assert_eq!(fixture.produce("t", 0, bytes.freeze()).error_code, 0);
    let data = fixture.fetch("t", 0, 0);
    let bytes = data.records.clone().into_bytes().expect("records");
    assert_eq!(record::Batch::parse(&bytes).expect("a batch").header.max_timestamp.0, NOW_MS);
    assert_eq!(records_of(&data), ["0=a"]);
}

#[test]
fn a_failed_sync_is_never_acknowledged() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    fixture.produce_values("t", 0, &["a"]);
    fixture.disk.fail_syncs(1);
    assert_eq!(name_of(fixture.produce("t", 0, batch(&["b"])).error_code), "KAFKA_STORAGE_ERROR");
    assert!(fixture.broker.health().is_some(), "the broker knows that it must stop");
    assert_eq!(name_of(fixture.produce("t", 0, batch(&["c"])).error_code), "KAFKA_STORAGE_ERROR");
    // Nobody is shown what may not be there after the next start.
    assert_eq!(records_of(&fixture.fetch("t", 0, 0)), ["0=a"]);
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_space() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    fixture.produce_values("t", 0, &["a"]);
    fixture.disk.set_capacity(Some(0));
    assert_eq!(name_of(fixture.produce("t", 0, batch(&["b"])).error_code), "KAFKA_STORAGE_ERROR");
    assert_eq!(records_of(&fixture.fetch("t", 0, 0)), ["0=a"], "reading goes on");
    assert!(fixture.broker.create_topic("u", broker::NewTopic::default()).is_err());
    fixture.disk.set_capacity(None);
    assert_eq!(fixture.produce_values("t", 0, &["c"]), 1);
    fixture.create("u", 1, &[]);
    let fixture = fixture.restart();
    assert_eq!(records_of(&fixture.fetch("t", 0, 0)), ["0=a", "1=c"]);
}

#[test]
fn below_the_reserve_producers_are_refused_and_all_else_goes_on() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    fixture.create("u", 1, &[]);
    fixture.produce_values("t", 0, &["a", "b"]);
    // A disk that is nineteen twentieths full: the reserve is a tenth of it.
    fixture.disk.set_capacity(Some(1 << 40));
    let used = (1 << 40) - os::Disk::space(&fixture.disk, std::path::Path::new("/")).expect("told").free_bytes;
    fixture.disk.set_capacity(Some(used + used / 19));
    // The background thread's, once a second: it looks at the disk.
    fixture.broker.maintain().expect("maintained");
    let refused = fixture.produce("t", 0, batch(&["c"]));
    assert_eq!(name_of(refused.error_code), "KAFKA_STORAGE_ERROR");
    assert!(refused.error_message.is_some_and(|why| why.contains("nearly full")));
    assert!(fixture.broker.health().is_none());
    assert_eq!(records_of(&fixture.fetch("t", 0, 0)), ["0=a", "1=b"], "reading goes on");

    let create = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: "v".into(),
            num_partitions: 1,
            replication_factor: 1,
            ..Default::default()
        }],
        ..CreateTopicsRequest::default()
    };
    assert_eq!(name_of(fixture.ask(7, &create).topics[0].error_code), "KAFKA_STORAGE_ERROR");

    let offsets = OffsetCommitRequestPartition { partition_index: 0, committed_offset: 1, ..Default::default() };
    let commit = OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: -1,
        topics: vec![OffsetCommitRequestTopic { name: "t".into(), partitions: vec![offsets], ..Default::default() }],
        ..OffsetCommitRequest::default()
    };
    assert_eq!(fixture.ask(8, &commit).topics[0].partitions[0].error_code, 0, "offset commits go on");

    let wanted = DeleteRecordsPartition { partition_index: 0, offset: 1 };
    let delete = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic { name: "t".into(), partitions: vec![wanted] }],
        timeout_ms: 1000,
    };
    assert_eq!(fixture.ask(2, &delete).topics[0].partitions[0].low_watermark, 1, "DeleteRecords goes on");

    assert!(fixture.broker.delete_topic("u").is_ok(), "deletes go on");
    // Nobody restarts anything: the next batch is taken.
    fixture.disk.set_capacity(None);
    assert_eq!(fixture.produce_values("t", 0, &["d"]), 2);
}
