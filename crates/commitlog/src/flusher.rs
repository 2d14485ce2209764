//! The flusher: the one thread that makes appends durable, and the rounds in which it does so.
//!
//! A round takes all logs that were written since the last one began. Logs with few new bytes go into the journal, together,
//! with one sync; logs with many are synced themselves, in parallel. Then the high watermarks move, then the round's tickets
//! are done. Chores follow: closing rolled segments, and giving the journal's space back.
//!
//! A failed sync is never tried again: the set latches, and whatever was not acknowledged by then never is.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use os::Disk;
use parking_lot::{Condvar, Mutex};

use crate::checkpoint;
use crate::config::{Durability, SetOptions};
use crate::error::StorageError;
use crate::files::{Home, OpenFiles};
use crate::flush::Flush;
use crate::journal::Journal;
use crate::log::Log;
use crate::space::Space;
use crate::ticket::{Rounds, Ticket};

/// A log with more new bytes than this is synced itself.
pub(crate) const JOURNAL_BYTES_MAX: usize = 128 << 10;
/// The journal takes no more than this in one round.
const ROUND_BYTES_MAX: usize = 8 << 20;
/// The journal's space is given back at this size: more where many files would have to be synced for it.
const JOURNAL_SPACE: std::ops::RangeInclusive<u64> = (8 << 20)..=(64 << 20);
const JOURNAL_SPACE_PER_LOG: u64 = 64 << 10;
/// How long to wait before looking again whether there is space, or a file descriptor.
const SPACE_WAIT: Duration = Duration::from_millis(100);
/// Syncs in parallel.
const SYNC_THREADS: usize = 16;

/// What all logs of a set share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub disk: Arc<dyn Disk>,
    pub log_dir: PathBuf,
    pub state_dir: PathBuf,
    pub durability: Durability,
    pub space: Arc<Space>,
    pub files: Arc<OpenFiles>,
    pub rounds: Arc<Rounds>,
    /// Rounds of writing down the log starts, by the same numbers. One that finds no space is refused, and others go on.
    log_start_rounds: Arc<Rounds>,
    queue: Mutex<Queue>,
    wake: Condvar,
    latched: AtomicBool,
    /// The set is being closed: nothing waits for space any more.
    pub closing: AtomicBool,
    /// Held while checkpoint files are written, so that an older one never replaces a newer one.
    pub checkpoints: Mutex<()>,
}

#[derive(Debug)]
struct Queue {
    /// Logs with new bytes.
    dirty: Vec<Arc<Log>>,
    /// Logs whose segments are to be synced, be their bytes durable by the journal already.
    behind: Vec<Arc<Log>>,
    /// Logs that are being deleted: the journal must forget them.
    deleted: Vec<String>,
    /// Log starts moved.
    log_starts: bool,
    /// Logs with segments to close.
    chores: Vec<Arc<Log>>,
    /// The number of the round that will take this queue.
    round: u64,
    /// Callers that are still appending what is to share the round.
    holds: usize,
    stop: Stop,
}

/// How the thread ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Not yet.
    No,
    /// When nothing is queued, with the journal given back.
    AfterQueue,
    /// Whatever is queued.
    AtOnce,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.dirty.is_empty()
            && self.behind.is_empty()
            && self.deleted.is_empty()
            && !self.log_starts
            && self.chores.is_empty()
    }
}

impl Shared {
    pub(crate) fn new(options: &SetOptions) -> Self {
        Self {
            disk: Arc::clone(&options.disk),
            log_dir: options.log_dir.clone(),
            state_dir: options.state_dir.clone(),
            durability: options.durability,
            space: Arc::new(Space::new(Arc::clone(&options.disk), &options.log_dir, options.reserve_bytes)),
            files: OpenFiles::new(options.open_files_max),
            rounds: Arc::default(),
            log_start_rounds: Arc::default(),
            queue: Mutex::new(Queue {
                dirty: Vec::new(),
                behind: Vec::new(),
                deleted: Vec::new(),
                log_starts: false,
                chores: Vec::new(),
                round: 1,
                holds: 0,
                stop: Stop::No,
            }),
            wake: Condvar::new(),
            latched: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            checkpoints: Mutex::new(()),
        }
    }

    /// Where the segments of a log live.
    pub(crate) fn home(&self, log: &str) -> Arc<Home> {
        Arc::new(Home { disk: Arc::clone(&self.disk), dir: self.log_dir.join(log), files: Arc::clone(&self.files) })
    }

