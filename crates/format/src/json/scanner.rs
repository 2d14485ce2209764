//! The projection scanner: plain objects, read once from left to right, straight into columns.
//!
//! Plain means: no blanks but single-byte spaces, no escapes, no nesting, numbers without exponent. It stops at the
//! first thing that it does not know, and has then promised nothing: whoever called takes back what it has written.

use super::words::{DIGITS_MAX, digits_end, magnitude, text_end};
use crate::columns::{Builder, Cells};
use crate::{Column, time};

/// More places than this are not remembered: a stranger writes records of any number of fields, and each place takes more
/// than the shortest field.
pub(super) const SPANS_MAX: usize = 256;

/// Where a value of a record stands, and which column it is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) column: Option<usize>,
}

/// Appends a cell to each column whose field occurs in a record. `bytes` are UTF-8, and the columns have `rows` cells.
/// `None`: ask the full reader. Leaves the places of the values in `spans`, or the first `SPANS_MAX + 1` of them.
pub(super) fn scan(
    bytes: &[u8],
    columns: &[Column],
    builders: &mut [Builder],
    rows: usize,
    spans: &mut Vec<Span>,
) -> Option<()> {
    spans.clear();
    let mut at = blanks(bytes, 0);
    at = mark(bytes, at, b'{')?;
    at = blanks(bytes, at);
    // Fields mostly come in the order in which the columns were declared.
    let mut next = 0;
    if bytes.get(at) == Some(&b'}') {
        at += 1;
    } else {
        loop {
            at = mark(bytes, at, b'"')?;
            let end = text_end::<false>(bytes, at)?;
            let name = &bytes[at..end];
            at = blanks(bytes, end + 1);
            at = mark(bytes, at, b':')?;
            at = blanks(bytes, at);
            let column = match columns.get(next) {
                Some(column) if column.name.as_bytes() == name => Some(next),
                _ => columns.iter().position(|column| column.name.as_bytes() == name),
            };
            let end = match column {
                None => skip::<false>(bytes, at)?,
                Some(index) => {
                    let builder = builders.get_mut(index)?;
                    // A name twice: let the full reader say which one counts.
                    if builder.len() > rows {
                        return None;
                    }
                    next = index + 1;
                    value::<false>(bytes, at, builder)?
                }
            };
            if spans.len() <= SPANS_MAX {
                spans.push(Span { start: at, end, column });
            }
            at = blanks(bytes, end);
            match bytes.get(at)? {
                b',' => at = blanks(bytes, at + 1),
                b'}' => {
                    at += 1;
                    break;
                }
                _ => return None,
            }
        }
    }
    (blanks(bytes, at) == bytes.len()).then_some(())
}

#[inline]
fn blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at) == Some(&b' ') {
        at += 1;
    }
    at
}

#[inline]
fn mark(bytes: &[u8], at: usize, wanted: u8) -> Option<usize> {
    (bytes.get(at) == Some(&wanted)).then_some(at + 1)
}

/// The place behind a value that nobody wants.
#[inline(always)]
pub(super) fn skip<const ASCII: bool>(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => text_end::<ASCII>(bytes, at + 1).map(|end| end + 1),
        b'-' | b'0'..=b'9' => number_end(bytes, at),
        b't' => word(bytes, at, b"true"),
        b'f' => word(bytes, at, b"false"),
        b'n' => word(bytes, at, b"null"),
        _ => None,
    }
}

/// Appends a value to a column, if it is of its type; the place behind it.
#[inline(always)]
pub(super) fn value<const ASCII: bool>(bytes: &[u8], at: usize, column: &mut Builder) -> Option<usize> {
    let first = *bytes.get(at)?;
    let number = matches!(first, b'-' | b'0'..=b'9');
    let end = match &mut column.cells {
        Cells::Text(cells) if first == b'"' => {
            let end = text_end::<ASCII>(bytes, at + 1)?;
            // Quotes are ASCII, so both ends are character boundaries.
            cells.push(&bytes[at + 1..end]);
            end + 1
        }
        Cells::BigInt(cells) if number => {
            let (end, value) = integer(bytes, at)?;
            cells.push(value);
            end
        }
        Cells::Timestamp(cells) if number => {
            let (end, value) = integer(bytes, at)?;
            cells.push(value);
            end
        }
        Cells::Timestamp(cells) if first == b'"' => {
            let end = text_end::<ASCII>(bytes, at + 1)?;
            cells.push(time::parse(str::from_utf8(&bytes[at + 1..end]).ok()?)?);
            end + 1
        }
        Cells::Int(cells) if number => {
            let (end, value) = integer(bytes, at)?;
            cells.push(i32::try_from(value).ok()?);
            end
        }
        Cells::Double(cells) if number => {
            // Rust and `serde_json` read the same digits differently in the last place, so both readers use Rust's.
            let end = number_end(bytes, at)?;
            cells.push(str::from_utf8(&bytes[at..end]).ok()?.parse().ok()?);
            end
        }
        Cells::Boolean(cells) if first == b't' => {
            let end = word(bytes, at, b"true")?;
            cells.append(true);
            end
        }
        Cells::Boolean(cells) if first == b'f' => {
            let end = word(bytes, at, b"false")?;
            cells.append(false);
            end
        }
        _ => {
            let end = word(bytes, at, b"null")?;
            column.push_null();
            return Some(end);
        }
    };
    column.nulls.append_non_null();
    Some(end)
}

#[inline]
fn word(bytes: &[u8], at: usize, wanted: &[u8]) -> Option<usize> {
    bytes.get(at..)?.starts_with(wanted).then_some(at + wanted.len())
}

/// An integer without fraction and exponent, and the place behind it.
#[inline(always)]
fn integer(bytes: &[u8], at: usize) -> Option<(usize, i64)> {
    let negative = bytes.get(at) == Some(&b'-');
    let first = at + usize::from(negative);
    let (digits, magnitude) = magnitude(bytes, first)?;
    let end = first + digits;
    match bytes.get(end) {
        Some(b'.' | b'e' | b'E') => None,
        _ => Some((end, if negative { -magnitude } else { magnitude })),
    }
}

/// The place behind a number without exponent, of at most [`DIGITS_MAX`] digits before the point.
#[inline(always)]
fn number_end(bytes: &[u8], start: usize) -> Option<usize> {
    let first = start + usize::from(bytes.get(start) == Some(&b'-'));
    let end = digits_end(bytes, first);
    let digits = end - first;
    if !(1..=DIGITS_MAX).contains(&digits) || (digits > 1 && bytes[first] == b'0') {
        return None;
    }
    match bytes.get(end) {
        Some(b'.') => {
            let fraction = end + 1;
            let end = digits_end(bytes, fraction);
            (end > fraction && !matches!(bytes.get(end), Some(b'e' | b'E'))).then_some(end)
        }
        Some(b'e' | b'E') => None,
        _ => Some(end),
    }
}
