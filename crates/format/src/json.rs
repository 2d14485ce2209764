//! JSON objects to columns.
//!
//! Two readers give the same result: the *scanner* reads plain objects straight into columns, only the fields that
//! are wanted; whatever it does not understand at sight (escapes, nesting, exponents, tabs, base64, a value of
//! another type …) it leaves to the *full* reader, which is `serde_json` and also finds the words for what is wrong.
//! So the scanner never refuses a record, and what it accepts the full reader accepts too, with equal values:
//! [`fuzz_compare`] checks that.
//!
//! Both check the whole record, not only the wanted fields. The last of two fields of one name wins, as in Jackson.
//! Never: guesses a type; `"5"` is no BIGINT.

mod full;
mod scanner;

use engine::Type;

use crate::Column;
use crate::columns::{Field, Slot};

pub(crate) use full::{array, coerce, read as read_full};
pub(crate) use scanner::scan;

/// What one record was found to be.
pub(crate) enum Row<'a> {
    /// The slots hold its fields.
    Scanned,
    /// Its fields, from the full reader.
    Read(Vec<Field<'a>>),
    /// Why it is a bad one.
    Bad(String),
}

/// Reads one record, if it is a plain one into `slots`, one for each column.
#[inline]
pub(crate) fn read<'a>(bytes: &'a [u8], columns: &[Column], slots: &mut [Slot<'a>]) -> Row<'a> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Row::Bad(format!("the value is not UTF-8 (byte {})", error.valid_up_to())),
    };
    slots.fill(Slot::Missing);
    if scan(text, columns, slots) {
        return Row::Scanned;
    }
    match read_full(text, columns) {
        Ok(fields) => Row::Read(fields),
        Err(reason) => Row::Bad(reason),
    }
}

/// An integer where `ty` is wanted.
#[inline]
pub(crate) fn integer<'a>(value: i64, ty: Type) -> Option<Slot<'a>> {
    match ty {
        Type::BigInt | Type::Timestamp => Some(Slot::Integer(value)),
        Type::Int if i32::try_from(value).is_ok() => Some(Slot::Integer(value)),
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
        match read_full(text, columns) {
            Ok(fields) => assert_eq!(fast, fields.iter().map(Field::slot).collect::<Vec<_>>(), "{text:?}"),
            Err(reason) => panic!("the scanner accepts {text:?}: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests;
