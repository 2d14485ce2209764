//! The changelog's bytes, in Kafka Streams' layout where it has one.
//!
//! ```text
//! key, windowed   key bytes ‖ window start: 8 B ‖ sequence number: 4 B (always 0)
//! key, running    key bytes
//! value           one count, alone: 8 B  (Kafka Streams' LongSerializer: a Kafka Streams store reads it)
//!                 otherwise: version: 1 B (1) ‖ the state of each aggregate, as drawn in `aggregate`
//! timestamp       the result's: the largest of the group's records
//! ```
//! All big-endian. A null value deletes the group.

use std::fmt;

use super::bucket::Bucket;
use crate::aggregate::{AggregateFunction, DecodeError};
use crate::plan::AggregateNode;

/// The version of the value's own layout.
const STATE_VERSION: u8 = 1;

/// What follows the key bytes of a windowed key.
pub(super) const WINDOW_SUFFIX_BYTES: usize = 12;

/// Why a changelog record cannot be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreError {
    /// The store.
    pub store: String,
    /// What is wrong with the record.
    pub reason: String,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the changelog of `{}` holds a record that this query did not write ({}); \
             drop the query with its changelog, or start it under another name",
            self.store, self.reason
        )
    }
}

impl std::error::Error for RestoreError {}

/// True for a single count, whose value is a bare long.
fn is_bare_count(plan: &AggregateNode) -> bool {
    matches!(&*plan.calls, [(_, call)] if call.function == AggregateFunction::Count)
}

/// Appends a key: its bytes, and the window's suffix.
pub(super) fn encode_key(plan: &AggregateNode, key: &[u8], window_start: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    if plan.window.is_some() {
        out.extend_from_slice(&window_start.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
    }
}

/// Takes a key apart: key bytes and window start.
pub(super) fn decode_key<'a>(plan: &AggregateNode, key: &'a [u8]) -> Result<(&'a [u8], i64), DecodeError> {
    if plan.window.is_none() {
        return Ok((key, 0));
    }
    let early = || DecodeError::new("a windowed key of less than 12 bytes");
    let (rest, _sequence) = key.split_last_chunk::<4>().ok_or_else(early)?;
    let (rest, start) = rest.split_last_chunk::<8>().ok_or_else(early)?;
    Ok((rest, i64::from_be_bytes(*start)))
}

/// Appends the value of a slot.
pub(super) fn encode_value(plan: &AggregateNode, bucket: &Bucket, slot: u32, out: &mut Vec<u8>) {
    if !is_bare_count(plan) {
        out.push(STATE_VERSION);
    }
    for accumulator in &bucket.accumulators {
        accumulator.encode(slot, out);
    }
}

/// Reads a value into a slot.
pub(super) fn decode_value(
    plan: &AggregateNode,
    bucket: &mut Bucket,
    slot: u32,
    mut value: &[u8],
) -> Result<(), DecodeError> {
    if !is_bare_count(plan) {
        match value.split_first() {
            Some((&STATE_VERSION, rest)) => value = rest,
            Some((version, _)) => return Err(DecodeError::new(format!("state version {version}, not 1"))),
            None => return Err(DecodeError::new("an empty value")),
        }
    }
    for accumulator in &mut bucket.accumulators {
        accumulator.decode(slot, &mut value)?;
    }
    if value.is_empty() { Ok(()) } else { Err(DecodeError::new(format!("{} bytes too many", value.len()))) }
}
