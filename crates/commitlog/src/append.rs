//! Appending: offsets, sequences, the roll, the write; all under one short lock.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use os::File;
use record::control::{EndTxnMarker, parse_end_txn_marker};
use record::{Batch, BatchError, BatchHeader, Offset, TimestampMs, TimestampType};

use crate::config::Durability;
use crate::error::{AppendError, StorageError};
use crate::index::{OffsetIndex, TimeIndex};
use crate::log::{AppendContext, AppendKind, Appended, Log, State};
use crate::producer::{Check, Staged};
use crate::segment::Segment;
use crate::ticket::Ticket;

/// One batch of an append.
#[derive(Debug)]
struct Incoming {
    header: BatchHeader,
    marker: Option<EndTxnMarker>,
}

impl Incoming {
    fn new(batch: &Batch, kind: AppendKind) -> Result<Self, AppendError> {
        let marker = if batch.header.is_control() {
            if kind == AppendKind::Client {
                return Err(AppendError::Malformed(BatchError::Malformed("a client may not send control records")));
            }
            parse_end_txn_marker(batch).map_err(AppendError::Malformed)?
        } else {
            None
        };
        Ok(Self { header: batch.header, marker })
    }
}

impl Log {
    /// Appends whole, validated batches: all or none. The log gives them their offsets; producers' sequences and epochs are
    /// checked here, with the write.
    pub fn append(&self, batches: Bytes, context: AppendContext) -> Result<Appended, AppendError> {
        let mut incoming = Vec::with_capacity(1);
        for batch in record::split(batches.clone()) {
            incoming.push(Incoming::new(&batch.map_err(AppendError::Malformed)?, context.kind)?);
        }
        if incoming.is_empty() {
            return Err(AppendError::Malformed(BatchError::Malformed("there is no batch")));
        }
        self.append_incoming(batches, &mut incoming, context)
    }

    /// [`Log::append`] of one batch that was parsed already.
    pub fn append_batch(&self, batch: Batch, context: AppendContext) -> Result<Appended, AppendError> {
        let mut incoming = Incoming::new(&batch, context.kind)?;
        if batch.bytes.len() != incoming.header.size_bytes() {
            return Err(AppendError::Malformed(BatchError::Malformed("its length is not the one in its header")));
        }
        self.append_incoming(batch.bytes, std::slice::from_mut(&mut incoming), context)
    }

