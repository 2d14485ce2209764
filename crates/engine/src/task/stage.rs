//! What each operator does to rows, and what comes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, NullArray, UInt32Array};
use arrow_buffer::ScalarBuffer;

use super::TaskOptions;
use super::exchange::{self, Flow};
use super::workers::Job;
use crate::batch::{Batch, KeyColumns, Keys};
use crate::data_type::Type;
use crate::expr::{EvalContext, Expr, RejectedRow, eval_isolated};
use crate::plan::{NodeId, Operator, Topology};
use crate::seam::{DeadLetter, Effects, LATE_ROWS_MAX, LateRow, SinkRows};
use crate::store::{Emitted, Input, Shard, Store, encode_group_keys};

/// Counters of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeStats {
    /// Rows that came.
    pub rows_in: u64,
    /// Rows that went on.
    pub rows_out: u64,
    /// Rows that could not be decoded or evaluated: dead letters.
    pub rejected: u64,
    /// Rows that were dropped because a part of their group key is NULL.
    pub null_keys: u64,
    /// Rows that came too late for their window.
    pub late: u64,
}

impl NodeStats {
    fn add(&mut self, other: NodeStats) {
        self.rows_in += other.rows_in;
        self.rows_out += other.rows_out;
        self.rejected += other.rejected;
        self.null_keys += other.null_keys;
        self.late += other.late;
    }
}

/// What a stage made of the rows of one partition.
#[derive(Debug)]
pub(super) struct StageOutput {
    effects: Effects,
    /// Rows for sinks.
    sinks: Vec<(NodeId, Flow)>,
    /// Rows for aggregates.
    aggregates: BTreeMap<NodeId, Vec<Flow>>,
    stats: Vec<NodeStats>,
}

impl StageOutput {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            effects: Effects::default(),
            sinks: Vec::new(),
            aggregates: BTreeMap::new(),
            stats: vec![NodeStats::default(); nodes],
        }
    }

    /// Counts rows that came to a node.
    pub(super) fn count_in(&mut self, node: NodeId, rows: usize) {
        self.stats[node].rows_in += rows as u64;
    }

    /// Adds it to what the superstep has so far.
    pub(super) fn settle(
        self,
        stats: &mut [NodeStats],
        effects: &mut Effects,
        aggregates: &mut BTreeMap<NodeId, Vec<Flow>>,
    ) {
        for (total, own) in stats.iter_mut().zip(self.stats) {
            total.add(own);
        }
        effects.append(self.effects);
        effects.late.truncate(LATE_ROWS_MAX);
        effects.sinks.extend(self.sinks.into_iter().map(|(node, flow)| SinkRows {
            node,
            keys: flow.batch.keys,
            columns: flow.batch.columns,
            timestamps: flow.batch.timestamps,
        }));
        for (node, flows) in self.aggregates {
            aggregates.entry(node).or_default().extend(flows);
        }
    }
}

/// Results that were given out row by row go to the sinks in the order of the rows that caused them, whatever their key
/// partition: the same for any cut.
pub(super) fn order_by_rank(outputs: &mut [StageOutput]) {
    let mut by_sink: BTreeMap<NodeId, Vec<Flow>> = BTreeMap::new();
    for output in outputs.iter_mut() {
        for (node, flow) in std::mem::take(&mut output.sinks) {
            by_sink.entry(node).or_default().push(flow);
        }
    }
    let Some(first) = outputs.first_mut() else { return };
    for (node, flows) in by_sink {
        let mut whole = Flow::concat(flows);
        if let Some(ranks) = &whole.ranks {
            let mut order: Vec<u32> = (0..whole.rows() as u32).collect();
            order.sort_by_key(|row| ranks[*row as usize]);
            whole = whole.take(&UInt32Array::from(order));
        }
        first.sinks.push((node, whole));
    }
}

/// The rows of a key partition for an aggregate.
pub(super) struct KeyedJob<'a> {
    pub(super) partition: i32,
    pub(super) shard: &'a mut Shard,
    pub(super) input: Flow,
}

