//! The thread that commits.
//!
//! One commit takes every topology that has something, and all of them share their waits for the disk. Topologies go on
//! computing meanwhile: what they produce then belongs to the next commit. The thread sleeps while there is nothing.
//!
//! While there is no room on the disk, commits wait, and nothing is closed or computed anew for it: the queries go on until
//! their buffers are full, and the first commit afterwards takes it all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use connect::seam::{Commit, ConnectError, Connector, Producer};
use os::Clock;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::run::{Preparation, Prepared, Run, guarded};
use crate::status::QueryError;

/// When commits happen.
#[derive(Debug)]
pub(crate) struct Committer {
    connector: Arc<dyn Connector>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    condvar: Condvar,
    /// There was no room the last time.
    blocked: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Each with the time of its last commit.
    runs: Vec<(Arc<Run>, Instant)>,
    /// Somebody has something to commit.
    dirty: bool,
    /// Do not wait for the interval.
    urgent: bool,
    stop: bool,
    /// Commits started and finished, to wait for one.
    started: u64,
    finished: u64,
}

/// When a commit that begins `now` counts as begun. One that is a little late, because the thread was, does not put off
/// those that follow: an interval stays what it says on the average.
fn begun(last: Instant, interval: Duration, now: Instant) -> Instant {
    let due = last + interval;
    if (due..due + interval).contains(&now) { due } else { now }
}

