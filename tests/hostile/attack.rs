//! What hostile and broken Kafka clients do. Each attack goes on until it is told to stop, in several threads, and counts
//! what it did. A thread panics when the server lets something pass that it must refuse.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use record::{
    BatchBuilder, BatchOptions, LeaderEpoch, Offset, ProducerEpoch, ProducerId, ProducerIdentity, Sequence, TimestampMs,
};
use wire::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use wire::messages::init_producer_id_request::InitProducerIdRequest;
use wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use wire::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};

use crate::raw::Raw;
use crate::samples::{self, Sample};
use crate::{packed, pair};

/// Where the attacked server is, and how hard it is attacked.
pub struct Scene {
    /// Its Kafka listener.
    pub bootstrap: String,
    /// Its web listener.
    pub http: String,
    /// Connections that half-open attacks hold, over all threads.
    pub half_open: usize,
}

/// One thread's part of an attack.
pub struct Attacker<'a> {
    pub scene: &'a Scene,
    /// Number of this thread, from 0.
    pub thread: u8,
    pub random: fastrand::Rng,
    pub stop: &'a AtomicBool,
    pub done: &'a AtomicU64,
}

/// Threads of an attack.
pub const THREADS: u8 = 4;
/// The topic that the attacks name.
pub const TOPIC: &str = samples::TOPIC;

impl Attacker<'_> {
    pub fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    pub fn did(&self, count: u64) {
        self.done.fetch_add(count, Ordering::Relaxed);
    }

    /// Holds on until told to stop.
    pub fn hold(&self) {
        while self.goes_on() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Each attack comes from addresses of its own, so that what one uses up is not the next one's fault.
    pub fn open(&self, from: u8) -> Option<Raw> {
        Raw::open(&self.scene.bootstrap, from).ok()
    }
}

/// Lengths that no frame has; and one that a Produce request may have, which then never comes.
pub fn declared_lengths(attacker: &mut Attacker) {
    let mut kept: VecDeque<Raw> = VecDeque::new();
    while attacker.goes_on() {
        let declared = *attacker
            .random
            .choice(&[1 << 30, i32::MAX, (100 << 20) + 1, -1, i32::MIN, 3, 0, 100 << 20])
            .expect("some");
        let Some(mut raw) = attacker.open(20).map(Raw::resets) else { continue };
        let mut bytes = declared.to_be_bytes().to_vec();
        bytes.resize(14, 0);
        let allowed = declared == 100 << 20;
        if allowed {
            bytes.resize(200 << 10, 7);
        }
        if raw.0.write_all(&bytes).is_ok() && !allowed {
            assert!(raw.is_closed_within(Duration::from_secs(10)), "a frame of {declared} bytes is not refused");
        }
        if allowed {
            kept.push_back(raw);
            kept.truncate(kept.len().min(16));
        }
        attacker.did(1);
    }
}

/// Numbers that counts and lengths like to trip over.
const TRAPS: &[&[u8]] = &[
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xfe],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0x00, 0x00, 0x00],
    &[0x00, 0x0f, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0x80, 0x80, 0x80, 0x80, 0x08],
    &[0x7f, 0xff],
    &[0x80],
];

fn all_samples() -> &'static [Sample] {
    static SAMPLES: OnceLock<Vec<Sample>> = OnceLock::new();
    SAMPLES.get_or_init(samples::all)
}

/// Bytes of a frame up to the request: it has the header of its API, with a client id.
fn body_at(sample: &Sample) -> usize {
    sample.frame.len() - sample.body.len()
}

/// Sends a frame and looks for a moment at what comes.
fn provoke(attacker: &mut Attacker, from: u8, frame: &[u8]) {
    let Some(mut raw) = attacker.open(from).map(Raw::resets) else { return };
    let _ = raw.0.set_read_timeout(Some(Duration::from_millis(20)));
    if raw.send(frame).is_ok() {
        let _ = raw.answer();
    }
    attacker.did(1);
}

/// Every place of every request holds a count that is negative, or larger than anything.
pub fn lying_counts(attacker: &mut Attacker) {
    let samples = all_samples();
    while attacker.goes_on() {
        let sample = attacker.random.choice(samples).expect("some");
        if sample.body.is_empty() {
            continue;
        }
        let mut frame = sample.frame.to_vec();
        let at = body_at(sample) + attacker.random.usize(..sample.body.len());
        let trap = attacker.random.choice(TRAPS).expect("some");
        let end = frame.len().min(at + trap.len());
        frame.splice(at..end, trap.iter().copied());
        provoke(attacker, 21, &frame);
    }
}

