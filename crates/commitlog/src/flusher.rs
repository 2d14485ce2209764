//! The flusher: what makes appends durable, and the rounds in which it does so.
//!
//! A round begins when somebody waits for it and the one before has ended. It takes all logs that were written since that
//! one began. Logs with few new bytes go into the journal, together,
//! with one sync; logs with many are synced themselves, in parallel. Then the high watermarks move, then the round's tickets
//! are done. Chores follow: closing rolled segments, and giving the journal's space back.
//!
//! Rounds have a thread of their own. A caller that has nothing else to do may run one itself, as long as it is the only one
//! that appends ([`Shared::drive`]): waking a thread and being woken by it takes as long as the sync.
//!
//! A failed sync is never tried again: the set latches, and whatever was not acknowledged by then never is.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use os::Disk;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::checkpoint;
use crate::config::{Durability, SetOptions};
use crate::error::StorageError;
use crate::files::{Home, OpenFiles};
use crate::flush::{Flush, windows_dir};
use crate::journal::Journal;
use crate::log::Log;
use crate::producer_room::ProducerRoom;
use crate::space::Space;
use crate::ticket::{Rounds, Ticket};

/// A log with more new bytes than this is synced itself.
pub(crate) const JOURNAL_BYTES_MAX: usize = 128 << 10;
/// The journal takes no more than this in one round.
const ROUND_BYTES_MAX: usize = 8 << 20;
/// The journal's space is given back at this size: more where many files would have to be synced for it.
const JOURNAL_SPACE: std::ops::RangeInclusive<u64> = (8 << 20)..=(64 << 20);
const JOURNAL_SPACE_PER_LOG: u64 = 64 << 10;
/// So many names of journaled logs are kept before those named twice are dropped, or more where there are many logs.
const JOURNALED_MAX: usize = 4096;
/// How long to wait before looking again whether there is space, or a file descriptor.
const SPACE_WAIT: Duration = Duration::from_millis(100);
/// A caller that runs a round itself and does not come back for so long is stuck in a sync.
const STALL: Duration = Duration::from_millis(10);
/// Where a sync takes longer, two wakings make no difference, and the caller has better things to do than to wait.
const SLOW: Duration = Duration::from_millis(1);
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
    pub producer_room: ProducerRoom,
    pub rounds: Arc<Rounds>,
    /// Rounds of writing down the log starts, by the same numbers. One that finds no space is refused, and others go on.
    log_start_rounds: Arc<Rounds>,
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Whose turn it is to run a round. `None` before the thread runs, and when it has ended.
    flusher: Mutex<Option<Flusher>>,
    /// Called when a caller that runs a round itself does not come back from it.
    pub on_stall: OnceLock<StallHook>,
    /// The last round that somebody waits for.
    asked: AtomicU64,
    latched: AtomicBool,
    /// The set is being closed: nothing waits for space any more.
    pub closing: AtomicBool,
    /// Held while checkpoint files are written, so that an older one never replaces a newer one.
    pub checkpoints: Mutex<()>,
}

/// See [`crate::LogSet::on_stall`].
pub(crate) struct StallHook(pub Box<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for StallHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StallHook")
    }
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
    /// Somebody waits for that round.
    asked: bool,
    /// Appends that wait for it.
    appends: usize,
    /// Callers that are still appending what is to share the round.
    holds: usize,
    /// Who could run rounds alone.
    lone: Lone,
    stop: Stop,
}

/// The one caller that appends, if there is only one.
#[derive(Clone, Copy, Debug, Default)]
struct Lone {
    caller: u64,
    /// So many rounds in a row were of this caller alone. Below 0 while the disk is too slow for it.
    rounds: i32,
    /// How many it has run itself, and whether it is at it.
    run: u64,
    /// See `run`.
    running: bool,
}

impl Lone {
    /// From so many rounds in a row on, the caller runs them.
    const ROUNDS_MIN: i32 = 3;
    /// After a slow one the thread runs so many, and the caller's thread is free meanwhile.
    const ROUNDS_OF_A_SLOW_DISK: i32 = 100;
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
    /// Whether a round should begin.
    fn is_due(&self) -> bool {
        let only_dirty =
            self.behind.is_empty() && self.deleted.is_empty() && !self.log_starts && self.chores.is_empty();
        self.asked || !only_dirty
    }

