//! The thread that runs timers and endings, and the alarm that wakes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::Shared;
use crate::group::Now;

/// The longest sleep: a clock that jumps is noticed after this.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// How often expired offsets and transactional ids are looked for.
const EXPIRY_INTERVAL_MS: u64 = 600_000;

/// Wakes the background thread; a `Waker` for tickets.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    rung: Mutex<bool>,
    condvar: Condvar,
    stopping: AtomicBool,
}

impl Alarm {
    pub fn ring(&self) {
        *self.rung.lock() = true;
        self.condvar.notify_all();
    }

    fn sleep(&self, at_most: Duration) {
        let mut rung = self.rung.lock();
        if !*rung {
            let _ = self.condvar.wait_for(&mut rung, at_most);
        }
        *rung = false;
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

/// The running thread.
pub(super) struct Background {
    alarm: Arc<Alarm>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub fn start(shared: &Arc<Shared>) -> Option<Self> {
        let alarm = Arc::clone(&shared.alarm);
        let weak = Arc::downgrade(shared);
        let run = {
            let alarm = Arc::clone(&alarm);
            move || run(&weak, &alarm)
        };
        match std::thread::Builder::new().name("coordinators".to_owned()).spawn(run) {
            Ok(thread) => Some(Self { alarm, thread: Some(thread) }),
            Err(error) => {
                tracing::error!(%error, "cannot start the coordinators' thread");
                None
            }
        }
    }

    pub fn stop(mut self) {
        self.alarm.stopping.store(true, Ordering::Release);
        self.alarm.ring();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

fn run(weak: &Weak<Shared>, alarm: &Arc<Alarm>) {
    let mut next_expiry_ms = None;
    while !alarm.stopping.load(Ordering::Acquire) {
        let Some(shared) = weak.upgrade() else { return };
        let due_ms = shared.run_due();
        let now = shared.now();
        let expiry_ms = *next_expiry_ms.get_or_insert(now.monotonic_ms + EXPIRY_INTERVAL_MS);
        if now.monotonic_ms >= expiry_ms {
            next_expiry_ms = Some(now.monotonic_ms + EXPIRY_INTERVAL_MS);
            shared.expire(now);
        }
        drop(shared);
        let sleep = due_ms.map_or(SLEEP_MAX, |due| Duration::from_millis(due.saturating_sub(now.monotonic_ms)));
        alarm.sleep(sleep.min(SLEEP_MAX));
    }
}

impl Shared {
    /// Runs timers and endings that are due. Answers when the next timer is, in monotonic time.
    pub(super) fn run_due(&self) -> Option<u64> {
        let waker = Waker::from(Arc::clone(&self.alarm));
        let (retry_ms, timeout_ms) = {
            let mut transactions = self.transactions.lock();
            for id in transactions.machine.timed_out(self.now()) {
                tracing::info!(transactional_id = id, "a transaction took longer than its timeout: aborting it");
                self.drain(&mut transactions, &id, None);
            }
            let retry_ms = self.take_steps(&mut transactions, &waker);
            (retry_ms, transactions.machine.next_deadline_ms())
        };
        let session_ms = {
            let mut groups = self.groups.lock();
            let now = self.now();
            let decision = groups.machine.tick(now);
            if !(decision.records.is_empty() && decision.released.is_empty()) {
                // A failed append has been told to whoever was released; the next rebalance records the group again.
                let _ = self.carry_out(&mut groups, decision, None, now);
            }
            groups.machine.next_deadline_ms()
        };
        if let Err(error) = self.producer_ids.refill() {
            tracing::warn!(%error, "producer ids could not be reserved");
        }
        [retry_ms, timeout_ms, session_ms].into_iter().flatten().min()
    }

    /// Expires offsets and transactional ids that nobody uses.
    pub(super) fn expire(&self, now: Now) {
        {
            let mut transactions = self.transactions.lock();
            for record in transactions.machine.expired(now) {
                if self.append_transaction(&mut transactions, &record, now).is_err() {
                    return;
                }
            }
        }
        let mut groups = self.groups.lock();
        let decision = groups.machine.expire(now);
        // Not written now, they expire ten minutes later.
        let _ = self.carry_out(&mut groups, decision, None, now);
    }
}