/// Valid requests with a few bytes changed, put in or left out.
pub fn mutations(attacker: &mut Attacker) {
    let samples = all_samples();
    while attacker.goes_on() {
        let sample = attacker.random.choice(samples).expect("some");
        let mut frame = sample.frame.to_vec();
        for _ in 0..=attacker.random.usize(..3) {
            let at = attacker.random.usize(..frame.len().max(1));
            match attacker.random.u8(..5) {
                0 => frame.truncate(at.max(1)),
                1 if at < frame.len() => frame[at] ^= 1 << attacker.random.u8(..8),
                2 => {
                    let trap = attacker.random.choice(TRAPS).expect("some");
                    frame.splice(at..at, trap.iter().copied());
                }
                _ if at < frame.len() => frame[at] = attacker.random.u8(..),
                _ => {}
            }
        }
        provoke(attacker, 22, &frame);
    }
}

/// What other protocols say, and noise.
pub fn garbage(attacker: &mut Attacker) {
    while attacker.goes_on() {
        let mut noise = vec![0; attacker.random.usize(1..4096)];
        attacker.random.fill(&mut noise);
        let said: &[u8] = match attacker.random.u8(..4) {
            0 => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            1 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            2 => b"SSH-2.0-OpenSSH_9.6\r\n",
            _ => &noise,
        };
        let Some(mut raw) = attacker.open(23).map(Raw::resets) else { continue };
        let _ = raw.0.write_all(said);
        let _ = raw.is_closed_within(Duration::from_millis(5));
        attacker.did(1);
    }
}

/// Frames that are refused, on connections that end at once: they do not wait to be cut off.
pub fn hit_and_run(attacker: &mut Attacker) {
    while attacker.goes_on() {
        let Some(mut raw) = attacker.open(83) else { continue };
        let mut bytes = attacker.random.choice(&[i32::MAX, -1, 3, 14]).expect("some").to_be_bytes().to_vec();
        // For the last one: an API that nobody knows.
        bytes.extend_from_slice(&[0x7f; 14]);
        if raw.0.write_all(&bytes).is_ok() {
            attacker.did(1);
        }
        if attacker.random.bool() {
            drop(raw.resets());
        }
    }
}

/// Valid requests that end in the middle.
pub fn truncated(attacker: &mut Attacker) {
    let samples = all_samples();
    while attacker.goes_on() {
        let sample = attacker.random.choice(samples).expect("some");
        let Some(mut raw) = attacker.open(24) else { continue };
        let mut bytes = (sample.frame.len() as u32).to_be_bytes().to_vec();
        bytes.extend_from_slice(&sample.frame);
        bytes.truncate(attacker.random.usize(1..bytes.len()));
        let _ = raw.0.write_all(&bytes);
        if attacker.random.bool() {
            let _ = raw.0.shutdown(std::net::Shutdown::Write);
            let _ = raw.is_closed_within(Duration::from_millis(5));
        }
        attacker.did(1);
    }
}

