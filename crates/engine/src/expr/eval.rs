//! Evaluation of an expression over columns, and the isolation of rows that fail.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Datum, UInt32Array};
use arrow_schema::ArrowError;

use super::{Expr, Function, arithmetic, boolean, cast, compare, conditional, text, time, volatile};
use crate::data_type::Type;

/// Why a row (or, before it is isolated, some row of a batch) cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    /// In words, as PostgreSQL says it where it does.
    pub reason: String,
}

impl EvalError {
    /// An error with this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }

    pub(crate) fn out_of_range(ty: Type) -> Self {
        Self::new(format!("{ty} out of range"))
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for EvalError {}

impl From<ArrowError> for EvalError {
    fn from(error: ArrowError) -> Self {
        Self::new(error.to_string())
    }
}

/// What an evaluation may know besides the columns: everything that is not a function of the row.
#[derive(Debug, Clone)]
pub struct EvalContext {
    /// What `now()` gives, ms.
    pub now_ms: i64,
    /// What `param()` gives.
    pub params: Arc<HashMap<String, String>>,
    random: Cell<u64>,
}

impl EvalContext {
    /// A context at a time, with a seed for `pick`, `random_int` and `random`.
    #[must_use]
    pub fn new(now_ms: i64, seed: u64) -> Self {
        Self { now_ms, params: Arc::default(), random: Cell::new(seed) }
    }

    /// The same with request parameters.
    #[must_use]
    pub fn with_params(mut self, params: HashMap<String, String>) -> Self {
        self.params = Arc::new(params);
        self
    }

    /// The next random number (splitmix64: every seed is a good one).
    pub(super) fn next_random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A context of the same time and parameters with a random sequence of its own, for another thread.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { now_ms: self.now_ms, params: Arc::clone(&self.params), random: Cell::new(self.next_random()) }
    }
}

/// A result: one value per row, or one value for all rows.
#[derive(Debug, Clone)]
pub enum Evaluated {
    /// One value per row.
    Column(ArrayRef),
    /// An array of length one that stands for every row.
    Scalar(ArrayRef),
}

impl Evaluated {
    /// The array, whatever it stands for.
    #[must_use]
    pub fn array(&self) -> &ArrayRef {
        match self {
            Evaluated::Column(array) | Evaluated::Scalar(array) => array,
        }
    }

    /// True for one value that stands for all rows.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        matches!(self, Evaluated::Scalar(_))
    }

    /// One value per row.
    pub fn into_column(self, rows: usize) -> Result<ArrayRef, EvalError> {
        match self {
            Evaluated::Column(array) => Ok(array),
            Evaluated::Scalar(array) if rows == 1 => Ok(array),
            Evaluated::Scalar(array) => Ok(arrow_select::take::take(&array, &UInt32Array::from_value(0, rows), None)?),
        }
    }
}

impl Datum for Evaluated {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array().as_ref(), self.is_scalar())
    }
}

/// The columns of a batch, as an evaluation sees them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) columns: &'a [ArrayRef],
    pub(super) rows: usize,
    pub(super) context: &'a EvalContext,
}

impl Expr {
    /// Evaluates over `rows` rows of columns: one value per row. Any failing row fails the whole; see
    /// [`eval_isolated`].
    pub fn eval(&self, columns: &[ArrayRef], rows: usize, context: &EvalContext) -> Result<ArrayRef, EvalError> {
        self.evaluate(columns, rows, context)?.into_column(rows)
    }

    /// As [`Expr::eval`], but a result that is the same for all rows stays one value.
    pub fn evaluate(&self, columns: &[ArrayRef], rows: usize, context: &EvalContext) -> Result<Evaluated, EvalError> {
        self.over(Input { columns, rows, context })
    }

