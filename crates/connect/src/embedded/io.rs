//! Sources in, effects out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use arrow_array::builder::BinaryBuilder;
use arrow_array::{Array, BinaryArray};
use broker::{Broker, Partition};
use commitlog::{Isolation, Log, Watch};
use engine::plan::{NodeId, Operator, SinkTarget};
use engine::seam::{ChangelogRows, DeadLetter, Effects, SinkRows, SourceBatch};
use record::{BatchesBuilder, TimestampMs};

use super::letters::{Letter, dead_letter};
use super::{PrintTo, REPLAY_BYTES, deleted};
use crate::codec::{SinkCodec, SourceCodec};
use crate::fetch::{FetchBuffer, FetchError, fetch, fetch_into};
use crate::seam::{
    ConnectError, DeadLetterNote, RestoreRecords, SourcePartition, StageReport, Staged, StagedRecords, TaskIo,
    TopologySpec,
};

/// Bytes that one poll of a partition reads (a batch at least): a superstep's rows should stay in the processor's cache
/// from the file to the groups, and be enough to make its fixed costs small.
const POLL_BYTES_MAX: usize = 256 << 10;

/// A source partition that is read.
struct Reader {
    partition: Arc<Partition>,
    position: i64,
    buffer: FetchBuffer,
}

/// A source node.
struct Source {
    topic: String,
    codec: SourceCodec,
    readers: BTreeMap<i32, Reader>,
}

/// A sink node.
struct Sink {
    target: SinkTarget,
    codec: SinkCodec,
    partitions: i32,
    round_robin: u32,
}

/// Records by topic and partition.
#[derive(Default)]
struct Buffers {
    topics: BTreeMap<String, BTreeMap<i32, BatchesBuilder>>,
    bytes: usize,
}

/// A row for a topic: partition, timestamp, key, value.
type OutRow<'r> = (i32, i64, Option<&'r [u8]>, Option<&'r [u8]>);

impl Buffers {
    /// Appends rows, each to its partition of a topic.
    fn append<'r>(&mut self, topic: &str, rows: impl Iterator<Item = OutRow<'r>>) {
        let (partitions, bytes) = self.partitions(topic);
        for (partition, timestamp, key, value) in rows {
            let records = partitions.entry(partition).or_default();
            let before = records.size_bytes();
            records.push(TimestampMs(timestamp), key, value, []);
            *bytes += records.size_bytes() - before;
        }
    }

    /// Appends a dead letter.
    fn append_letter(&mut self, topic: &str, letter: &Letter) {
        let (partitions, bytes) = self.partitions(topic);
        let records = partitions.entry(0).or_default();
        let before = records.size_bytes();
        let headers = letter.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_deref()));
        records.push(TimestampMs(letter.timestamp), letter.key.as_deref(), letter.value.as_deref(), headers);
        *bytes += records.size_bytes() - before;
    }

    fn partitions(&mut self, topic: &str) -> (&mut BTreeMap<i32, BatchesBuilder>, &mut usize) {
        if !self.topics.contains_key(topic) {
            self.topics.insert(topic.to_owned(), BTreeMap::new());
        }
        (self.topics.get_mut(topic).expect("it was just put there"), &mut self.bytes)
    }
}

/// The half of an open topology that reads sources and buffers effects.
pub(super) struct EmbeddedIo {
    broker: Arc<Broker>,
    spec: TopologySpec,
    sources: BTreeMap<NodeId, Source>,
    sinks: BTreeMap<NodeId, Sink>,
    print: Arc<dyn PrintTo>,
    buffers: Buffers,
    watches: Vec<Watch>,
}

impl EmbeddedIo {
    pub(super) fn new(
        broker: &Arc<Broker>,
        spec: &TopologySpec,
        partitions: &[SourcePartition],
        print: Arc<dyn PrintTo>,
    ) -> Result<Self, ConnectError> {
        let mut sources = BTreeMap::new();
        let mut sinks = BTreeMap::new();
        for (id, node) in spec.topology.nodes.iter().enumerate() {
            match &node.operator {
                Operator::Source(source) => {
                    let mut readers = BTreeMap::new();
                    for at in partitions.iter().filter(|at| at.node == id) {
                        let partition = broker.partition(&at.topic, at.partition).ok_or_else(|| deleted(&at.topic))?;
                        readers.insert(
                            at.partition,
                            Reader { partition, position: at.offset, buffer: FetchBuffer::default() },
                        );
                    }
                    let columns = spec.source_columns.get(&id).map_or(&[][..], Vec::as_slice);
                    let codec = SourceCodec::compile(source, columns)?;
                    sources.insert(id, Source { topic: source.topic.clone(), codec, readers });
                }
                Operator::Sink(sink) => {
                    let partitions = match &sink.target {
                        SinkTarget::Topic(topic) => broker.topic(topic).map_or(1, |info| info.partitions),
                        SinkTarget::Connector(_) => 1,
                    };
                    let codec = SinkCodec::compile(&spec.topology, id, sink)?;
                    sinks.insert(id, Sink { target: sink.target.clone(), codec, partitions, round_robin: 0 });
                }
                _ => {}
            }
        }
        Ok(Self {
            broker: Arc::clone(broker),
            spec: spec.clone(),
            sources,
            sinks,
            print,
            buffers: Buffers::default(),
            watches: Vec::new(),
        })
    }

