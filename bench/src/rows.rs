//! The rows of the broker's table: what is sent, for how long, and what is counted.
//!
//! A row that writes has a topic of its own in each run, created before and deleted after; a row that reads has one that is
//! filled once. Neither counts. A run ends when the last request that was begun in its time is answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::connection::Connection;
use crate::server::Cost;
use crate::{Result, frames, table};

/// Uncompressed bytes of a large batch, about.
const BATCH_BYTES: usize = 64 * 1024;
/// Partitions, and connections, of the rows with large batches.
pub const PARTITIONS: i32 = 2;
/// Requests under way on each connection: the default of Kafka's producer.
pub const IN_FLIGHT: u64 = 5;
/// What a consumer asks for at a time: the default of Kafka's.
const FETCH_BYTES_MAX: i32 = 1 << 20;
/// What lies in a topic that is read, in each partition.
const READ_BYTES: usize = 128 << 20;
/// Connections of the row with small batches.
const SMALL_PRODUCERS: i32 = 64;
/// Partitions of the row that writes to many at once, and records of its counterpart.
const MANY: i32 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Row {
    Produce1K,
    Produce100,
    Consume1K,
    Consume100,
    OneAtATime,
    SmallProducers,
    ManyPartitions,
    OnePartition,
}

/// What one run of a row came to.
#[derive(Debug)]
pub struct Outcome {
    pub records: u64,
    pub seconds: f64,
    /// Of the server's process.
    pub cpu_seconds: f64,
    /// Of this process.
    pub own_cpu_seconds: f64,
    /// The median time of one request, where that is the row's figure.
    pub p50_us: Option<f64>,
}

impl Row {
    pub const ALL: [Self; 8] = [
        Self::Produce1K,
        Self::Produce100,
        Self::Consume1K,
        Self::Consume100,
        Self::OneAtATime,
        Self::SmallProducers,
        Self::ManyPartitions,
        Self::OnePartition,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Produce1K => "produce 1 KB, 64 KiB batches",
            Self::Produce100 => "produce 100 B, 64 KiB batches",
            Self::Consume1K => "consume 1 KB",
            Self::Consume100 => "consume 100 B",
            Self::OneAtATime => "one record of 1 KB at a time, p50",
            Self::SmallProducers => "64 producers, batches of ten 100 B records",
            Self::ManyPartitions => "1,000 partitions with one 100 B record each, p50",
            Self::OnePartition => "one partition with 1,000 100 B records, p50",
        }
    }

    /// What a bare program appends before it syncs, to be compared with this row: the bytes that the row has under way. And
    /// the records in them.
    pub fn bare(self) -> Option<(Vec<u8>, u64)> {
        let under_way = (PARTITIONS as u64 * IN_FLIGHT) as usize;
        let repeated = |one: &Repeated| (one.batch.repeat(under_way), one.records * under_way as u64);
        match self {
            Self::Produce1K => Some(repeated(&large_batch(1_000))),
            Self::Produce100 => Some(repeated(&large_batch(100))),
            Self::OneAtATime => Some((frames::batch(1, 1_000).into(), 1)),
            _ => None,
        }
    }

    fn topic(self) -> String {
        format!("bench-{}", self as u8)
    }

    fn partitions(self) -> i32 {
        match self {
            Self::OneAtATime | Self::OnePartition => 1,
            Self::ManyPartitions => MANY,
            _ => PARTITIONS,
        }
    }

    /// Whether each run has a topic of its own: what it writes would fill the disk.
    fn writes_much(self) -> bool {
        matches!(self, Self::Produce1K | Self::Produce100 | Self::OneAtATime | Self::SmallProducers)
    }

    /// Makes what all runs share.
    pub fn prepare(self, bootstrap: &str) -> Result<()> {
        if self.writes_much() {
            return Ok(());
        }
        self.create_topic(bootstrap)?;
        let value_bytes = match self {
            Self::Consume1K => 1_000,
            Self::Consume100 => 100,
            _ => return Ok(()),
        };
        let content = large_batch(value_bytes);
        let requests = (READ_BYTES / content.batch.len()) as u64;
        let fill = Produce { connections: PARTITIONS, end: End::Requests(requests) };
        produce(bootstrap, &self.topic(), &content, &fill).map(drop)
    }

    fn create_topic(self, bootstrap: &str) -> Result<()> {
        let mut admin = Connection::open(bootstrap)?;
        // The records are years old: Kafka would delete them at its next look.
        admin.create_topic_with(&self.topic(), self.partitions(), &[("retention.ms", "-1")])?;
        admin.until_writable(&self.topic(), self.partitions())
    }

    fn delete_topic(self, bootstrap: &str) -> Result<()> {
        Connection::open(bootstrap)?.delete_topic(&self.topic())
    }

    /// Deletes what [`Row::prepare`] made.
    pub fn finish(self, bootstrap: &str) -> Result<()> {
        if self.writes_much() { Ok(()) } else { self.delete_topic(bootstrap) }
    }

    /// One run, for about as long as `time`.
    pub fn run(self, bootstrap: &str, time: Duration, cost: &Cost) -> Result<Outcome> {
        if self.writes_much() {
            self.create_topic(bootstrap)?;
        }
        let topic = self.topic();
        let for_time = |connections| Produce { connections, end: End::Time(time) };
        let outcome = match self {
            Self::Produce1K => timed(cost, || produce(bootstrap, &topic, &large_batch(1_000), &for_time(PARTITIONS))),
            Self::Produce100 => timed(cost, || produce(bootstrap, &topic, &large_batch(100), &for_time(PARTITIONS))),
            Self::SmallProducers => {
                timed(cost, || produce(bootstrap, &topic, &Repeated::new(10, 100), &for_time(SMALL_PRODUCERS)))
            }
            Self::Consume1K | Self::Consume100 => timed(cost, || consume(bootstrap, &topic, time)),
            Self::OneAtATime => {
                one_by_one(bootstrap, &frames::produce(&topic, 0, frames::batch(1, 1_000))?, 1, time, cost)
            }
            Self::ManyPartitions => one_by_one(
                bootstrap,
                &frames::produce_many(&topic, MANY, &frames::batch(1, 100))?,
                MANY as u64,
                time,
                cost,
            ),
            Self::OnePartition => {
                let batch = frames::batch(MANY as usize, 100);
                one_by_one(bootstrap, &frames::produce(&topic, 0, batch)?, MANY as u64, time, cost)
            }
        };
        if self.writes_much() {
            self.delete_topic(bootstrap)?;
        }
        outcome
    }
}

