//! The flusher: what makes appends durable, and the rounds in which it does so.
//!
//! A round begins when somebody waits for it and the one before has ended. It takes all logs that were written since that
//! one began. Logs with few new bytes go into the journal, together,
//! with one sync; logs with many are synced themselves, in parallel. Then the high watermarks move, then the round's tickets
//! are done. The journal's space is given back behind it, when it is time. Closing rolled segments and snapshots, which nobody
//! waits for, have a thread of their own.
//!
//! Rounds have a thread of their own. A caller that has nothing else to do may run one itself, as long as it is the only one
//! that appends ([`Shared::drive`]): waking a thread and being woken by it takes as long as the sync.
//!
//! A failed sync is never tried again: the set latches, and whatever was not acknowledged by then never is.
//!
//! Here: what all share, and the thread. [`queue`]: what waits for the next round. [`lone`]: a caller that runs rounds itself.
//! [`round`]: one round. [`give_back`]: what follows it. [`chores`]: what goes on beside them. [`sync`]: the syncs themselves. [`checkpoints`]: the files that tell where
//! logs begin, and from where on they must be read.

mod checkpoints;
mod chores;
mod give_back;
mod lone;
mod queue;
mod round;
mod sync;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use os::Disk;
use parking_lot::{Condvar, Mutex};

pub(crate) use self::checkpoints::{write_checkpoint, write_log_starts, write_recovery_points};
use self::chores::Chores;
pub(crate) use self::chores::run_chores;
pub use self::queue::Hold;
use self::queue::Queue;
pub(crate) use self::queue::Stop;
pub(crate) use self::round::Flusher;
pub(crate) use self::sync::sync_logs;
use crate::config::{Durability, SetOptions};
use crate::error::StorageError;
use crate::files::{Home, OpenFiles};
use crate::flush::windows_dir;
use crate::log::Log;
use crate::producer_room::ProducerRoom;
use crate::space::Space;
use crate::ticket::Rounds;

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
    chores: Chores,
    /// Whose turn it is to run a round. `None` before the thread runs, and when it has ended.
    flusher: Mutex<Option<Flusher>>,
    /// Called when a caller that runs a round itself does not come back from it.
    pub on_stall: OnceLock<StallHook>,
    /// The last round that somebody waits for.
    asked: AtomicU64,
    /// A round is under way.
    pub(crate) in_round: AtomicBool,
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
            queue: Mutex::new(Queue::new()),
            wake: Condvar::new(),
            chores: Chores::default(),
            flusher: Mutex::new(None),
            on_stall: OnceLock::new(),
            asked: AtomicU64::new(0),
            in_round: AtomicBool::new(false),
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

    /// Whether a round is under way: what is appended now waits for the one after it.
    pub(crate) fn is_in_round(&self) -> bool {
        self.in_round.load(Ordering::Acquire)
    }

    pub(crate) fn is_latched(&self) -> bool {
        self.latched.load(Ordering::Acquire)
    }

    pub(crate) fn failure(&self) -> Option<StorageError> {
        if self.is_latched() { self.rounds.failure() } else { None }
    }
}

/// What the flusher asks of the set.
pub(crate) trait Logs: Send + Sync {
    /// Every log that has a directory, be it that it is being deleted.
    fn all(&self) -> Vec<Arc<Log>>;
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
        shared.chores.catch_up();
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
