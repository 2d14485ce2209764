//! The offset and the time index of a segment: hints that save scanning, never the truth.
//!
//! ```text
//! .index      ┌──────────────────┬────────────┐   one entry for every `index.interval.bytes` of batches:
//!             │ relative offset  │ position   │   the last offset of a batch, less the segment's base,
//!             │ u32              │ u32        │   and where that batch starts
//!             └──────────────────┴────────────┘
//! .timeindex  ┌───────────────────────┬──────────────────┐   the largest timestamp so far, and the last offset of the
//!             │ timestamp i64         │ rel. offset u32  │   batch that has it; both strictly rise
//!             └───────────────────────┴──────────────────┘
//! ```
//!
//! Big-endian, no header, no checksum. A reader must tolerate their absence and any content: entries are checked against
//! the segment, and what does not fit is built again. In memory while the segment is active; on disk, searched by `pread`,
//! afterwards.

use std::io;
use std::sync::Arc;

use crate::files::SegmentFile;

/// A table of fixed-size entries, sorted by their first field.
#[derive(Debug)]
pub(crate) enum Table<const N: usize> {
    /// As the file has it, or will have it.
    Memory(Vec<u8>),
    /// In its file.
    OnDisk {
        /// The file.
        file: Arc<SegmentFile>,
        /// How many entries it has.
        entries: usize,
    },
}

