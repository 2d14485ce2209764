//! What becomes of a record, told after the fact.
//!
//! A traced record is run through the plan again, alone and without effects. What depends on the moment at which it
//! came is remembered: whether it was late (for the last [`LATE_REMEMBERED`] late rows). Expressions with chance or the
//! current time in them may tell another story than they did then.

use std::collections::{HashSet, VecDeque};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};

use super::Task;
use crate::data_type::Value;
use crate::expr::{EvalContext, Expr, eval_isolated};
use crate::plan::{NodeId, Operator};
use crate::seam::{LateRow, SourceBatch};
use crate::store::StoreReader;

/// How many late rows a task remembers for traces.
pub const LATE_REMEMBERED: usize = 16_384;

/// What became of a record on one way through the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The node at which the way ended.
    pub node: NodeId,
    /// What happened there.
    pub outcome: TraceOutcome,
}

/// How a way through the plan ends.
#[derive(Debug, Clone, PartialEq)]
pub enum TraceOutcome {
    /// The record has not been processed yet.
    Pending,
    /// It could not be decoded or evaluated: it is a dead letter.
    Bad {
        /// Why.
        reason: String,
    },
    /// WHERE removed it.
    Filtered {
        /// The predicate, as written.
        predicate: String,
        /// The columns that the predicate reads, with the record's values.
        values: Vec<(String, Value)>,
    },
    /// A part of its group key is NULL.
    NullKey {
        /// The group columns, with the record's values.
        key: Vec<(String, Value)>,
    },
    /// It came when its window was closed.
    Late {
        /// The group columns, with the record's values.
        key: Vec<(String, Value)>,
        /// The window's start and end.
        window: (i64, i64),
        /// The operator's stream time when it came.
        stream_time: i64,
    },
    /// An aggregate counted it.
    Counted {
        /// The group columns, with the record's values.
        key: Vec<(String, Value)>,
        /// The window's start and end; `None` in a running aggregate.
        window: Option<(i64, i64)>,
    },
    /// It reached a sink.
    Passed,
}

/// The last late rows.
#[derive(Debug, Default)]
pub(super) struct LateMemory {
    rows: VecDeque<LateRow>,
    known: HashSet<(NodeId, i32, i64)>,
}

impl LateMemory {
    pub(super) fn remember(&mut self, rows: &[LateRow]) {
        for row in rows {
            if self.rows.len() == LATE_REMEMBERED
                && let Some(oldest) = self.rows.pop_front()
            {
                self.known.remove(&(oldest.node, oldest.partition, oldest.offset));
            }
            if self.known.insert((row.node, row.partition, row.offset)) {
                self.rows.push_back(*row);
            }
        }
    }

    fn find(&self, node: NodeId, partition: i32, offset: i64) -> Option<&LateRow> {
        if !self.known.contains(&(node, partition, offset)) {
            return None;
        }
        self.rows.iter().find(|row| (row.node, row.partition, row.offset) == (node, partition, offset))
    }
}

impl Task {
    /// Tells what became of the one record in `batch` (or of the one bad record), on every way from its source.
    #[must_use]
    pub fn trace(&self, batch: SourceBatch, context: &EvalContext) -> Vec<Trace> {
        let (node, partition) = (batch.node, batch.partition);
        let Some(buffers) = self.sources.get(&node) else { return Vec::new() };
        let (batch, bad) = buffers.rows_of(batch);
        if let Some(bad) = bad.into_iter().next() {
            let pending = buffers.position(partition).is_none_or(|position| bad.offset >= position);
            let outcome = if pending { TraceOutcome::Pending } else { TraceOutcome::Bad { reason: bad.reason } };
            return vec![Trace { node, outcome }];
        }
        let Some(offset) = batch.origins.as_ref().and_then(|origins| origins.offsets.first().copied()) else {
            return Vec::new();
        };
        if buffers.position(partition).is_none_or(|position| offset >= position) {
            return vec![Trace { node, outcome: TraceOutcome::Pending }];
        }
        let mut traces = Vec::new();
        let record = Traced { partition, offset, timestamp: batch.timestamps[0] };
        self.trace_from(node, &batch.columns, record, context, &mut traces);
        traces
    }

