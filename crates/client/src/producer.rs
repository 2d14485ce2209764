//! [`Producer`]: records in, batches by partition out, acknowledgements back.
//!
//! ```text
//! send ──> lane of the partition: open batch, sealed batches ──> one batch in flight ──> the partition's leader
//! ```
//! One batch of a partition is in flight at a time: records of a partition stay in order, also when a batch is sent
//! again, and while one is under way the next one grows. A batch that may or may not have arrived is sent again, so that
//! a record can be written twice, never lost silently.

mod batch;
mod lane;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use record::{Compression, Offset, TimestampMs, partition_of_key};
use tokio::sync::{Notify, Semaphore};

pub use batch::Delivery;
use lane::Lane;

use crate::{Client, ClientError, TopicDescription};

/// When a record counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acks {
    /// As soon as it is sent; nothing is known of it then.
    None,
    /// When the leader has it.
    Leader,
    /// When all in-sync replicas have it.
    #[default]
    All,
}

impl Acks {
    fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// How a producer batches and waits.
#[derive(Debug, Clone)]
pub struct ProducerOptions {
    /// When a record counts as written.
    pub acks: Acks,
    /// How batches are compressed.
    pub compression: Compression,
    /// A batch is closed when it would grow beyond this, before compression.
    pub batch_bytes_max: usize,
    /// How long a batch waits for company when nothing is in flight.
    pub linger: Duration,
    /// How many bytes of records may wait; `send` waits when there are more.
    pub buffer_bytes_max: usize,
    /// How long a record may take from `send` to its acknowledgement.
    pub delivery_timeout: Duration,
}

impl Default for ProducerOptions {
    /// acks `all`, no compression, batches of 256 KiB, no linger, 32 MiB of buffer, two minutes.
    fn default() -> Self {
        Self {
            acks: Acks::All,
            compression: Compression::None,
            batch_bytes_max: 256 << 10,
            linger: Duration::ZERO,
            buffer_bytes_max: 32 << 20,
            delivery_timeout: Duration::from_secs(120),
        }
    }
}

/// A record to write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProducerRecord {
    /// The topic; created if the brokers do that.
    pub topic: String,
    /// The partition; chosen by the key if not given, and in turn if there is no key.
    pub partition: Option<i32>,
    /// The timestamp.
    pub timestamp: TimestampMs,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is null, a tombstone in a compacted topic.
    pub value: Option<Bytes>,
    /// The headers in order.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// Where a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Produced {
    /// The partition.
    pub partition: i32,
    /// The offset; `None` without acknowledgement.
    pub offset: Option<Offset>,
    /// The broker's timestamp, if the topic's records carry that instead of their own.
    pub log_append_time: Option<TimestampMs>,
}

/// Writes records. Dropping it does not wait for what is under way: [`Producer::flush`] does.
pub struct Producer {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    options: ProducerOptions,
    lanes: Mutex<HashMap<String, BTreeMap<i32, Arc<Lane>>>>,
    /// Free bytes of the buffer.
    buffer: Arc<Semaphore>,
    /// Told when a batch is done, for `flush`.
    idle: Notify,
    /// Records without a key go to one partition for a while, so that batches grow.
    sticky: AtomicU32,
}

impl Producer {
    /// A producer on `client`'s cluster. Must be made inside a tokio runtime.
    pub fn new(client: &Client, options: ProducerOptions) -> Self {
        let shared = Shared {
            client: client.clone(),
            buffer: Arc::new(Semaphore::new(options.buffer_bytes_max.clamp(1, Semaphore::MAX_PERMITS))),
            options,
            lanes: Mutex::default(),
            idle: Notify::new(),
            sticky: AtomicU32::new(fastrand::u32(..)),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Hands over a record; waits only while the buffer is full or the topic is not known yet. What became of it is in
    /// the [`Delivery`].
    pub async fn send(&self, record: ProducerRecord) -> Result<Delivery, ClientError> {
        let shared = &self.shared;
        let topic = match shared.client.known_topic(&record.topic) {
            Some(topic) => topic,
            None => shared.client.find_topic(&record.topic, true).await?,
        };
        let partition = shared.partition(&record, &topic)?;
        let bytes = size_bytes(&record).min(shared.options.buffer_bytes_max);
        let room = Arc::clone(&shared.buffer).acquire_many_owned(u32::try_from(bytes).unwrap_or(u32::MAX)).await;
        let room = room.map_err(|_| ClientError::Closed)?;
        let lane = shared.lane(&record.topic, partition);
        let delivery = lane.push(&record, room, shared);
        lane.start(shared);
        Ok(delivery)
    }

    /// Waits until every record handed over so far is acknowledged or has failed.
    pub async fn flush(&self) {
        loop {
            let idle = self.shared.idle.notified();
            let lanes: Vec<_> = self.shared.lanes.lock().values().flat_map(BTreeMap::values).cloned().collect();
            lanes.iter().for_each(|lane| lane.hurry());
            if lanes.iter().all(|lane| lane.is_idle()) {
                return;
            }
            // The wait is bounded in case a batch ends between the look and the wait.
            let _ = tokio::time::timeout(Duration::from_millis(100), idle).await;
        }
    }
}

impl Shared {
    fn lane(&self, topic: &str, partition: i32) -> Arc<Lane> {
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.get(topic).and_then(|lanes| lanes.get(&partition)) {
            return Arc::clone(lane);
        }
        let lane = Arc::new(Lane::new(topic, partition));
        lanes.entry(topic.to_owned()).or_default().insert(partition, Arc::clone(&lane));
        lane
    }

    fn partition(&self, record: &ProducerRecord, topic: &TopicDescription) -> Result<i32, ClientError> {
        let count = topic.partitions.len() as i32;
        match (record.partition, &record.key) {
            (Some(partition), _) if (0..count).contains(&partition) => Ok(partition),
            (Some(partition), _) => {
                let what = format!("{}-{partition}", topic.name);
                let error = wire::ErrorCode::UnknownTopicOrPartition;
                Err(ClientError::refused(what, error, Some(&format!("the topic has {count} partitions"))))
            }
            (None, Some(key)) => Ok(partition_of_key(key, count)),
            (None, None) => Ok((self.sticky.load(Ordering::Relaxed) % count.max(1) as u32) as i32),
        }
    }

    /// A batch of records without keys is full or on its way: the next ones go elsewhere.
    fn move_on(&self) {
        self.sticky.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a record takes in the buffer: an upper bound of what it takes in a batch.
fn size_bytes(record: &ProducerRecord) -> usize {
    let field = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len) + 5;
    let headers = record.headers.iter().map(|(name, value)| name.len() + 5 + field(value));
    field(&record.key) + field(&record.value) + headers.sum::<usize>() + 25
}
