//! Comparisons, and what is built on them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_ord::cmp;

use super::Function;
use super::eval::{EvalError, Evaluated};
use crate::data_type::Type;

/// A comparison operator; NULL gives NULL except for the IS DISTINCT forms.
pub(super) fn compare(
    function: Function,
    ty: Type,
    left: &Evaluated,
    right: &Evaluated,
) -> Result<ArrayRef, EvalError> {
    let (left, right) = (&comparable(ty, left), &comparable(ty, right));
    let result = match function {
        Function::Equal => cmp::eq(left, right),
        Function::NotEqual => cmp::neq(left, right),
        Function::Less => cmp::lt(left, right),
        Function::LessOrEqual => cmp::lt_eq(left, right),
        Function::Greater => cmp::gt(left, right),
        Function::GreaterOrEqual => cmp::gt_eq(left, right),
        Function::IsDistinctFrom => cmp::distinct(left, right),
        _ => cmp::not_distinct(left, right),
    };
    Ok(Arc::new(result?))
}

/// Arrow orders doubles by their bits: one zero and one NaN make that PostgreSQL's order.
fn comparable(ty: Type, value: &Evaluated) -> Evaluated {
    if ty != Type::Double {
        return value.clone();
    }
    let one = |v: f64| if v.is_nan() { f64::NAN } else { v + 0.0 };
    let array: ArrayRef = Arc::new(value.array().as_primitive::<Float64Type>().unary::<_, Float64Type>(one));
    if value.is_scalar() { Evaluated::Scalar(array) } else { Evaluated::Column(array) }
}

/// NULLIF(left, right).
pub(super) fn null_if(ty: Type, left: &Evaluated, right: &Evaluated, rows: usize) -> Result<ArrayRef, EvalError> {
    let equal = compare(Function::Equal, ty, left, right)?;
    let equal = Evaluated::Column(equal).into_column(rows)?;
    let left = left.clone().into_column(rows)?;
    Ok(arrow_select::nullif::nullif(&left, equal.as_boolean())?)
}

/// GREATEST and LEAST: NULLs are ignored.
pub(super) fn extreme(greatest: bool, ty: Type, columns: &[ArrayRef]) -> Result<ArrayRef, EvalError> {
    let function = if greatest { Function::Greater } else { Function::Less };
    let mut best = Arc::clone(&columns[0]);
    for column in &columns[1..] {
        let wins =
            compare(function, ty, &Evaluated::Column(Arc::clone(column)), &Evaluated::Column(Arc::clone(&best)))?;
        let wins = wins.as_boolean();
        let replace: BooleanArray = (0..column.len())
            .map(|row| Some(column.is_valid(row) && (best.is_null(row) || (wins.is_valid(row) && wins.value(row)))))
            .collect();
        best = arrow_select::zip::zip(&replace, column, &best)?;
    }
    Ok(best)
}
