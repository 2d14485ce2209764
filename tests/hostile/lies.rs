//! Batches whose headers lie: each is refused with Kafka's own error, or taken for what it really is, and the log's end
//! moves by what was taken.

use bytes::{Bytes, BytesMut};
use record::{BatchBuilder, BatchOptions, Compression, LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use record::{ProducerIdentity, Sequence, TimestampMs};
use tests::program::{Program, test_dir};
use wire::ErrorCode;
use wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};

use crate::pair::{create_topic, produce};
use crate::raw::Raw;
use crate::samples;

/// Places in a batch's header.
const BASE_OFFSET: usize = 0;
const LENGTH: usize = 8;
const MAGIC: usize = 16;
const CHECKSUM: usize = 17;
const ATTRIBUTES: usize = 21;
const LAST_OFFSET_DELTA: usize = 23;
const BASE_TIMESTAMP: usize = 27;
const PRODUCER_ID: usize = 43;
const BASE_SEQUENCE: usize = 53;
const COUNT: usize = 57;

/// Three records.
const RECORDS: i64 = 3;

fn with(batch: &[u8], changes: &[(usize, &[u8])], mend: bool) -> Bytes {
    let mut bytes = BytesMut::from(batch);
    for (at, value) in changes {
        bytes[*at..*at + value.len()].copy_from_slice(value);
    }
    if mend {
        let max_timestamp = i64::from_be_bytes(bytes[35..43].try_into().expect("8 bytes"));
        // Writes the checksum, too.
        record::set_max_timestamp(&mut bytes, TimestampMs(max_timestamp));
    }
    bytes.freeze()
}

fn idempotent(sequence: i32) -> Bytes {
    let producer =
        ProducerIdentity { id: ProducerId(7_000), epoch: ProducerEpoch(0), base_sequence: Sequence(sequence) };
    let mut builder = BatchBuilder::new(BatchOptions { producer: Some(producer), ..BatchOptions::default() });
    builder.push(TimestampMs(1_700_000_000_000), None, Some(b"v"), []);
    builder.finish(Offset(0), LeaderEpoch(0))
}

struct Log {
    raw: Raw,
    end: i64,
    /// What was not as expected.
    wrong: Vec<String>,
}

impl Log {
    fn check(&mut self, what: &str, batch: Bytes, expected: &str, taken: i64) {
        let produced = self.raw.ask(9, &produce("lies", batch)).unwrap_or_else(|e| panic!("{what}: {e}"));
        let code = produced.responses[0].partition_responses[0].error_code;
        let name = ErrorCode::from_code(code).name();
        if name != expected {
            self.wrong.push(format!("{what}: {name} instead of {expected}"));
        }
        self.end += taken;
        let wanted = ListOffsetsPartition { current_leader_epoch: -1, timestamp: -1, ..Default::default() };
        let topics = vec![ListOffsetsTopic { name: "lies".into(), partitions: vec![wanted] }];
        let asked = ListOffsetsRequest { replica_id: -1, topics, ..Default::default() };
        let listed = self.raw.ask(6, &asked).expect("offsets");
        let end = listed.topics[0].partitions[0].offset;
        if end != self.end {
            self.wrong.push(format!("{what}: the log ends at {end} instead of {}", self.end));
            self.end = end;
        }
    }
}

