//! Queries, tables, generators, topics, metrics and health as plain data, in the words of `docs/http.md`.
//!
//! Never: measures or decides anything.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::instant::InstantMs;

/// Next offset to read, per topic and partition.
pub type Offsets = BTreeMap<String, BTreeMap<i32, i64>>;

/// One row of a result as JSON values; TIMESTAMP is text.
pub type Row = Vec<Value>;

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// SQL type: `TEXT`, `BIGINT`, `TIMESTAMP` …
    #[serde(rename = "type")]
    pub data_type: String,
    /// What it is for.
    pub role: ColumnRole,
}

/// What a column of a result is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnRole {
    /// Part of the group key.
    Key,
    /// Start of the window.
    WindowStart,
    /// End of the window.
    WindowEnd,
    /// A value.
    Value,
}

/// What kind of object a query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryKind {
    /// A running or windowed aggregate.
    Table,
    /// Stateless.
    Stream,
    /// Writes to the outside.
    Sink,
}

/// Where a query is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryState {
    /// Being set up: topics, group, transactional id.
    Starting,
    /// Reading its changelog.
    Restoring,
    /// Running.
    Running,
    /// Reads, but cannot commit, e.g. because the disk is nearly full; goes on by itself.
    Blocked,
    /// Stopped by an error.
    Failed,
    /// Stopped cleanly.
    Stopped,
}

/// Why a query failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueryError {
    /// Stable name.
    pub code: String,
    /// Cause.
    pub cause: String,
    /// What to do about it.
    pub fix: Option<String>,
}

/// A query's window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WindowInfo {
    /// `tumbling`.
    pub kind: String,
    /// Size.
    pub size_ms: i64,
    /// How long after its end (in stream time) a window still accepts records.
    pub grace_ms: i64,
    /// How long a window is kept.
    pub retention_ms: i64,
}

/// One statement of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatementInfo {
    /// Name of the object.
    pub name: String,
    /// `stream`, `table`, `sink`.
    pub kind: QueryKind,
    /// Its text, placeholders filled.
    pub sql: String,
}

/// One continuous query: a topology with all its statements.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryStatus {
    /// Name: its root statement's.
    pub name: String,
    /// Changes when the query is dropped and created again.
    pub id: String,
    /// The root statement's kind.
    pub kind: QueryKind,
    /// Where it is in its life.
    pub state: QueryState,
    /// Why it failed.
    pub error: Option<QueryError>,
    /// `<instance>-<root query>`: group and transactional id.
    pub application_id: String,
    /// Its statements, root first.
    pub statements: Vec<StatementInfo>,
    /// Topics read.
    pub reads: Vec<String>,
    /// Topics written.
    pub writes: Vec<String>,
    /// Topic of its dead letters.
    pub dead_letters: String,
    /// Columns of the root statement.
    pub columns: Vec<Column>,
    /// The root statement's window.
    pub window: Option<WindowInfo>,
    /// The root statement's WHERE.
    pub filter: Option<String>,
    /// Figures of this run.
    pub facts: Facts,
}

/// Figures of a query, all of this run unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Facts {
    /// Largest timestamp that reached the aggregate.
    pub stream_time: Option<InstantMs>,
    /// An `idle_timeout` was set and has passed.
    pub idle: bool,
    /// From the newest processed record's timestamp to the moment when it was processed.
    pub delay_ms: Option<i64>,
    /// Records read.
    pub records: u64,
    /// Records read a second, over the last five.
    pub records_per_second: f64,
    /// Rows written to topics and sinks.
    pub records_out: u64,
    /// Rows written a second, over the last five.
    pub records_out_per_second: f64,
    /// Removed by WHERE.
    pub filtered: u64,
    /// Dropped because their window was closed.
    pub late: u64,
    /// Could not be decoded or evaluated; kept in the dead letters.
    pub bad: u64,
    /// Dropped for a NULL group key.
    pub null_keys: u64,
    /// Records not read yet, all partitions.
    pub lag: i64,
    /// Bytes of state, estimated.
    pub state_bytes: u64,
    /// Rows of state.
    pub state_keys: u64,
    /// Next offsets to read.
    pub offsets: Offsets,
    /// Transactions committed.
    pub commits: u64,
    /// When a row last changed.
    pub last_update: Option<InstantMs>,
    /// The newest bad record.
    pub last_bad: Option<BadRecord>,
    /// The newest late record.
    pub last_late: Option<LateRecord>,
}

/// A record that could not be decoded or evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadRecord {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Timestamp.
    pub timestamp: InstantMs,
    /// Why.
    pub reason: String,
    /// Its value as text, cut at 256 characters.
    pub value: Option<String>,
}

/// A record that came after its window was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LateRecord {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Timestamp.
    pub timestamp: InstantMs,
    /// Stream time minus (window end + grace).
    pub late_by_ms: i64,
}

/// What a look at a table may show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// The last superstep.
    #[default]
    Latest,
    /// The last commit.
    Committed,
}

/// A table as it is: a pull query's answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableResult {
    /// The table.
    pub table: String,
    /// Last superstep or last commit.
    pub isolation: Isolation,
    /// Wall clock of the answer.
    pub time: InstantMs,
    /// Stream time.
    pub stream_time: Option<InstantMs>,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows by window start, then key.
    pub rows: Vec<Row>,
    /// The rows are exactly those that these offsets give.
    pub offsets: Offsets,
    /// Whether `limit` cut rows off.
    pub truncated: bool,
}