    pub(super) fn over(&self, input: Input<'_>) -> Result<Evaluated, EvalError> {
        match self {
            Expr::Column { index, .. } => Ok(Evaluated::Column(Arc::clone(&input.columns[*index]))),
            Expr::Literal { value, ty } => Ok(Evaluated::Scalar(value.repeat(*ty, 1))),
            Expr::Cast { expr, ty } => {
                let from = expr.ty();
                match expr.over(input)? {
                    Evaluated::Column(array) => Ok(Evaluated::Column(cast::cast_column(&array, from, *ty)?)),
                    Evaluated::Scalar(array) => Ok(Evaluated::Scalar(cast::cast_column(&array, from, *ty)?)),
                }
            }
            Expr::Case { branches, otherwise, ty } => conditional::case(branches, otherwise.as_deref(), *ty, input),
            Expr::Coalesce { args, ty } => conditional::coalesce(args, *ty, input),
            Expr::Call { function: function @ (Function::And | Function::Or), args, .. } => {
                boolean::connect(*function, args, input)
            }
            Expr::Call { function, args, ty } => {
                let values = args.iter().map(|arg| arg.over(input)).collect::<Result<Vec<_>, _>>()?;
                let types: Vec<Type> = args.iter().map(Expr::ty).collect();
                call(*function, &types, &values, *ty, input)
            }
        }
    }
}

fn call(
    function: Function,
    types: &[Type],
    args: &[Evaluated],
    ty: Type,
    input: Input<'_>,
) -> Result<Evaluated, EvalError> {
    let per_row = matches!(function, Function::Pick | Function::RandomInt | Function::Random);
    let scalar = !per_row && args.iter().all(Evaluated::is_scalar);
    let rows = if scalar { 1 } else { input.rows };
    // Scalars among columns stay scalars for the functions that know how to use them, and are spread for the others.
    let columns = || args.iter().map(|arg| arg.clone().into_column(rows)).collect::<Result<Vec<_>, _>>();
    use Function as F;
    let array = match function {
        F::Add | F::Subtract | F::Multiply | F::Divide | F::Modulo => {
            arithmetic::binary(function, &types[0], &args[0], &types[1], &args[1], rows)?
        }
        F::Negate | F::Abs | F::Ceil | F::Floor | F::Round | F::Trunc | F::Sign | F::Sqrt if args.len() == 1 => {
            arithmetic::unary(function, types[0], args[0].array())?
        }
        F::Round => arithmetic::round_digits(&args[0], &args[1], rows)?,
        F::Power => arithmetic::power(&args[0], &args[1], rows)?,
        F::Greatest | F::Least => compare::extreme(function == F::Greatest, ty, &columns()?)?,
        F::Equal | F::NotEqual | F::Less | F::LessOrEqual | F::Greater | F::GreaterOrEqual => {
            compare::compare(function, types[0], &args[0], &args[1])?
        }
        F::IsDistinctFrom | F::IsNotDistinctFrom => compare::compare(function, types[0], &args[0], &args[1])?,
        F::NullIf => compare::null_if(types[0], &args[0], &args[1], rows)?,
        F::IsNull | F::IsNotNull | F::IsTrue | F::IsNotTrue | F::IsFalse | F::IsNotFalse | F::Not => {
            boolean::test(function, args[0].array())?
        }
        F::Like | F::ILike => text::like(function, &args[0], &args[1])?,
        F::Concat | F::ConcatAll => text::concat(function, types, args, rows)?,
        F::Length | F::OctetLength | F::Position => text::measure(function, types, &columns()?)?,
        F::Lower | F::Upper | F::Reverse | F::Trim | F::TrimStart | F::TrimEnd | F::Replace | F::Substring => {
            text::transform(function, &columns()?, rows)?
        }
        F::Left | F::Right | F::Repeat | F::SplitPart | F::PadStart | F::PadEnd => {
            text::transform(function, &columns()?, rows)?
        }
        F::StartsWith => Arc::new(arrow_string::like::starts_with(&args[0], &args[1])?),
        F::Extract(_) | F::DateTrunc(_) | F::ToTimestamp | F::EpochMs => {
            let timestamp = args.last().ok_or_else(|| EvalError::new("a TIMESTAMP is missing"))?;
            // EXTRACT and date_trunc may carry their part as a scalar before the timestamp: `function` has it already.
            let array = time::function(function, timestamp.array())?;
            return Ok(if timestamp.is_scalar() { Evaluated::Scalar(array) } else { Evaluated::Column(array) });
        }
        F::Now => volatile::now(input.context),
        F::Param => volatile::param(&columns()?, input.context)?,
        F::Pick | F::RandomInt | F::Random => volatile::random(function, &columns()?, rows, input.context)?,
        F::And | F::Or | F::Negate | F::Abs | F::Ceil | F::Floor | F::Trunc | F::Sign | F::Sqrt => {
            return Err(EvalError::new(format!("{} is called in a wrong way", function.name())));
        }
    };
    Ok(if scalar { Evaluated::Scalar(array) } else { Evaluated::Column(array) })
}

