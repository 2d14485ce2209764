//! Pull queries: one answer from the rows of a table at one moment.
//!
//! Owns: filter, grouping with ORDER BY inside the calls, object_agg, order and limit. Never: keeps state; a failing
//! row fails the whole answer, as in PostgreSQL.

use std::collections::BTreeMap;
use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, UInt32Array};
use hashbrown::HashMap;

use crate::aggregate::{AggregateCall, AggregateFunction, SortKey};
use crate::data_type::{Type, Value, column, write_bytes};
use crate::expr::{EvalContext, EvalError, Expr};
use crate::instant;

/// A pull query over the columns of some rows.
#[derive(Debug, Clone)]
pub struct PullQuery<'a> {
    /// WHERE.
    pub filter: Option<&'a Expr>,
    /// What a row of the answer is.
    pub output: PullOutput<'a>,
    /// ORDER BY, over the rows that [`PullOutput`] says.
    pub order_by: &'a [SortKey],
    /// LIMIT.
    pub limit: Option<u64>,
}

/// What a row of the answer is.
#[derive(Debug, Clone)]
pub enum PullOutput<'a> {
    /// A row of the input. The columns and ORDER BY are over the input.
    Rows(Vec<&'a Expr>),
    /// A group. The columns and ORDER BY are over the group columns followed by the calls.
    Groups {
        /// GROUP BY, over the input. Empty: exactly one row, even of an empty input.
        group: Vec<&'a Expr>,
        /// The aggregates, over the input.
        calls: Vec<&'a AggregateCall>,
        /// The columns.
        columns: Vec<&'a Expr>,
    },
}

/// An answer.
#[derive(Debug, Clone)]
pub struct PullAnswer {
    /// One per output column.
    pub columns: Vec<ArrayRef>,
    /// The number of rows.
    pub rows: usize,
}

