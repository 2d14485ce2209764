//! A well-behaved producer and a well-behaved consumer, beside whom the attacks happen.
//!
//! Verified while they run: every batch is acknowledged without an error, and every record is read once, in order.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use record::Compression;
use wire::Records;
use wire::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};

use crate::raw::{Raw, decode};
use crate::samples;

const BATCH_RECORDS: usize = 100;
const IN_FLIGHT: usize = 4;
/// The address that they come from.
const FROM: u8 = 1;

/// Both, with what they did so far.
pub struct Pair {
    consumed: Arc<AtomicU64>,
    rests: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

/// A request for a topic.
pub fn create_topic(name: &str) -> CreateTopicsRequest {
    CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: name.into(),
            num_partitions: 1,
            replication_factor: 1,
            ..CreatableTopic::default()
        }],
        timeout_ms: 10_000,
        validate_only: false,
    }
}

/// A request that appends one batch.
pub fn produce(topic: &str, batch: bytes::Bytes) -> ProduceRequest {
    let partition_data = vec![PartitionProduceData { index: 0, records: Records::Bytes(batch) }];
    let topic_data = vec![TopicProduceData { name: topic.into(), partition_data, ..TopicProduceData::default() }];
    ProduceRequest { acks: -1, timeout_ms: 10_000, topic_data, ..ProduceRequest::default() }
}

/// A request for records.
pub fn fetch(topic: &str, offset: i64, max_wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition {
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        current_leader_epoch: -1,
        last_fetched_epoch: -1,
        ..FetchPartition::default()
    };
    let topics = vec![FetchTopic { topic: topic.into(), partitions: vec![partition], ..FetchTopic::default() }];
    FetchRequest { max_wait_ms, min_bytes: 1, max_bytes: 4 << 20, session_epoch: -1, topics, ..FetchRequest::default() }
}

fn broken(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}

impl Pair {
    /// Makes `topic` and starts both.
    pub fn start(bootstrap: &str, topic: &'static str) -> Self {
        let mut admin = Raw::open(bootstrap, FROM).expect("connected");
        let created = admin.ask(7, &create_topic(topic)).expect("answered");
        assert_eq!(created.topics[0].error_code, 0, "{created:?}");
        let (consumed, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let rests = Arc::new(AtomicBool::new(false));
        let producing = {
            let (bootstrap, rests, stop) = (bootstrap.to_owned(), Arc::clone(&rests), Arc::clone(&stop));
            named("producer", move || run_producer(&bootstrap, topic, &rests, &stop))
        };
        let consuming = {
            let (bootstrap, stop, consumed) = (bootstrap.to_owned(), Arc::clone(&stop), Arc::clone(&consumed));
            named("consumer", move || run_consumer(&bootstrap, topic, &consumed, &stop))
        };
        Self { consumed, rests, stop, threads: vec![producing, consuming] }
    }

    /// Records that go through both per second, over this window.
    pub fn rate(&self, window: Duration) -> f64 {
        let (began, before) = (Instant::now(), self.consumed.load(Ordering::Relaxed));
        std::thread::sleep(window);
        (self.consumed.load(Ordering::Relaxed) - before) as f64 / began.elapsed().as_secs_f64()
    }

    /// While the producer rests, the machine belongs to others: an attack is made as often as it must be.
    pub fn rest(&self, rests: bool) {
        self.rests.store(rests, Ordering::Relaxed);
    }

    /// Stops both.
    ///
    /// # Panics
    /// When one of them was not served as it should be.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("no panic").expect("the well-behaved client is served");
        }
    }
}

/// A thread that a profile tells from the attackers.
fn named(name: &str, run: impl FnOnce() -> io::Result<()> + Send + 'static) -> JoinHandle<io::Result<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).expect("a thread")
}

fn run_producer(bootstrap: &str, topic: &str, rests: &AtomicBool, stop: &AtomicBool) -> io::Result<()> {
    let mut raw = Raw::open(bootstrap, FROM)?;
    raw.0.set_read_timeout(Some(Duration::from_secs(30)))?;
    let frame = samples::sample(9, &produce(topic, samples::batch(Compression::None, BATCH_RECORDS))).frame;
    let mut in_flight = 0;
    while !stop.load(Ordering::Relaxed) {
        let resting = rests.load(Ordering::Relaxed);
        while in_flight < IN_FLIGHT && !resting {
            raw.send(&frame)?;
            in_flight += 1;
        }
        if in_flight == 0 {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        let response = decode::<ProduceRequest>(9, raw.answer()?)?;
        in_flight -= 1;
        let code = response.responses[0].partition_responses[0].error_code;
        if code != 0 {
            return Err(broken(format!("a good batch was refused with {code}")));
        }
    }
    Ok(())
}

fn run_consumer(bootstrap: &str, topic: &str, consumed: &AtomicU64, stop: &AtomicBool) -> io::Result<()> {
    let mut raw = Raw::open(bootstrap, FROM)?;
    raw.0.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut next = 0;
    while !stop.load(Ordering::Relaxed) {
        let response = raw.ask(11, &fetch(topic, next, 500))?;
        let partition = &response.responses[0].partitions[0];
        if partition.error_code != 0 {
            return Err(broken(format!("a good fetch was refused with {}", partition.error_code)));
        }
        let records = partition.records.clone().into_bytes().unwrap_or_default();
        for batch in record::split(records) {
            // The last one may be cut.
            let Ok(batch) = batch else { break };
            if batch.header.base_offset.0 != next {
                return Err(broken(format!("offset {} follows {next}", batch.header.base_offset.0)));
            }
            next = batch.header.next_offset().0;
            consumed.fetch_add(u64::try_from(batch.header.records_count).unwrap_or(0), Ordering::Relaxed);
        }
    }
    Ok(())
}
