//! [`Consumer`]: reads partitions from positions that it is given, by long polls at their leaders.
//!
//! One fetch per leader is in flight, also between two calls of [`Consumer::poll`]; what it brings counts only if the
//! partition's position is still the one that was asked for.

mod decode;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use record::{LeaderEpoch, Offset, TimestampMs, TimestampType};
use tokio::task::JoinSet;
use tokio::time::Instant;
use wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::fetch_response::{FetchResponse, PartitionData};
use wire::{ApiKey, ErrorCode};

use crate::{Client, ClientError, Connection, Isolation, OffsetSpec};

/// From version 13 on, Fetch names topics by id.
const FETCH_VERSION_MAX: i16 = 12;
/// How long to wait before a leader that failed is asked again.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// How a consumer fetches.
#[derive(Debug, Clone)]
pub struct ConsumerOptions {
    /// Which records are seen.
    pub isolation: Isolation,
    /// What to do at a position that the partition does not have (any more).
    pub out_of_range: OutOfRange,
    /// How long a broker may wait for records.
    pub max_wait: Duration,
    /// How many bytes a broker waits for.
    pub min_bytes: i32,
    /// How many bytes one answer may have.
    pub max_bytes: i32,
    /// How many of them from one partition.
    pub partition_max_bytes: i32,
    /// How many bytes one batch may have after decompression.
    pub decompressed_bytes_max: usize,
    /// Whether the checksum of each batch is compared.
    pub check_crcs: bool,
}

impl Default for ConsumerOptions {
    /// Kafka's own: 500 ms, 1 byte, 50 MiB, 1 MiB a partition, checksums compared.
    fn default() -> Self {
        Self {
            isolation: Isolation::ReadUncommitted,
            out_of_range: OutOfRange::Fail,
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes: 50 << 20,
            partition_max_bytes: 1 << 20,
            decompressed_bytes_max: 64 << 20,
            check_crcs: true,
        }
    }
}

/// What to do at a position that the partition does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfRange {
    /// Go on at the first record.
    Earliest,
    /// Go on behind the last record.
    Latest,
    /// Fail.
    Fail,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// At the first record.
    Earliest,
    /// Behind the last record.
    Latest,
    /// At this offset.
    Offset(Offset),
    /// At the first record with this timestamp or a later one; behind the last one if there is none.
    Timestamp(TimestampMs),
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumedRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: Offset,
    /// Its timestamp.
    pub timestamp: TimestampMs,
    /// Whose clock gave the timestamp.
    pub timestamp_type: TimestampType,
    /// The leader epoch it was written in.
    pub leader_epoch: LeaderEpoch,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is null.
    pub value: Option<Bytes>,
    /// The headers in order; names are UTF-8 by convention only.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// Reads partitions that it was assigned.
pub struct Consumer {
    client: Client,
    options: ConsumerOptions,
    partitions: BTreeMap<Partition, State>,
    fetches: JoinSet<Fetched>,
    /// Connections of our own: a long poll holds up everything behind it.
    links: HashMap<i32, Arc<Connection>>,
    /// The leaders with a fetch in flight.
    busy: Vec<i32>,
    ready: VecDeque<ConsumedRecord>,
    /// Since when nothing but failures has come back.
    failing_since: Option<Instant>,
    /// Which partition is asked for first; moves on, so that none starves behind a busy one.
    turn: usize,
}

struct State {
    position: Offset,
    /// Where the partition ended (for the isolation) when it was last fetched.
    end: Option<Offset>,
    leader_epoch: LeaderEpoch,
}

/// A topic and a partition of it.
type Partition = (Arc<str>, i32);

/// A finished fetch: the leader, what was asked for, the answer.
struct Fetched {
    leader: i32,
    asked: Vec<(Partition, Offset)>,
    answer: Result<FetchResponse, ClientError>,
}

impl Consumer {
    /// A consumer with nothing to read yet.
    pub fn new(client: &Client, options: ConsumerOptions) -> Self {
        Self {
            client: client.clone(),
            options,
            partitions: BTreeMap::new(),
            fetches: JoinSet::new(),
            links: HashMap::new(),
            busy: Vec::new(),
            ready: VecDeque::new(),
            failing_since: None,
            turn: 0,
        }
    }

