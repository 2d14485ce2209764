//! What follows a round, when nobody waits for it any more: closing rolled segments, snapshots, giving the journal's space back.

use std::sync::Arc;

use super::queue::Queue;
use super::round::Flusher;
use super::sync::sync_logs;
use super::{Logs, write_recovery_points};
use crate::error::StorageError;

/// The journal's space is given back at this size: more where many files would have to be synced for it.
const JOURNAL_SPACE: std::ops::RangeInclusive<u64> = (8 << 20)..=(64 << 20);
const JOURNAL_SPACE_PER_LOG: u64 = 64 << 10;
/// So many names of journaled logs are kept before those named twice are dropped, or more where there are many logs.
pub(super) const JOURNALED_MAX: usize = 4096;

impl Flusher {
    pub(super) fn chores(&mut self, taken: &Queue, logs: &dyn Logs) -> Result<(), StorageError> {
        let mut moved = false;
        for log in &taken.chores {
            moved |= log.close_rolled_segments()?;
        }
        for log in taken.dirty.iter().chain(&taken.chores) {
            moved |= log.snapshot_if_due()?;
        }
        if moved {
            write_recovery_points(&self.shared, logs)?;
        }
        if self.journal.position() >= self.journal_space() {
            self.give_journal_back()?;
        } else if self.journaled.len() > self.journaled_max {
            self.forget_repeated();
            // As many again come before it is worth another look.
            self.journaled_max = JOURNALED_MAX.max(2 * self.journaled.len());
        }
        Ok(())
    }

    /// Whether [`Flusher::chores`] has anything to do after a round.
    pub(super) fn has_chores(&self, taken: &Queue) -> bool {
        self.journal.position() >= self.journal_space()
            || self.journaled.len() > self.journaled_max
            || taken.dirty.iter().any(|log| log.is_snapshot_due())
    }

    fn journal_space(&self) -> u64 {
        let space = (self.journaled.len() as u64).saturating_mul(JOURNAL_SPACE_PER_LOG);
        space.clamp(*JOURNAL_SPACE.start(), *JOURNAL_SPACE.end())
    }

    fn forget_repeated(&mut self) {
        self.journaled.sort_by_key(|log| Arc::as_ptr(log) as usize);
        self.journaled.dedup_by(|a, b| Arc::ptr_eq(a, b));
    }

    /// Syncs all segments that the journal answers for, then starts it over.
    pub(super) fn give_journal_back(&mut self) -> Result<(), StorageError> {
        self.forget_repeated();
        sync_logs(&self.shared, &self.journaled)?;
        self.journaled.clear();
        self.journal.restart()
    }
}
