//! Messages that carry their own version in front, as the consumer protocol's subscriptions and assignments and the
//! records of the coordinators do.
//!
//! ```text
//! version: i16 | message
//! ```

use bytes::Bytes;

use crate::{DecodeError, EncodeError, Message, Reader, Writer};

/// The bytes of `message` behind its version.
pub fn encode_versioned<M: Message>(message: &M, version: i16) -> Result<Bytes, EncodeError> {
    let mut w = Writer::new();
    w.put_i16(version);
    message.encode(&mut w, version)?;
    w.into_bytes()
}

/// The message behind its version. A version newer than ours is read as our newest and what follows is ignored: the
/// consumer protocol promises that newer versions only append.
pub fn decode_versioned<M: Message>(bytes: Bytes) -> Result<(i16, M), DecodeError> {
    let mut r = Reader::new(bytes);
    let version = r.i16()?;
    Ok((version, M::decode(&mut r, version.min(*M::VERSIONS.end()))?))
}
