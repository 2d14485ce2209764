//! How many producers all logs of a set remember together: whoever makes up producer ids must not fill the memory.
//!
//! Owns: the bound, the count, and when idle producers are forgotten sooner than the owner of the set asked for.
//! Never: forgets a producer that may still retry. With the room full, what is refused is a producer that no log knows.
//!
//! Kafka: has no such bound.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the room gets scarce, producers that have been idle for this long are forgotten: clients give a record up, and
/// retry no more, after `delivery.timeout.ms`, two minutes where nobody chose another.
const PRESSED_EXPIRATION_MS: i64 = 15 * 60_000;

/// The room of one set.
#[derive(Debug)]
pub(crate) struct ProducerRoom {
    producers_max: usize,
    known: AtomicUsize,
}

impl ProducerRoom {
    pub(crate) fn new(producers_max: usize) -> Self {
        Self { producers_max, known: AtomicUsize::new(0) }
    }

    /// Takes room for so many new ones. `Err`: how many there may be.
    pub(crate) fn take(&self, new: usize) -> Result<(), usize> {
        if new == 0 {
            return Ok(());
        }
        let taken = self.known.fetch_add(new, Ordering::Relaxed);
        if taken.saturating_add(new) <= self.producers_max {
            return Ok(());
        }
        self.known.fetch_sub(new, Ordering::Relaxed);
        Err(self.producers_max)
    }

    /// The producers were counted anew. Those that were taken meanwhile are counted the next time.
    pub(crate) fn counted(&self, known: usize) {
        self.known.store(known, Ordering::Relaxed);
    }

    /// When an idle producer is to be forgotten.
    pub(crate) fn expiration_ms(&self, asked_ms: i64) -> i64 {
        let scarce = self.known.load(Ordering::Relaxed) > self.producers_max / 2;
        if scarce { asked_ms.min(PRESSED_EXPIRATION_MS) } else { asked_ms }
    }
}
