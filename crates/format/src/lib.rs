//! Bytes to columns and back: JSON, text, int64, windowed keys.
//!
//! Never: knows topics or queries.

use engine::{Type, Value};

/// A column to read from records: the field's name, its type, and what a missing field becomes.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The name of the field.
    pub name: String,
    /// The type that its value must have.
    pub ty: Type,
    /// What a missing field becomes: NULL, or a value of type `ty`.
    pub default: Value,
}
