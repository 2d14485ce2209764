//! Rows on their way through a topology: columns, time, key and origin.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, UInt32Array};
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
                Ok(kept.as_primitive::<arrow_array::types::Int64Type>().values().clone())
            },
            &|values| {
                let array = arrow_array::Int32Array::new(values.clone(), None);
                let kept = predicate.filter(&array)?;
                Ok(kept.as_primitive::<arrow_array::types::Int32Type>().values().clone())
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

    /// All rows of batches of one shape, in order.
    ///
    /// # Panics
    /// When the batches do not have the same columns and the same sort of keys: that is a fault of the caller.
    #[must_use]
    pub fn concat(mut batches: Vec<Batch>) -> Batch {
        if batches.len() == 1 {
            return batches.remove(0);
        }
        let all = |column: &dyn Fn(&Batch) -> ArrayRef| -> ArrayRef {
            let parts: Vec<ArrayRef> = batches.iter().map(column).collect();
            let parts: Vec<&dyn Array> = parts.iter().map(|part| part.as_ref()).collect();
            arrow_select::concat::concat(&parts).expect("batches of one shape")
        };
        let longs = |values: &dyn Fn(&Batch) -> ScalarBuffer<i64>| -> ScalarBuffer<i64> {
            batches.iter().flat_map(|batch| values(batch).to_vec()).collect()
        };
        let key_columns = |key: &KeyColumns| KeyColumns {
            types: key.types.clone(),
            columns: (0..key.columns.len())
                .map(|i| {
                    all(&|batch| match &batch.keys {
                        Keys::Columns(key) | Keys::Windowed { key, .. } => Arc::clone(&key.columns[i]),
                        _ => panic!("keys of two sorts"),
                    })
                })
                .collect(),
        };
        let keys = match &batches[0].keys {
            // Records of one partition may come in batches with and without keys.
            _ if batches.iter().any(|batch| matches!(batch.keys, Keys::Bytes(_))) => {
                let joined = all(&|batch| match &batch.keys {
                    Keys::Bytes(keys) => Arc::new(keys.clone()),
                    _ => Type::Bytes.nulls(batch.rows()),
                });
                Keys::Bytes(joined.as_binary::<i32>().clone())
            }
            Keys::None | Keys::Bytes(_) => Keys::None,
            Keys::Columns(key) => Keys::Columns(key_columns(key)),
            Keys::Windowed { key, size_ms, .. } => Keys::Windowed {
                key: key_columns(key),
                window_starts: longs(&|batch| match &batch.keys {
                    Keys::Windowed { window_starts, .. } => window_starts.clone(),
                    _ => panic!("keys of two sorts"),
                }),
                size_ms: *size_ms,
            },
        };
        let origins = batches.iter().map(|batch| batch.origins.as_ref()).collect::<Option<Vec<_>>>();
        let origins = origins.map(|origins| Origins {
            partitions: origins.iter().flat_map(|origins| origins.partitions.to_vec()).collect(),
            offsets: origins.iter().flat_map(|origins| origins.offsets.to_vec()).collect(),
        });
        Batch {
            columns: (0..batches[0].columns.len()).map(|i| all(&|batch| Arc::clone(&batch.columns[i]))).collect(),
            timestamps: longs(&|batch| batch.timestamps.clone()),
            keys,
            origins,
        }
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
            Keys::Bytes(bytes) => Keys::Bytes(array(bytes)?.as_binary::<i32>().clone()),
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
