//! Transactions of queries: real Kafka transactions, many at a time, in at most two awaited sync rounds.
//!
//! ```text
//! for each topology: Ongoing record, data, offsets      appended, then one sync round for all of them
//! for each topology: Prepare record                     appended, then one sync round for all of them
//! for each topology: COMMIT markers                     appended; the call returns
//!                    Complete record                    when the markers are durable; the next commit waits for it
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use bytes::Bytes;
use commitlog::{AppendContext, AppendKind, Ticket};
use record::{BatchesBuilder, Offset, ProducerIdentity, Sequence, TimestampMs};
use wire::ErrorCode;

use super::QueryMember;
use crate::broker::Broker;
use crate::group::{Committer, OffsetCommit, OffsetCommitRequest};
use crate::topic::OFFSETS_TOPIC;
use crate::txn::{Partitions, Producer};

/// The producer of a transactional id. Whoever opens the id next fences it.
#[derive(Debug)]
pub struct TransactionalProducer {
    transactional_id: String,
    producer: Producer,
    /// The next sequence per partition; partitions that are not here begin at 0.
    sequences: HashMap<(String, i32), Sequence>,
}

impl TransactionalProducer {
    /// Its transactional id.
    #[must_use]
    pub fn transactional_id(&self) -> &str {
        &self.transactional_id
    }

    /// Its producer id and epoch.
    #[must_use]
    pub fn producer(&self) -> Producer {
        self.producer
    }
}

/// What one topology commits: outputs, changelogs, dead letters and offsets, all or nothing.
#[derive(Debug)]
pub struct TopologyCommit<'a> {
    /// Its producer.
    pub producer: &'a mut TransactionalProducer,
    /// Records by topic and partition, in order.
    pub appends: Vec<(String, i32, BatchesBuilder)>,
    /// Topic, partition, next offset, metadata.
    pub offsets: Vec<(String, i32, Offset, String)>,
    /// Its place in its group.
    pub member: &'a QueryMember,
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitDone {
    /// Per topology that had something, per element of `appends`: the offset of its first record; `None` without records.
    pub base_offsets: Vec<Vec<Option<Offset>>>,
}

/// Why a commit did not happen. Every producer of the call is to be opened again, and committed offsets are to be read
/// again, before its topology goes on: some of the transactions may be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitError {
    /// A newer producer has the transactional id, or the transaction took longer than its timeout, or another member has
    /// the group.
    Fenced {
        /// Whose commit it was.
        transactional_id: String,
        /// Kafka's error.
        code: ErrorCode,
    },
    /// A topic that it writes to is gone.
    UnknownPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// The disk is full or failed, in words.
    Storage(String),
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fenced { transactional_id, code } => {
                write!(f, "{transactional_id} may not commit any more: {}", code.message())
            }
            Self::UnknownPartition { topic, partition } => write!(f, "there is no partition {topic}-{partition}"),
            Self::Storage(why) => write!(f, "the commit could not be written: {why}"),
        }
    }
}

impl std::error::Error for CommitError {}

/// The batches of one element of `appends`, with their numbers of records.
type Batches = Vec<(Bytes, i32)>;

impl Broker {
    /// Opens a transactional id, as InitProducerId does: fences its former producer, and aborts the transaction that it
    /// left. Blocks until that is durable.
    pub fn open_transactional(
        &self,
        transactional_id: &str,
        timeout_ms: i32,
    ) -> Result<TransactionalProducer, CommitError> {
        let producer = self.coordinators().open_producer(transactional_id, timeout_ms)?;
        Ok(TransactionalProducer { transactional_id: transactional_id.to_owned(), producer, sequences: HashMap::new() })
    }

    /// Commits what these topologies have: one transaction each, in at most two awaited sync rounds for all of them.
    /// Blocks; consumers see it when it returns.
    pub fn commit(&self, mut topologies: Vec<TopologyCommit<'_>>) -> Result<CommitDone, CommitError> {
        topologies.retain(|t| !(t.appends.iter().all(|(_, _, records)| records.is_empty()) && t.offsets.is_empty()));
        let batches: Vec<Vec<Batches>> = topologies.iter_mut().map(finish_batches).collect();
        let ids: Vec<String> = topologies.iter().map(|t| t.producer.transactional_id.clone()).collect();
        let coordinators = self.coordinators();
        coordinators.wait_until_idle(&ids)?;

        let mut done = CommitDone::default();
        let mut tickets = Vec::new();
        let first_round = self.logs.hold_round();
        for (topology, batches) in topologies.iter_mut().zip(batches) {
            match self.append_topology(topology, batches, &mut tickets) {
                Ok(base_offsets) => done.base_offsets.push(base_offsets),
                Err(error) => {
                    // Nobody has seen any of it. Those of the call that have begun end here too.
                    for topology in topologies.iter().take(done.base_offsets.len() + 1) {
                        coordinators.abort(&topology.producer.transactional_id, topology.producer.producer);
                    }
                    return Err(error);
                }
            }
        }
        drop(first_round);
        Ticket::all(tickets).wait().map_err(|e| CommitError::Storage(e.to_string()))?;

        let enders = topologies.iter().map(|t| (t.producer.transactional_id.as_str(), t.producer.producer));
        coordinators.commit_all(enders)?;
        Ok(done)
    }