    fn append_incoming(
        &self,
        batches: Bytes,
        incoming: &mut [Incoming],
        context: AppendContext,
    ) -> Result<Appended, AppendError> {
        let mut locked = self.state.lock();
        let state = &mut *locked;
        self.check_appendable(state)?;
        if context.kind == AppendKind::Client
            && let Some(duplicate) = self.find_duplicate(state, incoming)
        {
            return Ok(duplicate);
        }
        let bytes_max = u64::from(state.config.segment_bytes_max);
        let bytes = batches.len() as u64;
        if bytes > bytes_max {
            return Err(AppendError::TooLarge { bytes, bytes_max });
        }

        let base = state.log_end;
        let log_append_time = match state.config.timestamp_type {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(context.now_ms),
        };
        let next = assign(incoming, base, &context, log_append_time);
        let mut staged = Staged::default();
        let check = match context.kind {
            AppendKind::Client => Check::Sequence,
            AppendKind::Coordinator | AppendKind::Marker { .. } => Check::Epoch,
        };
        for batch in &*incoming {
            state.producers.stage(&mut staged, &batch.header, batch.marker, check)?;
        }
        if context.kind == AppendKind::Client {
            self.admit_producers(state, &staged)?;
        }

        let position = self.roll_if_due(state, incoming, bytes, context.now_ms)?;
        self.write(state, batches, incoming, position, log_append_time)?;

        // Written: from here on nothing can fail.
        let aborted = state.producers.apply(staged, context.now_ms.0);
        let segment = state.active();
        {
            let interval = state.config.index_interval_bytes;
            let mut segment_state = segment.state.lock();
            let mut at = position;
            for batch in &*incoming {
                segment_state.add(&batch.header, at, interval);
                at += batch.header.size_bytes() as u64;
            }
            segment_state.checked.insert(position, at);
            segment_state.first_append_ms.get_or_insert(context.now_ms.0);
            segment_state.aborted.extend(aborted);
        }
        if !state.unsynced.last().is_some_and(|last| Arc::ptr_eq(last, segment)) {
            let segment = Arc::clone(segment);
            state.unsynced.push(segment);
        }
        state.epochs.note(context.leader_epoch.0, base);
        state.log_end = next;
        let was_due = state.is_snapshot_due();
        state.bytes_since_snapshot += bytes;
        if self.shared.durability == Durability::Fsync && !was_due && state.is_snapshot_due() {
            self.shared.chore(self.me(), 0);
        }
        let ticket = match self.shared.durability {
            Durability::Os => Ticket::done(),
            Durability::Fsync => {
                state.entered = self.shared.dirty(self, state.entered);
                Ticket::of_append(&self.shared, state.entered)
            }
        };
        if context.kind == (AppendKind::Marker { promised: true }) {
            state.promised.push_back((base, next));
        }
        state.advance_high_watermark(self.shared.durability);
        let moved = self.publish(state);
        let log_start_offset = Offset(state.log_start);
        drop(locked);
        self.wake(moved);
        Ok(Appended {
            base_offset: Offset(base),
            last_offset: Offset(next - 1),
            log_append_time: log_append_time.unwrap_or(TimestampMs::NONE),
            log_start_offset,
            ticket,
            duplicate: false,
        })
    }

    fn admit_producers(&self, state: &State, staged: &Staged) -> Result<(), AppendError> {
        let mut new = state.producers.new_among(staged);
        let Some(producer_id) = new.next() else { return Ok(()) };
        let refused = |producers_max| AppendError::TooManyProducers { producer_id, producers_max };
        self.shared.producer_room.take(1 + new.count()).map_err(refused)
    }

    fn check_appendable(&self, state: &State) -> Result<(), AppendError> {
        if self.is_deleted() {
            return Err(AppendError::Deleted);
        }
        if let Some(failure) = self.shared.failure() {
            return Err(AppendError::Storage(failure));
        }
        if state.closed { Err(AppendError::Closed) } else { Ok(()) }
    }

    /// As Kafka: the first batch that is known answers for the whole append.
    fn find_duplicate(&self, state: &State, incoming: &[Incoming]) -> Option<Appended> {
        let known = incoming
            .iter()
            .filter(|b| b.header.has_producer() && b.header.base_sequence.0 >= 0)
            .find_map(|b| state.producers.duplicate_of(&b.header))?;
        let log_append_time = match state.config.timestamp_type {
            TimestampType::CreateTime => TimestampMs::NONE,
            TimestampType::LogAppendTime => TimestampMs(known.timestamp),
        };
        let durable = self.shared.durability == Durability::Os || known.last_offset < state.durable_end;
        Some(Appended {
            base_offset: Offset(known.first_offset()),
            last_offset: Offset(known.last_offset),
            log_append_time,
            log_start_offset: Offset(state.log_start),
            ticket: if durable { Ticket::done() } else { Ticket::of_append(&self.shared, state.entered) },
            duplicate: true,
        })
    }

