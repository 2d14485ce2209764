//! The seam over the broker in this process: no byte crosses a socket.
//!
//! - [`io`](self) — sources in, effects out ([`TaskIo`](crate::seam::TaskIo)).
//! - `letters` — dead letters with Kafka Streams' headers.
//! - `print` — the print sink.
//!
//! Never: polls; a source's log wakes its reader.

mod io;
mod letters;
mod print;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use broker::{
    AdminError, Broker, CommitError, NewTopic, ProduceError, QueryMember, TopologyCommit, TransactionalProducer,
};
use commitlog::Isolation;
use engine::plan::{AggregateNode, Operator, SinkTarget, SourceNode, Start};
use engine::seam::{KeyBytes, Partitioner};
use engine::task::OffsetMetadata;
use record::{BatchBuilder, BatchOptions, LeaderEpoch, Offset, TimestampMs};
use wire::ErrorCode;

use crate::codec::KeyPartitioner;
use crate::fetch::fetch;
use crate::seam::{
    Appended, Commit, ConnectError, Connector, Durable, Opened, Place, PlainRecord, Producer, ReadRecord, Room,
    SourcePartition, TopologySpec,
};

pub use print::{PrintTo, Stdout};

/// Bytes that a replay reads at once.
const REPLAY_BYTES: usize = 4 << 20;
/// How long a transaction may stay open before the coordinator aborts it; a commit takes milliseconds.
const TRANSACTION_TIMEOUT_MS: i32 = 60_000;
/// What Kafka Streams adds to a windowed changelog's retention (`windowstore.changelog.additional.retention.ms`).
const CHANGELOG_ADDITIONAL_RETENTION_MS: i64 = 86_400_000;
/// Segments of changelogs: the active one is not compacted, and a start reads it. (Kafka Streams leaves the broker's 1 GiB,
/// which a day of commits does not fill.)
const CHANGELOG_SEGMENT_BYTES: u32 = 8 << 20;
/// How long the markers of commits outlive their compaction. In Kafka's 24 hours those of commits every 100 ms alone come to
/// 70 MB in each changelog.
const CHANGELOG_DELETE_RETENTION_MS: u32 = 3_600_000;
/// A changelog is compacted once a quarter of it is new. A marker goes with the third compaction after it was written, and
/// what waits for that is nearly half of all that is written: with Kafka's own half, each compaction puts off the next, and a
/// changelog holds many times what is alive in it.
const CHANGELOG_MIN_CLEANABLE_DIRTY_RATIO: &str = "0.25";

/// The broker in this process, as a place with topics.
#[derive(Debug)]
pub struct Embedded {
    broker: Arc<Broker>,
    print: Arc<dyn PrintTo>,
    round_robin: AtomicU32,
}

impl Embedded {
    /// A connector to this broker, whose print sinks write to `print`.
    #[must_use]
    pub fn new(broker: Arc<Broker>, print: Arc<dyn PrintTo>) -> Self {
        Self { broker, print, round_robin: AtomicU32::new(0) }
    }

