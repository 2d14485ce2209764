//! Opening one log: what a start has to find out, and what it may cut.
//!
//! The rule. Below the recovery point, which was synced, nothing is ever cut: damage is noted, those ranges answer
//! [`crate::ReadError::Corrupt`], and reading resumes behind them. Above it, first the journal gives back what the segment's
//! tail lost; at the first batch that is bad even then the log is cut, and the bytes are kept under the state directory.
//!
//! What need not be read is not: everything below the newest producer snapshot that fits is in index files, which were
//! synced before it. So a start reads the bytes behind the last snapshot, whatever the log's size.

mod closed;
mod cut;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use os::Disk;
use record::BatchHeader;

use crate::append::marker_of;
use crate::config::LogConfig;
use crate::epoch::LeaderEpochs;
use crate::error::StorageError;
use crate::files::Home;
use crate::flush::{EPOCHS_FILE, windows_dir, windows_name};
use crate::flusher::Shared;
use crate::index::{OffsetIndex, Table, TimeIndex};
use crate::journal::Entry;
use crate::log::{Image, Log, State};
use crate::producer::{Check, NOT_SEEN, ProducerStates, Staged};
use crate::scan::{Scanner, Step, find_chain};
use crate::segment::{BadRange, Segment, Walk, file_name, remove_if_there};
use crate::set::Cut;
use crate::{seeded, snapshot};

/// Small files beside the segments are read whole, up to this size.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// What is known of a log before it is opened.
#[derive(Debug)]
pub(crate) struct Hints {
    pub name: String,
    pub config: LogConfig,
    pub recovery_point: i64,
    pub log_start: i64,
    pub cleaned_to: i64,
    pub journal: Vec<Entry>,
}

/// An opened log, and what was found on the way.
#[derive(Debug)]
pub(crate) struct Opened {
    pub log: Arc<Log>,
    pub cut: Option<Cut>,
    pub damage: Vec<String>,
}

pub(crate) fn open_log(shared: &Arc<Shared>, hints: Hints) -> Result<Opened, StorageError> {
    let home = shared.home(&hints.name);
    let mut recovery = Recovery {
        shared: Arc::clone(shared),
        dir: home.dir.clone(),
        home,
        segments: Vec::new(),
        lens: HashMap::new(),
        snapshots: Vec::new(),
        producers: ProducerStates::default(),
        epochs: LeaderEpochs::default(),
        journal: by_offset(&hints.journal),
        recovery_point: hints.recovery_point,
        log_start: hints.log_start,
        interval: hints.config.index_interval_bytes,
        scanned_bytes: 0,
        end: 0,
        rolled: VecDeque::new(),
        cut: None,
        was_cut: false,
        damage: Vec::new(),
        hints,
    };
    recovery.list()?;
    let mut start = recovery.choose_start()?;
    start.segment -= recovery.drop_unwanted(start.segment)?;
    recovery.load_closed(start.segment)?;
    let snapshot_end = start.offset;
    recovery.scan(start)?;
    recovery.finish(snapshot_end)
}

/// The batches of the journal, by their base offsets.
fn by_offset(entries: &[Entry]) -> HashMap<i64, Entry> {
    let mut map = HashMap::new();
    for entry in entries {
        let mut position = entry.position;
        for batch in record::split(entry.bytes.clone()).map_while(Result::ok) {
            let len = batch.bytes.len() as u64;
            let one = Entry { segment_base: entry.segment_base, position, bytes: batch.bytes };
            map.insert(batch.header.base_offset.0, one);
            position += len;
        }
    }
    map
}

struct Recovery {
    shared: Arc<Shared>,
    dir: PathBuf,
    home: Arc<Home>,
    hints: Hints,
    segments: Vec<Arc<Segment>>,
    /// Lengths of the segments' files.
    lens: HashMap<i64, u64>,
    /// Offsets of the snapshots on disk, ascending.
    snapshots: Vec<i64>,
    producers: ProducerStates,
    epochs: LeaderEpochs,
    journal: HashMap<i64, Entry>,
    recovery_point: i64,
    log_start: i64,
    interval: u32,
    scanned_bytes: u64,
    /// The offset behind the last batch found so far.
    end: i64,
    /// Segments that were read whole, with the state behind them: their indexes are to be written.
    rolled: VecDeque<(Arc<Segment>, Image)>,
    cut: Option<Cut>,
    /// Files were cut or removed, be it without a byte.
    was_cut: bool,
    damage: Vec<String>,
}

