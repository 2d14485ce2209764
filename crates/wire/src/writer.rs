//! [`Writer`]: puts fields behind one another, and leaves out what the caller will splice in.

use bytes::Bytes;

use crate::primitives;
use crate::reader::TEXT_BYTES_MAX;
use crate::{EncodeError, Records};

/// Records of at least this size are passed on as they are instead of being copied into the message.
const SPLICE_BYTES_MIN: usize = 4096;

/// One stretch of an encoded message, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Bytes),
    /// `len` bytes that the caller has, under its own number.
    External {
        /// From [`Records::External`].
        index: u32,
        /// How many bytes stand here.
        len: u32,
    },
}

impl Piece {
    /// How many bytes stand here.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::External { len, .. } => *len as usize,
        }
    }

    /// Whether no bytes stand here.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

enum Part {
    Own(Vec<u8>),
    Shared(Bytes),
    External { index: u32, len: u32 },
}

/// Writes one message, or one frame with header and message.
#[derive(Default)]
pub struct Writer {
    done: Vec<Part>,
    done_len: usize,
    pub(crate) buffer: Vec<u8>,
    /// Whether lengths are compact and structs end in tagged fields. Set by `Message::encode`.
    pub(crate) flexible: bool,
    framed: bool,
}

impl Writer {
    /// A writer of bare messages.
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer of one frame: [`Writer::finish`] puts the four-byte length in front.
    pub fn framed() -> Self {
        Self { buffer: vec![0; 4], framed: true, ..Self::default() }
    }

    /// How many bytes are written so far, external ones and the frame's length included.
    pub fn len(&self) -> usize {
        self.done_len + self.buffer.len()
    }

    /// Whether nothing is written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a big-endian 16-bit number.
    pub fn put_i16(&mut self, value: i16) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// Puts an unsigned variable-length number.
    pub fn put_unsigned_varint(&mut self, value: u32) {
        primitives::put_unsigned_varint(&mut self.buffer, value);
    }

    /// The message in pieces, in order. Fails if a frame is longer than its length can say.
    pub fn finish(mut self) -> Result<Vec<Piece>, EncodeError> {
        let len = self.len();
        if len > i32::MAX as usize {
            return Err(EncodeError::TooLong(len));
        }
        self.done.push(Part::Own(self.buffer));
        let mut pieces = Vec::with_capacity(self.done.len());
        for (index, part) in self.done.into_iter().enumerate() {
            match part {
                Part::Own(mut bytes) => {
                    if self.framed && index == 0 {
                        bytes[..4].copy_from_slice(&((len - 4) as u32).to_be_bytes());
                    }
                    if !bytes.is_empty() {
                        pieces.push(Piece::Bytes(bytes.into()));
                    }
                }
                Part::Shared(bytes) => pieces.push(Piece::Bytes(bytes)),
                Part::External { index, len } => pieces.push(Piece::External { index, len }),
            }
        }
        Ok(pieces)
    }

    /// The message as one run of bytes. Fails if part of it is external.
    pub fn into_bytes(self) -> Result<Bytes, EncodeError> {
        let len = self.len();
        let mut pieces = self.finish()?;
        if let [Piece::Bytes(bytes)] = &mut pieces[..] {
            return Ok(std::mem::take(bytes));
        }
        let mut whole = Vec::with_capacity(len);
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) => whole.extend_from_slice(&bytes),
                Piece::External { .. } => return Err(EncodeError::ExternalRecords),
            }
        }
        Ok(whole.into())
    }

    /// A length in front of a string: two bytes, or compact. `None` is null.
    pub(crate) fn text_length(&mut self, len: Option<usize>) -> Result<(), EncodeError> {
        if let Some(len) = len.filter(|len| *len > TEXT_BYTES_MAX) {
            return Err(EncodeError::TooLong(len));
        }
        if self.flexible {
            return self.length(len);
        }
        self.put_i16(len.map_or(-1, |len| len as i16));
        Ok(())
    }

    /// A length in front of bytes, records or an array: four bytes, or compact. `None` is null.
    pub(crate) fn length(&mut self, len: Option<usize>) -> Result<(), EncodeError> {
        let declared = match len {
            Some(len) => i32::try_from(len).ok().filter(|len| *len < i32::MAX).ok_or(EncodeError::TooLong(len))?,
            None => -1,
        };
        if self.flexible {
            self.put_unsigned_varint((declared + 1) as u32);
        } else {
            self.buffer.extend_from_slice(&declared.to_be_bytes());
        }
        Ok(())
    }

    pub(crate) fn records(&mut self, records: &Records) -> Result<(), EncodeError> {
        self.length(if records.is_null() { None } else { Some(records.len()) })?;
        match records {
            Records::Null => {}
            Records::Bytes(bytes) if bytes.len() < SPLICE_BYTES_MIN => self.buffer.extend_from_slice(bytes),
            Records::Bytes(bytes) => self.splice(Part::Shared(bytes.clone()), bytes.len()),
            Records::External { index, len } => {
                self.splice(Part::External { index: *index, len: *len }, *len as usize);
            }
        }
        Ok(())
    }

    fn splice(&mut self, part: Part, len: usize) {
        let before = std::mem::take(&mut self.buffer);
        self.done_len += before.len() + len;
        self.done.push(Part::Own(before));
        self.done.push(part);
    }

    /// How many parts are done: a tagged field may not finish one, since its length goes in front of it.
    pub(crate) fn parts(&self) -> usize {
        self.done.len()
    }
}
