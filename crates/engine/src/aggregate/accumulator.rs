//! The one trait of aggregates.

use std::fmt;

use arrow_array::ArrayRef;

use crate::data_type::Value;
use crate::expr::EvalError;

/// The state of many groups. A group is a slot: 0, 1, 2 …
pub trait Accumulator: fmt::Debug + Send + Sync {
    /// Makes room for `groups` groups; new ones are empty.
    fn grow(&mut self, groups: usize);

    /// Adds rows, in order: row `rows[i]` of the argument columns to the group `slots[i]`.
    fn update(&mut self, args: &[ArrayRef], rows: &[u32], slots: &[u32]);

    /// Whether some of these rows might have to be refused. `false` allows [`Accumulator::update`] without checks.
    fn may_refuse(&mut self, _args: &[ArrayRef], _rows: &[u32]) -> bool {
        false
    }

    /// Whether one row can be added to a group: an error makes it a dead letter, and no aggregate takes it.
    fn check(&self, _args: &[ArrayRef], _row: u32, _slot: u32) -> Result<(), EvalError> {
        Ok(())
    }

    /// The results of groups. Consumes nothing.
    fn read(&self, slots: &[u32]) -> ArrayRef;

    /// The result of one group.
    fn value(&self, slot: u32) -> Value;

    /// Adds the state of a group of another accumulator of the same call to a group of this one; the other's rows come
    /// after this one's.
    fn merge(&mut self, slot: u32, other: &dyn Accumulator, other_slot: u32) -> Result<(), DecodeError> {
        // Through the encoding: it is the one form that every implementation has.
        let mut state = Vec::new();
        other.encode(other_slot, &mut state);
        self.merge_encoded(slot, &mut &state[..])
    }

    /// Adds an encoded state to a group.
    fn merge_encoded(&mut self, slot: u32, state: &mut &[u8]) -> Result<(), DecodeError>;

    /// Empties a group.
    fn remove(&mut self, slot: u32);

    /// Appends the state of a group.
    fn encode(&self, slot: u32, out: &mut Vec<u8>);

    /// Reads a state that `encode` wrote into a group, and moves `input` behind it.
    fn decode(&mut self, slot: u32, input: &mut &[u8]) -> Result<(), DecodeError> {
        self.remove(slot);
        self.merge_encoded(slot, input)
    }

    /// The memory of all groups.
    fn size_bytes(&self) -> usize;

    /// A copy.
    fn boxed(&self) -> Box<dyn Accumulator>;
}

impl Clone for Box<dyn Accumulator> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// State bytes that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub reason: String,
}

impl DecodeError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for DecodeError {}

/// Takes `N` bytes off the front.
pub(crate) fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (head, rest) = input.split_first_chunk::<N>().ok_or_else(|| DecodeError::new("the state ends early"))?;
    *input = rest;
    Ok(*head)
}

/// Takes `len` bytes off the front.
pub(crate) fn take_slice<'a>(input: &mut &'a [u8], len: usize) -> Result<&'a [u8], DecodeError> {
    let (head, rest) = input.split_at_checked(len).ok_or_else(|| DecodeError::new("the state ends early"))?;
    *input = rest;
    Ok(head)
}
