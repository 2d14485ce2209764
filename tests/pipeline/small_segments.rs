//! A topic of many small segments, written batch by batch and read offset by offset, with nothing between us and the wire.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use client::{Client, ClientOptions, Connection, NewTopic};
use record::{BatchBuilder, BatchOptions, LeaderEpoch, Offset, TimestampMs};
use tests::program::Program;
use tokio::runtime::Runtime;
use wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use wire::{ErrorCode, Records};

const PRODUCE: i16 = 11;
const FETCH: i16 = 11;
/// A batch's records, each with a value of its own that is found again by its offset.
pub const BATCH_RECORDS: i64 = 10;
const VALUE_BYTES: usize = 100;

/// A connection, and the topic.
pub struct SmallSegments {
    runtime: Runtime,
    client: Client,
    connection: Connection,
    topic: &'static str,
}

/// The value of the record at `offset`.
fn value_of(offset: i64) -> String {
    format!("{offset:0VALUE_BYTES$}")
}

impl SmallSegments {
    pub fn connect(program: &Program, topic: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (client, connection) = runtime.block_on(async {
            let client = Client::connect(ClientOptions::new(&program.bootstrap)).await.expect("connected");
            let connection = client.open_connection(None).await.expect("connected");
            (client, connection)
        });
        Self { runtime, client, connection, topic }
    }

    /// Creates the topic.
    pub fn create(&self, segment_bytes: usize) {
        let configs = vec![("segment.bytes".to_owned(), segment_bytes.to_string())];
        let topic = NewTopic { name: self.topic.to_owned(), partitions: Some(1), configs, ..NewTopic::default() };
        let created = self.runtime.block_on(self.client.create_topics(&[topic], false)).expect("answered");
        created.into_iter().for_each(|(name, created)| created.unwrap_or_else(|e| panic!("{name}: {e}")));
    }

    /// Appends so many batches behind `end`, each acknowledged before the next; the new end.
    pub fn append(&self, end: i64, batches: i64) -> i64 {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_millis() as i64;
        for first in (0..batches).map(|number| end + number * BATCH_RECORDS) {
            let mut batch = BatchBuilder::new(BatchOptions::default());
            for offset in first..first + BATCH_RECORDS {
                let value = value_of(offset);
                batch.push(TimestampMs(now_ms), None, Some(value.as_bytes()), []);
            }
            let records = Records::Bytes(batch.finish(Offset(0), LeaderEpoch::NONE));
            let partition_data = vec![PartitionProduceData { index: 0, records }];
            let topic = TopicProduceData { name: self.topic.into(), partition_data, ..TopicProduceData::default() };
            let request =
                ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..ProduceRequest::default() };
            let answer = self
                .runtime
                .block_on(self.connection.call(PRODUCE, &request))
                .unwrap_or_else(|e| panic!("batch at {first}: {e}"));
            let partition = &answer.responses[0].partition_responses[0];
            assert_eq!((partition.error_code, partition.base_offset), (0, first), "{partition:?}");
        }
        end + batches * BATCH_RECORDS
    }

    /// Reads `[from, end)`, checks every record that comes, and returns the offsets that were answered CORRUPT_MESSAGE.
    pub fn read(&self, from: i64, end: i64) -> Vec<i64> {
        let (mut next, mut corrupt) = (from, Vec::new());
        while next < end {
            let partition = FetchPartition {
                fetch_offset: next,
                current_leader_epoch: -1,
                log_start_offset: -1,
                partition_max_bytes: 1 << 20,
                ..FetchPartition::default()
            };
            let topic = FetchTopic { topic: self.topic.into(), partitions: vec![partition], ..FetchTopic::default() };
            let request = FetchRequest {
                replica_id: -1,
                max_bytes: 1 << 20,
                session_epoch: -1,
                topics: vec![topic],
                ..FetchRequest::default()
            };
            let answer = self.runtime.block_on(self.connection.call(FETCH, &request)).expect("answered");
            let data = &answer.responses[0].partitions[0];
            if data.error_code == ErrorCode::CorruptMessage as i16 {
                corrupt.push(next);
                next += 1;
                continue;
            }
            assert_eq!(data.error_code, 0, "offset {next}: {data:?}");
            let Records::Bytes(bytes) = &data.records else { panic!("no records at {next} of {end}") };
            let before = next;
            for batch in record::split(bytes.clone()).map_while(Result::ok) {
                batch.check_crc().expect("a right checksum");
                for record in &batch.records(Default::default()).expect("records") {
                    let record = record.expect("a record");
                    if record.offset.0 >= next {
                        assert_eq!(record.offset.0, next, "no record is left out");
                        assert_eq!(record.value, Some(value_of(next).as_bytes()));
                        next += 1;
                    }
                }
            }
            assert!(next > before, "nothing comes at {next} of {end}");
        }
        corrupt
    }
}

/// The segments of the topic's partition, in order, each with its base offset and length.
pub fn segments(program_dir: &std::path::Path, topic: &str) -> Vec<(i64, PathBuf, u64)> {
    let dir = program_dir.join("log").join(format!("{topic}-0"));
    let entries = std::fs::read_dir(&dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut segments: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|kind| kind == "log"))
        .map(|path| {
            let base = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            let len = std::fs::metadata(&path).expect("metadata").len();
            (base.expect("a base offset"), path, len)
        })
        .collect();
    segments.sort();
    segments
}
