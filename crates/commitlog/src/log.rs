//! One partition: what it is asked and answers, and its state. Appending, reading, flushing, and retention are siblings.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;

use bytes::{Bytes, BytesMut};
use os::File;
use parking_lot::Mutex;
use record::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

use crate::config::{Durability, LogConfig};
use crate::epoch::LeaderEpochs;
use crate::error::StorageError;
use crate::files::Home;
use crate::flusher::Shared;
use crate::pending::Pending;
use crate::producer::ProducerStates;
use crate::segment::Segment;
use crate::space::Space;
use crate::ticket::Ticket;
use crate::watch::{Watch, Watchers};
use crate::{seeded, snapshot};

/// Who appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendKind {
    /// A producer: sequences are checked, control batches refused.
    Client,
    /// A coordinator or the controller: no sequences.
    Coordinator,
    /// The end of a transaction.
    Marker {
        /// The caller is bound to write these bytes again at this offset, before any other append, should power loss take
        /// them. The high watermark may then pass the marker before its sync, if all before it is durable or such a marker.
        promised: bool,
    },
}

/// What an append needs to know beside its bytes.
#[derive(Clone, Copy, Debug)]
pub struct AppendContext {
    /// Who appends.
    pub kind: AppendKind,
    /// Stamped into the batches.
    pub leader_epoch: LeaderEpoch,
    /// The broker's clock: append time where the log is so configured, and the age of an idle producer.
    pub now_ms: TimestampMs,
}

/// What an append did.
#[derive(Debug)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Offset of the last record.
    pub last_offset: Offset,
    /// The timestamp given by the log, with `LogAppendTime`; else [`TimestampMs::NONE`].
    pub log_append_time: TimestampMs,
    /// Where the log begins.
    pub log_start_offset: Offset,
    /// Done when the records are durable and below the high watermark.
    pub ticket: Ticket,
    /// The batch was there already: the offsets are those of its first arrival.
    pub duplicate: bool,
}

/// How far a reader may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// To the end, durable or not: for the owner of the log only.
    LogEnd,
    /// To the high watermark: `read_uncommitted`.
    HighWatermark,
    /// To the last stable offset: `read_committed`.
    LastStable,
}

/// What to read.
#[derive(Clone, Copy, Debug)]
pub struct ReadRequest {
    /// The first offset wanted; the answer starts with the batch that contains it.
    pub from: Offset,
    /// How many bytes at most. Batches are never split.
    pub bytes_max: u64,
    /// Return the first batch even when it is larger than `bytes_max`.
    pub at_least_one: bool,
    /// How far to look.
    pub isolation: Isolation,
}

/// A piece of the answer: whole batches.
#[derive(Clone, Debug)]
pub enum Chunk {
    /// In memory.
    Bytes(Bytes),
    /// In a file, for sendfile. Its checksums have been checked in this run.
    FileRange {
        /// The segment's file; stays readable while held, even when the segment is deleted.
        file: Arc<dyn File>,
        /// Where.
        position: u64,
        /// How much.
        len: u32,
    },
}

/// A transaction whose records a `read_committed` reader must skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTxn {
    /// Whose.
    pub producer_id: ProducerId,
    /// Its first offset.
    pub first_offset: Offset,
    /// The offset of its abort marker.
    pub last_offset: Offset,
    /// The last stable offset when it was aborted.
    pub last_stable_offset: Offset,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct ReadResult {
    /// The batches, in order.
    pub chunks: Vec<Chunk>,
    /// The reader may see more than that: the bytes that it wanted ended, or what follows is damaged.
    pub has_more: bool,
    /// Where `read_uncommitted` ends.
    pub high_watermark: Offset,
    /// Where `read_committed` ends.
    pub last_stable_offset: Offset,
    /// Where the log begins.
    pub log_start_offset: Offset,
    /// With [`Isolation::LastStable`]: the aborted transactions among the batches, in the order of their markers.
    pub aborted: Vec<AbortedTxn>,
}

/// A range of offsets that cannot be read: its bytes do not check out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedRange {
    /// The segment's file.
    pub file: PathBuf,
    /// Where the bad bytes begin in it.
    pub position: u64,
    /// The first offset that cannot be read.
    pub first: Offset,
    /// The first offset behind it.
    pub next: Offset,
}