    /// Enters a log that was written into the next round; returns its number. `entered` is the round that the log was last
    /// entered into.
    pub(crate) fn dirty(&self, log: &Arc<Log>, entered: u64) -> u64 {
        let mut queue = self.queue.lock();
        if entered != queue.round {
            queue.dirty.push(Arc::clone(log));
            self.wake.notify_one();
        }
        queue.round
    }

    /// A ticket for the segments of these logs being synced. Only the flusher syncs them: of two that sync the same file the
    /// system may tell just one of an error.
    pub(crate) fn sync_segments(&self, logs: Vec<Arc<Log>>) -> Ticket {
        let mut queue = self.queue.lock();
        queue.behind.extend(logs);
        self.wake.notify_one();
        Ticket::new(&self.rounds, queue.round)
    }

    /// A log has segments to close.
    pub(crate) fn chore(&self, log: Arc<Log>) {
        self.queue.lock().chores.push(log);
        self.wake.notify_one();
    }

    /// A ticket for the log starts as they are now. It fails, and only it, when there is no space to write them down.
    pub(crate) fn sync_log_starts(&self) -> Ticket {
        let mut queue = self.queue.lock();
        queue.log_starts = true;
        self.wake.notify_one();
        Ticket::new(&self.log_start_rounds, queue.round)
    }

    /// A ticket for the journal having forgotten these logs.
    pub(crate) fn forget(&self, names: &[&str]) -> Ticket {
        let mut queue = self.queue.lock();
        queue.deleted.extend(names.iter().map(ToString::to_string));
        self.wake.notify_one();
        Ticket::new(&self.rounds, queue.round)
    }

    /// A ticket for all that was appended before.
    pub(crate) fn ticket_for_all(&self) -> Ticket {
        let queue = self.queue.lock();
        let round = if queue.is_empty() { queue.round - 1 } else { queue.round };
        Ticket::new(&self.rounds, round)
    }

    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        self.queue.lock().holds += 1;
        Hold { shared: Arc::clone(self) }
    }

    pub(crate) fn stop(&self, stop: Stop) {
        self.closing.store(true, Ordering::Release);
        self.queue.lock().stop = stop;
        self.wake.notify_one();
    }

    /// Lets go of the logs that are queued: they hold this, and would keep each other for ever.
    pub(crate) fn clear(&self) {
        let mut queue = self.queue.lock();
        queue.dirty.clear();
        queue.behind.clear();
        queue.chores.clear();
    }

    pub(crate) fn latch(&self, error: StorageError) {
        if !self.latched.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "the disk failed: nothing more is acknowledged; start again to read what it holds");
        }
        self.fail(error);
    }

    /// No ticket is done any more.
    fn fail(&self, error: StorageError) {
        self.log_start_rounds.fail(error.clone());
        self.rounds.fail(error);
    }

    pub(crate) fn is_latched(&self) -> bool {
        self.latched.load(Ordering::Acquire)
    }

    pub(crate) fn failure(&self) -> Option<StorageError> {
        if self.is_latched() { self.rounds.failure() } else { None }
    }
}

/// Keeps the next round from beginning while it lives: what is appended meanwhile shares that round.
#[derive(Debug)]
#[must_use = "the round may begin as soon as this is dropped"]
pub struct Hold {
    shared: Arc<Shared>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock();
        queue.holds -= 1;
        if queue.holds == 0 && !queue.is_empty() {
            self.shared.wake.notify_one();
        }
    }
}

/// What the flusher asks of the set.
pub(crate) trait Logs: Send + Sync {
    /// Every log that has a directory, be it that it is being deleted.
    fn all(&self) -> Vec<Arc<Log>>;
}

/// The thread's own state.
#[derive(Debug)]
pub(crate) struct Flusher {
    shared: Arc<Shared>,
    journal: Journal,
    /// Logs whose newest bytes are durable by the journal alone. May hold one twice.
    journaled: Vec<Arc<Log>>,
    /// The journal could not be written the last time: said once.
    journal_refused: bool,
    /// Chores could not be done the last time: said once.
    chores_refused: bool,
}

impl Flusher {
    pub(crate) fn new(shared: Arc<Shared>, journal: Journal) -> Self {
        Self { shared, journal, journaled: Vec::new(), journal_refused: false, chores_refused: false }
    }

