//! Arithmetic: checked, with PostgreSQL's rounding and errors.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{DurationMillisecondType, Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};

use super::Function;
use super::eval::{EvalError, Evaluated};
use crate::data_type::Type;

/// Applies `op` to each pair of values that are not NULL; a scalar side is not spread.
pub(super) fn pairwise<A: ArrowPrimitiveType, B: ArrowPrimitiveType, O: ArrowPrimitiveType>(
    left: &Evaluated,
    right: &Evaluated,
    rows: usize,
    op: impl Fn(A::Native, B::Native) -> Result<O::Native, EvalError>,
) -> Result<ArrayRef, EvalError> {
    let (a, b) = (left.array().as_primitive::<A>(), right.array().as_primitive::<B>());
    let nulls = || Arc::new(PrimitiveArray::<O>::new_null(rows)) as ArrayRef;
    let result: PrimitiveArray<O> = match (left.is_scalar() && rows != 1, right.is_scalar() && rows != 1) {
        (false, true) if b.is_null(0) => return Ok(nulls()),
        (true, false) if a.is_null(0) => return Ok(nulls()),
        (false, true) => {
            let b = b.value(0);
            a.try_unary(|a| op(a, b))?
        }
        (true, false) => {
            let a = a.value(0);
            b.try_unary(|b| op(a, b))?
        }
        _ => {
            // The kernel's own error type is Arrow's: keep ours beside it.
            let failure = std::cell::RefCell::new(None);
            let result = arrow_arith::arity::try_binary::<_, _, _, O>(a, b, |a, b| {
                op(a, b).map_err(|error| {
                    let message = error.reason.clone();
                    *failure.borrow_mut() = Some(error);
                    arrow_schema::ArrowError::ComputeError(message)
                })
            });
            match (result, failure.into_inner()) {
                (Ok(result), _) => result,
                (Err(_), Some(error)) => return Err(error),
                (Err(error), None) => return Err(error.into()),
            }
        }
    };
    Ok(Arc::new(result))
}

fn division_by_zero() -> EvalError {
    EvalError::new("division by zero")
}

/// `+ - * / %` of numbers, timestamps and intervals.
pub(super) fn binary(
    function: Function,
    left_type: &Type,
    left: &Evaluated,
    right_type: &Type,
    right: &Evaluated,
    rows: usize,
) -> Result<ArrayRef, EvalError> {
    type Ts = TimestampMillisecondType;
    type Iv = DurationMillisecondType;
    let long = |ty: Type| move |a: i64, b: i64| integer64(function, a, b).ok_or_else(|| integer_error(b, function, ty));
    match (left_type, right_type) {
        (Type::Int, _) => pairwise::<Int32Type, Int32Type, Int32Type>(left, right, rows, |a, b| {
            integer64(function, i64::from(a), i64::from(b))
                .and_then(|value| i32::try_from(value).ok())
                .ok_or_else(|| integer_error(i64::from(b), function, Type::Int))
        }),
        (Type::BigInt, _) => pairwise::<Int64Type, Int64Type, Int64Type>(left, right, rows, long(Type::BigInt)),
        (Type::Double, Type::Interval) => {
            pairwise::<Float64Type, Iv, Iv>(left, right, rows, |a, b| scale_interval(b, a, Function::Multiply))
        }
        (Type::Interval, Type::Double) => {
            pairwise::<Iv, Float64Type, Iv>(left, right, rows, |a, b| scale_interval(a, b, function))
        }
        (Type::Double, _) => {
            pairwise::<Float64Type, Float64Type, Float64Type>(left, right, rows, |a, b| double(function, a, b))
        }
        (Type::Timestamp, Type::Timestamp) => pairwise::<Ts, Ts, Iv>(left, right, rows, long(Type::Interval)),
        (Type::Timestamp, _) => pairwise::<Ts, Iv, Ts>(left, right, rows, long(Type::Timestamp)),
        (_, Type::Timestamp) => pairwise::<Iv, Ts, Ts>(left, right, rows, long(Type::Timestamp)),
        _ => pairwise::<Iv, Iv, Iv>(left, right, rows, long(Type::Interval)),
    }
}

fn integer64(function: Function, a: i64, b: i64) -> Option<i64> {
    match function {
        Function::Add => a.checked_add(b),
        Function::Subtract => a.checked_sub(b),
        Function::Multiply => a.checked_mul(b),
        Function::Divide => a.checked_div(b),
        // The smallest integer modulo -1 is 0, not an overflow.
        _ if b == -1 => Some(0),
        _ => a.checked_rem(b),
    }
}

