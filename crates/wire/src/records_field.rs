//! [`Records`]: the field that carries record batches.

use bytes::Bytes;

/// Record batches inside a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Records {
    /// No records: null on the wire.
    #[default]
    Null,
    /// Batches in memory.
    Bytes(Bytes),
    /// Batches that the caller splices in behind the message's other bytes (from a file, say). Only the length is
    /// written; decoding never gives this.
    External {
        /// The caller's own number for them; comes back in [`Piece::External`](crate::Piece::External).
        index: u32,
        /// How many bytes will be spliced in.
        len: u32,
    },
}

impl Records {
    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// How many bytes the batches take.
    pub fn len(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Bytes(bytes) => bytes.len(),
            Self::External { len, .. } => *len as usize,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, if they are in memory; null is none.
    pub fn into_bytes(self) -> Option<Bytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Null | Self::External { .. } => None,
        }
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}