    /// Writes the batches to the active segment. What is to go into the journal is copied once, to where it waits for the next
    /// round, and written from there.
    fn write(
        &self,
        state: &mut State,
        batches: Bytes,
        incoming: &[Incoming],
        position: u64,
        stamp: Option<TimestampMs>,
    ) -> Result<(), AppendError> {
        let segment = &state.segments[state.segments.len() - 1];
        let file = segment.file().map_err(|e| refuse_or_latch(self, e))?;
        let is_journaled = self.shared.durability == Durability::Fsync
            && state.pending.has_room(batches.len())
            && (batches.len() <= BUSY_JOURNAL_BYTES_MAX || !self.shared.is_in_round());
        let before = state.pending.mark();
        let written = if is_journaled {
            let bytes = state.pending.push(self.name(), segment.base, position, &batches);
            place(bytes, incoming, stamp);
            file.write_all_at(bytes, position)
        } else {
            Payload::new(batches, incoming, stamp).write_at(&*file, position)
        };
        let Err(e) = written else {
            if !is_journaled {
                state.pending.give_up();
            }
            return Ok(());
        };
        state.pending.cut_back(before);
        let error = segment.storage_error("append to", e);
        // Any prefix may have been written: take it back, so that the next append stands where this one would have.
        if let Err(e) = file.set_len(position) {
            let error = segment.storage_error("cut back", e);
            self.shared.latch(error.clone());
            return Err(AppendError::Storage(error));
        }
        Err(refuse_or_latch(self, error))
    }

    /// Starts a new segment when Kafka would: by size, by record time, when an index is full, or when the offsets do not fit.
    /// Returns where in the active segment the batches go.
    fn roll_if_due(
        &self,
        state: &mut State,
        incoming: &[Incoming],
        bytes: u64,
        now_ms: TimestampMs,
    ) -> Result<u64, AppendError> {
        let max_timestamp = incoming.iter().map(|b| b.header.max_timestamp.0).max().unwrap_or(-1);
        let last_offset = incoming.last().map_or(state.log_end, |b| b.header.last_offset().0);
        let (due, size) = {
            let active = state.active();
            let segment = active.state.lock();
            let config = &state.config;
            let waited_ms = match segment.first_timestamp {
                Some(first) if first >= 0 && max_timestamp >= 0 => max_timestamp.saturating_sub(first),
                // Records without a timestamp: the clock tells, from the segment's first append in this run.
                _ => segment.first_append_ms.map_or(0, |first| now_ms.0.saturating_sub(first)),
            };
            let entries_max = |entry_bytes: usize| config.segment_index_bytes_max as usize / entry_bytes;
            let due = segment.size > 0
                && (segment.size + bytes > u64::from(config.segment_bytes_max)
                    || segment.size + bytes > i32::MAX as u64
                    || waited_ms > config.segment_ms_max
                    || segment.offsets.table.len() >= entries_max(OffsetIndex::ENTRY_BYTES)
                    || segment.times.table.len() + 1 >= entries_max(TimeIndex::ENTRY_BYTES)
                    || last_offset - active.base > i64::from(i32::MAX));
            (due, segment.size)
        };
        if !due {
            return Ok(size);
        }
        self.roll(state).map_err(|e| refuse_or_latch(self, e))?;
        Ok(0)
    }

    /// Closes the active segment and begins the next one at the end. Nothing has changed after an error.
    pub(crate) fn roll(&self, state: &mut State) -> Result<(), StorageError> {
        let image = state.image();
        let next = Arc::new(Segment::new(&self.home, state.log_end));
        next.hold()?;
        let closed = Arc::clone(state.active());
        let mut segments = Vec::clone(&state.segments);
        segments.push(next);
        state.segments = Arc::new(segments);
        state.names_created += 1;
        let image_bytes = image.size_bytes();
        state.rolled.push_back((closed, image));
        self.shared.chore(self.me(), image_bytes);
        Ok(())
    }
}

/// No space or no descriptor: refused, and nothing else. Any other failure of the disk: latched.
fn refuse_or_latch(log: &Log, error: StorageError) -> AppendError {
    if error.may_pass() {
        return AppendError::NotNow(error);
    }
    log.shared.latch(error.clone());
    AppendError::Storage(error)
}

/// Batches that the journal will not have, as they are to be written.
#[derive(Debug)]
enum Payload {
    /// Ours alone: offsets and epochs stand in it.
    Placed(BytesMut),
    /// Large, and shared with the request that brought it: not copied. What differs is the head of each batch, which is
    /// written in its place: position in the bytes, base offset to leader epoch.
    Shared { bytes: Bytes, heads: Vec<(usize, [u8; HEAD_BYTES])> },
}

