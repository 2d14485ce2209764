//! Waking a thread.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// A bell that stays rung until somebody waits for it: a wake-up between a look and the wait is never missed.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    rung: Mutex<bool>,
    condvar: Condvar,
}

impl Signal {
    /// Rings.
    pub(crate) fn notify(&self) {
        *self.rung.lock() = true;
        self.condvar.notify_all();
    }

    /// Waits for a ring since the last wait.
    pub(crate) fn wait(&self) {
        let mut rung = self.rung.lock();
        while !*rung {
            self.condvar.wait(&mut rung);
        }
        *rung = false;
    }

    /// The same, but not longer than this. `true`: it rang.
    pub(crate) fn wait_for(&self, at_most: Duration) -> bool {
        let mut rung = self.rung.lock();
        if !*rung {
            self.condvar.wait_for(&mut rung, at_most);
        }
        std::mem::take(&mut *rung)
    }

    /// A waker that rings it.
    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify();
    }
}
