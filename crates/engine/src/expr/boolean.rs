//! Three-valued logic.

use std::sync::Arc;

use arrow_arith::boolean as kernel;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};

use super::conditional::eval_selected;
use super::eval::{EvalError, Evaluated, Input};
use super::{Expr, Function};

/// AND and OR. The right side is evaluated only on the rows where the left does not decide, when it could fail.
pub(super) fn connect(function: Function, args: &[Expr], input: Input<'_>) -> Result<Evaluated, EvalError> {
    let left = args[0].over(input)?.into_column(input.rows)?;
    let left = left.as_boolean();
    let right = if args[1].can_fail() {
        let decided_by = function == Function::Or;
        let open: BooleanArray =
            (0..input.rows).map(|row| Some(left.is_null(row) || left.value(row) != decided_by)).collect();
        eval_selected(&args[1], &open, input)?
    } else {
        args[1].over(input)?.into_column(input.rows)?
    };
    let right = right.as_boolean();
    let result = match function {
        Function::And => kernel::and_kleene(left, right)?,
        _ => kernel::or_kleene(left, right)?,
    };
    Ok(Evaluated::Column(Arc::new(result)))
}

/// NOT and the IS tests.
pub(super) fn test(function: Function, array: &ArrayRef) -> Result<ArrayRef, EvalError> {
    let is = |wanted: bool, otherwise: bool| -> BooleanArray {
        let booleans = array.as_boolean();
        (0..booleans.len())
            .map(|row| Some((booleans.is_valid(row) && booleans.value(row) == wanted) != otherwise))
            .collect()
    };
    Ok(Arc::new(match function {
        Function::IsNull => kernel::is_null(array)?,
        Function::IsNotNull => kernel::is_not_null(array)?,
        Function::IsTrue => is(true, false),
        Function::IsNotTrue => is(true, true),
        Function::IsFalse => is(false, false),
        Function::IsNotFalse => is(false, true),
        _ => kernel::not(array.as_boolean())?,
    }))
}

impl Expr {
    /// True when some row could make the evaluation fail.
    pub(super) fn can_fail(&self) -> bool {
        use Function as F;
        let itself = match self {
            Expr::Cast { expr, ty } => !super::resolve::widens(expr.ty(), *ty) && *ty != crate::data_type::Type::Text,
            Expr::Call { function, .. } => !matches!(
                function,
                F::Equal
                    | F::NotEqual
                    | F::Less
                    | F::LessOrEqual
                    | F::Greater
                    | F::GreaterOrEqual
                    | F::IsDistinctFrom
                    | F::IsNotDistinctFrom
                    | F::IsNull
                    | F::IsNotNull
                    | F::IsTrue
                    | F::IsNotTrue
                    | F::IsFalse
                    | F::IsNotFalse
                    | F::And
                    | F::Or
                    | F::Not
                    | F::NullIf
                    | F::Concat
                    | F::ConcatAll
                    | F::Length
                    | F::OctetLength
                    | F::Lower
                    | F::Upper
                    | F::StartsWith
                    | F::Position
                    | F::Now
                    | F::Greatest
                    | F::Least
                    | F::Param
            ),
            _ => false,
        };
        itself || self.children().into_iter().any(Expr::can_fail)
    }
}