/// Where scanning begins.
#[derive(Clone, Copy, Debug)]
struct Start {
    segment: usize,
    position: u64,
    offset: i64,
}

/// What a position in a segment led to.
enum Next {
    /// Go on with the next segment.
    Segment,
    /// The log ends here: cut.
    Cut(u64),
}

impl Recovery {
    fn disk(&self) -> &dyn Disk {
        &*self.shared.disk
    }

    fn error(&self, what: &'static str, e: io::Error) -> StorageError {
        StorageError::new(what, &self.dir, e)
    }

    /// Finds the segments and snapshots; removes what a crash left half-made.
    fn list(&mut self) -> Result<(), StorageError> {
        self.finish_swaps()?;
        let entries = self.disk().read_dir(&self.dir).map_err(|e| self.error("list", e))?;
        let mut bases = Vec::new();
        let mut indexes = Vec::new();
        for entry in entries.iter().filter(|e| !e.is_dir) {
            let Some((stem, kind)) = entry.name.split_once('.') else { continue };
            let half_made =
                ["cleaned", "deleted", "tmp"].iter().any(|k| kind == *k || kind.ends_with(&format!(".{k}")));
            if half_made || entry.name == format!("{EPOCHS_FILE}.tmp") {
                remove_if_there(self.disk(), &self.dir.join(&entry.name))?;
                continue;
            }
            if stem.len() != 20 || !stem.bytes().all(|b| b.is_ascii_digit()) {
                continue;
            }
            let Ok(base) = stem.parse::<i64>() else { continue };
            match kind {
                "log" => {
                    bases.push(base);
                    self.lens.insert(base, entry.len);
                }
                "snapshot" => self.snapshots.push(base),
                "index" | "timeindex" | "txnindex" => indexes.push((base, entry.name.clone())),
                _ => {}
            }
        }
        for (_, name) in indexes.iter().filter(|(base, _)| !bases.contains(base)) {
            remove_if_there(self.disk(), &self.dir.join(name))?;
        }
        bases.sort_unstable();
        self.snapshots.sort_unstable();
        // Segments below the log start stay until the next maintenance: producers may be known from them alone.
        if bases.is_empty() {
            bases.push(self.log_start);
            self.lens.insert(self.log_start, 0);
        }
        self.segments = bases.iter().map(|base| Arc::new(self.segment(*base))).collect();
        self.log_start = self.log_start.max(bases[0]);
        Ok(())
    }

    fn segment(&self, base: i64) -> Segment {
        Segment::new(&self.home, base)
    }

    fn len(&self, segment: &Segment) -> u64 {
        self.lens.get(&segment.base).copied().unwrap_or(0)
    }

    fn read_file(&self, path: &std::path::Path) -> Result<Option<Vec<u8>>, StorageError> {
        match self.disk().read(path, FILE_BYTES_MAX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound || e.kind() == io::ErrorKind::InvalidData => Ok(None),
            Err(e) => Err(StorageError::new("read", path, e)),
        }
    }

    /// The newest snapshot that checks out and whose offset can be found in the log; else the front.
    fn choose_start(&mut self) -> Result<Start, StorageError> {
        let windows_dir = windows_dir(&self.shared.state_dir, &self.hints.name);
        let mut candidates = self.snapshots.clone();
        while let Some(offset) = candidates.pop() {
            if offset < self.segments[0].base {
                continue;
            }
            let path = self.dir.join(file_name(offset, "snapshot"));
            let Some(bytes) = self.read_file(&path)? else { continue };
            let windows = self.read_file(&windows_dir.join(windows_name(offset)))?;
            let Some(producers) = snapshot::decode(&bytes, windows.as_deref(), offset) else {
                self.damage.push(format!("{} does not check out: an older snapshot is used", path.display()));
                continue;
            };
            let Some(start) = self.locate(offset)? else { continue };
            self.producers = producers;
            self.read_epochs(offset)?;
            // It was written after everything below it was synced.
            self.recovery_point = self.recovery_point.max(offset);
            return Ok(start);
        }
        let base = self.segments[0].base;
        Ok(Start { segment: 0, position: 0, offset: base })
    }