fn integer_error(b: i64, function: Function, ty: Type) -> EvalError {
    if b == 0 && matches!(function, Function::Divide | Function::Modulo) {
        division_by_zero()
    } else {
        EvalError::out_of_range(ty)
    }
}

fn double(function: Function, a: f64, b: f64) -> Result<f64, EvalError> {
    let value = match function {
        Function::Add => a + b,
        Function::Subtract => a - b,
        Function::Multiply => a * b,
        _ if b == 0.0 => return Err(division_by_zero()),
        _ => a / b,
    };
    finite(value, a.is_finite() && b.is_finite())
}

/// An infinite result of finite operands is an overflow.
fn finite(value: f64, operands_finite: bool) -> Result<f64, EvalError> {
    if value.is_infinite() && operands_finite { Err(EvalError::out_of_range(Type::Double)) } else { Ok(value) }
}

fn scale_interval(interval: i64, factor: f64, function: Function) -> Result<i64, EvalError> {
    let value = match function {
        Function::Multiply => interval as f64 * factor,
        _ if factor == 0.0 => return Err(division_by_zero()),
        _ => interval as f64 / factor,
    };
    if value.abs() < 9.0e18 { Ok(value.round() as i64) } else { Err(EvalError::out_of_range(Type::Interval)) }
}

/// Functions of one number.
pub(super) fn unary(function: Function, ty: Type, array: &ArrayRef) -> Result<ArrayRef, EvalError> {
    fn map<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        op: impl Fn(T::Native) -> Result<T::Native, EvalError>,
    ) -> Result<ArrayRef, EvalError> {
        Ok(Arc::new(array.as_primitive::<T>().try_unary::<_, T, EvalError>(op)?))
    }
    let long = |v: i64| match function {
        Function::Negate => v.checked_neg().ok_or_else(|| EvalError::out_of_range(ty)),
        Function::Abs => v.checked_abs().ok_or_else(|| EvalError::out_of_range(ty)),
        Function::Sign => Ok(v.signum()),
        _ => Ok(v),
    };
    match ty {
        Type::Int => map::<Int32Type>(array, |v| {
            i32::try_from(long(i64::from(v))?).map_err(|_| EvalError::out_of_range(Type::Int))
        }),
        Type::BigInt => map::<Int64Type>(array, long),
        Type::Interval => map::<DurationMillisecondType>(array, long),
        _ => map::<Float64Type>(array, |v| {
            Ok(match function {
                Function::Negate => -v,
                Function::Abs => v.abs(),
                Function::Ceil => v.ceil(),
                Function::Floor => v.floor(),
                Function::Round => v.round_ties_even(),
                Function::Trunc => v.trunc(),
                Function::Sign if v > 0.0 => 1.0,
                Function::Sign if v < 0.0 => -1.0,
                Function::Sign => v,
                _ if v < 0.0 => return Err(EvalError::new("cannot take square root of a negative number")),
                _ => v.sqrt(),
            })
        }),
    }
}

/// round(number, digits): halves away from zero, in decimal digits, as PostgreSQL's round of a numeric.
pub(super) fn round_digits(value: &Evaluated, digits: &Evaluated, rows: usize) -> Result<ArrayRef, EvalError> {
    pairwise::<Float64Type, Int32Type, Float64Type>(value, digits, rows, |value, digits| {
        if !value.is_finite() || digits > 300 {
            return Ok(value);
        }
        let scale = 10f64.powi(digits.max(-400));
        let scaled = value * scale;
        // Too large to have that many digits: the value is exact already.
        if scaled.is_infinite() || scale == 0.0 {
            return Ok(if scale == 0.0 { 0.0 } else { value });
        }
        Ok(scaled.round() / scale)
    })
}

/// power(a, b).
pub(super) fn power(base: &Evaluated, exponent: &Evaluated, rows: usize) -> Result<ArrayRef, EvalError> {
    pairwise::<Float64Type, Float64Type, Float64Type>(base, exponent, rows, |a, b| {
        if a == 0.0 && b < 0.0 {
            return Err(EvalError::new("zero raised to a negative power is undefined"));
        }
        if a < 0.0 && a.is_finite() && b.is_finite() && b.fract() != 0.0 {
            return Err(EvalError::new("a negative number raised to a non-integer power yields a complex result"));
        }
        finite(a.powf(b), a.is_finite() && b.is_finite())
    })
}
