//! Keys: columns to the bytes of a record's key, and back.
//!
//! | key | bytes |
//! |---|---|
//! | one TEXT | UTF-8 (StringSerializer) |
//! | one BIGINT or TIMESTAMP | 8 bytes BE (LongSerializer; a TIMESTAMP in ms) |
//! | one INT | 4 bytes BE (IntegerSerializer) |
//! | one DOUBLE | 8 bytes BE (DoubleSerializer) |
//! | one BOOLEAN | 1 byte (BooleanSerializer) |
//! | one BYTEA | as it is |
//! | several columns | a JSON array: `["P1",5,null]` |
//! | of a windowed table | the above, then the window's start (`windowed`) |
//!
//! Never: chooses a partition.

use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, BinaryArray};
use engine::batch::{KeyColumns, Keys};
use engine::seam::KeyBytes;
use engine::{Type, Value};

use crate::columns::{Builder, Slot};
use crate::encode::{TimestampText, write_json};
use crate::{Column, json, windowed};

/// How a record's key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyFormat {
    /// Kafka's own serializers for one column, a JSON array for several.
    Kafka,
    /// One text.
    Text,
    /// One 64-bit integer, big-endian.
    Int64,
    /// JSON, one column too.
    Json,
    /// No key is written.
    None,
}

impl KeyFormat {
    /// The format of that name in SQL.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "kafka" => KeyFormat::Kafka,
            "text" => KeyFormat::Text,
            "int64" => KeyFormat::Int64,
            "json" => KeyFormat::Json,
            "none" => KeyFormat::None,
            _ => return None,
        })
    }

    /// The bytes of the keys of rows on their way to a topic.
    ///
    /// Text and Int64 write what Kafka's serializers write: the binder sees to it that the key has that type.
    pub fn encode(self, keys: &Keys) -> EncodedKeys {
        match (self, keys) {
            (KeyFormat::None, _) | (_, Keys::None) => EncodedKeys { keys: None, partition_by: None },
            (_, Keys::Bytes(bytes)) => EncodedKeys { keys: Some(bytes.clone()), partition_by: None },
            (_, Keys::Columns(key)) => EncodedKeys { keys: Some(self.columns(key)), partition_by: None },
            (_, Keys::Windowed { key, window_starts, .. }) => {
                let base = self.columns(key);
                let mut out = BinaryBuilder::with_capacity(base.len(), base.value_data().len() + 8 * base.len());
                let mut bytes = Vec::with_capacity(64);
                for (row, start) in window_starts.iter().enumerate() {
                    if base.is_null(row) {
                        out.append_null();
                        continue;
                    }
                    bytes.clear();
                    windowed::write_output_key(&mut bytes, base.value(row), *start);
                    out.append_value(&bytes);
                }
                EncodedKeys { keys: Some(out.finish()), partition_by: Some(base) }
            }
        }
    }

    fn columns(self, key: &KeyColumns) -> BinaryArray {
        match self {
            KeyFormat::Json if key.types.len() == 1 => json_keys(&key.types, &key.columns, false),
            _ => PrimitiveKeys.encode(&key.types, &key.columns),
        }
    }
}

/// Keys as bytes.
#[derive(Debug, Clone)]
pub struct EncodedKeys {
    /// The keys; a null one is a record without a key. `None`: no record has one.
    pub keys: Option<BinaryArray>,
    /// What the partition is chosen by, where that is not the key itself: windowed keys are partitioned by the key
    /// proper (Kafka Streams' WindowedStreamPartitioner).
    pub partition_by: Option<BinaryArray>,
}

/// The engine's key bytes: Kafka's own serializers for one column, a JSON array for several.
#[derive(Debug, Clone, Copy, Default)]
pub struct PrimitiveKeys;

impl KeyBytes for PrimitiveKeys {
    fn encode(&self, types: &[Type], columns: &[ArrayRef]) -> BinaryArray {
        let ([ty], [column]) = (types, columns) else { return json_keys(types, columns, true) };
        let rows = column.len();
        macro_rules! each {
            ($array:expr, $bytes:expr) => {{
                let array = $array;
                let mut out = BinaryBuilder::with_capacity(rows, rows * 8);
                for row in 0..rows {
                    if array.is_null(row) {
                        out.append_null();
                    } else {
                        out.append_value($bytes(array.value(row)));
                    }
                }
                out.finish()
            }};
        }
        match ty {
            Type::Text | Type::Object => each!(column.as_string::<i32>(), str::as_bytes),
            Type::Bytes => column.as_binary::<i32>().clone(),
            Type::BigInt => each!(column.as_primitive::<Int64Type>(), i64::to_be_bytes),
            Type::Timestamp => each!(column.as_primitive::<TimestampMillisecondType>(), i64::to_be_bytes),
            Type::Int => each!(column.as_primitive::<Int32Type>(), i32::to_be_bytes),
            Type::Double => each!(column.as_primitive::<Float64Type>(), f64::to_be_bytes),
            Type::Boolean => each!(column.as_boolean(), |value: bool| [u8::from(value)]),
            Type::Interval => json_keys(types, columns, true),
        }
    }

