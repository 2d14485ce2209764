//! The types of columns and values, and how each lies in Arrow.
//!
//! | type        | SQL       | Arrow                     | notes                                               |
//! |-------------|-----------|---------------------------|-----------------------------------------------------|
//! | `Boolean`   | BOOLEAN   | Boolean                   |                                                     |
//! | `Int`       | INT       | Int32                     |                                                     |
//! | `BigInt`    | BIGINT    | Int64                     |                                                     |
//! | `Double`    | DOUBLE    | Float64                   | NaN = NaN, greater than all; -0 = 0 (PostgreSQL)    |
//! | `Text`      | TEXT      | Utf8                      | ordered by bytes                                    |
//! | `Bytes`     | BYTEA     | Binary                    |                                                     |
//! | `Timestamp` | TIMESTAMP | Timestamp(ms, no zone)    | an instant, ms since 1970 UTC; the zone is not carried |
//! | `Interval`  | INTERVAL  | Duration(ms)              | exact ms; a day is 24 hours, months do not exist    |
//! | `Object`    | OBJECT    | Utf8                      | the text of one JSON object, written as it stands   |

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, DurationMillisecondBuilder, Float64Builder, Int32Builder, Int64Builder,
    StringBuilder, TimestampMillisecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{DurationMillisecondType, Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;

use crate::instant;

/// The type of a column or an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// True or false.
    Boolean,
    /// A 32-bit integer.
    Int,
    /// A 64-bit integer.
    BigInt,
    /// A 64-bit floating-point number.
    Double,
    /// UTF-8 text.
    Text,
    /// Uninterpreted bytes.
    Bytes,
    /// An instant, in milliseconds UTC.
    Timestamp,
    /// A span of time in milliseconds.
    Interval,
    /// The text of a JSON object.
    Object,
}

impl Type {
    /// Every type.
    pub const ALL: [Type; 9] = [
        Type::Boolean,
        Type::Int,
        Type::BigInt,
        Type::Double,
        Type::Text,
        Type::Bytes,
        Type::Timestamp,
        Type::Interval,
        Type::Object,
    ];

    /// The name in SQL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Type::Boolean => "BOOLEAN",
            Type::Int => "INT",
            Type::BigInt => "BIGINT",
            Type::Double => "DOUBLE",
            Type::Text => "TEXT",
            Type::Bytes => "BYTEA",
            Type::Timestamp => "TIMESTAMP",
            Type::Interval => "INTERVAL",
            Type::Object => "OBJECT",
        }
    }

    /// How a column of this type lies in Arrow.
    #[must_use]
    pub fn arrow(self) -> DataType {
        match self {
            Type::Boolean => DataType::Boolean,
            Type::Int => DataType::Int32,
            Type::BigInt => DataType::Int64,
            Type::Double => DataType::Float64,
            Type::Text | Type::Object => DataType::Utf8,
            Type::Bytes => DataType::Binary,
            Type::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
            Type::Interval => DataType::Duration(TimeUnit::Millisecond),
        }
    }

    /// True for INT, BIGINT and DOUBLE.
    #[must_use]
    pub fn is_numeric(self) -> bool {
        matches!(self, Type::Int | Type::BigInt | Type::Double)
    }

    /// True for INT and BIGINT.
    #[must_use]
    pub fn is_integer(self) -> bool {
        matches!(self, Type::Int | Type::BigInt)
    }

    /// A column of `rows` NULLs of this type.
    #[must_use]
    pub fn nulls(self, rows: usize) -> ArrayRef {
        arrow_array::new_null_array(&self.arrow(), rows)
    }

    /// An empty column of this type.
    #[must_use]
    pub fn empty(self) -> ArrayRef {
        arrow_array::new_empty_array(&self.arrow())
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A named, typed column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// The column's name as written (quoted names keep their case).
    pub name: String,
    /// The column's type.
    pub ty: Type,
}

impl Field {
    /// A field.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self { name: name.into(), ty }
    }
}

/// The columns of a row, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Schema {
    /// The columns.
    pub fields: Vec<Field>,
}