    /// Begins to read these partitions, or moves to another position in them.
    pub async fn assign(&mut self, positions: &[(String, i32, Position)]) -> Result<(), ClientError> {
        let mut offsets: Vec<Option<Offset>> = Vec::new();
        let mut questions = Vec::new();
        for (topic, partition, position) in positions {
            let spec = match position {
                Position::Offset(offset) => {
                    offsets.push(Some(*offset));
                    continue;
                }
                Position::Earliest => OffsetSpec::Earliest,
                Position::Latest => OffsetSpec::Latest,
                Position::Timestamp(timestamp) => OffsetSpec::Timestamp(*timestamp),
            };
            offsets.push(None);
            questions.push((topic.clone(), *partition, spec));
        }
        let mut listed = self.client.list_offsets(&questions, self.options.isolation).await?.into_iter();
        for ((topic, partition, _), offset) in positions.iter().zip(offsets) {
            let position = match offset {
                Some(offset) => offset,
                None => match listed.next().ok_or(ClientError::Closed)??.offset {
                    Some(offset) => offset,
                    None => self.look_up(topic, *partition, OffsetSpec::Latest).await?,
                },
            };
            let key = (Arc::from(topic.as_str()), *partition);
            self.ready.retain(|record| (&record.topic, record.partition) != (&key.0, key.1));
            self.partitions.insert(key, State { position, end: None, leader_epoch: LeaderEpoch::NONE });
        }
        Ok(())
    }

    /// Stops reading everything that `keep` does not want.
    pub fn retain(&mut self, keep: impl Fn(&str, i32) -> bool) {
        self.partitions.retain(|(topic, partition), _| keep(topic, *partition));
        self.ready.retain(|record| keep(&record.topic, record.partition));
    }

    /// The partitions that are read.
    pub fn assignment(&self) -> impl Iterator<Item = (&str, i32)> {
        self.partitions.keys().map(|(topic, partition)| (&**topic, *partition))
    }

    /// The next record to hand out, for each partition: what to commit once all records handed out are dealt with.
    pub fn positions(&self) -> Vec<(String, i32, Offset, LeaderEpoch)> {
        let states = self.partitions.iter().map(|((topic, partition), state)| {
            let waiting = self.ready.iter().find(|record| (&record.topic, record.partition) == (topic, *partition));
            let position = waiting.map_or(state.position, |record| record.offset);
            (topic.to_string(), *partition, position, state.leader_epoch)
        });
        states.collect()
    }

    /// Whether everything is read up to where each partition ended when it was last fetched.
    pub fn is_at_end(&self) -> bool {
        self.ready.is_empty()
            && self.partitions.values().all(|state| state.end.is_some_and(|end| state.position >= end))
    }

    /// Up to `records_max` records: as soon as there are some, none after `patience`. Records of a partition are in order.
    pub async fn poll(&mut self, records_max: usize, patience: Duration) -> Result<Vec<ConsumedRecord>, ClientError> {
        let deadline = Instant::now() + patience;
        while self.ready.is_empty() && Instant::now() < deadline {
            if let Err(error) = self.fetch().await {
                self.endure(error).await?;
                continue;
            }
            match tokio::time::timeout_at(deadline, self.fetches.join_next()).await {
                Err(_) => break,
                // Nothing to read from.
                Ok(None) => {
                    tokio::time::sleep_until(deadline).await;
                    break;
                }
                Ok(Some(Ok(fetched))) => self.take(fetched).await?,
                Ok(Some(Err(_))) => return Err(ClientError::Closed),
            }
        }
        let count = self.ready.len().min(records_max);
        Ok(self.ready.drain(..count).collect())
    }

    /// Sends a fetch to each leader that has none in flight.
    async fn fetch(&mut self) -> Result<(), ClientError> {
        let mut by_leader: BTreeMap<i32, Vec<(Partition, Offset)>> = BTreeMap::new();
        for (key, state) in &self.partitions {
            match self.client.leader(&key.0, key.1).await {
                Ok(leader) => by_leader.entry(leader).or_default().push((key.clone(), state.position)),
                Err(error) => return Err(error),
            }
        }
        for (leader, mut asked) in by_leader {
            if self.busy.contains(&leader) {
                continue;
            }
            let turn = self.turn % asked.len();
            self.turn = self.turn.wrapping_add(1);
            asked.rotate_left(turn);
            let link = self.link(leader).await?;
            let version = link.version(ApiKey::Fetch, FETCH_VERSION_MAX)?;
            let request = self.request(&asked);
            let patience = self.options.max_wait + self.client.options().request_timeout;
            self.busy.push(leader);
            self.fetches.spawn(async move {
                let answer = link.call_within(version, &request, patience).await;
                Fetched { leader, asked, answer }
            });
        }
        Ok(())
    }

    async fn link(&mut self, leader: i32) -> Result<Arc<Connection>, ClientError> {
        if let Some(link) = self.links.get(&leader).filter(|link| link.is_open()) {
            return Ok(Arc::clone(link));
        }
        let link = Arc::new(self.client.open_connection(Some(leader)).await?);
        self.links.insert(leader, Arc::clone(&link));
        Ok(link)
    }

