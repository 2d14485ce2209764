//! What has been declared: streams, tables, sinks, generators and endpoints, bound and typed.
//!
//! All kinds share one namespace. The catalogue is plain data: the runtime builds it by replaying the statement log
//! and applying what [`bind`](crate::bind) returns. Never: runs anything, asks a broker.

use std::collections::BTreeMap;

use engine::aggregate::{AggregateCall, SortKey};
use engine::plan::{Emit, Start, Tumble};
use engine::{Expr, Schema, Type, Value};

use crate::ast::{ObjectKind, Statement};

/// Every declared object, by name.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    objects: BTreeMap<String, Object>,
}

impl Catalog {
    /// An empty catalogue.
    pub fn new() -> Self {
        Self::default()
    }

    /// The object of that name.
    pub fn get(&self, name: &str) -> Option<&Object> {
        self.objects.get(name)
    }

    /// All objects, by name.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values()
    }

    /// The objects of one kind, by name.
    pub fn of_kind(&self, kind: ObjectKind) -> impl Iterator<Item = &Object> {
        self.objects().filter(move |object| object.kind() == kind)
    }

    /// Takes a new object, or another form of one that it has.
    pub fn insert(&mut self, object: Object) {
        self.objects.insert(object.name.clone(), object);
    }

    /// Forgets an object.
    pub fn remove(&mut self, name: &str) -> Option<Object> {
        self.objects.remove(name)
    }

    /// The objects that read or write `name`, by name.
    pub fn users_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects().filter(move |object| object.reads() == Some(name) || object.writes() == Some(name))
    }
}

/// One declared object.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// The statement that declared it; [`Statement::text`] is what is logged and shown.
    pub statement: Statement,
    /// What it is.
    pub body: Body,
}

/// What an object is.
#[derive(Debug, Clone)]
pub enum Body {
    /// A stream.
    Stream(Stream),
    /// A table.
    Table(Table),
    /// A sink.
    Sink(Sink),
    /// A generator.
    Generator(Generator),
    /// An endpoint.
    Endpoint(Endpoint),
}

impl Object {
    /// Its kind.
    pub fn kind(&self) -> ObjectKind {
        match &self.body {
            Body::Stream(_) => ObjectKind::Stream,
            Body::Table(_) => ObjectKind::Table,
            Body::Sink(_) => ObjectKind::Sink,
            Body::Generator(_) => ObjectKind::Generator,
            Body::Endpoint(_) => ObjectKind::Endpoint,
        }
    }

    /// The stream or table that it reads.
    pub fn reads(&self) -> Option<&str> {
        match &self.body {
            Body::Stream(stream) => stream.query.as_ref().map(|q| q.input.from.as_str()),
            Body::Table(table) => Some(&table.input.from),
            Body::Sink(sink) => Some(&sink.query.input.from),
            Body::Generator(_) => None,
            Body::Endpoint(endpoint) => endpoint.query.table.as_deref(),
        }
    }

    /// The stream that it writes into by name.
    pub fn writes(&self) -> Option<&str> {
        match &self.body {
            Body::Generator(generator) => Some(&generator.into),
            Body::Endpoint(Endpoint { into: Some(EndpointTarget::Stream(name)), .. }) => Some(name),
            _ => None,
        }
    }

    /// True for what runs continuously over records: it lives in a topology.
    pub fn is_continuous(&self) -> bool {
        match &self.body {
            Body::Stream(stream) => stream.query.is_some(),
            Body::Table(_) | Body::Sink(_) => true,
            Body::Generator(_) | Body::Endpoint(_) => false,
        }
    }

    /// The topic that its records lie in; without one it is no hop.
    pub fn topic(&self) -> Option<&Topic> {
        match &self.body {
            Body::Stream(stream) => stream.topic.as_ref(),
            Body::Table(table) => table.topic.as_ref(),
            _ => None,
        }
    }

    /// The columns that a reader sees, in order.
    pub fn columns(&self) -> Vec<(String, Type)> {
        match &self.body {
            Body::Stream(stream) => stream.columns.iter().map(|c| (c.name.clone(), c.ty)).collect(),
            Body::Table(table) => named(&table.columns),
            Body::Sink(sink) => named(&sink.query.columns),
            Body::Generator(generator) => named(&generator.columns),
            Body::Endpoint(endpoint) => endpoint.query.columns(),
        }
    }
}

fn named(columns: &[(String, Expr)]) -> Vec<(String, Type)> {
    columns.iter().map(|(name, expr)| (name.clone(), expr.ty())).collect()
}

/// Records as they come.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Where its records lie; `None`: they are only handed on inside their topology.
    pub topic: Option<Topic>,
    /// The column that is the record's time, by index; `None`: the record's timestamp.
    pub timestamp: Option<usize>,
    /// Where queries over it start, unless they say otherwise.
    pub start: Start,
    /// The query that makes its records; `None` for a stream that is declared over a topic.
    pub query: Option<StreamQuery>,
    /// Options of that query.
    pub options: QueryOptions,
}

/// A column of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The column's name, and the field's in the record.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// What a missing field becomes: the DEFAULT, or NULL.
    pub default: Value,
    /// Read from the record's key, not from its value.
    pub key: bool,
}

/// A topic and how its records are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// The topic's name.
    pub name: String,
    /// How many partitions it gets if it must be made; `None`: the broker's default.
    pub partitions: Option<i32>,
    /// How keys are written.
    pub key_format: String,
    /// How values are written.
    pub value_format: String,
}

