//! What a text says, before anyone knows whether its names exist.
//!
//! Every node keeps its span, so that the binder's errors point at what the user wrote. Never: holds a resolved name
//! or a type that the engine computes with.

use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Source, Span};

/// One statement.
#[derive(Debug, Clone)]
pub struct Statement {
    /// What it says.
    pub kind: StatementKind,
    /// Where it stands in `source`.
    pub span: Span,
    /// The text it was cut from.
    pub source: Arc<Source>,
    /// The statement on one line as the user wrote it, comments dropped, settings filled in; reads back with
    /// [`parse_canonical`](crate::parse_canonical). This is what is shown and logged.
    pub text: String,
    /// The form in which declarations are compared: like `text`, with names folded and blanks made even.
    pub canonical: String,
}

impl Statement {
    /// An error that points into this statement.
    pub fn error(&self, span: Span, code: Code, cause: impl Into<String>, fix: impl Into<String>) -> Diagnostic {
        Diagnostic::error(&self.source, span, code, cause, fix)
    }
}

/// What a statement says.
#[derive(Debug, Clone)]
pub enum StatementKind {
    /// `CREATE STREAM|TABLE|SINK|GENERATOR|ENDPOINT`
    Create(Create),
    /// `DROP STREAM|TABLE|SINK|GENERATOR|ENDPOINT [IF EXISTS] name [DELETE TOPIC]`
    Drop {
        /// The kind that the statement names.
        kind: ObjectKind,
        /// The object.
        name: Ident,
        /// Nothing happens when there is no such object.
        if_exists: bool,
        /// The object's topic goes too.
        delete_topic: bool,
    },
    /// `INSERT INTO stream [(columns)] VALUES (…), …`
    Insert {
        /// The stream.
        into: Ident,
        /// The columns that the values are for; empty for all, in order.
        columns: Vec<Ident>,
        /// The rows.
        rows: Vec<Vec<Expr>>,
    },
    /// `SHOW STREAMS|TABLES|SINKS|GENERATORS|ENDPOINTS|QUERIES|TOPICS`
    Show(Show),
    /// `DESCRIBE name`
    Describe(Ident),
    /// `SELECT …` over a table: answered once, from its store.
    Select(Select),
    /// `EXPLAIN statement or name`
    Explain(Box<StatementKind>),
}

/// The kinds of object that a text can declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKind {
    /// Records as they come.
    Stream,
    /// The latest row of each key.
    Table,
    /// Where a query's rows leave Millstream.
    Sink,
    /// Writes rows into a stream at an interval.
    Generator,
    /// A path of the web server.
    Endpoint,
}

impl ObjectKind {
    /// `stream`, `table` …
    pub fn name(self) -> &'static str {
        match self {
            ObjectKind::Stream => "stream",
            ObjectKind::Table => "table",
            ObjectKind::Sink => "sink",
            ObjectKind::Generator => "generator",
            ObjectKind::Endpoint => "endpoint",
        }
    }

    /// `a stream`, `an endpoint` …
    pub fn with_article(self) -> &'static str {
        match self {
            ObjectKind::Stream => "a stream",
            ObjectKind::Table => "a table",
            ObjectKind::Sink => "a sink",
            ObjectKind::Generator => "a generator",
            ObjectKind::Endpoint => "an endpoint",
        }
    }
}

/// What `SHOW` lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Declared objects of one kind.
    Objects(ObjectKind),
    /// Running queries.
    Queries,
    /// Topics of the broker.
    Topics,
}

/// `CREATE kind name [(columns)] [WITH (options)] [INTO …] [AS SELECT …]`
#[derive(Debug, Clone)]
pub struct Create {
    /// What is created.
    pub kind: ObjectKind,
    /// Its name.
    pub name: Ident,
    /// Nothing happens when the name exists.
    pub if_not_exists: bool,
    /// Declared columns; `None` without a column list.
    pub columns: Option<Vec<ColumnDef>>,
    /// `WITH (…)`.
    pub options: Vec<OptionDef>,
    /// Where `INTO` says that rows go.
    pub into: Option<Target>,
    /// The query after `AS`.
    pub query: Option<Select>,
}

