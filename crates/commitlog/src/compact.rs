//! Compaction: of each key the last record stays. Kafka's rules, as its `Cleaner` has them.
//!
//! One pass reads the dirty part and remembers the last offset of each key, by a 128-bit hash, up to a bound; a second pass
//! copies the closed segments, old and dirty, without what is superseded; one of which all stays is left alone. Offsets, producers and sequences stay, so that
//! gaps are all that a reader sees. Nothing at or above the last stable offset is touched, nor the active segment.
//!
//! - Records of aborted transactions go. Their marker, and tombstones, get a delete horizon when they first could go, and
//!   go when it has passed.
//! - The last batch of each producer stays, be it without records, so that its sequence is known.
//! - A batch that does not check out ends the attempt: nothing of that log is compacted until the next start.
//!
//! Files are replaced so that a crash at any point leaves the old ones or the new ones:
//!
//! ```text
//! 1  B.log.cleaned, B.index.cleaned … written and synced     a start removes them
//! 2  B.index.cleaned … → B.index.swap …                      a start removes them, as B.log.swap is missing
//! 3  B.log.cleaned → B.log.swap                              decided: a start does the rest
//! 4  the other segments of the group removed, their logs first
//! 5  B.index.swap … → B.index …
//! 6  B.log.swap → B.log                                      done
//! ```

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use os::{File, OpenMode};
use record::control::{ControlType, parse_end_txn_marker};
use record::{Batch, BatchError, BatchHeader, ReadLimits, TimestampMs};

use crate::error::StorageError;
use crate::log::{AbortedTxn, Log};
use crate::scan::{Scanner, Step};
use crate::segment::{Segment, remove_if_there};

/// How many keys one compaction remembers: a little less than fit into 2^16 places of each table, of which it fills seven
/// eighths, at 25 bytes each; 26 MB in all. What does not fit is left to the next one.
const KEYS_MAX: usize = if cfg!(test) { 8 } else { KEY_TABLES * (27 << 11) };
/// The keys are spread over so many tables, by the first bits of their hashes. They grow one at a time; and their space goes
/// back to the system, which the GNU allocator does not do with that of one large table once it has seen another.
const KEY_TABLES: usize = 1 << KEY_TABLE_BITS;
const KEY_TABLE_BITS: u32 = 4;
/// Copied batches are written in pieces of this size.
const WRITE_BYTES: usize = 1 << 20;
/// The files of a segment, its log last.
pub(crate) const KINDS: [&str; 4] = ["index", "timeindex", "txnindex", "log"];

/// What a compaction would do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// All closed segments that may be touched.
    segments: Vec<Arc<Segment>>,
    first_dirty: i64,
    /// Bytes not compacted yet, of all that may be.
    pub dirty_ratio: f64,
    /// `max.compaction.lag.ms` has passed.
    overdue: bool,
    min_dirty_ratio: f64,
    delete_retention_ms: i64,
    segment_bytes_max: u64,
    index_interval_bytes: u32,
    /// All aborted transactions that begin in these segments, the first one last. The marker of one may lie behind them.
    aborted: Vec<AbortedTxn>,
    /// Of each producer, the offset of its last batch of data and its epoch.
    last_batches: HashMap<i64, (Option<i64>, i16)>,
}

impl Plan {
    /// Whether there is enough to do.
    pub(crate) fn is_due(&self) -> bool {
        self.overdue || self.dirty_ratio > 0.0 && self.dirty_ratio >= self.min_dirty_ratio
    }
}

/// Why a compaction stopped.
#[derive(Debug)]
enum Stopped {
    Storage(StorageError),
    /// Bytes that do not check out, or do not decompress.
    Damage(PathBuf, u64),
}

impl From<StorageError> for Stopped {
    fn from(e: StorageError) -> Self {
        Self::Storage(e)
    }
}

