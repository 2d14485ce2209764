//! The batch header.
//!
//! ```text
//!  0        8       12       16   17       21   23       27        35        43        51   53       57       61
//!  ┌────────┬────────┬────────┬────┬────────┬────┬────────┬─────────┬─────────┬─────────┬────┬────────┬────────┬───────
//!  │ base   │ batch  │ leader │magi│ CRC32C │attr│ last   │ base    │ max     │ producer│prod│ base   │ records│ records
//!  │ offset │ length │ epoch  │ c=2│        │    │ offset │timestamp│timestamp│ id      │ep. │sequence│ count  │ …
//!  │ i64    │ i32    │ i32    │ i8 │ u32    │i16 │ Δ i32  │ i64     │ i64     │ i64     │i16 │ i32    │ i32    │
//!  └────────┴────────┴────────┴────┴────────┴────┴────────┴─────────┴─────────┴─────────┴────┴────────┴────────┴───────
//!            └ counts from here              └ the CRC covers from here to the end
//! ```
//!
//! All big-endian. Base offset, length and leader epoch lie before the CRC's range, so that the broker assigns offsets
//! without touching it. Attributes: bits 0–2 compression, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon
//! (the base timestamp then holds it).

use std::fmt;

use crate::compression::{Compression, CompressionError};
use crate::number::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

/// Bytes of a header.
pub const HEADER_BYTES: usize = 61;
/// Bytes before the part that `batch_length` counts.
pub(crate) const LENGTH_FREE_BYTES: usize = 12;
/// Where the CRC's range begins.
pub(crate) const CRC_RANGE_START: usize = 21;
const MAGIC: i8 = 2;

