//! The page events that servers are fed with, and how often each page is visited in each window.
//!
//! Owns: the events' bytes, which are the same for the same [`Events`], and the recount that results are checked against.
//! Never: asks a server.

use std::collections::HashMap;

use bytes::Bytes;
use record::{Batch, BatchBuilder, BatchOptions, LeaderEpoch, Offset, ReadLimits, TimestampMs};

use crate::Result;

/// The windows of the demo's query.
pub const WINDOW_MS: i64 = 5_000;
/// How fast the events' own time goes: as if they had come in at 50,000 a second.
pub const EVENTS_PER_MS: u64 = 50;
/// An `Instant` of whole seconds as text: `2022-06-09T00:00:05Z`.
const INSTANT_BYTES: usize = 20;

/// Events with these pages, from this time on.
#[derive(Clone, Copy, Debug)]
pub struct Events {
    pub count: u64,
    /// Pages `P1`, `P2` …: the keys of the query.
    pub pages: u32,
    /// The timestamp of the first; the start of a window.
    pub first_ms: i64,
}

impl Events {
    /// As batches, and the counts that come of them. A batch holds up to `batch_events`.
    pub fn batches(self, batch_events: u64, each: &mut impl FnMut(Bytes) -> Result<()>) -> Result<Counts> {
        let mut random = fastrand::Rng::with_seed(self.count ^ u64::from(self.pages));
        let mut counts = Counts::new(self.first_ms, self.pages);
        for first in (0..self.count).step_by(batch_events as usize) {
            let mut batch = BatchBuilder::new(BatchOptions::default());
            for number in first..(first + batch_events).min(self.count) {
                let timestamp_ms = self.first_ms + (number / EVENTS_PER_MS) as i64;
                let (page, duration) = push(&mut batch, timestamp_ms, &mut random, self.pages);
                if counted(duration) {
                    counts.add(timestamp_ms, page);
                }
            }
            each(batch.finish(Offset(0), LeaderEpoch(-1)))?;
        }
        Ok(counts)
    }
}

/// Whether the query counts an event of this duration.
pub fn counted(duration: u32) -> bool {
    duration > 100
}

/// Adds an event of a random page, by its number from 0, and says which page and duration it has.
pub fn push(batch: &mut BatchBuilder, timestamp_ms: i64, random: &mut fastrand::Rng, pages: u32) -> (u32, u32) {
    let (page, user, duration) = (random.u32(0..pages), random.u8(1..=2), random.u32(0..9_000));
    let value = json(&format!("P{}", page + 1), user, timestamp_ms, duration);
    batch.push(TimestampMs(timestamp_ms), None, Some(value.as_bytes()), []);
    (page, duration)
}

/// An event as the demo's topic holds it.
pub fn json(name: &str, user: u8, date_ms: i64, duration: u32) -> String {
    format!(r#"{{"name":"{name}","user":"U{user}","date":{date_ms},"duration":{duration}}}"#)
}

/// Visits per window and page.
#[derive(Debug)]
pub struct Counts {
    first_ms: i64,
    pages: usize,
    windows: Vec<Vec<u32>>,
    total: u64,
}

impl Counts {
    fn new(first_ms: i64, pages: u32) -> Self {
        Self { first_ms, pages: pages as usize, windows: Vec::new(), total: 0 }
    }

    fn add(&mut self, timestamp_ms: i64, page: u32) {
        let window = ((timestamp_ms - self.first_ms) / WINDOW_MS) as usize;
        if self.windows.len() <= window {
            self.windows.resize_with(window + 1, || vec![0; self.pages]);
        }
        self.windows[window][page as usize] += 1;
        self.total += 1;
    }

    /// Events that are counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Counts other than 0: keys of the result.
    pub fn keys(&self) -> usize {
        self.windows.iter().flatten().filter(|count| **count > 0).count()
    }
}

/// What R4 has said so far, beside what it must say in the end.
#[derive(Debug)]
pub struct Tally<'a> {
    expected: &'a Counts,
    /// Window by the text of its start and end.
    windows: HashMap<Vec<u8>, usize>,
    /// The newest count of each window and page.
    seen: Vec<Vec<u32>>,
    sum: u64,
    /// Records of R4.
    pub updates: u64,
}

impl<'a> Tally<'a> {
    pub fn new(expected: &'a Counts) -> Result<Self> {
        let text = |ms: i64| {
            let instant = jiff::Timestamp::from_millisecond(ms).map_err(|e| format!("{ms} is no time: {e}"))?;
            Ok::<_, String>(instant.to_string())
        };
        let mut windows = HashMap::new();
        for window in 0..expected.windows.len() {
            let start_ms = expected.first_ms + window as i64 * WINDOW_MS;
            windows.insert([text(start_ms)?, text(start_ms + WINDOW_MS)?].concat().into_bytes(), window);
        }
        let seen = vec![vec![0; expected.pages]; expected.windows.len()];
        Ok(Self { expected, windows, seen, sum: 0, updates: 0 })
    }

    /// Takes a batch of R4.
    pub fn read(&mut self, batch: &Batch) -> Result<()> {
        let records = batch.records(ReadLimits::default()).map_err(|e| format!("R4: {e}"))?;
        for record in &records {
            let record = record.map_err(|e| format!("R4: {e}"))?;
            let key = record.key.unwrap_or_default();
            let count = record.value.and_then(|value| value.try_into().ok()).map(i64::from_be_bytes);
            let count = count.and_then(|count| u32::try_from(count).ok()).ok_or("a value of R4 is no count")?;
            let strange = || format!("R4 has the key {}, which no event has", String::from_utf8_lossy(key));
            let slot = self.slot(key).ok_or_else(strange)?;
            let replaced = std::mem::replace(slot, count);
            self.sum = self.sum + u64::from(count) - u64::from(replaced);
            self.updates += 1;
        }
        Ok(())
    }

    /// The place of a key.
    ///
    /// ```text
    /// =>2022-06-09T00:00:00Z2022-06-09T00:00:05ZP1
    /// ```
    fn slot(&mut self, key: &[u8]) -> Option<&mut u32> {
        let rest = key.strip_prefix(b"=>")?;
        let (window, page) = rest.split_at_checked(2 * INSTANT_BYTES)?;
        let page: usize = std::str::from_utf8(page.strip_prefix(b"P")?).ok()?.parse().ok()?;
        let window = *self.windows.get(window)?;
        self.seen[window].get_mut(page.checked_sub(1)?)
    }

    /// Whether as many visits were counted as there were.
    pub fn complete(&self) -> bool {
        self.sum == self.expected.total
    }

    /// Visits that were counted.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Compares every window and page.
    pub fn check(&self) -> Result<()> {
        for (window, (seen, expected)) in self.seen.iter().zip(&self.expected.windows).enumerate() {
            if let Some(page) = (0..self.expected.pages).find(|page| seen[*page] != expected[*page]) {
                let (seen, expected) = (seen[page], expected[page]);
                return Err(format!("R4 counts {seen} visits of P{} in window {window}, not {expected}", page + 1));
            }
        }
        Ok(())
    }
}
