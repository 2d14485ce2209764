//! Records out of a partition's log, as a consumer sees them.
//!
//! Owns: skipping control batches, aborted transactions (`read_committed`) and records before the position.
//! Never: decodes a key or value; moves a position by itself.

use std::collections::HashSet;
use std::fmt;

use bytes::{Bytes, BytesMut};
use commitlog::{Isolation, Log, ReadError, ReadRequest};
use record::{Offset, ProducerId, ReadLimits, Record, Records, split};

/// A fetch that holds this many bytes of decompressed records takes no further batch, which may have 64 MiB.
const DECOMPRESSED_BYTES_ENOUGH: usize = 8 << 20;

/// After so many bytes of values, some 100 µs, other threads have their turn: a batch may unpack to a thousand times its
/// size, and would keep a processor from them for as long as the system lets it.
const TURN_BYTES: usize = 64 << 10;
/// What a record counts there beside its value.
const TURN_RECORD_BYTES: usize = 128;

/// More is not kept for the next fetch.
const BUFFER_BYTES_MAX: usize = 4 << 20;

/// Memory that one fetch after the other reads into.
#[derive(Debug, Default)]
pub struct FetchBuffer(BytesMut);

/// Records of one partition, in order.
#[derive(Debug)]
pub struct Fetched {
    batches: Vec<Records>,
    /// What the last chunk was read into.
    memory: Bytes,
    from: i64,
    /// Where to go on.
    pub next_offset: i64,
    /// Nothing more was there, as far as this isolation sees.
    pub at_end: bool,
    /// Bytes of the batches that were read.
    pub bytes: usize,
}

/// Why nothing was fetched.
#[derive(Clone, Debug)]
pub enum FetchError {
    /// The position lies outside the log: retention has deleted what is there, or somebody deleted records.
    OutOfRange {
        /// The first offset that is still there.
        start: i64,
        /// Where the log ends.
        end: i64,
    },
    /// Bytes are damaged: these offsets cannot be read.
    Corrupt {
        /// The first offset that cannot be read.
        first: i64,
        /// Where reading can go on, if known.
        next: Option<i64>,
        /// In words.
        reason: String,
    },
    /// The topic is gone.
    Deleted,
    /// The disk failed.
    Storage(String),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { start, end } => write!(f, "the partition only has offsets {start} to {end}"),
            Self::Corrupt { reason, .. } | Self::Storage(reason) => f.write_str(reason),
            Self::Deleted => f.write_str("the topic was deleted"),
        }
    }
}

impl std::error::Error for FetchError {}

impl Fetched {
    /// At most this many records are there.
    pub fn records_max(&self) -> usize {
        // A header may lie about its count; a record takes seven bytes at least.
        self.batches.iter().map(|batch| batch.count().min(batch.body().len() / 7)).sum()
    }

    /// Gives every record from the position on to `each`.
    pub fn each(&self, mut each: impl FnMut(Record<'_>)) -> Result<(), FetchError> {
        let mut turn_bytes = 0;
        for batch in &self.batches {
            for record in batch {
                let record = record.map_err(|e| corrupt(self.from, e.to_string()))?;
                turn_bytes += TURN_RECORD_BYTES + record.value.map_or(0, <[u8]>::len);
                if record.offset.0 >= self.from {
                    each(record);
                }
                if turn_bytes >= TURN_BYTES {
                    turn_bytes = 0;
                    std::thread::yield_now();
                }
            }
        }
        Ok(())
    }

    /// Gives back the memory for the next fetch.
    pub fn into_buffer(self) -> FetchBuffer {
        let Fetched { batches, memory, .. } = self;
        drop(batches);
        FetchBuffer(memory.try_into_mut().ok().filter(|memory| memory.len() <= BUFFER_BYTES_MAX).unwrap_or_default())
    }

    /// The records from the position on.
    pub fn records(&self) -> impl Iterator<Item = Result<Record<'_>, FetchError>> {
        let from = self.from;
        self.batches
            .iter()
            .flat_map(|batch| batch.iter())
            .map(move |record| record.map_err(|e| corrupt(from, e.to_string())))
            .filter(move |record| record.as_ref().map_or(true, |record| record.offset.0 >= from))
    }
}

