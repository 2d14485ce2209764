//! count, sum and avg.
//!
//! ```text
//! count        rows: 8 B
//! sum integer  present: 1 B (0 or 1)   sum: 8 B
//! sum double   present: 1 B            sum: 8 B (IEEE 754)
//! avg integer  count: 8 B              sum: 16 B
//! avg double   count: 8 B              sum: 8 B (IEEE 754)
//! ```
//! All big-endian.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{DurationMillisecondType, Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, DurationMillisecondArray, Float64Array, Int64Array};

use super::accumulator::{Accumulator, DecodeError, take};
use crate::data_type::{Type, Value};
use crate::expr::EvalError;

/// count(*) and count(x).
#[derive(Debug, Clone, Default)]
pub(super) struct Count {
    counts: Vec<i64>,
}

impl Accumulator for Count {
    fn grow(&mut self, groups: usize) {
        self.counts.resize(groups, 0);
    }

    fn update(&mut self, args: &[ArrayRef], rows: &[u32], slots: &[u32]) {
        match args.first() {
            Some(column) if column.null_count() > 0 => {
                for (row, slot) in rows.iter().zip(slots) {
                    self.counts[*slot as usize] += i64::from(column.is_valid(*row as usize));
                }
            }
            _ => {
                for slot in slots {
                    self.counts[*slot as usize] += 1;
                }
            }
        }
    }

    fn read(&self, slots: &[u32]) -> ArrayRef {
        Arc::new(slots.iter().map(|slot| self.counts[*slot as usize]).collect::<Int64Array>())
    }

    fn value(&self, slot: u32) -> Value {
        Value::BigInt(self.counts[slot as usize])
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut &[u8]) -> Result<(), DecodeError> {
        let count = &mut self.counts[slot as usize];
        *count = count.saturating_add(i64::from_be_bytes(take(state)?));
        Ok(())
    }

    fn remove(&mut self, slot: u32) {
        self.counts[slot as usize] = 0;
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.counts[slot as usize].to_be_bytes());
    }

    fn size_bytes(&self) -> usize {
        self.counts.capacity() * 8
    }

    fn boxed(&self) -> Box<dyn Accumulator> {
        Box::new(self.clone())
    }
}

/// The integers of a column of INT, BIGINT or INTERVAL.
fn integers(ty: Type, column: &ArrayRef) -> impl Fn(u32) -> Option<i64> {
    enum Source<'a> {
        Int(&'a arrow_array::Int32Array),
        Long(&'a [i64], &'a dyn Array),
    }
    let source = match ty {
        Type::Int => Source::Int(column.as_primitive::<Int32Type>()),
        Type::Interval => Source::Long(column.as_primitive::<DurationMillisecondType>().values(), column),
        _ => Source::Long(column.as_primitive::<Int64Type>().values(), column),
    };
    let nulls = column.null_count() > 0;
    move |row| {
        let row = row as usize;
        match &source {
            Source::Int(array) => (!nulls || array.is_valid(row)).then(|| i64::from(array.value(row))),
            Source::Long(values, array) => (!nulls || array.is_valid(row)).then(|| values[row]),
        }
    }
}

/// sum of integers or intervals. A row that would leave the range of 64 bits is refused.
#[derive(Debug, Clone)]
pub(super) struct IntegerSum {
    ty: Type,
    sums: Vec<i64>,
    present: Vec<bool>,
    /// No group's sum can be farther from zero: while it fits 64 bits, no row needs a check.
    bound: u64,
}

impl IntegerSum {
    pub(super) fn new(ty: Type) -> Self {
        Self { ty, sums: Vec::new(), present: Vec::new(), bound: 0 }
    }
}