/// What a continuous query reads.
///
/// Expressions of a query are over the columns of its input: for a stream with a topic these are the stream's columns
/// and then [`METADATA`](crate::bind::METADATA), for a stream without one its columns, for a table the rows of its
/// [`AggregateNode`](engine::plan::AggregateNode).
#[derive(Debug, Clone)]
pub struct Input {
    /// The stream or table.
    pub from: String,
    /// WHERE, and its text.
    pub filter: Option<(Expr, String)>,
}

/// A continuous query without aggregates.
#[derive(Debug, Clone)]
pub struct StreamQuery {
    /// What it reads.
    pub input: Input,
    /// The columns that it makes.
    pub columns: Vec<(String, Expr)>,
    /// PARTITION BY; empty: the key stays what it is.
    pub key: Vec<(String, Expr)>,
}

/// Options that every continuous query has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryOptions {
    /// `start`: where to begin without a committed offset.
    pub start: Option<Start>,
    /// `commit.interval`
    pub commit_interval_ms: Option<i64>,
    /// `cache_max_bytes`; 0 forwards every update.
    pub cache_max_bytes: Option<u64>,
}

/// The latest row of each key.
#[derive(Debug, Clone)]
pub struct Table {
    /// What it reads.
    pub input: Input,
    /// Name and expression of the group columns, over the input's columns.
    pub group: Vec<(String, Expr)>,
    /// The group is the record's key already, so that rows need no exchange.
    pub group_is_key: bool,
    /// The window; `None`: a running aggregate.
    pub window: Option<Tumble>,
    /// Name and call of the aggregates, over the input's columns.
    pub calls: Vec<(String, AggregateCall)>,
    /// The table's columns, over its store's rows ([`Table::store_schema`]).
    pub columns: Vec<(String, Expr)>,
    /// When its changes come out.
    pub emit: Emit,
    /// Where its changes are written besides its changelog.
    pub topic: Option<Topic>,
    /// Options of the query.
    pub options: QueryOptions,
}

impl Table {
    /// The rows of its store: group columns, `window_start` and `window_end` if windowed, one column for each call.
    pub fn store_schema(&self) -> Schema {
        self.aggregate_node("").schema()
    }

    /// Its plan node over the columns of the whole input.
    pub fn aggregate_node(&self, store: &str) -> engine::plan::AggregateNode {
        engine::plan::AggregateNode {
            store: store.to_string(),
            group: self.group.clone(),
            window: self.window,
            calls: self.calls.clone(),
            emit: self.emit,
        }
    }
}

/// Where a query's rows leave Millstream.
#[derive(Debug, Clone)]
pub struct Sink {
    /// Its query.
    pub query: StreamQuery,
    /// What they go to: `print`.
    pub connector: String,
    /// How values are written.
    pub value_format: String,
    /// Options of the query.
    pub options: QueryOptions,
}

/// Writes a row into a stream at an interval.
#[derive(Debug, Clone)]
pub struct Generator {
    /// The interval.
    pub every_ms: i64,
    /// The stream that it writes into; that stream has a topic.
    pub into: String,
    /// The stream's value columns, in the stream's order and types.
    pub columns: Vec<(String, Expr)>,
}

/// A path of the web server.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The request's method.
    pub method: Method,
    /// The path, with `{parameters}`.
    pub path: String,
    /// Answers with a stream of events, one each interval; `None`: answers once.
    pub every_ms: Option<i64>,
    /// How rows are written.
    pub value_format: String,
    /// Where the rows go, besides into the answer.
    pub into: Option<EndpointTarget>,
    /// What it computes.
    pub query: PullQuery,
}

/// The methods that an endpoint can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
}

impl Method {
    /// `GET`, `POST`
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

/// Where an endpoint writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointTarget {
    /// A topic, named by a text with `{parameters}` of the request.
    Topic(String),
    /// A declared stream, which has a topic; the query's columns are its columns.
    Stream(String),
}

/// A query that is answered once, from a table's store or from nothing.
#[derive(Debug, Clone)]
pub struct PullQuery {
    /// The table; `None`: one row of values.
    pub table: Option<String>,
    /// WHERE, over the store's rows ([`Table::store_schema`]).
    pub filter: Option<Expr>,
    /// What it yields.
    pub output: PullOutput,
    /// ORDER BY, over the rows that [`PullOutput`] says.
    pub order_by: Vec<SortKey>,
    /// LIMIT
    pub limit: Option<u64>,
}

/// What a pull query yields.
#[derive(Debug, Clone)]
pub enum PullOutput {
    /// A row for each row of the store. Columns and ORDER BY are over the store's rows.
    Rows(Vec<(String, Expr)>),
    /// A row for each group. Columns and ORDER BY are over the group columns and then the calls.
    Groups {
        /// The group columns, over the store's rows. Without any there is exactly one row, even of an empty store.
        group: Vec<(String, Expr)>,
        /// The aggregates, over the store's rows.
        calls: Vec<(String, AggregateCall)>,
        /// The columns.
        columns: Vec<(String, Expr)>,
    },
}

impl PullQuery {
    /// Names and types of its columns.
    pub fn columns(&self) -> Vec<(String, Type)> {
        match &self.output {
            PullOutput::Rows(columns) | PullOutput::Groups { columns, .. } => named(columns),
        }
    }
}
