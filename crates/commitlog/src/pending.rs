//! What a log has for the journal: entries as the next frame will have them, so that a round has nothing to do but copy them.
//!
//! Owns: the bytes between an append and the round that takes them, and the bound above which a log is synced itself.
//! Never: writes to a file.

use crate::journal::push_entry;

/// A log with more new bytes than this is synced itself.
pub(crate) const JOURNAL_BYTES_MAX: usize = 128 << 10;
/// Memory that a log keeps for its next round.
const KEPT_BYTES_MAX: usize = 1 << 10;

/// The entries of one log.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// One after the other; none when it is too much for the journal.
    entries: Vec<u8>,
    /// Bytes of batches among them.
    bytes: usize,
    too_much: bool,
}

/// How much there was before an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    entries_len: usize,
    bytes: usize,
}

impl Pending {
    /// Whether so many more bytes of batches go into the journal.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        !self.too_much && self.bytes + bytes <= JOURNAL_BYTES_MAX
    }

    /// Adds batches; returns them as they stand in the entry, for the log to write their offsets into.
    pub(crate) fn push(&mut self, log: &str, segment_base: i64, position: u64, batches: &[u8]) -> &mut [u8] {
        self.bytes += batches.len();
        push_entry(&mut self.entries, log, segment_base, position, batches);
        let from = self.entries.len() - batches.len();
        &mut self.entries[from..]
    }

    /// What there is now, for [`Pending::cut_back`].
    pub(crate) fn mark(&self) -> Mark {
        Mark { entries_len: self.entries.len(), bytes: self.bytes }
    }

    /// Takes back what was added since: it could not be written to its segment.
    pub(crate) fn cut_back(&mut self, mark: Mark) {
        self.entries.truncate(mark.entries_len);
        self.bytes = mark.bytes;
    }

    /// The log has got bytes that the journal will not have: it must be synced itself.
    pub(crate) fn give_up(&mut self) {
        *self = Self { too_much: true, ..Self::default() };
    }

    /// Begins anew. Copies the entries into `frame` and returns how many bytes of batches are in them; `None`, and nothing
    /// is copied, when these are more than `bytes_max` or too much for the journal.
    pub(crate) fn take(&mut self, frame: &mut Vec<u8>, bytes_max: usize) -> Option<usize> {
        let bytes = std::mem::take(&mut self.bytes);
        let fits = !std::mem::take(&mut self.too_much) && bytes <= bytes_max;
        if fits {
            frame.extend_from_slice(&self.entries);
        }
        if self.entries.capacity() > KEPT_BYTES_MAX {
            self.entries = Vec::new();
        }
        self.entries.clear();
        fits.then_some(bytes)
    }
}