impl Log {
    /// What there is to compact.
    pub(crate) fn compaction_plan(&self, now_ms: TimestampMs) -> Option<Plan> {
        let state = self.state.lock();
        if !state.config.cleanup.compacts() || state.uncleanable || state.closed || self.is_deleted() {
            return None;
        }
        let stable = state.last_stable();
        let active = state.active().base;
        let unfinished = state.rolled.front().map_or(active, |(segment, _)| segment.base);
        let may_be_touched = |segment: &&Arc<Segment>| {
            let s = segment.state.lock();
            let age_ms = now_ms.0.saturating_sub(s.max_timestamp);
            segment.base < unfinished
                && s.next_offset <= stable
                && (state.config.min_compaction_lag_ms <= 0 || age_ms >= state.config.min_compaction_lag_ms)
                && s.bad.is_empty()
        };
        let segments: Vec<Arc<Segment>> = state.segments.iter().take_while(may_be_touched).cloned().collect();
        let first_dirty = state.cleaned_to.max(state.log_start);
        let (mut clean, mut dirty) = (0, 0);
        let mut oldest_dirty = None;
        for segment in &segments {
            let s = segment.state.lock();
            if s.next_offset <= first_dirty {
                clean += s.size;
            } else {
                dirty += s.size;
                oldest_dirty.get_or_insert(s.max_timestamp);
            }
        }
        let overdue = oldest_dirty.is_some_and(|t| now_ms.0.saturating_sub(t) > state.config.max_compaction_lag_ms);
        let end = segments.last().map_or(0, |segment| segment.next_offset());
        let mut aborted = Vec::new();
        for segment in state.segments.iter() {
            aborted.extend(segment.state.lock().aborted.iter().filter(|t| t.first_offset.0 < end));
        }
        aborted.sort_by_key(|t: &AbortedTxn| std::cmp::Reverse(t.first_offset));
        let last_batches = state
            .producers
            .iter()
            .map(|(id, entry)| (id, (entry.window().last().map(|b| b.last_offset), entry.epoch)))
            .collect();
        Some(Plan {
            segments,
            first_dirty,
            dirty_ratio: if dirty == 0 { 0.0 } else { dirty as f64 / (clean + dirty) as f64 },
            overdue: overdue && dirty > 0,
            min_dirty_ratio: state.config.min_cleanable_dirty_ratio,
            delete_retention_ms: state.config.delete_retention_ms,
            segment_bytes_max: u64::from(state.config.segment_bytes_max),
            index_interval_bytes: state.config.index_interval_bytes,
            aborted,
            last_batches,
        })
    }

    /// Compacts. Damage is reported and ends it; a full disk is an error that changes nothing.
    pub(crate) fn compact(&self, plan: Plan, now_ms: TimestampMs) -> Result<(), StorageError> {
        match self.try_compact(&plan, now_ms) {
            Ok(cleaned_to) => {
                self.state.lock().cleaned_to = cleaned_to;
                Ok(())
            }
            Err(_) if self.is_deleted() => Ok(()),
            Err(Stopped::Storage(e)) => {
                // Half a copy takes space that may be missing.
                for segment in &plan.segments {
                    remove_if_there(&*self.shared.disk, &segment.sibling("log.cleaned"))?;
                }
                Err(e)
            }
            Err(Stopped::Damage(file, position)) => {
                tracing::error!(log = self.name(), file = %file.display(), position, "damaged bytes: not compacted");
                self.state.lock().uncleanable = true;
                Ok(())
            }
        }
    }

    fn try_compact(&self, plan: &Plan, now_ms: TimestampMs) -> Result<i64, Stopped> {
        let keys = Keys::read(plan)?;
        let mut touched: Vec<Arc<Segment>> = plan.segments.clone();
        touched.retain(|s| s.base < keys.end);
        let mut transactions = Transactions::new(plan);
        // Of a group all files are open at once: three for each segment, and half of what there may be.
        let segments_max = (self.shared.files.files_max() / 6).max(2);
        for group in groups(&touched, plan.segment_bytes_max, segments_max) {
            if let Some(copy) = self.copy_group(plan, group, &keys, &mut transactions, now_ms)? {
                self.replace_group(group, copy)?;
            }
        }
        Ok(keys.end)
    }

    /// Copies what stays of a group of segments into a new one; `None` when that is one segment, and all of it stays.
    fn copy_group(
        &self,
        plan: &Plan,
        group: &[Arc<Segment>],
        keys: &Keys,
        transactions: &mut Transactions,
        now_ms: TimestampMs,
    ) -> Result<Option<Arc<Segment>>, Stopped> {
        let base = group[0].base;
        let mut copy = if group.len() > 1 { Some(self.begin_copy(base)?) } else { None };
        for old in group {
            let mut batches = Batches::of(old)?;
            loop {
                let position = batches.scanner.position();
                let Some(batch) = batches.next()? else { break };
                let kept = keep(plan, keys, transactions, &batch, now_ms).map_err(|_| batches.damage())?;
                let copy = match &mut copy {
                    Some(copy) => copy,
                    // With more keys than are remembered at once there are many passes, and most change little.
                    None if kept.as_ref().is_some_and(|(_, bytes)| bytes == &batch.bytes) => continue,
                    None => {
                        let mut begun = self.begin_copy(base)?;
                        begun.push_front_of(old, position, plan.index_interval_bytes)?;
                        copy.insert(begun)
                    }
                };
                if let Some((header, bytes)) = kept {
                    copy.push(&header, &bytes, plan.index_interval_bytes);
                    copy.write_beyond(WRITE_BYTES)?;
                }
            }
        }
        let aborted = std::mem::take(&mut transactions.kept);
        let Some(mut copy) = copy else { return Ok(None) };
        copy.write_beyond(0)?;
        {
            let mut state = copy.segment.state.lock();
            state.next_offset = group[group.len() - 1].next_offset();
            state.aborted = aborted;
            let size = state.size;
            state.checked.insert(0, size);
        }
        Ok(Some(copy.segment))
    }

