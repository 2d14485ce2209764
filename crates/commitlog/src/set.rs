//! The set: open, maintain, close. (Creating and deleting logs: [`crate::lifecycle`].)

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLock};
use record::{Offset, TimestampMs};

use crate::checkpoint;
use crate::config::{Durability, SetOptions};
use crate::error::{OpenError, StorageError};
use crate::flusher::{
    self, Flusher, Hold, Logs, Shared, StallHook, Stop, sync_logs, write_checkpoint, write_log_starts,
    write_recovery_points,
};
use crate::journal::{self, Journal};
use crate::lifecycle::{Leftovers, deleted_windows, log_names};
use crate::log::{DamagedRange, Log};
use crate::recover::{Hints, Opened, open_log};
use crate::seeded;
use crate::space::Space;
use crate::ticket::Ticket;

/// Logs are opened, and closed, by so many threads.
const THREADS: usize = 8;
/// How many logs whose bytes only the journal has are synced in one go of [`LogSet::maintain`].
const SYNCS_PER_MAINTAIN: usize = 16;

/// How long after opening retention begins at the latest, as in Kafka (`log.initial.task.delay.ms`).
const RETENTION_DELAY_MS: i64 = 30_000;

/// How many bytes are checked in one go of [`LogSet::maintain`].
const SCRUB_BYTES: u64 = 4 << 20;

/// All partition logs of a log directory, and the threads that make them durable.
///
/// Dropping it without [`LogSet::close`] is a crash, as far as the disk can tell.
#[derive(Debug)]
pub struct LogSet {
    pub(crate) options: SetOptions,
    pub(crate) shared: Arc<Shared>,
    pub(crate) logs: Arc<LogMap>,
    /// Held by whoever creates logs.
    pub(crate) creating: Mutex<()>,
    /// Held by whoever deletes logs.
    pub(crate) deleting: Mutex<()>,
    pub(crate) leftovers: Leftovers,
    threads: Mutex<Option<Threads>>,
    /// Held by whoever maintains, so that closing waits for it.
    closed: Mutex<bool>,
    /// The recovery points as they were last written.
    written: Mutex<Vec<i64>>,
    /// When retention is due.
    next_retention: Mutex<TimestampMs>,
    /// The checkpoint files speak of logs that are gone.
    pub(crate) checkpoints_stale: AtomicBool,
    /// Held by whoever writes them anew.
    pub(crate) renewing: Mutex<()>,
    scrub: Mutex<Scrub>,
}

/// See [`crate::flusher`].
#[derive(Debug)]
struct Threads {
    flusher: JoinHandle<()>,
    chores: JoinHandle<()>,
}

/// The pass over all bytes that is under way.
#[derive(Clone, Copy, Debug)]
struct Scrub {
    /// The first one, 0, is over what this run has not read or written.
    pass: u64,
    began: TimestampMs,
}

/// What opening found.
#[derive(Clone, Debug, Default)]
pub struct RecoveryReport {
    /// The last stop was a clean one.
    pub clean: bool,
    /// Tails that were cut.
    pub cuts: Vec<Cut>,
    /// Damage below a recovery point, in words: file, offsets. Nothing was cut for it.
    pub damage: Vec<String>,
}

/// A tail that recovery cut off, and kept under the state directory.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Which log.
    pub log: String,
    /// The new end of the log.
    pub end_offset: Offset,
    /// Bytes cut, over all segments.
    pub bytes: u64,
    /// The directory in which the bytes are kept.
    pub kept_in: PathBuf,
    /// Valid batches follow the first bad one: acknowledged records may be among them.
    pub valid_batches_follow: bool,
}

/// The logs by name; the flusher looks at them too.
#[derive(Debug, Default)]
pub(crate) struct LogMap {
    pub(crate) logs: RwLock<BTreeMap<String, Arc<Log>>>,
}

impl Logs for LogMap {
    fn all(&self) -> Vec<Arc<Log>> {
        self.logs.read().values().cloned().collect()
    }
}