impl Job for KeyedJob<'_> {
    fn rows(&self) -> usize {
        self.input.rows()
    }
}

impl Job for (usize, &mut Shard) {
    fn rows(&self) -> usize {
        self.1.dirty()
    }
}

/// True when some reader of a source sits behind an exchange.
pub(super) fn has_exchange(topology: &Topology, source: NodeId) -> bool {
    let exchange = |node: NodeId| matches!(topology.nodes[node].operator, Operator::Exchange(_));
    (0..topology.nodes.len()).any(|node| exchange(node) && topology.source_of(node) == source)
}

/// For each node, which of its columns some reader uses.
pub(super) fn columns_in_use(topology: &Topology) -> Vec<Vec<bool>> {
    let mut used: Vec<Vec<bool>> =
        (0..topology.nodes.len()).map(|node| vec![false; topology.row_types(node).len()]).collect();
    // Readers have larger ids than what they read: one pass from the end settles all.
    for (id, node) in topology.nodes.iter().enumerate().rev() {
        let Some(input) = node.inputs.first().copied() else { continue };
        let own = used[id].clone();
        let mut reads = |exprs: &mut dyn Iterator<Item = &Expr>| {
            for index in exprs.flat_map(|expr| expr.columns()) {
                used[input][index] = true;
            }
        };
        match &node.operator {
            Operator::Source(_) => {}
            Operator::Filter(filter) => reads(&mut std::iter::once(&filter.predicate)),
            Operator::Project(project) => {
                let columns = project.columns.iter().zip(&own).filter(|(_, used)| **used);
                reads(&mut columns.map(|((_, expr), _)| expr));
            }
            Operator::Rekey(rekey) => reads(&mut rekey.columns.iter().map(|(_, expr)| expr)),
            Operator::Exchange(exchange) => reads(&mut exchange.by.iter()),
            Operator::Aggregate(aggregate) => {
                reads(&mut aggregate.group.iter().map(|(_, expr)| expr));
                reads(&mut aggregate.calls.iter().flat_map(|(_, call)| &call.args));
            }
            Operator::ToStream => {}
            Operator::Sink(sink) => {
                for (_, index) in &sink.columns {
                    used[input][*index] = true;
                }
            }
        }
        let passes = matches!(
            node.operator,
            Operator::Filter(_) | Operator::Rekey(_) | Operator::Exchange(_) | Operator::ToStream
        );
        if passes {
            for (input, own) in used[input].iter_mut().zip(own) {
                *input |= own;
            }
        }
    }
    used
}

/// The operators, with what they need to know.
#[derive(Clone, Copy)]
pub(super) struct Stages<'a> {
    pub(super) topology: &'a Topology,
    pub(super) options: &'a TaskOptions,
    /// By node: [`columns_in_use`].
    pub(super) used: &'a [Vec<bool>],
}