impl Schema {
    /// A schema of these fields.
    #[must_use]
    pub fn new(fields: Vec<Field>) -> Self {
        Self { fields }
    }

    /// The number of columns.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// True when there is no column.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The index of a column, by exact name.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The type of a column.
    #[must_use]
    pub fn ty(&self, index: usize) -> Type {
        self.fields[index].ty
    }

    /// The types of all columns.
    #[must_use]
    pub fn types(&self) -> Vec<Type> {
        self.fields.iter().map(|field| field.ty).collect()
    }
}

impl FromIterator<Field> for Schema {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        Self { fields: fields.into_iter().collect() }
    }
}

/// One value: a literal, a key, a cell of a result.
///
/// Equality, order and hash are total: NULL equals NULL and sorts last, NaN equals NaN, -0 equals 0.
#[derive(Debug, Clone)]
pub enum Value {
    /// NULL of any type.
    Null,
    /// BOOLEAN.
    Boolean(bool),
    /// INT.
    Int(i32),
    /// BIGINT.
    BigInt(i64),
    /// DOUBLE.
    Double(f64),
    /// TEXT.
    Text(Arc<str>),
    /// BYTEA.
    Bytes(Bytes),
    /// TIMESTAMP, ms since 1970 UTC.
    Timestamp(i64),
    /// INTERVAL, ms.
    Interval(i64),
    /// The text of a JSON object.
    Object(Arc<str>),
}

impl Value {
    /// A TEXT value.
    pub fn text(text: impl AsRef<str>) -> Self {
        Value::Text(Arc::from(text.as_ref()))
    }

    /// The value's type; `None` for NULL.
    #[must_use]
    pub fn ty(&self) -> Option<Type> {
        Some(match self {
            Value::Null => return None,
            Value::Boolean(_) => Type::Boolean,
            Value::Int(_) => Type::Int,
            Value::BigInt(_) => Type::BigInt,
            Value::Double(_) => Type::Double,
            Value::Text(_) => Type::Text,
            Value::Bytes(_) => Type::Bytes,
            Value::Timestamp(_) => Type::Timestamp,
            Value::Interval(_) => Type::Interval,
            Value::Object(_) => Type::Object,
        })
    }

    /// True for NULL.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The cell `row` of a column of type `ty`.
    #[must_use]
    pub fn at(column: &dyn Array, ty: Type, row: usize) -> Value {
        if column.is_null(row) {
            return Value::Null;
        }
        match ty {
            Type::Boolean => Value::Boolean(column.as_boolean().value(row)),
            Type::Int => Value::Int(column.as_primitive::<Int32Type>().value(row)),
            Type::BigInt => Value::BigInt(column.as_primitive::<Int64Type>().value(row)),
            Type::Double => Value::Double(column.as_primitive::<Float64Type>().value(row)),
            Type::Text => Value::text(column.as_string::<i32>().value(row)),
            Type::Bytes => Value::Bytes(Bytes::copy_from_slice(column.as_binary::<i32>().value(row))),
            Type::Timestamp => Value::Timestamp(column.as_primitive::<TimestampMillisecondType>().value(row)),
            Type::Interval => Value::Interval(column.as_primitive::<DurationMillisecondType>().value(row)),
            Type::Object => Value::Object(Arc::from(column.as_string::<i32>().value(row))),
        }
    }

    /// A column of type `ty` that repeats this value. The value must be NULL or of that type.
    #[must_use]
    pub fn repeat(&self, ty: Type, rows: usize) -> ArrayRef {
        column(ty, std::iter::repeat_n(self, rows))
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Boolean(_) => 0,
            Value::Int(_) => 1,
            Value::BigInt(_) => 2,
            Value::Double(_) => 3,
            Value::Text(_) => 4,
            Value::Bytes(_) => 5,
            Value::Timestamp(_) => 6,
            Value::Interval(_) => 7,
            Value::Object(_) => 8,
            Value::Null => 9,
        }
    }
}