/// A record found by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// Its timestamp.
    pub timestamp: TimestampMs,
    /// Its offset.
    pub offset: Offset,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
}

/// Where an epoch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest known epoch that is not larger than the one asked for.
    pub leader_epoch: LeaderEpoch,
    /// The first offset after it.
    pub end_offset: Offset,
}

/// What a log knows of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerInfo {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// The last sequence in this epoch; [`Sequence::NONE`] when there is none.
    pub last_sequence: Sequence,
    /// When it last wrote, by record time.
    pub last_timestamp: TimestampMs,
    /// The epoch of the coordinator of its last marker; −1 for none.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins.
    pub current_txn_first_offset: Option<Offset>,
}

/// A transaction without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenTransaction {
    /// Whose.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// Where it begins here.
    pub first_offset: Offset,
}

/// One partition. No method waits for a sync.
#[derive(Debug)]
pub struct Log {
    name: String,
    pub(crate) home: Arc<Home>,
    pub(crate) shared: Arc<Shared>,
    me: Weak<Log>,
    pub(crate) state: Mutex<State>,
    watchers: Arc<Watchers>,
    /// Held while files beside the active segment are written, and while the log is marked deleted: so that no late chore
    /// writes into a new log of the same name.
    pub(crate) files: Mutex<()>,
    // What readers ask without the lock; written under it.
    log_start: AtomicI64,
    last_stable: AtomicI64,
    high_watermark: AtomicI64,
    log_end: AtomicI64,
    deleted: AtomicBool,
}

/// After so many bytes the indexes and producers of an active segment are written to files, so that a start after a crash
/// does not read more than that.
const SNAPSHOT_BYTES: u64 = 32 << 20;

/// What changes with every append.
#[derive(Debug)]
pub(crate) struct State {
    pub config: LogConfig,
    /// By base offset; the last one is active. Replaced as a whole, so that readers hold what they began with.
    pub segments: Arc<Vec<Arc<Segment>>>,
    pub log_start: i64,
    pub log_end: i64,
    pub high_watermark: i64,
    /// Everything below is durable, be it by the journal.
    pub durable_end: i64,
    /// Everything below is synced in its segments: the recovery point.
    pub synced_end: i64,
    /// Everything below is in index files and in a producer snapshot.
    pub snapshot_end: i64,
    pub bytes_since_snapshot: u64,
    /// Promised markers above the durable end: first offset and the one behind it.
    pub promised: VecDeque<(i64, i64)>,
    pub producers: ProducerStates,
    pub epochs: LeaderEpochs,
    /// What the next round may write to the journal.
    pub pending: Pending,
    /// Segments with bytes that are not synced.
    pub unsynced: Vec<Arc<Segment>>,
    /// How many files were created in the directory, and how many of them its last sync covered.
    pub names_created: u64,
    /// See `names_created`.
    pub names_synced: u64,
    /// What the epoch file holds.
    pub epochs_written: String,
    /// Segments that were rolled and whose indexes are not yet in their files, with the snapshot at their end.
    pub rolled: VecDeque<(Arc<Segment>, Image)>,
    /// The round that this log was last entered into.
    pub entered: u64,
    /// Everything below was compacted.
    pub cleaned_to: i64,
    /// Compaction met damage: it is not tried again in this run.
    pub uncleanable: bool,
    /// No more appends: the set is closing.
    pub closed: bool,
}

/// The state of producers and epochs at an offset, as files.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub offset: i64,
    pub snapshot: Vec<u8>,
    pub windows: Vec<u8>,
    pub epochs: String,
}

impl State {
    /// A log `[log_start, log_end)` that is durable and synced to its end.
    pub(crate) fn new(config: LogConfig, segments: Vec<Arc<Segment>>, log_start: i64, log_end: i64) -> Self {
        Self {
            config,
            segments: Arc::new(segments),
            log_start,
            log_end,
            high_watermark: log_end,
            durable_end: log_end,
            synced_end: log_end,
            snapshot_end: log_start,
            bytes_since_snapshot: 0,
            promised: VecDeque::new(),
            producers: ProducerStates::default(),
            epochs: LeaderEpochs::default(),
            pending: Pending::default(),
            unsynced: Vec::new(),
            names_created: 0,
            names_synced: 0,
            epochs_written: String::new(),
            rolled: VecDeque::new(),
            entered: 0,
            cleaned_to: 0,
            uncleanable: false,
            closed: false,
        }
    }