impl Accumulator for IntegerSum {
    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, 0);
        self.present.resize(groups, false);
    }

    fn update(&mut self, args: &[ArrayRef], rows: &[u32], slots: &[u32]) {
        let integer = integers(self.ty, &args[0]);
        for (row, slot) in rows.iter().zip(slots) {
            if let Some(value) = integer(*row) {
                let sum = &mut self.sums[*slot as usize];
                *sum = sum.saturating_add(value);
                self.present[*slot as usize] = true;
            }
        }
    }

    fn may_refuse(&mut self, args: &[ArrayRef], rows: &[u32]) -> bool {
        let integer = integers(self.ty, &args[0]);
        let batch = rows.iter().fold(0u64, |sum, row| sum.saturating_add(integer(*row).unwrap_or(0).unsigned_abs()));
        self.bound = self.bound.saturating_add(batch);
        self.bound > i64::MAX as u64
    }

    fn check(&self, args: &[ArrayRef], row: u32, slot: u32) -> Result<(), EvalError> {
        let value = integers(self.ty, &args[0])(row).unwrap_or(0);
        match self.sums[slot as usize].checked_add(value) {
            Some(_) => Ok(()),
            None => Err(EvalError::new(format!("sum: {} out of range", result_type(self.ty)))),
        }
    }

    fn read(&self, slots: &[u32]) -> ArrayRef {
        let values = slots.iter().map(|slot| self.present[*slot as usize].then(|| self.sums[*slot as usize]));
        match self.ty {
            Type::Interval => Arc::new(values.collect::<DurationMillisecondArray>()),
            _ => Arc::new(values.collect::<Int64Array>()),
        }
    }

    fn value(&self, slot: u32) -> Value {
        match (self.present[slot as usize], self.ty) {
            (false, _) => Value::Null,
            (true, Type::Interval) => Value::Interval(self.sums[slot as usize]),
            (true, _) => Value::BigInt(self.sums[slot as usize]),
        }
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut &[u8]) -> Result<(), DecodeError> {
        let present = take::<1>(state)?[0] != 0;
        let sum = i64::from_be_bytes(take(state)?);
        if present {
            let total = &mut self.sums[slot as usize];
            *total = total.saturating_add(sum);
            self.present[slot as usize] = true;
            self.bound = self.bound.saturating_add(sum.unsigned_abs());
        }
        Ok(())
    }

    fn remove(&mut self, slot: u32) {
        self.sums[slot as usize] = 0;
        self.present[slot as usize] = false;
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        out.push(u8::from(self.present[slot as usize]));
        out.extend_from_slice(&self.sums[slot as usize].to_be_bytes());
    }

    fn size_bytes(&self) -> usize {
        self.sums.capacity() * 8 + self.present.capacity()
    }

    fn boxed(&self) -> Box<dyn Accumulator> {
        Box::new(self.clone())
    }
}

fn result_type(ty: Type) -> Type {
    if ty == Type::Int { Type::BigInt } else { ty }
}

/// sum of doubles, added in the order of the rows; an overflow gives an infinity.
#[derive(Debug, Clone, Default)]
pub(super) struct DoubleSum {
    sums: Vec<f64>,
    present: Vec<bool>,
}

impl Accumulator for DoubleSum {
    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, 0.0);
        self.present.resize(groups, false);
    }

    fn update(&mut self, args: &[ArrayRef], rows: &[u32], slots: &[u32]) {
        let column = args[0].as_primitive::<Float64Type>();
        for (row, slot) in rows.iter().zip(slots) {
            if column.is_valid(*row as usize) {
                self.sums[*slot as usize] += column.value(*row as usize);
                self.present[*slot as usize] = true;
            }
        }
    }

    fn read(&self, slots: &[u32]) -> ArrayRef {
        let value = |slot: &u32| self.present[*slot as usize].then(|| self.sums[*slot as usize]);
        Arc::new(slots.iter().map(value).collect::<Float64Array>())
    }

    fn value(&self, slot: u32) -> Value {
        if self.present[slot as usize] { Value::Double(self.sums[slot as usize]) } else { Value::Null }
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut &[u8]) -> Result<(), DecodeError> {
        let present = take::<1>(state)?[0] != 0;
        let sum = f64::from_be_bytes(take(state)?);
        if present {
            // Adding to the initial zero would turn a sum of -0 into 0: an empty group takes the bits as they are.
            let total = &mut self.sums[slot as usize];
            *total = if self.present[slot as usize] { *total + sum } else { sum };
            self.present[slot as usize] = true;
        }
        Ok(())
    }

    fn remove(&mut self, slot: u32) {
        self.sums[slot as usize] = 0.0;
        self.present[slot as usize] = false;
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        out.push(u8::from(self.present[slot as usize]));
        out.extend_from_slice(&self.sums[slot as usize].to_be_bytes());
    }

    fn size_bytes(&self) -> usize {
        self.sums.capacity() * 8 + self.present.capacity()
    }

    fn boxed(&self) -> Box<dyn Accumulator> {
        Box::new(self.clone())
    }
}

