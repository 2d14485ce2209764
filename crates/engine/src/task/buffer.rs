//! The buffered rows of a source's partitions, and the order in which they go on.
//!
//! The order inside a superstep is Kafka Streams' inside a task: the partition whose head record has the smallest
//! timestamp gives its head; ties go to the smallest partition number. A partition that is behind its end and has
//! nothing buffered holds the merge; one at its end holds nothing up. So the order depends on what arrived, never on
//! how it was cut.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, Int32Array, Int64Array, StringArray, TimestampMillisecondArray};
use arrow_buffer::ScalarBuffer;

use super::workers::Job;
use crate::batch::{Batch, Keys, Origins};
use crate::plan::{MetadataColumn, NodeId, SourceNode, TimestampSource};
use crate::seam::{BadRecord, DeadLetter, SourceBatch};
use crate::store::Position;

/// The partitions of one source.
#[derive(Debug)]
pub(super) struct SourceBuffers {
    node: NodeId,
    pub(super) plan: SourceNode,
    partitions: Vec<PartitionBuffer>,
    /// The rows of all partitions go on in one defined order. Without it, each partition goes on by itself.
    merged: bool,
}

#[derive(Debug)]
struct PartitionBuffer {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    /// The last batch ended at the partition's end.
    at_end: bool,
    /// The offset after the last batch.
    next_offset: Option<i64>,
    /// The offset of the next row to go on.
    position: Option<i64>,
    /// The largest timestamp of the rows that went on.
    time: i64,
}

#[derive(Debug)]
struct Chunk {
    batch: Batch,
    offsets: ScalarBuffer<i64>,
    /// Not yet reported, ascending.
    bad: VecDeque<BadRecord>,
    next_offset: i64,
    bytes: usize,
    /// Rows that went on already.
    taken: usize,
}

impl Chunk {
    fn head(&self) -> Option<i64> {
        self.batch.timestamps.get(self.taken).copied()
    }
}

/// Greater than every timestamp: buffered rows have none below zero.
const NO_HEAD: u64 = u64::MAX;

/// The rows of one partition in a superstep.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) batch: Batch,
    /// The place of each row in the order of all rows of the superstep; `None`: the rows are alone in it.
    pub(super) ranks: Option<ScalarBuffer<u32>>,
}

/// What a superstep takes.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) batches: Vec<(i32, Rows)>,
    /// Partition and record.
    pub(super) bad: Vec<(i32, BadRecord)>,
    moved: bool,
}

impl Taken {
    /// True when nothing, not even an offset, moved.
    pub(super) fn is_empty(&self) -> bool {
        !self.moved
    }
}

impl Job for (i32, Rows) {
    fn rows(&self) -> usize {
        self.1.batch.rows()
    }
}

impl SourceBuffers {
    pub(super) fn new(node: NodeId, plan: SourceNode, partitions: i32, exchange: bool) -> Self {
        let empty = || PartitionBuffer {
            chunks: VecDeque::new(),
            bytes: 0,
            at_end: false,
            next_offset: None,
            position: None,
            time: -1,
        };
        let partitions: Vec<_> = (0..partitions).map(|_| empty()).collect();
        Self { node, plan, merged: exchange && partitions.len() > 1, partitions }
    }

    pub(super) fn partitions(&self) -> i32 {
        self.partitions.len() as i32
    }

    fn partition(&self, partition: i32) -> Option<&PartitionBuffer> {
        self.partitions.get(usize::try_from(partition).ok()?)
    }

    pub(super) fn bytes(&self, partition: i32) -> usize {
        self.partition(partition).map_or(usize::MAX, |buffer| buffer.bytes)
    }

    pub(super) fn next_offset(&self, partition: i32) -> Option<i64> {
        self.partition(partition)?.next_offset
    }

    pub(super) fn position(&self, partition: i32) -> Option<i64> {
        self.partition(partition)?.position
    }

    pub(super) fn partition_time(&self, partition: i32) -> i64 {
        self.partition(partition).map_or(-1, |buffer| buffer.time)
    }

    pub(super) fn positions(&self) -> Vec<Position> {
        let partitions = self.partitions.iter().enumerate();
        let position = |(partition, buffer): (usize, &PartitionBuffer)| {
            let offset = buffer.position?;
            Some(Position { topic: self.plan.topic.clone(), partition: partition as i32, offset })
        };
        partitions.filter_map(position).collect()
    }

    pub(super) fn restore(&mut self, partition: i32, offset: i64, time: i64) {
        let buffer = usize::try_from(partition).ok().and_then(|partition| self.partitions.get_mut(partition));
        if let Some(buffer) = buffer {
            buffer.next_offset = Some(offset);
            buffer.position = Some(offset);
            buffer.time = time;
        }
    }

    pub(super) fn dead_letter(&self, partition: i32, bad: BadRecord) -> DeadLetter {
        let BadRecord { offset, timestamp, reason } = bad;
        DeadLetter { node: self.node, source: self.node, origin: Some((partition, offset)), timestamp, reason }
    }

