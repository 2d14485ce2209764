//! min and max.
//!
//! ```text
//! present: 1 B (0 or 1)   value (absent when not present):
//!   BOOLEAN, INT, BIGINT, TIMESTAMP, INTERVAL  8 B big-endian integer
//!   DOUBLE                                     8 B big-endian IEEE 754
//!   TEXT, BYTEA                                length: 4 B big-endian, bytes
//! ```

use arrow_array::cast::AsArray;
use arrow_array::types::{DurationMillisecondType, Int32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef};

use super::accumulator::{Accumulator, DecodeError};
use super::latest::{decode_value, encode_value};
use crate::data_type::{self, Type, Value};

/// The accumulator for a type.
pub(super) fn accumulator(ty: Type, max: bool) -> Box<dyn Accumulator> {
    match ty {
        Type::Int | Type::BigInt | Type::Timestamp | Type::Interval => {
            Box::new(IntegerExtreme { ty, max, values: Vec::new(), present: Vec::new() })
        }
        _ => Box::new(ValueExtreme { ty, max, values: Vec::new() }),
    }
}

/// min or max of whatever is an integer inside.
#[derive(Debug, Clone)]
struct IntegerExtreme {
    ty: Type,
    max: bool,
    values: Vec<i64>,
    present: Vec<bool>,
}

impl IntegerExtreme {
    fn offer(&mut self, slot: usize, value: i64) {
        let best = &mut self.values[slot];
        if !self.present[slot] || (value > *best) == self.max {
            *best = value;
            self.present[slot] = true;
        }
    }

    fn to_value(&self, value: i64) -> Value {
        match self.ty {
            Type::Int => Value::Int(value as i32),
            Type::Timestamp => Value::Timestamp(value),
            Type::Interval => Value::Interval(value),
            _ => Value::BigInt(value),
        }
    }
}

impl Accumulator for IntegerExtreme {
    fn grow(&mut self, groups: usize) {
        self.values.resize(groups, 0);
        self.present.resize(groups, false);
    }

    fn update(&mut self, args: &[ArrayRef], rows: &[u32], slots: &[u32]) {
        let column = &args[0];
        let nulls = column.nulls().cloned();
        let valid = |row: u32| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row as usize));
        let longs = match self.ty {
            Type::Int => {
                let ints = column.as_primitive::<Int32Type>().values();
                for (row, slot) in rows.iter().zip(slots).filter(|(row, _)| valid(**row)) {
                    self.offer(*slot as usize, i64::from(ints[*row as usize]));
                }
                return;
            }
            Type::Timestamp => column.as_primitive::<TimestampMillisecondType>().values(),
            Type::Interval => column.as_primitive::<DurationMillisecondType>().values(),
            _ => column.as_primitive::<Int64Type>().values(),
        };
        for (row, slot) in rows.iter().zip(slots).filter(|(row, _)| valid(**row)) {
            self.offer(*slot as usize, longs[*row as usize]);
        }
    }

    fn read(&self, slots: &[u32]) -> ArrayRef {
        let values: Vec<Value> = slots.iter().map(|slot| self.value(*slot)).collect();
        data_type::column(self.ty, &values)
    }

    fn value(&self, slot: u32) -> Value {
        let slot = slot as usize;
        if self.present[slot] { self.to_value(self.values[slot]) } else { Value::Null }
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut &[u8]) -> Result<(), DecodeError> {
        let value = match decode_value(self.ty, state)? {
            Value::Int(value) => i64::from(value),
            Value::BigInt(value) | Value::Timestamp(value) | Value::Interval(value) => value,
            _ => return Ok(()),
        };
        self.offer(slot as usize, value);
        Ok(())
    }

    fn remove(&mut self, slot: u32) {
        self.present[slot as usize] = false;
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        encode_value(&self.value(slot), out);
    }

    fn size_bytes(&self) -> usize {
        self.values.capacity() * 8 + self.present.capacity()
    }

    fn boxed(&self) -> Box<dyn Accumulator> {
        Box::new(self.clone())
    }
}

/// min or max of the other types.
#[derive(Debug, Clone)]
struct ValueExtreme {
    ty: Type,
    max: bool,
    values: Vec<Value>,
}

impl ValueExtreme {
    fn offer(&mut self, slot: usize, value: Value) {
        let best = &mut self.values[slot];
        if !value.is_null() && (best.is_null() || if self.max { value > *best } else { value < *best }) {
            *best = value;
        }
    }
}

impl Accumulator for ValueExtreme {
    fn grow(&mut self, groups: usize) {
        self.values.resize(groups, Value::Null);
    }

    fn update(&mut self, args: &[ArrayRef], rows: &[u32], slots: &[u32]) {
        for (row, slot) in rows.iter().zip(slots) {
            let row = *row as usize;
            // A text that does not win needs no copy.
            if let (Value::Text(best), Type::Text) = (&self.values[*slot as usize], self.ty)
                && args[0].is_valid(row)
            {
                let text = args[0].as_string::<i32>().value(row);
                if if self.max { text <= &**best } else { text >= &**best } {
                    continue;
                }
            }
            self.offer(*slot as usize, Value::at(&args[0], self.ty, row));
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
        self.offer(slot as usize, value);
        Ok(())
    }

    fn remove(&mut self, slot: u32) {
        self.values[slot as usize] = Value::Null;
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        encode_value(&self.values[slot as usize], out);
    }

    fn size_bytes(&self) -> usize {
        super::latest::values_bytes(&self.values)
    }

    fn boxed(&self) -> Box<dyn Accumulator> {
        Box::new(self.clone())
    }
}
