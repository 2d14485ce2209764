//! Casts between types, as PostgreSQL does them.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{DurationMillisecondType, Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use bytes::Bytes;

use super::eval::EvalError;
use crate::data_type::{self, Type, Value};
use crate::instant;

/// True when CAST leads from one type to the other.
pub(super) fn exists(from: Type, to: Type) -> bool {
    use Type::{BigInt, Boolean, Bytes, Double, Int, Object, Text};
    from == to
        || to == Text
        || match from {
            Text => to != Object,
            Boolean => to == Int,
            Int => matches!(to, BigInt | Double | Boolean),
            BigInt => matches!(to, Int | Double),
            Double => matches!(to, Int | BigInt),
            Bytes | Type::Timestamp | Type::Interval | Object => false,
        }
}

/// Casts a column. The first row that cannot be cast is an error.
pub fn cast_column(column: &ArrayRef, from: Type, to: Type) -> Result<ArrayRef, EvalError> {
    if from == to {
        return Ok(Arc::clone(column));
    }
    Ok(match (from, to) {
        (Type::Object, Type::Text) => Arc::clone(column),
        (_, Type::Text) => to_text(column, from),
        (Type::Text, _) => from_text(column, to)?,
        (Type::Boolean, Type::Int) => {
            let booleans = column.as_boolean();
            Arc::new(PrimitiveArray::<Int32Type>::from_iter(booleans.iter().map(|v| v.map(i32::from))))
        }
        (Type::Int, Type::Boolean) => {
            let ints = column.as_primitive::<Int32Type>();
            Arc::new(arrow_array::BooleanArray::from_iter(ints.iter().map(|v| v.map(|v| v != 0))))
        }
        (Type::Int, Type::BigInt) => Arc::new(column.as_primitive::<Int32Type>().unary::<_, Int64Type>(i64::from)),
        (Type::Int, Type::Double) => Arc::new(column.as_primitive::<Int32Type>().unary::<_, Float64Type>(f64::from)),
        (Type::BigInt, Type::Double) => {
            Arc::new(column.as_primitive::<Int64Type>().unary::<_, Float64Type>(|v| v as f64))
        }
        (Type::BigInt, Type::Int) => try_unary::<Int64Type, Int32Type>(column, |v| {
            i32::try_from(v).map_err(|_| EvalError::out_of_range(Type::Int))
        })?,
        (Type::Double, Type::Int) => {
            try_unary::<Float64Type, Int32Type>(column, |v| double_to_integer(v, Type::Int).map(|v| v as i32))?
        }
        (Type::Double, Type::BigInt) => {
            try_unary::<Float64Type, Int64Type>(column, |v| double_to_integer(v, Type::BigInt))?
        }
        _ => return Err(EvalError::new(format!("there is no cast from {from} to {to}"))),
    })
}

/// Casts one value.
pub(super) fn cast_value(value: &Value, to: Type) -> Result<Value, EvalError> {
    let Some(from) = value.ty() else { return Ok(Value::Null) };
    let column = cast_column(&value.repeat(from, 1), from, to)?;
    Ok(Value::at(&column, to, 0))
}

fn try_unary<I: ArrowPrimitiveType, O: ArrowPrimitiveType>(
    column: &ArrayRef,
    op: impl Fn(I::Native) -> Result<O::Native, EvalError>,
) -> Result<ArrayRef, EvalError> {
    Ok(Arc::new(column.as_primitive::<I>().try_unary::<_, O, _>(op)?))
}

/// Rounds half to even, as PostgreSQL's float8-to-integer casts do.
fn double_to_integer(value: f64, ty: Type) -> Result<i64, EvalError> {
    let rounded = value.round_ties_even();
    let fits = match ty {
        Type::Int => (-2_147_483_648.0..=2_147_483_647.0).contains(&rounded),
        // 2^63 itself is a double, but no BIGINT.
        _ => (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded),
    };
    if fits { Ok(rounded as i64) } else { Err(EvalError::out_of_range(ty)) }
}