    fn read_epochs(&mut self, offset: i64) -> Result<(), StorageError> {
        let path = self.dir.join(EPOCHS_FILE);
        if let Some(bytes) = self.read_file(&path)? {
            match LeaderEpochs::decode(&String::from_utf8_lossy(&bytes)) {
                Some(epochs) => self.epochs = epochs,
                None => self.damage.push(format!("{} is not an epoch file: older epochs are unknown", path.display())),
            }
        }
        self.epochs.cut_back(offset);
        Ok(())
    }

    /// Where the batch that begins with `offset` stands, with the indexes of its segment loaded up to there.
    fn locate(&mut self, offset: i64) -> Result<Option<Start>, StorageError> {
        let i = self.segments.partition_point(|s| s.base <= offset) - 1;
        let segment = Arc::clone(&self.segments[i]);
        let len = self.len(&segment);
        if offset == segment.base {
            return Ok(Some(Start { segment: i, position: 0, offset }));
        }
        let mut offsets = self.read_file(&segment.sibling("index"))?.unwrap_or_default();
        offsets.truncate(OffsetIndex::sane_prefix(segment.base, &offsets, offset) * OffsetIndex::ENTRY_BYTES);
        let mut times = self.read_file(&segment.sibling("timeindex"))?.unwrap_or_default();
        times.truncate(TimeIndex::sane_prefix(segment.base, &times, offset) * TimeIndex::ENTRY_BYTES);
        // An older snapshot has more to read behind it, and finds them there.
        let Some(aborted) = self.read_aborted(&segment, offset)? else { return Ok(None) };

        let index = OffsetIndex { base: segment.base, table: Table::Memory(offsets) };
        let last = match index.table.len() {
            0 => None,
            n => Some(index.get(n - 1).map_err(|e| segment.storage_error("read the index of", e))?),
        };
        let mut scanner = Scanner::new(segment.file()?, last.map_or(0, |e| e.position), len);
        let mut expected = segment.base;
        while expected < offset {
            match scanner.step(expected).map_err(|e| segment.storage_error("read", e))? {
                Step::Batch(header) => expected = header.next_offset().0,
                Step::Bad | Step::End => return Ok(None),
            }
        }
        if expected != offset {
            return Ok(None);
        }
        let position = scanner.position();
        let first = Walk::default().header_at(&segment.file()?, 0, len).ok();
        {
            let mut state = segment.state.lock();
            state.offsets = index;
            state.times = TimeIndex { base: segment.base, table: Table::Memory(times) };
            if let Ok(Some((timestamp, at))) = state.times.last() {
                state.max_timestamp = timestamp;
                state.max_timestamp_offset = at;
            }
            state.aborted = aborted;
            state.first_timestamp = first.map(|h| h.max_timestamp.0);
            state.size = position;
            state.next_offset = offset;
        }
        Ok(Some(Start { segment: i, position, offset }))
    }

    /// Reads everything behind the start, and decides where the log ends.
    fn scan(&mut self, start: Start) -> Result<(), StorageError> {
        self.end = start.offset;
        let mut position = start.position;
        let mut i = start.segment;
        while i < self.segments.len() {
            let segment = Arc::clone(&self.segments[i]);
            // A hole between segments: below the recovery point it is as it is; above, the tail before it is lost.
            if segment.base > self.end && segment.base > self.recovery_point {
                return self.cut_from(i, 0, true);
            }
            self.end = self.end.max(segment.base);
            match self.scan_segment(i, position)? {
                Next::Segment if i + 1 < self.segments.len() => self.rolled.push_back((segment, self.image())),
                Next::Segment => {}
                Next::Cut(at) => return self.cut_from(i, at, false),
            }
            position = 0;
            i += 1;
        }
        if self.end < self.recovery_point.max(self.log_start) {
            // Offsets that were given are not given again.
            let resume = self.recovery_point.max(self.log_start);
            self.damage.push(format!(
                "{} ends at offset {}, but was synced up to {resume}: it goes on there",
                self.dir.display(),
                self.end
            ));
            self.end = resume;
            self.add_segment(resume)?;
        }
        Ok(())
    }

    fn image(&self) -> Image {
        Image::new(&self.producers, &self.epochs, self.end)
    }