    pub(super) fn push(&mut self, batch: SourceBatch) {
        let index = usize::try_from(batch.partition).unwrap_or(usize::MAX);
        if index >= self.partitions.len() {
            return;
        }
        let (at_end, next_offset) = (batch.at_end, batch.next_offset);
        let chunk = self.chunk(batch);
        let buffer = &mut self.partitions[index];
        buffer.at_end = at_end;
        if buffer.next_offset != Some(next_offset) || !chunk.batch.is_empty() || !chunk.bad.is_empty() {
            buffer.position = buffer.position.or_else(|| chunk.first_offset());
            buffer.bytes += chunk.bytes;
            buffer.chunks.push_back(chunk);
        }
        buffer.next_offset = Some(next_offset);
    }

    fn chunk(&self, batch: SourceBatch) -> Chunk {
        let (next_offset, bytes) = (batch.next_offset, batch.bytes);
        let (batch, bad) = self.rows_of(batch);
        let offsets = batch.origins.as_ref().map(|origins| origins.offsets.clone()).unwrap_or_default();
        Chunk { batch, offsets, bad: bad.into(), next_offset, bytes, taken: 0 }
    }

    /// The rows of a source batch with their time and metadata columns; rows without a usable time become bad ones.
    pub(super) fn rows_of(&self, batch: SourceBatch) -> (Batch, Vec<BadRecord>) {
        let SourceBatch { partition, mut columns, timestamps, offsets, keys, mut bad, .. } = batch;
        let rows = timestamps.len();
        for column in &self.plan.metadata {
            columns.push(match column {
                MetadataColumn::Timestamp => Arc::new(TimestampMillisecondArray::new(timestamps.clone(), None)),
                MetadataColumn::Partition => Arc::new(Int32Array::from_value(partition, rows)),
                MetadataColumn::Offset => Arc::new(Int64Array::new(offsets.clone(), None)),
                MetadataColumn::Key => match &keys {
                    Some(keys) => {
                        let texts = keys.iter().map(|key| key.map(String::from_utf8_lossy));
                        Arc::new(texts.collect::<StringArray>()) as ArrayRef
                    }
                    None => crate::data_type::Type::Text.nulls(rows),
                },
            });
        }
        let times = match self.plan.timestamp {
            TimestampSource::Record => timestamps.clone(),
            TimestampSource::Column(index) => row_times(&columns[index]),
        };
        let whole = Batch {
            columns,
            timestamps: times,
            keys: keys.map_or(Keys::None, Keys::Bytes),
            origins: Some(Origins {
                partitions: std::iter::repeat_n(partition, rows).collect(),
                offsets: offsets.clone(),
            }),
        };
        if whole.timestamps.iter().all(|time| *time >= 0) {
            return (whole, bad);
        }
        let good: BooleanArray = whole.timestamps.iter().map(|time| Some(*time >= 0)).collect();
        for row in (0..rows).filter(|row| !good.value(*row)) {
            let reason = match self.plan.timestamp {
                TimestampSource::Record => format!("the record's timestamp {} is negative", timestamps[row]),
                TimestampSource::Column(index) => {
                    let name = self.plan.schema.fields.get(index).map_or("?", |field| &field.name);
                    format!("the timestamp column `{name}` is NULL or before 1970")
                }
            };
            bad.push(BadRecord { offset: offsets[row], timestamp: timestamps[row], reason });
        }
        bad.sort_by_key(|bad| bad.offset);
        (whole.filter(&good).expect("the mask has one entry per row"), bad)
    }

    pub(super) fn has_work(&self) -> bool {
        let waits = |buffer: &PartitionBuffer| !buffer.chunks.is_empty();
        if !self.merged {
            return self.partitions.iter().any(waits);
        }
        let empty_chunk = |buffer: &PartitionBuffer| buffer.chunks.front().is_some_and(|chunk| chunk.head().is_none());
        self.partitions.iter().any(empty_chunk)
            || (self.partitions.iter().any(waits) && !self.partitions.iter().any(PartitionBuffer::holds))
    }

    /// Takes all rows that may go on.
    pub(super) fn take(&mut self) -> Taken {
        let mut taken = Taken::default();
        let mut parts: Vec<Vec<Batch>> = self.partitions.iter().map(|_| Vec::new()).collect();
        let mut ranks: Vec<Vec<u32>> = self.partitions.iter().map(|_| Vec::new()).collect();
        for (partition, buffer) in self.partitions.iter_mut().enumerate() {
            buffer.drop_finished(partition as i32, &mut taken);
        }
        if self.merged {
            self.merge(&mut parts, &mut ranks, &mut taken);
        } else {
            for (partition, buffer) in self.partitions.iter_mut().enumerate() {
                while let Some(chunk) = buffer.chunks.front() {
                    let rows = chunk.batch.rows() - chunk.taken;
                    parts[partition].push(buffer.advance(rows, partition as i32, &mut taken));
                }
            }
        }
        for (partition, (parts, ranks)) in parts.into_iter().zip(ranks).enumerate() {
            if !parts.is_empty() {
                let ranks = self.merged.then(|| ScalarBuffer::from(ranks));
                taken.batches.push((partition as i32, Rows { batch: Batch::concat(parts), ranks }));
            }
        }
        taken
    }

