//! Giving the journal's space back: when all that it answers for is in the segments, it begins anew at its front.

use std::sync::Arc;

use super::round::Flusher;
use super::sync::sync_logs;
use crate::error::StorageError;

/// The journal's space is given back at this size: more where many files would have to be synced for it.
const JOURNAL_SPACE: std::ops::RangeInclusive<u64> = (8 << 20)..=(64 << 20);
const JOURNAL_SPACE_PER_LOG: u64 = 64 << 10;
/// So many names of journaled logs are kept before those named twice are dropped, or more where there are many logs.
pub(super) const JOURNALED_MAX: usize = 4096;

impl Flusher {
    /// Gives the journal's space back if it has grown enough, or drops what is remembered twice of it.
    pub(super) fn tidy_journal(&mut self) -> Result<(), StorageError> {
        if self.journal.position() >= self.journal_space() {
            self.give_journal_back()?;
        } else if self.journaled.len() > self.journaled_max {
            self.forget_repeated();
            // As many again come before it is worth another look.
            self.journaled_max = JOURNALED_MAX.max(2 * self.journaled.len());
        }
        Ok(())
    }

    /// Whether [`Flusher::tidy_journal`] has anything to do.
    pub(super) fn is_journal_due(&self) -> bool {
        self.journal.position() >= self.journal_space() || self.journaled.len() > self.journaled_max
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
