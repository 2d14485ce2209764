//! Evaluation of an expression over columns.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

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
}

/// A row that was left out of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// Its index in the input.
    pub row: usize,
    /// Why.
    pub reason: String,
}
