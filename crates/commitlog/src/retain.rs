//! Letting go of old records: by age, by size, by request; and of idle producers.
//!
//! The log start moves first and is made durable, then the files go: a crash in between never brings records back.

use std::sync::Arc;

use record::{Offset, TimestampMs};

use crate::error::{DeleteRecordsError, StorageError};
use crate::log::{DamagedRange, Log, State};
use crate::segment::Segment;
use crate::ticket::Ticket;

/// The scrub asks again after so many bytes whether it should go on.
const SCRUB_STEP_BYTES: u64 = 256 << 10;

impl Log {
    /// Moves the log start up to `before`. The ticket is done when that survives power loss. Files go with the next
    /// maintenance. Moving it down, or not at all, does nothing.
    pub fn delete_records(&self, before: Offset) -> Result<Ticket, DeleteRecordsError> {
        let mut state = self.state.lock();
        if self.is_deleted() {
            return Err(DeleteRecordsError::Deleted);
        }
        if before.0 < 0 || before.0 > state.high_watermark {
            let high_watermark = Offset(state.high_watermark);
            return Err(DeleteRecordsError::OffsetOutOfRange { offset: before, high_watermark });
        }
        let moved = self.move_log_start(&mut state, before.0);
        drop(state);
        self.wake(moved);
        // Even when nothing moved: an earlier move may not be durable yet.
        Ok(self.shared.sync_log_starts())
    }

    fn move_log_start(&self, state: &mut State, to: i64) -> crate::log::Moved {
        if to > state.log_start {
            state.log_start = to;
        }
        self.publish(state)
    }

    /// Deletes segments that are too old, too many, or below the log start. Waits for the log start to be durable.
    /// Says whether there are more, which have just been rolled and are not closed properly yet.
    pub(crate) fn apply_retention(&self, now_ms: TimestampMs) -> Result<bool, StorageError> {
        let (log_start, expired, more) = {
            let mut state = self.state.lock();
            if self.is_deleted() || state.closed {
                return Ok(false);
            }
            let log_start = self.retained_from(&mut state, now_ms.0)?;
            let below =
                state.segments.windows(2).take_while(|pair| pair[1].base <= log_start.max(state.log_start)).count();
            // Closed properly: its chore is done.
            let count = state
                .segments
                .windows(2)
                .take(below)
                .take_while(|pair| !state.rolled.iter().any(|(s, _)| Arc::ptr_eq(s, &pair[0])))
                .count();
            (log_start.max(state.log_start), count, below > count)
        };
        if expired == 0 {
            return Ok(more);
        }
        let moved = {
            let mut state = self.state.lock();
            self.move_log_start(&mut state, log_start)
        };
        self.wake(moved);
        self.shared.sync_log_starts().wait()?;
        let gone: Vec<Arc<Segment>> = {
            let mut state = self.state.lock();
            let gone = state.segments[..expired].to_vec();
            state.segments = Arc::new(state.segments[expired..].to_vec());
            state.unsynced.retain(|s| !gone.iter().any(|g| Arc::ptr_eq(s, g)));
            // Not with the move of the log start: a start that does not find it durable needs the older epochs.
            state.epochs.cut_front(log_start);
            gone
        };
        let _no_chore_meanwhile = self.files.lock();
        if self.is_deleted() {
            return Ok(false);
        }
        gone.iter().for_each(|segment| segment.forget());
        gone.iter().try_for_each(|segment| segment.remove_files())?;
        Ok(more)
    }

    /// The offset below which retention lets go. Whole segments only, none above the high watermark; the active one is
    /// rolled first when it is due.
    fn retained_from(&self, state: &mut State, now_ms: i64) -> Result<i64, StorageError> {
        if !state.config.cleanup.deletes() {
            return Ok(state.log_start);
        }
        let (retention_ms, retention_bytes) = (state.config.retention_ms, state.config.retention_bytes);
        let mut excess: u64 = state.segments.iter().map(|s| s.size()).sum();
        excess = if retention_bytes < 0 { 0 } else { excess.saturating_sub(retention_bytes as u64) };
        let mut from = state.log_start;
        let segments = Arc::clone(&state.segments);
        for (i, segment) in segments.iter().enumerate() {
            let (size, max_timestamp, next_offset) = {
                let s = segment.state.lock();
                (s.size, s.max_timestamp, s.next_offset)
            };
            let too_old =
                retention_ms >= 0 && max_timestamp >= 0 && now_ms.saturating_sub(max_timestamp) > retention_ms;
            let too_many = size <= excess && excess > 0;
            if !(too_old || too_many) || size == 0 || next_offset > state.high_watermark {
                break;
            }
            if i + 1 == segments.len() {
                // Kafka never deletes the active segment by size, and rolls it first when it is too old.
                if !too_old {
                    break;
                }
                self.roll(state)?;
            }
            excess = excess.saturating_sub(size);
            from = from.max(next_offset.max(segments.get(i + 1).map_or(next_offset, |s| s.base)));
        }
        Ok(from)
    }

    /// Forgets producers that have been idle for so long and have no transaction open. Returns how many are left.
    pub(crate) fn expire_producers(&self, now_ms: TimestampMs, expiration_ms: i64) -> usize {
        let mut state = self.state.lock();
        state.producers.expire(now_ms.0, expiration_ms);
        state.producers.len()
    }

    /// Checks up to `bytes` that were not checked in this pass; returns how many of them are left to check elsewhere.
    pub(crate) fn scrub(&self, pass: u64, bytes: u64) -> Result<u64, StorageError> {
        let mut left = bytes;
        for segment in self.segments().iter() {
            segment.begin_scrub(pass);
            while let Some(at) = segment.first_unchecked() {
                if left == 0 || self.is_deleted() {
                    return Ok(left);
                }
                let step = left.min(SCRUB_STEP_BYTES);
                match segment.check(at, at + step) {
                    // Its files are gone.
                    Err(_) if self.is_deleted() => return Ok(left),
                    result => result?,
                }
                left -= step;
            }
        }
        Ok(left)
    }

    /// The ranges that cannot be read, as far as they are known and not below the log start.
    #[must_use]
    pub fn damaged(&self) -> Vec<DamagedRange> {
        let log_start = self.log_start_offset().0;
        let mut damaged = Vec::new();
        for segment in self.segments().iter() {
            let state = segment.state.lock();
            damaged.extend(state.bad.iter().filter(|bad| bad.next > log_start).map(|bad| DamagedRange {
                file: segment.path().to_owned(),
                position: bad.from,
                first: Offset(bad.first),
                next: Offset(bad.next),
            }));
        }
        damaged
    }

    /// Whether bytes are durable by the journal alone.
    pub(crate) fn is_behind(&self) -> bool {
        let state = self.state.lock();
        state.synced_end < state.durable_end
    }
}
