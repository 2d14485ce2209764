//! Group keys as bytes, for hashing and storing, and back.
//!
//! Not the key bytes of topics (those are [`crate::seam::KeyBytes`]'): a compact form that only this process sees.
//!
//! ```text
//! one TEXT or BYTEA column     its bytes
//! otherwise, per column:
//!   BOOLEAN                    1 B
//!   INT                        4 B
//!   BIGINT, TIMESTAMP, …       8 B
//!   DOUBLE                     8 B (one NaN, one zero)
//!   TEXT, BYTEA                length: 4 B, bytes
//! ```
//! Little-endian. Group keys have no NULL.

use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{DurationMillisecondType, Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{ArrayRef, BinaryArray, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use bytes::Bytes;

use crate::data_type::{self, Type, Value, double_bits};

/// The keys of rows without NULLs.
pub(crate) fn encode(types: &[Type], columns: &[ArrayRef], rows: usize) -> BinaryArray {
    match (types, columns) {
        // No copy: the text's own buffers serve.
        ([Type::Text | Type::Object], [column]) => return BinaryArray::from(column.as_string::<i32>().clone()),
        ([Type::Bytes], [column]) => return column.as_binary::<i32>().clone(),
        _ => {}
    }
    let mut out = BinaryBuilder::with_capacity(rows, rows * 8 * types.len());
    let mut key = Vec::new();
    for row in 0..rows {
        key.clear();
        for (ty, column) in types.iter().zip(columns) {
            encode_cell(*ty, column, row, &mut key);
        }
        out.append_value(&key);
    }
    out.finish()
}

fn encode_cell(ty: Type, column: &ArrayRef, row: usize, out: &mut Vec<u8>) {
    let bytes = |out: &mut Vec<u8>, bytes: &[u8]| {
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    match ty {
        Type::Boolean => out.push(u8::from(column.as_boolean().value(row))),
        Type::Int => out.extend_from_slice(&column.as_primitive::<Int32Type>().value(row).to_le_bytes()),
        Type::BigInt => out.extend_from_slice(&column.as_primitive::<Int64Type>().value(row).to_le_bytes()),
        Type::Timestamp => {
            out.extend_from_slice(&column.as_primitive::<TimestampMillisecondType>().value(row).to_le_bytes());
        }
        Type::Interval => {
            out.extend_from_slice(&column.as_primitive::<DurationMillisecondType>().value(row).to_le_bytes());
        }
        Type::Double => {
            out.extend_from_slice(&double_bits(column.as_primitive::<Float64Type>().value(row)).to_le_bytes());
        }
        Type::Text | Type::Object => bytes(out, column.as_string::<i32>().value(row).as_bytes()),
        Type::Bytes => bytes(out, column.as_binary::<i32>().value(row)),
    }
}

/// The columns of keys that [`encode`] wrote in this process.
pub(super) fn decode<'a>(types: &[Type], keys: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<ArrayRef> {
    match types {
        [Type::Text | Type::Object] => {
            let (ends, bytes) = join(keys);
            // The bytes came from texts: one look at all of them is all that is needed.
            let texts = StringArray::try_new(ends, bytes, None).expect("keys of a TEXT column are UTF-8");
            return vec![Arc::new(texts)];
        }
        [Type::Bytes] => {
            let (ends, bytes) = join(keys);
            return vec![Arc::new(BinaryArray::new(ends, bytes, None))];
        }
        _ => {}
    }
    let mut values: Vec<Vec<Value>> = types.iter().map(|_| Vec::new()).collect();
    for mut key in keys {
        for (ty, column) in types.iter().zip(&mut values) {
            column.push(decode_cell(*ty, &mut key).unwrap_or(Value::Null));
        }
    }
    types.iter().zip(&values).map(|(ty, values)| data_type::column(*ty, values)).collect()
}

/// All slices, one behind the other, as Arrow has them.
pub(super) fn join<'a>(slices: impl Iterator<Item = &'a [u8]>) -> (OffsetBuffer<i32>, Buffer) {
    let (mut ends, mut bytes) = (vec![0_i32], Vec::new());
    for slice in slices {
        bytes.extend_from_slice(slice);
        ends.push(i32::try_from(bytes.len()).expect("a superstep's keys stay far below 2 GiB"));
    }
    (OffsetBuffer::new(ScalarBuffer::from(ends)), Buffer::from_vec(bytes))
}

fn decode_cell(ty: Type, key: &mut &[u8]) -> Option<Value> {
    fn fixed<const N: usize>(key: &mut &[u8]) -> Option<[u8; N]> {
        let (head, rest) = key.split_first_chunk::<N>()?;
        *key = rest;
        Some(*head)
    }
    fn bytes<'a>(key: &mut &'a [u8]) -> Option<&'a [u8]> {
        let len = u32::from_le_bytes(fixed(key)?) as usize;
        let (head, rest) = key.split_at_checked(len)?;
        *key = rest;
        Some(head)
    }
    Some(match ty {
        Type::Boolean => Value::Boolean(fixed::<1>(key)?[0] != 0),
        Type::Int => Value::Int(i32::from_le_bytes(fixed(key)?)),
        Type::BigInt => Value::BigInt(i64::from_le_bytes(fixed(key)?)),
        Type::Timestamp => Value::Timestamp(i64::from_le_bytes(fixed(key)?)),
        Type::Interval => Value::Interval(i64::from_le_bytes(fixed(key)?)),
        Type::Double => Value::Double(f64::from_bits(u64::from_le_bytes(fixed(key)?))),
        Type::Text => Value::text(str::from_utf8(bytes(key)?).ok()?),
        Type::Object => Value::Object(Arc::from(str::from_utf8(bytes(key)?).ok()?)),
        Type::Bytes => Value::Bytes(Bytes::copy_from_slice(bytes(key)?)),
    })
}

#[cfg(test)]
mod tests;
