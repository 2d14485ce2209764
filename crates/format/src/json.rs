//! JSON objects to columns.
//!
//! Two readers give the same result: the *scanner* reads plain objects straight into columns, only the fields that are wanted; whatever
//! it does not understand at sight (escapes, nesting, exponents, tabs, a value of another type …) it leaves to the *full* reader, which
//! is `serde_json` and also finds the words for what is wrong. So the scanner never refuses a record, and what it accepts the full
//! reader accepts too, with equal values: [`fuzz_compare`] checks that.
//!
//! Both check the whole record, not only the wanted fields. The last of two fields of one name wins, as in Jackson. Never: guesses a
//! type; `"5"` is no BIGINT.

mod full;
mod scanner;

use engine::Type;

use crate::Column;
use crate::columns::Slot;

pub(crate) use full::{array, coerce, read as read_full};
pub(crate) use scanner::scan;

/// Reads one record into `slots`, one for each column; or says why it is a bad one.
#[inline]
pub(crate) fn read<'a>(bytes: &'a [u8], columns: &[Column], slots: &mut [Slot<'a>]) -> Result<(), String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(format!("the value is not UTF-8 (byte {})", error.valid_up_to())),
    };
    slots.fill(Slot::Missing);
    if scan(text, columns, slots) {
        return Ok(());
    }
    slots.fill(Slot::Missing);
    read_full(text, columns, slots)
}

/// An integer where `ty` is wanted.
pub(crate) fn integer<'a>(value: i64, ty: Type) -> Option<Slot<'a>> {
    match ty {
        Type::BigInt | Type::Timestamp => Some(Slot::Integer(value)),
        Type::Int => i32::try_from(value).ok().map(|v| Slot::Integer(v.into())),
        // Up to 2^53 the conversion is exact; beyond, the digits are read as a double would be.
        Type::Double if value.unsigned_abs() <= 1 << 53 => Some(Slot::Double(value as f64)),
        _ => None,
    }
}

/// Panics if the scanner accepts what the full reader refuses, or reads other values. For fuzzing: any bytes will do.
pub fn fuzz_compare(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let columns: Vec<Column> = [
        ("name", Type::Text),
        ("duration", Type::BigInt),
        ("n", Type::Int),
        ("x", Type::Double),
        ("ok", Type::Boolean),
        ("date", Type::Timestamp),
        ("raw", Type::Bytes),
        ("", Type::Text),
        ("é", Type::Text),
    ]
    .into_iter()
    .map(|(name, ty)| Column::new(name, ty))
    .collect();
    for columns in [&columns[..], &columns[..2], &columns[..0]] {
        let mut fast = vec![Slot::Missing; columns.len()];
        if !scan(text, columns, &mut fast) {
            continue;
        }
        let mut slow = vec![Slot::Missing; columns.len()];
        let full = read_full(text, columns, &mut slow);
        assert_eq!(full, Ok(()), "the scanner accepts {text:?}");
        assert_eq!(fast, slow, "{text:?}");
    }
}

#[cfg(test)]
mod tests;
