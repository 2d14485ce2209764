//! What the engine asks of the world, and what it hands back: the traits that `format` and `connect` implement, and the
//! plain data that passes between a task and whoever drives it.
//!
//! Never: does anything itself, except Kafka's partitioner, which is pure arithmetic.

use std::fmt;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray};
use arrow_buffer::ScalarBuffer;

use crate::batch::Keys;
use crate::data_type::Type;
use crate::plan::NodeId;

/// Key columns ⇄ key bytes, in the layouts of Kafka's serializers: one column is the primitive, several are a JSON
/// array.
pub trait KeyBytes: fmt::Debug + Send + Sync {
    /// The bytes of each row's key. A single NULL column gives a null key.
    fn encode(&self, types: &[Type], columns: &[ArrayRef]) -> BinaryArray;
    /// The columns of keys that were written by `encode`. An error names what is wrong.
    fn decode(&self, types: &[Type], keys: &BinaryArray) -> Result<Vec<ArrayRef>, String>;
}

/// Key bytes → partition.
pub trait Partitioner: fmt::Debug + Send + Sync {
    /// The partition of a key among `partitions` (at least one).
    fn partition(&self, key: &[u8], partitions: i32) -> i32;
}

/// Decoded records of one source partition, ascending by offset, as a source hands them to a task.
#[derive(Debug, Clone)]
pub struct SourceBatch {
    /// The source node of the topology.
    pub node: NodeId,
    /// The partition.
    pub partition: i32,
    /// The value columns of the source's schema, good rows only.
    pub columns: Vec<ArrayRef>,
    /// The record timestamps of the good rows, ms.
    pub timestamps: ScalarBuffer<i64>,
    /// The offsets of the good rows.
    pub offsets: ScalarBuffer<i64>,
    /// The record keys of the good rows; `None` when no row has a key or no node needs them.
    pub keys: Option<BinaryArray>,
    /// Records that could not be decoded.
    pub bad: Vec<BadRecord>,
    /// The offset after the last record (good, bad or skipped) of this batch.
    pub next_offset: i64,
    /// True when `next_offset` is the partition's end as far as the source knows: nothing more is waiting.
    pub at_end: bool,
    /// How many bytes of records this batch stands for; bounds what a task buffers.
    pub bytes: usize,
}

impl SourceBatch {
    /// Says that the partition holds nothing more beyond `next_offset`.
    #[must_use]
    pub fn end(node: NodeId, partition: i32, types: &[Type], next_offset: i64) -> Self {
        Self {
            node,
            partition,
            columns: types.iter().map(|ty| ty.empty()).collect(),
            timestamps: ScalarBuffer::from(Vec::new()),
            offsets: ScalarBuffer::from(Vec::new()),
            keys: None,
            bad: Vec::new(),
            next_offset,
            at_end: true,
            bytes: 0,
        }
    }
}

/// A record that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, ms.
    pub timestamp: i64,
    /// Why.
    pub reason: String,
}

/// Where records come from. A driver may also decode elsewhere and hand batches to the task itself.
pub trait Source {
    /// What can go wrong in reading.
    type Error;
    /// The next records of a partition, about `bytes_max` at most; `None` when nothing is known yet (neither records
    /// nor the partition's end).
    fn poll(&mut self, node: NodeId, partition: i32, bytes_max: usize) -> Result<Option<SourceBatch>, Self::Error>;
}

/// Everything a superstep (or a flush) asks of the world. Nothing of it has happened yet.
#[derive(Debug, Default)]
pub struct Effects {
    /// Rows for sinks, in the order of their writing.
    pub sinks: Vec<SinkRows>,
    /// Rows for changelogs.
    pub changelog: Vec<ChangelogRows>,
    /// Records and rows that could not be processed.
    pub dead_letters: Vec<DeadLetter>,
    /// Records that came too late for their window (the first [`LATE_ROWS_MAX`] of a superstep; the counters have all).
    pub late: Vec<LateRow>,
}

/// The largest number of late rows that one [`Effects`] lists.
pub const LATE_ROWS_MAX: usize = 1024;

impl Effects {
    /// True when nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sinks.is_empty() && self.changelog.is_empty() && self.dead_letters.is_empty() && self.late.is_empty()
    }

    /// Adds what another asks, after this.
    pub fn append(&mut self, mut other: Effects) {
        self.sinks.append(&mut other.sinks);
        self.changelog.append(&mut other.changelog);
        self.dead_letters.append(&mut other.dead_letters);
        self.late.append(&mut other.late);
    }
}

/// Rows for a sink.
#[derive(Debug, Clone)]
pub struct SinkRows {
    /// The sink node.
    pub node: NodeId,
    /// Each row's key.
    pub keys: Keys,
    /// The value columns, in the order of [`crate::plan::SinkNode::columns`].
    pub columns: Vec<ArrayRef>,
    /// Each row's timestamp, ms.
    pub timestamps: ScalarBuffer<i64>,
}

/// Rows for the changelog of a store's partition, in Kafka Streams' layout.
#[derive(Debug, Clone)]
pub struct ChangelogRows {
    /// The store's name.
    pub store: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Record keys.
    pub keys: BinaryArray,
    /// Record values.
    pub values: BinaryArray,
    /// Record timestamps, ms.
    pub timestamps: ScalarBuffer<i64>,
}

/// A row that could not be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The node that refused it.
    pub node: NodeId,
    /// The source node that it came through.
    pub source: NodeId,
    /// Its record's partition and offset; `None` behind an aggregate, where a row has no single record.
    pub origin: Option<(i32, i64)>,
    /// Its timestamp, ms.
    pub timestamp: i64,
    /// Why, in words.
    pub reason: String,
}

/// A row that came too late for its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateRow {
    /// The aggregate.
    pub node: NodeId,
    /// The source partition of its record.
    pub partition: i32,
    /// The offset of its record.
    pub offset: i64,
    /// Its timestamp, ms.
    pub timestamp: i64,
    /// The window that it missed.
    pub window_start: i64,
    /// The operator's stream time when it came.
    pub stream_time: i64,
}
