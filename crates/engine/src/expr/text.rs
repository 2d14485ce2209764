//! Functions of text. Positions and lengths count characters, as in PostgreSQL.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, Int32Builder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef};

use super::Function;
use super::cast::cast_column;
use super::eval::{EvalError, Evaluated};
use crate::data_type::Type;

/// What `repeat`, `replace` and the pads may make at most, in bytes, of one value.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// What the rows of one evaluation may come to, in bytes: Arrow counts them in 31 bits.
const COLUMN_BYTES_MAX: usize = 1 << 30;

/// LIKE and ILIKE.
pub(super) fn like(function: Function, text: &Evaluated, pattern: &Evaluated) -> Result<ArrayRef, EvalError> {
    let result = match function {
        Function::Like => arrow_string::like::like(text, pattern),
        _ => arrow_string::like::ilike(text, pattern),
    };
    Ok(Arc::new(result?))
}

/// `||` (NULL if one side is) and `concat` (NULLs are skipped).
pub(super) fn concat(
    function: Function,
    types: &[Type],
    args: &[Evaluated],
    rows: usize,
) -> Result<ArrayRef, EvalError> {
    if types.iter().all(|ty| *ty == Type::Bytes) && function == Function::Concat {
        return concat_bytes(args, rows);
    }
    let texts = args
        .iter()
        .zip(types)
        .map(|(arg, ty)| Ok((cast_column(arg.array(), *ty, Type::Text)?, arg.is_scalar())))
        .collect::<Result<Vec<(ArrayRef, bool)>, EvalError>>()?;
    let parts: Vec<_> = texts.iter().map(|(array, scalar)| (array.as_string::<i32>(), *scalar)).collect();
    let bytes: usize =
        parts.iter().map(|(array, scalar)| array.value_data().len() * if *scalar { rows } else { 1 }).sum();
    let mut out = StringBuilder::with_capacity(rows, bytes);
    for row in 0..rows {
        let at = |scalar: bool| if scalar { 0 } else { row };
        if function == Function::Concat && parts.iter().any(|(array, scalar)| array.is_null(at(*scalar))) {
            out.append_null();
            continue;
        }
        for (array, scalar) in &parts {
            if array.is_valid(at(*scalar)) {
                // Writing into a builder does not fail.
                let _ = out.write_str(array.value(at(*scalar)));
            }
        }
        out.append_value("");
    }
    Ok(Arc::new(out.finish()))
}

fn concat_bytes(args: &[Evaluated], rows: usize) -> Result<ArrayRef, EvalError> {
    let columns = args.iter().map(|arg| arg.clone().into_column(rows)).collect::<Result<Vec<_>, _>>()?;
    let mut out = BinaryBuilder::new();
    for row in 0..rows {
        if columns.iter().any(|column| column.is_null(row)) {
            out.append_null();
        } else {
            let parts: Vec<&[u8]> = columns.iter().map(|column| column.as_binary::<i32>().value(row)).collect();
            out.append_value(parts.concat());
        }
    }
    Ok(Arc::new(out.finish()))
}

/// Functions of text that give an INT.
pub(super) fn measure(function: Function, types: &[Type], columns: &[ArrayRef]) -> Result<ArrayRef, EvalError> {
    let rows = columns[0].len();
    let mut out = Int32Builder::with_capacity(rows);
    for row in 0..rows {
        if columns.iter().any(|column| column.is_null(row)) {
            out.append_null();
            continue;
        }
        let count = if types[0] == Type::Bytes {
            columns[0].as_binary::<i32>().value(row).len()
        } else {
            let text = columns[0].as_string::<i32>().value(row);
            match function {
                Function::Length => text.chars().count(),
                Function::OctetLength => text.len(),
                _ => {
                    let part = columns[1].as_string::<i32>().value(row);
                    text.find(part).map_or(0, |at| text[..at].chars().count() + 1)
                }
            }
        };
        out.append_value(i32::try_from(count).map_err(|_| EvalError::out_of_range(Type::Int))?);
    }
    Ok(Arc::new(out.finish()))
}