impl LogSet {
    /// Opens all logs of the directory, recovers them, and starts the flusher. What is shown afterwards is durable.
    pub fn open(options: SetOptions, now_ms: TimestampMs) -> Result<(Arc<Self>, RecoveryReport), OpenError> {
        let disk = &options.disk;
        let windows = options.state_dir.join("windows");
        for dir in [&options.log_dir, &options.state_dir, &windows] {
            disk.create_dir_synced(dir).map_err(|e| StorageError::new("create", dir, e))?;
        }
        // A process that was killed may have made names in them and not come to sync them.
        for dir in [&options.log_dir, &windows] {
            disk.sync_dir(dir).map_err(|e| StorageError::new("sync", dir, e))?;
        }
        let mut report = RecoveryReport::default();
        let clean_path = options.log_dir.join(checkpoint::CLEAN_SHUTDOWN);
        report.clean = disk.exists(&clean_path).map_err(|e| StorageError::new("look for", &clean_path, e))?;
        let recovery_points =
            checkpoint::read(&**disk, &options.log_dir.join(checkpoint::RECOVERY_POINT), &mut report.damage)?;
        let log_starts = checkpoint::read(&**disk, &options.log_dir.join(checkpoint::LOG_START), &mut report.damage)?;
        let cleaned = checkpoint::read(&**disk, &options.log_dir.join(checkpoint::CLEANER), &mut report.damage)?;
        let (mut journal, mut found) = Journal::open(&**disk, &options.state_dir, &mut report.damage)?;
        if report.clean {
            // Everything was synced in its segment.
            found = journal::Found::new();
        }

        for what in &report.damage {
            tracing::error!("{what}");
        }

        let shared = Arc::new(Shared::new(&options));
        let (names, mut deleted) = log_names(&options)?;
        let hints = names
            .into_iter()
            .map(|name| Hints {
                config: options.default_config.clone(),
                recovery_point: recovery_points.get(&name).copied().unwrap_or(0),
                log_start: log_starts.get(&name).copied().unwrap_or(0),
                cleaned_to: cleaned.get(&name).copied().unwrap_or(0),
                journal: found.remove(&name).unwrap_or_default(),
                name,
            })
            .collect();
        let opened = open_all(&shared, hints)?;
        let mut logs = BTreeMap::new();
        for Opened { log, cut, damage } in opened {
            for what in &damage {
                tracing::error!(log = log.name(), "{what}");
            }
            if let Some(cut) = &cut {
                tracing::warn!(
                    log = log.name(), end_offset = cut.end_offset.0, bytes = cut.bytes, kept_in = %cut.kept_in.display(),
                    acknowledged_records_may_be_among_them = cut.valid_batches_follow, "cut the tail of a log"
                );
            }
            report.damage.extend(damage);
            report.cuts.extend(cut);
            logs.insert(log.name().to_owned(), log);
        }

        let all: Vec<Arc<Log>> = logs.values().cloned().collect();
        if !seeded::has(seeded::Bug::RecoveredTailNotSynced) {
            sync_logs(&shared, &all)?;
        }
        if report.clean {
            let remove = || disk.remove_file(&clean_path).and_then(|()| disk.sync_dir(&options.log_dir));
            remove().map_err(|e| StorageError::new("remove", &clean_path, e))?;
        }
        // A deletion may have been cut off: what the files say of a log that is gone must not be said of its successor.
        let stale = |offsets: &BTreeMap<String, i64>| offsets.keys().any(|name| !logs.contains_key(name));
        deleted.extend(deleted_windows(&options, |name| logs.contains_key(name))?);
        let leftovers = Leftovers::default();
        leftovers.remove(&**disk, deleted);
        let (stale_points, stale_starts) = (stale(&recovery_points), stale(&log_starts));
        let logs = Arc::new(LogMap { logs: RwLock::new(logs) });
        if !report.clean || stale_points {
            write_recovery_points(&shared, &*logs)?;
        }
        if stale_starts {
            write_log_starts(&shared, &*logs)?;
        }
        journal.restart()?;
        let mut producers = 0;
        for log in &all {
            producers += log.expire_producers(now_ms, options.producer_id_expiration_ms);
        }

        shared.producer_room.counted(producers);
        shared.chores_again(&all);
        Flusher::install(&shared, journal);
        let start = |name: &str, run: fn(&Shared, &dyn Logs)| {
            let (logs, shared) = (Arc::clone(&logs), Arc::clone(&shared));
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || run(&shared, &*logs));
            thread.map_err(|e| StorageError::new("start the flusher of", &options.log_dir, e))
        };
        let chores = start("chores", flusher::run_chores)?;
        let flusher = start("flusher", flusher::run).inspect_err(|_| shared.stop_chores())?;
        let threads = Threads { flusher, chores };
        let first_retention = options.retention_check_interval_ms.min(RETENTION_DELAY_MS);
        let set = Self {
            options,
            shared,
            logs,
            creating: Mutex::new(()),
            deleting: Mutex::new(()),
            leftovers,
            closed: Mutex::new(false),
            threads: Mutex::new(Some(threads)),
            written: Mutex::new(Vec::new()),
            next_retention: Mutex::new(TimestampMs(now_ms.0.saturating_add(first_retention))),
            checkpoints_stale: AtomicBool::new(false),
            renewing: Mutex::new(()),
            scrub: Mutex::new(Scrub { pass: 0, began: now_ms }),
        };
        Ok((Arc::new(set), report))
    }

    /// The log of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Log>> {
        self.logs.logs.read().get(name).filter(|log| !log.is_deleted()).cloned()
    }

    /// All names, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let logs = self.logs.logs.read();
        logs.iter().filter(|(_, log)| !log.is_deleted()).map(|(name, _)| name.clone()).collect()
    }

    /// A ticket that is done when all that was appended before this call is durable.
    pub fn sync(&self) -> Ticket {
        self.shared.ticket_for_all()
    }

    /// Keeps the next round from beginning until the guard is dropped, so that several appends share one round however
    /// long after each other they come. Everybody's acknowledgement waits meanwhile: append and let go; never wait for a
    /// ticket while holding it.
    pub fn hold_round(&self) -> Hold {
        self.shared.hold()
    }

    /// Has `hook` called, again and again, while a caller that makes its own append durable ([`Ticket::drive`]) is stuck in a
    /// sync: other work may have to go on without that thread. Set once; later ones are ignored.
    pub fn on_stall(&self, hook: impl Fn() + Send + Sync + 'static) {
        let _ = self.shared.on_stall.set(StallHook(Box::new(hook)));
    }

    /// The free space of the disk, and the reserve.
    #[must_use]
    pub fn space(&self) -> &Arc<Space> {
        &self.shared.space
    }

    /// Why the set has latched, if it has: nothing is acknowledged any more, and the process should stop.
    #[must_use]
    pub fn health(&self) -> Option<StorageError> {
        self.shared.failure()
    }

    /// Checkpoints, retention, compaction, forgetting idle producers. To be called about once a second from one background thread.
    /// An error that does not pass ([`StorageError::may_pass`]) has latched the set.
    pub fn maintain(&self, now_ms: TimestampMs) -> Result<(), StorageError> {
        let closed = self.closed.lock();
        if *closed {
            return Ok(());
        }
        if let Some(failure) = self.shared.failure() {
            return Err(failure);
        }
        self.shared.space.look();
        self.maintain_logs(now_ms).inspect_err(|error| {
            if !error.may_pass() {
                self.shared.latch(error.clone());
            }
        })
    }

    fn maintain_logs(&self, now_ms: TimestampMs) -> Result<(), StorageError> {
        let logs = self.logs.all();
        let retires = {
            let mut next = self.next_retention.lock();
            let interval_ms = self.options.retention_check_interval_ms;
            // A clock that was set back must not put retention off for long.
            let due = now_ms >= *next || next.0.saturating_sub(now_ms.0) > interval_ms;
            if due {
                *next = TimestampMs(now_ms.0.saturating_add(interval_ms));
            }
            due
        };
        let mut full = None;
        let expiration_ms = self.shared.producer_room.expiration_ms(self.options.producer_id_expiration_ms);
        let producers = logs.iter().map(|log| log.expire_producers(now_ms, expiration_ms)).sum();
        self.shared.producer_room.counted(producers);
        // One that found no space is tried again.
        self.shared.chores_again(&logs);
        for log in &logs {
            let retired = if retires { log.apply_retention(now_ms) } else { Ok(false) };
            match retired {
                // The next call finds it closed.
                Ok(true) => *self.next_retention.lock() = now_ms,
                Ok(false) => {}
                // One log's want of space must not keep the others from giving some back.
                Err(error) if error.may_pass() => full = Some(error),
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = full {
            return Err(error);
        }
        // Nor must what cannot be renamed, for whatever reason. It was said when it was deleted; a sync that fails latches by itself.
        if let Err(error) = self.delete_marked() {
            tracing::debug!(%error, "a deleted log has its name still");
        }
        self.leftovers.remove(&*self.options.disk, Vec::new());
        self.renew_stale_checkpoints()?;
        if self.options.durability == Durability::Fsync {
            let behind: Vec<Arc<Log>> =
                logs.iter().filter(|log| log.is_behind()).take(SYNCS_PER_MAINTAIN).cloned().collect();
            if !behind.is_empty() {
                self.shared.sync_segments(behind).wait()?;
            }
            self.write_recovery_points_if_moved(&logs)?;
        }
        self.compact_one(&logs, now_ms)?;
        self.scrub(&logs, now_ms)
    }

    /// Checks bytes that no reader has asked for yet, a few at a time: damage is told while there may be a copy elsewhere.
    /// Once all were checked, and it is time, it begins anew.
    fn scrub(&self, logs: &[Arc<Log>], now_ms: TimestampMs) -> Result<(), StorageError> {
        let mut scrub = self.scrub.lock();
        let mut left = SCRUB_BYTES;
        for log in logs {
            left = log.scrub(scrub.pass, left)?;
            if left == 0 {
                return Ok(());
            }
        }
        let interval_ms = self.options.scrub_interval_ms;
        // A clock that was set back must not put it off for long.
        let elapsed_ms = now_ms.0.saturating_sub(scrub.began.0);
        if elapsed_ms >= interval_ms || elapsed_ms < -interval_ms {
            *scrub = Scrub { pass: scrub.pass + 1, began: now_ms };
        }
        Ok(())
    }

    /// The ranges of all logs that cannot be read, as far as they are known: by log.
    #[must_use]
    pub fn damaged(&self) -> Vec<(String, Vec<DamagedRange>)> {
        let damaged = self.logs.all().into_iter().map(|log| (log.name().to_owned(), log.damaged()));
        damaged.filter(|(_, ranges)| !ranges.is_empty()).collect()
    }

    /// Compacts the log that has the most to gain, if one has enough: one at a time, so that the rest of the maintenance is
    /// not kept waiting for long.
    fn compact_one(&self, logs: &[Arc<Log>], now_ms: TimestampMs) -> Result<(), StorageError> {
        let plans = logs.iter().filter_map(|log| Some((log, log.compaction_plan(now_ms)?)));
        let due = plans.filter(|(_, plan)| plan.is_due());
        let Some((log, plan)) = due.max_by(|(_, a), (_, b)| a.dirty_ratio.total_cmp(&b.dirty_ratio)) else {
            return Ok(());
        };
        log.compact(plan, now_ms)?;
        write_checkpoint(&self.shared, &*self.logs, checkpoint::CLEANER, Log::cleaned_to)
    }

    fn write_recovery_points_if_moved(&self, logs: &[Arc<Log>]) -> Result<(), StorageError> {
        let points: Vec<i64> = logs.iter().map(|log| log.recovery_point()).collect();
        let mut written = self.written.lock();
        if *written != points {
            write_recovery_points(&self.shared, &*self.logs)?;
            *written = points;
        }
        Ok(())
    }

    /// The clean stop: everything synced, indexes and snapshots written, the mark set. Appends fail from here on.
    pub fn close(&self) -> Result<(), StorageError> {
        // First: maintenance may be waiting for a flusher that waits for space.
        self.shared.closing.store(true, Ordering::Release);
        *self.closed.lock() = true;
        let logs = self.logs.all();
        for log in &logs {
            log.close();
        }
        self.shared.stop(Stop::AfterQueue);
        let Some(Threads { flusher, chores }) = self.threads.lock().take() else { return Ok(()) };
        let flushed = flusher.join();
        // What it leaves is done below.
        self.shared.stop_chores();
        flushed.and(chores.join()).unwrap_or_else(|e| std::panic::resume_unwind(e));
        if let Some(failure) = self.shared.failure() {
            return Err(failure);
        }
        match self.mark_clean(&logs) {
            // Everything is synced; the next start has more to read, that is all.
            Err(error) if error.may_pass() => {
                tracing::warn!(%error, "the stop is not marked as a clean one: the next start reads more");
                Ok(())
            }
            result => result,
        }
    }

    /// Writes what spares the next start its reading.
    fn mark_clean(&self, logs: &[Arc<Log>]) -> Result<(), StorageError> {
        for_each_parallel(logs, |log| log.snapshot_now().map(|_| ()))?;
        write_recovery_points(&self.shared, &*self.logs)?;
        write_log_starts(&self.shared, &*self.logs)?;
        write_checkpoint(&self.shared, &*self.logs, checkpoint::HIGH_WATERMARK, |log| log.high_watermark().0)?;
        let disk = &*self.options.disk;
        let path = self.options.log_dir.join(checkpoint::CLEAN_SHUTDOWN);
        disk.replace(&path, checkpoint::CLEAN_SHUTDOWN_TEXT.as_bytes())
            .map_err(|e| StorageError::new("write", &path, e))
    }
}

impl Drop for LogSet {
    fn drop(&mut self) {
        self.shared.stop(Stop::AtOnce);
        self.shared.stop_chores();
        if let Some(Threads { flusher, chores }) = self.threads.lock().take() {
            // A panic has been printed; there is nobody to hand it to.
            let _ = (flusher.join(), chores.join());
        }
        self.shared.clear();
    }
}

fn open_all(shared: &Arc<Shared>, hints: Vec<Hints>) -> Result<Vec<Opened>, StorageError> {
    let opened = Mutex::new(Vec::with_capacity(hints.len()));
    let hints: Vec<Mutex<Option<Hints>>> = hints.into_iter().map(|h| Mutex::new(Some(h))).collect();
    for_each_parallel(&hints, |hints| {
        if let Some(hints) = hints.lock().take() {
            let log = open_log(shared, hints)?;
            opened.lock().push(log);
        }
        Ok(())
    })?;
    Ok(opened.into_inner())
}

/// Calls `work` with each item, on several threads; the first error stops it.
pub(crate) fn for_each_parallel<T: Sync>(
    items: &[T],
    work: impl Fn(&T) -> Result<(), StorageError> + Sync,
) -> Result<(), StorageError> {
    let next = AtomicUsize::new(0);
    let run = || {
        loop {
            let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) else { return Ok(()) };
            work(item).inspect_err(|_| next.store(items.len(), Ordering::Relaxed))?;
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (1..THREADS.min(items.len())).map(|_| scope.spawn(run)).collect();
        let mut result = run();
        for thread in threads {
            result = result.and(thread.join().unwrap_or_else(|e| std::panic::resume_unwind(e)));
        }
        result
    })
}
