//! Record values to columns, by a decoder compiled for the columns that are wanted.

use arrow_array::ArrayRef;
use engine::Type;

use crate::columns::{Builder, Slot};
use crate::json::Row;
use crate::{Column, FormatError, ValueFormat, json};

/// Reads the values of records into columns.
#[derive(Debug, Clone)]
pub struct Decoder {
    format: ValueFormat,
    columns: Vec<Column>,
}

/// Decoded records: the good ones as columns, the bad ones by name.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// One array for each wanted column, each of `rows` values.
    pub columns: Vec<ArrayRef>,
    /// The number of good records.
    pub rows: usize,
    /// The bad records, ascending; the good ones are all others, in order.
    pub bad: Vec<BadRow>,
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Its position among the values given.
    pub row: usize,
    /// Why: field, expected, found.
    pub reason: String,
}

impl Decoder {
    /// A decoder for these columns. JSON takes any number, the others at most one of their type (none: only rows are
    /// counted).
    pub fn compile(format: ValueFormat, columns: &[Column]) -> Result<Self, FormatError> {
        let wanted: &[Type] = match format {
            ValueFormat::Json => &Type::ALL,
            ValueFormat::Text => &[Type::Text],
            ValueFormat::Int64 => &[Type::BigInt],
            ValueFormat::Raw => &[Type::Bytes, Type::Text],
        };
        let refuse = |reason: String| Err(FormatError { format: format.name(), reason });
        if format != ValueFormat::Json && columns.len() > 1 {
            return refuse(format!("it holds one column, not {}", columns.len()));
        }
        if let Some(column) = columns.iter().find(|column| !wanted.contains(&column.ty) || column.ty == Type::Interval)
        {
            return refuse(format!("column `{}` is {}", column.name, column.ty));
        }
        Ok(Self { format, columns: columns.to_vec() })
    }

    /// The columns that it reads.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Reads values in order. A null value (a tombstone) is a row of NULLs.
    pub fn decode<'a>(&self, values: impl IntoIterator<Item = Option<&'a [u8]>>) -> Decoded {
        let values = values.into_iter();
        let expected = values.size_hint().0;
        let mut builders: Vec<Builder> =
            self.columns.iter().map(|column| Builder::new(column.ty, column.default.clone(), expected)).collect();
        let mut slots: Vec<Slot<'a>> = vec![Slot::Missing; self.columns.len()];
        let mut bad = Vec::new();
        let mut rows = 0;
        for (row, value) in values.enumerate() {
            let Some(bytes) = value else {
                builders.iter_mut().for_each(Builder::push_null);
                rows += 1;
                continue;
            };
            let read = match self.format {
                ValueFormat::Json => json::read(bytes, &self.columns, &mut slots),
                _ => match self.single(bytes) {
                    Ok(slot) => {
                        slots.iter_mut().for_each(|first| *first = slot);
                        Row::Scanned
                    }
                    Err(reason) => Row::Bad(reason),
                },
            };
            match read {
                Row::Scanned => builders.iter_mut().zip(&slots).for_each(|(builder, slot)| builder.push(*slot)),
                Row::Read(fields) => {
                    builders.iter_mut().zip(&fields).for_each(|(builder, field)| builder.push(field.slot()));
                }
                Row::Bad(reason) => {
                    bad.push(BadRow { row, reason });
                    continue;
                }
            }
            rows += 1;
        }
        Decoded { columns: builders.into_iter().map(Builder::finish).collect(), rows, bad }
    }

    /// The value of a format that holds one column.
    fn single<'a>(&self, bytes: &'a [u8]) -> Result<Slot<'a>, String> {
        match self.format {
            ValueFormat::Int64 => match <[u8; 8]>::try_from(bytes) {
                Ok(eight) => Ok(Slot::Integer(i64::from_be_bytes(eight))),
                Err(_) => Err(format!("expected 8 bytes (int64), found {}", bytes.len())),
            },
            ValueFormat::Raw if self.columns.first().is_none_or(|column| column.ty == Type::Bytes) => {
                Ok(Slot::Bytes(bytes))
            }
            _ => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Slot::Text(text)),
                Err(error) => Err(format!("expected UTF-8 text, found a wrong byte at {}", error.valid_up_to())),
            },
        }
    }
}

#[cfg(test)]
mod tests;
