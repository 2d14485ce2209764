//! What waits for the next round, and how it gets there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Shared;
use super::lone::Lone;
use crate::log::Log;
use crate::ticket::Ticket;

/// What waits.
#[derive(Debug)]
pub(super) struct Queue {
    /// Logs with new bytes.
    pub(super) dirty: Vec<Arc<Log>>,
    /// Logs whose segments are to be synced, be their bytes durable by the journal already.
    pub(super) behind: Vec<Arc<Log>>,
    /// Logs that are being deleted: the journal must forget them.
    pub(super) deleted: Vec<String>,
    /// Log starts moved.
    pub(super) log_starts: bool,
    /// The journal has grown under a caller that runs rounds itself: the thread is to give its space back.
    pub(super) tidy_journal: bool,
    /// The number of the round that will take this queue.
    pub(super) round: u64,
    /// Somebody waits for that round.
    pub(super) asked: bool,
    /// Appends that wait for it.
    pub(super) appends: usize,
    /// Callers that are still appending what is to share the round.
    pub(super) holds: usize,
    /// Who could run rounds alone.
    pub(super) lone: Lone,
    pub(super) stop: Stop,
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
    /// Of the first round.
    pub(super) fn new() -> Self {
        Self {
            dirty: Vec::new(),
            behind: Vec::new(),
            deleted: Vec::new(),
            log_starts: false,
            tidy_journal: false,
            round: 1,
            asked: false,
            appends: 0,
            holds: 0,
            lone: Lone::default(),
            stop: Stop::No,
        }
    }

    /// Whether a round should begin.
    pub(super) fn is_due(&self) -> bool {
        let only_dirty = self.behind.is_empty() && self.deleted.is_empty() && !self.log_starts && !self.tidy_journal;
        self.asked || !only_dirty
    }

    /// All of it; what comes next waits for the next round.
    pub(super) fn take(&mut self) -> Queue {
        let next = Queue { round: self.round + 1, holds: self.holds, lone: self.lone, stop: self.stop, ..Queue::new() };
        std::mem::replace(self, next)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.dirty.is_empty()
            && self.behind.is_empty()
            && self.deleted.is_empty()
            && !self.log_starts
            && !self.tidy_journal
    }
}

impl Shared {
    /// Enters a log that was written into the next round; returns its number. `entered` is the round that the log was last
    /// entered into. The round begins when its ticket is waited for, so that it takes all that a request appends.
    pub(crate) fn dirty(&self, log: &Log, entered: u64) -> u64 {
        let mut queue = self.queue.lock();
        if entered != queue.round {
            queue.dirty.push(log.me());
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

    /// A ticket for the segments of these logs being synced, be their bytes durable by the journal already. In a round, as the
    /// system may tell just one of an error.
    pub(crate) fn sync_segments(&self, logs: Vec<Arc<Log>>) -> Ticket {
        let mut queue = self.queue.lock();
        queue.behind.extend(logs);
        self.wake.notify_one();
        Ticket::new(&self.rounds, queue.round)
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
        drop(queue);
        self.clear_chores();
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
