//! One round: what was written becomes durable, by the journal or by the segments' own syncs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::give_back::JOURNALED_MAX;
use super::queue::Queue;
use super::sync::sync_segments;
use super::{Logs, Shared, write_log_starts};
use crate::error::StorageError;
use crate::flush::{Begun, Flush};
use crate::journal::Journal;
use crate::log::Log;

/// The journal takes no more than this in one round.
const ROUND_BYTES_MAX: usize = 8 << 20;
/// How long to wait before looking again whether there is space, or a file descriptor.
const SPACE_WAIT: Duration = Duration::from_millis(100);

/// The thread's own state.
#[derive(Debug)]
pub(crate) struct Flusher {
    pub(super) shared: Arc<Shared>,
    pub(super) journal: Journal,
    /// Logs whose newest bytes are durable by the journal alone. May hold one twice.
    pub(super) journaled: Vec<Arc<Log>>,
    /// With more of them, those named twice are dropped.
    pub(super) journaled_max: usize,
    /// The journal could not be written the last time: said once.
    journal_refused: bool,
    /// Its space could not be given back the last time: said once.
    give_back_refused: bool,
}

impl Flusher {
    /// Lets rounds begin: by the thread, and by callers.
    pub(crate) fn install(shared: &Arc<Shared>, journal: Journal) {
        let flusher = Self {
            shared: Arc::clone(shared),
            journal,
            journaled: Vec::new(),
            journaled_max: JOURNALED_MAX,
            journal_refused: false,
            give_back_refused: false,
        };
        *shared.flusher.lock() = Some(flusher);
    }

    pub(super) fn round(&mut self, taken: Queue, logs: &dyn Logs) -> Result<(), StorageError> {
        self.make_durable(&taken)?;
        if taken.log_starts {
            match write_log_starts(&self.shared, logs) {
                // They are written with the next round that asks; nobody else has to wait for it.
                Err(error) if error.may_pass() => self.shared.log_start_rounds.refuse(taken.round, error),
                result => {
                    result?;
                    self.shared.log_start_rounds.complete(taken.round);
                }
            }
        }
        self.shared.rounds.complete(taken.round);
        match self.tidy_journal() {
            // It is tried again after the next round.
            Err(error) if error.may_pass() => {
                if !std::mem::replace(&mut self.give_back_refused, true) {
                    tracing::warn!(%error, "the journal's space cannot be given back now: it grows");
                }
                Ok(())
            }
            Ok(()) => {
                self.give_back_refused = false;
                Ok(())
            }
            result => result,
        }
    }

    /// Makes what was taken durable, and shows it.
    pub(super) fn make_durable(&mut self, taken: &Queue) -> Result<(), StorageError> {
        self.shared.in_round.store(true, Ordering::Release);
        let done = self.sync(taken);
        self.shared.in_round.store(false, Ordering::Release);
        done
    }

    fn sync(&mut self, taken: &Queue) -> Result<(), StorageError> {
        // Where each log ends that goes into the journal, and what is to be synced of the others.
        let mut small = Vec::with_capacity(taken.dirty.len());
        let mut large = Vec::new();
        let mut bytes_left = ROUND_BYTES_MAX;
        self.journal.begin();
        for name in &taken.deleted {
            self.journal.push_deleted(name);
        }
        for log in &taken.behind {
            large.push((log, log.begin_sync()));
        }
        for log in &taken.dirty {
            match log.begin_flush(self.journal.frame(), bytes_left) {
                Begun::InFrame { bytes, target } => {
                    bytes_left -= bytes;
                    small.push((log, target));
                }
                Begun::ToSync(flush) => large.push((log, flush)),
            }
        }
        let mut forget = false;
        let use_journal = !small.is_empty() || !taken.deleted.is_empty();
        let flushes: Vec<&Flush> = large.iter().map(|(_, flush)| flush).collect();
        let written = if !use_journal {
            sync_segments(&*self.shared.disk, &flushes)?;
            Ok(())
        } else if flushes.is_empty() {
            self.journal.place().and_then(|()| self.journal.write_synced())
        } else {
            let placed = self.journal.place();
            let journal = &self.journal;
            std::thread::scope(|scope| {
                let writing = scope.spawn(move || placed.and_then(|()| journal.write_synced()));
                let synced = sync_segments(&*self.shared.disk, &flushes);
                let written = writing.join().unwrap_or_else(|e| std::panic::resume_unwind(e));
                synced.map(|()| written)
            })?
        };
        match written {
            Ok(()) if use_journal => {
                self.journal.advance();
                self.journal_refused = false;
            }
            Ok(()) => {}
            // No space for the journal is no reason to fail what the segments have already.
            Err(error) if error.may_pass() => {
                if !std::mem::replace(&mut self.journal_refused, true) {
                    tracing::warn!(%error, "the journal cannot be written: syncing the segments instead");
                }
                forget = !taken.deleted.is_empty();
                let instead: Vec<_> = small.drain(..).map(|(log, _)| (log, log.begin_segment_sync())).collect();
                sync_segments(&*self.shared.disk, &instead.iter().map(|(_, flush)| flush).collect::<Vec<_>>())?;
                large.extend(instead);
            }
            Err(error) => return Err(error),
        }
        for (log, target) in small {
            log.end_journaled(target);
            self.journaled.push(Arc::clone(log));
        }
        for (log, flush) in &large {
            log.end_flush(flush);
        }
        // The next generation knows nothing of the deleted, and begins over space that the file has.
        if forget { self.forget_without_a_frame() } else { Ok(()) }
    }

    /// The deleted must be forgotten before anything else: on a file system that finds no space even for bytes in the place of
    /// others, this waits for some.
    fn forget_without_a_frame(&mut self) -> Result<(), StorageError> {
        loop {
            match self.give_journal_back() {
                Err(error) if error.may_pass() && !self.shared.closing.load(Ordering::Acquire) => {
                    std::thread::sleep(SPACE_WAIT);
                }
                result => return result,
            }
        }
    }
}
