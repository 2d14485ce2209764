//! The promise that an append is durable.
//!
//! The flusher works in rounds, numbered from 1. A ticket is the number of the round that covers its append, so that a
//! ticket costs nothing, and many tickets merge into the one of the latest round. A round begins when a ticket for it is
//! waited for, or dropped: what a request appends to many logs is then in one round.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex};

use crate::error::StorageError;
use crate::flusher::Shared;

/// Done when the append that gave it is durable and the high watermark has moved over it. A future, and waitable without a
/// runtime. Fails only when the set has latched; that of a moved log start also when there was no space to write it down.
#[derive(Debug)]
#[must_use = "an append is not durable before its ticket is done"]
pub struct Ticket {
    /// `None` when it is done.
    of: Option<Source>,
    round: u64,
    /// The key of the waker that the last poll left.
    registered: Option<u64>,
}

/// Whose rounds a ticket counts.
#[derive(Clone, Debug)]
enum Source {
    /// Of rounds that begin without being asked for.
    Begun(Arc<Rounds>),
    /// Of appends: their round begins when somebody waits for it.
    Asked(Arc<Shared>),
}

impl Source {
    fn rounds(&self) -> &Rounds {
        match self {
            Self::Begun(rounds) => rounds,
            Self::Asked(shared) => &shared.rounds,
        }
    }
}

impl Clone for Ticket {
    /// Another ticket for the same round; it waits on its own.
    fn clone(&self) -> Self {
        Self { of: self.of.clone(), round: self.round, registered: None }
    }
}

impl Ticket {
    /// A ticket that is done.
    pub fn done() -> Self {
        Self { of: None, round: 0, registered: None }
    }

    pub(crate) fn new(rounds: &Arc<Rounds>, round: u64) -> Self {
        Self { of: Some(Source::Begun(Arc::clone(rounds))), round, registered: None }
    }

    /// Of an append: the round begins when somebody waits for it.
    pub(crate) fn of_append(shared: &Arc<Shared>, round: u64) -> Self {
        Self { of: Some(Source::Asked(Arc::clone(shared))), round, registered: None }
    }

    fn ask(&self) {
        if let Some(Source::Asked(shared)) = &self.of {
            shared.ask(self.round);
        }
    }

    /// Makes the append durable on this thread, if `caller` has been the only one to append for some rounds: that saves
    /// waking the flusher and being woken by it. To be called by whoever has nothing else to do than to wait; blocks for as
    /// long as a sync takes. Otherwise nothing happens. `caller` is any number that tells callers from each other, `appends` is
    /// how many it has made that this ticket stands for.
    pub fn drive(&self, caller: u64, appends: usize) {
        if let Some(Source::Asked(shared)) = &self.of {
            shared.drive(self.round, caller, appends);
        }
    }

    /// A ticket that is done when all of these are. They must come from the same set.
    pub fn all(tickets: impl IntoIterator<Item = Ticket>) -> Self {
        let mut latest = Self::done();
        for mut ticket in tickets {
            if ticket.of.is_some() && ticket.round >= latest.round {
                std::mem::swap(&mut latest, &mut ticket);
            }
            // The round of an earlier one has begun, and one of the same round need not ask for it. One that was polled has
            // asked already, and takes its waker back.
            if ticket.registered.is_none() {
                ticket.of = None;
            }
        }
        latest
    }

    /// Whether it is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.of.as_ref().is_none_or(|of| of.rounds().completed.load(Ordering::Acquire) >= self.round)
    }

    /// Waits, blocking this thread.
    pub fn wait(&self) -> Result<(), StorageError> {
        let Some(rounds) = self.of.as_ref().map(Source::rounds) else { return Ok(()) };
        if self.is_done() {
            return Ok(());
        }
        self.ask();
        let mut state = rounds.state.lock();
        loop {
            if self.is_done() {
                return Ok(());
            }
            if let Some(failed) = state.failure_of(self.round) {
                return Err(failed.clone());
            }
            rounds.condvar.wait(&mut state);
        }
    }
}

impl Future for Ticket {
    type Output = Result<(), StorageError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.is_done() {
            return Poll::Ready(Ok(()));
        }
        let Some(rounds) = this.of.as_ref().map(Source::rounds) else { return Poll::Ready(Ok(())) };
        this.ask();
        let mut state = rounds.state.lock();
        if this.is_done() {
            return Poll::Ready(Ok(()));
        }
        if let Some(failed) = state.failure_of(this.round) {
            return Poll::Ready(Err(failed.clone()));
        }
        let known = this.registered.and_then(|key| state.waiting.iter_mut().find(|w| w.key == key));
        match known {
            Some(waiting) => waiting.waker.clone_from(cx.waker()),
            None => {
                let key = state.next_key;
                state.next_key += 1;
                state.waiting.push(Waiting { round: this.round, key, waker: cx.waker().clone() });
                this.registered = Some(key);
            }
        }
        Poll::Pending
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(of) = self.of.as_ref().filter(|_| !self.is_done()) else { return };
        self.ask();
        if let Some(key) = self.registered {
            of.rounds().state.lock().waiting.retain(|w| w.key != key);
        }
    }
}

/// Which rounds are done, and who waits for the others.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    completed: AtomicU64,
    state: Mutex<RoundsState>,
    condvar: Condvar,
}

#[derive(Debug, Default)]
struct RoundsState {
    failed: Option<StorageError>,
    /// Rounds up to this one did not happen, for this reason. A later one may make good for them.
    refused: Option<(u64, StorageError)>,
    waiting: Vec<Waiting>,
    next_key: u64,
}

#[derive(Debug)]
struct Waiting {
    round: u64,
    key: u64,
    waker: Waker,
}

impl RoundsState {
    fn failure_of(&self, round: u64) -> Option<&StorageError> {
        let refused = self.refused.as_ref().filter(|(to, _)| round <= *to).map(|(_, error)| error);
        self.failed.as_ref().or(refused)
    }
}

impl Rounds {
    pub(crate) fn complete(&self, round: u64) {
        self.settle(round, |_| self.completed.store(round, Ordering::Release));
    }

    /// This round did not happen; later ones may.
    pub(crate) fn refuse(&self, round: u64, error: StorageError) {
        self.settle(round, |state| state.refused = Some((round, error)));
    }

    /// Changes what is known of the rounds up to `round`, and wakes who waits for them.
    fn settle(&self, round: u64, change: impl FnOnce(&mut RoundsState)) {
        let mut ready = Vec::new();
        {
            let mut state = self.state.lock();
            change(&mut state);
            state.waiting.retain_mut(|w| {
                let keep = w.round > round;
                if !keep {
                    ready.push(w.waker.clone());
                }
                keep
            });
            self.condvar.notify_all();
        }
        for waker in ready {
            waker.wake();
        }
    }

    /// Nothing completes any more. The first failure stays.
    pub(crate) fn fail(&self, error: StorageError) {
        let waiting = {
            let mut state = self.state.lock();
            state.failed.get_or_insert(error);
            self.condvar.notify_all();
            std::mem::take(&mut state.waiting)
        };
        for w in waiting {
            w.waker.wake();
        }
    }

    pub(crate) fn failure(&self) -> Option<StorageError> {
        self.state.lock().failed.clone()
    }
}
