//! A whole batch, viewed without copying.

use bytes::Bytes;

use crate::compression::Compression;
use crate::header::{BatchError, BatchHeader, CRC_RANGE_START, HEADER_BYTES};
use crate::iterate::{ReadLimits, Records};

/// One batch: its header, and its bytes, header included.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The header, parsed.
    pub header: BatchHeader,
    /// The whole batch.
    pub bytes: Bytes,
}

impl Batch {
    /// The batch at the front of `bytes`, which may hold more. The CRC is not checked.
    pub fn parse(bytes: &Bytes) -> Result<Self, BatchError> {
        Self::split_first(bytes.clone()).map(|(batch, _)| batch)
    }

    /// The batch at the front of `bytes`, and what stands behind it. The CRC is not checked.
    pub fn split_first(mut bytes: Bytes) -> Result<(Self, Bytes), BatchError> {
        let header = BatchHeader::parse(&bytes)?;
        if header.size_bytes() > bytes.len() {
            return Err(BatchError::Incomplete { needed_bytes: header.size_bytes() as u64 });
        }
        let behind = bytes.split_off(header.size_bytes());
        Ok((Self { header, bytes }, behind))
    }

    /// Checks the CRC over the attributes and all that follows.
    pub fn check_crc(&self) -> Result<(), BatchError> {
        let computed = crc32c::crc32c(&self.bytes[CRC_RANGE_START..]);
        if computed == self.header.crc { Ok(()) } else { Err(BatchError::Crc { stored: self.header.crc, computed }) }
    }

    /// The records, decompressed if need be within `limits`.
    pub fn records(&self, limits: ReadLimits) -> Result<Records, BatchError> {
        let compression = self.header.compression()?;
        let body = self.bytes.slice(HEADER_BYTES..);
        let body = match compression {
            Compression::None => body,
            packed => packed.decompress(&body, limits.decompressed_bytes_max)?,
        };
        Ok(Records::new(self.header, body))
    }
}

/// The batches in `bytes`, one after the other; ends after the first error.
pub fn split(bytes: Bytes) -> impl Iterator<Item = Result<Batch, BatchError>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let first = Batch::split_first(std::mem::take(&mut rest));
        Some(first.map(|(batch, behind)| {
            rest = behind;
            batch
        }))
    })
}
