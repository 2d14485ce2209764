//! What a running query asks of topics.
//!
//! A [`Connector`] is one place with topics: the broker in this process, or a Kafka cluster. A topology is opened there
//! once per run; that gives two halves, so that computing goes on while a commit waits for the disk:
//! - [`TaskIo`], for the thread that runs the task: source batches in, effects out into a buffer;
//! - [`Producer`], for the thread that commits: the topology's fenced transactional id and its place in its group.
//!
//! Contract of a commit ([`Connector::commit`]): everything in a [`Staged`] becomes visible to `read_committed` together
//! with the offsets, or nothing does. After an error nobody knows: drop both halves and open the topology again, which
//! fences the old transactional id, aborts what is open, and says which offsets are committed.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use commitlog::Ticket;
use engine::plan::{NodeId, Topology};
use engine::seam::{Effects, KeyBytes, Partitioner, SourceBatch};
use record::BatchesBuilder;

/// A topology, as topics need to know it.
#[derive(Clone, Debug)]
pub struct TopologySpec {
    /// `<instance>-<root query>`: group, transactional id and prefix of the changelogs.
    pub application_id: String,
    /// The plan.
    pub topology: Arc<Topology>,
    /// Of each source node: the value columns to read, with their defaults, in the order of its schema.
    pub source_columns: BTreeMap<NodeId, Vec<format::Column>>,
    /// How many partitions topics get that must be made, where a statement says so.
    pub topic_partitions: BTreeMap<String, i32>,
    /// Where records go that cannot be processed.
    pub dead_letter_topic: String,
}

impl TopologySpec {
    /// The changelog topic of a store.
    #[must_use]
    pub fn changelog_topic(&self, store: &str) -> String {
        format!("{}-{store}-changelog", self.application_id)
    }
}

/// A partition that a source node reads, and where it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePartition {
    /// The source node.
    pub node: NodeId,
    /// Its topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next offset to read.
    pub offset: i64,
    /// The metadata committed with it; empty when nothing is committed.
    pub metadata: String,
}

/// A topology that is open.
pub struct Opened {
    /// For the thread that runs its task.
    pub io: Box<dyn TaskIo>,
    /// For the thread that commits.
    pub producer: Box<dyn Producer>,
    /// All source partitions.
    pub sources: Vec<SourcePartition>,
}

/// A place with topics.
pub trait Connector: Send + Sync + fmt::Debug {
    /// The number of partitions of a topic; `None`: there is no such topic.
    fn partitions(&self, topic: &str) -> Option<i32>;
    /// Creates a topic unless it exists.
    fn ensure_topic(
        &self,
        topic: &str,
        partitions: Option<i32>,
        configs: &[(&str, String)],
    ) -> Result<(), ConnectError>;
    /// Deletes a topic, if it exists.
    fn delete_topic(&self, topic: &str) -> Result<(), ConnectError>;
    /// Opens a topology: creates what topics it needs, fences an earlier run, joins its group.
    fn open(&self, spec: &TopologySpec) -> Result<Opened, ConnectError>;
    /// Commits, all in as few waits for the disk as possible.
    fn commit(&self, commits: Vec<Commit<'_>>) -> Result<(), ConnectError>;
    /// Forgets an application that is closed: its group with its offsets, its changelogs.
    fn forget(&self, spec: &TopologySpec) -> Result<(), ConnectError>;
    /// Whether there is room for what queries and producers write. While there is not, commits wait; reading goes on.
    fn has_room(&self) -> Result<(), ConnectError>;
    /// Writes records to a topic, outside any transaction; a topic that does not exist is created, as a producer would.
    fn append(&self, topic: &str, records: Vec<PlainRecord>, room: Room) -> Result<Appended, ConnectError>;
    /// How key columns become bytes: Kafka's serializers.
    fn key_bytes(&self) -> Arc<dyn KeyBytes>;
    /// How key bytes choose a partition: as Kafka's producers do.
    fn partitioner(&self) -> Arc<dyn Partitioner>;
    /// All records of a partition, in order, as `read_committed` sees them.
    fn read_all(&self, topic: &str, partition: i32, each: &mut ReadRecord<'_>) -> Result<(), ConnectError>;
}

/// Takes offset, key and value of a record.
pub type ReadRecord<'a> = dyn FnMut(i64, Option<&[u8]>, Option<&[u8]>) + 'a;

/// Takes restored records of a changelog: keys, values (null: deleted), timestamps.
pub type RestoreRecords<'a> =
    dyn FnMut(&arrow_array::BinaryArray, &arrow_array::BinaryArray, &[i64]) -> Result<(), String> + 'a;

/// The half of an open topology that reads sources and buffers effects.
pub trait TaskIo: Send {
    /// Replays a partition of a store's changelog, committed records only. Gives the number of records.
    fn restore(&mut self, store: &str, partition: i32, each: &mut RestoreRecords<'_>) -> Result<u64, ConnectError>;
    /// The next records of a source partition, about `bytes_max` bytes of them.
    fn poll(&mut self, node: NodeId, partition: i32, bytes_max: usize) -> Result<SourceBatch, ConnectError>;
    /// One record of a source partition, wherever the position is; `None`: there is no such (visible) record.
    fn read_one(&self, node: NodeId, partition: i32, offset: i64) -> Result<Option<SourceBatch>, ConnectError>;
    /// Takes effects into the buffer of the next commit; connectors that are no topic (print) write at once.
    fn stage(&mut self, effects: Effects) -> Result<StageReport, ConnectError>;
    /// Takes the buffer. Offsets are added by the caller.
    fn take_staged(&mut self) -> Staged;
    /// Bytes in the buffer.
    fn staged_bytes(&self) -> usize;
    /// Wakes `waker` whenever a source partition has something new. Kept until the topology is closed.
    fn watch(&mut self, waker: Waker);
}

/// What staging did, for counters and pages.
#[derive(Clone, Debug, Default)]
pub struct StageReport {
    /// Rows per sink topic (or connector).
    pub rows: BTreeMap<String, u64>,
    /// Records that went to the dead letters, newest last.
    pub dead_letters: Vec<DeadLetterNote>,
}

/// A record that went to the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterNote {
    /// Its topic.
    pub topic: String,
    /// Its partition and offset; `None` for a row that has no single record.
    pub origin: Option<(i32, i64)>,
    /// Its timestamp.
    pub timestamp: i64,
    /// Why.
    pub reason: String,
    /// Its value, at most 1 KiB.
    pub value: Option<Vec<u8>>,
}

/// The half of an open topology that commits.
pub trait Producer: Send {
    /// For the connector that made it.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// What one topology commits.
#[derive(Debug, Default)]
pub struct Staged {
    /// Records by topic and partition, in order.
    pub records: Vec<StagedRecords>,
    /// Offsets of sources.
    pub offsets: Vec<CommittedOffset>,
}

impl Staged {
    /// Whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.offsets.is_empty()
    }
}

/// Records for one partition.
#[derive(Debug)]
pub struct StagedRecords {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Records in order, laid out as they will be written.
    pub records: BatchesBuilder,
}

/// The offset of a source partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// The next offset to read.
    pub offset: i64,
    /// Stream times, in Kafka Streams' layout.
    pub metadata: String,
}

/// One topology's part of a commit.
pub struct Commit<'a> {
    /// Its producer.
    pub producer: &'a mut dyn Producer,
    /// What it commits.
    pub staged: Staged,
}

