//! A table's rows as people and pages see them: its own columns, as JSON.

use std::cmp::Ordering;

use arrow_array::ArrayRef;
use engine::data_type::column;
use engine::expr::EvalContext;
use engine::plan::AggregateNode;
use engine::store::ChangedRow;
use engine::{Expr, Type, Value};
use serde_json::Value as Json;

use crate::instant::InstantMs;
use crate::status::{Column, ColumnRole, Row};

/// How to show a table.
#[derive(Clone, Debug)]
pub(crate) struct TableView {
    /// Its name.
    pub(crate) name: String,
    /// Its columns, over the rows of its store.
    exprs: Vec<Expr>,
    /// The same for people.
    pub(crate) columns: Vec<Column>,
    /// Types of the store's columns.
    store_types: Vec<Type>,
    pub(crate) windowed: bool,
}

impl TableView {
    /// The view of a table with these columns over the rows of this aggregate.
    pub(crate) fn new(name: &str, columns: &[(String, Expr)], node: &AggregateNode) -> Self {
        let group_columns = node.group.len();
        let windowed = node.window.is_some();
        let role = |expr: &Expr| match expr {
            Expr::Column { index, .. } if *index < group_columns => ColumnRole::Key,
            Expr::Column { index, .. } if windowed && *index == group_columns => ColumnRole::WindowStart,
            Expr::Column { index, .. } if windowed && *index == group_columns + 1 => ColumnRole::WindowEnd,
            _ => ColumnRole::Value,
        };
        Self {
            name: name.to_owned(),
            exprs: columns.iter().map(|(_, expr)| expr.clone()).collect(),
            columns: columns
                .iter()
                .map(|(name, expr)| Column {
                    name: name.clone(),
                    data_type: expr.ty().name().to_owned(),
                    role: role(expr),
                })
                .collect(),
            store_types: node.schema().types(),
            windowed,
        }
    }

    /// Rows of the store as rows of the table.
    pub(crate) fn rows(&self, store_columns: &[ArrayRef], rows: usize, now_ms: i64) -> Vec<Row> {
        let context = EvalContext::new(now_ms, 0);
        let columns: Vec<Option<ArrayRef>> =
            self.exprs.iter().map(|expr| expr.eval(store_columns, rows, &context).ok()).collect();
        (0..rows)
            .map(|row| {
                columns
                    .iter()
                    .zip(&self.exprs)
                    .map(|(column, expr)| match column {
                        Some(column) => json(&Value::at(column, expr.ty(), row)),
                        // An expression that fails on some row (a division by zero) is shown as null.
                        None => Json::Null,
                    })
                    .collect()
            })
            .collect()
    }

    /// Changed rows of the store as rows of the table.
    pub(crate) fn changed(&self, changed: &[ChangedRow], now_ms: i64) -> Vec<Row> {
        let values: Vec<Vec<Value>> = changed
            .iter()
            .map(|row| {
                let mut values = row.key.clone();
                if self.windowed {
                    values.push(Value::Timestamp(row.window_start));
                    values.push(Value::Timestamp(row.window_end));
                }
                values.extend(row.values.iter().cloned());
                values
            })
            .collect();
        let columns: Vec<ArrayRef> = self
            .store_types
            .iter()
            .enumerate()
            .map(|(index, ty)| column(*ty, values.iter().map(|row| &row[index])))
            .collect();
        self.rows(&columns, changed.len(), now_ms)
    }

    /// Sorts rows of this table by window start, then by key.
    pub(crate) fn sort(&self, rows: &mut [Row]) {
        let place = |role: ColumnRole| self.columns.iter().position(move |column| column.role == role);
        let start = place(ColumnRole::WindowStart);
        let keys: Vec<usize> = (0..self.columns.len()).filter(|at| self.columns[*at].role == ColumnRole::Key).collect();
        rows.sort_by(|a, b| {
            let by_start = start.map_or(Ordering::Equal, |at| compare(&a[at], &b[at]));
            keys.iter().fold(by_start, |order, at| order.then_with(|| compare(&a[*at], &b[*at])))
        });
    }
}

/// The order of two values of one column. Instants of one length sort as text.
fn compare(a: &Json, b: &Json) -> Ordering {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => x.as_f64().partial_cmp(&y.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Json::String(x), Json::String(y)) => x.cmp(y),
        (Json::Bool(x), Json::Bool(y)) => x.cmp(y),
        (Json::Null, Json::Null) => Ordering::Equal,
        (Json::Null, _) => Ordering::Greater,
        (_, Json::Null) => Ordering::Less,
        _ => Ordering::Equal,
    }
}

/// A value as JSON: TIMESTAMP as Java's `Instant.toString`.
pub(crate) fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(v) => Json::from(*v),
        Value::Int(v) => Json::from(*v),
        Value::BigInt(v) => Json::from(*v),
        Value::Double(v) => {
            serde_json::Number::from_f64(*v).map_or_else(|| Json::from(value.to_string()), Json::Number)
        }
        Value::Text(v) => Json::from(v.to_string()),
        Value::Bytes(v) => Json::from(engine::base64::encode(v)),
        Value::Timestamp(v) => Json::from(InstantMs(*v).text()),
        Value::Interval(_) => Json::from(value.to_string()),
        Value::Object(v) => serde_json::from_str(v).unwrap_or_else(|_| Json::from(v.to_string())),
    }
}
