//! JSON objects to columns.
//!
//! Three readers give the same result. The *scanner* reads plain objects straight into columns, only the fields that
//! are wanted; whatever it does not understand at sight (escapes, nesting, exponents, tabs, base64, a value of another
//! type …) it leaves to the *full* reader, which is `serde_json` and also finds the words for what is wrong. So the
//! scanner never refuses a record, and what it accepts the full reader accepts too, with equal values. A record that
//! differs from one before it in nothing but its values is read by that one's *shape*, which is the scanner with less
//! to look at. [`fuzz_compare`] checks that all agree.
//!
//! All check the whole record, not only the wanted fields. The last of two fields of one name wins, as in Jackson.
//! Never: guesses a type; `"5"` is no BIGINT.

mod full;
mod scanner;
mod shape;
mod words;

use engine::Type;

use crate::Column;
use crate::columns::{Builder, Slot};
use scanner::Span;
use shape::Shape;

pub(crate) use full::{array, coerce, read as read_full};

/// Reads records that come one after the other.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    shape: Shape,
    spans: Vec<Span>,
}

impl Reader {
    /// Appends one record's cells to the columns, which have `rows` cells; or says why it is a bad one.
    #[inline]
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        columns: &[Column],
        builders: &mut [Builder],
        rows: usize,
    ) -> Result<(), String> {
        if self.shape.read::<true>(bytes, builders).is_some() {
            return Ok(());
        }
        self.read_other(bytes, columns, builders, rows).map(|_| ())
    }

    /// As [`Reader::read`], for a record of another shape, or with other letters than ASCII. `true`: the full reader was
    /// not needed.
    fn read_other(
        &mut self,
        bytes: &[u8],
        columns: &[Column],
        builders: &mut [Builder],
        rows: usize,
    ) -> Result<bool, String> {
        let take_back = |builders: &mut [Builder]| builders.iter_mut().for_each(|builder| builder.truncate(rows));
        take_back(builders);
        let text = match str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return Err(format!("the value is not UTF-8 (byte {})", error.valid_up_to())),
        };
        if !text.is_ascii() {
            if self.shape.read::<false>(bytes, builders).is_some() {
                return Ok(true);
            }
            take_back(builders);
        }
        if scanner::scan(bytes, columns, builders, rows, &mut self.spans).is_some() {
            builders.iter_mut().filter(|builder| builder.len() == rows).for_each(Builder::push_default);
            self.shape.learn(bytes, &self.spans, columns.len());
            return Ok(true);
        }
        take_back(builders);
        let fields = read_full(text, columns)?;
        builders.iter_mut().zip(&fields).for_each(|(builder, field)| builder.push(field.slot()));
        Ok(false)
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

/// Panics if records (these bytes, and each of their lines), give other cells than the full reader gives for each alone, or if one is refused that
/// the full reader takes or the other way round. For fuzzing: any bytes will do.
pub fn fuzz_compare(bytes: &[u8]) {
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
        ("o", Type::Object),
    ]
    .into_iter()
    .map(|(name, ty)| Column::new(name, ty))
    .collect();
    for columns in [&columns[..], &columns[..2], &columns[..0]] {
        let new = || -> Vec<Builder> {
            columns.iter().map(|column| Builder::new(column.ty, column.default.clone(), 0)).collect()
        };
        let (mut fast, mut full) = (new(), new());
        let mut reader = Reader::default();
        let mut rows = 0;
        // Each once more: the second time, it has the shape that was just learned.
        let records = std::iter::once(bytes).chain(bytes.split(|byte| *byte == b'\n')).flat_map(|record| [record; 2]);
        for record in records {
            let wanted = match str::from_utf8(record) {
                Ok(text) => read_full(text, columns),
                Err(error) => Err(format!("the value is not UTF-8 (byte {})", error.valid_up_to())),
            };
            let read = reader.read(record, columns, &mut fast, rows);
            assert_eq!(read.as_ref().err(), wanted.as_ref().err(), "{:?}", String::from_utf8_lossy(record));
            if let Ok(fields) = &wanted {
                full.iter_mut().zip(fields).for_each(|(builder, field)| builder.push(field.slot()));
                rows += 1;
            }
            assert!(fast.iter().all(|builder| builder.len() == rows));
        }
        for (column, (fast, full)) in columns.iter().zip(fast.into_iter().zip(full)) {
            assert_eq!(&fast.finish(), &full.finish(), "`{}` of {:?}", column.name, String::from_utf8_lossy(bytes));
        }
    }
}

#[cfg(test)]
mod tests;