    fn request(&self, asked: &[(Partition, Offset)]) -> FetchRequest {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for ((topic, partition), position) in asked {
            let partition = FetchPartition {
                partition: *partition,
                fetch_offset: position.0,
                partition_max_bytes: self.options.partition_max_bytes,
                ..FetchPartition::default()
            };
            // Only neighbours are joined: brokers fill the answer in the order of the request.
            match topics.last_mut().filter(|last| *last.topic == **topic) {
                Some(last) => last.partitions.push(partition),
                None => topics.push(FetchTopic {
                    topic: topic.as_ref().into(),
                    partitions: vec![partition],
                    ..FetchTopic::default()
                }),
            }
        }
        FetchRequest {
            max_wait_ms: i32::try_from(self.options.max_wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: self.options.min_bytes,
            max_bytes: self.options.max_bytes,
            isolation_level: self.options.isolation.code(),
            topics,
            ..FetchRequest::default()
        }
    }

    /// Lets a failure pass that may pass, unless nothing else has come for longer than a request may take.
    async fn endure(&mut self, error: ClientError) -> Result<(), ClientError> {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        if !self.client.may_pass(&error) || since.elapsed() > self.client.options().request_timeout {
            return Err(error);
        }
        tracing::debug!(%error, "fetching again");
        self.partitions.keys().for_each(|(topic, _)| self.client.forget(topic));
        tokio::time::sleep(RETRY_BACKOFF).await;
        Ok(())
    }

    /// Takes over what a fetch brought.
    async fn take(&mut self, fetched: Fetched) -> Result<(), ClientError> {
        self.busy.retain(|leader| *leader != fetched.leader);
        let answer = match fetched.answer {
            Ok(answer) => answer,
            Err(error) => return self.endure(error).await,
        };
        self.failing_since = None;
        ErrorCode::check(answer.error_code).map_err(|error| ClientError::refused("fetch", error, None))?;
        for topic in answer.responses {
            for data in topic.partitions {
                let asked = fetched
                    .asked
                    .iter()
                    .find(|((name, partition), _)| **name == *topic.topic && *partition == data.partition_index);
                if let Some((key, position)) = asked {
                    self.take_partition(key, *position, data).await?;
                }
            }
        }
        Ok(())
    }

    async fn take_partition(&mut self, key: &Partition, asked: Offset, data: PartitionData) -> Result<(), ClientError> {
        let Some(state) = self.partitions.get_mut(key).filter(|state| state.position == asked) else {
            return Ok(());
        };
        let what = || format!("{}-{}", key.0, key.1);
        match ErrorCode::from_code(data.error_code) {
            ErrorCode::None => {
                state.end = Some(Offset(match self.options.isolation {
                    Isolation::ReadUncommitted => data.high_watermark,
                    Isolation::ReadCommitted => data.last_stable_offset,
                }));
                let decoded = decode::records(key, asked, data, &self.options)?;
                state.position = decoded.next;
                state.leader_epoch = decoded.leader_epoch.unwrap_or(state.leader_epoch);
                self.ready.extend(decoded.records);
                Ok(())
            }
            ErrorCode::OffsetOutOfRange => {
                let spec = match self.options.out_of_range {
                    OutOfRange::Earliest => OffsetSpec::Earliest,
                    OutOfRange::Latest => OffsetSpec::Latest,
                    OutOfRange::Fail => {
                        let message = format!("offset {asked} is below the partition's start or beyond its end");
                        return Err(ClientError::refused(what(), ErrorCode::OffsetOutOfRange, Some(&message)));
                    }
                };
                let position = self.look_up(&key.0, key.1, spec).await?;
                if let Some(state) = self.partitions.get_mut(key) {
                    state.position = position;
                }
                Ok(())
            }
            // The partition has moved, or is about to come or go: the next fetch finds out.
            error if error.is_retriable() => {
                self.client.forget(&key.0);
                tokio::time::sleep(RETRY_BACKOFF).await;
                Ok(())
            }
            error => Err(ClientError::refused(what(), error, None)),
        }
    }

    async fn look_up(&self, topic: &str, partition: i32, spec: OffsetSpec) -> Result<Offset, ClientError> {
        let question = [(topic.to_owned(), partition, spec)];
        let mut listed = self.client.list_offsets(&question, self.options.isolation).await?;
        match listed.pop() {
            Some(listed) => Ok(listed?.offset.unwrap_or_default()),
            None => Err(ClientError::Closed),
        }
    }
}
