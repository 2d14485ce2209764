//! What became of one record in one query.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::instant::InstantMs;

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// The query that was asked.
    pub query: String,
    /// Topic of the record.
    pub topic: String,
    /// Partition of the record.
    pub partition: i32,
    /// Offset of the record.
    pub offset: i64,
    /// Timestamp of the record.
    pub timestamp: InstantMs,
    /// What became of it.
    pub outcome: TraceOutcome,
    /// Group key columns and values.
    pub key: Option<BTreeMap<String, Value>>,
    /// Windows that it belongs to.
    pub windows: Vec<TraceWindow>,
    /// What removed it.
    pub filter: Option<TraceFilter>,
    /// Why it is late or bad, in words.
    pub reason: Option<String>,
}

/// What became of a record, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceOutcome {
    /// Counted.
    Counted,
    /// Removed by WHERE.
    Filtered,
    /// Its window was closed.
    Late,
    /// A group key was NULL.
    NullKey,
    /// It could not be decoded or evaluated; it is in the dead letters.
    Bad,
    /// A stateless query forwarded it.
    Passed,
    /// Not processed yet.
    Pending,
}

/// A window of a traced record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TraceWindow {
    /// Start.
    pub window_start: InstantMs,
    /// End.
    pub window_end: InstantMs,
    /// The window had already ended when the record came.
    pub late: bool,
}

/// What removed a traced record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceFilter {
    /// The predicate's text.
    pub predicate: String,
    /// The columns that it reads, with the record's values.
    pub values: BTreeMap<String, Value>,
}