/// Frames of which one byte comes at a time, behind as much as may be sent at once.
pub fn slow_writers(attacker: &mut Attacker) {
    let declared = (1_i32 << 20).to_be_bytes();
    let mut slow: Vec<Raw> = (0..50).filter_map(|_| attacker.open(25)).collect();
    for raw in &mut slow {
        let _ = raw.0.write_all(&declared);
        let _ = raw.0.write_all(&vec![0; 60 << 10]);
    }
    while attacker.goes_on() {
        for raw in &mut slow {
            if raw.0.write_all(&[0]).is_ok() {
                attacker.did(1);
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Many large answers, asked for and never read.
pub fn slow_readers(attacker: &mut Attacker) {
    let everything = samples::sample(9, &MetadataRequest { topics: None, ..MetadataRequest::default() });
    let resource = DescribeConfigsResource { resource_type: 4, resource_name: "1".into(), configuration_keys: None };
    let configs = samples::sample(
        4,
        &DescribeConfigsRequest { resources: vec![resource; 50], include_synonyms: true, ..Default::default() },
    );
    let records = samples::sample(11, &pair::fetch("pair", 0, 0));
    let mut deaf = Vec::new();
    while attacker.goes_on() {
        if deaf.len() >= 40 {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        }
        let Ok(mut raw) = Raw::open_with(&attacker.scene.bootstrap, 26, 4096) else { continue };
        let _ = raw.0.set_write_timeout(Some(Duration::from_millis(50)));
        let asked = [&configs, &everything, &records, &configs].into_iter().cycle().take(200);
        attacker.did(asked.take_while(|sample| raw.send(&sample.frame).is_ok()).count() as u64);
        deaf.push(raw);
    }
}

/// Connections that never say anything, from as many addresses as it takes.
pub fn half_open(attacker: &mut Attacker) {
    let mut open = Vec::new();
    let share = attacker.scene.half_open / usize::from(THREADS);
    while attacker.goes_on() && open.len() < share {
        // Below what one address may have.
        let address = 30 + attacker.thread * 8 + u8::try_from(open.len() / 400).expect("few addresses");
        if let Some(raw) = attacker.open(address) {
            open.push(raw);
            attacker.did(1);
        }
    }
    attacker.hold();
}

/// Connections and requests as fast as they go, all from one address.
pub fn flood(attacker: &mut Attacker) {
    let hello = all_samples().iter().rfind(|sample| sample.api == "ApiVersions").expect("served");
    let mut kept = VecDeque::new();
    while attacker.goes_on() {
        let Some(mut raw) = attacker.open(27).map(Raw::resets) else { continue };
        let _ = raw.0.set_read_timeout(Some(Duration::from_millis(200)));
        let sent = (0..50).take_while(|_| raw.send(&hello.frame).is_ok()).count();
        let answered = (0..sent).take_while(|_| raw.answer().is_ok()).count();
        attacker.did(answered as u64);
        kept.push_back(raw);
        if kept.len() > 400 {
            kept.pop_front();
        }
    }
}

/// Builds what an attack needs before anything is measured.
pub fn prepare() {
    let _ = all_samples();
    packed::prepare();
}

/// Requests that name one partition as often as fits, and wait.
pub fn many_names(attacker: &mut Attacker) {
    let mut fetch = pair::fetch("pair", i64::MAX - 1, 60_000);
    fetch.min_bytes = i32::MAX;
    fetch.topics[0].partitions[0].fetch_offset = 0;
    let named = fetch.topics[0].partitions[0].clone();
    fetch.topics[0].partitions = vec![named; 100_000];
    let offsets = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: "pair".into(),
            partitions: vec![
                ListOffsetsPartition { current_leader_epoch: -1, timestamp: 1, ..Default::default() };
                100_000
            ],
        }],
        ..Default::default()
    };
    let metadata = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic { name: Some("pair".into()), ..Default::default() }; 100_000]),
        ..MetadataRequest::default()
    };
    let frames =
        [samples::sample(9, &fetch).frame, samples::sample(6, &offsets).frame, samples::sample(9, &metadata).frame];
    let mut waiting = Vec::new();
    while attacker.goes_on() {
        if waiting.len() >= 10 {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        }
        let Some(mut raw) = attacker.open(29) else { continue };
        let _ = raw.0.set_write_timeout(Some(Duration::from_millis(500)));
        for frame in &frames {
            if raw.send(frame).is_ok() {
                attacker.did(1);
            }
        }
        waiting.push(raw);
    }
}

/// Producers that nobody ever sees again: ids, transactional ids, and ids made up, with one batch each.
pub fn producers(attacker: &mut Attacker) {
    const IN_FLIGHT: usize = 16;
    let plain = InitProducerIdRequest {
        transaction_timeout_ms: 60_000,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    let plain_frame = samples::sample(4, &plain).frame;
    let mut number = i64::from(attacker.thread) << 40;
    while attacker.goes_on() {
        let Some(mut raw) = attacker.open(80) else { continue };
        let _ = raw.0.set_read_timeout(Some(Duration::from_secs(30)));
        let mut in_flight = 0;
        while attacker.goes_on() {
            while in_flight < IN_FLIGHT {
                number += 1;
                let sent = match number % 4 {
                    0 => raw.send(&plain_frame),
                    1 => {
                        let transactional_id = Some(format!("nobody-{number}").into());
                        raw.send(
                            &samples::sample(4, &InitProducerIdRequest { transactional_id, ..plain.clone() }).frame,
                        )
                    }
                    _ => raw.send(&samples::sample(9, &pair::produce(TOPIC, batch_of(number))).frame),
                };
                if sent.is_err() {
                    break;
                }
                in_flight += 1;
            }
            if raw.answer().is_err() {
                break;
            }
            in_flight -= 1;
            attacker.did(1);
        }
    }
}

/// The first batch of a producer.
fn batch_of(producer_id: i64) -> Bytes {
    let producer =
        ProducerIdentity { id: ProducerId(producer_id), epoch: ProducerEpoch(0), base_sequence: Sequence(0) };
    let mut builder = BatchBuilder::new(BatchOptions { producer: Some(producer), ..BatchOptions::default() });
    builder.push(now(), None, Some(b"v"), []);
    builder.finish(Offset(0), LeaderEpoch(0))
}

/// What a producer writes into its batches: it is forgotten some time after that.
fn now() -> TimestampMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    TimestampMs(i64::try_from(since.as_millis()).expect("not so late"))
}