impl Committer {
    pub(crate) fn new(connector: Arc<dyn Connector>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            connector,
            clock,
            state: Mutex::default(),
            condvar: Condvar::new(),
            blocked: AtomicBool::new(false),
        })
    }

    /// Starts its thread.
    pub(crate) fn start(self: &Arc<Self>) -> std::io::Result<std::thread::JoinHandle<()>> {
        let this = Arc::clone(self);
        std::thread::Builder::new().name("commit".to_owned()).spawn(move || this.work())
    }

    /// Commits for this run from now on.
    pub(crate) fn add(&self, run: &Arc<Run>) {
        self.state.lock().runs.push((Arc::clone(run), Instant::now()));
    }

    /// No longer commits for this run; waits until no commit is under way.
    pub(crate) fn remove(&self, run: &Arc<Run>) {
        let mut state = self.state.lock();
        state.runs.retain(|(other, _)| !Arc::ptr_eq(other, run));
        while state.started > state.finished {
            self.condvar.wait(&mut state);
        }
    }

    /// There is something to commit within the interval.
    pub(crate) fn dirty(&self) {
        let mut state = self.state.lock();
        if !state.dirty {
            state.dirty = true;
            self.condvar.notify_all();
        }
    }

    /// There is something to commit at once: a buffer is full.
    pub(crate) fn urgent(&self) {
        let mut state = self.state.lock();
        state.dirty = true;
        state.urgent = true;
        self.condvar.notify_all();
    }

    /// Commits at once what there is, and waits for it.
    pub(crate) fn commit_now(&self) {
        let mut state = self.state.lock();
        if state.stop {
            return;
        }
        state.dirty = true;
        state.urgent = true;
        let wanted = state.started + 1;
        self.condvar.notify_all();
        while state.finished < wanted && !state.stop {
            self.condvar.wait(&mut state);
        }
    }

    /// Ends its thread; nothing more is committed.
    pub(crate) fn stop(&self) {
        self.state.lock().stop = true;
        self.condvar.notify_all();
    }

    fn work(&self) {
        let mut last = Instant::now();
        loop {
            let runs = {
                let mut state = self.state.lock();
                loop {
                    if state.stop {
                        return;
                    }
                    let shortest = state.runs.iter().map(|(run, _)| run.interval).min().unwrap_or_default();
                    let due = last + shortest;
                    let now = Instant::now();
                    if state.dirty && (state.urgent || now >= due) {
                        last = begun(last, shortest, now);
                        break;
                    }
                    if state.dirty {
                        self.condvar.wait_until(&mut state, due);
                    } else {
                        self.condvar.wait(&mut state);
                    }
                }
                let now = Instant::now();
                let urgent = std::mem::take(&mut state.urgent);
                let mut runs = Vec::new();
                let mut later = false;
                for (run, committed) in &mut state.runs {
                    if urgent || *committed + run.interval <= now {
                        *committed = begun(*committed, run.interval, now);
                        runs.push(Arc::clone(run));
                    } else {
                        later = true;
                    }
                }
                state.dirty = later;
                state.started += 1;
                runs
            };
            let room = self.connector.has_room();
            self.tell_whether_blocked(room.as_ref().err());
            if room.is_ok() {
                self.commit(&runs);
            }
            let mut state = self.state.lock();
            // Asked again after the interval.
            state.dirty |= room.is_err();
            state.finished += 1;
            self.condvar.notify_all();
        }
    }

    /// Says, once, that commits wait; or that they go on.
    fn tell_whether_blocked(&self, cause: Option<&ConnectError>) {
        let is_blocked = cause.is_some();
        if self.blocked.swap(is_blocked, Ordering::AcqRel) != is_blocked {
            match cause {
                Some(cause) => tracing::warn!("queries do not commit now: {cause}"),
                None => tracing::warn!("queries commit again"),
            }
        } else if !is_blocked {
            return;
        }
        let error = cause.map(|cause| QueryError {
            code: "disk_full".to_owned(),
            cause: cause.to_string(),
            fix: Some("make room on the disk: the query goes on by itself".to_owned()),
        });
        // Also those that were opened since.
        let runs: Vec<Arc<Run>> = self.state.lock().runs.iter().map(|(run, _)| Arc::clone(run)).collect();
        for run in runs {
            run.shared.set_blocked(error.clone());
        }
    }

    fn commit(&self, runs: &[Arc<Run>]) {
        let mut prepared: Vec<(&Arc<Run>, Prepared)> = Vec::new();
        let now_ms = self.clock.now_ms();
        for run in runs {
            match guarded(|| run.prepare_commit(now_ms)) {
                Ok(Preparation::Ready(ready)) => prepared.push((run, ready)),
                Ok(Preparation::Nothing) => {}
                Ok(Preparation::Busy) => self.dirty(),
                Err(error) => run.fail(error),
            }
        }
        if prepared.is_empty() {
            return;
        }
        let mut producers: Vec<MutexGuard<'_, Option<Box<dyn Producer>>>> =
            prepared.iter().map(|(run, _)| run.producer.lock()).collect();
        let mut commits = Vec::new();
        for (producer, (_, ready)) in producers.iter_mut().zip(&mut prepared) {
            if let Some(producer) = producer.as_mut() {
                commits.push(Commit { producer: &mut **producer, staged: std::mem::take(&mut ready.staged) });
            }
        }
        let result: Result<(), ConnectError> = self.connector.commit(commits);
        drop(producers);
        for (run, ready) in prepared {
            match &result {
                Ok(()) => run.committed(ready),
                Err(error) => run.fail(error.clone()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_commit_does_not_put_off_the_next() {
        let last = Instant::now();
        let ms = Duration::from_millis;
        // Milliseconds after the last commit at which one begins, and at which it counts as begun; every 100.
        for (now, counts) in [(0, 0), (40, 40), (100, 100), (103, 100), (199, 100), (200, 200), (5_000, 5_000)] {
            assert_eq!(begun(last, ms(100), last + ms(now)), last + ms(counts), "{now} ms after the last");
        }
    }

    #[test]
    fn a_thread_that_is_always_late_commits_as_often_as_was_asked() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        // Milliseconds that the thread wakes too late, each time, and when the 1,000th commit begins; every 100.
        for (late, begins) in [(0, 100_000), (3, 100_003), (99, 100_099)] {
            let (mut last, mut now) = (start, start);
            for _ in 0..1_000 {
                now = last + ms(100) + ms(late);
                last = begun(last, ms(100), now);
            }
            assert_eq!(now, start + ms(begins), "{late} ms late");
        }
    }
}
