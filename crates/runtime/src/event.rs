//! Events made by expressions over no input, and rows given as values: what generators, `INTO` endpoints and INSERT write.

use std::fmt;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BinaryArray};
use connect::seam::{ConnectError, Connector, Durable, PlainRecord, Room};
use engine::batch::KeyColumns;
use engine::data_type::column;
use engine::expr::EvalContext;
use engine::{Expr, Keys, Type, Value};
use format::{Encoder, KeyFormat, ValueFormat};

use crate::outcome::{ErrorKind, RuntimeError};

/// Evaluates, encodes and writes events.
pub(crate) struct EventWriter {
    connector: Arc<dyn Connector>,
    topic: String,
    columns: Vec<(String, Expr)>,
    encoder: Encoder,
    /// The column of [`EventWriter::write_values`]' rows that is the record's key, and how it is written.
    key: Option<(usize, Type, KeyFormat)>,
}

/// Events that were written.
pub(crate) struct WrittenEvents {
    /// When they are durable.
    pub(crate) durable: Durable,
}

impl fmt::Debug for EventWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWriter").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl EventWriter {
    /// A writer of these columns, in this format.
    pub(crate) fn new(
        connector: &Arc<dyn Connector>,
        topic: &str,
        columns: Vec<(String, Expr)>,
        value_format: &str,
    ) -> Result<Self, RuntimeError> {
        let encoder = encoder(value_format, &types(&columns))?;
        Ok(Self { connector: Arc::clone(connector), topic: topic.to_owned(), columns, encoder, key: None })
    }

    /// Rows of values have their key in this column.
    pub(crate) fn with_key(mut self, column: usize, ty: Type, format: &str) -> Self {
        self.key = KeyFormat::parse(format).map(|format| (column, ty, format));
        self
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// Writes `count` events.
    pub(crate) fn write(&self, count: usize, context: &EvalContext) -> Result<WrittenEvents, ConnectError> {
        let columns = evaluate(&self.columns, count, context)?;
        self.append(&columns, count, context.now_ms)
    }

    /// Writes rows of values, which have the types of the stream's columns, its key included.
    pub(crate) fn write_values(&self, rows: &[Vec<Value>], now_ms: i64) -> Result<WrittenEvents, ConnectError> {
        let of = |index: usize, ty: Type| column(ty, rows.iter().map(|row| row.get(index).unwrap_or(&Value::Null)));
        let columns: Vec<ArrayRef> = self
            .columns
            .iter()
            .map(|(_, expr)| match expr {
                Expr::Column { index, ty } => of(*index, *ty),
                other => other.ty().nulls(rows.len()),
            })
            .collect();
        let keys = self.key.and_then(|(index, ty, format)| {
            let columns = KeyColumns { types: vec![ty], columns: vec![of(index, ty)] };
            format.encode(&Keys::Columns(columns)).keys
        });
        self.append_with_keys(&columns, keys.as_ref(), rows.len(), now_ms)
    }

    fn append(&self, columns: &[ArrayRef], rows: usize, now_ms: i64) -> Result<WrittenEvents, ConnectError> {
        self.append_with_keys(columns, None, rows, now_ms)
    }

    fn append_with_keys(
        &self,
        columns: &[ArrayRef],
        keys: Option<&BinaryArray>,
        rows: usize,
        now_ms: i64,
    ) -> Result<WrittenEvents, ConnectError> {
        let values = self.encoder.encode(columns, rows);
        let record = |row: usize| PlainRecord {
            timestamp: now_ms,
            key: keys.filter(|keys| keys.is_valid(row)).map(|keys| keys.value(row).to_vec()),
            value: values.is_valid(row).then(|| values.value(row).to_vec()),
            ..PlainRecord::default()
        };
        let appended = self.connector.append(&self.topic, (0..rows).map(record).collect(), Room::Free)?;
        Ok(WrittenEvents { durable: appended.durable })
    }
}

/// The columns of events.
pub(crate) fn evaluate(
    columns: &[(String, Expr)],
    rows: usize,
    context: &EvalContext,
) -> Result<Vec<ArrayRef>, ConnectError> {
    let one = |(name, expr): &(String, Expr)| {
        expr.eval(&[], rows, context).map_err(|e| ConnectError::Query {
            code: "bad_value",
            cause: format!("`{name}` cannot be computed: {e}"),
            fix: "see the statement's expression and the request's parameters".to_owned(),
        })
    };
    columns.iter().map(one).collect()
}

/// Names and types of columns.
pub(crate) fn types(columns: &[(String, Expr)]) -> Vec<(String, Type)> {
    columns.iter().map(|(name, expr)| (name.clone(), expr.ty())).collect()
}

/// The encoder of a format, by its name in SQL.
pub(crate) fn encoder(value_format: &str, columns: &[(String, Type)]) -> Result<Encoder, RuntimeError> {
    let unfit = |cause: String| RuntimeError::new(ErrorKind::Invalid, "bad_format", cause);
    let format =
        ValueFormat::parse(value_format).ok_or_else(|| unfit(format!("there is no value format `{value_format}`")))?;
    Encoder::compile(format, columns).map_err(|e| unfit(e.to_string()))
}