    fn scan_segment(&mut self, i: usize, position: u64) -> Result<Next, StorageError> {
        let segment = Arc::clone(&self.segments[i]);
        let file = segment.file()?;
        let mut len = self.len(&segment);
        let mut scanner = Scanner::new(Arc::clone(&file), position, len);
        loop {
            let at = scanner.position();
            let step = scanner.step(self.end).map_err(|e| segment.storage_error("read", e))?;
            match step {
                Step::Batch(header) if header.last_offset().0 - segment.base <= i64::from(i32::MAX) => {
                    self.absorb(&segment, &header, scanner.bytes(), at);
                    continue;
                }
                Step::End if self.end < self.recovery_point => return Ok(Next::Segment),
                _ => {}
            }
            let ended = matches!(step, Step::End);
            // What the segment lost, the journal may have.
            // (Below the recovery point it has nothing to give: compaction may have moved what it speaks of.)
            if self.end >= self.recovery_point
                && let Some(entry) = self.journal.get(&self.end).cloned()
            {
                if entry.segment_base == segment.base && entry.position == at {
                    segment.hold()?;
                    file.write_all_at(&entry.bytes, at).map_err(|e| segment.storage_error("restore the tail of", e))?;
                    len = len.max(at + entry.bytes.len() as u64);
                    self.lens.insert(segment.base, len);
                    self.journal.remove(&self.end);
                    scanner = Scanner::new(Arc::clone(&file), at, len);
                    continue;
                }
                if entry.segment_base == self.end && entry.segment_base > segment.base && entry.position == 0 {
                    // The segment was rolled here. Whatever follows in its file was never part of it.
                    file.set_len(at).map_err(|e| segment.storage_error("cut back", e))?;
                    if self.segments.get(i + 1).is_none_or(|next| next.base != self.end) {
                        self.lens.insert(self.end, 0);
                        self.segments.insert(i + 1, Arc::new(self.segment(self.end)));
                    }
                    return Ok(Next::Segment);
                }
            }
            if ended {
                return Ok(Next::Segment);
            }
            if self.end >= self.recovery_point {
                return Ok(Next::Cut(at));
            }
            if !self.pass_damage(i, at, len)? {
                return Ok(Next::Segment);
            }
            let resume = segment.size();
            scanner = Scanner::new(Arc::clone(&file), resume, len);
        }
    }

    /// Damage below the recovery point: noted, and passed over. Whether the segment goes on behind it.
    fn pass_damage(&mut self, i: usize, at: u64, len: u64) -> Result<bool, StorageError> {
        let segment = Arc::clone(&self.segments[i]);
        let first = self.end;
        let limit = self.segments.get(i + 1).map_or(self.recovery_point, |next| next.base);
        let chain =
            find_chain(&segment.file()?, at, len, first, limit).map_err(|e| segment.storage_error("read", e))?;
        let (to, next) = match &chain {
            Some((to, header)) => (*to, header.base_offset.0),
            None => (len, limit),
        };
        self.note_damage(&segment, BadRange { from: at, to, first, next });
        {
            let mut state = segment.state.lock();
            state.size = to;
            state.next_offset = next;
        }
        self.end = next;
        if chain.is_none() && i + 1 == self.segments.len() {
            self.add_segment(next)?;
        }
        Ok(chain.is_some())
    }

    fn note_damage(&mut self, segment: &Segment, bad: BadRange) {
        let BadRange { from, to, first, next } = bad;
        self.damage.push(format!(
            "{}: offsets {first} to {} (bytes {from} to {to}) are damaged and cannot be read; nothing was deleted",
            segment.path().display(),
            next - 1
        ));
        segment.state.lock().bad.push(bad);
    }

    /// A new active segment.
    fn add_segment(&mut self, base: i64) -> Result<(), StorageError> {
        if self.segments.iter().all(|s| s.base != base) {
            let segment = Arc::new(self.segment(base));
            segment.file()?;
            self.lens.insert(base, 0);
            self.segments.push(segment);
        }
        Ok(())
    }

    fn absorb(&mut self, segment: &Segment, header: &BatchHeader, bytes: &[u8], position: u64) {
        let mut staged = Staged::default();
        // Replay is not refused: it was accepted once.
        let marker = marker_of(header, bytes);
        if !seeded::has(seeded::Bug::DedupNotRebuilt) {
            let _accepted = self.producers.stage(&mut staged, header, marker, Check::Nothing);
        }
        let aborted = self.producers.apply(staged, NOT_SEEN);
        self.epochs.note(header.leader_epoch.0, header.base_offset.0);
        let mut state = segment.state.lock();
        state.add(header, position, self.interval);
        state.checked.insert(position, position + bytes.len() as u64);
        state.aborted.extend(aborted);
        self.scanned_bytes += bytes.len() as u64;
        self.end = header.next_offset().0;
    }

