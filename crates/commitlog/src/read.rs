//! Reading: from the batch that contains an offset, up to a watermark; and finding records by time.

use std::sync::Arc;

use bytes::Bytes;
use record::{Batch, BatchError, Offset, ReadLimits, TimestampMs};

use crate::error::{ReadError, StorageError};
use crate::log::{AbortedTxn, Chunk, Isolation, Log, ReadRequest, ReadResult, TimestampOffset};
use crate::segment::{Found, Segment};

/// What a reader sees of the log at one moment.
#[derive(Debug)]
struct View {
    segments: Arc<Vec<Arc<Segment>>>,
    log_start: i64,
    log_end: i64,
    high_watermark: i64,
    last_stable: i64,
}

/// What a segment gives to a read.
#[derive(Debug)]
enum Piece {
    /// Batches, the offset behind them, and whether the segment has more below the bound.
    Chunk(Chunk, i64, bool),
    /// No batch at or above the offset: compaction took them, or the next segment has them.
    Nothing,
    /// The bound.
    Bound,
    /// No room for the next batch.
    NoRoom,
}

impl View {
    fn bound(&self, isolation: Isolation) -> i64 {
        match isolation {
            Isolation::LogEnd => self.log_end,
            Isolation::HighWatermark => self.high_watermark,
            Isolation::LastStable => self.last_stable,
        }
    }

    /// The number of the segment that `offset` belongs to.
    fn segment_of(&self, offset: i64) -> usize {
        self.segments.partition_point(|s| s.base <= offset).saturating_sub(1)
    }
}

impl Log {
    /// Reads whole batches from the one that contains `from`. Nothing above the bound is returned; at the bound, nothing is.
    pub fn read(&self, request: ReadRequest) -> Result<ReadResult, ReadError> {
        again_if_gone(|| self.read_now(request))
    }

    fn read_now(&self, request: ReadRequest) -> Result<ReadResult, ReadError> {
        let view = self.view()?;
        let from = request.from.0;
        if from < view.log_start || from > view.log_end {
            return Err(ReadError::OffsetOutOfRange {
                offset: request.from,
                log_start: Offset(view.log_start),
                log_end: Offset(view.log_end),
            });
        }
        let bound = view.bound(request.isolation);
        let mut result = ReadResult {
            chunks: Vec::new(),
            has_more: false,
            high_watermark: Offset(view.high_watermark),
            last_stable_offset: Offset(view.last_stable),
            log_start_offset: Offset(view.log_start),
            aborted: Vec::new(),
        };
        let mut left = request.bytes_max;
        let mut next = from;
        let mut i = view.segment_of(from);
        while next < bound
            && let Some(segment) = view.segments.get(i)
        {
            let first = result.chunks.is_empty();
            let outcome = self.read_segment(segment, next, bound, left, request.at_least_one && first);
            match outcome {
                Ok(Piece::Chunk(chunk, end, has_more)) => {
                    left = left.saturating_sub(chunk.len() as u64);
                    result.chunks.push(chunk);
                    next = end;
                    result.has_more = has_more;
                    // Stopped inside the segment: by the bound, the bytes or a bad range.
                    if end < segment.next_offset() {
                        break;
                    }
                }
                Ok(Piece::Nothing) => {}
                Ok(Piece::Bound) => break,
                Ok(Piece::NoRoom) => {
                    result.has_more = true;
                    break;
                }
                // What was read before the damage is returned first.
                Err(_) if !first => {
                    result.has_more = true;
                    break;
                }
                Err(e) => return Err(e),
            }
            i += 1;
        }
        if request.isolation == Isolation::LastStable && !result.chunks.is_empty() {
            result.aborted = aborted_between(&view, from, next);
        }
        Ok(result)
    }

    fn view(&self) -> Result<View, ReadError> {
        if self.is_deleted() {
            return Err(ReadError::Deleted);
        }
        let state = self.state.lock();
        Ok(View {
            segments: Arc::clone(&state.segments),
            log_start: state.log_start,
            log_end: state.log_end,
            high_watermark: state.high_watermark,
            last_stable: state.last_stable(),
        })
    }

    /// The next whole batches of one segment, and the offset behind them.
    fn read_segment(
        &self,
        segment: &Arc<Segment>,
        from: i64,
        bound: i64,
        bytes_max: u64,
        at_least_one: bool,
    ) -> Result<Piece, ReadError> {
        let Some(start) = segment.find(from)? else { return Ok(Piece::Nothing) };
        if start.header.base_offset.0 >= bound {
            return Ok(Piece::Bound);
        }
        // The size first: what is appended meanwhile lies above the bound, which was taken before.
        let (size, next_offset) = {
            let state = segment.state.lock();
            (state.size, state.next_offset)
        };
        let visible_end = if bound >= next_offset { size } else { self.position_of(segment, bound, size)? };
        let end = segment.readable_end(start, visible_end, bytes_max, at_least_one)?;
        if end <= start.position {
            return Ok(Piece::NoRoom);
        }
        let next = if end == size { next_offset } else { segment.offset_at(end)? };
        let file = segment.file()?;
        let len = u32::try_from(end - start.position).unwrap_or(u32::MAX);
        Ok(Piece::Chunk(Chunk::FileRange { file, position: start.position, len }, next, end < visible_end))
    }