    /// Runs until [`Shared::stop`], and through what is queued then. `logs` gives all logs, for checkpoints.
    pub(crate) fn run(mut self, logs: &dyn Logs) {
        let _latch = LatchOnPanic(Arc::clone(&self.shared));
        loop {
            let taken = {
                let mut queue = self.shared.queue.lock();
                while (queue.is_empty() || queue.holds > 0) && queue.stop == Stop::No {
                    self.shared.wake.wait(&mut queue);
                }
                if queue.is_empty() || queue.stop == Stop::AtOnce {
                    break;
                }
                let next = Queue {
                    dirty: Vec::new(),
                    behind: Vec::new(),
                    deleted: Vec::new(),
                    log_starts: false,
                    chores: Vec::new(),
                    round: queue.round + 1,
                    holds: queue.holds,
                    stop: queue.stop,
                };
                std::mem::replace(&mut *queue, next)
            };
            if self.shared.is_latched() {
                continue;
            }
            if let Err(error) = self.round(taken, logs) {
                self.shared.latch(error);
            }
        }
        let clean = self.shared.queue.lock().stop == Stop::AfterQueue;
        if clean && !self.shared.is_latched() {
            match self.give_journal_back() {
                // All is durable, be it by the journal: the next start reads it from there.
                Err(error) if error.may_pass() => {}
                result => {
                    let _ = result.inspect_err(|error| self.shared.latch(error.clone()));
                }
            }
        }
        // Whoever comes now would wait for a round that never ends.
        let closed = std::io::Error::other("the set of logs is closed");
        self.shared.fail(StorageError::new("sync", &self.shared.log_dir, closed));
    }

    fn round(&mut self, taken: Queue, logs: &dyn Logs) -> Result<(), StorageError> {
        self.make_durable(&taken)?;
        if taken.log_starts {
            match write_log_starts(&self.shared, logs) {
                // They are written with the next round that asks; nobody else has to wait for it.
                Err(error) if error.may_pass() => self.shared.log_start_rounds.refuse(taken.round, error),
                result => {
                    result?;
                    self.shared.log_start_rounds.complete(taken.round);
                }
            }
        }
        self.shared.rounds.complete(taken.round);
        match self.chores(&taken, logs) {
            // They are tried again by the next maintenance.
            Err(error) if error.may_pass() => {
                if !std::mem::replace(&mut self.chores_refused, true) {
                    tracing::warn!(%error, "a segment's indexes cannot be closed now: until then a start has more to read");
                }
                Ok(())
            }
            Ok(()) => {
                self.chores_refused = false;
                Ok(())
            }
            result => result,
        }
    }

    fn make_durable(&mut self, taken: &Queue) -> Result<(), StorageError> {
        let mut small = Vec::new();
        let mut large = Vec::new();
        let mut bytes = 0;
        self.journal.begin();
        for name in &taken.deleted {
            self.journal.push_deleted(name);
        }
        for log in &taken.behind {
            large.push((log, log.begin_flush()));
        }
        for log in &taken.dirty {
            let flush = log.begin_flush();
            let fits = flush.entries.as_ref().is_some_and(|_| bytes + flush.bytes <= ROUND_BYTES_MAX);
            if fits {
                bytes += flush.bytes;
                for entry in flush.entries.iter().flatten() {
                    self.journal.push(log.name(), entry);
                }
                small.push((log, flush));
            } else {
                large.push((log, flush));
            }
        }
        let mut forget = false;
        let use_journal = !small.is_empty() || !taken.deleted.is_empty();
        let flushes: Vec<&Flush> = large.iter().map(|(_, flush)| flush).collect();
        let written = if !use_journal {
            sync_segments(&*self.shared.disk, &flushes)?;
            Ok(())
        } else if flushes.is_empty() {
            self.journal.place().and_then(|()| self.journal.write_synced())
        } else {
            let placed = self.journal.place();
            let journal = &self.journal;
            std::thread::scope(|scope| {
                let writing = scope.spawn(move || placed.and_then(|()| journal.write_synced()));
                let synced = sync_segments(&*self.shared.disk, &flushes);
                let written = writing.join().unwrap_or_else(|e| std::panic::resume_unwind(e));
                synced.map(|()| written)
            })?
        };
        match written {
            Ok(()) if use_journal => {
                self.journal.advance();
                self.journal_refused = false;
            }
            Ok(()) => {}
            // No space for the journal is no reason to fail what the segments have already.
            Err(error) if error.may_pass() => {
                if !std::mem::replace(&mut self.journal_refused, true) {
                    tracing::warn!(%error, "the journal cannot be written: syncing the segments instead");
                }
                forget = !taken.deleted.is_empty();
                sync_segments(&*self.shared.disk, &small.iter().map(|(_, flush)| flush).collect::<Vec<_>>())?;
                large.append(&mut small);
            }
            Err(error) => return Err(error),
        }
        for (log, flush) in small {
            log.end_flush(flush, true);
            self.journaled.push(Arc::clone(log));
        }
        for (log, flush) in large {
            log.end_flush(flush, false);
        }
        // The next generation knows nothing of the deleted, and begins over space that the file has.
        if forget { self.forget_without_a_frame() } else { Ok(()) }
    }