/// Where the room on the disk comes from that a record takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// From what is free: data. Refused when the disk is nearly full.
    Free,
    /// From the reserve: what the program must be able to write down all the same, so that somebody can make room.
    Reserve,
}

/// A record outside any transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainRecord {
    /// Partition; by key, or round robin.
    pub partition: Option<i32>,
    /// Timestamp.
    pub timestamp: i64,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Headers.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Records that were written outside any transaction.
#[derive(Debug)]
#[must_use = "they are not durable before `durable` is done"]
pub struct Appended {
    /// Partition, offset and timestamp of each, in the order given.
    pub places: Vec<Place>,
    /// Done when they are durable and visible.
    pub durable: Durable,
}

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Timestamp.
    pub timestamp: i64,
}

/// The promise that records are durable: a future, and waitable without a runtime.
#[derive(Debug)]
pub struct Durable(pub(crate) Vec<Ticket>);

impl Durable {
    /// Waits, blocking this thread.
    pub fn wait(&self) -> Result<(), ConnectError> {
        self.0.iter().try_for_each(|ticket| ticket.wait().map_err(|e| ConnectError::Storage(e.to_string())))
    }

    /// Whether it is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0.iter().all(Ticket::is_done)
    }
}

impl Future for Durable {
    type Output = Result<(), ConnectError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let tickets = &mut self.get_mut().0;
        while let Some(ticket) = tickets.last_mut() {
            match Pin::new(ticket).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(e)) => return Poll::Ready(Err(ConnectError::Storage(e.to_string()))),
                Poll::Ready(Ok(())) => {
                    tickets.pop();
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What can go wrong, by what the caller does next.
#[derive(Clone, Debug)]
pub enum ConnectError {
    /// Not now: the disk is full, a transaction is ending. Try again a little later.
    Retry(String),
    /// Another run of this application has taken over: close, and open again if it is still wanted here.
    Fenced(String),
    /// The query cannot run until somebody does something: a topic was deleted, has too few partitions, is damaged.
    Query {
        /// Stable name.
        code: &'static str,
        /// Cause.
        cause: String,
        /// What to do.
        fix: String,
    },
    /// The storage has failed: only a new start of the process helps.
    Storage(String),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry(cause) | Self::Fenced(cause) | Self::Storage(cause) => f.write_str(cause),
            Self::Query { cause, fix, .. } => write!(f, "{cause}; {fix}"),
        }
    }
}

impl std::error::Error for ConnectError {}