    /// Where the first batch at or above `offset` stands; `size` when there is none or damage comes first.
    fn position_of(&self, segment: &Segment, offset: i64, size: u64) -> Result<u64, ReadError> {
        match segment.find(offset) {
            Ok(found) => Ok(found.map_or(size, |f| f.position)),
            Err(ReadError::Corrupt { position, .. }) => Ok(position),
            Err(e) => Err(e),
        }
    }

    /// The first record with a timestamp of at least `timestamp`, below the bound of `isolation`.
    pub fn offset_for_timestamp(
        &self,
        timestamp: TimestampMs,
        isolation: Isolation,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        again_if_gone(|| self.look_for_timestamp(timestamp, isolation))
    }

    fn look_for_timestamp(
        &self,
        timestamp: TimestampMs,
        isolation: Isolation,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        let view = self.view()?;
        let bound = view.bound(isolation);
        for segment in &view.segments[view.segment_of(view.log_start)..] {
            let (max_timestamp, mut from) = {
                let state = segment.state.lock();
                let hint =
                    state.times.lookup(timestamp.0).map_err(|e| segment.storage_error("read the index of", e))?;
                (state.max_timestamp, hint.max(view.log_start))
            };
            if max_timestamp < timestamp.0 {
                continue;
            }
            while from < bound
                && let Some(found) = skip_damage(segment, from)?
            {
                if found.header.base_offset.0 >= bound {
                    return Ok(None);
                }
                if found.header.max_timestamp >= timestamp && !found.header.is_control() {
                    let batch = read_batch(segment, found)?;
                    let hit = first_record(segment, &batch, |offset, t| t >= timestamp && offset.0 >= view.log_start)?;
                    if let Some(hit) = hit {
                        return Ok(Some(hit).filter(|h| h.offset.0 < bound));
                    }
                }
                from = found.header.next_offset().0;
            }
        }
        Ok(None)
    }

    /// The first record that has the largest timestamp in the log.
    pub fn max_timestamp(&self) -> Result<Option<TimestampOffset>, ReadError> {
        again_if_gone(|| self.look_for_max_timestamp())
    }

    fn look_for_max_timestamp(&self) -> Result<Option<TimestampOffset>, ReadError> {
        let view = self.view()?;
        let mut best: Option<(i64, i64, &Arc<Segment>)> = None;
        for segment in view.segments.iter() {
            let state = segment.state.lock();
            if state.max_timestamp >= 0 && best.is_none_or(|(t, ..)| state.max_timestamp > t) {
                best = Some((state.max_timestamp, state.max_timestamp_offset, segment));
            }
        }
        let Some((timestamp, offset, segment)) = best else { return Ok(None) };
        let Some(found) = segment.find(offset)? else { return Ok(None) };
        let batch = read_batch(segment, found)?;
        first_record(segment, &batch, |_, t| t.0 == timestamp)
    }
}

/// A segment's files may go between the look at the log and the reading. Then the log knows that segment no more, or is
/// deleted itself: it is looked at again.
fn again_if_gone<T>(mut read: impl FnMut() -> Result<T, ReadError>) -> Result<T, ReadError> {
    match read() {
        Err(ReadError::Storage(e)) if e.kind() == std::io::ErrorKind::NotFound => read(),
        result => result,
    }
}

/// As [`Segment::find`], but goes on behind damage.
fn skip_damage(segment: &Segment, mut from: i64) -> Result<Option<Found>, ReadError> {
    loop {
        match segment.find(from) {
            Err(ReadError::Corrupt { next, .. }) if next.0 > from => from = next.0,
            Err(ReadError::Corrupt { .. }) => return Ok(None),
            result => return result,
        }
    }
}

fn read_batch(segment: &Segment, found: Found) -> Result<Batch, ReadError> {
    let mut bytes = vec![0; found.header.size_bytes()];
    segment.file()?.read_exact_at(&mut bytes, found.position).map_err(|e| segment.storage_error("read", e))?;
    Ok(Batch { header: found.header, bytes: Bytes::from(bytes) })
}

fn first_record(
    segment: &Segment,
    batch: &Batch,
    wanted: impl Fn(Offset, TimestampMs) -> bool,
) -> Result<Option<TimestampOffset>, ReadError> {
    let unreadable = |e: BatchError| {
        let e = std::io::Error::new(std::io::ErrorKind::InvalidData, e.to_string());
        ReadError::Storage(StorageError::new("read records of", segment.path(), e))
    };
    let records = batch.records(ReadLimits::default()).map_err(unreadable)?;
    for record in &records {
        let record = record.map_err(unreadable)?;
        if wanted(record.offset, record.timestamp) {
            return Ok(Some(TimestampOffset {
                timestamp: record.timestamp,
                offset: record.offset,
                leader_epoch: batch.header.leader_epoch,
            }));
        }
    }
    Ok(None)
}

/// The aborted transactions that overlap `[from, end)`, in the order of their markers.
fn aborted_between(view: &View, from: i64, end: i64) -> Vec<AbortedTxn> {
    let mut aborted = Vec::new();
    for segment in &view.segments[view.segment_of(from)..] {
        for txn in &segment.state.lock().aborted {
            if txn.last_offset.0 >= from && txn.first_offset.0 < end {
                aborted.push(*txn);
            }
            // Nothing that ends later can begin below this.
            if txn.last_stable_offset.0 >= end {
                return aborted;
            }
        }
    }
    aborted
}