/// Functions of text (and more) that give TEXT. NULL in any argument gives NULL.
pub(super) fn transform(function: Function, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef, EvalError> {
    let mut out = StringBuilder::with_capacity(rows, columns[0].as_string::<i32>().value_data().len());
    for row in 0..rows {
        if columns.iter().any(|column| column.is_null(row)) {
            out.append_null();
            continue;
        }
        let text = |i: usize| columns[i].as_string::<i32>().value(row);
        let int = |i: usize| columns[i].as_primitive::<Int32Type>().value(row);
        match function {
            Function::Lower => out.append_value(text(0).to_lowercase()),
            Function::Upper => out.append_value(text(0).to_uppercase()),
            Function::Reverse => out.append_value(text(0).chars().rev().collect::<String>()),
            Function::Trim | Function::TrimStart | Function::TrimEnd => {
                let cut = if columns.len() > 1 { text(1) } else { " " };
                let mut kept = text(0);
                if function != Function::TrimEnd {
                    kept = kept.trim_start_matches(|c| cut.contains(c));
                }
                if function != Function::TrimStart {
                    kept = kept.trim_end_matches(|c| cut.contains(c));
                }
                out.append_value(kept);
            }
            // An empty `from` replaces nothing, as in PostgreSQL.
            Function::Replace if text(1).is_empty() => out.append_value(text(0)),
            Function::Replace => {
                let added = text(0).matches(text(1)).count().saturating_mul(text(2).len());
                if added > TEXT_BYTES_MAX {
                    return Err(EvalError::new("requested length too large"));
                }
                out.append_value(text(0).replace(text(1), text(2)));
            }
            Function::Substring => {
                let length = (columns.len() > 2).then(|| int(2));
                out.append_value(substring(text(0), int(1), length)?);
            }
            Function::Left | Function::Right => out.append_value(end_of(text(0), int(1), function == Function::Left)),
            Function::Repeat => {
                let times = usize::try_from(int(1)).unwrap_or(0);
                if text(0).len().saturating_mul(times) > TEXT_BYTES_MAX {
                    return Err(EvalError::new("requested length too large"));
                }
                out.append_value(text(0).repeat(times));
            }
            Function::SplitPart => out.append_value(split_part(text(0), text(1), int(2))?),
            _ => {
                let fill = if columns.len() > 2 { text(2) } else { " " };
                out.append_value(pad(text(0), int(1), fill, function == Function::PadStart)?);
            }
        }
        if out.values_slice().len() > COLUMN_BYTES_MAX {
            return Err(EvalError::new("the results of these rows are too large"));
        }
    }
    Ok(Arc::new(out.finish()))
}

/// The bytes at which the `n`th character (from 0) starts; the end when there are fewer.
fn char_start(text: &str, n: usize) -> usize {
    text.char_indices().nth(n).map_or(text.len(), |(at, _)| at)
}

fn substring(text: &str, from: i32, length: Option<i32>) -> Result<&str, EvalError> {
    let from = i64::from(from);
    let end = match length {
        None => i64::MAX,
        Some(length) if length < 0 => return Err(EvalError::new("negative substring length not allowed")),
        Some(length) => from + i64::from(length),
    };
    // Positions before the first character take part in the length, as in PostgreSQL.
    let first = from.max(1);
    if end <= first {
        return Ok("");
    }
    let start = char_start(text, usize::try_from(first - 1).unwrap_or(usize::MAX));
    let rest = &text[start..];
    Ok(&rest[..char_start(rest, usize::try_from(end - first).unwrap_or(usize::MAX))])
}

fn end_of(text: &str, count: i32, left: bool) -> &str {
    let magnitude = count.unsigned_abs() as usize;
    let total = || text.chars().count();
    match (left, count >= 0) {
        (true, true) => &text[..char_start(text, magnitude)],
        (true, false) => &text[..char_start(text, total().saturating_sub(magnitude))],
        (false, true) => &text[char_start(text, total().saturating_sub(magnitude))..],
        (false, false) => &text[char_start(text, magnitude)..],
    }
}

fn split_part<'a>(text: &'a str, delimiter: &str, field: i32) -> Result<&'a str, EvalError> {
    let n = field.unsigned_abs() as usize;
    if n == 0 {
        return Err(EvalError::new("field position must not be zero"));
    }
    if delimiter.is_empty() {
        return Ok(if n == 1 { text } else { "" });
    }
    let found = if field > 0 { text.split(delimiter).nth(n - 1) } else { text.rsplit(delimiter).nth(n - 1) };
    Ok(found.unwrap_or(""))
}

fn pad(text: &str, length: i32, fill: &str, start: bool) -> Result<String, EvalError> {
    let length = usize::try_from(length).unwrap_or(0);
    let have = text.chars().count();
    if have >= length || fill.is_empty() {
        return Ok(text[..char_start(text, length)].to_owned());
    }
    if length.saturating_mul(4) > TEXT_BYTES_MAX {
        return Err(EvalError::new("requested length too large"));
    }
    let padding: String = fill.chars().cycle().take(length - have).collect();
    Ok(if start { padding + text } else { text.to_owned() + &padding })
}
