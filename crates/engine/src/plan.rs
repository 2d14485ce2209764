//! The plan of a topology: a small graph of operators, in topological order.
//!
//! Owns: what a query is, once bound. Never: executes it (`task` does), knows names of formats or topics beyond passing
//! them through as text.
//!
//! ```text
//! Source ─ Filter ─ Project ─ Exchange ─ Aggregate ─ ToStream ─ Project ─ Rekey ─ Sink
//! └──── once per source partition ────┘└────────── once per key partition ──────────┘
//! ```

use std::fmt;

use crate::aggregate::AggregateCall;
use crate::data_type::{Field, Schema, Type};
use crate::expr::Expr;

/// The index of a node in its topology. Inputs have smaller ids than their readers.
pub type NodeId = usize;

/// Queries that live and commit together: one application id, one group, one transactional id.
#[derive(Debug, Clone, PartialEq)]
pub struct Topology {
    /// The root query's name, from which the application id is made.
    pub root: String,
    /// The nodes, in topological order.
    pub nodes: Vec<Node>,
}

/// One operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// For people, metrics and traces: the stream, table or clause it comes from.
    pub name: String,
    /// The nodes whose rows it reads: none for a source, else one.
    pub inputs: Vec<NodeId>,
    /// What it does.
    pub operator: Operator,
}

/// What a node does with its rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// Reads a topic.
    Source(SourceNode),
    /// Keeps the rows for which the predicate is true.
    Filter(FilterNode),
    /// Computes new columns from the old.
    Project(ProjectNode),
    /// Sets the rows' key from expressions.
    Rekey(RekeyNode),
    /// Sends each row to the key partition of `by`. Left out where the record key already is the grouping key.
    Exchange(ExchangeNode),
    /// Groups and aggregates; its rows are the changes of a table.
    Aggregate(AggregateNode),
    /// A table's changes become a stream; the key stays the table's key.
    ToStream,
    /// Writes to a topic or to whatever the output makes of it.
    Sink(SinkNode),
}

/// A topic that is read.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceNode {
    /// The stream's name in SQL.
    pub stream: String,
    /// The topic.
    pub topic: String,
    /// The value columns that the query reads, decoded by `format`.
    pub schema: Schema,
    /// Columns that follow the value columns and come with the record itself.
    pub metadata: Vec<MetadataColumn>,
    /// Where a record's time comes from.
    pub timestamp: TimestampSource,
    /// Where to start when the group has no offset.
    pub start: Start,
    /// The key's format, opaque here (`text`, `int64`, …).
    pub key_format: String,
    /// The value's format, opaque here.
    pub value_format: String,
}

/// A column that comes with the record, not from its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetadataColumn {
    /// The record's timestamp (TIMESTAMP).
    Timestamp,
    /// The partition (INT).
    Partition,
    /// The offset (BIGINT).
    Offset,
    /// The key's bytes as UTF-8 (TEXT; invalid UTF-8 is replaced).
    Key,
}

impl MetadataColumn {
    /// The column's name in traces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            MetadataColumn::Timestamp => "rowtime",
            MetadataColumn::Partition => "partition",
            MetadataColumn::Offset => "offset",
            MetadataColumn::Key => "key",
        }
    }

    /// The column's type.
    #[must_use]
    pub fn ty(self) -> Type {
        match self {
            MetadataColumn::Timestamp => Type::Timestamp,
            MetadataColumn::Partition => Type::Int,
            MetadataColumn::Offset => Type::BigInt,
            MetadataColumn::Key => Type::Text,
        }
    }
}

/// Where a row's time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampSource {
    /// The record's timestamp.
    Record,
    /// A TIMESTAMP or BIGINT (ms) column of the value, by index in the source's schema. NULL or negative makes a bad
    /// row.
    Column(usize),
}

/// Where a query starts in a partition without a committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record.
    Earliest,
    /// At the end.
    Latest,
}

