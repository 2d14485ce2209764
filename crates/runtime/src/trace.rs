//! What became of one record in one query.

use std::collections::BTreeMap;

use engine::plan::Operator;
use engine::task::TraceOutcome as Way;
use serde::Serialize;
use serde_json::Value;

use crate::instance::Instance;
use crate::instant::InstantMs;
use crate::outcome::{ErrorKind, RuntimeError};
use crate::statements::connect_error;
use crate::table_view::json;

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

impl Instance {
    /// What became of a record in a query.
    pub fn trace(&self, query: &str, topic: &str, partition: i32, offset: i64) -> Result<Trace, RuntimeError> {
        let query = self.find_query(query)?;
        let nodes = query.plan.topology.nodes.iter();
        let source = nodes.enumerate().find_map(|(id, node)| match &node.operator {
            Operator::Source(source) if source.topic == topic => Some(id),
            _ => None,
        });
        let not_read = || {
            let reads: Vec<&str> = query.plan.sources.iter().map(|source| source.topic.name.as_str()).collect();
            let cause = format!("`{}` does not read the topic `{topic}`", query.name());
            RuntimeError::new(ErrorKind::Invalid, "bad_parameter", cause).fix(format!("it reads {}", reads.join(", ")))
        };
        let source = source.ok_or_else(not_read)?;
        let found = query.run.trace(source, partition, offset, self.now_ms()).map_err(connect_error)?;
        let unknown = || {
            let cause = format!("partition {partition} of `{topic}` has no record at offset {offset}");
            RuntimeError::new(ErrorKind::NotFound, "unknown_record", cause)
        };
        let (timestamp, ways) = found.ok_or_else(unknown)?;
        let mut trace = Trace {
            query: query.name().to_owned(),
            topic: topic.to_owned(),
            partition,
            offset,
            timestamp: InstantMs(timestamp),
            outcome: TraceOutcome::Pending,
            key: None,
            windows: Vec::new(),
            filter: None,
            reason: None,
        };
        // The root statement's way comes first; what is linked behind it only sees what passed there.
        let Some(way) = ways.into_iter().next() else { return Ok(trace) };
        let grace_ms = query.window_of(way.node).map_or(0, |window| window.grace_ms);
        trace.tell(way.outcome, grace_ms);
        Ok(trace)
    }
}

impl Trace {
    fn tell(&mut self, way: Way, grace_ms: i64) {
        let named = |values: Vec<(String, engine::Value)>| -> BTreeMap<String, Value> {
            values.into_iter().map(|(name, value)| (name, json(&value))).collect()
        };
        let window = |(start, end): (i64, i64)| TraceWindow {
            window_start: InstantMs(start),
            window_end: InstantMs(end),
            late: false,
        };
        match way {
            Way::Pending => self.outcome = TraceOutcome::Pending,
            Way::Bad { reason } => {
                self.outcome = TraceOutcome::Bad;
                self.reason = Some(reason);
            }
            Way::Filtered { predicate, values } => {
                self.outcome = TraceOutcome::Filtered;
                self.filter = Some(TraceFilter { predicate, values: named(values) });
            }
            Way::NullKey { key } => {
                self.outcome = TraceOutcome::NullKey;
                self.key = Some(named(key));
            }
            Way::Late { key, window: bounds, stream_time } => {
                self.outcome = TraceOutcome::Late;
                self.key = Some(named(key));
                self.windows = vec![window(bounds)];
                let late_ms = stream_time.saturating_sub(bounds.1.saturating_add(grace_ms)).max(0);
                let (seconds, tenths) = (late_ms / 1000, late_ms % 1000 / 100);
                self.reason = Some(format!("{seconds}.{tenths} s after the window closed"));
            }
            Way::Counted { key, window: bounds } => {
                self.outcome = TraceOutcome::Counted;
                self.key = Some(named(key));
                self.windows = bounds.into_iter().map(window).collect();
            }
            Way::Passed => self.outcome = TraceOutcome::Passed,
        }
    }
}