/// A row that was left out of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// Its index in the input.
    pub row: usize,
    /// Why.
    pub reason: String,
}

/// The results for the rows that can be evaluated, and the other rows.
#[derive(Debug)]
pub struct Isolated {
    /// One column per expression, one value per kept row.
    pub columns: Vec<ArrayRef>,
    /// The kept rows' indices in the input; `None`: all of them.
    pub kept: Option<UInt32Array>,
    /// The rows that failed, ascending.
    pub rejected: Vec<RejectedRow>,
}

/// Evaluates expressions over rows; where one fails, halves the rows until the failing ones stand alone.
pub fn eval_isolated(exprs: &[&Expr], columns: &[ArrayRef], rows: usize, context: &EvalContext) -> Isolated {
    let all = |columns: &[ArrayRef], rows: usize| {
        exprs.iter().map(|expr| expr.eval(columns, rows, context)).collect::<Result<Vec<_>, _>>()
    };
    if rows == 0 {
        return Isolated {
            columns: exprs.iter().map(|expr| expr.ty().empty()).collect(),
            kept: None,
            rejected: Vec::new(),
        };
    }
    if let Ok(columns) = all(columns, rows) {
        return Isolated { columns, kept: None, rejected: Vec::new() };
    }
    let mut pieces: Vec<Vec<ArrayRef>> = Vec::new();
    let mut kept: Vec<u32> = Vec::new();
    let mut rejected = Vec::new();
    // The halves still to do, the last one first in order.
    let mut todo = vec![(0, rows)];
    while let Some((start, len)) = todo.pop() {
        let slice: Vec<ArrayRef> = columns.iter().map(|column| column.slice(start, len)).collect();
        match all(&slice, len) {
            Ok(piece) => {
                pieces.push(piece);
                kept.extend(start as u32..(start + len) as u32);
            }
            Err(error) if len == 1 => rejected.push(RejectedRow { row: start, reason: error.reason }),
            Err(_) => {
                let half = len / 2;
                todo.push((start + half, len - half));
                todo.push((start, half));
            }
        }
    }
    let joined = (0..exprs.len()).map(|i| {
        let parts: Vec<&dyn Array> = pieces.iter().map(|piece| piece[i].as_ref()).collect();
        if parts.is_empty() { Ok(exprs[i].ty().empty()) } else { arrow_select::concat::concat(&parts) }
    });
    let columns = match joined.collect::<Result<Vec<_>, _>>() {
        Ok(columns) => columns,
        Err(error) => {
            // More than Arrow can hold in one column: then none of the rows goes on.
            rejected.extend(kept.drain(..).map(|row| RejectedRow { row: row as usize, reason: error.to_string() }));
            rejected.sort_by_key(|rejected| rejected.row);
            exprs.iter().map(|expr| expr.ty().empty()).collect()
        }
    };
    Isolated { columns, kept: Some(UInt32Array::from(kept)), rejected }
}