/// Answers a query over `rows` rows of `columns`.
pub fn pull(
    query: &PullQuery<'_>,
    columns: &[ArrayRef],
    rows: usize,
    context: &EvalContext,
) -> Result<PullAnswer, EvalError> {
    let mut input = (columns.to_vec(), rows);
    if let Some(filter) = query.filter {
        let keep = filter.eval(columns, rows, context)?;
        let keep = keep.as_boolean();
        let filtered = columns.iter().map(|column| arrow_select::filter::filter(column, keep));
        input = (filtered.collect::<Result<_, _>>()?, keep.true_count());
    }
    let (columns, wanted) = match &query.output {
        PullOutput::Rows(wanted) => (input, wanted),
        PullOutput::Groups { group, calls, columns } => (groups(group, calls, &input.0, input.1, context)?, columns),
    };
    let (columns, rows) = columns;
    let mut order = sorted(query.order_by, &columns, rows, context)?;
    if let Some(limit) = query.limit {
        order.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let rows = order.len();
    let columns = take_all(&columns, order)?;
    let columns = wanted.iter().map(|expr| expr.eval(&columns, rows, context)).collect::<Result<Vec<_>, _>>()?;
    Ok(PullAnswer { columns, rows })
}

fn take_all(columns: &[ArrayRef], order: Vec<u32>) -> Result<Vec<ArrayRef>, EvalError> {
    let order = UInt32Array::from(order);
    columns.iter().map(|column| Ok(arrow_select::take::take(column, &order, None)?)).collect()
}

/// The rows in the order of the keys; equal rows keep their order.
fn sorted(keys: &[SortKey], columns: &[ArrayRef], rows: usize, context: &EvalContext) -> Result<Vec<u32>, EvalError> {
    let mut order: Vec<u32> = (0..rows as u32).collect();
    let evaluated = keys
        .iter()
        .map(|key| {
            let ty = key.expr.ty();
            let values = key.expr.eval(columns, rows, context)?;
            Ok((0..rows).map(|row| Value::at(&values, ty, row)).collect::<Vec<Value>>())
        })
        .collect::<Result<Vec<_>, EvalError>>()?;
    order.sort_by(|a, b| {
        let each = keys.iter().zip(&evaluated).map(|(key, values)| {
            let (a, b) = (&values[*a as usize], &values[*b as usize]);
            match (a.is_null(), b.is_null()) {
                (true, true) => std::cmp::Ordering::Equal,
                (true, false) if key.nulls_first => std::cmp::Ordering::Less,
                (true, false) => std::cmp::Ordering::Greater,
                (false, true) if key.nulls_first => std::cmp::Ordering::Greater,
                (false, true) => std::cmp::Ordering::Less,
                (false, false) if key.descending => b.cmp(a),
                (false, false) => a.cmp(b),
            }
        });
        each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    Ok(order)
}

/// The group columns followed by the calls' results, one row per group, in the order of first arrival.
fn groups(
    group: &[&Expr],
    calls: &[&AggregateCall],
    columns: &[ArrayRef],
    rows: usize,
    context: &EvalContext,
) -> Result<(Vec<ArrayRef>, usize), EvalError> {
    let keys = group.iter().map(|expr| expr.eval(columns, rows, context)).collect::<Result<Vec<_>, _>>()?;
    let mut slots = Vec::with_capacity(rows);
    let mut known: HashMap<Vec<Value>, u32> = HashMap::new();
    let mut firsts = Vec::new();
    for row in 0..rows {
        let key: Vec<Value> = group.iter().zip(&keys).map(|(expr, key)| Value::at(key, expr.ty(), row)).collect();
        let slot = *known.entry(key).or_insert_with(|| {
            firsts.push(row as u32);
            firsts.len() as u32 - 1
        });
        slots.push(slot);
    }
    let count = if group.is_empty() { 1 } else { firsts.len() };
    let mut out = take_all(&keys, firsts)?;
    for call in calls {
        let args = call.args.iter().map(|arg| arg.eval(columns, rows, context)).collect::<Result<Vec<_>, _>>()?;
        let order = sorted(&call.order_by, columns, rows, context)?;
        let slots: Vec<u32> = order.iter().map(|row| slots[*row as usize]).collect();
        out.push(aggregate(call, &args, &order, &slots, count)?);
    }
    Ok((out, count))
}

fn aggregate(
    call: &AggregateCall,
    args: &[ArrayRef],
    rows: &[u32],
    slots: &[u32],
    groups: usize,
) -> Result<ArrayRef, EvalError> {
    if call.function == AggregateFunction::ObjectAgg {
        return object_agg(call, args, rows, slots, groups);
    }
    let mut accumulator = call.accumulator();
    accumulator.grow(groups);
    if accumulator.may_refuse(args, rows) {
        for (row, slot) in rows.iter().zip(slots) {
            accumulator.check(args, *row, *slot)?;
            accumulator.update(args, &[*row], &[*slot]);
        }
    } else {
        accumulator.update(args, rows, slots);
    }
    let all: Vec<u32> = (0..groups as u32).collect();
    Ok(accumulator.read(&all))
}

/// One JSON object per group, keys ascending; the last value of a key wins.
fn object_agg(
    call: &AggregateCall,
    args: &[ArrayRef],
    rows: &[u32],
    slots: &[u32],
    groups: usize,
) -> Result<ArrayRef, EvalError> {
    let (key_type, value_type) = (call.args[0].ty(), call.args[1].ty());
    let mut objects: Vec<BTreeMap<String, Value>> = vec![BTreeMap::new(); groups];
    for (row, slot) in rows.iter().zip(slots) {
        let row = *row as usize;
        if args[0].is_null(row) {
            return Err(EvalError::new("object_agg: a key is NULL; filter with WHERE … IS NOT NULL"));
        }
        let key = Value::at(&args[0], key_type, row).to_string();
        objects[*slot as usize].insert(key, Value::at(&args[1], value_type, row));
    }
    let texts: Vec<Value> = objects
        .iter()
        .map(|object| {
            let mut text = String::from("{");
            for (i, (key, value)) in object.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write_json_text(&mut text, key);
                text.push(':');
                write_json(&mut text, value);
            }
            text.push('}');
            Value::Object(text.into())
        })
        .collect();
    Ok(column(Type::Object, &texts))
}

/// A value as JSON, as the user's endpoints write it.
fn write_json(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        // JSON has no such numbers.
        Value::Double(number) if !number.is_finite() => write_json_text(out, &value.to_string()),
        Value::Boolean(_) | Value::Int(_) | Value::BigInt(_) | Value::Double(_) => {
            let _ = write!(out, "{value}");
        }
        Value::Object(text) => out.push_str(text),
        Value::Text(text) => write_json_text(out, text),
        Value::Interval(_) => write_json_text(out, &value.to_string()),
        Value::Bytes(bytes) => {
            let mut text = String::new();
            let _ = write_bytes(&mut text, bytes);
            write_json_text(out, &text);
        }
        Value::Timestamp(ms) => {
            let mut text = String::new();
            let _ = instant::write_offset_text(&mut text, *ms);
            write_json_text(out, &text);
        }
    }
}

fn write_json_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests;
