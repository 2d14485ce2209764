//! CASE and COALESCE: each branch is evaluated only on the rows that take it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, UInt32Array};

use super::Expr;
use super::eval::{EvalError, Evaluated, Input};
use crate::data_type::Type;

/// Evaluates on the rows where `selected` is true; the others are NULL. `selected` has no NULLs.
pub(super) fn eval_selected(expr: &Expr, selected: &BooleanArray, input: Input<'_>) -> Result<ArrayRef, EvalError> {
    let count = selected.true_count();
    if count == input.rows {
        return expr.over(input)?.into_column(input.rows);
    }
    if count == 0 {
        return Ok(expr.ty().nulls(input.rows));
    }
    if !expr.can_fail() && !expr.is_volatile() {
        // Nothing can go wrong on the other rows, and copying the columns would cost more than computing them.
        return expr.over(input)?.into_column(input.rows);
    }
    // Only the columns that the expression reads are narrowed; it does not look at the others.
    let mut columns = input.columns.to_vec();
    for index in expr.columns() {
        columns[index] = arrow_select::filter::filter(&input.columns[index], selected)?;
    }
    let narrow = Input { columns: &columns, rows: count, context: input.context };
    let values = expr.over(narrow)?.into_column(count)?;
    let mut next = 0;
    let places: UInt32Array = (0..input.rows)
        .map(|row| {
            selected.value(row).then(|| {
                next += 1;
                next - 1
            })
        })
        .collect();
    Ok(arrow_select::take::take(&values, &places, None)?)
}

/// CASE.
pub(super) fn case(
    branches: &[(Expr, Expr)],
    otherwise: Option<&Expr>,
    ty: Type,
    input: Input<'_>,
) -> Result<Evaluated, EvalError> {
    let mut open = BooleanArray::from(vec![true; input.rows]);
    let mut result = ty.nulls(input.rows);
    for (condition, value) in branches {
        let condition = eval_selected(condition, &open, input)?;
        let condition = condition.as_boolean();
        let taken: BooleanArray = (0..input.rows)
            .map(|row| Some(open.value(row) && condition.is_valid(row) && condition.value(row)))
            .collect();
        result = choose(&taken, value, &result, input)?;
        open = (0..input.rows).map(|row| Some(open.value(row) && !taken.value(row))).collect();
        if open.true_count() == 0 {
            return Ok(Evaluated::Column(result));
        }
    }
    if let Some(value) = otherwise {
        result = choose(&open, value, &result, input)?;
    }
    Ok(Evaluated::Column(result))
}

/// COALESCE.
pub(super) fn coalesce(args: &[Expr], ty: Type, input: Input<'_>) -> Result<Evaluated, EvalError> {
    let mut result = ty.nulls(input.rows);
    for (i, arg) in args.iter().enumerate() {
        if i == 0 {
            result = arg.over(input)?.into_column(input.rows)?;
        } else {
            let missing: BooleanArray = (0..input.rows).map(|row| Some(result.is_null(row))).collect();
            result = choose(&missing, arg, &result, input)?;
        }
        if result.null_count() == 0 {
            break;
        }
    }
    Ok(Evaluated::Column(result))
}

/// The value of `expr` where `taken`, else `otherwise`.
fn choose(taken: &BooleanArray, expr: &Expr, otherwise: &ArrayRef, input: Input<'_>) -> Result<ArrayRef, EvalError> {
    if taken.true_count() == 0 {
        return Ok(Arc::clone(otherwise));
    }
    let value = eval_selected(expr, taken, input)?;
    Ok(arrow_select::zip::zip(taken, &value, otherwise)?)
}