    /// The first round of one topology: its Ongoing record, its data, its offsets.
    fn append_topology(
        &self,
        topology: &mut TopologyCommit<'_>,
        batches: Vec<Batches>,
        tickets: &mut Vec<Ticket>,
    ) -> Result<Vec<Option<Offset>>, CommitError> {
        let coordinators = self.coordinators();
        let (id, producer) = (topology.producer.transactional_id.clone(), topology.producer.producer);
        let mut partitions = Partitions::new();
        for ((topic, partition, _), batches) in topology.appends.iter().zip(&batches) {
            if self.partition(topic, *partition).is_none() {
                return Err(CommitError::UnknownPartition { topic: topic.clone(), partition: *partition });
            }
            if !batches.is_empty() {
                partitions.entry(topic.clone()).or_default().insert(*partition);
            }
        }
        if !topology.offsets.is_empty() {
            partitions.entry(OFFSETS_TOPIC.to_owned()).or_default().insert(0);
        }
        tickets.push(coordinators.begin(&id, producer, &partitions)?);

        let now = TimestampMs(self.now_ms());
        let mut base_offsets = Vec::with_capacity(topology.appends.len());
        for ((topic, partition, _), batches) in topology.appends.iter().zip(batches) {
            let mut base_offset = None;
            for (batch, count) in batches {
                let append = || {
                    let found = self.partition(topic, *partition)?;
                    let context =
                        AppendContext { kind: AppendKind::Client, leader_epoch: found.leader_epoch(), now_ms: now };
                    Some(found.log().append(batch, context))
                };
                let appended = coordinators
                    .append_transactional(&id, producer, topic, *partition, append)
                    .map_err(|code| CommitError::Fenced { transactional_id: id.clone(), code })?
                    .ok_or_else(|| CommitError::UnknownPartition { topic: topic.clone(), partition: *partition })?
                    .map_err(|e| CommitError::Storage(e.to_string()))?;
                let next = topology.producer.sequences.entry((topic.clone(), *partition)).or_insert(Sequence(0));
                *next = next.plus(count);
                base_offset.get_or_insert(appended.base_offset);
                tickets.push(appended.ticket);
            }
            base_offsets.push(base_offset);
        }
        if !topology.offsets.is_empty() {
            tickets.push(coordinators.stage_offsets_now(&id, offsets_of(topology)).map_err(|code| match code {
                ErrorCode::CoordinatorNotAvailable => CommitError::Storage("the offsets were not appended".to_owned()),
                code => CommitError::Fenced { transactional_id: id.clone(), code },
            })?);
        }
        Ok(base_offsets)
    }
}

/// The batches of a topology, numbered on from what its producer has written.
fn finish_batches(topology: &mut TopologyCommit<'_>) -> Vec<Batches> {
    let producer = &*topology.producer;
    let mut next: BTreeMap<(&str, i32), Sequence> = BTreeMap::new();
    let mut all = Vec::with_capacity(topology.appends.len());
    for (topic, partition, records) in &mut topology.appends {
        let written = || producer.sequences.get(&(topic.clone(), *partition)).copied().unwrap_or(Sequence(0));
        let sequence = next.entry((topic, *partition)).or_insert_with(written);
        let Producer { id, epoch, .. } = producer.producer;
        let batches = std::mem::take(records).finish(ProducerIdentity { id, epoch, base_sequence: *sequence }, true);
        *sequence = batches.iter().fold(*sequence, |sequence, (_, count)| sequence.plus(*count));
        all.push(batches);
    }
    all
}

fn offsets_of(topology: &mut TopologyCommit<'_>) -> OffsetCommitRequest {
    let offsets = std::mem::take(&mut topology.offsets).into_iter();
    let offsets = offsets.map(|(topic, partition, offset, metadata)| OffsetCommit {
        topic,
        partition,
        offset,
        leader_epoch: -1,
        metadata,
        retention_ms: None,
    });
    OffsetCommitRequest {
        committer: Committer::Query,
        group_id: topology.member.group_id.clone(),
        generation: topology.member.generation,
        member_id: topology.member.member_id.clone(),
        group_instance_id: None,
        offsets: offsets.collect(),
        producer: Some((topology.producer.producer.id, topology.producer.producer.epoch)),
    }
}
