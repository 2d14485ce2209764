//! Keys and values of `__consumer_offsets`, `__transaction_state` and `__share_group_state`.
//!
//! ```text
//! key:   record type: i16 | key, always at version 0
//! value: version: i16     | value                         (a null value is a tombstone: no bytes at all)
//! ```

use bytes::Bytes;

use crate::{DecodeError, EncodeError, Message, Reader, Writer};

/// A record's key.
pub trait CoordinatorKey: Message {
    /// What the key begins with.
    const TYPE: i16;
}

/// A record's value.
pub trait CoordinatorValue: Message {
    /// What the key of this value begins with.
    const TYPE: i16;
}

/// The record type that a key begins with: compare it with the `TYPE` of the keys that the topic may hold. A reader
/// passes over types that it does not know, as Kafka does.
pub fn record_type(key: &[u8]) -> Result<i16, DecodeError> {
    match key.first_chunk::<2>() {
        Some(bytes) => Ok(i16::from_be_bytes(*bytes)),
        None => Err(DecodeError::Truncated { needed: 2, remaining: key.len() }),
    }
}

/// The bytes of a key.
pub fn encode_key<K: CoordinatorKey>(key: &K) -> Result<Bytes, EncodeError> {
    let mut w = Writer::new();
    w.put_i16(K::TYPE);
    key.encode(&mut w, *K::VERSIONS.end())?;
    w.into_bytes()
}

/// The key in these bytes, which must be of the type asked for.
pub fn decode_key<K: CoordinatorKey>(bytes: Bytes) -> Result<K, DecodeError> {
    let mut r = Reader::new(bytes);
    let found = r.i16()?;
    if found != K::TYPE {
        return Err(DecodeError::UnexpectedType(found));
    }
    whole(K::decode(&mut r, *K::VERSIONS.end())?, &r)
}

/// The bytes of a value at `version`.
pub fn encode_value<V: CoordinatorValue>(value: &V, version: i16) -> Result<Bytes, EncodeError> {
    crate::encode_versioned(value, version)
}

/// The value in these bytes, and the version that it was written at.
pub fn decode_value<V: CoordinatorValue>(bytes: Bytes) -> Result<(i16, V), DecodeError> {
    let mut r = Reader::new(bytes);
    let version = r.i16()?;
    Ok((version, whole(V::decode(&mut r, version)?, &r)?))
}

fn whole<M>(message: M, r: &Reader) -> Result<M, DecodeError> {
    match r.remaining() {
        0 => Ok(message),
        unread => Err(DecodeError::TrailingBytes(unread)),
    }
}