    fn decode(&self, types: &[Type], keys: &BinaryArray) -> Result<Vec<ArrayRef>, String> {
        if types.len() != 1 || types[0] == Type::Interval {
            return read_json_keys(types, keys);
        }
        let ty = types[0];
        let mut builder = Builder::new(ty, Value::Null, keys.len());
        for key in keys {
            let Some(bytes) = key else {
                builder.push_null();
                continue;
            };
            let slot = primitive(ty, bytes).ok_or_else(|| format!("a key of {} bytes is no {ty}", bytes.len()))?;
            builder.push(slot);
        }
        Ok(vec![builder.finish()])
    }
}

/// One key of one column.
fn primitive(ty: Type, bytes: &[u8]) -> Option<Slot<'_>> {
    let eight = || <[u8; 8]>::try_from(bytes).ok();
    Some(match ty {
        Type::Text | Type::Object => Slot::Text(std::str::from_utf8(bytes).ok()?),
        Type::Bytes => Slot::Bytes(bytes),
        Type::BigInt | Type::Timestamp | Type::Interval => Slot::Integer(i64::from_be_bytes(eight()?)),
        Type::Int => Slot::Integer(i32::from_be_bytes(<[u8; 4]>::try_from(bytes).ok()?).into()),
        Type::Double => Slot::Double(f64::from_be_bytes(eight()?)),
        Type::Boolean => match bytes {
            [0] => Slot::Boolean(false),
            [1] => Slot::Boolean(true),
            _ => return None,
        },
    })
}

/// `["P1",5]` for each row; without `array` the bare value of the one column, NULL being no key.
fn json_keys(types: &[Type], columns: &[ArrayRef], array: bool) -> BinaryArray {
    let rows = columns.first().map_or(0, Array::len);
    let mut out = BinaryBuilder::with_capacity(rows, rows * 16);
    let mut bytes = Vec::with_capacity(64);
    for row in 0..rows {
        bytes.clear();
        if array {
            bytes.push(b'[');
        } else if columns.first().is_some_and(|column| column.is_null(row)) {
            out.append_null();
            continue;
        }
        for (i, (ty, column)) in types.iter().zip(columns).enumerate() {
            if i > 0 {
                bytes.push(b',');
            }
            write_json(&mut bytes, column, *ty, row, TimestampText::OffsetDateTime);
        }
        if array {
            bytes.push(b']');
        }
        out.append_value(&bytes);
    }
    out.finish()
}

fn read_json_keys(types: &[Type], keys: &BinaryArray) -> Result<Vec<ArrayRef>, String> {
    let columns: Vec<Column> =
        types.iter().enumerate().map(|(i, ty)| Column::new(format!("key {}", i + 1), *ty)).collect();
    let mut builders: Vec<Builder> = types.iter().map(|ty| Builder::new(*ty, Value::Null, keys.len())).collect();
    for key in keys {
        let Some(bytes) = key else {
            builders.iter_mut().for_each(Builder::push_null);
            continue;
        };
        let text = std::str::from_utf8(bytes).map_err(|_| "a key is not UTF-8".to_string())?;
        let parts = json::array(text).ok_or_else(|| format!("a key is no JSON array of {} values", types.len()))?;
        if parts.len() != types.len() {
            return Err(format!("a key has {} parts, expected {}", parts.len(), types.len()));
        }
        for ((part, column), builder) in parts.into_iter().zip(&columns).zip(&mut builders) {
            builder.push(json::coerce(part, column)?.slot());
        }
    }
    Ok(builders.into_iter().map(Builder::finish).collect())
}

/// The engine's key bytes, shared.
pub fn primitive_keys() -> Arc<dyn KeyBytes> {
    Arc::new(PrimitiveKeys)
}

#[cfg(test)]
mod tests;
