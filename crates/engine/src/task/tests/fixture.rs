//! A counted stream of (name TEXT, duration BIGINT), and its rows as data.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, Int64Array, StringArray};
use arrow_buffer::ScalarBuffer;

use crate::aggregate::AggregateCall;
use crate::batch::Keys;
use crate::data_type::{Field, Schema, Type, Value};
use crate::expr::{EvalContext, Expr};
use crate::plan::*;
use crate::seam::{ChangelogRows, Effects, KeyBytes, Partitioner, SourceBatch};
use crate::task::{Task, TaskOptions};

/// TEXT keys are their bytes.
#[derive(Debug)]
pub(super) struct TextKeys;

impl Partitioner for TextKeys {
    fn partition(&self, key: &[u8], partitions: i32) -> i32 {
        record::partition_of_key(key, partitions)
    }
}

impl KeyBytes for TextKeys {
    fn encode(&self, types: &[Type], columns: &[ArrayRef]) -> BinaryArray {
        assert_eq!(types, [Type::Text]);
        BinaryArray::from(columns[0].as_string::<i32>().clone())
    }

    fn decode(&self, types: &[Type], keys: &BinaryArray) -> Result<Vec<ArrayRef>, String> {
        assert_eq!(types, [Type::Text]);
        let texts = keys.iter().map(|key| key.map(|key| str::from_utf8(key).map_err(|error| error.to_string())));
        let texts = texts.map(Option::transpose).collect::<Result<StringArray, String>>()?;
        Ok(vec![Arc::new(texts)])
    }
}

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) name: Option<&'static str>,
    pub(super) duration: Option<i64>,
}

/// Records of partition 0 from `name@timestamp=duration`; `-` is NULL, a missing duration is 1000.
pub(super) fn records(text: &'static str) -> Vec<Record> {
    text.split_whitespace()
        .enumerate()
        .map(|(offset, record)| {
            let (name, rest) = record.split_once('@').unwrap();
            let (timestamp, duration) = rest.split_once('=').unwrap_or((rest, "1000"));
            Record {
                partition: 0,
                offset: offset as i64,
                timestamp: timestamp.parse().unwrap(),
                name: (name != "-").then_some(name),
                duration: duration.parse().ok(),
            }
        })
        .collect()
}

/// A source batch of records of one partition.
pub(super) fn batch(partition: i32, records: &[Record], next_offset: i64, at_end: bool) -> SourceBatch {
    let names: StringArray = records.iter().map(|record| record.name).collect();
    let durations: Int64Array = records.iter().map(|record| record.duration).collect();
    SourceBatch {
        node: 0,
        partition,
        columns: vec![Arc::new(names), Arc::new(durations)],
        timestamps: records.iter().map(|record| record.timestamp).collect::<ScalarBuffer<i64>>(),
        offsets: records.iter().map(|record| record.offset).collect::<ScalarBuffer<i64>>(),
        keys: None,
        bad: Vec::new(),
        next_offset,
        at_end,
        bytes: records.len() * 50,
    }
}

/// What a test's query looks like.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) window: Option<Tumble>,
    pub(super) emit: Emit,
    pub(super) filter: Option<i64>,
    pub(super) exchange: bool,
    pub(super) calls: Vec<&'static str>,
}

impl Query {
    /// Counts per name.
    pub(super) fn counts(window: Option<Tumble>) -> Self {
        Self { window, emit: Emit::Changes, filter: None, exchange: false, calls: vec!["count"] }
    }

