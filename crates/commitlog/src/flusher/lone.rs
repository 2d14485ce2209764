//! The lone caller: who has nothing else to do, and is the only one that appends, runs rounds itself.

use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use super::queue::{Queue, Stop};
use super::{LatchOnPanic, Shared};

/// A caller that runs a round itself and does not come back for so long is stuck in a sync.
const STALL: Duration = Duration::from_millis(10);
/// Where a sync takes longer, two wakings make no difference, and the caller has better things to do than to wait.
const SLOW: Duration = Duration::from_millis(1);
/// What a round has to do for each of its logs is not the disk's: it takes as long on any thread.
const SLOW_PER_LOG: Duration = Duration::from_micros(1);

/// The one caller that appends, if there is only one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lone {
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

impl Shared {
    /// Sleeps until something may be due. Watches over whoever runs a round meanwhile.
    pub(super) fn sleep(&self, queue: &mut MutexGuard<'_, Queue>) {
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
            if self.chores.is_behind() {
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
        let done = flusher.make_durable(&taken).map(|()| flusher.is_journal_due());
        drop(latch);
        let mut queue = self.queue.lock();
        queue.lone.running = false;
        let logs = u32::try_from(taken.dirty.len()).unwrap_or(u32::MAX);
        if begun.elapsed() > SLOW.saturating_add(SLOW_PER_LOG.saturating_mul(logs)) {
            queue.lone.rounds = -Lone::ROUNDS_OF_A_SLOW_DISK;
        }
        match done {
            Ok(is_journal_due) => {
                if is_journal_due {
                    // It may take long.
                    queue.tidy_journal = true;
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
}