    fn create_topics(&self, spec: &TopologySpec) -> Result<(), ConnectError> {
        let topology = &spec.topology;
        for (id, node) in topology.nodes.iter().enumerate() {
            match &node.operator {
                Operator::Source(source) => {
                    self.ensure_topic(&source.topic, spec.topic_partitions.get(&source.topic).copied(), &[])?;
                }
                Operator::Sink(sink) => {
                    if let SinkTarget::Topic(topic) = &sink.target {
                        self.ensure_topic(topic, spec.topic_partitions.get(topic).copied(), &[])?;
                    }
                }
                Operator::Aggregate(aggregate) => {
                    let Operator::Source(source) = &topology.nodes[topology.source_of(id)].operator else { continue };
                    self.create_changelog(spec, aggregate, source)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A changelog has one partition per key partition: as many as the source, whose repartition topic would have as
    /// many too.
    fn create_changelog(
        &self,
        spec: &TopologySpec,
        aggregate: &AggregateNode,
        source: &SourceNode,
    ) -> Result<(), ConnectError> {
        let topic = spec.changelog_topic(&aggregate.store);
        let wanted = self.partitions(&source.topic).unwrap_or(1);
        let mut configs = vec![("cleanup.policy", "compact".to_owned())];
        if let Some(window) = &aggregate.window {
            let retention_ms = window.retention_ms.saturating_add(CHANGELOG_ADDITIONAL_RETENTION_MS);
            configs = vec![
                ("cleanup.policy", "compact,delete".to_owned()),
                ("retention.ms", retention_ms.to_string()),
                ("message.timestamp.type", "CreateTime".to_owned()),
            ];
        }
        configs.extend([
            ("segment.bytes", CHANGELOG_SEGMENT_BYTES.to_string()),
            ("delete.retention.ms", CHANGELOG_DELETE_RETENTION_MS.to_string()),
            ("min.cleanable.dirty.ratio", CHANGELOG_MIN_CLEANABLE_DIRTY_RATIO.to_owned()),
        ]);
        if self.partitions(&topic).is_none() && self.counted(spec, &aggregate.store) {
            return Err(ConnectError::Query {
                code: "changelog_deleted",
                cause: format!(
                    "the changelog `{topic}` was deleted: the state up to the committed offsets of `{}` is lost",
                    spec.application_id
                ),
                fix: format!("drop the query and create it again, which counts `{}` anew", source.topic),
            });
        }
        self.ensure_topic(&topic, Some(wanted), &configs)?;
        self.extend_unused(&topic, wanted)?;
        match self.partitions(&topic) {
            Some(partitions) if partitions == wanted => Ok(()),
            partitions => Err(ConnectError::Query {
                code: "changelog_partitions",
                cause: format!(
                    "`{}` has {wanted} partitions, but the changelog `{topic}` has {}: the state belongs to another number \
                     of partitions",
                    source.topic,
                    partitions.unwrap_or(0)
                ),
                fix: format!("drop the query and create it again, which counts `{}` anew", source.topic),
            }),
        }
    }

    /// A source may have got partitions since its changelogs were looked at: then all of this is done again.
    fn check_co_partitioned(&self, spec: &TopologySpec, sources: &[SourcePartition]) -> Result<(), ConnectError> {
        let topology = &spec.topology;
        for (id, node) in topology.nodes.iter().enumerate() {
            let Operator::Aggregate(aggregate) = &node.operator else { continue };
            let source = topology.source_of(id);
            let read = sources.iter().filter(|at| at.node == source).count();
            let changelog = spec.changelog_topic(&aggregate.store);
            if self.partitions(&changelog).is_some_and(|kept| usize::try_from(kept) != Ok(read)) {
                let why = format!("a topic that it reads got partitions while `{}` was opened", spec.application_id);
                return Err(ConnectError::Retry(why));
            }
        }
        Ok(())
    }

    /// Gives a changelog in which nothing was written yet as many partitions as its source has got meanwhile.
    fn extend_unused(&self, topic: &str, wanted: i32) -> Result<(), ConnectError> {
        let present = self.partitions(topic).unwrap_or(wanted);
        let is_unused =
            |partition| self.broker.partition(topic, partition).is_some_and(|p| p.log().log_end_offset().0 == 0);
        if present < wanted && (0..present).all(is_unused) {
            self.broker.create_partitions(topic, wanted, false).map_err(|e| admin_error(topic, &e))?;
        }
        Ok(())
    }

    /// Whether a commit of this application had this store. (A table that joins a running query has not been in any.)
    fn counted(&self, spec: &TopologySpec, store: &str) -> bool {
        self.broker.committed_offsets(&spec.application_id).iter().any(|(_, _, _, metadata)| {
            OffsetMetadata::decode(metadata).is_ok_and(|times| times.stream_times.contains_key(store))
        })
    }

    fn sources(&self, spec: &TopologySpec) -> Result<Vec<SourcePartition>, ConnectError> {
        let committed: BTreeMap<(String, i32), (i64, String)> = self
            .broker
            .committed_offsets(&spec.application_id)
            .into_iter()
            .map(|(topic, partition, offset, metadata)| ((topic, partition), (offset.0, metadata)))
            .collect();
        let mut sources = Vec::new();
        for (node, operator) in spec.topology.nodes.iter().map(|node| &node.operator).enumerate() {
            let Operator::Source(source) = operator else { continue };
            for partition in 0..self.partitions(&source.topic).unwrap_or(0) {
                let (offset, metadata) = match committed.get(&(source.topic.clone(), partition)) {
                    Some((offset, metadata)) => (*offset, metadata.clone()),
                    None => {
                        let found = self.broker.partition(&source.topic, partition);
                        let found = found.ok_or_else(|| deleted(&source.topic))?;
                        let log = found.log();
                        let offset = match source.start {
                            // It came after the query had begun: all that is in it is new.
                            Start::Latest if committed.keys().any(|(topic, _)| *topic == source.topic) => {
                                log.log_start_offset()
                            }
                            Start::Earliest => log.log_start_offset(),
                            Start::Latest => log.last_stable_offset(),
                        };
                        (offset.0, String::new())
                    }
                };
                sources.push(SourcePartition { node, topic: source.topic.clone(), partition, offset, metadata });
            }
        }
        Ok(sources)
    }
}

impl Connector for Embedded {
    fn partitions(&self, topic: &str) -> Option<i32> {
        self.broker.topic(topic).map(|info| info.partitions)
    }

    fn ensure_topic(
        &self,
        topic: &str,
        partitions: Option<i32>,
        configs: &[(&str, String)],
    ) -> Result<(), ConnectError> {
        ensure_topic(&self.broker, topic, partitions, configs)
    }

    fn delete_topic(&self, topic: &str) -> Result<(), ConnectError> {
        match self.broker.delete_topic(topic) {
            Ok(_) | Err(AdminError::UnknownTopic(_)) => Ok(()),
            Err(error) => Err(admin_error(topic, &error)),
        }
    }

    fn open(&self, spec: &TopologySpec) -> Result<Opened, ConnectError> {
        self.create_topics(spec)?;
        let producer = self
            .broker
            .open_transactional(&spec.application_id, TRANSACTION_TIMEOUT_MS)
            .map_err(|e| ConnectError::Retry(e.to_string()))?;
        let mut topics: Vec<String> = Vec::new();
        for node in &spec.topology.nodes {
            if let Operator::Source(source) = &node.operator
                && !topics.contains(&source.topic)
            {
                topics.push(source.topic.clone());
            }
        }
        let member =
            self.broker.query_member(&spec.application_id, &topics).map_err(|e| ConnectError::Retry(e.to_string()))?;
        let sources = self.sources(spec)?;
        self.check_co_partitioned(spec, &sources)?;
        let io = io::EmbeddedIo::new(&self.broker, spec, &sources, Arc::clone(&self.print))?;
        Ok(Opened { io: Box::new(io), producer: Box::new(EmbeddedProducer { producer, member }), sources })
    }

    fn commit(&self, commits: Vec<Commit<'_>>) -> Result<(), ConnectError> {
        let mut all = Vec::with_capacity(commits.len());
        for Commit { producer, staged } in commits {
            let Some(EmbeddedProducer { producer, member }) = producer.as_any_mut().downcast_mut() else {
                return Err(ConnectError::Storage("a producer of another connector was given to this one".to_owned()));
            };
            let appends = staged.records.into_iter().map(|part| (part.topic, part.partition, part.records)).collect();
            let offsets =
                staged.offsets.into_iter().map(|at| (at.topic, at.partition, Offset(at.offset), at.metadata)).collect();
            all.push(TopologyCommit { producer, appends, offsets, member });
        }
        self.broker.commit(all).map(|_| ()).map_err(|e| match self.broker.health() {
            Some(failed) => ConnectError::Storage(failed.to_string()),
            None => commit_error(&e),
        })
    }

    fn forget(&self, spec: &TopologySpec) -> Result<(), ConnectError> {
        // Offsets without their state would go on counting from nothing; a state without its offsets is deleted by the next
        // query of this name.
        self.broker.forget_query(&spec.application_id).map_err(|e| ConnectError::Retry(e.to_string()))?;
        for node in &spec.topology.nodes {
            if let Operator::Aggregate(aggregate) = &node.operator {
                self.delete_topic(&spec.changelog_topic(&aggregate.store))?;
            }
        }
        Ok(())
    }

    fn key_bytes(&self) -> Arc<dyn KeyBytes> {
        format::key::primitive_keys()
    }

    fn partitioner(&self) -> Arc<dyn Partitioner> {
        Arc::new(KeyPartitioner)
    }

    fn has_room(&self) -> Result<(), ConnectError> {
        self.broker.admit(0).map_err(|low| ConnectError::Retry(low.to_string()))
    }

    fn append(&self, topic: &str, records: Vec<PlainRecord>, room: Room) -> Result<Appended, ConnectError> {
        if room == Room::Free {
            // Else a topic would be made for nothing.
            self.has_room()?;
        }
        self.ensure_topic(topic, None, &[])?;
        let partitions = self.partitions(topic).ok_or_else(|| deleted(topic))?;
        // One batch per partition; each record remembers its turn in the caller's order.
        let mut batches: BTreeMap<i32, (BatchBuilder, Vec<(usize, i64)>)> = BTreeMap::new();
        for (turn, record) in records.iter().enumerate() {
            let partition = match (record.partition, &record.key) {
                (Some(partition), _) if (0..partitions).contains(&partition) => partition,
                (Some(partition), _) => {
                    return Err(ConnectError::Query {
                        code: "unknown_partition",
                        cause: format!("`{topic}` has no partition {partition}"),
                        fix: format!("give 0 to {}", partitions - 1),
                    });
                }
                (None, Some(key)) => record::partition_of_key(key, partitions),
                (None, None) => {
                    (self.round_robin.fetch_add(1, Ordering::Relaxed) % partitions.unsigned_abs()).cast_signed()
                }
            };
            let (batch, turns) =
                batches.entry(partition).or_insert_with(|| (BatchBuilder::new(BatchOptions::default()), Vec::new()));
            let headers = record.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_deref()));
            batch.push(TimestampMs(record.timestamp), record.key.as_deref(), record.value.as_deref(), headers);
            turns.push((turn, record.timestamp));
        }
        let mut places = vec![Place { partition: -1, offset: -1, timestamp: -1 }; records.len()];
        let mut tickets = Vec::new();
        for (partition, (batch, turns)) in batches {
            let found = self.broker.partition(topic, partition).ok_or_else(|| deleted(topic))?;
            let (batch, now_ms) = (batch.finish(Offset(0), LeaderEpoch(0)), self.broker.now_ms());
            let appended = match room {
                Room::Free => found.produce(batch, now_ms),
                Room::Reserve => found.produce_from_reserve(batch, now_ms),
            };
            let appended = appended.map_err(|e| produce_error(topic, &e))?;
            for (place, (turn, timestamp)) in turns.into_iter().enumerate() {
                let stamped = appended.log_append_time;
                let timestamp = if stamped == TimestampMs::NONE { timestamp } else { stamped.0 };
                places[turn] = Place { partition, offset: appended.base_offset.0 + place as i64, timestamp };
            }
            tickets.push(appended.ticket);
        }
        Ok(Appended { places, durable: Durable(tickets) })
    }

    fn read_all(&self, topic: &str, partition: i32, each: &mut ReadRecord<'_>) -> Result<(), ConnectError> {
        let found = self.broker.partition(topic, partition).ok_or_else(|| deleted(topic))?;
        let mut position = found.log().log_start_offset().0;
        loop {
            let fetched = fetch(found.log(), position, REPLAY_BYTES, Isolation::LastStable)
                .map_err(|e| io::fetch_error(topic, partition, &e))?;
            for record in fetched.records() {
                let record = record.map_err(|e| io::fetch_error(topic, partition, &e))?;
                each(record.offset.0, record.key, record.value);
            }
            if fetched.at_end || fetched.next_offset <= position {
                return Ok(());
            }
            position = fetched.next_offset;
        }
    }
}

/// A topology's fenced transactional id, and its place in its group.
struct EmbeddedProducer {
    producer: TransactionalProducer,
    member: QueryMember,
}

impl Producer for EmbeddedProducer {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

fn ensure_topic(
    broker: &Broker,
    topic: &str,
    partitions: Option<i32>,
    configs: &[(&str, String)],
) -> Result<(), ConnectError> {
    if broker.topic(topic).is_some() {
        return Ok(());
    }
    let configs = configs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    match broker.create_topic(topic, NewTopic { partitions, configs }) {
        Ok(_) | Err(AdminError::AlreadyExists(_)) => Ok(()),
        Err(error) => Err(admin_error(topic, &error)),
    }
}

fn deleted(topic: &str) -> ConnectError {
    ConnectError::Query {
        code: "topic_deleted",
        cause: format!("the topic `{topic}` was deleted"),
        fix: "restart Millstream, which creates it again, or drop the query".to_owned(),
    }
}

fn admin_error(topic: &str, error: &AdminError) -> ConnectError {
    match error {
        AdminError::Storage(_) => ConnectError::Retry(format!("`{topic}`: {}", error.message())),
        _ => ConnectError::Query {
            code: "bad_topic",
            cause: format!("the topic `{topic}` cannot be made: {}", error.message()),
            fix: "give it another name in WITH (topic = '…')".to_owned(),
        },
    }
}

fn commit_error(error: &CommitError) -> ConnectError {
    match error {
        CommitError::Fenced { .. } => ConnectError::Fenced(error.to_string()),
        _ => ConnectError::Retry(error.to_string()),
    }
}

fn produce_error(topic: &str, error: &ProduceError) -> ConnectError {
    match error.code {
        ErrorCode::KafkaStorageError => ConnectError::Retry(format!("`{topic}` does not take writes now: {error}")),
        ErrorCode::UnknownTopicOrPartition => deleted(topic),
        _ => ConnectError::Query {
            code: "refused_record",
            cause: format!("`{topic}` does not take this record: {error}"),
            fix: "see the topic's configs".to_owned(),
        },
    }
}
