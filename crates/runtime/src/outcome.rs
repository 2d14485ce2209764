//! What statements answered, and why they were refused.
//!
//! Never: decides anything; plain data for `web` and the CLI.

use std::fmt;

use serde::Serialize;

use crate::status::{Column, Offsets, Row};

/// One statement of an [`execute`](crate::Instance::execute) call and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatementOutcome {
    /// Its number in the text, from 1.
    pub statement: usize,
    /// The first line (from 1) of the statement in the text.
    pub line: usize,
    /// `create_table`, `create_endpoint`, `drop`, `select`, `show` …
    pub kind: String,
    /// The object, if it has one.
    pub name: Option<String>,
    /// What came of it.
    pub outcome: OutcomeKind,
    /// More in words, e.g. why it was skipped.
    pub message: Option<String>,
    /// Columns of SELECT and SHOW.
    pub columns: Option<Vec<Column>>,
    /// Rows of SELECT and SHOW.
    pub rows: Option<Vec<Row>>,
    /// Offsets of SELECT.
    pub offsets: Option<Offsets>,
}

/// What came of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// The object was created and runs.
    Created,
    /// The same text and settings are already in force: nothing happened.
    Unchanged,
    /// A generator, sink or endpoint now runs with its new options.
    Changed,
    /// The object is gone.
    Dropped,
    /// A result.
    Rows,
    /// Left out, because the settings say so (`function.definition`).
    Skipped,
}

/// Why a text was refused as a whole; nothing of it was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecuteError {
    /// Errors in the text (400).
    Text(Vec<Diagnostic>),
    /// A stateful query has changed (409); names both texts and the ways out.
    Conflict(Vec<Diagnostic>),
    /// Not applied for another reason. Statements before the failing one may have been applied.
    Runtime(RuntimeError),
}

impl fmt::Display for ExecuteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(all) | Self::Conflict(all) => {
                for (i, one) in all.iter().enumerate() {
                    if i > 0 {
                        f.write_str("\n")?;
                    }
                    f.write_str(&one.rendered)?;
                }
                Ok(())
            }
            Self::Runtime(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ExecuteError {}

/// An error in a text: where, cause, fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The statement's number, from 1.
    pub statement: usize,
    /// Line in the text, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Length of the marked part in characters.
    pub length: usize,
    /// Stable name of the kind of error, e.g. `unknown_column`.
    pub code: String,
    /// What is wrong.
    pub cause: String,
    /// What to do about it.
    pub fix: Option<String>,
    /// The source line and a line of carets, for a fixed-width font.
    pub excerpt: String,
    /// The whole error as a terminal shows it.
    #[serde(skip)]
    pub rendered: String,
}

/// Why a look or an action failed; each kind is one next move of the caller (and one HTTP status).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeError {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// Stable name, e.g. `unknown_query`, `internal_topic`.
    pub code: &'static str,
    /// Cause.
    pub cause: String,
    /// What to do about it.
    pub fix: Option<String>,
}

/// What kind of failure: the caller's next move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No such object (404).
    NotFound,
    /// The request makes no sense (400).
    Invalid,
    /// Understood, and refused (403).
    Refused,
    /// Not now (503): starting, stopping, or the disk does not take writes.
    Unavailable,
    /// Our own failure (500).
    Internal,
}

impl RuntimeError {
    pub(crate) fn new(kind: ErrorKind, code: &'static str, cause: impl Into<String>) -> Self {
        Self { kind, code, cause: cause.into(), fix: None }
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The HTTP status of this kind.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.kind {
            ErrorKind::NotFound => 404,
            ErrorKind::Invalid => 400,
            ErrorKind::Refused => 403,
            ErrorKind::Unavailable => 503,
            ErrorKind::Internal => 500,
        }
    }
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fix {
            Some(fix) => write!(f, "{}; {fix}", self.cause),
            None => f.write_str(&self.cause),
        }
    }
}

impl std::error::Error for RuntimeError {}
