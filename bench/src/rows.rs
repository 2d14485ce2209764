//! The rows of the broker's table: what is sent, how much of it, and what is counted.
//!
//! Each run has a topic of its own, created before and deleted after; neither counts. A row ends when its last record is
//! acknowledged or has arrived.

use std::time::Instant;

use bytes::Bytes;

use crate::connection::Connection;
use crate::server::Cost;
use crate::{Result, frames, table};

/// Uncompressed bytes of a large batch, about.
const BATCH_BYTES: usize = 64 * 1024;
/// Partitions, and connections, of the rows with large batches.
const PARTITIONS: i32 = 2;
/// Requests under way on each connection: the default of Kafka's producer.
const IN_FLIGHT: u64 = 5;
/// What a consumer asks for at a time: the default of Kafka's.
const FETCH_BYTES_MAX: i32 = 1 << 20;
const TOPIC: &str = "bench";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    Produce1K,
    Produce100,
    Consume1K,
    OneAtATime,
    SmallProducers,
}

/// How many records each row has.
#[derive(Debug)]
pub struct Sizes {
    large: u64,
    small: u64,
    one_at_a_time: u64,
    small_producers: u64,
}

impl Sizes {
    pub fn scaled(scale: f64) -> Self {
        let of = |usual: f64| (usual * scale).max(1_000.0) as u64;
        Self { large: of(400e3), small: of(2e6), one_at_a_time: of(2e3), small_producers: of(200e3) }
    }
}

/// What one run of a row came to.
#[derive(Debug)]
pub struct Outcome {
    pub records: u64,
    pub seconds: f64,
    /// Of the server's process.
    pub cpu_seconds: f64,
    /// The median time of one request, where that is the row's figure.
    pub p50_us: Option<f64>,
}

impl Row {
    pub const ALL: [Self; 5] =
        [Self::Produce1K, Self::Produce100, Self::Consume1K, Self::OneAtATime, Self::SmallProducers];

    pub fn title(self) -> &'static str {
        match self {
            Self::Produce1K => "produce 1 KB, 64 KiB batches",
            Self::Produce100 => "produce 100 B, 64 KiB batches",
            Self::Consume1K => "consume 1 KB",
            Self::OneAtATime => "one record of 1 KB at a time, p50",
            Self::SmallProducers => "64 producers, batches of ten 100 B records",
        }
    }

    pub fn run(self, bootstrap: &str, sizes: &Sizes, cost: &Cost) -> Result<Outcome> {
        let mut admin = Connection::open(bootstrap)?;
        let partitions = match self {
            Self::OneAtATime => 1,
            _ => PARTITIONS,
        };
        admin.create_topic(TOPIC, partitions)?;
        admin.until_writable(TOPIC, partitions)?;
        let outcome = match self {
            Self::Produce1K => produce(bootstrap, PARTITIONS, IN_FLIGHT, &large_batch(1_000), sizes.large, cost),
            Self::Produce100 => produce(bootstrap, PARTITIONS, IN_FLIGHT, &large_batch(100), sizes.small, cost),
            Self::SmallProducers => {
                produce(bootstrap, 64, IN_FLIGHT, &Repeated::new(10, 100), sizes.small_producers, cost)
            }
            Self::Consume1K => {
                produce(bootstrap, PARTITIONS, IN_FLIGHT, &large_batch(1_000), sizes.large, cost)?;
                consume(bootstrap, cost)
            }
            Self::OneAtATime => one_at_a_time(bootstrap, sizes.one_at_a_time, cost),
        };
        admin.delete_topic(TOPIC)?;
        outcome
    }
}

/// A batch that is sent again and again.
struct Repeated {
    batch: Bytes,
    records: u64,
}

impl Repeated {
    fn new(records: usize, value_bytes: usize) -> Self {
        Self { batch: frames::batch(records, value_bytes), records: records as u64 }
    }
}