impl Stages<'_> {
    /// Runs the readers of a node on rows that it gives.
    pub(super) fn run_from(&self, node: NodeId, mut flow: Flow, context: &EvalContext, output: &mut StageOutput) {
        output.stats[node].rows_out += flow.rows() as u64;
        if flow.rows() == 0 {
            return;
        }
        // Columns that nobody reads are not worth filtering and moving.
        let rows = flow.rows();
        for (column, used) in flow.batch.columns.iter_mut().zip(&self.used[node]) {
            if !used {
                *column = Arc::new(NullArray::new(rows));
            }
        }
        let readers: Vec<NodeId> = self.topology.readers(node).collect();
        if let Some((last, others)) = readers.split_last() {
            for reader in others {
                self.run(*reader, flow.clone(), context, output);
            }
            self.run(*last, flow, context, output);
        }
    }

    fn run(&self, id: NodeId, mut flow: Flow, context: &EvalContext, output: &mut StageOutput) {
        output.stats[id].rows_in += flow.rows() as u64;
        match &self.topology.nodes[id].operator {
            Operator::Source(_) => {}
            Operator::Filter(filter) => {
                let Some(columns) = self.eval(id, &[&filter.predicate], &mut flow, context, output) else { return };
                let keep = columns[0].as_boolean();
                if keep.true_count() < flow.rows() {
                    flow = flow.filter(keep);
                }
            }
            Operator::Project(project) => {
                // What nobody reads is not computed, and cannot fail.
                let used = &self.used[id];
                let wanted: Vec<&Expr> =
                    project.columns.iter().zip(used).filter(|(_, used)| **used).map(|((_, expr), _)| expr).collect();
                let Some(columns) = self.eval(id, &wanted, &mut flow, context, output) else { return };
                let mut columns = columns.into_iter();
                let rows = flow.rows();
                flow.batch.columns = used
                    .iter()
                    .map(|used| {
                        if *used { columns.next() } else { None }.unwrap_or_else(|| Arc::new(NullArray::new(rows)))
                    })
                    .collect();
            }
            Operator::Rekey(rekey) => {
                let exprs: Vec<&Expr> = rekey.columns.iter().map(|(_, expr)| expr).collect();
                let Some(columns) = self.eval(id, &exprs, &mut flow, context, output) else { return };
                let types = exprs.iter().map(|expr| expr.ty()).collect();
                flow.batch.keys = Keys::Columns(KeyColumns { types, columns });
            }
            Operator::Exchange(exchange) => {
                let source = self.topology.source_of(id);
                let partitions = self.options.partitions.get(&source).copied().unwrap_or(1);
                // With one partition there is nowhere to go; the aggregate looks at the keys itself.
                if partitions > 1 {
                    let exprs: Vec<&Expr> = exchange.by.iter().collect();
                    let Some(columns) = self.eval(id, &exprs, &mut flow, context, output) else { return };
                    let columns = drop_null_keys(id, columns, &mut flow, output);
                    let types: Vec<Type> = exprs.iter().map(|expr| expr.ty()).collect();
                    let TaskOptions { key_bytes, partitioner, .. } = self.options;
                    let rows = flow.rows();
                    flow.targets =
                        Some(exchange::targets(&**key_bytes, &**partitioner, &types, &columns, rows, partitions));
                }
            }
            Operator::Aggregate(_) => {
                flow.batch.keys = Keys::None;
                output.aggregates.entry(id).or_default().push(flow);
                return;
            }
            Operator::ToStream => {}
            Operator::Sink(sink) => {
                flow.batch.columns = sink.columns.iter().map(|(_, i)| Arc::clone(&flow.batch.columns[*i])).collect();
                output.stats[id].rows_out += flow.rows() as u64;
                output.sinks.push((id, flow));
                return;
            }
        }
        self.run_from(id, flow, context, output);
    }

    /// Evaluates expressions over the rows of `flow`, which loses the rows that fail. `None` when none is left.
    fn eval(
        &self,
        id: NodeId,
        exprs: &[&Expr],
        flow: &mut Flow,
        context: &EvalContext,
        output: &mut StageOutput,
    ) -> Option<Vec<ArrayRef>> {
        let result = eval_isolated(exprs, &flow.batch.columns, flow.rows(), context);
        for RejectedRow { row, reason } in result.rejected {
            self.reject(id, &flow.batch, row, reason, output);
        }
        if let Some(kept) = result.kept {
            *flow = flow.take(&kept);
        }
        (flow.rows() > 0).then_some(result.columns)
    }

    fn reject(&self, node: NodeId, batch: &Batch, row: usize, reason: String, output: &mut StageOutput) {
        output.stats[node].rejected += 1;
        output.effects.dead_letters.push(DeadLetter {
            node,
            source: self.topology.source_of(node),
            origin: batch.origins.as_ref().map(|origins| (origins.partitions[row], origins.offsets[row])),
            timestamp: batch.timestamps[row],
            reason,
        });
    }

    /// Adds rows to an aggregate's key partition, and runs what comes out through the nodes behind it.
    pub(super) fn run_keyed(
        &self,
        store: &Store,
        job: KeyedJob<'_>,
        version: u64,
        context: &EvalContext,
    ) -> StageOutput {
        let KeyedJob { partition, shard, input: mut flow } = job;
        let mut output = StageOutput::new(self.topology.nodes.len());
        let (id, plan) = (store.node, &store.plan);
        let group = plan.group.iter().map(|(_, expr)| expr);
        let args = plan.calls.iter().flat_map(|(_, call)| &call.args);
        let exprs: Vec<&Expr> = group.chain(args).collect();
        let Some(columns) = self.eval(id, &exprs, &mut flow, context, &mut output) else { return output };
        let columns = drop_null_keys_of(id, columns, plan.group.len(), &mut flow, &mut output);
        let (group, args) = columns.split_at(plan.group.len());
        let mut args = args.iter();
        let args: Vec<Vec<ArrayRef>> =
            plan.calls.iter().map(|(_, call)| args.by_ref().take(call.args.len()).cloned().collect()).collect();
        let keys = if group.is_empty() {
            std::iter::repeat_n(Some(&[][..]), flow.rows()).collect()
        } else {
            encode_group_keys(&plan.group_types(), group, flow.rows())
        };
        let input = Input { keys: &keys, args: &args, timestamps: &flow.batch.timestamps, version };
        let forward_all = self.options.cache_max_bytes == 0;
        let emitted = shard.update(store, partition, input, forward_all);
        output.stats[id].late += emitted.late.len() as u64;
        let origins = flow.batch.origins.as_ref();
        for (row, window_start, stream_time) in emitted.late.iter().take(LATE_ROWS_MAX) {
            let row = *row as usize;
            output.effects.late.push(LateRow {
                node: id,
                partition: origins.map_or(-1, |origins| origins.partitions[row]),
                offset: origins.map_or(-1, |origins| origins.offsets[row]),
                timestamp: flow.batch.timestamps[row],
                window_start: *window_start,
                stream_time: *stream_time,
            });
        }
        for (row, reason) in &emitted.refused {
            self.reject(id, &flow.batch, *row as usize, reason.clone(), &mut output);
        }
        let ranks = (!emitted.causes.is_empty()).then_some(flow.ranks).flatten();
        let ranks = ranks.map(|ranks| emitted.causes.iter().map(|row| ranks[*row as usize]).collect());
        self.emit(id, partition, emitted, ranks, context, &mut output);
        output
    }

    /// Takes out what a key partition coalesced.
    pub(super) fn flush(&self, store: &Store, partition: i32, shard: &mut Shard, context: &EvalContext) -> StageOutput {
        let mut output = StageOutput::new(self.topology.nodes.len());
        let emitted = shard.flush(store, partition);
        self.emit(store.node, partition, emitted, None, context, &mut output);
        output
    }

    fn emit(
        &self,
        id: NodeId,
        partition: i32,
        emitted: Emitted,
        ranks: Option<ScalarBuffer<u32>>,
        context: &EvalContext,
        output: &mut StageOutput,
    ) {
        output.effects.changelog.extend(emitted.changelog);
        if let Some(batch) = emitted.results {
            self.run_from(id, Flow { batch, partition, ranks, targets: None }, context, output);
        }
    }
}

fn drop_null_keys(id: NodeId, columns: Vec<ArrayRef>, flow: &mut Flow, output: &mut StageOutput) -> Vec<ArrayRef> {
    let keys = columns.len();
    drop_null_keys_of(id, columns, keys, flow, output)
}

/// Drops the rows with a NULL among the first `keys` columns, and counts them.
fn drop_null_keys_of(
    id: NodeId,
    columns: Vec<ArrayRef>,
    keys: usize,
    flow: &mut Flow,
    output: &mut StageOutput,
) -> Vec<ArrayRef> {
    if columns[..keys].iter().all(|column| column.null_count() == 0) {
        return columns;
    }
    let complete = |row: &u32| columns[..keys].iter().all(|column| column.is_valid(*row as usize));
    let kept: UInt32Array = (0..flow.rows() as u32).filter(complete).map(Some).collect();
    output.stats[id].null_keys += (flow.rows() - kept.len()) as u64;
    *flow = flow.take(&kept);
    let take = |column: &ArrayRef| arrow_select::take::take(column, &kept, None).expect("indices are within the rows");
    columns.iter().map(take).collect()
}
