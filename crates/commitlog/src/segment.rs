//! One segment: its file, its indexes, and what is known about its bytes.
//!
//! Only the log writes to a segment, under its own lock; any thread reads. Bytes count as checked when this run wrote them
//! or saw their checksum be right; only checked bytes leave the room.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use os::{Disk, File, OpenMode};
use parking_lot::Mutex;
use record::{BatchHeader, HEADER_BYTES, Offset};

use crate::error::{ReadError, StorageError};
use crate::files::{Home, SegmentFile};
use crate::index::{OffsetEntry, OffsetIndex, Table, TimeIndex};
use crate::log::AbortedTxn;
use crate::range_set::RangeSet;
use crate::scan::{Scanner, Step};
use crate::{seeded, txn_index};

/// Bytes checked at a time when a range is first read.
const CHECK_BYTES: u64 = 256 * 1024;
/// A file of checksums is never larger.
const SUMS_BYTES_MAX: u64 = 1024;
/// Bytes read at a time when headers are walked.
const WALK_BYTES: usize = 4096;

/// The file of a segment: `<20 digits>.<kind>`.
pub(crate) fn file_name(base: i64, kind: &str) -> String {
    format!("{base:020}.{kind}")
}

/// A range that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadRange {
    pub from: u64,
    pub to: u64,
    /// The first offset that is lost.
    pub first: i64,
    /// The first offset behind it.
    pub next: i64,
}

#[derive(Debug)]
pub(crate) struct Segment {
    pub base: i64,
    home: Arc<Home>,
    path: PathBuf,
    file: Arc<SegmentFile>,
    pub state: Mutex<SegmentState>,
}

#[derive(Debug)]
pub(crate) struct SegmentState {
    /// Bytes of whole batches.
    pub size: u64,
    /// The offset after the last.
    pub next_offset: i64,
    pub offsets: OffsetIndex,
    pub times: TimeIndex,
    pub aborted: Vec<AbortedTxn>,
    /// −1: none.
    pub max_timestamp: i64,
    /// The last offset of the batch that has it.
    pub max_timestamp_offset: i64,
    /// The largest timestamp of the first batch: what `segment.ms` counts from.
    pub first_timestamp: Option<i64>,
    /// The clock at the first append of this run.
    pub first_append_ms: Option<i64>,
    bytes_since_index: u64,
    pub checked: RangeSet,
    /// The pass of the scrub that last took what was checked for unchecked.
    pub scrubbed: u64,
    pub bad: Vec<BadRange>,
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub position: u64,
    pub header: BatchHeader,
}

impl Segment {
    /// A segment whose file need not be there yet.
    pub(crate) fn new(home: &Arc<Home>, base: i64) -> Self {
        let path = home.dir.join(file_name(base, "log"));
        Self {
            base,
            home: Arc::clone(home),
            file: SegmentFile::new(home, path.clone()),
            path,
            state: Mutex::new(SegmentState {
                size: 0,
                next_offset: base,
                offsets: OffsetIndex::new(base),
                times: TimeIndex::new(base),
                aborted: Vec::new(),
                max_timestamp: -1,
                max_timestamp_offset: -1,
                first_timestamp: None,
                first_append_ms: None,
                bytes_since_index: 0,
                checked: RangeSet::default(),
                scrubbed: 0,
                bad: Vec::new(),
            }),
        }
    }

