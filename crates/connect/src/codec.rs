//! Records ⇄ columns of a source or sink node, by `format`.

use arrow_array::builder::BinaryBuilder;
use arrow_array::{Array, BinaryArray};
use arrow_buffer::ScalarBuffer;
use engine::Type;
use engine::plan::{NodeId, SinkNode, SourceNode, Topology};
use engine::seam::{BadRecord, Partitioner, SinkRows, SourceBatch};
use format::{Decoder, Encoder, KeyFormat, TimestampText, ValueFormat};
use record::Record;

use crate::seam::ConnectError;

/// Records to the columns of a source node.
#[derive(Debug)]
pub(crate) struct SourceCodec {
    decoder: Decoder,
    types: Vec<Type>,
}

impl SourceCodec {
    pub(crate) fn compile(source: &SourceNode, columns: &[format::Column]) -> Result<Self, ConnectError> {
        let format = value_format(&source.value_format)?;
        let decoder = Decoder::compile(format, columns).map_err(|e| unfit(&source.topic, &e.to_string()))?;
        Ok(Self { decoder, types: source.schema.types() })
    }

    /// The types of the columns.
    pub(crate) fn types(&self) -> &[Type] {
        &self.types
    }

    /// Rows to which records are added one by one; room for `expected`.
    pub(crate) fn rows(&self, expected: usize) -> SourceRows<'_> {
        SourceRows {
            rows: self.decoder.rows(expected),
            timestamps: Vec::with_capacity(expected),
            offsets: Vec::with_capacity(expected),
            keys: None,
            bad: Vec::new(),
        }
    }
}

/// A source batch in the making.
#[derive(Debug)]
pub(crate) struct SourceRows<'c> {
    rows: format::Rows<'c>,
    timestamps: Vec<i64>,
    offsets: Vec<i64>,
    /// From the first record on that has a key.
    keys: Option<BinaryBuilder>,
    bad: Vec<BadRecord>,
}

impl SourceRows<'_> {
    #[inline]
    pub(crate) fn push(&mut self, record: &Record<'_>) {
        if let Err(reason) = self.rows.push(record.value) {
            self.bad.push(BadRecord { offset: record.offset.0, timestamp: record.timestamp.0, reason });
            return;
        }
        self.timestamps.push(record.timestamp.0);
        self.offsets.push(record.offset.0);
        if let Some(keys) = &mut self.keys {
            keys.append_option(record.key);
        } else if let Some(key) = record.key {
            let mut keys = BinaryBuilder::new();
            keys.append_nulls(self.rows.len() - 1);
            keys.append_value(key);
            self.keys = Some(keys);
        }
    }

    /// The caller fills in node, partition, position and bytes.
    pub(crate) fn finish(self) -> SourceBatch {
        let (columns, _) = self.rows.finish();
        SourceBatch {
            node: 0,
            partition: 0,
            columns,
            timestamps: ScalarBuffer::from(self.timestamps),
            offsets: ScalarBuffer::from(self.offsets),
            keys: self.keys.map(|mut keys| keys.finish()),
            bad: self.bad,
            next_offset: 0,
            at_end: false,
            bytes: 0,
        }
    }
}

/// Key bytes → partition, as Kafka's producers do it.
#[derive(Debug)]
pub(crate) struct KeyPartitioner;

impl Partitioner for KeyPartitioner {
    fn partition(&self, key: &[u8], partitions: i32) -> i32 {
        record::partition_of_key(key, partitions)
    }
}

/// Rows of a sink node to records.
#[derive(Debug)]
pub(crate) struct SinkCodec {
    keys: KeyFormat,
    encoder: Encoder,
}

/// Rows as bytes.
pub(crate) struct EncodedRows {
    pub(crate) keys: Option<BinaryArray>,
    partition_by: Option<BinaryArray>,
    pub(crate) values: BinaryArray,
}

impl EncodedRows {
    /// The bytes that choose a row's partition.
    pub(crate) fn partition_key(&self, row: usize) -> Option<&[u8]> {
        let by = self.partition_by.as_ref().or(self.keys.as_ref())?;
        by.is_valid(row).then(|| by.value(row))
    }
}

impl SinkCodec {
    pub(crate) fn compile(topology: &Topology, node: NodeId, sink: &SinkNode) -> Result<Self, ConnectError> {
        let input = topology.nodes[node].inputs.first().map(|input| topology.row_types(*input)).unwrap_or_default();
        let name = &topology.nodes[node].name;
        let columns: Option<Vec<(String, Type)>> =
            sink.columns.iter().map(|(column, at)| Some((column.clone(), *input.get(*at)?))).collect();
        let columns = columns.ok_or_else(|| unfit(name, "a column of the sink is not in its rows"))?;
        let keys = KeyFormat::parse(&sink.key_format)
            .ok_or_else(|| unfit(name, &format!("there is no key format `{}`", sink.key_format)))?;
        let format = value_format(&sink.value_format)?;
        let encoder = Encoder::compile(format, &columns).map_err(|e| unfit(name, &e.to_string()))?;
        Ok(Self { keys, encoder: encoder.with_timestamps(TimestampText::OffsetDateTime) })
    }

    pub(crate) fn encode(&self, rows: &SinkRows) -> EncodedRows {
        let keys = self.keys.encode(&rows.keys);
        let values = self.encoder.encode(&rows.columns, rows.timestamps.len());
        EncodedRows { keys: keys.keys, partition_by: keys.partition_by, values }
    }

    /// One line per row.
    pub(crate) fn lines(&self, rows: &SinkRows, out: &mut Vec<u8>) {
        for row in 0..rows.timestamps.len() {
            if !self.encoder.write_row(out, &rows.columns, row) {
                out.extend_from_slice(b"null");
            }
            out.push(b'\n');
        }
    }
}

fn value_format(name: &str) -> Result<ValueFormat, ConnectError> {
    ValueFormat::parse(name).ok_or_else(|| unfit(name, "there is no such value format"))
}

fn unfit(what: &str, reason: &str) -> ConnectError {
    ConnectError::Query {
        code: "bad_format",
        cause: format!("`{what}`: {reason}"),
        fix: "drop the query and create it with another format".to_owned(),
    }
}