/// A generator.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GeneratorStatus {
    /// Name.
    pub name: String,
    /// The statement, placeholders filled.
    pub sql: String,
    /// The topic that it writes.
    pub topic: String,
    /// One event each.
    pub every_ms: f64,
    /// What it does now.
    pub state: GeneratorState,
    /// Why it is blocked.
    pub reason: Option<String>,
    /// Events written in this run.
    pub records: u64,
    /// Events a second, over the last five.
    pub records_per_second: f64,
    /// When it last wrote.
    pub last: Option<InstantMs>,
}

/// What a generator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GeneratorState {
    /// Writes.
    Running,
    /// Paused by its user.
    Paused,
    /// Cannot write, e.g. because the disk is full; goes on by itself.
    Blocked,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopicStatus {
    /// Name.
    pub name: String,
    /// Kafka's topic id (base64).
    pub id: String,
    /// Kafka's or Millstream's own: offsets, changelogs, the statement log.
    pub internal: bool,
    /// The query whose dead letters it holds.
    pub dead_letters_of: Option<String>,
    /// Its partitions.
    pub partitions: Vec<PartitionStatus>,
    /// Σ (end − start).
    pub records: i64,
    /// Offsets a second, over the last five seconds.
    pub records_per_second: f64,
    /// Key format by the catalogue.
    pub key_format: Option<String>,
    /// Value format by the catalogue.
    pub value_format: Option<String>,
    /// Its newest record.
    pub newest: Option<TopicRecord>,
}

/// One partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// Partition.
    pub partition: i32,
    /// First offset that is still there.
    pub start_offset: i64,
    /// High watermark.
    pub end_offset: i64,
    /// What cannot be read, as far as it is known.
    pub damaged: Vec<DamagedOffsets>,
}

/// A range of offsets whose bytes do not check out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DamagedOffsets {
    /// The first offset that cannot be read.
    pub first_offset: i64,
    /// The first offset behind it.
    pub next_offset: i64,
    /// The segment's file.
    pub file: String,
    /// Where the bad bytes begin in it.
    pub position: u64,
}

/// One record of a topic, made readable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopicRecord {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Timestamp.
    pub timestamp: InstantMs,
    /// Key.
    pub key: Value,
    /// How the key was read.
    pub key_format: Option<&'static str>,
    /// Value.
    pub value: Value,
    /// How the value was read: `json`, `text`, `int64`, `bytes` (base64); `None`: null.
    pub value_format: Option<&'static str>,
    /// Headers in order.
    pub headers: Vec<RecordHeader>,
    /// Whether the value was cut.
    pub truncated: bool,
}

/// A record's header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordHeader {
    /// Name.
    pub name: String,
    /// Value as text (base64 where it is none).
    pub value: Option<String>,
}

/// Which records of a topic to show.
#[derive(Clone, Copy, Debug)]
pub struct BrowseOptions {
    /// Only this partition; every one when `None`.
    pub partition: Option<i32>,
    /// From this offset upwards; negative: that many before the end.
    pub offset: i64,
    /// Instead of `offset`: from the first offset whose timestamp is at least this; older records are left out.
    pub from_ms: Option<i64>,
    /// Records with this timestamp or a later one are left out.
    pub to_ms: Option<i64>,
    /// At most so many records in all.
    pub limit: usize,
}

impl Default for BrowseOptions {
    fn default() -> Self {
        Self { partition: None, offset: -20, from_ms: None, to_ms: None, limit: 20 }
    }
}

/// Records of a topic by timestamp, partition, offset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Browsed {
    /// Topic.
    pub topic: String,
    /// Records that `read_committed` sees.
    pub records: Vec<TopicRecord>,
    /// Per partition, where to go on.
    pub next: BTreeMap<i32, i64>,
}

/// A record to write by `POST /v1/topics/{t}/records` or the console.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewRecord {
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes.
    pub value: Option<Vec<u8>>,
    /// Partition; by key (murmur2) or round robin when `None`.
    pub partition: Option<i32>,
    /// Timestamp; now when `None`.
    pub timestamp_ms: Option<i64>,
    /// Headers.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Where a record was written; it is durable there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrittenRecord {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Timestamp.
    pub timestamp: InstantMs,
}

/// How a metric's samples are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One metric with all its samples, ready for Prometheus' text format.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metric {
    /// Name, e.g. `millstream_query_records_total`.
    pub name: String,
    /// One line.
    pub help: String,
    /// Counter or gauge.
    pub kind: MetricKind,
    /// Samples.
    pub samples: Vec<Sample>,
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Label names and values.
    pub labels: Vec<(String, String)>,
    /// Value.
    pub value: f64,
}

/// Whether the instance is ready, and each thing that this hangs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// All checks are ok.
    pub ready: bool,
    /// `broker`, `queries`, `storage`.
    pub checks: Vec<HealthCheck>,
}

/// One thing that readiness hangs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// Name.
    pub name: &'static str,
    /// Whether it is fine.
    pub ok: bool,
    /// Why not.
    pub detail: Option<String>,
}