    /// The deleted must be forgotten before anything else: on a file system that finds no space even for bytes in the place of
    /// others, this waits for some.
    fn forget_without_a_frame(&mut self) -> Result<(), StorageError> {
        loop {
            match self.give_journal_back() {
                Err(error) if error.may_pass() && !self.shared.closing.load(Ordering::Acquire) => {
                    std::thread::sleep(SPACE_WAIT);
                }
                result => return result,
            }
        }
    }

    fn chores(&mut self, taken: &Queue, logs: &dyn Logs) -> Result<(), StorageError> {
        let mut moved = false;
        for log in &taken.chores {
            moved |= log.close_rolled_segments()?;
        }
        for log in &taken.dirty {
            moved |= log.snapshot_if_due()?;
        }
        if moved {
            write_recovery_points(&self.shared, logs)?;
        }
        let space = (self.journaled.len() as u64).saturating_mul(JOURNAL_SPACE_PER_LOG);
        let space = space.clamp(*JOURNAL_SPACE.start(), *JOURNAL_SPACE.end());
        if self.journal.position() >= space {
            self.give_journal_back()?;
        } else if self.journaled.len() > 4096 {
            self.forget_repeated();
        }
        Ok(())
    }

    fn forget_repeated(&mut self) {
        self.journaled.sort_by_key(|log| Arc::as_ptr(log) as usize);
        self.journaled.dedup_by(|a, b| Arc::ptr_eq(a, b));
    }

    /// Syncs all segments that the journal answers for, then starts it over.
    fn give_journal_back(&mut self) -> Result<(), StorageError> {
        self.forget_repeated();
        sync_logs(&self.shared, &self.journaled)?;
        self.journaled.clear();
        self.journal.restart()
    }
}

/// A flusher that dies by a defect of ours must not leave everyone waiting.
struct LatchOnPanic(Arc<Shared>);

impl Drop for LatchOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let died = std::io::Error::other("the flusher stopped by a defect of this program");
            self.0.latch(StorageError::new("sync", &self.0.log_dir, died));
        }
    }
}

/// Syncs the segments of all these logs up to what is written now.
pub(crate) fn sync_logs(shared: &Shared, logs: &[Arc<Log>]) -> Result<(), StorageError> {
    let flushes: Vec<(&Arc<Log>, Flush)> = logs.iter().map(|log| (log, log.begin_segment_sync())).collect();
    sync_segments(&*shared.disk, &flushes.iter().map(|(_, flush)| flush).collect::<Vec<_>>())?;
    for (log, flush) in flushes {
        log.end_segment_sync(flush);
    }
    Ok(())
}

/// Syncs segments and directories, in parallel where there are several.
pub(crate) fn sync_segments(disk: &dyn Disk, flushes: &[&Flush]) -> Result<(), StorageError> {
    let files: usize = flushes.iter().map(|f| f.segments.len()).sum();
    if files <= 1 {
        return flushes.iter().try_for_each(|flush| flush.sync(disk));
    }
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        loop {
            let Some(flush) = flushes.get(next.fetch_add(1, Ordering::Relaxed)) else { return Ok(()) };
            flush.sync(disk)?;
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (1..SYNC_THREADS.min(flushes.len())).map(|_| scope.spawn(work)).collect();
        let mut result = work();
        for thread in threads {
            let other = thread.join().unwrap_or_else(|e| std::panic::resume_unwind(e));
            result = result.and(other);
        }
        result
    })
}

pub(crate) fn write_log_starts(shared: &Shared, logs: &dyn Logs) -> Result<(), StorageError> {
    write_checkpoint(shared, logs, checkpoint::LOG_START, |log| log.log_start_offset().0)
}

pub(crate) fn write_recovery_points(shared: &Shared, logs: &dyn Logs) -> Result<(), StorageError> {
    write_checkpoint(shared, logs, checkpoint::RECOVERY_POINT, Log::recovery_point)
}

pub(crate) fn write_checkpoint(
    shared: &Shared,
    logs: &dyn Logs,
    file: &str,
    offset: impl Fn(&Log) -> i64,
) -> Result<(), StorageError> {
    let _one_at_a_time = shared.checkpoints.lock();
    // Asked under the lock: a log that is gone by now must not be named.
    let logs = logs.all();
    let offsets: Vec<(&str, i64)> = logs.iter().map(|log| (log.name(), offset(log))).collect();
    checkpoint::write(&*shared.disk, &shared.log_dir.join(file), &offsets)
}