/// A batch that is sent again and again.
#[derive(Debug)]
struct Repeated {
    batch: Bytes,
    records: u64,
}

impl Repeated {
    fn new(count: usize, value_bytes: usize) -> Self {
        Self { batch: frames::batch(count, value_bytes), records: count as u64 }
    }
}

/// As many records of `value_bytes` as Kafka's producer would put into a batch.
fn large_batch(value_bytes: usize) -> Repeated {
    // Length, attributes, two deltas, key length, value length, headers: about eight bytes of each record.
    Repeated::new(BATCH_BYTES / (value_bytes + 8), value_bytes)
}

/// How much is produced.
#[derive(Debug)]
struct Produce {
    connections: i32,
    end: End,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Time(Duration),
    /// On each connection.
    Requests(u64),
}

/// Keeps [`IN_FLIGHT`] requests under way on each connection; the records that were acknowledged.
fn produce(bootstrap: &str, topic: &str, content: &Repeated, volume: &Produce) -> Result<u64> {
    let open = |number: i32| {
        let frame = frames::produce(topic, number % PARTITIONS, content.batch.clone())?;
        Ok((Connection::open(bootstrap)?, frame))
    };
    let producers = (0..volume.connections).map(open).collect::<Result<Vec<_>>>()?;
    let started = Instant::now();
    let acknowledged = AtomicU64::new(0);
    in_threads(producers, |(mut connection, frame)| {
        let (mut sent, mut answered) = (0, 0);
        loop {
            let over = match volume.end {
                End::Time(time) => started.elapsed() >= time,
                End::Requests(requests) => sent >= requests,
            };
            if !over && sent - answered < IN_FLIGHT {
                connection.send(&frame)?;
                sent += 1;
            } else if answered < sent {
                connection.acknowledged()?;
                answered += 1;
            } else {
                acknowledged.fetch_add(answered * content.records, Ordering::Relaxed);
                return Ok(());
            }
        }
    })?;
    Ok(acknowledged.into_inner())
}

/// One consumer for each partition, from the first record to the last, again and again; the records that arrived.
fn consume(bootstrap: &str, topic: &str, time: Duration) -> Result<u64> {
    let open = |partition: i32| Ok((Connection::open(bootstrap)?, partition));
    let consumers = (0..PARTITIONS).map(open).collect::<Result<Vec<_>>>()?;
    let started = Instant::now();
    let read = AtomicU64::new(0);
    in_threads(consumers, |(mut connection, partition)| {
        let mut offset = 0;
        while started.elapsed() < time {
            connection.send(&frames::fetch(topic, partition, offset, FETCH_BYTES_MAX)?)?;
            let fetched = connection.fetched(|_| Ok(()))?.ok_or("a fetch below the end brought nothing")?;
            read.fetch_add(fetched.records, Ordering::Relaxed);
            offset = if fetched.next_offset >= fetched.high_watermark { 0 } else { fetched.next_offset };
        }
        Ok(())
    })?;
    Ok(read.into_inner())
}

/// One request after the other, on one connection.
fn one_by_one(bootstrap: &str, frame: &[u8], records: u64, time: Duration, cost: &Cost) -> Result<Outcome> {
    let mut connection = Connection::open(bootstrap)?;
    let mut times_us = Vec::new();
    let mut outcome = timed(cost, || {
        let started = Instant::now();
        while started.elapsed() < time {
            let sent = Instant::now();
            connection.send(frame)?;
            connection.acknowledged()?;
            times_us.push(sent.elapsed().as_secs_f64() * 1e6);
        }
        Ok(records * times_us.len() as u64)
    })?;
    outcome.p50_us = Some(table::median(&mut times_us));
    Ok(outcome)
}

/// Times `work`, which tells how many records it was, and what the server and this program spend meanwhile.
fn timed(cost: &Cost, work: impl FnOnce() -> Result<u64>) -> Result<Outcome> {
    let own = Cost::begin(std::process::id())?;
    let (before, own_before) = (cost.cpu_seconds()?, own.cpu_seconds()?);
    let started = Instant::now();
    let records = work()?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Outcome {
        records,
        seconds,
        cpu_seconds: cost.cpu_seconds()? - before,
        own_cpu_seconds: own.cpu_seconds()? - own_before,
        p50_us: None,
    })
}

/// Each job on a thread of its own; the first error, if there is one.
fn in_threads<T: Send>(jobs: Vec<T>, work: impl Fn(T) -> Result<()> + Sync) -> Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = jobs.into_iter().map(|job| scope.spawn(|| work(job))).collect();
        // The scope waits for the threads behind a first error.
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a thread ended".to_owned())))
    })
}
