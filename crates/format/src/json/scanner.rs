//! The projection scanner: plain objects, read once from left to right, without allocation.
//!
//! Plain means: no blanks but single-byte spaces, no escapes, no nesting, numbers without exponent. It looks at eight
//! bytes at a time inside texts. It returns false at the first thing that it does not know, and has then promised
//! nothing.

use engine::Type;

use super::integer;
use crate::columns::Slot;
use crate::{Column, time};

/// Reads `text` into `slots`; false: ask the full reader.
#[inline]
pub(crate) fn scan<'a>(text: &'a str, columns: &[Column], slots: &mut [Slot<'a>]) -> bool {
    scan_fields(text, columns, slots).is_some()
}

fn scan_fields<'a>(text: &'a str, columns: &[Column], slots: &mut [Slot<'a>]) -> Option<()> {
    let bytes = text.as_bytes();
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
            let end = text_end(bytes, at)?;
            let name = &bytes[at..end];
            at = blanks(bytes, end + 1);
            at = mark(bytes, at, b':')?;
            at = blanks(bytes, at);
            let wanted = match columns.get(next) {
                Some(column) if column.name.as_bytes() == name => Some(next),
                _ => columns.iter().position(|column| column.name.as_bytes() == name),
            };
            let after = match wanted {
                None => skip(bytes, at)?,
                Some(index) => {
                    let slot = slots.get_mut(index)?;
                    // A name twice: let the full reader say which one counts.
                    if !matches!(slot, Slot::Missing) {
                        return None;
                    }
                    next = index + 1;
                    let (value, after) = value(text, at, columns[index].ty)?;
                    *slot = value;
                    after
                }
            };
            at = blanks(bytes, after);
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
#[inline]
fn skip(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => text_end(bytes, at + 1).map(|end| end + 1),
        b'-' | b'0'..=b'9' => number_end(bytes, at).map(|(end, _)| end),
        b't' if bytes[at..].starts_with(b"true") => Some(at + 4),
        b'f' if bytes[at..].starts_with(b"false") => Some(at + 5),
        b'n' if bytes[at..].starts_with(b"null") => Some(at + 4),
        _ => None,
    }
}

/// A value as `ty`, and the place behind it.
#[inline]
fn value<'a>(text: &'a str, at: usize, ty: Type) -> Option<(Slot<'a>, usize)> {
    let bytes = text.as_bytes();
    match (bytes.get(at)?, ty) {
        (b'"', Type::Text) => {
            let end = text_end(bytes, at + 1)?;
            // Quotes are ASCII, so both ends are character boundaries.
            Some((Slot::Text(&text[at + 1..end]), end + 1))
        }
        (b'"', Type::Timestamp) => {
            let end = text_end(bytes, at + 1)?;
            time::parse(&text[at + 1..end]).map(|ms| (Slot::Integer(ms), end + 1))
        }
        (b'-' | b'0'..=b'9', Type::Double) => {
            // Rust and `serde_json` read the same digits differently in the last place, so both readers use Rust's.
            let (end, _) = number_end(bytes, at)?;
            text[at..end].parse().ok().map(|value| (Slot::Double(value), end))
        }
        (b'-' | b'0'..=b'9', ty) => match number_end(bytes, at)? {
            (end, Some(value)) => integer(value, ty).map(|slot| (slot, end)),
            (_, None) => None,
        },
        (b't', Type::Boolean) if bytes[at..].starts_with(b"true") => Some((Slot::Boolean(true), at + 4)),
        (b'f', Type::Boolean) if bytes[at..].starts_with(b"false") => Some((Slot::Boolean(false), at + 5)),
        (b'n', _) if bytes[at..].starts_with(b"null") => Some((Slot::Null, at + 4)),
        _ => None,
    }
}

/// The place behind a number without exponent, and its value if it is an integer. At most 18 digits before the point,
/// so that it cannot overflow here.
#[inline]
fn number_end(bytes: &[u8], start: usize) -> Option<(usize, Option<i64>)> {
    let negative = bytes[start] == b'-';
    let first = start + usize::from(negative);
    let mut at = first;
    let mut magnitude: i64 = 0;
    while let Some(digit) = bytes.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
        if at - first == 18 {
            return None;
        }
        magnitude = magnitude * 10 + i64::from(digit);
        at += 1;
    }
    let digits = at - first;
    if digits == 0 || (digits > 1 && bytes[first] == b'0') {
        return None;
    }
    match bytes.get(at) {
        Some(b'.') => {
            let point = at;
            at += 1;
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            let exponent = matches!(bytes.get(at), Some(b'e' | b'E'));
            (at > point + 1 && !exponent).then_some((at, None))
        }
        Some(b'e' | b'E') => None,
        _ => Some((at, Some(if negative { -magnitude } else { magnitude }))),
    }
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Where the text that begins at `at` ends, if it is plain: at the first quote, with no backslash or control
/// character before it.
#[inline]
fn text_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(word) = bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map(u64::from_le_bytes) {
        let quote = word ^ (LOW * b'"' as u64);
        let backslash = word ^ (LOW * b'\\' as u64);
        // The high bit of each byte that is a quote, a backslash, or below 0x20. A borrow can only mark bytes above a
        // true hit, so the lowest mark is exact.
        let hits = (quote.wrapping_sub(LOW) & !quote
            | backslash.wrapping_sub(LOW) & !backslash
            | word.wrapping_sub(LOW * 0x20) & !word)
            & HIGH;
        if hits != 0 {
            at += hits.trailing_zeros() as usize / 8;
            return (bytes[at] == b'"').then_some(at);
        }
        at += 8;
    }
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' | 0..=0x1f => return None,
            _ => at += 1,
        }
    }
}