    fn trace_from(
        &self,
        node: NodeId,
        columns: &[ArrayRef],
        record: Traced,
        context: &EvalContext,
        traces: &mut Vec<Trace>,
    ) {
        for reader in self.topology.readers(node) {
            match self.trace_node(reader, node, columns, record, context) {
                Ok(columns) => self.trace_from(reader, &columns, record, context, traces),
                Err(outcome) => traces.push(Trace { node: reader, outcome }),
            }
        }
    }

    /// The columns behind a node, or the end of the way.
    fn trace_node(
        &self,
        id: NodeId,
        input: NodeId,
        columns: &[ArrayRef],
        record: Traced,
        context: &EvalContext,
    ) -> Result<Vec<ArrayRef>, TraceOutcome> {
        let eval = |exprs: &[&Expr]| {
            let mut result = eval_isolated(exprs, columns, 1, context);
            match result.rejected.pop() {
                Some(rejected) => Err(TraceOutcome::Bad { reason: rejected.reason }),
                None => Ok(result.columns),
            }
        };
        let values = |named: &[(String, Expr)], columns: &[ArrayRef]| -> Vec<(String, Value)> {
            let cells = named.iter().zip(columns);
            cells.map(|((name, expr), column)| (name.clone(), Value::at(column, expr.ty(), 0))).collect()
        };
        match &self.topology.nodes[id].operator {
            Operator::Source(_) | Operator::Rekey(_) | Operator::Exchange(_) | Operator::ToStream => {
                Ok(columns.to_vec())
            }
            Operator::Sink(_) => Err(TraceOutcome::Passed),
            Operator::Project(project) => eval(&project.columns.iter().map(|(_, expr)| expr).collect::<Vec<_>>()),
            Operator::Filter(filter) => {
                let kept = eval(&[&filter.predicate])?;
                let kept = kept[0].as_boolean();
                if kept.is_valid(0) && kept.value(0) {
                    return Ok(columns.to_vec());
                }
                let names = self.topology.row_names(input);
                let types = self.topology.row_types(input);
                let read = filter.predicate.columns().into_iter();
                let values = read.map(|i| (names[i].clone(), Value::at(&columns[i], types[i], 0))).collect();
                Err(TraceOutcome::Filtered { predicate: filter.text.clone(), values })
            }
            Operator::Aggregate(plan) => {
                let group = plan.group.iter().map(|(_, expr)| expr);
                let args = plan.calls.iter().flat_map(|(_, call)| &call.args);
                let evaluated = eval(&group.chain(args).collect::<Vec<_>>())?;
                let key = values(&plan.group, &evaluated[..plan.group.len()]);
                if key.iter().any(|(_, value)| value.is_null()) {
                    return Err(TraceOutcome::NullKey { key });
                }
                let window = plan.window.map(|window| {
                    let start = window.start(record.timestamp);
                    (start, start.saturating_add(window.size_ms))
                });
                let late = self.late.find(id, record.partition, record.offset);
                Err(match (late, window) {
                    (Some(late), Some(window)) => TraceOutcome::Late { key, window, stream_time: late.stream_time },
                    _ => TraceOutcome::Counted { key, window },
                })
            }
        }
    }

    /// The reader of the store of an aggregate node.
    #[must_use]
    pub fn store_of(&self, node: NodeId) -> Option<StoreReader> {
        self.stores.get(&node).map(|store| StoreReader::new(std::sync::Arc::clone(store)))
    }
}

/// The record that is traced.
#[derive(Debug, Clone, Copy)]
struct Traced {
    partition: i32,
    offset: i64,
    timestamp: i64,
}
