//! The records of a batch, one by one, borrowed from its bytes.
//!
//! ```text
//! ┌────────┬──────┬───────────┬──────────┬─────────┬─────┬───────────┬───────┬─────────┬──[ key length │ key │ value length │ value ]…
//! │ length │ attr │ timestamp │ offset   │ key     │ key │ value     │ value │ headers │
//! │ varint │ i8   │ Δ varlong │ Δ varint │ len −1? │     │ len −1?   │       │ count   │
//! └────────┴──────┴───────────┴──────────┴─────────┴─────┴───────────┴───────┴─────────┴──
//! ```

use bytes::Bytes;

use crate::header::{BatchError, BatchHeader, TimestampType};
use crate::number::{Offset, TimestampMs};
use crate::varint;

/// How much memory reading a batch may take.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Most bytes that the records may have after decompression.
    pub decompressed_bytes_max: usize,
}

impl Default for ReadLimits {
    /// 64 MiB.
    fn default() -> Self {
        Self { decompressed_bytes_max: 64 << 20 }
    }
}

/// The decompressed records of one batch.
#[derive(Clone, Debug)]
pub struct Records {
    header: BatchHeader,
    body: Bytes,
}

impl Records {
    pub(crate) fn new(header: BatchHeader, body: Bytes) -> Self {
        Self { header, body }
    }

    /// The records in order. After an error the iterator ends.
    #[must_use]
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter { header: self.header, rest: &self.body, left: self.header.records_count }
    }

    /// How many there are, as the header says: not proven before they were read.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::try_from(self.header.records_count).unwrap_or(0)
    }

    /// The decompressed bytes, of which every record borrows.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl<'a> IntoIterator for &'a Records {
    type Item = Result<Record<'a>, BatchError>;
    type IntoIter = RecordIter<'a>;

    fn into_iter(self) -> RecordIter<'a> {
        self.iter()
    }
}

/// Yields the records of a batch; ends after an error. Bytes after the last counted record are an error.
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    header: BatchHeader,
    rest: &'a [u8],
    left: i32,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place in the partition.
    pub offset: Offset,
    /// Its place in the batch: offset minus the batch's base offset.
    pub offset_delta: i32,
    /// Its timestamp: the batch's when the broker stamped it.
    pub timestamp: TimestampMs,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null, a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
}

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its name; bytes, since nothing on the way here has checked that it is UTF-8.
    pub key: &'a [u8],
    /// Its value; `None` is null.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record, already checked: iterating cannot fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    rest: &'a [u8],
    left: i32,
}

impl Headers<'_> {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.left as usize
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let key = read_bytes(&mut self.rest)??;
        let value = read_bytes(&mut self.rest)?;
        Some(Header { key, value })
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            if self.rest.is_empty() {
                return None;
            }
            self.rest = &[];
            return Some(Err(BatchError::Malformed("bytes follow the last record that its count promises")));
        }
        self.left -= 1;
        let record = self.read();
        if record.is_err() {
            self.left = 0;
            self.rest = &[];
        }
        Some(record)
    }
}

impl<'a> RecordIter<'a> {
    #[inline]
    fn read(&mut self) -> Result<Record<'a>, BatchError> {
        const CUT: BatchError = BatchError::Malformed("it ends before the records that its count promises");
        const WRONG: BatchError = BatchError::Malformed("a record contradicts its own length");
        if self.rest.is_empty() {
            return Err(CUT);
        }
        let len = varint::read_i32(&mut self.rest).ok_or(CUT)?;
        let len = usize::try_from(len).map_err(|_| WRONG)?;
        let mut body = self.rest.get(..len).ok_or(CUT)?;
        self.rest = &self.rest[len..];

        let (_attributes, after) = body.split_first().ok_or(WRONG)?;
        body = after;
        let timestamp_delta = varint::read_i64(&mut body).ok_or(WRONG)?;
        let offset_delta = varint::read_i32(&mut body).ok_or(WRONG)?;
        let key = read_bytes(&mut body).ok_or(WRONG)?;
        let value = read_bytes(&mut body).ok_or(WRONG)?;
        let headers_count = varint::read_i32(&mut body).ok_or(WRONG)?;
        // A header takes two bytes at least.
        if headers_count < 0 || headers_count as usize > body.len() / 2 {
            return Err(BatchError::Malformed("a record has an impossible number of headers"));
        }
        let headers = Headers { rest: body, left: headers_count };
        for _ in 0..headers_count {
            read_bytes(&mut body).flatten().ok_or(BatchError::Malformed("a record header has no key"))?;
            read_bytes(&mut body).ok_or(WRONG)?;
        }
        if !body.is_empty() {
            return Err(WRONG);
        }
        let timestamp = match self.header.timestamp_type() {
            TimestampType::LogAppendTime => self.header.max_timestamp,
            TimestampType::CreateTime => TimestampMs(self.header.base_timestamp.0.wrapping_add(timestamp_delta)),
        };
        let offset = self.header.base_offset + i64::from(offset_delta);
        Ok(Record { offset, offset_delta, timestamp, key, value, headers })
    }
}

/// A length and that many bytes. Outer `None`: cut off or impossible; inner `None`: null (length −1).
#[inline(always)]
fn read_bytes<'a>(buf: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let len = varint::read_i32(buf)?;
    if len == -1 {
        return Some(None);
    }
    let len = usize::try_from(len).ok()?;
    let (bytes, rest) = buf.split_at_checked(len)?;
    *buf = rest;
    Some(Some(bytes))
}