impl<const N: usize> Table<N> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len() / N,
            Self::OnDisk { entries, .. } => *entries,
        }
    }

    pub(crate) fn get(&self, i: usize) -> io::Result<[u8; N]> {
        let mut entry = [0; N];
        match self {
            Self::Memory(bytes) => entry.copy_from_slice(&bytes[i * N..(i + 1) * N]),
            Self::OnDisk { file, .. } => file.get()?.read_exact_at(&mut entry, (i * N) as u64)?,
        }
        Ok(entry)
    }

    fn push(&mut self, entry: [u8; N]) {
        match self {
            Self::Memory(bytes) => bytes.extend_from_slice(&entry),
            Self::OnDisk { .. } => unreachable!("a closed segment's index grows"),
        }
    }

    /// The number of leading entries for which `before` holds.
    fn partition_point(&self, before: impl Fn(&[u8; N]) -> bool) -> io::Result<usize> {
        let (mut low, mut high) = (0, self.len());
        // Not closed and opened again between two steps.
        let _open = self.file().filter(|_| high > 0).map(SegmentFile::get).transpose()?;
        while low < high {
            let middle = (low + high) / 2;
            if before(&self.get(middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The file, once it is there.
    pub(crate) fn file(&self) -> Option<&Arc<SegmentFile>> {
        match self {
            Self::Memory(_) => None,
            Self::OnDisk { file, .. } => Some(file),
        }
    }

    /// The bytes that the file must have, while in memory.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Memory(bytes) => Some(bytes),
            Self::OnDisk { .. } => None,
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// One entry of the offset index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    /// The last offset of the batch.
    pub last_offset: i64,
    /// Where the batch starts.
    pub position: u64,
}

/// `.index`
#[derive(Debug)]
pub(crate) struct OffsetIndex {
    pub base: i64,
    pub table: Table<8>,
}

impl OffsetIndex {
    pub(crate) const ENTRY_BYTES: usize = 8;

    pub(crate) fn new(base: i64) -> Self {
        Self { base, table: Table::Memory(Vec::new()) }
    }

    pub(crate) fn push(&mut self, last_offset: i64, position: u64) {
        let mut entry = [0; 8];
        entry[..4].copy_from_slice(&((last_offset - self.base) as u32).to_be_bytes());
        entry[4..].copy_from_slice(&(position as u32).to_be_bytes());
        self.table.push(entry);
    }

    pub(crate) fn get(&self, i: usize) -> io::Result<OffsetEntry> {
        let entry = self.table.get(i)?;
        let last_offset = self.base.saturating_add(i64::from(u32_at(&entry, 0)));
        Ok(OffsetEntry { last_offset, position: u64::from(u32_at(&entry, 4)) })
    }

    /// The last entry at or before `offset`.
    pub(crate) fn at_or_before_offset(&self, offset: i64) -> io::Result<Option<OffsetEntry>> {
        let n = self.table.partition_point(|e| self.base + i64::from(u32_at(e, 0)) <= offset)?;
        if n == 0 { Ok(None) } else { self.get(n - 1).map(Some) }
    }

    /// The last entry whose batch starts at or before `position`.
    pub(crate) fn at_or_before_position(&self, position: u64) -> io::Result<Option<OffsetEntry>> {
        let n = self.table.partition_point(|e| u64::from(u32_at(e, 4)) <= position)?;
        if n == 0 { Ok(None) } else { self.get(n - 1).map(Some) }
    }

    /// The number of the first entry whose batch starts after `position`.
    pub(crate) fn first_after_position(&self, position: u64) -> io::Result<usize> {
        self.table.partition_point(|e| u64::from(u32_at(e, 4)) <= position)
    }

    /// The leading entries of a file's bytes that can be right: both fields rise, offsets below `next_offset`.
    pub(crate) fn sane_prefix(base: i64, bytes: &[u8], next_offset: i64) -> usize {
        let mut before: Option<(u32, u32)> = None;
        let mut n = 0;
        for entry in bytes.chunks_exact(Self::ENTRY_BYTES) {
            let (offset, position) = (u32_at(entry, 0), u32_at(entry, 4));
            let rises = before.is_none_or(|(o, p)| offset > o && position > p);
            if !rises || base + i64::from(offset) >= next_offset {
                break;
            }
            before = Some((offset, position));
            n += 1;
        }
        n
    }
}

/// `.timeindex`
#[derive(Debug)]
pub(crate) struct TimeIndex {
    pub base: i64,
    pub table: Table<12>,
}

impl TimeIndex {
    pub(crate) const ENTRY_BYTES: usize = 12;

    pub(crate) fn new(base: i64) -> Self {
        Self { base, table: Table::Memory(Vec::new()) }
    }

    fn split(&self, entry: &[u8; 12]) -> (i64, i64) {
        let mut timestamp = [0; 8];
        timestamp.copy_from_slice(&entry[..8]);
        (i64::from_be_bytes(timestamp), self.base.saturating_add(i64::from(u32_at(entry, 8))))
    }

    pub(crate) fn last(&self) -> io::Result<Option<(i64, i64)>> {
        match self.table.len() {
            0 => Ok(None),
            n => Ok(Some(self.split(&self.table.get(n - 1)?))),
        }
    }

    /// Adds an entry if its timestamp is larger than all before.
    pub(crate) fn push(&mut self, timestamp: i64, last_offset: i64) {
        let Ok(last) = self.last() else { return };
        if timestamp < 0 || last.is_some_and(|(t, o)| t >= timestamp || o >= last_offset) {
            return;
        }
        let mut entry = [0; 12];
        entry[..8].copy_from_slice(&timestamp.to_be_bytes());
        entry[8..].copy_from_slice(&((last_offset - self.base) as u32).to_be_bytes());
        self.table.push(entry);
    }

    /// An offset before which every record is older than `timestamp`.
    pub(crate) fn lookup(&self, timestamp: i64) -> io::Result<i64> {
        let n = self.table.partition_point(|e| self.split(e).0 < timestamp)?;
        if n == 0 { Ok(self.base) } else { Ok(self.split(&self.table.get(n - 1)?).1) }
    }

    /// As [`OffsetIndex::sane_prefix`].
    pub(crate) fn sane_prefix(base: i64, bytes: &[u8], next_offset: i64) -> usize {
        let mut before: Option<(i64, u32)> = None;
        let mut n = 0;
        for entry in bytes.chunks_exact(Self::ENTRY_BYTES) {
            let mut timestamp = [0; 8];
            timestamp.copy_from_slice(&entry[..8]);
            let (timestamp, offset) = (i64::from_be_bytes(timestamp), u32_at(entry, 8));
            let rises = before.is_none_or(|(t, o)| timestamp > t && offset > o);
            if !rises || timestamp < 0 || base + i64::from(offset) >= next_offset {
                break;
            }
            before = Some((timestamp, offset));
            n += 1;
        }
        n
    }
}