/// Why bytes are not a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchError {
    /// The bytes end before the batch does: a torn tail, or a frame cut short.
    Incomplete {
        /// How many bytes the batch needs, as far as can be told.
        needed_bytes: u64,
    },
    /// A message format other than 2.
    UnsupportedMagic(i8),
    /// The content contradicts itself.
    Malformed(&'static str),
    /// The checksum does not match.
    Crc {
        /// What the header says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// The records do not decompress within bounds.
    Compression(CompressionError),
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { needed_bytes } => write!(f, "batch is cut off: it needs {needed_bytes} bytes"),
            Self::UnsupportedMagic(magic) => write!(f, "message format {magic} is not supported, only 2"),
            Self::Malformed(what) => write!(f, "malformed batch: {what}"),
            Self::Crc { stored, computed } => {
                write!(f, "batch is corrupt: its checksum is {stored:#010x}, its bytes give {computed:#010x}")
            }
            Self::Compression(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for BatchError {}

impl From<CompressionError> for BatchError {
    fn from(e: CompressionError) -> Self {
        Self::Compression(e)
    }
}

/// Whose clock gave the timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, when it appended.
    LogAppendTime,
}

/// The attribute bits of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub i16);

impl Attributes {
    pub(crate) const LOG_APPEND_TIME: i16 = 1 << 3;
    pub(crate) const TRANSACTIONAL: i16 = 1 << 4;
    pub(crate) const CONTROL: i16 = 1 << 5;
    pub(crate) const DELETE_HORIZON: i16 = 1 << 6;

    fn has(self, bit: i16) -> bool {
        self.0 & bit != 0
    }
}

/// A batch's header, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record (kept by compaction even when that record is gone).
    pub base_offset: Offset,
    /// Bytes after the length field.
    pub batch_length: i32,
    /// Epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// Message format; 2 in every parsed header.
    pub magic: i8,
    /// CRC32C of everything from the attributes on.
    pub crc: u32,
    /// Compression, timestamp type, transactional, control, delete horizon.
    pub attributes: Attributes,
    /// Last offset minus base offset.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas are relative to; the delete horizon when that bit is set.
    pub base_timestamp: TimestampMs,
    /// Largest timestamp in the batch.
    pub max_timestamp: TimestampMs,
    /// Who produced it.
    pub producer_id: ProducerId,
    /// Which incarnation.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of the first record.
    pub base_sequence: Sequence,
    /// How many records the batch says it has.
    pub records_count: i32,
}

impl BatchHeader {
    /// Reads the header at the front of `buf`, which may be longer or shorter than the batch.
    ///
    /// Checks what needs no other byte: magic, length, the sign of the last offset delta and of the count, and that offsets
    /// do not overflow. Errors: [`BatchError::Incomplete`] when `buf` has fewer than 61 bytes.
    pub fn parse(buf: &[u8]) -> Result<Self, BatchError> {
        let Some(b) = buf.first_chunk::<HEADER_BYTES>() else {
            return Err(BatchError::Incomplete { needed_bytes: HEADER_BYTES as u64 });
        };
        let header = Self {
            base_offset: Offset(i64::from_be_bytes(at(b, 0))),
            batch_length: i32::from_be_bytes(at(b, 8)),
            leader_epoch: LeaderEpoch(i32::from_be_bytes(at(b, 12))),
            magic: b[16] as i8,
            crc: u32::from_be_bytes(at(b, 17)),
            attributes: Attributes(i16::from_be_bytes(at(b, 21))),
            last_offset_delta: i32::from_be_bytes(at(b, 23)),
            base_timestamp: TimestampMs(i64::from_be_bytes(at(b, 27))),
            max_timestamp: TimestampMs(i64::from_be_bytes(at(b, 35))),
            producer_id: ProducerId(i64::from_be_bytes(at(b, 43))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(at(b, 51))),
            base_sequence: Sequence(i32::from_be_bytes(at(b, 53))),
            records_count: i32::from_be_bytes(at(b, 57)),
        };
        if header.magic != MAGIC {
            return Err(BatchError::UnsupportedMagic(header.magic));
        }
        if (header.batch_length as i64) < (HEADER_BYTES - LENGTH_FREE_BYTES) as i64 {
            return Err(BatchError::Malformed("its length is smaller than a header"));
        }
        if header.last_offset_delta < 0 {
            return Err(BatchError::Malformed("its last offset lies before its first"));
        }
        if header.records_count < 0 {
            return Err(BatchError::Malformed("its record count is negative"));
        }
        if header.base_offset.0.checked_add(i64::from(header.last_offset_delta) + 1).is_none() {
            return Err(BatchError::Malformed("its offsets overflow"));
        }
        Ok(header)
    }

    /// Bytes of the whole batch.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        LENGTH_FREE_BYTES + self.batch_length as usize
    }

    /// Offset of the last record (kept by compaction even when that record is gone).
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// The offset that follows the batch.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.last_offset().next()
    }

    /// Sequence of the last record; [`Sequence::NONE`] when the batch has none.
    #[must_use]
    pub fn last_sequence(&self) -> Sequence {
        if self.base_sequence.0 < 0 { Sequence::NONE } else { self.base_sequence.plus(self.last_offset_delta) }
    }

    /// How the records are compressed; an error for the three unassigned codes.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        Compression::from_attributes(self.attributes.0).ok_or(BatchError::Malformed("its compression is unknown"))
    }

    /// Whose clock gave the timestamps.
    #[must_use]
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes.has(Attributes::LOG_APPEND_TIME) {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.attributes.has(Attributes::TRANSACTIONAL)
    }

    /// Whether the batch holds control records, which no consumer is shown.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.attributes.has(Attributes::CONTROL)
    }

    /// When tombstones and markers in the batch may go, once compaction has set it.
    #[must_use]
    pub fn delete_horizon(&self) -> Option<TimestampMs> {
        self.attributes.has(Attributes::DELETE_HORIZON).then_some(self.base_timestamp)
    }

    /// Whether a producer id marks the batch as idempotent or transactional.
    #[must_use]
    pub fn has_producer(&self) -> bool {
        self.producer_id.is_some()
    }

    /// Writes the header over the first 61 bytes of `out`; the CRC is written as it stands in `self`.
    pub(crate) fn write(&self, out: &mut [u8; HEADER_BYTES]) {
        out[0..8].copy_from_slice(&self.base_offset.0.to_be_bytes());
        out[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        out[12..16].copy_from_slice(&self.leader_epoch.0.to_be_bytes());
        out[16] = self.magic as u8;
        out[17..21].copy_from_slice(&self.crc.to_be_bytes());
        out[21..23].copy_from_slice(&self.attributes.0.to_be_bytes());
        out[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        out[27..35].copy_from_slice(&self.base_timestamp.0.to_be_bytes());
        out[35..43].copy_from_slice(&self.max_timestamp.0.to_be_bytes());
        out[43..51].copy_from_slice(&self.producer_id.0.to_be_bytes());
        out[51..53].copy_from_slice(&self.producer_epoch.0.to_be_bytes());
        out[53..57].copy_from_slice(&self.base_sequence.0.to_be_bytes());
        out[57..61].copy_from_slice(&self.records_count.to_be_bytes());
    }
}

/// Gives the batch in `batch` (a whole one) its place in the log. The CRC does not cover these fields.
pub fn assign(batch: &mut [u8], base_offset: Offset, leader_epoch: LeaderEpoch) {
    batch[0..8].copy_from_slice(&base_offset.0.to_be_bytes());
    batch[12..16].copy_from_slice(&leader_epoch.0.to_be_bytes());
}

/// Stamps the batch in `batch` (a whole one) with the broker's time and recomputes its CRC. Every record then has this
/// timestamp, whatever its delta says.
pub fn set_log_append_time(batch: &mut [u8], now: TimestampMs) {
    let attributes = i16::from_be_bytes([batch[21], batch[22]]) | Attributes::LOG_APPEND_TIME;
    batch[21..23].copy_from_slice(&attributes.to_be_bytes());
    set_max_timestamp(batch, now);
}

/// Corrects the largest timestamp in the header of the batch in `batch` (a whole one) and recomputes its CRC.
pub fn set_max_timestamp(batch: &mut [u8], max: TimestampMs) {
    batch[35..43].copy_from_slice(&max.0.to_be_bytes());
    seal(batch);
}

/// Recomputes the CRC of a whole batch.
pub(crate) fn seal(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[CRC_RANGE_START..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

fn at<const N: usize>(bytes: &[u8; HEADER_BYTES], from: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[from..from + N]);
    out
}
