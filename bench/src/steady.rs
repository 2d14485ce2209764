//! A steady load of page events, stamped with the wall clock, and probes in it whose page nobody else visits.
//!
//! Batches leave at random moments, five milliseconds apart on the average: at fixed ones they would keep step with the
//! commits of the server, and every probe would wait equally long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use record::{BatchBuilder, BatchOptions, LeaderEpoch, Offset, TimestampMs};

use crate::connection::Connection;
use crate::events;
use crate::{Result, frames};

/// Between two batches, on the average.
const EVERY: Duration = Duration::from_millis(5);
/// Half a second of batches: a server that falls behind further slows the load down.
const IN_FLIGHT_MAX: u32 = 100;
/// What the name of a probe's page begins with; its number follows.
pub const PROBE: &str = "probe-";

/// What is sent.
#[derive(Clone, Debug)]
pub struct Steady {
    pub bootstrap: String,
    pub topic: &'static str,
    pub events_per_second: u64,
    pub pages: u32,
    /// Each batch ends with a probe.
    pub probes: bool,
}

/// What was sent.
#[derive(Debug)]
pub struct Sent {
    pub events: u64,
    pub seconds: f64,
    /// When each probe went into the socket, by its number.
    pub probes: Vec<Instant>,
}

impl Steady {
    /// Events of a batch, on the average.
    pub fn batch_events(&self) -> f64 {
        self.events_per_second as f64 * EVERY.as_secs_f64()
    }

    /// Sends until `stop`.
    pub fn feed(&self, stop: &AtomicBool) -> Result<Sent> {
        let mut connection = Connection::open(&self.bootstrap)?;
        let mut random = fastrand::Rng::with_seed(self.events_per_second);
        let batch_events = self.batch_events();
        let mut probes = Vec::new();
        let (mut events, mut due_events, mut in_flight) = (0, 0.0, 0);
        let started = Instant::now();
        let mut due = started;
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            due += EVERY.mul_f64(0.5 + random.f64());
            due_events += batch_events;
            let mut batch = BatchBuilder::new(BatchOptions::default());
            let now_ms = now_ms();
            while events < due_events as u64 {
                events::push(&mut batch, now_ms, &mut random, self.pages);
                events += 1;
            }
            if self.probes {
                let value = events::json(&format!("{PROBE}{}", probes.len()), 1, now_ms, 5_000);
                batch.push(TimestampMs(now_ms), None, Some(value.as_bytes()), []);
            }
            if batch.is_empty() {
                continue;
            }
            let frame = frames::produce(self.topic, 0, batch.finish(Offset(0), LeaderEpoch(-1)))?;
            if self.probes {
                probes.push(Instant::now());
            }
            connection.send(&frame)?;
            in_flight += 1;
            while in_flight >= IN_FLIGHT_MAX {
                connection.acknowledged()?;
                in_flight -= 1;
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        (0..in_flight).try_for_each(|_| connection.acknowledged())?;
        Ok(Sent { events, seconds, probes })
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// The numbers of the probes that a text names, each time between two quotes or at its end.
pub fn probes_in(text: &[u8], mut each: impl FnMut(usize)) {
    let mut rest = text;
    while let Some(at) = rest.windows(PROBE.len()).position(|window| window == PROBE.as_bytes()) {
        rest = &rest[at + PROBE.len()..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if let Ok(Ok(number)) = std::str::from_utf8(&rest[..digits]).map(str::parse) {
            each(number);
        }
    }
}
