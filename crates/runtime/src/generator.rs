//! Generators: events at a steady rate, written as any producer would write them, outside transactions.
//!
//! A generator that falls behind (a slow disk, a sleeping machine) catches up by at most one second's worth of events;
//! the rest is left out. One that cannot write is blocked, says why, and tries again by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use connect::seam::Durable;
use engine::expr::EvalContext;
use os::Clock;
use parking_lot::Mutex;

use crate::event::EventWriter;
use crate::instant::InstantMs;
use crate::query::signal::Signal;
use crate::rate::RateMeter;
use crate::status::{GeneratorState, GeneratorStatus};

/// Most events of one go.
const BURST_MAX: u64 = 1000;
/// How long to wait after an event could not be written.
const BLOCKED_WAIT: Duration = Duration::from_millis(500);

/// A running generator. Dropping it does not stop it: [`Generator::stop`] does.
#[derive(Debug)]
pub(crate) struct Generator {
    name: String,
    sql: String,
    topic: String,
    every: Duration,
    clock: Arc<dyn Clock>,
    signal: Arc<Signal>,
    paused: AtomicBool,
    stopped: AtomicBool,
    records: AtomicU64,
    last_ms: AtomicI64,
    blocked: Mutex<Option<String>>,
    /// Held while it writes; what was written last and may not be durable yet.
    unsynced: Mutex<Option<Durable>>,
    pub(crate) rate: Mutex<RateMeter>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Generator {
    /// Starts its thread.
    pub(crate) fn start(
        name: &str,
        sql: &str,
        every_ms: i64,
        paused: bool,
        writer: EventWriter,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Arc<Self>> {
        let this = Arc::new(Self {
            name: name.to_owned(),
            sql: sql.to_owned(),
            topic: writer.topic().to_owned(),
            every: Duration::from_millis(every_ms.max(1) as u64),
            clock,
            signal: Arc::default(),
            paused: AtomicBool::new(paused),
            stopped: AtomicBool::new(false),
            records: AtomicU64::new(0),
            last_ms: AtomicI64::new(-1),
            blocked: Mutex::default(),
            unsynced: Mutex::default(),
            rate: Mutex::default(),
            thread: Mutex::default(),
        });
        let thread = Arc::clone(&this);
        let handle = std::thread::Builder::new().name(format!("gen-{name}")).spawn(move || thread.work(&writer))?;
        *this.thread.lock() = Some(handle);
        Ok(this)
    }

    /// Pauses or resumes it. When it is paused, its last event is durable and no other comes.
    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
        self.signal.notify();
        let mut unsynced = self.unsynced.lock();
        if paused && let Some(durable) = unsynced.take() {
            // A failure is the generator's own to tell: it waits for the same rounds.
            let _ = durable.wait();
        }
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Stops it, after the event that it is writing.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.signal.notify();
        if let Some(thread) = self.thread.lock().take() {
            // A panic there has been reported by its own hook.
            let _ = thread.join();
        }
    }

    pub(crate) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    pub(crate) fn status(&self) -> GeneratorStatus {
        let reason = self.blocked.lock().clone();
        let state = match (self.is_paused(), &reason) {
            (true, _) => GeneratorState::Paused,
            (false, Some(_)) => GeneratorState::Blocked,
            (false, None) => GeneratorState::Running,
        };
        let last_ms = self.last_ms.load(Ordering::Relaxed);
        GeneratorStatus {
            name: self.name.clone(),
            sql: self.sql.clone(),
            topic: self.topic.clone(),
            every_ms: self.every.as_millis() as f64,
            state,
            reason,
            records: self.records(),
            records_per_second: self.rate.lock().per_second(),
            last: (last_ms >= 0).then_some(InstantMs(last_ms)),
        }
    }

    fn work(&self, writer: &EventWriter) {
        let mut seed = fastrand::u64(..);
        let mut due = Instant::now() + self.every;
        while !self.stopped.load(Ordering::Relaxed) {
            if self.is_paused() {
                self.signal.wait();
                due = Instant::now() + self.every;
                continue;
            }
            let now = Instant::now();
            if now < due {
                self.signal.wait_for(due - now);
                continue;
            }
            let mut unsynced = self.unsynced.lock();
            if self.is_paused() {
                continue;
            }
            // A disk that hangs holds the generator back, instead of filling the page cache.
            if let Some(durable) = unsynced.take()
                && let Err(error) = durable.wait()
            {
                drop(unsynced);
                self.block(&error.to_string());
                continue;
            }
            let behind = ((now - due).as_nanos() / self.every.as_nanos()) as u64;
            let burst_max = (Duration::from_secs(1).as_nanos() / self.every.as_nanos()).max(1) as u64;
            let count = (behind + 1).min(burst_max).min(BURST_MAX);
            due += self.every * u32::try_from(behind + 1).unwrap_or(u32::MAX);
            let now_ms = self.clock.now_ms();
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let context = EvalContext::new(now_ms, seed);
            match writer.write(count as usize, &context) {
                Ok(written) => {
                    *unsynced = Some(written.durable);
                    self.records.fetch_add(count, Ordering::Relaxed);
                    self.last_ms.store(now_ms, Ordering::Relaxed);
                    *self.blocked.lock() = None;
                }
                Err(error) => {
                    drop(unsynced);
                    self.block(&error.to_string());
                }
            }
        }
    }

    fn block(&self, reason: &str) {
        let known = self.blocked.lock().replace(reason.to_owned());
        if known.as_deref() != Some(reason) {
            tracing::warn!(generator = self.name, "blocked: {reason}");
        }
        self.signal.wait_for(BLOCKED_WAIT);
    }
}