    fn begin_copy(&self, base: i64) -> Result<Copy, StorageError> {
        let path = self.dir().join(crate::segment::file_name(base, "log.cleaned"));
        let open = || {
            let file = self.shared.disk.open(&path, OpenMode::Write)?;
            file.set_len(0)?;
            Ok(file)
        };
        let file = open().map_err(|e| StorageError::new("create", &path, e))?;
        let segment = Arc::new(Segment::with_file(&self.home, base, Arc::clone(&file)));
        Ok(Copy { segment, file, pending: Vec::new(), written: 0 })
    }

    /// Puts the copy in the place of the group, on disk and for readers.
    fn replace_group(&self, group: &[Arc<Segment>], copy: Arc<Segment>) -> Result<(), StorageError> {
        let disk = &*self.shared.disk;
        let dir = self.dir();
        let sync_dir = || disk.sync_dir(dir).map_err(|e| StorageError::new("sync", dir, e));
        let rename = |from: &str, to: &str| {
            let (from, to) = (copy.sibling(from), copy.sibling(to));
            disk.rename(&from, &to).map_err(|e| StorageError::new("rename", &from, e))
        };
        let _no_chore_meanwhile = self.files.lock();
        if self.is_deleted() {
            return Ok(());
        }
        copy.file()?.sync_data().map_err(|e| copy.storage_error("sync", e))?;
        let image = copy.state.lock().index_image().unwrap_or_default();
        copy.write_cleaned_indexes(&image)?;
        let has_aborted = copy.begin_aborted_swap(&image.aborted)?;
        // Who reads the old ones goes on, whatever their names mean.
        if let Err(e) = group.iter().try_for_each(|old| old.hold_all()) {
            group.iter().for_each(|old| old.release());
            return Err(e);
        }
        sync_dir()?;
        for kind in &KINDS[..3] {
            rename(&format!("{kind}.cleaned"), &format!("{kind}.swap"))?;
        }
        sync_dir()?;
        rename("log.cleaned", "log.swap")?;
        sync_dir()?;
        for old in &group[1..] {
            old.remove_log()?;
        }
        sync_dir()?;
        for old in &group[1..] {
            old.remove_helpers()?;
        }
        for kind in &KINDS[..3] {
            rename(&format!("{kind}.swap"), kind)?;
        }
        sync_dir()?;
        rename("log.swap", "log")?;
        sync_dir()?;
        copy.release();
        if has_aborted {
            copy.end_aborted_swap(&image.aborted)?;
        }

        let mut state = self.state.lock();
        let mut segments = Vec::clone(&state.segments);
        let first = segments.iter().position(|s| Arc::ptr_eq(s, &group[0]));
        if let Some(first) = first {
            segments.splice(first..first + group.len(), [copy]);
            state.segments = Arc::new(segments);
        }
        Ok(())
    }
}

