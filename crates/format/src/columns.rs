//! Columns in the making: one decoded value after the other.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, DurationMillisecondBuilder, Float64Builder, Int32Builder, Int64Builder,
    StringBuilder, TimestampMillisecondBuilder,
};
use engine::{Type, Value};

/// One field of a row as it stands in the record, already checked against its column's type. Small and without a
/// destructor: the scanner's loop is made of these.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Slot<'a> {
    /// The field did not occur: DEFAULT or NULL.
    Missing,
    /// The field is null.
    Null,
    Boolean(bool),
    /// INT, BIGINT, TIMESTAMP and INTERVAL; an INT is in range.
    Integer(i64),
    Double(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// A field that may have had to be unfolded: a text with escapes, bytes in base64.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Field<'a> {
    Plain(Slot<'a>),
    Text(String),
    Bytes(Vec<u8>),
}

impl Field<'_> {
    /// As a slot that lives as long as this.
    pub(crate) fn slot(&self) -> Slot<'_> {
        match self {
            Field::Plain(slot) => *slot,
            Field::Text(text) => Slot::Text(text),
            Field::Bytes(bytes) => Slot::Bytes(bytes),
        }
    }
}

/// A column that grows.
pub(crate) struct Builder {
    default: Value,
    kind: Kind,
}

enum Kind {
    Boolean(BooleanBuilder),
    Int(Int32Builder),
    BigInt(Int64Builder),
    Double(Float64Builder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Timestamp(TimestampMillisecondBuilder),
    Interval(DurationMillisecondBuilder),
}

impl Builder {
    pub(crate) fn new(ty: Type, default: Value, rows: usize) -> Self {
        let kind = match ty {
            Type::Boolean => Kind::Boolean(BooleanBuilder::with_capacity(rows)),
            Type::Int => Kind::Int(Int32Builder::with_capacity(rows)),
            Type::BigInt => Kind::BigInt(Int64Builder::with_capacity(rows)),
            Type::Double => Kind::Double(Float64Builder::with_capacity(rows)),
            Type::Text | Type::Object => Kind::Text(StringBuilder::with_capacity(rows, rows * 8)),
            Type::Bytes => Kind::Bytes(BinaryBuilder::with_capacity(rows, rows * 8)),
            Type::Timestamp => Kind::Timestamp(TimestampMillisecondBuilder::with_capacity(rows)),
            Type::Interval => Kind::Interval(DurationMillisecondBuilder::with_capacity(rows)),
        };
        Self { default, kind }
    }

    /// Appends a value of the column's type.
    #[inline]
    pub(crate) fn push(&mut self, slot: Slot) {
        match (&mut self.kind, slot) {
            (Kind::BigInt(b), Slot::Integer(v)) => b.append_value(v),
            (Kind::Text(b), Slot::Text(v)) => b.append_value(v),
            (Kind::Timestamp(b), Slot::Integer(v)) => b.append_value(v),
            (Kind::Double(b), Slot::Double(v)) => b.append_value(v),
            (Kind::Int(b), Slot::Integer(v)) => b.append_value(v as i32),
            (Kind::Boolean(b), Slot::Boolean(v)) => b.append_value(v),
            (Kind::Bytes(b), Slot::Bytes(v)) => b.append_value(v),
            (Kind::Interval(b), Slot::Integer(v)) => b.append_value(v),
            (_, Slot::Missing) => self.push_default(),
            _ => self.push_null(),
        }
    }

    pub(crate) fn push_null(&mut self) {
        match &mut self.kind {
            Kind::Boolean(b) => b.append_null(),
            Kind::Int(b) => b.append_null(),
            Kind::BigInt(b) => b.append_null(),
            Kind::Double(b) => b.append_null(),
            Kind::Text(b) => b.append_null(),
            Kind::Bytes(b) => b.append_null(),
            Kind::Timestamp(b) => b.append_null(),
            Kind::Interval(b) => b.append_null(),
        }
    }

    fn push_default(&mut self) {
        match (&mut self.kind, &self.default) {
            (Kind::Boolean(b), Value::Boolean(v)) => b.append_value(*v),
            (Kind::Int(b), Value::Int(v)) => b.append_value(*v),
            (Kind::BigInt(b), Value::BigInt(v)) => b.append_value(*v),
            (Kind::Double(b), Value::Double(v)) => b.append_value(*v),
            (Kind::Text(b), Value::Text(v) | Value::Object(v)) => b.append_value(v),
            (Kind::Bytes(b), Value::Bytes(v)) => b.append_value(v),
            (Kind::Timestamp(b), Value::Timestamp(v)) => b.append_value(*v),
            (Kind::Interval(b), Value::Interval(v)) => b.append_value(*v),
            _ => self.push_null(),
        }
    }

    pub(crate) fn finish(self) -> ArrayRef {
        match self.kind {
            Kind::Boolean(mut b) => Arc::new(b.finish()),
            Kind::Int(mut b) => Arc::new(b.finish()),
            Kind::BigInt(mut b) => Arc::new(b.finish()),
            Kind::Double(mut b) => Arc::new(b.finish()),
            Kind::Text(mut b) => Arc::new(b.finish()),
            Kind::Bytes(mut b) => Arc::new(b.finish()),
            Kind::Timestamp(mut b) => Arc::new(b.finish()),
            Kind::Interval(mut b) => Arc::new(b.finish()),
        }
    }
}