/// A predicate.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterNode {
    /// BOOLEAN over the input's columns; NULL counts as false.
    pub predicate: Expr,
    /// As the user wrote it, for traces.
    pub text: String,
}

/// New columns.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectNode {
    /// Name and expression of each.
    pub columns: Vec<(String, Expr)>,
}

/// A new key.
#[derive(Debug, Clone, PartialEq)]
pub struct RekeyNode {
    /// The key's columns: one is a primitive key, several a composite one.
    pub columns: Vec<(String, Expr)>,
}

/// Rows change partition.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangeNode {
    /// The grouping columns. A row with a NULL among them is dropped and counted.
    pub by: Vec<Expr>,
    /// The name of the repartition topic where the exchange is lowered to one.
    pub repartition: String,
}

/// Groups, windows and aggregates.
///
/// Its rows have these columns: the group columns, then `window_start` and `window_end` (TIMESTAMP) when windowed, then
/// one per call. The key of a row is the group columns (and the window).
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateNode {
    /// The store's name: its changelog is `<application id>-<store>-changelog`.
    pub store: String,
    /// Name and expression of the group columns; empty: one group of all rows.
    pub group: Vec<(String, Expr)>,
    /// The window; `None`: a running aggregate.
    pub window: Option<Tumble>,
    /// Name and call of each aggregate.
    pub calls: Vec<(String, AggregateCall)>,
    /// When results come out.
    pub emit: Emit,
}

/// A tumbling window `[start, start + size)`, aligned to 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tumble {
    /// Its length.
    pub size_ms: i64,
    /// How long after its end it still takes records, in stream time.
    pub grace_ms: i64,
    /// How long it is kept for reading, at least size + grace.
    pub retention_ms: i64,
}

/// The grace where the user gives none: one minute.
pub const DEFAULT_GRACE_MS: i64 = 60_000;

impl Tumble {
    /// A window of this size with the default grace and retention.
    #[must_use]
    pub fn new(size_ms: i64) -> Self {
        Self::with_grace(size_ms, DEFAULT_GRACE_MS)
    }

    /// A window of this size and grace, kept for size + grace.
    #[must_use]
    pub fn with_grace(size_ms: i64, grace_ms: i64) -> Self {
        Self { size_ms, grace_ms, retention_ms: size_ms.saturating_add(grace_ms) }
    }

    /// The start of the window of a timestamp (not negative).
    #[must_use]
    pub fn start(&self, timestamp_ms: i64) -> i64 {
        timestamp_ms - timestamp_ms.rem_euclid(self.size_ms)
    }
}

/// When an aggregate's results come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emit {
    /// Every change, coalesced per key until the next commit or the cache's bound.
    Changes,
    /// Once per window, when it is closed by stream time.
    Final,
    /// Periodically. Not supported yet: [`Topology::check`] refuses it.
    Every {
        /// The period.
        interval_ms: i64,
    },
}

/// Where rows go.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkNode {
    /// What the output connects it to.
    pub target: SinkTarget,
    /// The value's columns: name and position in the input.
    pub columns: Vec<(String, usize)>,
    /// The key's format, opaque here.
    pub key_format: String,
    /// The value's format, opaque here.
    pub value_format: String,
}

/// What a sink writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkTarget {
    /// A topic.
    Topic(String),
    /// A connector that is no topic (`print`), at least once.
    Connector(String),
}

/// Why a GROUP BY behind another is refused: its key partitions would have no defined order of input.
const GROUP_OF_GROUPS: &str = "a GROUP BY over the rows of another GROUP BY is not supported yet; \
                               write the first one to a topic and group that";