/// What stays of a batch: nothing, all of it, or some records.
fn keep(
    plan: &Plan,
    keys: &Keys,
    transactions: &mut Transactions,
    batch: &Batch,
    now_ms: TimestampMs,
) -> Result<Option<(BatchHeader, Bytes)>, BatchError> {
    let header = &batch.header;
    let control = header.is_control();
    let discardable = if control { transactions.marker(batch)? } else { transactions.data(header) };
    let expired = header.delete_horizon().is_some_and(|horizon| horizon <= now_ms);
    let discard = if control { discardable && expired } else { discardable };
    let last_of_producer =
        plan.last_batches.get(&header.producer_id.0).is_some_and(|(last_data, epoch)| match last_data {
            Some(offset) => header.last_offset().0 == *offset,
            None => control && header.producer_epoch.0 == *epoch,
        });
    if discard && !last_of_producer {
        return Ok(None);
    }
    let records = batch.records(ReadLimits::default())?;
    let mut stay = Vec::new();
    let mut tombstones = false;
    for record in &records {
        let record = record?;
        let stays = if discard {
            false
        } else if control || record.offset.0 >= keys.end {
            true
        } else {
            // A record without a key has no place in a compacted log.
            let newest = record.key.is_some_and(|key| keys.last(key).is_none_or(|last| record.offset.0 >= last));
            newest && (record.value.is_some() || !expired)
        };
        tombstones |= stays && !control && record.value.is_none();
        stay.push(stays);
    }
    let first_horizon = (tombstones || control && discardable) && header.delete_horizon().is_none();
    let horizon = first_horizon.then(|| TimestampMs(now_ms.0.saturating_add(plan.delete_retention_ms)));
    let count = stay.iter().filter(|s| **s).count();
    if count == 0 && !last_of_producer {
        return Ok(None);
    }
    if count == stay.len() && horizon.is_none() {
        return Ok(Some((*header, batch.bytes.clone())));
    }
    let bytes = record::rebuild(batch, &records, &stay, horizon)?;
    Ok(Some((BatchHeader::parse(&bytes)?, bytes)))
}

/// The segment being written.
struct Copy {
    segment: Arc<Segment>,
    file: Arc<dyn File>,
    pending: Vec<u8>,
    written: u64,
}

impl Copy {
    /// All batches of a segment in front of `end`.
    fn push_front_of(&mut self, old: &Segment, end: u64, index_interval_bytes: u32) -> Result<(), Stopped> {
        let mut batches = Batches::of(old)?;
        while batches.scanner.position() < end
            && let Some(batch) = batches.next()?
        {
            self.push(&batch.header, &batch.bytes, index_interval_bytes);
            self.write_beyond(WRITE_BYTES)?;
        }
        Ok(())
    }

    fn push(&mut self, header: &BatchHeader, bytes: &[u8], index_interval_bytes: u32) {
        let position = self.written + self.pending.len() as u64;
        self.segment.state.lock().add(header, position, index_interval_bytes);
        self.pending.extend_from_slice(bytes);
    }

    fn write_beyond(&mut self, bytes_max: usize) -> Result<(), StorageError> {
        if self.pending.len() > bytes_max {
            let write = self.file.write_all_at(&self.pending, self.written);
            write.map_err(|e| self.segment.storage_error("write the compacted", e))?;
            self.written += self.pending.len() as u64;
            self.pending.clear();
        }
        Ok(())
    }
}

/// The batches of a segment, one after the other.
struct Batches<'s> {
    segment: &'s Segment,
    scanner: Scanner,
    expected: i64,
}

impl<'s> Batches<'s> {
    fn of(segment: &'s Segment) -> Result<Self, StorageError> {
        let scanner = Scanner::new(segment.file()?, 0, segment.size());
        Ok(Self { segment, scanner, expected: segment.base })
    }

    fn next(&mut self) -> Result<Option<Batch>, Stopped> {
        match self.scanner.step(self.expected).map_err(|e| self.segment.storage_error("read", e))? {
            Step::End => Ok(None),
            Step::Bad => Err(self.damage()),
            Step::Batch(header) => {
                self.expected = header.next_offset().0;
                Ok(Some(Batch { header, bytes: Bytes::copy_from_slice(self.scanner.bytes()) }))
            }
        }
    }

    fn damage(&self) -> Stopped {
        Stopped::Damage(self.segment.path().to_owned(), self.scanner.position())
    }
}

/// The last offset of each key in the dirty part.
struct Keys {
    /// By hash in two halves: a `u128` would want 16-byte places, and a third more memory.
    last: [HashMap<[u64; 2], i64, BuildHasherDefault<Hashed>>; KEY_TABLES],
    /// How many in all.
    len: usize,
    hashers: [RandomState; 2],
    /// Keys are known up to here.
    end: i64,
}

impl Keys {
    fn read(plan: &Plan) -> Result<Self, Stopped> {
        let mut keys = Self {
            last: Default::default(),
            len: 0,
            hashers: [RandomState::new(), RandomState::new()],
            end: plan.first_dirty,
        };
        let mut transactions = Transactions::new(plan);
        for segment in &plan.segments {
            if segment.next_offset() <= plan.first_dirty {
                continue;
            }
            let mut batches = Batches::of(segment)?;
            while let Some(batch) = batches.next()? {
                let next = batch.header.next_offset().0;
                let skipped = if batch.header.is_control() {
                    transactions.marker(&batch).map_err(|_| batches.damage())?;
                    true
                } else {
                    transactions.data(&batch.header)
                };
                if next <= plan.first_dirty {
                    continue;
                }
                if !skipped && !keys.add(&batch, plan.first_dirty).map_err(|_| batches.damage())? {
                    return Ok(keys);
                }
                keys.end = next;
            }
            keys.end = keys.end.max(segment.next_offset());
        }
        Ok(keys)
    }

