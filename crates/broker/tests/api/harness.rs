//! A broker on a simulated disk, and requests to it without a socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use broker::api::{self, Origin};
use broker::reply::{Answer, Body, Part};
use broker::{Broker, BrokerOptions};
use bytes::Bytes;
use record::{BatchBuilder, BatchOptions, LeaderEpoch, Offset, ProducerEpoch, ProducerId, ProducerIdentity, Sequence};
use record::{Compression, TimestampMs};
use testkit::{ManualClock, SimDisk};
use tokio::runtime::Runtime;
use wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::fetch_response::{FetchResponse, PartitionData};
use wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use wire::messages::produce_response::{PartitionProduceResponse, ProduceResponse};
use wire::messages::request_header::RequestHeader;
use wire::messages::response_header::ResponseHeader;
use wire::{ErrorCode, Message, Reader, Records, Request, Writer};

/// When the tests' clock starts.
pub const NOW_MS: i64 = 1_700_000_000_000;
/// The correlation id of every request.
const CORRELATION_ID: i32 = 4711;

/// A broker, its disk and its clock.
pub struct Fixture {
    pub broker: Arc<Broker>,
    pub disk: SimDisk,
    pub clock: Arc<ManualClock>,
    configs: Vec<(&'static str, &'static str)>,
    pub runtime: Runtime,
}

impl Fixture {
    pub fn new() -> Self {
        Self::with_configs(&[])
    }

    pub fn with_configs(configs: &[(&'static str, &'static str)]) -> Self {
        Self::with_options(configs, |_| {})
    }

    /// With options that no config sets; not again after [`Fixture::restart`].
    pub fn with_options(configs: &[(&'static str, &'static str)], set: impl FnOnce(&mut BrokerOptions)) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (disk, clock) = (SimDisk::new(), Arc::new(ManualClock::new(NOW_MS)));
        let broker = open(&disk, &clock, configs, set);
        Self { broker, disk, clock, configs: configs.to_vec(), runtime }
    }

    /// A clean stop and a new start.
    pub fn restart(mut self) -> Self {
        self.broker.shutdown().expect("a clean stop");
        drop(self.broker);
        self.broker = open(&self.disk, &self.clock, &self.configs, |_| {});
        self
    }

    /// Begins a request.
    pub fn begin<Q: Request>(&self, version: i16, request: &Q) -> Answer {
        let _entered = self.runtime.enter();
        self.serve(frame(version, request)).unwrap_or_else(|e| panic!("{} v{version}: {e}", Q::NAME))
    }

    /// Serves any bytes.
    pub fn serve(&self, frame: Bytes) -> Result<Answer, api::BadFrame> {
        let _entered = self.runtime.enter();
        api::serve(&self.broker, &origin(), frame, api::Lane::Fast)
    }

    /// The answer's bytes, when they are there.
    pub fn finish(&self, answer: Answer) -> Body {
        self.runtime.block_on(async {
            let answer = match answer {
                Answer::Costly(work) => work(),
                answer => answer,
            };
            match answer {
                Answer::Now(body) => body,
                Answer::Later(body) => body.await,
                Answer::Blocking(work) => tokio::task::spawn_blocking(work).await.expect("no panic"),
                Answer::Costly(_) | Answer::Silent | Answer::Close => panic!("not answered: {answer:?}"),
            }
        })
    }

    /// Asks and waits for the answer.
    pub fn ask<Q: Request>(&self, version: i16, request: &Q) -> Q::Response {
        let answer = self.begin(version, request);
        decode::<Q>(version, self.finish(answer))
    }

    pub fn create(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let configs = configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig { name: (*name).into(), value: Some((*value).into()) })
            .collect();
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: -1,
            configs,
            ..CreatableTopic::default()
        };
        let response = self.ask(7, &CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() });
        assert_eq!(response.topics[0].error_code, 0, "{response:?}");
    }

    /// Produces one batch and waits for its acknowledgement.
    pub fn produce(&self, topic: &str, partition: i32, batch: Bytes) -> PartitionProduceResponse {
        first_produced(self.ask(11, &produce_request(topic, partition, batch)))
    }

    /// Produces values without keys; the base offset.
    pub fn produce_values(&self, topic: &str, partition: i32, values: &[&str]) -> i64 {
        let response = self.produce(topic, partition, batch(values));
        assert_eq!(response.error_code, 0, "{response:?}");
        response.base_offset
    }

    /// Fetches one partition.
    pub fn fetch(&self, topic: &str, partition: i32, offset: i64) -> PartitionData {
        first_fetched(self.ask(12, &fetch_request(topic, partition, offset)))
    }
}

fn open(
    disk: &SimDisk,
    clock: &Arc<ManualClock>,
    configs: &[(&str, &str)],
    set: impl FnOnce(&mut BrokerOptions),
) -> Arc<Broker> {
    let mut options = BrokerOptions::new(PathBuf::from("/data"));
    options.disk = Arc::new(disk.clone());
    options.clock = Arc::clone(clock) as Arc<dyn os::Clock>;
    options.configs = configs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    options.background = false;
    set(&mut options);
    Broker::open(options).unwrap_or_else(|e| panic!("cannot open: {e}"))
}