fn large_batch(value_bytes: usize) -> Repeated {
    Repeated::new(BATCH_BYTES / value_bytes, value_bytes)
}

/// `connections` producers share the partitions and send `records` together.
fn produce(
    bootstrap: &str,
    connections: i32,
    in_flight: u64,
    repeated: &Repeated,
    records: u64,
    cost: &Cost,
) -> Result<Outcome> {
    let requests = records.div_ceil(repeated.records * connections as u64);
    let open = |number: i32| -> Result<_> {
        let frame = frames::produce(TOPIC, number % PARTITIONS, repeated.batch.clone())?;
        Ok((Connection::open(bootstrap)?, frame))
    };
    let producers = (0..connections).map(open).collect::<Result<Vec<_>>>()?;
    let total = requests * repeated.records * connections as u64;
    timed(total, cost, || {
        in_threads(producers, |(mut connection, frame)| keep_in_flight(&mut connection, &frame, requests, in_flight))
    })
}

/// Sends `frame` `requests` times; each answer makes room for the next.
fn keep_in_flight(connection: &mut Connection, frame: &[u8], requests: u64, in_flight: u64) -> Result<()> {
    let ahead = in_flight.min(requests);
    for _ in 0..ahead {
        connection.send(frame)?;
    }
    for _ in ahead..requests {
        connection.acknowledged()?;
        connection.send(frame)?;
    }
    (0..ahead).try_for_each(|_| connection.acknowledged())
}

/// One consumer for each partition, from the first record to the last.
fn consume(bootstrap: &str, cost: &Cost) -> Result<Outcome> {
    let open = |partition: i32| Ok((Connection::open(bootstrap)?, partition));
    let consumers = (0..PARTITIONS).map(open).collect::<Result<Vec<_>>>()?;
    let read = std::sync::atomic::AtomicU64::new(0);
    let mut outcome = timed(0, cost, || {
        in_threads(consumers, |(mut connection, partition)| {
            let mut offset = 0;
            loop {
                connection.send(&frames::fetch(TOPIC, partition, offset, FETCH_BYTES_MAX)?)?;
                let fetched = connection.fetched(|_| Ok(()))?.ok_or("a fetch below the end brought nothing")?;
                read.fetch_add(fetched.records, std::sync::atomic::Ordering::Relaxed);
                offset = fetched.next_offset;
                if offset >= fetched.high_watermark {
                    return Ok(());
                }
            }
        })
    })?;
    outcome.records = read.into_inner();
    Ok(outcome)
}

fn one_at_a_time(bootstrap: &str, records: u64, cost: &Cost) -> Result<Outcome> {
    let mut connection = Connection::open(bootstrap)?;
    let frame = frames::produce(TOPIC, 0, frames::batch(1, 1_000))?;
    let mut times_us = Vec::with_capacity(records as usize);
    let mut outcome = timed(records, cost, || {
        for _ in 0..records {
            let sent = Instant::now();
            connection.send(&frame)?;
            connection.acknowledged()?;
            times_us.push(sent.elapsed().as_secs_f64() * 1e6);
        }
        Ok(())
    })?;
    outcome.p50_us = Some(table::median(&mut times_us));
    Ok(outcome)
}

/// Times `work`, and what the server spends meanwhile.
fn timed(records: u64, cost: &Cost, work: impl FnOnce() -> Result<()>) -> Result<Outcome> {
    let before = cost.cpu_seconds()?;
    let started = Instant::now();
    work()?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Outcome { records, seconds, cpu_seconds: cost.cpu_seconds()? - before, p50_us: None })
}

/// Each job on a thread of its own; the first error, if there is one.
fn in_threads<T: Send>(jobs: Vec<T>, work: impl Fn(T) -> Result<()> + Sync) -> Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = jobs.into_iter().map(|job| scope.spawn(|| work(job))).collect();
        // The scope waits for the threads behind a first error.
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a thread ended".to_owned())))
    })
}
