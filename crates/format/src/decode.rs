//! Record values to columns, by a decoder compiled for the columns that are wanted.

use arrow_array::ArrayRef;
use engine::Type;

use crate::columns::{Builder, Slot};
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
        let mut rows = self.rows(values.size_hint().0);
        let mut bad = Vec::new();
        for (row, value) in values.enumerate() {
            if let Err(reason) = rows.push(value) {
                bad.push(BadRow { row, reason });
            }
        }
        let (columns, rows) = rows.finish();
        Decoded { columns, rows, bad }
    }

    /// Rows to which values are added one by one; room for `expected`.
    pub fn rows(&self, expected: usize) -> Rows<'_> {
        let builders =
            self.columns.iter().map(|column| Builder::new(column.ty, column.default.clone(), expected)).collect();
        Rows { decoder: self, builders, reader: json::Reader::default(), rows: 0 }
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

/// Columns in the making.
#[derive(Debug)]
pub struct Rows<'d> {
    decoder: &'d Decoder,
    builders: Vec<Builder>,
    reader: json::Reader,
    rows: usize,
}

impl Rows<'_> {
    /// Adds a value. The reason why it is a bad one: then no row was added.
    #[inline]
    pub fn push(&mut self, value: Option<&[u8]>) -> Result<(), String> {
        match (value, self.decoder.format) {
            (None, _) => self.builders.iter_mut().for_each(Builder::push_null),
            (Some(bytes), ValueFormat::Json) => {
                self.reader.read(bytes, &self.decoder.columns, &mut self.builders, self.rows)?;
            }
            (Some(bytes), _) => {
                let slot = self.decoder.single(bytes)?;
                self.builders.iter_mut().for_each(|builder| builder.push(slot));
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// How many were added.
    #[inline]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// One array for each wanted column, and the number of rows.
    pub fn finish(self) -> (Vec<ArrayRef>, usize) {
        (self.builders.into_iter().map(Builder::finish).collect(), self.rows)
    }
}

#[cfg(test)]
mod tests;