    fn stage_sink(&mut self, rows: &SinkRows, report: &mut StageReport) -> Result<(), ConnectError> {
        let Some(sink) = self.sinks.get_mut(&rows.node) else { return Ok(()) };
        let count = rows.timestamps.len();
        match sink.target.clone() {
            SinkTarget::Connector(name) => {
                let mut lines = Vec::new();
                sink.codec.lines(rows, &mut lines);
                self.print.print(&lines);
                *report.rows.entry(name).or_insert(0) += count as u64;
            }
            SinkTarget::Topic(topic) => {
                while self.broker.partition(&topic, sink.partitions).is_some() {
                    sink.partitions += 1;
                }
                let encoded = sink.codec.encode(rows);
                let (partitions, round_robin) = (sink.partitions, &mut sink.round_robin);
                let records = (0..count).map(|row| {
                    let partition = match encoded.partition_key(row) {
                        _ if partitions <= 1 => 0,
                        Some(key) => record::partition_of_key(key, partitions),
                        None => {
                            *round_robin = round_robin.wrapping_add(1);
                            (*round_robin % partitions.unsigned_abs()).cast_signed()
                        }
                    };
                    let key = encoded.keys.as_ref().and_then(|keys| value_at(keys, row));
                    (partition, rows.timestamps[row], key, value_at(&encoded.values, row))
                });
                self.buffers.append(&topic, records);
                *report.rows.entry(topic).or_insert(0) += count as u64;
            }
        }
        Ok(())
    }

    fn stage_changelog(&mut self, rows: &ChangelogRows) {
        let topic = self.spec.changelog_topic(&rows.store);
        let records = rows.timestamps.iter().enumerate().map(|(row, timestamp)| {
            (rows.partition, *timestamp, value_at(&rows.keys, row), value_at(&rows.values, row))
        });
        self.buffers.append(&topic, records);
    }

    fn stage_dead_letter(&mut self, letter: DeadLetter, report: &mut StageReport) -> Result<(), ConnectError> {
        let source = self.sources.get(&letter.source);
        let topic = source.map_or_else(String::new, |source| source.topic.clone());
        let note = DeadLetterNote {
            topic,
            origin: letter.origin,
            timestamp: letter.timestamp,
            reason: letter.reason,
            value: None,
        };
        let log: Option<Arc<Log>> = letter
            .origin
            .and_then(|(partition, _)| source?.readers.get(&partition))
            .map(|reader| Arc::clone(reader.partition.log()));
        let (note, letter) = dead_letter(note, log.as_deref());
        let topic = self.spec.dead_letter_topic.clone();
        if self.broker.topic(&topic).is_none() {
            super::ensure_topic(&self.broker, &topic, Some(1), &[])?;
        }
        self.buffers.append_letter(&topic, &letter);
        report.dead_letters.push(note);
        Ok(())
    }
}

fn value_at(array: &BinaryArray, row: usize) -> Option<&[u8]> {
    array.is_valid(row).then(|| array.value(row))
}

impl TaskIo for EmbeddedIo {
    fn restore(&mut self, store: &str, partition: i32, each: &mut RestoreRecords<'_>) -> Result<u64, ConnectError> {
        let topic = self.spec.changelog_topic(store);
        let found = self.broker.partition(&topic, partition).ok_or_else(|| deleted(&topic))?;
        let mut position = found.log().log_start_offset().0;
        let mut count = 0;
        loop {
            let fetched = fetch(found.log(), position, REPLAY_BYTES, Isolation::LastStable)
                .map_err(|e| fetch_error(&topic, partition, &e))?;
            let (mut keys, mut values, mut timestamps) = (BinaryBuilder::new(), BinaryBuilder::new(), Vec::new());
            for record in fetched.records() {
                let record = record.map_err(|e| fetch_error(&topic, partition, &e))?;
                if let Some(key) = record.key {
                    keys.append_value(key);
                    values.append_option(record.value);
                    timestamps.push(record.timestamp.0);
                }
            }
            count += timestamps.len() as u64;
            if !timestamps.is_empty() {
                each(&keys.finish(), &values.finish(), &timestamps).map_err(|reason| ConnectError::Query {
                    code: "bad_changelog",
                    cause: format!("the changelog `{topic}` cannot be restored: {reason}"),
                    fix: "drop the query and create it again, which counts anew".to_owned(),
                })?;
            }
            if fetched.at_end || fetched.next_offset <= position {
                return Ok(count);
            }
            position = fetched.next_offset;
        }
    }

