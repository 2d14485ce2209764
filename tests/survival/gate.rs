//! [`Gate`]: all clients work, all rest, or all go home; who changes that waits until each has followed.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long clients may take to bring what is under way to its end.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Work,
    Rest,
    End,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    resting: Vec<&'static str>,
    members: Vec<&'static str>,
}

/// See the module.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    pub fn new() -> Self {
        let state = State { mode: Mode::Rest, resting: Vec::new(), members: Vec::new() };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that a client will come.
    pub fn enrol(&self, name: &'static str) {
        self.state().members.push(name);
    }

    /// Whether a client should bring what it has begun to its end, and come to [`Gate::pass`].
    pub fn is_closing(&self) -> bool {
        self.state().mode != Mode::Work
    }

    /// Called by a client that has nothing under way: rests while all rest; false when it is to go home.
    pub fn pass(&self, name: &'static str) -> bool {
        let mut state = self.state();
        if state.mode == Mode::Rest {
            state.resting.push(name);
            self.changed.notify_all();
            while state.mode == Mode::Rest {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        state.mode == Mode::Work
    }

    /// Says that a client is gone.
    pub fn leave(&self, name: &'static str) {
        let mut state = self.state();
        state.members.retain(|member| *member != name);
        state.resting.retain(|member| *member != name);
        self.changed.notify_all();
    }

    pub fn work(&self) {
        self.turn(Mode::Work);
    }

    pub fn end(&self) {
        self.turn(Mode::End);
    }

    fn turn(&self, mode: Mode) {
        let mut state = self.state();
        state.mode = mode;
        state.resting.clear();
        self.changed.notify_all();
    }

    /// Waits until every client rests; the names of those that do not, if some never come.
    pub fn rest(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state();
        state.mode = Mode::Rest;
        while state.resting.len() < state.members.len() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let missing = state.members.iter().filter(|name| !state.resting.contains(name));
                return Err(format!("{:?} cannot finish what they began", missing.collect::<Vec<_>>()));
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}