/// Why a plan cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// The graph is not what the engine runs: a fault of whoever made the plan.
    Malformed {
        /// Which node.
        node: NodeId,
        /// What is wrong.
        reason: String,
    },
    /// The plan makes sense, but the engine cannot run it.
    Unsupported {
        /// Which node.
        node: NodeId,
        /// What is not supported, and what to do instead.
        reason: String,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::Malformed { node, reason } => write!(f, "the plan is malformed at node {node}: {reason}"),
            PlanError::Unsupported { reason, .. } => f.write_str(reason),
        }
    }
}

impl std::error::Error for PlanError {}

impl AggregateNode {
    /// The columns of its rows.
    #[must_use]
    pub fn schema(&self) -> Schema {
        let group = self.group.iter().map(|(name, expr)| Field::new(name, expr.ty()));
        let window = self.window.iter().flat_map(|_| ["window_start", "window_end"]);
        let window = window.map(|name| Field::new(name, Type::Timestamp));
        let calls = self.calls.iter().map(|(name, call)| Field::new(name, call.ty));
        group.chain(window).chain(calls).collect()
    }

    /// The types of the group columns.
    #[must_use]
    pub fn group_types(&self) -> Vec<Type> {
        self.group.iter().map(|(_, expr)| expr.ty()).collect()
    }
}

impl SourceNode {
    /// The columns of its rows: value columns, then metadata columns.
    #[must_use]
    pub fn row_types(&self) -> Vec<Type> {
        self.schema.types().into_iter().chain(self.metadata.iter().map(|column| column.ty())).collect()
    }
}

impl Topology {
    /// The types of the columns of a node's rows.
    #[must_use]
    pub fn row_types(&self, node: NodeId) -> Vec<Type> {
        let node = &self.nodes[node];
        match &node.operator {
            Operator::Source(source) => source.row_types(),
            Operator::Project(project) => project.columns.iter().map(|(_, expr)| expr.ty()).collect(),
            Operator::Aggregate(aggregate) => aggregate.schema().types(),
            Operator::Filter(_) | Operator::Rekey(_) | Operator::Exchange(_) | Operator::ToStream => {
                node.inputs.first().map(|input| self.row_types(*input)).unwrap_or_default()
            }
            Operator::Sink(_) => Vec::new(),
        }
    }

    /// The names of the columns of a node's rows. Metadata columns are called `rowtime`, `partition`, `offset` and
    /// `key`.
    #[must_use]
    pub fn row_names(&self, node: NodeId) -> Vec<String> {
        let node = &self.nodes[node];
        match &node.operator {
            Operator::Source(source) => {
                let values = source.schema.fields.iter().map(|field| field.name.clone());
                values.chain(source.metadata.iter().map(|column| column.name().to_owned())).collect()
            }
            Operator::Project(project) => project.columns.iter().map(|(name, _)| name.clone()).collect(),
            Operator::Aggregate(aggregate) => aggregate.schema().fields.into_iter().map(|field| field.name).collect(),
            Operator::Filter(_) | Operator::Rekey(_) | Operator::Exchange(_) | Operator::ToStream => {
                node.inputs.first().map(|input| self.row_names(*input)).unwrap_or_default()
            }
            Operator::Sink(_) => Vec::new(),
        }
    }

    /// The nodes that read a node's rows.
    pub fn readers(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes.iter().enumerate().filter(move |(_, reader)| reader.inputs.contains(&node)).map(|(id, _)| id)
    }

    /// The source above a node (the node itself when it is one).
    #[must_use]
    pub fn source_of(&self, mut node: NodeId) -> NodeId {
        while let Some(input) = self.nodes[node].inputs.first() {
            node = *input;
        }
        node
    }

    /// Refuses what cannot run. Every plan must pass before a task takes it.
    pub fn check(&self) -> Result<(), PlanError> {
        for (id, node) in self.nodes.iter().enumerate() {
            self.check_node(id, node)?;
        }
        Ok(())
    }

