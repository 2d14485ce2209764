//! Columns to record values.

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{DurationMillisecondType, Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, BinaryArray};
use engine::{Type, base64};

use crate::{FormatError, ValueFormat, time};

/// Which of the two texts a TIMESTAMP takes in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampText {
    /// `2022-06-09T00:00:05.000+00:00`: in records and the user's endpoints.
    #[default]
    OffsetDateTime,
    /// `2022-06-09T00:00:05Z`: everywhere else.
    Instant,
}

/// Writes columns as the values of records.
#[derive(Debug, Clone)]
pub struct Encoder {
    format: ValueFormat,
    /// `"name":` of each column, quoted once.
    names: Vec<Vec<u8>>,
    types: Vec<Type>,
    timestamps: TimestampText,
}

impl Encoder {
    /// An encoder for these columns. JSON takes any, the others exactly one of their type.
    pub fn compile(format: ValueFormat, columns: &[(String, Type)]) -> Result<Self, FormatError> {
        let wanted: &[Type] = match format {
            ValueFormat::Json => &Type::ALL,
            ValueFormat::Text => &[Type::Text, Type::Object],
            ValueFormat::Int64 => &[Type::BigInt],
            ValueFormat::Raw => &[Type::Bytes, Type::Text],
        };
        let refuse = |reason: String| Err(FormatError { format: format.name(), reason });
        if format != ValueFormat::Json && columns.len() != 1 {
            return refuse(format!("it holds one column, not {}", columns.len()));
        }
        if let Some((name, ty)) = columns.iter().find(|(_, ty)| !wanted.contains(ty)) {
            return refuse(format!("column `{name}` is {ty}"));
        }
        let names = columns.iter().map(|(name, _)| {
            let mut quoted = Vec::with_capacity(name.len() + 3);
            write_text(&mut quoted, name);
            quoted.push(b':');
            quoted
        });
        let names = names.collect();
        let types = columns.iter().map(|(_, ty)| *ty).collect();
        Ok(Self { format, names, types, timestamps: TimestampText::default() })
    }

    /// The same with another text for timestamps.
    pub fn with_timestamps(mut self, timestamps: TimestampText) -> Self {
        self.timestamps = timestamps;
        self
    }

    /// The values of `rows` records. A NULL in a format of one column is a null value (a tombstone); a JSON object
    /// writes it.
    pub fn encode(&self, columns: &[ArrayRef], rows: usize) -> BinaryArray {
        let mut out = BinaryBuilder::with_capacity(rows, rows * 16 * self.types.len().max(1));
        let mut value = Vec::with_capacity(128);
        for row in 0..rows {
            value.clear();
            if self.write_row(&mut value, columns, row) {
                out.append_value(&value);
            } else {
                out.append_null();
            }
        }
        out.finish()
    }

    /// Appends the value of one row; false: it is null.
    pub fn write_row(&self, out: &mut Vec<u8>, columns: &[ArrayRef], row: usize) -> bool {
        if self.format == ValueFormat::Json {
            out.push(b'{');
            for (i, ((name, ty), column)) in self.names.iter().zip(&self.types).zip(columns).enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(name);
                write_json(out, column, *ty, row, self.timestamps);
            }
            out.push(b'}');
            return true;
        }
        let Some(column) = columns.first().filter(|column| column.is_valid(row)) else { return false };
        match self.types[0] {
            Type::BigInt => out.extend_from_slice(&column.as_primitive::<Int64Type>().value(row).to_be_bytes()),
            Type::Bytes => out.extend_from_slice(column.as_binary::<i32>().value(row)),
            _ => out.extend_from_slice(column.as_string::<i32>().value(row).as_bytes()),
        }
        true
    }
}

/// Appends one cell as a JSON value.
pub fn write_json(out: &mut Vec<u8>, column: &dyn Array, ty: Type, row: usize, timestamps: TimestampText) {
    if column.is_null(row) {
        out.extend_from_slice(b"null");
        return;
    }
    match ty {
        Type::Boolean => out.extend_from_slice(if column.as_boolean().value(row) { b"true" } else { b"false" }),
        Type::Int => write_integer(out, column.as_primitive::<Int32Type>().value(row).into()),
        Type::BigInt => write_integer(out, column.as_primitive::<Int64Type>().value(row)),
        Type::Interval => write_integer(out, column.as_primitive::<DurationMillisecondType>().value(row)),
        Type::Double => {
            // JSON has no NaN and no infinities: `serde_json` writes null. Writing to a Vec does not fail.
            let _ = serde_json::to_writer(&mut *out, &column.as_primitive::<Float64Type>().value(row));
        }
        Type::Text => write_text(out, column.as_string::<i32>().value(row)),
        // The text of an object is JSON already.
        Type::Object => out.extend_from_slice(column.as_string::<i32>().value(row).as_bytes()),
        Type::Bytes => {
            out.push(b'"');
            base64::write(out, column.as_binary::<i32>().value(row));
            out.push(b'"');
        }
        Type::Timestamp => {
            let ms = column.as_primitive::<TimestampMillisecondType>().value(row);
            out.push(b'"');
            match timestamps {
                TimestampText::OffsetDateTime => time::write_offset_date_time(out, ms),
                TimestampText::Instant => out.extend_from_slice(time::instant_text(ms).as_bytes()),
            }
            out.push(b'"');
        }
    }
}

/// Appends a JSON text.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    // Writing a str to a Vec does not fail.
    let _ = serde_json::to_writer(&mut *out, text);
}

fn write_integer(out: &mut Vec<u8>, value: i64) {
    let _ = serde_json::to_writer(&mut *out, &value);
}

#[cfg(test)]
mod tests;
