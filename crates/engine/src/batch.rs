//! Rows on their way through a topology: columns, time, key and origin.

use arrow_array::{ArrayRef, BinaryArray, BooleanArray, UInt32Array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::ArrowError;

use crate::data_type::{Type, Value};

/// Some rows. All parts have the same number of rows.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The columns.
    pub columns: Vec<ArrayRef>,
    /// Each row's time, ms.
    pub timestamps: ScalarBuffer<i64>,
    /// Each row's key.
    pub keys: Keys,
    /// Which record each row comes from; `None` behind an aggregate, where a row has many.
    pub origins: Option<Origins>,
}

/// The records that rows come from, all of one source.
#[derive(Debug, Clone)]
pub struct Origins {
    /// The source partition of each row.
    pub partitions: ScalarBuffer<i32>,
    /// The offset of each row.
    pub offsets: ScalarBuffer<i64>,
}

/// The keys of rows.
#[derive(Debug, Clone)]
pub enum Keys {
    /// No row has a key.
    None,
    /// The record keys as they were read.
    Bytes(BinaryArray),
    /// Keys made of columns: one is a primitive key (NULL: no key), several a composite one.
    Columns(KeyColumns),
    /// Keys of a windowed table: columns, and the window.
    Windowed {
        /// The key proper.
        key: KeyColumns,
        /// Each row's window start, ms.
        window_starts: ScalarBuffer<i64>,
        /// The windows' size, ms.
        size_ms: i64,
    },
}

/// Typed key columns.
#[derive(Debug, Clone)]
pub struct KeyColumns {
    /// The type of each column.
    pub types: Vec<Type>,
    /// The columns.
    pub columns: Vec<ArrayRef>,
}

impl KeyColumns {
    /// One row's key.
    #[must_use]
    pub fn row(&self, row: usize) -> Vec<Value> {
        self.types.iter().zip(&self.columns).map(|(ty, column)| Value::at(column, *ty, row)).collect()
    }
}

impl Batch {
    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.timestamps.len()
    }

    /// True without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// The rows where `keep` is true.
    pub fn filter(&self, keep: &BooleanArray) -> Result<Batch, ArrowError> {
        let predicate = arrow_select::filter::FilterBuilder::new(keep).optimize().build();
        self.map(
            &|column| predicate.filter(column),
            &|values| {
                let array = arrow_array::Int64Array::new(values.clone(), None);
                let kept = predicate.filter(&array)?;
                Ok(arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Int64Type>(&kept).values().clone())
            },
            &|values| {
                let array = arrow_array::Int32Array::new(values.clone(), None);
                let kept = predicate.filter(&array)?;
                Ok(arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Int32Type>(&kept).values().clone())
            },
        )
    }

    /// The rows at `indices`, in that order.
    pub fn take(&self, indices: &UInt32Array) -> Result<Batch, ArrowError> {
        self.map(
            &|column| arrow_select::take::take(column, indices, None),
            &|values| Ok(indices.values().iter().map(|row| values[*row as usize]).collect()),
            &|values| Ok(indices.values().iter().map(|row| values[*row as usize]).collect()),
        )
    }

    /// `rows` rows from `start`, without copying.
    #[must_use]
    pub fn slice(&self, start: usize, rows: usize) -> Batch {
        let sliced =
            self.map(&|column| Ok(column.slice(start, rows)), &|values| Ok(values.slice(start, rows)), &|values| {
                Ok(values.slice(start, rows))
            });
        // The closures above have no error to give.
        sliced.unwrap_or_else(|error| unreachable!("slicing does not fail: {error}"))
    }

    #[allow(clippy::type_complexity)]
    fn map(
        &self,
        array: &dyn Fn(&dyn arrow_array::Array) -> Result<ArrayRef, ArrowError>,
        longs: &dyn Fn(&ScalarBuffer<i64>) -> Result<ScalarBuffer<i64>, ArrowError>,
        ints: &dyn Fn(&ScalarBuffer<i32>) -> Result<ScalarBuffer<i32>, ArrowError>,
    ) -> Result<Batch, ArrowError> {
        let all = |columns: &[ArrayRef]| columns.iter().map(|column| array(column)).collect::<Result<Vec<_>, _>>();
        let key_columns = |key: &KeyColumns| -> Result<KeyColumns, ArrowError> {
            Ok(KeyColumns { types: key.types.clone(), columns: all(&key.columns)? })
        };
        let keys = match &self.keys {
            Keys::None => Keys::None,
            Keys::Bytes(bytes) => Keys::Bytes(arrow_array::cast::AsArray::as_binary::<i32>(&array(bytes)?).clone()),
            Keys::Columns(key) => Keys::Columns(key_columns(key)?),
            Keys::Windowed { key, window_starts, size_ms } => {
                Keys::Windowed { key: key_columns(key)?, window_starts: longs(window_starts)?, size_ms: *size_ms }
            }
        };
        let origins = match &self.origins {
            None => None,
            Some(origins) => {
                Some(Origins { partitions: ints(&origins.partitions)?, offsets: longs(&origins.offsets)? })
            }
        };
        Ok(Batch { columns: all(&self.columns)?, timestamps: longs(&self.timestamps)?, keys, origins })
    }
}
