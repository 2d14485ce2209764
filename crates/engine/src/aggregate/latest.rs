//! earliest_by_offset and latest_by_offset, and the encoding of one value (drawn in `extreme`).

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use bytes::Bytes;

use super::accumulator::{Accumulator, DecodeError, take, take_slice};
use crate::data_type::{self, Type, Value};

/// The first or the last value that is not NULL.
#[derive(Debug, Clone)]
pub(super) struct ByOffset {
    ty: Type,
    earliest: bool,
    values: Vec<Value>,
}

impl ByOffset {
    pub(super) fn new(ty: Type, earliest: bool) -> Self {
        Self { ty, earliest, values: Vec::new() }
    }

    fn wants(&self, slot: u32) -> bool {
        !self.earliest || self.values[slot as usize].is_null()
    }
}

impl Accumulator for ByOffset {
    fn grow(&mut self, groups: usize) {
        self.values.resize(groups, Value::Null);
    }

    fn update(&mut self, args: &[ArrayRef], rows: &[u32], slots: &[u32]) {
        for (row, slot) in rows.iter().zip(slots) {
            if args[0].is_valid(*row as usize) && self.wants(*slot) {
                self.values[*slot as usize] = Value::at(&args[0], self.ty, *row as usize);
            }
        }
    }

    fn read(&self, slots: &[u32]) -> ArrayRef {
        data_type::column(self.ty, slots.iter().map(|slot| &self.values[*slot as usize]))
    }

    fn value(&self, slot: u32) -> Value {
        self.values[slot as usize].clone()
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut &[u8]) -> Result<(), DecodeError> {
        let value = decode_value(self.ty, state)?;
        if !value.is_null() && self.wants(slot) {
            self.values[slot as usize] = value;
        }
        Ok(())
    }

    fn remove(&mut self, slot: u32) {
        self.values[slot as usize] = Value::Null;
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        encode_value(&self.values[slot as usize], out);
    }

    fn size_bytes(&self) -> usize {
        values_bytes(&self.values)
    }

    fn boxed(&self) -> Box<dyn Accumulator> {
        Box::new(self.clone())
    }
}

/// The memory of values, roughly.
pub(super) fn values_bytes(values: &[Value]) -> usize {
    let heap = |value: &Value| match value {
        Value::Text(text) | Value::Object(text) => text.len() + 16,
        Value::Bytes(bytes) => bytes.len() + 16,
        _ => 0,
    };
    size_of_val(values) + values.iter().map(heap).sum::<usize>()
}

/// Appends one value: see the picture in `extreme`.
pub(super) fn encode_value(value: &Value, out: &mut Vec<u8>) {
    out.push(u8::from(!value.is_null()));
    let bytes = |out: &mut Vec<u8>, bytes: &[u8]| {
        out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(bytes);
    };
    match value {
        Value::Null => {}
        Value::Boolean(value) => out.extend_from_slice(&i64::from(*value).to_be_bytes()),
        Value::Int(value) => out.extend_from_slice(&i64::from(*value).to_be_bytes()),
        Value::BigInt(value) | Value::Timestamp(value) | Value::Interval(value) => {
            out.extend_from_slice(&value.to_be_bytes());
        }
        Value::Double(value) => out.extend_from_slice(&value.to_be_bytes()),
        Value::Text(text) | Value::Object(text) => bytes(out, text.as_bytes()),
        Value::Bytes(value) => bytes(out, value),
    }
}

/// Reads one value.
pub(super) fn decode_value(ty: Type, input: &mut &[u8]) -> Result<Value, DecodeError> {
    if take::<1>(input)?[0] == 0 {
        return Ok(Value::Null);
    }
    let long = |input: &mut &[u8]| Ok::<i64, DecodeError>(i64::from_be_bytes(take(input)?));
    let bytes = |input: &mut &[u8]| -> Result<Vec<u8>, DecodeError> {
        let len = u32::from_be_bytes(take(input)?) as usize;
        Ok(take_slice(input, len)?.to_vec())
    };
    let text = |input: &mut &[u8]| -> Result<Arc<str>, DecodeError> {
        let text = String::from_utf8(bytes(input)?).map_err(|_| DecodeError::new("the state holds invalid UTF-8"))?;
        Ok(Arc::from(text))
    };
    Ok(match ty {
        Type::Boolean => Value::Boolean(long(input)? != 0),
        Type::Int => Value::Int(i32::try_from(long(input)?).map_err(|_| DecodeError::new("an INT is out of range"))?),
        Type::BigInt => Value::BigInt(long(input)?),
        Type::Timestamp => Value::Timestamp(long(input)?),
        Type::Interval => Value::Interval(long(input)?),
        Type::Double => Value::Double(f64::from_be_bytes(take(input)?)),
        Type::Text => Value::Text(text(input)?),
        Type::Object => Value::Object(text(input)?),
        Type::Bytes => Value::Bytes(Bytes::from(bytes(input)?)),
    })
}