    pub(super) fn topology(&self) -> Topology {
        let mut nodes = vec![Node {
            name: "events".to_owned(),
            inputs: Vec::new(),
            operator: Operator::Source(SourceNode {
                stream: "events".to_owned(),
                topic: "R2".to_owned(),
                schema: Schema::new(vec![Field::new("name", Type::Text), Field::new("duration", Type::BigInt)]),
                metadata: Vec::new(),
                timestamp: TimestampSource::Record,
                start: Start::Earliest,
                key_format: "text".to_owned(),
                value_format: "json".to_owned(),
            }),
        }];
        let mut then = |name: &str, operator| {
            let inputs = vec![nodes.len() - 1];
            nodes.push(Node { name: name.to_owned(), inputs, operator });
        };
        let name = || Expr::column(0, Type::Text);
        let duration = || Expr::column(1, Type::BigInt);
        if let Some(min) = self.filter {
            let predicate = Expr::call(">", vec![duration(), Expr::literal(Value::BigInt(min))]).unwrap();
            then("where", Operator::Filter(FilterNode { predicate, text: format!("duration > {min}") }));
        }
        if self.exchange {
            then("exchange", Operator::Exchange(ExchangeNode { by: vec![name()], repartition: "r".to_owned() }));
        }
        let call = |call: &&str| match *call {
            "count" => AggregateCall::new("count", Vec::new(), Vec::new()).unwrap(),
            other => AggregateCall::new(other, vec![duration()], Vec::new()).unwrap(),
        };
        let aggregate = AggregateNode {
            store: "counts".to_owned(),
            group: vec![("name".to_owned(), name())],
            window: self.window,
            calls: self.calls.iter().map(|name| ((*name).to_owned(), call(name))).collect(),
            emit: self.emit,
        };
        let columns = aggregate.schema().fields.into_iter().enumerate().map(|(i, field)| (field.name, i)).collect();
        then("counts", Operator::Aggregate(aggregate));
        then("stream", Operator::ToStream);
        then(
            "sink",
            Operator::Sink(SinkNode {
                target: SinkTarget::Topic("R4".to_owned()),
                columns,
                key_format: "text".to_owned(),
                value_format: "json".to_owned(),
            }),
        );
        Topology { root: "counts".to_owned(), nodes }
    }

    pub(super) fn task(&self, partitions: i32, cache_max_bytes: usize, workers: usize) -> Task {
        let mut options = TaskOptions::new(BTreeMap::from([(0, partitions)]), Arc::new(TextKeys), Arc::new(TextKeys));
        options.cache_max_bytes = cache_max_bytes;
        options.workers = workers;
        Task::new(self.topology(), options).unwrap()
    }
}

pub(super) fn context() -> EvalContext {
    EvalContext::new(0, 7)
}

/// The sink's rows as text: `name[start]: value, value @timestamp`.
pub(super) fn rows(effects: &Effects) -> Vec<String> {
    let mut out = Vec::new();
    for rows in &effects.sinks {
        for row in 0..rows.timestamps.len() {
            let (name, start) = match &rows.keys {
                Keys::Columns(key) => (key.row(row)[0].to_string(), String::new()),
                Keys::Windowed { key, window_starts, .. } => {
                    (key.row(row)[0].to_string(), format!("[{}]", window_starts[row]))
                }
                other => panic!("{other:?}"),
            };
            let first = if start.is_empty() { 1 } else { 3 };
            let values: Vec<String> = rows.columns[first..].iter().map(|column| cell(column, row)).collect();
            out.push(format!("{name}{start}: {} @{}", values.join(", "), rows.timestamps[row]));
        }
    }
    out
}

fn cell(column: &ArrayRef, row: usize) -> String {
    let ty = match column.data_type() {
        arrow_schema::DataType::Float64 => Type::Double,
        _ => Type::BigInt,
    };
    Value::at(column, ty, row).to_string()
}

/// A changelog that a test keeps.
#[derive(Debug, Default, Clone)]
pub(super) struct KeptChangelog {
    pub(super) rows: Vec<(i32, Vec<u8>, Vec<u8>, i64)>,
}

impl KeptChangelog {
    pub(super) fn append(&mut self, changelog: &[ChangelogRows]) {
        for rows in changelog {
            for row in 0..rows.timestamps.len() {
                let (key, value) = (rows.keys.value(row).to_vec(), rows.values.value(row).to_vec());
                self.rows.push((rows.partition, key, value, rows.timestamps[row]));
            }
        }
    }

    pub(super) fn restore(&self, task: &mut Task, partition: i32) {
        let (mut keys, mut values, mut times) = (BinaryBuilder::new(), BinaryBuilder::new(), Vec::new());
        for (_, key, value, time) in self.rows.iter().filter(|(p, ..)| *p == partition) {
            keys.append_value(key);
            values.append_value(value);
            times.push(*time);
        }
        task.restore_changelog("counts", partition, &keys.finish(), &values.finish(), &times).unwrap();
    }
}