    /// The active segment.
    pub(crate) fn active(&self) -> &Arc<Segment> {
        &self.segments[self.segments.len() - 1]
    }

    pub(crate) fn is_snapshot_due(&self) -> bool {
        self.bytes_since_snapshot >= SNAPSHOT_BYTES
    }

    pub(crate) fn last_stable(&self) -> i64 {
        if seeded::has(seeded::Bug::LastStableOffsetIgnored) {
            return self.high_watermark;
        }
        let unstable = self.producers.first_unstable().unwrap_or(i64::MAX);
        self.high_watermark.min(unstable).max(self.log_start)
    }

    /// Moves the high watermark as far as it may go.
    pub(crate) fn advance_high_watermark(&mut self, durability: Durability) {
        let mut high_watermark = match durability {
            Durability::Os => self.log_end,
            Durability::Fsync if seeded::has(seeded::Bug::HighWatermarkPastSync) => self.log_end,
            Durability::Fsync => self.durable_end.max(self.high_watermark),
        };
        while let Some((first, next)) = self.promised.front().copied() {
            if first > high_watermark {
                break;
            }
            high_watermark = high_watermark.max(next);
            self.promised.pop_front();
        }
        self.high_watermark = high_watermark;
        self.producers.high_watermark_moved(high_watermark);
    }

    pub(crate) fn image(&self) -> Image {
        Image::new(&self.producers, &self.epochs, self.log_end)
    }
}

impl Image {
    /// In memory, about.
    pub(crate) fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.snapshot.len() + self.windows.len() + self.epochs.len()
    }

    pub(crate) fn new(producers: &ProducerStates, epochs: &LeaderEpochs, offset: i64) -> Self {
        Self {
            offset,
            snapshot: snapshot::encode(producers),
            windows: snapshot::encode_windows(producers, offset),
            epochs: epochs.encode(),
        }
    }
}