    /// All of it; what comes next waits for the next round.
    fn take(&mut self) -> Queue {
        let next = Queue {
            dirty: Vec::new(),
            behind: Vec::new(),
            deleted: Vec::new(),
            log_starts: false,
            chores: Vec::new(),
            round: self.round + 1,
            asked: false,
            appends: 0,
            holds: self.holds,
            lone: self.lone,
            stop: self.stop,
        };
        std::mem::replace(self, next)
    }

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
            producer_room: ProducerRoom::new(options.producers_max),
            rounds: Arc::default(),
            log_start_rounds: Arc::default(),
            queue: Mutex::new(Queue {
                dirty: Vec::new(),
                behind: Vec::new(),
                deleted: Vec::new(),
                log_starts: false,
                chores: Vec::new(),
                round: 1,
                asked: false,
                appends: 0,
                holds: 0,
                lone: Lone::default(),
                stop: Stop::No,
            }),
            wake: Condvar::new(),
            flusher: Mutex::new(None),
            on_stall: OnceLock::new(),
            asked: AtomicU64::new(0),
            latched: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            checkpoints: Mutex::new(()),
        }
    }

    /// Where the segments of a log live.
    pub(crate) fn home(&self, log: &str) -> Arc<Home> {
        Arc::new(Home {
            disk: Arc::clone(&self.disk),
            dir: self.log_dir.join(log),
            files: Arc::clone(&self.files),
            own: windows_dir(&self.state_dir, log),
        })
    }

    /// Enters a log that was written into the next round; returns its number. `entered` is the round that the log was last
    /// entered into. The round begins when its ticket is waited for, so that it takes all that a request appends.
    pub(crate) fn dirty(&self, log: &Arc<Log>, entered: u64) -> u64 {
        let mut queue = self.queue.lock();
        if entered != queue.round {
            queue.dirty.push(Arc::clone(log));
        }
        queue.appends += 1;
        queue.round
    }

    /// Somebody waits for this round.
    pub(crate) fn ask(&self, round: u64) {
        if self.asked.load(Ordering::Acquire) >= round {
            return;
        }
        let mut queue = self.queue.lock();
        self.asked.fetch_max(round, Ordering::AcqRel);
        if queue.round == round && !queue.asked {
            queue.asked = true;
            self.wake.notify_one();
        }
    }

    /// Sleeps until something may be due. Watches over whoever runs a round meanwhile.
    fn sleep(&self, queue: &mut MutexGuard<'_, Queue>) {
        if queue.lone.rounds < Lone::ROUNDS_MIN {
            self.wake.wait(queue);
            return;
        }
        let seen = queue.lone;
        let timed_out = self.wake.wait_for(queue, STALL).timed_out();
        if !timed_out || queue.lone.run != seen.run {
            return;
        }
        if !seen.running {
            // The caller has stopped appending.
            queue.lone.rounds = 0;
        } else if queue.lone.running
            && let Some(hook) = self.on_stall.get()
        {
            MutexGuard::unlocked(queue, || (hook.0)());
        }
    }

    /// Runs `round` on this thread, if `caller` has been the only one to append for a while, `appends` of this round are all
    /// that it has, and nobody else waits for anything. Otherwise it does nothing.
    pub(crate) fn drive(&self, round: u64, caller: u64, appends: usize) {
        let mut flusher;
        let taken = {
            let mut queue = self.queue.lock();
            if queue.round != round || queue.appends != appends || queue.lone.caller != caller {
                queue.lone = Lone { caller, rounds: queue.lone.rounds.min(0), ..queue.lone };
                return;
            }
            queue.lone.rounds = queue.lone.rounds.saturating_add(1);
            if queue.lone.rounds < Lone::ROUNDS_MIN || queue.is_due() || queue.holds > 0 || queue.stop != Stop::No {
                return;
            }
            match self.flusher.try_lock() {
                Some(free) if free.is_some() => flusher = free,
                _ => return,
            }
            if self.is_latched() {
                return;
            }
            if queue.lone.rounds == Lone::ROUNDS_MIN {
                // From now on the thread looks after us.
                self.wake.notify_one();
            }
            queue.lone.run += 1;
            queue.lone.running = true;
            queue.take()
        };
        let Some(flusher) = &mut *flusher else { return };
        let latch = LatchOnPanic(self);
        let begun = Instant::now();
        let done = flusher.make_durable(&taken).map(|()| flusher.has_chores(&taken));
        drop(latch);
        let mut queue = self.queue.lock();
        queue.lone.running = false;
        if begun.elapsed() > SLOW {
            queue.lone.rounds = -Lone::ROUNDS_OF_A_SLOW_DISK;
        }
        match done {
            Ok(has_chores) => {
                if has_chores {
                    // They may take long.
                    queue.chores.extend(taken.dirty);
                    self.wake.notify_one();
                }
                drop(queue);
                self.rounds.complete(taken.round);
            }
            Err(error) => {
                drop(queue);
                self.latch(error);
            }
        }
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
    pub(crate) fn ticket_for_all(self: &Arc<Self>) -> Ticket {
        let queue = self.queue.lock();
        let round = if queue.is_empty() { queue.round - 1 } else { queue.round };
        Ticket::of_append(self, round)
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
        if queue.holds == 0 && queue.is_due() {
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
    /// With more of them, those named twice are dropped.
    journaled_max: usize,
    /// The journal could not be written the last time: said once.
    journal_refused: bool,
    /// Chores could not be done the last time: said once.
    chores_refused: bool,
}

/// Runs rounds until [`Shared::stop`], and through what is queued then. `logs` gives all logs, for checkpoints.
pub(crate) fn run(shared: &Shared, logs: &dyn Logs) {
    let _latch = LatchOnPanic(shared);
    loop {
        {
            let mut queue = shared.queue.lock();
            while (!queue.is_due() || queue.holds > 0) && queue.stop == Stop::No {
                shared.sleep(&mut queue);
            }
        }
        // The turn first, then the queue: rounds end in the order in which they were taken.
        let mut flusher = shared.flusher.lock();
        let Some(flusher) = &mut *flusher else { break };
        let taken = {
            let mut queue = shared.queue.lock();
            if queue.stop == Stop::AtOnce || (queue.stop == Stop::AfterQueue && queue.is_empty()) {
                break;
            }
            if queue.stop == Stop::No && (!queue.is_due() || queue.holds > 0) {
                continue;
            }
            queue.take()
        };
        if shared.is_latched() {
            continue;
        }
        if let Err(error) = flusher.round(taken, logs) {
            shared.latch(error);
        }
    }
    let flusher = shared.flusher.lock().take();
    let clean = shared.queue.lock().stop == Stop::AfterQueue && !shared.is_latched();
    if let Some(mut flusher) = flusher.filter(|_| clean) {
        match flusher.give_journal_back() {
            // All is durable, be it by the journal: the next start reads it from there.
            Err(error) if error.may_pass() => {}
            result => {
                let _ = result.inspect_err(|error| shared.latch(error.clone()));
            }
        }
    }
    // Whoever comes now would wait for a round that never ends.
    let closed = std::io::Error::other("the set of logs is closed");
    shared.fail(StorageError::new("sync", &shared.log_dir, closed));
}

impl Flusher {
    /// Lets rounds begin: by [`run`], and by callers.
    pub(crate) fn install(shared: &Arc<Shared>, journal: Journal) {
        let flusher = Self {
            shared: Arc::clone(shared),
            journal,
            journaled: Vec::new(),
            journaled_max: JOURNALED_MAX,
            journal_refused: false,
            chores_refused: false,
        };
        *shared.flusher.lock() = Some(flusher);
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
        for log in taken.dirty.iter().chain(&taken.chores) {
            moved |= log.snapshot_if_due()?;
        }
        if moved {
            write_recovery_points(&self.shared, logs)?;
        }
        if self.journal.position() >= self.journal_space() {
            self.give_journal_back()?;
        } else if self.journaled.len() > self.journaled_max {
            self.forget_repeated();
            // As many again come before it is worth another look.
            self.journaled_max = JOURNALED_MAX.max(2 * self.journaled.len());
        }
        Ok(())
    }

    /// Whether [`Flusher::chores`] has anything to do after a round.
    fn has_chores(&self, taken: &Queue) -> bool {
        self.journal.position() >= self.journal_space()
            || self.journaled.len() > self.journaled_max
            || taken.dirty.iter().any(|log| log.is_snapshot_due())
    }

    fn journal_space(&self) -> u64 {
        let space = (self.journaled.len() as u64).saturating_mul(JOURNAL_SPACE_PER_LOG);
        space.clamp(*JOURNAL_SPACE.start(), *JOURNAL_SPACE.end())
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
struct LatchOnPanic<'s>(&'s Shared);

impl Drop for LatchOnPanic<'_> {
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