#[test]
fn lying_headers_are_refused() {
    let program = Program::start(&test_dir("lies"), &["up"]);
    let mut raw = Raw::open(&program.bootstrap, 1).expect("connected");
    let created = raw.ask(7, &create_topic("lies")).expect("answered");
    assert_eq!(created.topics[0].error_code, 0, "{created:?}");
    let mut log = Log { raw, end: 0, wrong: Vec::new() };
    let good = samples::batch(Compression::None, RECORDS as usize);
    let packed = samples::batch(Compression::Gzip, RECORDS as usize);
    let mut lie = |what: &str, changes: &[(usize, &[u8])], expected: &str, taken: i64| {
        log.check(what, with(&good, changes, true), expected, taken);
        log.check(&format!("{what}, packed"), with(&packed, changes, true), expected, taken);
    };
    lie("nothing", &[], "NONE", RECORDS);
    lie("a base offset of its own", &[(BASE_OFFSET, &5_i64.to_be_bytes())], "INVALID_RECORD", 0);
    lie("a base offset at the end of all numbers", &[(BASE_OFFSET, &i64::MAX.to_be_bytes())], "CORRUPT_MESSAGE", 0);
    lie("no records", &[(COUNT, &0_i32.to_be_bytes())], "INVALID_RECORD", 0);
    // Kafka: INVALID_RECORD for the negative ones; here such a header is none.
    lie("a negative count", &[(COUNT, &(-1_i32).to_be_bytes())], "CORRUPT_MESSAGE", 0);
    let huge: &[(usize, &[u8])] =
        &[(COUNT, &i32::MAX.to_be_bytes()), (LAST_OFFSET_DELTA, &(i32::MAX - 1).to_be_bytes())];
    lie("a huge count", huge, "INVALID_RECORD", 0);
    lie(
        "fewer records than there are",
        &[(COUNT, &2_i32.to_be_bytes()), (LAST_OFFSET_DELTA, &1_i32.to_be_bytes())],
        "INVALID_RECORD",
        0,
    );
    lie("a last offset far away", &[(LAST_OFFSET_DELTA, &1_000_000_i32.to_be_bytes())], "INVALID_RECORD", 0);
    lie("a negative last offset", &[(LAST_OFFSET_DELTA, &(-5_i32).to_be_bytes())], "CORRUPT_MESSAGE", 0);
    lie("the future", &[(BASE_TIMESTAMP, &4_000_000_000_000_i64.to_be_bytes())], "INVALID_TIMESTAMP", 0);
    lie("a time before all time", &[(BASE_TIMESTAMP, &(-5_i64).to_be_bytes())], "INVALID_TIMESTAMP", 0);
    lie("a producer without a sequence", &[(PRODUCER_ID, &5_i64.to_be_bytes())], "INVALID_RECORD", 0);
    let sequence: &[(usize, &[u8])] = &[(PRODUCER_ID, &[0; 14]), (BASE_SEQUENCE, &(-2_i32).to_be_bytes())];
    lie("a negative sequence", sequence, "INVALID_RECORD", 0);
    log.check("a control batch", with(&good, &[(ATTRIBUTES, &[0, 0x20])], true), "INVALID_RECORD", 0);
    log.check("append time", with(&good, &[(ATTRIBUTES, &[0, 0x08])], true), "INVALID_TIMESTAMP", 0);
    log.check("a codec that is none", with(&good, &[(ATTRIBUTES, &[0, 7])], true), "INVALID_RECORD", 0);
    log.check("a codec that it is not", with(&good, &[(ATTRIBUTES, &[0, 4])], true), "CORRUPT_MESSAGE", 0);
    log.check("a wrong checksum", with(&good, &[(CHECKSUM, &[1, 2, 3, 4])], false), "CORRUPT_MESSAGE", 0);
    log.check("an old format", with(&good, &[(MAGIC, &[1])], false), "INVALID_RECORD", 0);
    log.check("a length of 3", with(&good, &[(LENGTH, &3_i32.to_be_bytes())], false), "CORRUPT_MESSAGE", 0);
    log.check("a negative length", with(&good, &[(LENGTH, &(-1_i32).to_be_bytes())], false), "CORRUPT_MESSAGE", 0);
    log.check(
        "a length beyond the end",
        with(&good, &[(LENGTH, &i32::MAX.to_be_bytes())], false),
        "CORRUPT_MESSAGE",
        0,
    );
    log.check("two batches", Bytes::from([&good[..], &good[..]].concat()), "INVALID_RECORD", 0);
    log.check("nothing at all", Bytes::new(), "INVALID_RECORD", 0);
    log.check("a first sequence", idempotent(0), "NONE", 1);
    log.check("the same again", idempotent(0), "NONE", 0);
    log.check("a sequence out of order", idempotent(9), "OUT_OF_ORDER_SEQUENCE_NUMBER", 0);
    log.check("nothing wrong, after all that", good.clone(), "NONE", RECORDS);
    assert!(log.wrong.is_empty(), "{:#?}", log.wrong);
    program.stop();
}
