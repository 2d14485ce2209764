//! Measures the page-event query's own part of the work: filter, group, count per window, flush.
//!
//! `cargo run --release -p engine --example count -- KEYS EVENTS PARTITIONS WORKERS` (default 2 10000000 1 1). Reading
//! and decoding records is not part of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BinaryArray, Int64Array, StringArray};
use arrow_buffer::ScalarBuffer;
use engine::aggregate::AggregateCall;
use engine::plan::{
    AggregateNode, Emit, ExchangeNode, FilterNode, Node, Operator, SinkNode, SinkTarget, SourceNode, Start,
    TimestampSource, Topology, Tumble,
};
use engine::seam::{KeyBytes, Partitioner, SourceBatch};
use engine::{EvalContext, Expr, Field, Schema, Task, TaskOptions, Type, Value};

/// Rows of one batch: about 1 MiB of page events.
const BATCH_ROWS: usize = 12_000;
/// Events between two flushes: a commit interval of 100 ms at a million events a second.
const FLUSH_ROWS: usize = 100_000;

#[derive(Debug)]
struct TextKeys;

impl Partitioner for TextKeys {
    fn partition(&self, key: &[u8], partitions: i32) -> i32 {
        record::partition_of_key(key, partitions)
    }
}

impl KeyBytes for TextKeys {
    fn encode(&self, _types: &[Type], columns: &[ArrayRef]) -> BinaryArray {
        BinaryArray::from(columns[0].as_string::<i32>().clone())
    }

    fn decode(&self, _types: &[Type], _keys: &BinaryArray) -> Result<Vec<ArrayRef>, String> {
        Err("nothing is restored here".to_owned())
    }
}

fn topology() -> Topology {
    let name = || Expr::column(0, Type::Text);
    let text = str::to_owned;
    let predicate = Expr::call(">", vec![Expr::column(1, Type::BigInt), Expr::literal(Value::BigInt(100))]).unwrap();
    let count = AggregateCall::new("count", Vec::new(), Vec::new()).unwrap();
    let operators = vec![
        Operator::Source(SourceNode {
            stream: text("page_events"),
            topic: text("R2"),
            schema: Schema::new(vec![Field::new("name", Type::Text), Field::new("duration", Type::BigInt)]),
            metadata: Vec::new(),
            timestamp: TimestampSource::Record,
            start: Start::Earliest,
            key_format: text("text"),
            value_format: text("json"),
        }),
        Operator::Filter(FilterNode { predicate, text: text("duration > 100") }),
        Operator::Exchange(ExchangeNode { by: vec![name()], repartition: text("page_count") }),
        Operator::Aggregate(AggregateNode {
            store: text("page_count"),
            group: vec![(text("name"), name())],
            window: Some(Tumble::new(5000)),
            calls: vec![(text("visits"), count)],
            emit: Emit::Changes,
        }),
        Operator::ToStream,
        Operator::Sink(SinkNode {
            target: SinkTarget::Topic(text("R4")),
            columns: vec![(text("visits"), 3)],
            key_format: text("text"),
            value_format: text("int64"),
        }),
    ];
    let nodes = operators.into_iter().enumerate().map(|(id, operator)| Node {
        name: format!("{id}"),
        inputs: id.checked_sub(1).into_iter().collect(),
        operator,
    });
    Topology { root: text("page_count"), nodes: nodes.collect() }
}

fn main() {
    let args: Vec<usize> = std::env::args().skip(1).map(|arg| arg.parse().expect("a number")).collect();
    let arg = |i: usize, default| args.get(i).copied().unwrap_or(default);
    let (keys, events, partitions, workers) = (arg(0, 2), arg(1, 10_000_000), arg(2, 1), arg(3, 1));

    let mut random = fastrand::Rng::with_seed(1);
    let mut batches = Vec::new();
    let mut offsets = vec![0_i64; partitions];
    let mut made = 0;
    while made < events {
        let partition = batches.len() % partitions;
        let rows = BATCH_ROWS.min(events - made);
        let names: StringArray = (0..rows).map(|_| Some(format!("P{}", random.usize(0..keys)))).collect();
        let durations: Int64Array = (0..rows).map(|_| Some(random.i64(0..9000))).collect();
        let first = offsets[partition];
        // Ten thousand events a second of event time and partition: windows come and go.
        let time = |offset: i64| offset / 10;
        offsets[partition] += rows as i64;
        batches.push(SourceBatch {
            node: 0,
            partition: partition as i32,
            columns: vec![Arc::new(names), Arc::new(durations)],
            timestamps: (first..first + rows as i64).map(time).collect::<ScalarBuffer<i64>>(),
            offsets: (first..first + rows as i64).collect::<ScalarBuffer<i64>>(),
            keys: None,
            bad: Vec::new(),
            next_offset: first + rows as i64,
            at_end: true,
            bytes: rows * 85,
        });
        made += rows;
    }

    let text = Arc::new(TextKeys);
    let mut options = TaskOptions::new(BTreeMap::from([(0, partitions as i32)]), text.clone(), text);
    options.workers = workers;
    let mut task = Task::new(topology(), options).expect("the plan runs");
    for partition in 0..partitions {
        task.push(SourceBatch::end(0, partition as i32, &[Type::Text, Type::BigInt], 0));
    }
    let context = EvalContext::new(0, 1);
    let (mut rows_out, mut since_flush, mut flushing) = (0, 0, Duration::ZERO);
    let started = Instant::now();
    for round in batches.chunks(partitions) {
        for batch in round {
            since_flush += batch.timestamps.len();
            task.push(batch.clone());
        }
        let mut effects = task.superstep(&context);
        if since_flush >= FLUSH_ROWS {
            since_flush = 0;
            let flush = Instant::now();
            effects.append(task.flush(&context));
            task.committed(task.commit_point());
            flushing += flush.elapsed();
        }
        rows_out += effects.sinks.iter().map(|rows| rows.timestamps.len()).sum::<usize>();
    }
    rows_out += task.flush(&context).sinks.iter().map(|rows| rows.timestamps.len()).sum::<usize>();
    let elapsed = started.elapsed();
    let per_million = elapsed.as_secs_f64() * 1e6 / events as f64;
    let (groups, bytes) = task.stores().map(|store| store.size()).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    println!(
        "{events} events, {keys} keys, {partitions} partitions, {workers} workers: {:.2} s, \
         {per_million:.4} s per million (flushes {:.2} s, {rows_out} rows out), {groups} groups in {} KiB",
        elapsed.as_secs_f64(),
        flushing.as_secs_f64(),
        bytes / 1024
    );

    // Small supersteps: what three records cost.
    let three = |i: usize| {
        let mut batch = batches[0].clone();
        let base = offsets[0] + 3 * i as i64;
        batch.columns = batch.columns.iter().map(|column| column.slice(i % 1000, 3)).collect();
        batch.timestamps = (base..base + 3).map(|offset| offset / 10).collect::<ScalarBuffer<i64>>();
        batch.offsets = (base..base + 3).collect::<ScalarBuffer<i64>>();
        batch.next_offset = base + 3;
        batch
    };
    let small: Vec<SourceBatch> = (0..10_000).map(three).collect();
    let started = Instant::now();
    for batch in small {
        task.push(batch);
        task.superstep(&context);
    }
    println!("a superstep of three records: {:.1} µs", started.elapsed().as_secs_f64() * 1e6 / 10_000.0);
}
