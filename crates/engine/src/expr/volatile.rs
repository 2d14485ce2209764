//! Functions whose result is not a function of the row: time, chance, request parameters.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, TimestampMillisecondArray};

use super::Function;
use super::eval::{EvalContext, EvalError};

/// now(): one value for all rows.
pub(super) fn now(context: &EvalContext) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from(vec![context.now_ms]))
}

/// param(name).
pub(super) fn param(columns: &[ArrayRef], context: &EvalContext) -> Result<ArrayRef, EvalError> {
    let mut out = StringBuilder::new();
    for name in columns[0].as_string::<i32>() {
        out.append_option(name.and_then(|name| context.params.get(name)));
    }
    Ok(Arc::new(out.finish()))
}

/// pick, random_int and random.
pub(super) fn random(
    function: Function,
    columns: &[ArrayRef],
    rows: usize,
    context: &EvalContext,
) -> Result<ArrayRef, EvalError> {
    match function {
        Function::Pick => {
            let choices: Vec<&dyn Array> = columns.iter().map(|column| column.as_ref()).collect();
            let picks: Vec<(usize, usize)> =
                (0..rows).map(|row| (below(context, choices.len() as u64) as usize, row)).collect();
            Ok(arrow_select::interleave::interleave(&choices, &picks)?)
        }
        Function::RandomInt => {
            let (low, high) = (columns[0].as_primitive::<Int64Type>(), columns[1].as_primitive::<Int64Type>());
            let draw = |row: usize| -> Result<Option<i64>, EvalError> {
                if low.is_null(row) || high.is_null(row) {
                    return Ok(None);
                }
                let (low, high) = (low.value(row), high.value(row));
                if low > high {
                    return Err(EvalError::new(format!("random_int: {low} is greater than {high}")));
                }
                let width = high.wrapping_sub(low) as u64;
                let step = if width == u64::MAX { context.next_random() } else { below(context, width + 1) };
                Ok(Some(low.wrapping_add(step as i64)))
            };
            let values = (0..rows).map(draw).collect::<Result<Int64Array, _>>()?;
            Ok(Arc::new(values))
        }
        _ => {
            // 53 random bits make every double of the grid in [0, 1) equally likely.
            let draw = || (context.next_random() >> 11) as f64 / (1u64 << 53) as f64;
            Ok(Arc::new((0..rows).map(|_| draw()).collect::<Float64Array>()))
        }
    }
}

/// A random number below `bound` (at least 1).
fn below(context: &EvalContext, bound: u64) -> u64 {
    ((u128::from(context.next_random()) * u128::from(bound)) >> 64) as u64
}
