//! Bytes to columns and back: JSON, text, 64-bit integers, raw bytes, keys, windowed keys, timestamps.
//!
//! Owns: how a record's key and value are laid out, and what makes a record a bad one. A [`Decoder`] is compiled for
//! the columns that a query uses and reads only those; a bad record is told with field, expected and found, and never
//! stops the others.
//!
//! Never: knows topics or queries, does I/O.

pub mod json;
pub mod key;
pub mod time;
pub mod windowed;

mod columns;
mod decode;
mod encode;

pub use decode::{BadRow, Decoded, Decoder, Rows};
pub use encode::{Encoder, TimestampText};
pub use key::{EncodedKeys, KeyFormat, PrimitiveKeys};

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

impl Column {
    /// A column whose missing field is NULL.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self { name: name.into(), ty, default: Value::Null }
    }
}

/// How a record's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueFormat {
    /// One JSON object, its fields the columns.
    Json,
    /// One text, UTF-8.
    Text,
    /// One 64-bit integer, big-endian (Kafka's LongSerializer).
    Int64,
    /// One column of bytes as they are.
    Raw,
}

impl ValueFormat {
    /// The format of that name in SQL.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "json" => ValueFormat::Json,
            "text" => ValueFormat::Text,
            "int64" => ValueFormat::Int64,
            "raw" => ValueFormat::Raw,
            _ => return None,
        })
    }

    /// The name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            ValueFormat::Json => "json",
            ValueFormat::Text => "text",
            ValueFormat::Int64 => "int64",
            ValueFormat::Raw => "raw",
        }
    }
}

/// Why columns and a format do not go together: the plan must be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    /// The format.
    pub format: &'static str,
    /// What does not fit.
    pub reason: String,
}

impl std::fmt::Display for FormatError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the format {} does not fit: {}", self.format, self.reason)
    }
}

impl std::error::Error for FormatError {}