    /// Adds a batch's keys; false when there is no room for them.
    fn add(&mut self, batch: &Batch, first_dirty: i64) -> Result<bool, BatchError> {
        if self.len > 0 && self.len + batch.header.records_count as usize > KEYS_MAX {
            return Ok(false);
        }
        for record in &batch.records(ReadLimits::default())? {
            let record = record?;
            if record.offset.0 >= first_dirty
                && let Some(key) = record.key
            {
                let hash = self.hash(key);
                let before = self.last[table_of(hash)].insert(hash, record.offset.0);
                self.len += usize::from(before.is_none());
            }
        }
        Ok(true)
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        self.hashers.each_ref().map(|h| h.hash_one(key))
    }

    fn last(&self, key: &[u8]) -> Option<i64> {
        let hash = self.hash(key);
        self.last[table_of(hash)].get(&hash).copied()
    }
}

/// What is hashed already, with a secret of ours, needs no other hash: half of it will do.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, halves: &[u8]) {
        // The second half: the first one has chosen the table.
        if let Some(half) = halves.last_chunk() {
            self.0 = u64::from_ne_bytes(*half);
        }
    }
}

fn table_of(hash: [u64; 2]) -> usize {
    (hash[0] >> (u64::BITS - KEY_TABLE_BITS)) as usize
}

/// Which transactions are aborted, and of which there is still data, while walking a log from its front.
struct Transactions {
    /// By first offset, the first one last.
    aborted: Vec<AbortedTxn>,
    /// Aborted transactions that are open at this point: producer id → the transaction, and whether data of it was seen.
    open_aborted: HashMap<i64, (AbortedTxn, bool)>,
    open_committed: HashSet<i64>,
    /// What the new transaction index must hold: aborted transactions of which there was still data.
    kept: Vec<AbortedTxn>,
}

impl Transactions {
    fn new(plan: &Plan) -> Self {
        let aborted = plan.aborted.clone();
        Self { aborted, open_aborted: HashMap::new(), open_committed: HashSet::new(), kept: Vec::new() }
    }

    fn advance(&mut self, header: &BatchHeader) {
        while let Some(txn) = self.aborted.pop_if(|t| t.first_offset <= header.last_offset()) {
            self.open_aborted.entry(txn.producer_id.0).or_insert((txn, false));
        }
    }

    /// Whether a batch of data was aborted.
    fn data(&mut self, header: &BatchHeader) -> bool {
        self.advance(header);
        if !header.is_transactional() {
            return false;
        }
        match self.open_aborted.get_mut(&header.producer_id.0) {
            Some((_, seen)) => {
                *seen = true;
                true
            }
            None => {
                self.open_committed.insert(header.producer_id.0);
                false
            }
        }
    }

    /// Whether a marker is of no more use: nothing of its transaction is left.
    fn marker(&mut self, batch: &Batch) -> Result<bool, BatchError> {
        self.advance(&batch.header);
        if batch.header.records_count == 0 {
            return Ok(true);
        }
        let id = batch.header.producer_id.0;
        let Some(marker) = parse_end_txn_marker(batch)? else { return Ok(false) };
        Ok(match marker.control_type {
            ControlType::Commit => !self.open_committed.remove(&id),
            ControlType::Abort => match self.open_aborted.remove(&id) {
                Some((txn, true)) => {
                    self.kept.push(txn);
                    false
                }
                _ => true,
            },
        })
    }
}

/// Neighbours that fit into one segment together.
fn groups(segments: &[Arc<Segment>], bytes_max: u64, segments_max: usize) -> Vec<&[Arc<Segment>]> {
    let mut groups = Vec::new();
    let mut from = 0;
    while from < segments.len() {
        let mut bytes = segments[from].size();
        let mut to = from + 1;
        while to < segments.len() && to - from < segments_max {
            let (size, next_offset) = (segments[to].size(), segments[to].next_offset());
            if bytes + size > bytes_max || next_offset - segments[from].base > i64::from(i32::MAX) {
                break;
            }
            bytes += size;
            to += 1;
        }
        groups.push(&segments[from..to]);
        from = to;
    }
    groups
}