    /// Takes runs of rows by head timestamp. A run ends where another partition's head comes first.
    fn merge(&mut self, parts: &mut [Vec<Batch>], ranks: &mut [Vec<u32>], taken: &mut Taken) {
        // Rows of each first chunk that are chosen, but not yet taken: chunks are cut once, not run by run.
        let mut chosen = vec![0; self.partitions.len()];
        let mut heads: Vec<u64> = self.partitions.iter().map(|buffer| buffer.head(0)).collect();
        let mut rank = 0u32;
        while !self.partitions.iter().any(PartitionBuffer::holds) {
            let (mut first, mut second) = ((NO_HEAD, usize::MAX), (NO_HEAD, usize::MAX));
            for (partition, head) in heads.iter().copied().enumerate() {
                if head < first.0 {
                    (first, second) = ((head, partition), first);
                } else if head < second.0 {
                    second = (head, partition);
                }
            }
            let partition = first.1;
            let Some(buffer) = self.partitions.get_mut(partition) else { break };
            let Some(chunk) = buffer.chunks.front() else { break };
            let times = &chunk.batch.timestamps[chunk.taken + chosen[partition]..];
            let run = times.iter().take_while(|time| (time.unsigned_abs(), partition) < second).count();
            // The rank is a place in one superstep: what does not fit waits for the next.
            let Some(next) = rank.checked_add(run as u32) else { break };
            ranks[partition].extend(rank..next);
            rank = next;
            chosen[partition] += run;
            if run == times.len() {
                let rows = std::mem::take(&mut chosen[partition]);
                parts[partition].push(buffer.advance(rows, partition as i32, taken));
            }
            heads[partition] = buffer.head(chosen[partition]);
        }
        for (partition, (buffer, rows)) in self.partitions.iter_mut().zip(chosen).enumerate() {
            if rows > 0 {
                parts[partition].push(buffer.advance(rows, partition as i32, taken));
            }
        }
    }
}

impl PartitionBuffer {
    /// The timestamp of the first row behind `chosen` rows of the first chunk; [`NO_HEAD`] without one.
    fn head(&self, chosen: usize) -> u64 {
        let head = self.chunks.front().and_then(|chunk| chunk.batch.timestamps.get(chunk.taken + chosen));
        head.map_or(NO_HEAD, |time| time.unsigned_abs())
    }

    /// Behind its end with nothing buffered.
    fn holds(&self) -> bool {
        self.chunks.is_empty() && !self.at_end
    }

    /// Takes rows off the first chunk.
    fn advance(&mut self, rows: usize, partition: i32, taken: &mut Taken) -> Batch {
        let chunk = self.chunks.front_mut().expect("the caller looked at the first chunk");
        let batch = chunk.batch.slice(chunk.taken, rows);
        chunk.taken += rows;
        self.time = batch.timestamps.iter().copied().fold(self.time, i64::max);
        let position = chunk.offsets.get(chunk.taken).copied().unwrap_or(chunk.next_offset);
        self.position = Some(position);
        taken.moved = true;
        while chunk.bad.front().is_some_and(|bad| bad.offset < position) {
            taken.bad.extend(chunk.bad.pop_front().map(|bad| (partition, bad)));
        }
        self.drop_finished(partition, taken);
        batch
    }

    /// Drops chunks without rows left, and reports their bad records.
    fn drop_finished(&mut self, partition: i32, taken: &mut Taken) {
        while let Some(chunk) = self.chunks.front()
            && chunk.head().is_none()
        {
            let chunk = self.chunks.pop_front().expect("there is a first chunk");
            self.bytes -= chunk.bytes;
            self.position = Some(chunk.next_offset);
            taken.moved = true;
            taken.bad.extend(chunk.bad.into_iter().map(|bad| (partition, bad)));
        }
    }
}

impl Chunk {
    fn first_offset(&self) -> Option<i64> {
        let first_bad = self.bad.front().map(|bad| bad.offset);
        let first_good = self.offsets.first().copied();
        [first_bad, first_good, Some(self.next_offset)].into_iter().flatten().min()
    }
}

/// The times of a TIMESTAMP or BIGINT column; -1 for NULL.
fn row_times(column: &ArrayRef) -> ScalarBuffer<i64> {
    let values = match column.as_primitive_opt::<TimestampMillisecondType>() {
        Some(timestamps) => timestamps.values(),
        None => column.as_primitive::<Int64Type>().values(),
    };
    if column.null_count() == 0 {
        return values.clone();
    }
    (0..column.len()).map(|row| if column.is_valid(row) { values[row] } else { -1 }).collect()
}