    fn poll(&mut self, node: NodeId, partition: i32, bytes_max: usize) -> Result<SourceBatch, ConnectError> {
        let unknown = || ConnectError::Storage(format!("node {node} has no source partition {partition}"));
        let source = self.sources.get_mut(&node).ok_or_else(unknown)?;
        let known = i32::try_from(source.readers.len()).unwrap_or(i32::MAX);
        if partition == 0 && self.broker.partition(&source.topic, known).is_some() {
            let now = self.broker.topic(&source.topic).map_or(known, |info| info.partitions);
            return Err(ConnectError::Retry(format!(
                "`{}` has got more partitions, {now} instead of {known}: the query is opened again to read them",
                source.topic
            )));
        }
        let reader = source.readers.get_mut(&partition).ok_or_else(unknown)?;
        let log = reader.partition.log();
        if log.is_deleted() {
            return Err(deleted(&source.topic));
        }
        if reader.position == log.last_stable_offset().0 {
            return Ok(SourceBatch::end(node, partition, source.codec.types(), reader.position));
        }
        let bytes_max = bytes_max.min(POLL_BYTES_MAX);
        let buffer = std::mem::take(&mut reader.buffer);
        let fetched = match fetch_into(buffer, log, reader.position, bytes_max, Isolation::LastStable) {
            Err(FetchError::OutOfRange { start, .. }) if reader.position < start => {
                tracing::warn!(
                    topic = source.topic,
                    partition,
                    "records {} to {} were deleted before the query {} read them",
                    reader.position,
                    start - 1,
                    self.spec.application_id
                );
                reader.position = start;
                fetch(log, start, bytes_max, Isolation::LastStable)
            }
            other => other,
        };
        let fetched = fetched.map_err(|e| fetch_error(&source.topic, partition, &e))?;
        let mut rows = source.codec.rows(fetched.records_max());
        fetched.each(|record| rows.push(&record)).map_err(|e| fetch_error(&source.topic, partition, &e))?;
        let mut batch = rows.finish();
        batch.node = node;
        batch.partition = partition;
        batch.next_offset = fetched.next_offset;
        batch.at_end = fetched.at_end;
        batch.bytes = fetched.bytes;
        reader.position = fetched.next_offset;
        reader.buffer = fetched.into_buffer();
        Ok(batch)
    }

    fn read_one(&self, node: NodeId, partition: i32, offset: i64) -> Result<Option<SourceBatch>, ConnectError> {
        let Some(source) = self.sources.get(&node) else { return Ok(None) };
        let Some(reader) = source.readers.get(&partition) else { return Ok(None) };
        let log = reader.partition.log();
        if offset < log.log_start_offset().0 || offset >= log.last_stable_offset().0 {
            return Ok(None);
        }
        let fetched =
            fetch(log, offset, 1, Isolation::LastStable).map_err(|e| fetch_error(&source.topic, partition, &e))?;
        let Some(record) = fetched.records().filter_map(Result::ok).find(|record| record.offset.0 == offset) else {
            return Ok(None);
        };
        let mut rows = source.codec.rows(1);
        rows.push(&record);
        let mut batch = rows.finish();
        batch.node = node;
        batch.partition = partition;
        batch.next_offset = offset + 1;
        Ok(Some(batch))
    }

    fn stage(&mut self, effects: Effects) -> Result<StageReport, ConnectError> {
        let mut report = StageReport::default();
        for rows in &effects.sinks {
            self.stage_sink(rows, &mut report)?;
        }
        for rows in &effects.changelog {
            self.stage_changelog(rows);
        }
        for letter in effects.dead_letters {
            self.stage_dead_letter(letter, &mut report)?;
        }
        Ok(report)
    }

    fn take_staged(&mut self) -> Staged {
        let buffers = std::mem::take(&mut self.buffers);
        let records = buffers.topics.into_iter().flat_map(|(topic, partitions)| {
            partitions.into_iter().map(move |(partition, records)| StagedRecords {
                topic: topic.clone(),
                partition,
                records,
            })
        });
        let records = records.collect();
        Staged { records, offsets: Vec::new() }
    }

    fn staged_bytes(&self) -> usize {
        self.buffers.bytes
    }

    fn watch(&mut self, waker: Waker) {
        let partitions = self.sources.values().flat_map(|source| source.readers.values());
        self.watches = partitions.map(|reader| reader.partition.log().watch(waker.clone())).collect();
    }
}

pub(super) fn fetch_error(topic: &str, partition: i32, error: &FetchError) -> ConnectError {
    match error {
        FetchError::Deleted => deleted(topic),
        FetchError::Storage(reason) => ConnectError::Retry(format!("`{topic}` cannot be read: {reason}")),
        FetchError::OutOfRange { .. } => ConnectError::Query {
            code: "offset_out_of_range",
            cause: format!(
                "partition {partition} of `{topic}`: the query has read further than the log reaches: {error}"
            ),
            fix: "the topic was made anew or cut: drop the query and create it again".to_owned(),
        },
        FetchError::Corrupt { .. } => ConnectError::Query {
            code: "corrupt_topic",
            cause: format!("partition {partition} of `{topic}`: {error}"),
            fix: "restore the file from a copy, or delete the records before the damage and restart".to_owned(),
        },
    }
}