    /// Windows of other snapshots, and of an earlier log of this name.
    fn remove_old_windows(&self, snapshot: i64) -> Result<(), StorageError> {
        let dir = windows_dir(&self.shared.state_dir, &self.hints.name);
        let entries = match self.disk().read_dir(&dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|e| StorageError::new("list", &dir, e))?,
        };
        // Beside them are the checksums of indexes.
        let is_windows = |name: &str| name.bytes().all(|b| b.is_ascii_digit());
        let old: Vec<_> = entries.iter().filter(|e| is_windows(&e.name) && e.name != windows_name(snapshot)).collect();
        if old.is_empty() {
            return Ok(());
        }
        // The snapshot's name may be in the cache only, if a process was killed: were it lost, the one before would need its
        // windows.
        let sync_dir = |dir| self.disk().sync_dir(dir).map_err(|e| StorageError::new("sync", dir, e));
        sync_dir(&self.dir)?;
        old.iter().try_for_each(|entry| remove_if_there(self.disk(), &dir.join(&entry.name)))?;
        sync_dir(&dir)
    }

    /// The journal may know of records that cannot be put back, as those before them are in neither: kept and told.
    fn keep_unreachable(&mut self) -> Result<(), StorageError> {
        let mut beyond: Vec<(i64, Entry)> = self.journal.drain().filter(|(offset, _)| *offset >= self.end).collect();
        beyond.sort_by_key(|(offset, _)| *offset);
        let (Some((first, _)), Some((last, _))) = (beyond.first(), beyond.last()) else { return Ok(()) };
        let path = self.cut_dir().join(format!("{:020}-journal", self.end));
        self.damage.push(format!(
            "{} ends at offset {}, but records of offsets {first} to {last} and more were acknowledged: they cannot be put \
             back without those before them, and are kept in {}",
            self.dir.display(),
            self.end,
            path.display()
        ));
        let bytes: Vec<u8> = beyond.iter().flat_map(|(_, entry)| entry.bytes.iter().copied()).collect();
        self.keep_bytes(&bytes, &path)
    }

    fn finish(mut self, snapshot_end: i64) -> Result<Opened, StorageError> {
        self.keep_unreachable()?;
        self.producers.high_watermark_moved(self.end);
        self.epochs.cut_front(self.log_start);
        // Snapshots above the end would be believed once the log has grown past them.
        let bases: Vec<i64> = self.segments.iter().map(|s| s.base).collect();
        for offset in &self.snapshots.clone() {
            if *offset > self.end || (*offset != snapshot_end && !bases.contains(offset)) {
                self.was_cut = true;
                remove_if_there(self.disk(), &self.dir.join(file_name(*offset, "snapshot")))?;
            }
        }
        self.remove_old_windows(snapshot_end)?;
        let active = self.segments.len() - 1;
        // The active segment's file exists, and ends where its batches do.
        let last = &self.segments[active];
        last.hold()?;
        let mut state =
            State::new(self.hints.config.clone(), std::mem::take(&mut self.segments), self.log_start, self.end);
        state.snapshot_end = snapshot_end;
        state.cleaned_to = self.hints.cleaned_to.min(self.end);
        state.bytes_since_snapshot = self.scanned_bytes;
        state.producers = std::mem::take(&mut self.producers);
        state.epochs = std::mem::take(&mut self.epochs);
        // What lies above the recovery point may be in the page cache only: to be synced before it is shown.
        if self.end > self.hints.recovery_point || self.was_cut || state.active().size() == 0 {
            let tail: Vec<_> = state
                .segments
                .iter()
                .filter(|s| s.next_offset() > self.hints.recovery_point || s.size() == 0)
                .cloned()
                .collect();
            state.unsynced = tail;
            if self.was_cut && state.unsynced.is_empty() {
                state.unsynced.push(Arc::clone(state.active()));
            }
            state.names_created = 1;
        }
        state.rolled = std::mem::take(&mut self.rolled);
        // A cut may have made an earlier segment the active one again.
        let active = state.active().base;
        state.rolled.retain(|(segment, _)| segment.base < active);
        let log = Log::new(&self.hints.name, &self.shared, state);
        Ok(Opened { log, cut: self.cut, damage: self.damage })
    }
}