fn to_text(column: &ArrayRef, from: Type) -> ArrayRef {
    let rows = column.len();
    let mut out = StringBuilder::with_capacity(rows, rows * 8);
    macro_rules! each {
        ($array:expr, |$out:ident, $value:ident| $write:expr) => {{
            let array = $array;
            for row in 0..rows {
                if array.is_null(row) {
                    out.append_null();
                    continue;
                }
                let ($out, $value) = (&mut out, array.value(row));
                // Writing into a builder does not fail.
                let _ = $write;
                out.append_value("");
            }
        }};
    }
    match from {
        Type::Boolean => each!(column.as_boolean(), |out, v| out.write_str(if v { "true" } else { "false" })),
        Type::Int => each!(column.as_primitive::<Int32Type>(), |out, v| write!(out, "{v}")),
        Type::BigInt => each!(column.as_primitive::<Int64Type>(), |out, v| write!(out, "{v}")),
        Type::Double => each!(column.as_primitive::<Float64Type>(), |out, v| data_type::write_double(out, v)),
        Type::Timestamp => {
            // Window starts come in runs, one text each.
            let (mut last, mut text) = (None, String::new());
            each!(column.as_primitive::<TimestampMillisecondType>(), |out, v| {
                if last != Some(v) {
                    text.clear();
                    let _ = instant::write_text(&mut text, v);
                    last = Some(v);
                }
                out.write_str(&text)
            });
        }
        Type::Interval => {
            each!(column.as_primitive::<DurationMillisecondType>(), |out, v| instant::write_interval(out, v));
        }
        Type::Bytes => each!(column.as_binary::<i32>(), |out, v| data_type::write_bytes(out, v)),
        Type::Text | Type::Object => return Arc::clone(column),
    }
    Arc::new(out.finish())
}

fn from_text(column: &ArrayRef, to: Type) -> Result<ArrayRef, EvalError> {
    let texts = column.as_string::<i32>();
    if to == Type::Bytes {
        let mut out = BinaryBuilder::with_capacity(texts.len(), texts.value_data().len());
        for text in texts {
            match text {
                None => out.append_null(),
                Some(text) => out.append_value(parse_bytes(text)?),
            }
        }
        return Ok(Arc::new(out.finish()));
    }
    let values = texts
        .iter()
        .map(|text| text.map_or(Ok(Value::Null), |text| text_to_value(text, to)))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(data_type::column(to, &values))
}

/// Reads a text as a value of a type.
pub(super) fn text_to_value(text: &str, ty: Type) -> Result<Value, EvalError> {
    let trimmed = text.trim();
    let invalid = || EvalError::new(format!("invalid {ty}: \"{}\"", shorten(text)));
    // A number that is too large says so, as distinct from a text that is no number.
    let integer = || {
        let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            EvalError::out_of_range(ty)
        } else {
            invalid()
        }
    };
    match ty {
        Type::Text => Ok(Value::text(text)),
        Type::Object => Err(invalid()),
        Type::Boolean => match &*trimmed.to_ascii_lowercase() {
            "t" | "true" | "y" | "yes" | "on" | "1" => Ok(Value::Boolean(true)),
            "f" | "false" | "n" | "no" | "off" | "0" => Ok(Value::Boolean(false)),
            _ => Err(invalid()),
        },
        Type::Int => trimmed.parse().map(Value::Int).map_err(|_| integer()),
        Type::BigInt => trimmed.parse().map(Value::BigInt).map_err(|_| integer()),
        Type::Double => match trimmed.parse::<f64>() {
            Ok(value) if value.is_infinite() && trimmed.bytes().any(|byte| byte.is_ascii_digit()) => {
                Err(EvalError::out_of_range(ty))
            }
            Ok(value) => Ok(Value::Double(value)),
            Err(_) => Err(invalid()),
        },
        Type::Bytes => parse_bytes(text).map(|bytes| Value::Bytes(Bytes::from(bytes))),
        Type::Timestamp => instant::parse(trimmed).map(Value::Timestamp).ok_or_else(invalid),
        Type::Interval => instant::parse_interval(trimmed).map(Value::Interval).ok_or_else(invalid),
    }
}

/// `\x` and hexadecimal, or the text's own bytes.
fn parse_bytes(text: &str) -> Result<Vec<u8>, EvalError> {
    let Some(hex) = text.strip_prefix("\\x") else { return Ok(text.as_bytes().to_vec()) };
    let digits = hex.as_bytes();
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes.filter(|_| rest.is_empty()).ok_or_else(|| EvalError::new(format!("invalid BYTEA: \"{}\"", shorten(text))))
}

/// At most 60 characters of a text that goes into a message.
fn shorten(text: &str) -> String {
    let mut out: String = text.chars().take(60).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}