/// A column of type `ty` from single values, each NULL or of that type.
///
/// # Panics
/// When a value has another type: that is a fault of the caller.
pub fn column<'a>(ty: Type, values: impl IntoIterator<Item = &'a Value>) -> ArrayRef {
    macro_rules! build {
        ($builder:expr, $($variant:ident($v:ident) => $e:expr),+) => {{
            let mut builder = $builder;
            for value in values {
                match value {
                    Value::Null => builder.append_null(),
                    $(Value::$variant($v) => builder.append_value($e),)+
                    other => panic!("value {other:?} in a column of type {ty}"),
                }
            }
            Arc::new(builder.finish())
        }};
    }
    match ty {
        Type::Boolean => build!(BooleanBuilder::new(), Boolean(v) => *v),
        Type::Int => build!(Int32Builder::new(), Int(v) => *v),
        Type::BigInt => build!(Int64Builder::new(), BigInt(v) => *v),
        Type::Double => build!(Float64Builder::new(), Double(v) => *v),
        Type::Text | Type::Object => build!(StringBuilder::new(), Text(v) => v, Object(v) => v),
        Type::Bytes => build!(BinaryBuilder::new(), Bytes(v) => v),
        Type::Timestamp => build!(TimestampMillisecondBuilder::new(), Timestamp(v) => *v),
        Type::Interval => build!(DurationMillisecondBuilder::new(), Interval(v) => *v),
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::BigInt(a), Value::BigInt(b))
            | (Value::Timestamp(a), Value::Timestamp(b))
            | (Value::Interval(a), Value::Interval(b)) => a.cmp(b),
            (Value::Double(a), Value::Double(b)) => double_cmp(*a, *b),
            (Value::Text(a), Value::Text(b)) | (Value::Object(a), Value::Object(b)) => a.cmp(b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Value::Null => {}
            Value::Boolean(v) => v.hash(state),
            Value::Int(v) => v.hash(state),
            Value::BigInt(v) | Value::Timestamp(v) | Value::Interval(v) => v.hash(state),
            Value::Double(v) => double_bits(*v).hash(state),
            Value::Text(v) | Value::Object(v) => v.hash(state),
            Value::Bytes(v) => v.hash(state),
        }
    }
}

/// PostgreSQL's order of doubles: NaN equals NaN and is greater than everything, -0 equals 0.
#[must_use]
pub fn double_cmp(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Bits that are equal exactly when [`double_cmp`] says equal.
#[must_use]
pub fn double_bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    }
}

impl fmt::Display for Value {
    /// The text that a cast to TEXT gives; NULL is `NULL`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("NULL"),
            Value::Boolean(v) => write!(f, "{v}"),
            Value::Int(v) => write!(f, "{v}"),
            Value::BigInt(v) => write!(f, "{v}"),
            Value::Double(v) => write_double(f, *v),
            Value::Text(v) | Value::Object(v) => f.write_str(v),
            Value::Bytes(v) => write_bytes(f, v),
            Value::Timestamp(v) => instant::write_text(f, *v),
            Value::Interval(v) => instant::write_interval(f, *v),
        }
    }
}

/// A double as PostgreSQL writes it: shortest digits that read back, exponent form outside 1e-4..1e15.
pub fn write_double(out: &mut dyn fmt::Write, value: f64) -> fmt::Result {
    if value.is_nan() {
        return out.write_str("NaN");
    }
    if value.is_infinite() {
        return out.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    if value == 0.0 {
        return out.write_str(if value.is_sign_negative() { "-0" } else { "0" });
    }
    let magnitude = value.abs();
    if (1e-4..1e15).contains(&magnitude) {
        return write!(out, "{value}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            write!(out, "{digits}e{sign}{exponent:0>2}")
        }
        None => out.write_str(&text),
    }
}

/// Bytes as PostgreSQL writes them: `\x` and lower-case hexadecimal.
pub fn write_bytes(out: &mut dyn fmt::Write, bytes: &[u8]) -> fmt::Result {
    out.write_str("\\x")?;
    for byte in bytes {
        write!(out, "{byte:02x}")?;
    }
    Ok(())
}