impl Log {
    pub(crate) fn new(name: &str, shared: &Arc<Shared>, state: State) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            name: name.to_owned(),
            home: shared.home(name),
            shared: Arc::clone(shared),
            me: me.clone(),
            watchers: Arc::new(Watchers::default()),
            files: Mutex::new(()),
            log_start: AtomicI64::new(state.log_start),
            last_stable: AtomicI64::new(state.last_stable()),
            high_watermark: AtomicI64::new(state.high_watermark),
            log_end: AtomicI64::new(state.log_end),
            deleted: AtomicBool::new(false),
            state: Mutex::new(state),
        })
    }

    /// This log, counted.
    pub(crate) fn me(&self) -> Arc<Self> {
        // Only a counted log exists, and `&self` keeps it alive.
        self.me.upgrade().unwrap_or_else(|| unreachable!("a log outlives its own count"))
    }

    /// The directory's name, `<topic>-<partition>`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directory: the broker keeps `partition.metadata` in it.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.home.dir
    }

    /// Where `read_uncommitted` ends: all below is durable, or a promised marker.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        Offset(self.high_watermark.load(Ordering::Acquire))
    }

    /// Where `read_committed` ends: all below is decided.
    #[must_use]
    pub fn last_stable_offset(&self) -> Offset {
        Offset(self.last_stable.load(Ordering::Acquire))
    }

    /// The first offset that can be read.
    #[must_use]
    pub fn log_start_offset(&self) -> Offset {
        Offset(self.log_start.load(Ordering::Acquire))
    }

    /// The offset of the next record, durable or not.
    #[must_use]
    pub fn log_end_offset(&self) -> Offset {
        Offset(self.log_end.load(Ordering::Acquire))
    }

    /// The newest leader epoch in the log.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.state.lock().epochs.latest()
    }

    /// The leader epoch at `offset`.
    #[must_use]
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.state.lock().epochs.at(offset.0)
    }

    /// Kafka's OffsetForLeaderEpoch; `None`: the epoch is not known.
    #[must_use]
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<EpochEnd> {
        let state = self.state.lock();
        state.epochs.end_of(epoch.0, state.log_start, state.log_end)
    }

    /// All producers that the log remembers, by id.
    #[must_use]
    pub fn producers(&self) -> Vec<ProducerInfo> {
        self.state.lock().producers.infos()
    }

    /// Transactions without an end, by first offset.
    #[must_use]
    pub fn open_transactions(&self) -> Vec<OpenTransaction> {
        self.state.lock().producers.open_transactions()
    }

    /// The free space of the disk that all logs of the set share.
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.shared.space
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> LogConfig {
        self.state.lock().config.clone()
    }

    /// Changes the settings, from the next append on.
    pub fn set_config(&self, config: LogConfig) {
        self.state.lock().config = config;
    }

    /// Bytes of batches on disk.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.segments().iter().map(|s| s.size()).sum()
    }

    /// Whether [`crate::LogSet::delete`] took it.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// Wakes `waker` whenever the high watermark, the last stable offset or the log start moves, or the log is deleted.
    pub fn watch(&self, waker: Waker) -> Watch {
        self.watchers.register(waker)
    }

    pub(crate) fn segments(&self) -> Arc<Vec<Arc<Segment>>> {
        Arc::clone(&self.state.lock().segments)
    }

    pub(crate) fn recovery_point(&self) -> i64 {
        if seeded::has(seeded::Bug::CheckpointBeforeData) {
            return self.log_end_offset().0;
        }
        // Not the log start, even where that is higher: records below it may still be in the journal alone.
        self.state.lock().synced_end
    }

    pub(crate) fn cleaned_to(&self) -> i64 {
        self.state.lock().cleaned_to
    }

    /// Shows what the state says; whoever watches is woken by [`Log::wake`], after the lock is free.
    pub(crate) fn publish(&self, state: &State) -> Moved {
        let last_stable = state.last_stable();
        // Written under the lock alone: what it says already need not be swapped, which costs more than a look.
        let show = |shown: &AtomicI64, now: i64| {
            let moved = shown.load(Ordering::Relaxed) != now;
            if moved {
                shown.store(now, Ordering::Release);
            }
            moved
        };
        show(&self.log_end, state.log_end);
        let moved = [
            (&self.high_watermark, state.high_watermark),
            (&self.last_stable, last_stable),
            (&self.log_start, state.log_start),
        ]
        .map(|(shown, now)| show(shown, now));
        Moved(moved.contains(&true))
    }

    pub(crate) fn wake(&self, moved: Moved) {
        if moved.0 {
            self.watchers.wake();
        }
    }

    /// Wakes all who watch the log although nothing in it has moved: there is news of its topic.
    pub fn wake_watchers(&self) {
        self.watchers.wake();
    }

    /// No append or read succeeds from here on.
    pub(crate) fn mark_deleted(&self) {
        {
            let _no_chore_meanwhile = self.files.lock();
            let mut state = self.state.lock();
            if self.deleted.swap(true, Ordering::AcqRel) {
                return;
            }
            state.pending = Pending::default();
            state.unsynced.clear();
            state.rolled.clear();
            // A new log may get the name.
            state.segments.iter().for_each(|segment| segment.forget());
        }
        self.watchers.wake();
    }

    /// No append succeeds from here on.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
    }
}

/// Whether anything that is watched moved.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Moved(bool);

impl Chunk {
    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::FileRange { len, .. } => *len as usize,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, read now if they are in a file.
    pub fn read(&self) -> Result<Bytes, StorageError> {
        self.read_into(BytesMut::new())
    }

    /// The same at the front of memory that was read into before, as new memory costs more than the reading. What lies
    /// behind them there is none of the chunk's, and belongs to the result only so that all of it can be used again.
    pub fn read_into(&self, mut buffer: BytesMut) -> Result<Bytes, StorageError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::FileRange { file, position, len } => {
                let len = *len as usize;
                if buffer.len() < len {
                    buffer.resize(len, 0);
                }
                file.read_exact_at(&mut buffer[..len], *position)
                    .map_err(|e| StorageError::new("read", Path::new("a segment"), e))?;
                Ok(buffer.freeze())
            }
        }
    }
}