/// A batch larger than this goes into the journal only when no round is under way. Then it is the quickest way. Behind a round
/// more such batches may come before the next one, so that the segment is synced after all, and the copy was for nothing.
const BUSY_JOURNAL_BYTES_MAX: usize = 32 << 10;
/// A copy of this many bytes costs less than a second write.
const COPIED_BYTES_MAX: usize = 16 << 10;
/// From the base offset to the leader epoch: what the log writes into a batch.
const HEAD_BYTES: usize = 16;

impl Payload {
    /// Copies what is small, and what the log stamps: the checksum changes with the time, so that all of it is needed.
    fn new(batches: Bytes, incoming: &[Incoming], stamp: Option<TimestampMs>) -> Self {
        let may_share = batches.len() > COPIED_BYTES_MAX && stamp.is_none();
        match batches.try_into_mut() {
            Err(bytes) if may_share => {
                let mut at = 0;
                let head = |batch: &Incoming| {
                    let from = at;
                    at += batch.header.size_bytes();
                    let mut head = [0; HEAD_BYTES];
                    head.copy_from_slice(&bytes[from..from + HEAD_BYTES]);
                    record::assign(&mut head, batch.header.base_offset, batch.header.leader_epoch);
                    (from, head)
                };
                let heads = incoming.iter().map(head).collect();
                Self::Shared { bytes, heads }
            }
            own_or_shared => {
                let mut own = own_or_shared.unwrap_or_else(|shared| BytesMut::from(&shared[..]));
                place(&mut own, incoming, stamp);
                Self::Placed(own)
            }
        }
    }

    fn write_at(&self, file: &dyn File, position: u64) -> io::Result<()> {
        match self {
            Self::Placed(bytes) => file.write_all_at(bytes, position),
            Self::Shared { bytes, heads } => {
                // Its new head before the rest of a batch: one that is cut off by the end of the process then fails its
                // checksum, which covers neither offset nor epoch.
                let ends = heads.iter().skip(1).map(|(at, _)| *at).chain([bytes.len()]);
                heads.iter().zip(ends).try_for_each(|((at, head), end)| {
                    file.write_all_at(head, position + *at as u64)?;
                    let rest = at + HEAD_BYTES;
                    file.write_all_at(&bytes[rest..end], position + rest as u64)
                })
            }
        }
    }
}

/// Gives the batches their offsets, epoch and, where the log stamps, time. Returns the offset after the last.
fn assign(incoming: &mut [Incoming], base: i64, context: &AppendContext, stamp: Option<TimestampMs>) -> i64 {
    let mut next = base;
    for Incoming { header, .. } in incoming {
        header.base_offset = Offset(next);
        header.leader_epoch = context.leader_epoch;
        header.max_timestamp = stamp.unwrap_or(header.max_timestamp);
        next = header.next_offset().0;
    }
    next
}

/// Writes into the batches what [`assign`] gave them.
fn place(batches: &mut [u8], incoming: &[Incoming], stamp: Option<TimestampMs>) {
    let mut rest = batches;
    for Incoming { header, .. } in incoming {
        let (batch, behind) = rest.split_at_mut(header.size_bytes());
        record::assign(batch, header.base_offset, header.leader_epoch);
        if let Some(now) = stamp {
            record::set_log_append_time(batch, now);
        }
        rest = behind;
    }
}

/// Reads the marker out of a batch that recovery walks over.
pub(crate) fn marker_of(header: &BatchHeader, bytes: &[u8]) -> Option<EndTxnMarker> {
    if !header.is_control() {
        return None;
    }
    let batch = Batch { header: *header, bytes: Bytes::copy_from_slice(bytes) };
    parse_end_txn_marker(&batch).ok().flatten()
}
