//! SQL text to bound, typed plans for `engine`.
//!
//! Owns the dialect (ksqlDB's streams and tables, PostgreSQL's expressions, window table functions, `EMIT`, `WITH
//! (…)`), the settings that fill `${name:default}`, the catalogue of declared objects, the functions that SQL can
//! name, and the diagnostics: each carries line, column, caret, cause and fix.
//!
//! The way of a statement: [`parse`] (text → [`Statement`], names still text) → [`bind`] (names and types resolved
//! against a [`Catalog`], options checked) → [`Catalog::insert`] → [`Catalog::topology_of`] (all statements that are
//! linked through objects without a topic become one engine topology).
//!
//! Never: executes anything, does I/O, reads a clock or the environment.

pub mod ast;
pub mod bind;
pub mod catalog;
pub mod describe;
pub mod diagnostic;
pub mod duration;
pub mod settings;
pub mod suggest;
pub mod topology;

mod fuzz;
mod lexer;
mod options;
mod parser;

pub use ast::{Statement, StatementKind};
pub use bind::{Bound, Change, bind};
pub use catalog::{Catalog, Object};
pub use diagnostic::{Code, Diagnostic, Severity, Source, Span};
pub use fuzz::fuzz_text;
pub use parser::{parse, parse_canonical};
pub use settings::{SettingUse, Settings, setting_uses};
pub use topology::TopologyPlan;

#[cfg(test)]
mod tests;
