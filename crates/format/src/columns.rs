//! Columns in the making: one decoded value after the other.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, DurationMillisecondArray, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMillisecondArray,
};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBufferBuilder, OffsetBuffer};
use engine::{Type, Value};

/// One field of a row as it stands in the record, already checked against its column's type. Small and without a
/// destructor.
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

/// A column that grows. Plain vectors: whoever scans writes cells straight into them.
#[derive(Debug)]
pub(crate) struct Builder {
    default: Value,
    pub(crate) cells: Cells,
    /// As many as there are cells.
    pub(crate) nulls: NullBufferBuilder,
}

/// The cells of a column; a NULL has one too.
#[derive(Debug)]
pub(crate) enum Cells {
    Boolean(BooleanBufferBuilder),
    Int(Vec<i32>),
    BigInt(Vec<i64>),
    Double(Vec<f64>),
    /// UTF-8, which whoever writes it has checked.
    Text(Slices),
    /// JSON objects as they were written. Apart from texts, so that nobody takes a text for one.
    Object(Slices),
    Bytes(Slices),
    Timestamp(Vec<i64>),
    Interval(Vec<i64>),
}

/// Bytes of different lengths, one behind the other.
#[derive(Debug)]
pub(crate) struct Slices {
    bytes: Vec<u8>,
    /// Zero, and where each ends.
    ends: Vec<i32>,
}

impl Slices {
    fn with_capacity(rows: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Self { bytes: Vec::with_capacity(rows * 8), ends }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // A batch of records has far less: what is read at once is bounded.
        self.ends.push(i32::try_from(self.bytes.len()).expect("a column of a batch stays below 2 GiB"));
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows + 1);
        self.bytes.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    fn into_parts(self) -> (OffsetBuffer<i32>, Buffer) {
        (OffsetBuffer::new(self.ends.into()), Buffer::from_vec(self.bytes))
    }
}

impl Builder {
    /// An empty column, with what a missing field becomes, and room for `rows` cells.
    pub(crate) fn new(ty: Type, default: Value, rows: usize) -> Self {
        let cells = match ty {
            Type::Boolean => Cells::Boolean(BooleanBufferBuilder::new(rows)),
            Type::Int => Cells::Int(Vec::with_capacity(rows)),
            Type::BigInt => Cells::BigInt(Vec::with_capacity(rows)),
            Type::Double => Cells::Double(Vec::with_capacity(rows)),
            Type::Text => Cells::Text(Slices::with_capacity(rows)),
            Type::Object => Cells::Object(Slices::with_capacity(rows)),
            Type::Bytes => Cells::Bytes(Slices::with_capacity(rows)),
            Type::Timestamp => Cells::Timestamp(Vec::with_capacity(rows)),
            Type::Interval => Cells::Interval(Vec::with_capacity(rows)),
        };
        Self { default, cells, nulls: NullBufferBuilder::new(rows) }
    }

    /// The number of cells.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.nulls.len()
    }

    /// Takes back all cells beyond `rows`, also one that was written without its place among the nulls.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.nulls.truncate(rows);
        match &mut self.cells {
            Cells::Boolean(cells) => cells.truncate(rows),
            Cells::Int(cells) => cells.truncate(rows),
            Cells::BigInt(cells) | Cells::Timestamp(cells) | Cells::Interval(cells) => cells.truncate(rows),
            Cells::Double(cells) => cells.truncate(rows),
            Cells::Text(cells) | Cells::Object(cells) | Cells::Bytes(cells) => cells.truncate(rows),
        }
    }

    /// Appends a value of the column's type.
    pub(crate) fn push(&mut self, slot: Slot) {
        match (&mut self.cells, slot) {
            (Cells::BigInt(c) | Cells::Timestamp(c) | Cells::Interval(c), Slot::Integer(v)) => c.push(v),
            (Cells::Int(c), Slot::Integer(v)) => c.push(v as i32),
            (Cells::Text(c) | Cells::Object(c), Slot::Text(v)) => c.push(v.as_bytes()),
            (Cells::Bytes(c), Slot::Bytes(v)) => c.push(v),
            (Cells::Double(c), Slot::Double(v)) => c.push(v),
            (Cells::Boolean(c), Slot::Boolean(v)) => c.append(v),
            (_, Slot::Missing) => return self.push_default(),
            _ => return self.push_null(),
        }
        self.nulls.append_non_null();
    }

    pub(crate) fn push_null(&mut self) {
        match &mut self.cells {
            Cells::Boolean(c) => c.append(false),
            Cells::Int(c) => c.push(0),
            Cells::BigInt(c) | Cells::Timestamp(c) | Cells::Interval(c) => c.push(0),
            Cells::Double(c) => c.push(0.0),
            Cells::Text(c) | Cells::Object(c) | Cells::Bytes(c) => c.push(&[]),
        }
        self.nulls.append_null();
    }

    pub(crate) fn push_default(&mut self) {
        match (&mut self.cells, &self.default) {
            (Cells::Boolean(c), Value::Boolean(v)) => c.append(*v),
            (Cells::Int(c), Value::Int(v)) => c.push(*v),
            (Cells::BigInt(c), Value::BigInt(v))
            | (Cells::Timestamp(c), Value::Timestamp(v))
            | (Cells::Interval(c), Value::Interval(v)) => c.push(*v),
            (Cells::Double(c), Value::Double(v)) => c.push(*v),
            (Cells::Text(c), Value::Text(v)) | (Cells::Object(c), Value::Object(v)) => c.push(v.as_bytes()),
            (Cells::Bytes(c), Value::Bytes(v)) => c.push(v),
            _ => return self.push_null(),
        }
        self.nulls.append_non_null();
    }

    pub(crate) fn finish(self) -> ArrayRef {
        let nulls = self.nulls.build();
        match self.cells {
            Cells::Boolean(mut cells) => Arc::new(BooleanArray::new(cells.finish(), nulls)),
            Cells::Int(cells) => Arc::new(Int32Array::new(cells.into(), nulls)),
            Cells::BigInt(cells) => Arc::new(Int64Array::new(cells.into(), nulls)),
            Cells::Double(cells) => Arc::new(Float64Array::new(cells.into(), nulls)),
            Cells::Text(cells) | Cells::Object(cells) => {
                let (ends, bytes) = cells.into_parts();
                // Arrow checks once more what the readers have: that is the price of having no unsafe code here.
                Arc::new(StringArray::try_new(ends, bytes, nulls).expect("only UTF-8 was written"))
            }
            Cells::Bytes(cells) => {
                let (ends, bytes) = cells.into_parts();
                Arc::new(BinaryArray::new(ends, bytes, nulls))
            }
            Cells::Timestamp(cells) => Arc::new(TimestampMillisecondArray::new(cells.into(), nulls)),
            Cells::Interval(cells) => Arc::new(DurationMillisecondArray::new(cells.into(), nulls)),
        }
    }
}