/// avg of integers: the sum is exact, whatever its size.
#[derive(Debug, Clone)]
pub(super) struct IntegerMean {
    ty: Type,
    sums: Vec<i128>,
    counts: Vec<i64>,
}

impl IntegerMean {
    pub(super) fn new(ty: Type) -> Self {
        Self { ty, sums: Vec::new(), counts: Vec::new() }
    }

    fn mean(&self, slot: u32) -> Option<f64> {
        let count = self.counts[slot as usize];
        (count > 0).then(|| self.sums[slot as usize] as f64 / count as f64)
    }
}

impl Accumulator for IntegerMean {
    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, 0);
        self.counts.resize(groups, 0);
    }

    fn update(&mut self, args: &[ArrayRef], rows: &[u32], slots: &[u32]) {
        let integer = integers(self.ty, &args[0]);
        for (row, slot) in rows.iter().zip(slots) {
            if let Some(value) = integer(*row) {
                self.sums[*slot as usize] += i128::from(value);
                self.counts[*slot as usize] += 1;
            }
        }
    }

    fn read(&self, slots: &[u32]) -> ArrayRef {
        Arc::new(slots.iter().map(|slot| self.mean(*slot)).collect::<Float64Array>())
    }

    fn value(&self, slot: u32) -> Value {
        self.mean(slot).map_or(Value::Null, Value::Double)
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut &[u8]) -> Result<(), DecodeError> {
        let (count, sum) = (i64::from_be_bytes(take(state)?), i128::from_be_bytes(take(state)?));
        let total = &mut self.counts[slot as usize];
        *total = total.saturating_add(count);
        let total = &mut self.sums[slot as usize];
        *total = total.saturating_add(sum);
        Ok(())
    }

    fn remove(&mut self, slot: u32) {
        self.sums[slot as usize] = 0;
        self.counts[slot as usize] = 0;
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.counts[slot as usize].to_be_bytes());
        out.extend_from_slice(&self.sums[slot as usize].to_be_bytes());
    }

    fn size_bytes(&self) -> usize {
        self.sums.capacity() * 16 + self.counts.capacity() * 8
    }

    fn boxed(&self) -> Box<dyn Accumulator> {
        Box::new(self.clone())
    }
}

/// avg of doubles.
#[derive(Debug, Clone, Default)]
pub(super) struct DoubleMean {
    sums: Vec<f64>,
    counts: Vec<i64>,
}

impl DoubleMean {
    fn mean(&self, slot: u32) -> Option<f64> {
        let count = self.counts[slot as usize];
        (count > 0).then(|| self.sums[slot as usize] / count as f64)
    }
}

impl Accumulator for DoubleMean {
    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, 0.0);
        self.counts.resize(groups, 0);
    }

    fn update(&mut self, args: &[ArrayRef], rows: &[u32], slots: &[u32]) {
        let column = args[0].as_primitive::<Float64Type>();
        for (row, slot) in rows.iter().zip(slots) {
            if column.is_valid(*row as usize) {
                self.sums[*slot as usize] += column.value(*row as usize);
                self.counts[*slot as usize] += 1;
            }
        }
    }

    fn read(&self, slots: &[u32]) -> ArrayRef {
        Arc::new(slots.iter().map(|slot| self.mean(*slot)).collect::<Float64Array>())
    }

    fn value(&self, slot: u32) -> Value {
        self.mean(slot).map_or(Value::Null, Value::Double)
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut &[u8]) -> Result<(), DecodeError> {
        let (count, sum) = (i64::from_be_bytes(take(state)?), f64::from_be_bytes(take(state)?));
        let total = &mut self.sums[slot as usize];
        *total = if self.counts[slot as usize] == 0 { sum } else { *total + sum };
        let total = &mut self.counts[slot as usize];
        *total = total.saturating_add(count);
        Ok(())
    }

    fn remove(&mut self, slot: u32) {
        self.sums[slot as usize] = 0.0;
        self.counts[slot as usize] = 0;
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.counts[slot as usize].to_be_bytes());
        out.extend_from_slice(&self.sums[slot as usize].to_be_bytes());
    }

    fn size_bytes(&self) -> usize {
        (self.sums.capacity() + self.counts.capacity()) * 8
    }

    fn boxed(&self) -> Box<dyn Accumulator> {
        Box::new(self.clone())
    }
}
