//! What nobody waits for, on a thread of its own beside the rounds: closing rolled segments, and snapshots of active ones.
//!
//! Each takes several syncs, which on a busy disk are tens of milliseconds: rounds go on meanwhile. Only when segments are rolled
//! faster than they are closed, rounds wait: each holds an image of its log's producers in memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Condvar, Mutex};

use super::{LatchOnPanic, Logs, Shared, write_recovery_points};
use crate::error::StorageError;
use crate::log::Log;

/// When the images that wait hold more than this, rounds wait for them.
const IMAGE_BYTES_MAX: usize = 32 << 20;

/// What is to be done, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Chores {
    queue: Mutex<ChoreQueue>,
    /// Something is to be done, or was, or the thread is to end.
    changed: Condvar,
    /// As `queue` says, to be seen without its lock.
    is_behind: AtomicBool,
}

#[derive(Debug, Default)]
struct ChoreQueue {
    logs: VecDeque<Chore>,
    /// Of all of them.
    image_bytes: usize,
    stop: bool,
}

#[derive(Debug)]
struct Chore {
    log: Arc<Log>,
    /// What the log keeps in memory until this is done.
    image_bytes: usize,
}

impl ChoreQueue {
    fn is_behind(&self) -> bool {
        self.image_bytes > IMAGE_BYTES_MAX && !self.stop
    }
}

impl Chores {
    /// Whether rounds should wait.
    pub(super) fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Acquire)
    }

    /// Waits until rounds may go on.
    pub(super) fn catch_up(&self) {
        if !self.is_behind() {
            return;
        }
        let mut queue = self.queue.lock();
        while queue.is_behind() {
            self.changed.wait(&mut queue);
        }
    }

    fn change(&self, change: impl FnOnce(&mut ChoreQueue)) {
        let mut queue = self.queue.lock();
        change(&mut queue);
        self.is_behind.store(queue.is_behind(), Ordering::Release);
        self.changed.notify_all();
    }

    /// The next one; `None` when the thread is to end.
    fn next(&self) -> Option<Arc<Log>> {
        let mut queue = self.queue.lock();
        loop {
            if queue.stop {
                return None;
            }
            if let Some(chore) = queue.logs.front() {
                return Some(Arc::clone(&chore.log));
            }
            self.changed.wait(&mut queue);
        }
    }
}

impl Shared {
    /// A log has a segment to close, for which it keeps an image of so many bytes, or a snapshot to be written.
    pub(crate) fn chore(&self, log: Arc<Log>, image_bytes: usize) {
        self.chores.change(|queue| {
            queue.image_bytes += image_bytes;
            queue.logs.push_back(Chore { log, image_bytes });
        });
    }

    /// Names again what could not be done before: not while others wait, which may be the same.
    pub(crate) fn chores_again(&self, logs: &[Arc<Log>]) {
        if self.chores.queue.lock().logs.is_empty() {
            logs.iter().filter(|log| log.has_chores()).for_each(|log| self.chore(Arc::clone(log), 0));
        }
    }

    /// Ends the thread of the chores: after the one that it is at.
    pub(crate) fn stop_chores(&self) {
        self.chores.change(|queue| queue.stop = true);
    }

    /// Lets go of the logs that wait.
    pub(super) fn clear_chores(&self) {
        self.chores.change(|queue| *queue = ChoreQueue { stop: queue.stop, ..ChoreQueue::default() });
    }
}

/// Does chores until [`Shared::stop_chores`]. `logs` gives all logs, for the recovery points.
pub(crate) fn run_chores(shared: &Shared, logs: &dyn Logs) {
    let _latch = LatchOnPanic(shared);
    let _ended = Ended(shared);
    // They could not be done the last time: said once.
    let mut refused = false;
    while let Some(log) = shared.chores.next() {
        let done = if shared.is_latched() { Ok(()) } else { tidy(shared, &log, logs) };
        match done {
            Ok(()) => refused = false,
            // The next maintenance names it again.
            Err(error) if error.may_pass() => {
                if !std::mem::replace(&mut refused, true) {
                    tracing::warn!(%error, "a segment's indexes cannot be closed now: until then a start has more to read");
                }
            }
            Err(error) => shared.latch(error),
        }
        // Only now: it counts as waiting while it is done.
        shared.chores.change(|queue| {
            let done = queue.logs.pop_front();
            queue.image_bytes -= done.map_or(0, |chore| chore.image_bytes);
        });
    }
}

/// Nobody waits for a thread that has ended, however it did.
struct Ended<'s>(&'s Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.stop_chores();
    }
}

fn tidy(shared: &Shared, log: &Log, logs: &dyn Logs) -> Result<(), StorageError> {
    let closed = log.close_rolled_segments()?;
    let snapshot = log.snapshot_if_due()?;
    if closed || snapshot { write_recovery_points(shared, logs) } else { Ok(()) }
}