/// What follows `INTO`.
#[derive(Debug, Clone)]
pub enum Target {
    /// `INTO stream`
    Object(Ident),
    /// `INTO TOPIC '{topic}'`: a topic's name, with `{parameters}` of the request.
    Topic {
        /// The template.
        template: String,
        /// Where it stands.
        span: Span,
    },
}

/// A name; folded to lower case unless it was quoted.
#[derive(Debug, Clone)]
pub struct Ident {
    /// The name.
    pub text: String,
    /// It was written in double quotes.
    pub quoted: bool,
    /// Where it stands.
    pub span: Span,
    /// The name as it was written, before folding.
    pub written: String,
}

/// A declared column.
#[derive(Debug, Clone)]
pub struct ColumnDef {
    /// The column's name, which is the field's name in the record.
    pub name: Ident,
    /// Its type.
    pub data_type: DataType,
    /// Where the type stands.
    pub type_span: Span,
    /// What a missing field becomes.
    pub default: Option<Expr>,
    /// The column is read from the record's key.
    pub key: bool,
}

/// The types that a text can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    /// `BOOLEAN`
    Boolean,
    /// `INTEGER`, 32 bits
    Int,
    /// `BIGINT`, 64 bits
    BigInt,
    /// `DOUBLE PRECISION`
    Double,
    /// `TEXT`
    Text,
    /// `BYTEA`
    Bytes,
    /// `TIMESTAMP`: an instant, in milliseconds
    Timestamp,
}

/// One `name = value` of `WITH (…)`.
#[derive(Debug, Clone)]
pub struct OptionDef {
    /// The option, dots included.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// Its value.
    pub value: OptionValue,
    /// Where the value stands.
    pub value_span: Span,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    /// `'…'`
    Text(String),
    /// `5`
    Number(String),
    /// `true`
    Boolean(bool),
    /// `INTERVAL '5 seconds'`, in milliseconds
    Interval(i64),
}

/// A query.
#[derive(Debug, Clone)]
pub struct Select {
    /// From SELECT to the last token.
    pub span: Span,
    /// What it yields.
    pub items: Vec<SelectItem>,
    /// What it reads; `None` for a query of values only.
    pub from: Option<FromClause>,
    /// `WHERE`
    pub filter: Option<Expr>,
    /// `GROUP BY`
    pub group_by: Vec<Expr>,
    /// `HAVING`
    pub having: Option<Expr>,
    /// `PARTITION BY`: the output key.
    pub partition_by: Vec<Expr>,
    /// `ORDER BY`
    pub order_by: Vec<OrderBy>,
    /// `LIMIT`
    pub limit: Option<(u64, Span)>,
    /// `EMIT …`
    pub emit: Option<(Emit, Span)>,
}

/// One item of the select list.
#[allow(clippy::large_enum_variant, reason = "select lists are short and seldom moved")]
#[derive(Debug, Clone)]
pub enum SelectItem {
    /// `*`
    All(Span),
    /// `expression [AS name]`
    Expr {
        /// The expression.
        expr: Expr,
        /// Its name in the result.
        alias: Option<Ident>,
    },
}

/// What a query reads.
#[derive(Debug, Clone)]
pub struct FromClause {
    /// The stream or table.
    pub name: Ident,
    /// The window of `TUMBLE(name, INTERVAL '…')`.
    pub window: Option<Tumble>,
    /// Another name for it.
    pub alias: Option<Ident>,
    /// All of it.
    pub span: Span,
}

/// `TUMBLE(…, INTERVAL '…')`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tumble {
    /// The width of a window.
    pub size_ms: i64,
    /// Where the width stands.
    pub size_span: Span,
}

/// When a table's rows come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emit {
    /// Each change, once per commit and key.
    Changes,
    /// Once, when the window is over.
    Final,
    /// The current rows, at an interval.
    Every {
        /// The interval.
        every_ms: i64,
    },
}

