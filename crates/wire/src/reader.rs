//! [`Reader`]: takes fields off a frame, never further than the frame and never for more memory than it is worth.

use bytes::Bytes;

use crate::primitives;
use crate::{DecodeError, Str, Uuid};

/// Decoded size is bounded by this many times the frame.
const BUDGET_FACTOR: usize = 64;

/// Kafka keeps strings within what the old two-byte length can say, whatever the version.
pub(crate) const TEXT_BYTES_MAX: usize = i16::MAX as usize;

/// Reads one frame from front to back.
pub struct Reader {
    data: Bytes,
    position: usize,
    /// Where the frame, or the tagged field being read, ends.
    end: usize,
    /// Whether lengths are compact and structs end in tagged fields. Set by `Message::decode`.
    pub(crate) flexible: bool,
    /// Bytes of memory that arrays may still take.
    budget: usize,
}

impl Reader {
    /// A reader at the start of `frame`.
    pub fn new(frame: Bytes) -> Self {
        let end = frame.len();
        Self { data: frame, position: 0, end, flexible: false, budget: end.saturating_mul(BUDGET_FACTOR) }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.end - self.position
    }

    /// What is left, without taking it.
    pub fn rest(&self) -> &[u8] {
        &self.data[self.position..self.end]
    }

    /// Takes `len` bytes without copying them.
    pub fn take(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        let start = self.position;
        self.advance(len)?;
        Ok(self.data.slice(start..start + len))
    }

    /// Skips `len` bytes.
    pub(crate) fn advance(&mut self, len: usize) -> Result<(), DecodeError> {
        if len > self.remaining() {
            return Err(DecodeError::Truncated { needed: len, remaining: self.remaining() });
        }
        self.position += len;
        Ok(())
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest().first_chunk::<N>() {
            Some(bytes) => {
                let bytes = *bytes;
                self.position += N;
                Ok(bytes)
            }
            None => Err(DecodeError::Truncated { needed: N, remaining: self.remaining() }),
        }
    }

    /// Takes a big-endian 16-bit number.
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    /// Takes a big-endian 32-bit number.
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    /// Takes a big-endian 64-bit number.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_be_bytes)
    }

    /// Takes an unsigned variable-length number.
    pub fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let mut rest = self.rest();
        let before = rest.len();
        let value = primitives::take_unsigned_varint(&mut rest)?;
        self.position += before - rest.len();
        Ok(value)
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        self.array().map(Uuid)
    }

    /// The length in front of a string: two bytes, or compact. `None` is null.
    pub(crate) fn nullable_text(&mut self) -> Result<Option<Str>, DecodeError> {
        let declared = if self.flexible { self.compact_length()? } else { i64::from(self.i16()?) };
        match self.length(declared)? {
            Some(len) if len > TEXT_BYTES_MAX => Err(DecodeError::InvalidLength(declared)),
            Some(len) => Str::try_from(self.take(len)?).map(Some),
            None => Ok(None),
        }
    }

    /// The length in front of bytes, records or an array: four bytes, or compact. `None` is null.
    pub(crate) fn nullable_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let declared = if self.flexible { self.compact_length()? } else { i64::from(self.i32()?) };
        self.length(declared)
    }

    /// Takes `len` elements' memory out of the budget.
    pub(crate) fn charge(&mut self, len: usize, size: usize) -> Result<(), DecodeError> {
        let cost = len.checked_mul(size).ok_or(DecodeError::OverBudget)?;
        self.budget = self.budget.checked_sub(cost).ok_or(DecodeError::OverBudget)?;
        Ok(())
    }

    /// Confines reading to the next `len` bytes; returns what to give back to [`Reader::leave`].
    pub(crate) fn enter(&mut self, len: usize) -> Result<usize, DecodeError> {
        if len > self.remaining() {
            return Err(DecodeError::Truncated { needed: len, remaining: self.remaining() });
        }
        Ok(std::mem::replace(&mut self.end, self.position + len))
    }

    /// Ends what [`Reader::enter`] began; says how many bytes were not read.
    pub(crate) fn leave(&mut self, outer_end: usize) -> usize {
        let unread = self.remaining();
        self.end = outer_end;
        unread
    }

    fn compact_length(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from(self.unsigned_varint()?) - 1)
    }

    /// Every element, character and byte takes at least one byte of the frame, so that a longer length is a lie.
    fn length(&self, declared: i64) -> Result<Option<usize>, DecodeError> {
        match usize::try_from(declared) {
            Ok(len) if len <= self.remaining() => Ok(Some(len)),
            Err(_) if declared == -1 => Ok(None),
            _ => Err(DecodeError::InvalidLength(declared)),
        }
    }
}