    fn check_node(&self, id: NodeId, node: &Node) -> Result<(), PlanError> {
        let malformed = |reason: String| Err(PlanError::Malformed { node: id, reason });
        let unsupported = |reason: &str| Err(PlanError::Unsupported { node: id, reason: reason.to_owned() });
        let wanted = usize::from(!matches!(node.operator, Operator::Source(_)));
        if node.inputs.len() != wanted {
            return malformed(format!("it has {} inputs where {wanted} is wanted", node.inputs.len()));
        }
        if node.inputs.iter().any(|input| *input >= id) {
            return malformed("an input does not come before it".to_owned());
        }
        let input: Vec<Type> = node.inputs.first().map(|input| self.row_types(*input)).unwrap_or_default();
        let check = |expr: &Expr| -> Result<(), PlanError> {
            match expr.columns().into_iter().find(|index| *index >= input.len()) {
                Some(index) => malformed(format!("column {index} of {}", input.len())),
                None => Ok(()),
            }
        };
        match &node.operator {
            Operator::Source(source) => {
                if let TimestampSource::Column(index) = source.timestamp {
                    let ty = source.schema.fields.get(index).map(|field| field.ty);
                    if !matches!(ty, Some(Type::Timestamp | Type::BigInt)) {
                        return malformed(format!("timestamp column {index} is {ty:?}, not TIMESTAMP or BIGINT"));
                    }
                }
            }
            Operator::Filter(filter) => {
                check(&filter.predicate)?;
                if filter.predicate.ty() != Type::Boolean {
                    return malformed(format!("the predicate is {}", filter.predicate.ty()));
                }
            }
            Operator::Project(ProjectNode { columns }) | Operator::Rekey(RekeyNode { columns }) => {
                columns.iter().try_for_each(|(_, expr)| check(expr))?;
            }
            Operator::Exchange(exchange) => {
                exchange.by.iter().try_for_each(check)?;
                if self.is_behind_aggregate(id) {
                    return unsupported(GROUP_OF_GROUPS);
                }
            }
            Operator::ToStream => {}
            Operator::Aggregate(aggregate) => {
                for (_, expr) in &aggregate.group {
                    check(expr)?;
                    if expr.ty() == Type::Object {
                        return unsupported("an OBJECT cannot be a group key; group by a TEXT");
                    }
                }
                for (name, call) in &aggregate.calls {
                    call.args.iter().try_for_each(check)?;
                    if !call.function.is_continuous() {
                        return Err(PlanError::Unsupported {
                            node: id,
                            reason: format!(
                                "`{name}`: {} works in SELECT on a table, not in a continuous query",
                                call.function.name()
                            ),
                        });
                    }
                }
                if let Some(window) = aggregate.window
                    && (window.size_ms <= 0
                        || window.grace_ms < 0
                        || window.retention_ms < window.size_ms.saturating_add(window.grace_ms))
                {
                    return malformed(format!("size, grace and retention do not fit: {window:?}"));
                }
                match aggregate.emit {
                    Emit::Changes => {}
                    Emit::Final if aggregate.window.is_some() => {}
                    Emit::Final => {
                        return unsupported(
                            "EMIT FINAL needs a window: without one no result is ever final; use EMIT CHANGES",
                        );
                    }
                    Emit::Every { .. } => {
                        return unsupported("EMIT EVERY is not supported yet; use EMIT CHANGES and `commit.interval`");
                    }
                }
                if self.is_behind_aggregate(id) {
                    return unsupported(GROUP_OF_GROUPS);
                }
            }
            Operator::Sink(sink) => {
                if let Some((name, index)) = sink.columns.iter().find(|(_, index)| *index >= input.len()) {
                    return malformed(format!("sink column `{name}` is column {index} of {}", input.len()));
                }
            }
        }
        Ok(())
    }

    fn is_behind_aggregate(&self, mut node: NodeId) -> bool {
        while let Some(input) = self.nodes[node].inputs.first() {
            node = *input;
            if matches!(self.nodes[node].operator, Operator::Aggregate(_)) {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests;