/// One key of `ORDER BY`.
#[derive(Debug, Clone)]
pub struct OrderBy {
    /// What to sort by.
    pub expr: Expr,
    /// Largest first.
    pub descending: bool,
    /// NULLs before everything else; PostgreSQL's default is last when ascending, first when descending.
    pub nulls_first: bool,
}

/// An expression.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// What an expression is.
#[derive(Debug, Clone)]
pub enum ExprKind {
    /// `column` or `stream.column`
    Column {
        /// The stream's or table's name, if given.
        qualifier: Option<Ident>,
        /// The column's.
        name: Ident,
    },
    /// `NULL`
    Null,
    /// `TRUE`, `FALSE`
    Boolean(bool),
    /// A number, as written.
    Number(String),
    /// `'…'`
    Text(String),
    /// `TIMESTAMP '…'`, as written
    Timestamp(String),
    /// `INTERVAL '…'`, in milliseconds
    Interval(i64),
    /// `NOT x`, `-x`
    Unary {
        /// The operator.
        op: UnaryOp,
        /// Its operand.
        expr: Box<Expr>,
    },
    /// `x op y`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `x IS [NOT] NULL | TRUE | FALSE`
    Is {
        /// What is asked about.
        expr: Box<Expr>,
        /// What it is compared with.
        what: IsWhat,
        /// `NOT`
        negated: bool,
    },
    /// `x [NOT] BETWEEN low AND high`
    Between {
        /// The value.
        expr: Box<Expr>,
        /// The lowest that is in.
        low: Box<Expr>,
        /// The highest that is in.
        high: Box<Expr>,
        /// `NOT`
        negated: bool,
    },
    /// `x [NOT] IN (a, b, …)`
    In {
        /// The value.
        expr: Box<Expr>,
        /// What it may equal.
        list: Vec<Expr>,
        /// `NOT`
        negated: bool,
    },
    /// `x [NOT] LIKE|ILIKE pattern`
    Like {
        /// The text.
        expr: Box<Expr>,
        /// The pattern.
        pattern: Box<Expr>,
        /// `NOT`
        negated: bool,
        /// `ILIKE`
        case_insensitive: bool,
    },
    /// `CASE [operand] WHEN … THEN … [ELSE …] END`
    Case {
        /// What the WHENs are compared with.
        operand: Option<Box<Expr>>,
        /// WHEN and THEN.
        branches: Vec<(Expr, Expr)>,
        /// ELSE.
        otherwise: Option<Box<Expr>>,
    },
    /// `CAST(x AS type)`, `x::type`
    Cast {
        /// The value.
        expr: Box<Expr>,
        /// The type it becomes.
        to: DataType,
    },
    /// `name(…)`
    Call(Call),
}

/// A function's call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The function.
    pub name: Ident,
    /// Its arguments.
    pub args: Vec<Expr>,
    /// `(*)`
    pub star: bool,
    /// `(DISTINCT …)`
    pub distinct: bool,
    /// `(… ORDER BY …)`
    pub order_by: Vec<OrderBy>,
    /// `FILTER (WHERE …)`
    pub filter: Option<Box<Expr>>,
}

/// Operators with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    /// `NOT`
    Not,
    /// `-`
    Minus,
    /// `+`
    Plus,
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the operators' own names")]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    IsDistinctFrom,
    IsNotDistinctFrom,
    Concat,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl BinaryOp {
    /// The operator as it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "OR",
            BinaryOp::And => "AND",
            BinaryOp::Equal => "=",
            BinaryOp::NotEqual => "<>",
            BinaryOp::Less => "<",
            BinaryOp::LessOrEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterOrEqual => ">=",
            BinaryOp::IsDistinctFrom => "IS DISTINCT FROM",
            BinaryOp::IsNotDistinctFrom => "IS NOT DISTINCT FROM",
            BinaryOp::Concat => "||",
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Remainder => "%",
        }
    }
}

/// What `IS` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words themselves")]
pub enum IsWhat {
    Null,
    True,
    False,
}
