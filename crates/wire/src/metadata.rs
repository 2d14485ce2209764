//! Values of `__cluster_metadata`; the records there have no keys.
//!
//! ```text
//! frame version: uvarint (1) | record type: uvarint | record version: uvarint | record
//! ```

use bytes::Bytes;

use crate::records::metadata::MetadataRecord;
use crate::{DecodeError, EncodeError, Reader, Writer};

const FRAME_VERSION: u32 = 1;

/// The bytes of a record at `version`.
pub fn encode(record: &MetadataRecord, version: i16) -> Result<Bytes, EncodeError> {
    let mut w = Writer::new();
    w.put_unsigned_varint(FRAME_VERSION);
    // Types and versions that exist are never negative; `write` refuses versions that do not.
    w.put_unsigned_varint(record.record_type() as u32);
    w.put_unsigned_varint(version.max(0) as u32);
    record.write(&mut w, version)?;
    w.into_bytes()
}

/// The record in these bytes, and the version that it was written at.
pub fn decode(bytes: Bytes) -> Result<(i16, MetadataRecord), DecodeError> {
    let mut r = Reader::new(bytes);
    let frame_version = r.unsigned_varint()?;
    if frame_version != FRAME_VERSION {
        let version = i16::try_from(frame_version).unwrap_or(i16::MAX);
        return Err(DecodeError::UnsupportedVersion { message: "metadata record frame", version });
    }
    let record_type = small(r.unsigned_varint()?)?;
    let version = small(r.unsigned_varint()?)?;
    let record = MetadataRecord::read(record_type, &mut r, version)?;
    match r.remaining() {
        0 => Ok((version, record)),
        unread => Err(DecodeError::TrailingBytes(unread)),
    }
}

fn small(number: u32) -> Result<i16, DecodeError> {
    i16::try_from(number).map_err(|_| DecodeError::InvalidVarint)
}