fn corrupt(first: i64, reason: String) -> FetchError {
    FetchError::Corrupt { first, next: None, reason: format!("the batch at offset {first} cannot be read: {reason}") }
}

/// Reads from `from` on, about `bytes_max` bytes (at least one batch). Stops behind the batch with which 8 MiB are
/// decompressed.
pub fn fetch(log: &Log, from: i64, bytes_max: usize, isolation: Isolation) -> Result<Fetched, FetchError> {
    fetch_into(FetchBuffer::default(), log, from, bytes_max, isolation)
}

/// As [`fetch`], into memory of an earlier fetch.
pub fn fetch_into(
    buffer: FetchBuffer,
    log: &Log,
    from: i64,
    bytes_max: usize,
    isolation: Isolation,
) -> Result<Fetched, FetchError> {
    fetch_within(buffer, log, from, bytes_max, DECOMPRESSED_BYTES_ENOUGH, isolation)
}

fn fetch_within(
    FetchBuffer(mut memory): FetchBuffer,
    log: &Log,
    from: i64,
    bytes_max: usize,
    decompressed_bytes_enough: usize,
    isolation: Isolation,
) -> Result<Fetched, FetchError> {
    let request = ReadRequest { from: Offset(from), bytes_max: bytes_max as u64, at_least_one: true, isolation };
    let read = log.read(request).map_err(|e| match e {
        ReadError::OffsetOutOfRange { log_start, log_end, .. } => {
            FetchError::OutOfRange { start: log_start.0, end: log_end.0 }
        }
        ReadError::Corrupt { first, next, .. } => {
            FetchError::Corrupt { first: first.0, next: Some(next.0), reason: e.to_string() }
        }
        ReadError::Deleted => FetchError::Deleted,
        other => FetchError::Storage(other.to_string()),
    })?;
    let end = match isolation {
        Isolation::LastStable => read.last_stable_offset,
        _ => read.high_watermark,
    };
    let mut fetched =
        Fetched { batches: Vec::new(), memory: Bytes::new(), from, next_offset: from, at_end: false, bytes: 0 };
    let mut aborted = read.aborted;
    aborted.sort_by_key(|txn| std::cmp::Reverse(txn.first_offset));
    let mut skipping: HashSet<ProducerId> = HashSet::new();
    let mut decompressed = 0;
    'chunks: for chunk in &read.chunks {
        let read = chunk.read_into(std::mem::take(&mut memory)).map_err(|e| FetchError::Storage(e.to_string()))?;
        let bytes = read.slice(..chunk.len());
        fetched.memory = read;
        for batch in split(bytes) {
            let batch = batch.map_err(|e| corrupt(fetched.next_offset, e.to_string()))?;
            let header = &batch.header;
            let (bytes, next_offset) = (batch.bytes.len(), fetched.next_offset.max(header.next_offset().0));
            if isolation == Isolation::LastStable {
                while let Some(txn) = aborted.pop_if(|txn| txn.first_offset <= header.last_offset()) {
                    skipping.insert(txn.producer_id);
                }
            }
            if header.is_control() {
                skipping.remove(&header.producer_id);
            } else if !(header.is_transactional() && skipping.contains(&header.producer_id)) {
                let records =
                    batch.records(ReadLimits::default()).map_err(|e| corrupt(header.base_offset.0, e.to_string()))?;
                decompressed += records.body().len();
                fetched.batches.push(records);
            }
            fetched.bytes += bytes;
            fetched.next_offset = next_offset;
            if decompressed >= decompressed_bytes_enough {
                break 'chunks;
            }
        }
    }
    fetched.at_end = fetched.next_offset >= end.0;
    Ok(fetched)
}

#[cfg(test)]
mod tests;