    /// A segment whose file is open under another name, until [`Segment::release`] says that it has its own.
    pub(crate) fn with_file(home: &Arc<Home>, base: i64, file: Arc<dyn File>) -> Self {
        let segment = Self::new(home, base);
        Self { file: SegmentFile::held(home, segment.path.clone(), file), ..segment }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn sibling(&self, kind: &str) -> PathBuf {
        self.path.with_file_name(file_name(self.base, kind))
    }

    /// The file, opened if need be, and made when it is absent and the segment is not closed.
    pub(crate) fn file(&self) -> Result<Arc<dyn File>, StorageError> {
        self.file.get().map_err(|e| self.storage_error("open", e))
    }

    /// Keeps the file open: it is to be written.
    pub(crate) fn hold(&self) -> Result<(), StorageError> {
        self.file.hold().map_err(|e| self.storage_error("open", e))
    }

    /// Keeps all files open, as their names will mean others.
    pub(crate) fn hold_all(&self) -> Result<(), StorageError> {
        self.hold()?;
        let state = self.state.lock();
        let holds = state.index_files().try_for_each(SegmentFile::hold);
        holds.map_err(|e| self.storage_error("open the index of", e))
    }

    /// The files are complete and have their names: they are opened when somebody asks for them.
    pub(crate) fn release(&self) {
        self.file.release();
        self.state.lock().index_files().for_each(SegmentFile::release);
    }

    /// The names of the files go.
    pub(crate) fn forget(&self) {
        self.file.forget();
        self.state.lock().index_files().for_each(|file| file.forget());
    }

    pub(crate) fn size(&self) -> u64 {
        self.state.lock().size
    }

    pub(crate) fn next_offset(&self) -> i64 {
        self.state.lock().next_offset
    }

    pub(crate) fn storage_error(&self, what: &'static str, e: io::Error) -> StorageError {
        StorageError::new(what, &self.path, e)
    }

    /// The batch that contains `offset`, or the first one after it; `None` when there is none in this segment.
    pub(crate) fn find(&self, offset: i64) -> Result<Option<Found>, ReadError> {
        let mut walk = Walk::default();
        let mut position = {
            let state = self.state.lock();
            let entry =
                state.offsets.at_or_before_offset(offset).map_err(|e| self.storage_error("read the index of", e))?;
            // An index that points elsewhere is no help: walk from the front.
            entry.filter(|e| self.is_named(e, &mut walk, state.size)).map_or(0, |e| e.position)
        };
        loop {
            let checked_end = {
                let mut state = self.state.lock();
                if let Some(bad) = state.bad.iter().find(|b| b.from <= position && position < b.to).copied() {
                    if offset < bad.next {
                        return Err(self.corrupt(&bad));
                    }
                    position = bad.to;
                    continue;
                }
                if position >= state.size {
                    return Ok(None);
                }
                match state.checked.end_of(position) {
                    Some(end) => end,
                    None => {
                        self.check_run(&mut state, position, position + 1)?;
                        continue;
                    }
                }
            };
            let file = self.file()?;
            while position < checked_end {
                let header = walk.header_at(&file, position, checked_end).map_err(|e| self.storage_error("read", e))?;
                if header.last_offset().0 >= offset {
                    return Ok(Some(Found { position, header }));
                }
                position += header.size_bytes() as u64;
            }
        }
    }

    /// The end of the last whole batch in `[start, start + bytes_max)` that lies below `end`; at least one batch when
    /// `at_least_one`. Everything up to there is checked. The batch at `start` must be readable.
    pub(crate) fn readable_end(
        &self,
        start: Found,
        end: u64,
        bytes_max: u64,
        at_least_one: bool,
    ) -> Result<u64, ReadError> {
        let first_end = start.position + start.header.size_bytes() as u64;
        let limit = end.min(start.position.saturating_add(bytes_max));
        if first_end > limit {
            return Ok(if at_least_one && first_end <= end { first_end } else { start.position });
        }
        self.check(start.position, limit)?;
        let mut walk = Walk::default();
        let (stop, mut boundary) = {
            let state = self.state.lock();
            let bad = state.bad.iter().filter(|b| b.to > start.position).map(|b| b.from).min();
            let stop = bad.map_or(limit, |from| from.min(limit));
            if stop == state.size || stop <= first_end {
                return Ok(stop.max(first_end));
            }
            // The last batch boundary at or below `stop`: from the index, then by walking headers.
            let entry =
                state.offsets.at_or_before_position(stop).map_err(|e| self.storage_error("read the index of", e))?;
            let entry = entry.filter(|e| self.is_named(e, &mut walk, state.size));
            (stop, entry.map_or(first_end, |e| e.position).max(first_end))
        };
        let file = self.file()?;
        while boundary < stop {
            // A header that is cut off by `stop` belongs to a batch that is too.
            let Ok(header) = walk.header_at(&file, boundary, stop) else { break };
            let next = boundary + header.size_bytes() as u64;
            if next > stop {
                break;
            }
            boundary = next;
        }
        Ok(boundary)
    }

    /// Checks the batches that cover `[from, to)`, as far as that has not been done. Bad ones are written down.
    pub(crate) fn check(&self, from: u64, to: u64) -> Result<(), StorageError> {
        let mut at = from;
        loop {
            // Not locked for longer than one run: the active segment is being appended to.
            let mut state = self.state.lock();
            at = state.checked.first_gap(at);
            if let Some(bad) = state.bad.iter().find(|b| b.from <= at && at < b.to) {
                at = bad.to;
                continue;
            }
            if at >= to.min(state.size) {
                return Ok(());
            }
            self.check_run(&mut state, at, at + CHECK_BYTES)?;
        }
    }

    /// What was checked before this pass of the scrub is to be checked again: bytes that were right may have rotted since.
    pub(crate) fn begin_scrub(&self, pass: u64) {
        let mut state = self.state.lock();
        if state.scrubbed < pass {
            state.scrubbed = pass;
            state.checked = RangeSet::default();
        }
    }

    /// The first byte of which nothing is known yet.
    pub(crate) fn first_unchecked(&self) -> Option<u64> {
        let state = self.state.lock();
        let mut at = 0;
        loop {
            at = state.checked.first_gap(at);
            match state.bad.iter().find(|b| b.from <= at && at < b.to) {
                Some(bad) => at = bad.to,
                None => return (at < state.size).then_some(at),
            }
        }
    }

    /// Checks batches from `at` to the one that reaches `to`.
    fn check_run(&self, state: &mut SegmentState, at: u64, to: u64) -> Result<(), StorageError> {
        let index_error = |e| self.storage_error("read the index of", e);
        // `at` may be anywhere: go back to where a batch begins for sure, the end of a known range or an index entry.
        let is_boundary = at == 0 || at > 0 && state.checked.end_of(at - 1) == Some(at);
        let is_boundary = is_boundary || state.bad.iter().any(|b| b.to == at);
        let entry = if is_boundary { None } else { state.offsets.at_or_before_position(at).map_err(index_error)? };
        let entry = match entry {
            Some(entry) if self.is_batch(entry, state.size)? || seeded::has(seeded::Bug::IndexTrusted) => Some(entry),
            // It is the entry that is wrong, or both: only a walk from a known boundary can tell.
            _ => None,
        };
        let start = if is_boundary { at } else { entry.map_or(0, |e| e.position) };
        let mut scanner = Scanner::new(self.file()?, start, state.size);
        let mut expected: Option<i64> = None;
        let mut min_offset = self.base;
        let mut named = entry.map(|e| e.last_offset);
        loop {
            let position = scanner.position();
            if position >= to {
                break;
            }
            let step = scanner.step(min_offset).map_err(|e| self.storage_error("read", e))?;
            let good = match &step {
                Step::End => break,
                Step::Bad => None,
                Step::Batch(header) => {
                    // The base offset is outside the checksum: it must fit its index entry, the segment, and what follows.
                    let fits = named.take().is_none_or(|last| last == header.last_offset().0);
                    let inside = header.last_offset().0 < state.next_offset;
                    let jumps = expected.is_none_or(|e| header.base_offset.0 != e);
                    let passed = jumps && self.is_passed(header, scanner.position(), state.size)?;
                    (fits && inside && !passed).then_some(*header)
                }
            };
            match good {
                Some(header) => {
                    state.checked.insert(position, scanner.position());
                    min_offset = header.next_offset().0;
                    expected = Some(min_offset);
                }
                None => {
                    let bad = self.damage(state, position, min_offset)?;
                    tracing::error!(
                        file = %self.path.display(), position, offset = bad.first, next = bad.next,
                        "damaged bytes: this range of offsets cannot be read, nothing is deleted"
                    );
                    state.bad.push(bad);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether the header that an index entry names stands where it says.
    fn is_named(&self, entry: &OffsetEntry, walk: &mut Walk, size: u64) -> bool {
        let mut header = || walk.header_at(&self.file().ok()?, entry.position, size).ok();
        seeded::has(seeded::Bug::IndexTrusted) || header().is_some_and(|h| h.last_offset().0 == entry.last_offset)
    }

    /// The same, with its checksum.
    fn is_batch(&self, entry: OffsetEntry, size: u64) -> Result<bool, StorageError> {
        let mut scanner = Scanner::new(self.file()?, entry.position, size);
        let step = scanner.step(self.base).map_err(|e| self.storage_error("read", e))?;
        Ok(matches!(step, Step::Batch(header) if header.last_offset().0 == entry.last_offset))
    }

    /// Whether the batch behind this one, at `next`, has lower offsets: then this one's are wrong. Compaction leaves gaps, so
    /// that a jump alone proves nothing.
    fn is_passed(&self, header: &BatchHeader, next: u64, size: u64) -> Result<bool, StorageError> {
        let behind = Walk::default().header_at(&self.file()?, next, size);
        Ok(behind.is_ok_and(|behind| behind.base_offset.0 < header.next_offset().0))
    }

    /// How far the damage at `position` reaches: to the next index entry whose batch checks out.
    fn damage(&self, state: &SegmentState, position: u64, first: i64) -> Result<BadRange, StorageError> {
        let index_error = |e| self.storage_error("read the index of", e);
        let mut i = state.offsets.first_after_position(position).map_err(index_error)?;
        while i < state.offsets.table.len() {
            let entry = state.offsets.get(i).map_err(index_error)?;
            let mut scanner = Scanner::new(self.file()?, entry.position, state.size);
            if let Step::Batch(header) = scanner.step(first).map_err(|e| self.storage_error("read", e))?
                && header.last_offset().0 == entry.last_offset
            {
                return Ok(BadRange { from: position, to: entry.position, first, next: header.base_offset.0 });
            }
            i += 1;
        }
        // What is appended later stands behind it.
        Ok(BadRange { from: position, to: state.size, first, next: state.next_offset })
    }

    /// The first offset at or behind the batch boundary `position`.
    pub(crate) fn offset_at(&self, position: u64) -> Result<i64, StorageError> {
        self.check(position, position + 1)?;
        let size = {
            let state = self.state.lock();
            if let Some(bad) = state.bad.iter().find(|b| b.from == position) {
                return Ok(bad.first);
            }
            state.size
        };
        let header = Walk::default().header_at(&self.file()?, position, size);
        header.map(|h| h.base_offset.0).map_err(|e| self.storage_error("read", e))
    }

    fn corrupt(&self, bad: &BadRange) -> ReadError {
        ReadError::Corrupt {
            file: self.path.clone(),
            position: bad.from,
            first: Offset(bad.first),
            next: Offset(bad.next),
        }
    }

    /// Makes the indexes' files equal to what is in memory, synced. Names are not: sync the directory. A closed segment's
    /// indexes then move out of memory.
    pub(crate) fn write_indexes(&self, image: &IndexImage, closed: bool) -> Result<(), StorageError> {
        let offsets = self.write_table("index", &image.offsets)?;
        let times = self.write_table("timeindex", &image.times)?;
        self.write_aborted(&image.aborted)?;
        if closed {
            self.move_indexes(offsets, times);
            self.release();
        }
        Ok(())
    }

    /// Where the checksum of the index of aborted transactions is.
    pub(crate) fn aborted_sum(&self) -> PathBuf {
        self.home.own.join(file_name(self.base, "txnindex"))
    }

    /// Makes the index of aborted transactions this one, with its checksum.
    pub(crate) fn write_aborted(&self, index: &[u8]) -> Result<(), StorageError> {
        let is_there = |path: &Path| self.home.disk.exists(path).map_err(|e| StorageError::new("look for", path, e));
        if !is_there(&self.sibling("txnindex"))? && !is_there(&self.aborted_sum())? {
            if index.is_empty() {
                return Ok(());
            }
            // The snapshot that is there knows of none of these, and must go on being right: until the next one vouches for
            // them, nothing does.
            self.write_aborted_sum(&txn_index::checksum(&[]))?;
        }
        self.write_table("txnindex", index)?;
        // Its name must not come later than what vouches for it, which lies in another directory.
        let dir = &self.home.dir;
        self.home.disk.sync_dir(dir).map_err(|e| StorageError::new("sync", dir, e))?;
        self.write_aborted_sum(&txn_index::checksum(index))
    }

    fn write_aborted_sum(&self, sums: &[u8]) -> Result<(), StorageError> {
        let (disk, dir, path) = (&self.home.disk, &self.home.own, self.aborted_sum());
        let write = || {
            if !disk.exists(dir)? {
                disk.create_dir_synced(dir)?;
            }
            disk.replace(&path, sums)
        };
        write().map_err(|e| StorageError::new("write", &path, e))
    }

    /// From here on the index of aborted transactions may be the one that it was, or `next`. Whether either has entries.
    pub(crate) fn begin_aborted_swap(&self, next: &[u8]) -> Result<bool, StorageError> {
        let path = self.aborted_sum();
        let mut sums = match self.home.disk.read(&path, SUMS_BYTES_MAX) {
            Ok(sums) => sums,
            Err(e) if e.kind() == io::ErrorKind::NotFound && next.is_empty() => return Ok(false),
            Err(e) if e.kind() == io::ErrorKind::NotFound => txn_index::checksum(&[]).to_vec(),
            Err(e) => return Err(StorageError::new("read", &path, e)),
        };
        sums.truncate(SUMS_BYTES_MAX as usize / 2);
        sums.extend(txn_index::checksum(next));
        self.write_aborted_sum(&sums).map(|()| true)
    }

    /// The index of aborted transactions is this one now.
    pub(crate) fn end_aborted_swap(&self, index: &[u8]) -> Result<(), StorageError> {
        self.write_aborted_sum(&txn_index::checksum(index))
    }

    /// The indexes of a compacted segment, under names that do not count yet: until [`Segment::release`] they stay open.
    pub(crate) fn write_cleaned_indexes(&self, image: &IndexImage) -> Result<(), StorageError> {
        let offsets = self.write_table("index.cleaned", &image.offsets)?;
        let times = self.write_table("timeindex.cleaned", &image.times)?;
        self.write_table("txnindex.cleaned", &image.aborted)?;
        self.move_indexes(offsets, times);
        Ok(())
    }

    fn move_indexes(&self, offsets: Arc<dyn File>, times: Arc<dyn File>) {
        let mut state = self.state.lock();
        let (offsets_len, times_len) = (state.offsets.table.len(), state.times.table.len());
        let held = |kind, file| SegmentFile::held(&self.home, self.sibling(kind), file);
        state.offsets.table = Table::OnDisk { file: held("index", offsets), entries: offsets_len };
        state.times.table = Table::OnDisk { file: held("timeindex", times), entries: times_len };
    }

    fn write_table(&self, kind: &str, bytes: &[u8]) -> Result<Arc<dyn File>, StorageError> {
        let path = self.sibling(kind);
        let write = || {
            let file = self.home.disk.open(&path, OpenMode::Write)?;
            file.set_len(bytes.len() as u64)?;
            file.write_all_at(bytes, 0)?;
            file.sync_data()?;
            Ok(file)
        };
        write().map_err(|e| StorageError::new("write", &path, e))
    }

    /// Removes all files of the segment. Readers that hold the log file go on reading.
    pub(crate) fn remove_files(&self) -> Result<(), StorageError> {
        self.remove_log()?;
        self.remove_helpers()
    }

    /// Removes the log file. Where it may come back after a loss of power, [`Segment::remove_helpers`] must wait for a sync of
    /// the directory: a segment without its transaction index would show what was aborted.
    pub(crate) fn remove_log(&self) -> Result<(), StorageError> {
        remove_if_there(&*self.home.disk, &self.path)
    }

    /// Removes the files beside the log file.
    pub(crate) fn remove_helpers(&self) -> Result<(), StorageError> {
        for kind in ["index", "timeindex", "txnindex", "snapshot"] {
            remove_if_there(&*self.home.disk, &self.sibling(kind))?;
        }
        remove_if_there(&*self.home.disk, &self.aborted_sum())
    }
}

pub(crate) fn remove_if_there(disk: &dyn Disk, path: &Path) -> Result<(), StorageError> {
    match disk.remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(StorageError::new("remove", path, e)),
        _ => Ok(()),
    }
}

/// The content of the index files at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexImage {
    pub offsets: Vec<u8>,
    pub times: Vec<u8>,
    pub aborted: Vec<u8>,
}

impl SegmentState {
    /// The files of the indexes, once these are there.
    fn index_files(&self) -> impl Iterator<Item = &Arc<SegmentFile>> {
        self.offsets.table.file().into_iter().chain(self.times.table.file())
    }

    /// Takes note of a batch that now stands at `position`, the end.
    pub(crate) fn add(&mut self, header: &BatchHeader, position: u64, index_interval_bytes: u32) {
        let last = header.last_offset().0;
        let timestamp = header.max_timestamp.0;
        if timestamp > self.max_timestamp {
            self.max_timestamp = timestamp;
            self.max_timestamp_offset = last;
        }
        self.first_timestamp.get_or_insert(timestamp);
        if self.bytes_since_index > u64::from(index_interval_bytes) {
            self.offsets.push(last, position);
            self.times.push(self.max_timestamp, self.max_timestamp_offset);
            self.bytes_since_index = 0;
        }
        let size = header.size_bytes() as u64;
        self.bytes_since_index += size;
        self.size = position + size;
        self.next_offset = last + 1;
    }

    /// What the index files must hold now. The newest largest timestamp goes into the time index, as Kafka has it on roll.
    pub(crate) fn index_image(&mut self) -> Option<IndexImage> {
        self.times.table.bytes()?;
        self.times.push(self.max_timestamp, self.max_timestamp_offset);
        Some(IndexImage {
            offsets: self.offsets.table.bytes()?.to_vec(),
            times: self.times.table.bytes()?.to_vec(),
            aborted: txn_index::encode(&self.aborted),
        })
    }
}

/// Walks headers of checked bytes with few reads.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    block: Vec<u8>,
    at: u64,
}

impl Walk {
    pub(crate) fn header_at(&mut self, file: &Arc<dyn File>, position: u64, end: u64) -> io::Result<BatchHeader> {
        let inside = position >= self.at && position + HEADER_BYTES as u64 <= self.at + self.block.len() as u64;
        if !inside {
            let want = (WALK_BYTES as u64).min(end.saturating_sub(position)) as usize;
            self.block.resize(want, 0);
            self.at = position;
            file.read_exact_at(&mut self.block, position)?;
        }
        let from = (position - self.at) as usize;
        BatchHeader::parse(&self.block[from..]).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))
    }
}