pub fn origin() -> Origin {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
    Origin { peer, host: Arc::from("127.0.0.1"), port: 9092, connection_id: 1 }
}

/// A request with its header, without the length before it.
pub fn frame<Q: Request>(version: i16, request: &Q) -> Bytes {
    let mut writer = Writer::new();
    let header = RequestHeader {
        request_api_key: Q::KEY.code(),
        request_api_version: version,
        correlation_id: CORRELATION_ID,
        client_id: Some("test".into()),
    };
    header.encode(&mut writer, Q::KEY.request_header_version(version)).expect("a header");
    request.encode(&mut writer, version).unwrap_or_else(|e| panic!("{} v{version}: {e}", Q::NAME));
    writer.into_bytes().expect("bytes")
}

/// All bytes of an answer, without the length before them.
pub fn bytes_of(body: Body) -> Bytes {
    let mut all = Vec::new();
    for part in body.expect("encoded") {
        match part {
            Part::Bytes(bytes) => all.extend_from_slice(&bytes),
            Part::Chunk(chunk) => all.extend_from_slice(&chunk.read().expect("readable")),
        }
    }
    let declared = u32::from_be_bytes(all[..4].try_into().expect("4 bytes")) as usize;
    assert_eq!(declared, all.len() - 4);
    Bytes::from(all).slice(4..)
}

pub fn decode<Q: Request>(version: i16, body: Body) -> Q::Response {
    let mut reader = Reader::new(bytes_of(body));
    let header = ResponseHeader::decode(&mut reader, Q::KEY.response_header_version(version)).expect("a header");
    assert_eq!(header.correlation_id, CORRELATION_ID);
    let response = Q::Response::decode(&mut reader, version).unwrap_or_else(|e| panic!("{} v{version}: {e}", Q::NAME));
    assert_eq!(reader.remaining(), 0, "{} v{version}: bytes are left", Q::NAME);
    response
}

/// A batch of these values, without keys.
pub fn batch(values: &[&str]) -> Bytes {
    let records: Vec<(Option<&str>, &str, i64)> = values.iter().map(|value| (None, *value, NOW_MS)).collect();
    batch_of(BatchOptions::default(), &records)
}

/// A batch of (key, value, timestamp).
pub fn batch_of(options: BatchOptions, records: &[(Option<&str>, &str, i64)]) -> Bytes {
    let mut builder = BatchBuilder::new(options);
    for (key, value, timestamp) in records {
        builder.push(TimestampMs(*timestamp), key.map(str::as_bytes), Some(value.as_bytes()), []);
    }
    builder.finish(Offset(0), LeaderEpoch(0))
}

/// Options of an idempotent producer's batch.
pub fn idempotent(id: i64, epoch: i16, base_sequence: i32) -> BatchOptions {
    let producer =
        ProducerIdentity { id: ProducerId(id), epoch: ProducerEpoch(epoch), base_sequence: Sequence(base_sequence) };
    BatchOptions { producer: Some(producer), ..BatchOptions::default() }
}

pub fn compressed(compression: Compression) -> BatchOptions {
    BatchOptions { compression, ..BatchOptions::default() }
}

pub fn produce_request(topic: &str, index: i32, batch: Bytes) -> ProduceRequest {
    let data = PartitionProduceData { index, records: Records::Bytes(batch) };
    let topic = TopicProduceData { name: topic.into(), partition_data: vec![data], ..TopicProduceData::default() };
    ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..ProduceRequest::default() }
}

pub fn first_produced(mut response: ProduceResponse) -> PartitionProduceResponse {
    response.responses.remove(0).partition_responses.remove(0)
}

/// A fetch that does not wait.
pub fn fetch_request(topic: &str, partition: i32, fetch_offset: i64) -> FetchRequest {
    let partition =
        FetchPartition { partition, fetch_offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() };
    let topic = FetchTopic { topic: topic.into(), partitions: vec![partition], ..FetchTopic::default() };
    FetchRequest { max_wait_ms: 0, min_bytes: 1, max_bytes: 1 << 20, topics: vec![topic], ..FetchRequest::default() }
}

pub fn first_fetched(mut response: FetchResponse) -> PartitionData {
    assert_eq!(response.error_code, 0, "{response:?}");
    response.responses.remove(0).partitions.remove(0)
}

/// `offset=value` of all records that were fetched.
pub fn records_of(data: &PartitionData) -> Vec<String> {
    let bytes = data.records.clone().into_bytes().unwrap_or_default();
    let mut all = Vec::new();
    for batch in record::split(bytes) {
        let batch = batch.expect("a batch");
        batch.check_crc().expect("a good checksum");
        for record in batch.records(record::ReadLimits::default()).expect("records").iter() {
            let record = record.expect("a record");
            let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            all.push(format!("{}={value}", record.offset));
        }
    }
    all
}

/// The name of an error code.
pub fn name_of(error_code: i16) -> &'static str {
    ErrorCode::from_code(error_code).name()
}
