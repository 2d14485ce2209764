//! Waking readers when a watermark moves. Nothing polls.

use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;

/// A registered waker; dropping it unregisters. The waker is woken each time, not once.
///
/// Register first, then read: a move between the two is then never missed.
#[derive(Debug)]
pub struct Watch {
    watchers: Arc<Watchers>,
    key: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watchers.state.lock().wakers.retain(|(key, _)| *key != self.key);
    }
}

/// All who watch one log.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    wakers: Vec<(u64, Waker)>,
    next_key: u64,
}

impl Watchers {
    pub(crate) fn register(self: &Arc<Self>, waker: Waker) -> Watch {
        let mut state = self.state.lock();
        let key = state.next_key;
        state.next_key += 1;
        state.wakers.push((key, waker));
        Watch { watchers: Arc::clone(self), key }
    }

    /// Wakes all. Called with no lock of the log held: a waker may run anything.
    pub(crate) fn wake(&self) {
        let wakers: Vec<Waker> = self.state.lock().wakers.iter().map(|(_, waker)| waker.clone()).collect();
        for waker in wakers {
            waker.wake();
        }
    }
}
