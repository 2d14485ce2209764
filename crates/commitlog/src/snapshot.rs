//! The producer snapshot: the state of all producers at an offset, so that a start need not read the log from its front.
//!
//! ```text
//! <offset>.snapshot   ┌─────────┬─────────┬───────────┬─ for each producer ────────────────────────────────────────────┐
//!   (Kafka's, v1)     │ version │ CRC32C  │ producers │ producer │epoch│ last     │ last   │offset│ timest.│coord.│ txn  │
//!                     │ i16 = 1 │ u32     │ i32       │ id i64   │ i16 │ sequence │ offset │ Δ i32│ i64    │epoch │ first│
//!                     │         │         │           │          │     │ i32      │ i64    │      │        │ i32  │ i64  │
//!                     └─────────┴─────────┴───────────┴──────────┴─────┴──────────┴────────┴──────┴────────┴──────┴──────┘
//! windows (ours)      ┌─────────┬─────────┬──────────┬─ for each producer with more than one remembered batch ─────────┐
//!   in the state      │ version │ CRC32C  │ offset   │ producer id i64 │ batches u8 │ (sequence i32, offset i64,        │
//!   directory         │ i16 = 1 │ u32     │ i64      │                 │            │  Δ i32, timestamp i64) …          │
//!                     └─────────┴─────────┴──────────┴─────────────────┴────────────┴───────────────────────────────────┘
//! ```
//!
//! Big-endian; each CRC covers everything behind it. Kafka's file holds a producer's last batch only; the second file holds
//! the other four, so that a retry is known after a restart too. It counts only beside the snapshot of its offset, and its
//! loss costs no more than Kafka's own restart does. A file that does not check out is not there.

use std::collections::HashMap;

use crate::producer::{BatchMeta, ProducerEntry, ProducerStates, WINDOW_BATCHES};

const VERSION: i16 = 1;
const CRC_END: usize = 6;
const ENTRY_BYTES: usize = 46;

fn seal(mut out: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&out[CRC_END..]);
    out[2..CRC_END].copy_from_slice(&crc.to_be_bytes());
    out
}

fn open(bytes: &[u8]) -> Option<Reader<'_>> {
    let body = bytes.get(CRC_END..)?;
    let right_version = bytes[..2] == VERSION.to_be_bytes();
    let right_crc = bytes[2..CRC_END] == crc32c::crc32c(body).to_be_bytes();
    (right_version && right_crc).then_some(Reader(body))
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
    fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }
    fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }
    fn i16(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }
    fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_be_bytes)
    }
}

/// Kafka's file.
pub(crate) fn encode(producers: &ProducerStates) -> Vec<u8> {
    let mut out = Vec::with_capacity(CRC_END + 4 + producers.len() * ENTRY_BYTES);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(producers.len() as i32).to_be_bytes());
    for (id, entry) in producers.iter() {
        let none = BatchMeta { last_sequence: -1, last_offset: -1, offset_delta: 0, timestamp: -1 };
        let last = entry.window().last().copied().unwrap_or(none);
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&entry.epoch.to_be_bytes());
        out.extend_from_slice(&last.last_sequence.to_be_bytes());
        out.extend_from_slice(&last.last_offset.to_be_bytes());
        out.extend_from_slice(&last.offset_delta.to_be_bytes());
        out.extend_from_slice(&entry.last_timestamp.to_be_bytes());
        out.extend_from_slice(&entry.coordinator_epoch.to_be_bytes());
        out.extend_from_slice(&entry.txn_first_offset.unwrap_or(-1).to_be_bytes());
    }
    seal(out)
}

/// The windows that Kafka's file has no room for; empty when there are none.
pub(crate) fn encode_windows(producers: &ProducerStates, offset: i64) -> Vec<u8> {
    let mut out = Vec::new();
    if producers.iter().all(|(_, e)| e.window().len() <= 1) {
        return out;
    }
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&offset.to_be_bytes());
    for (id, entry) in producers.iter().filter(|(_, e)| e.window().len() > 1) {
        out.extend_from_slice(&id.to_be_bytes());
        out.push(entry.window().len() as u8);
        for batch in entry.window() {
            out.extend_from_slice(&batch.last_sequence.to_be_bytes());
            out.extend_from_slice(&batch.last_offset.to_be_bytes());
            out.extend_from_slice(&batch.offset_delta.to_be_bytes());
            out.extend_from_slice(&batch.timestamp.to_be_bytes());
        }
    }
    seal(out)
}

/// The producers at `offset`, or nothing.
pub(crate) fn decode(bytes: &[u8], windows: Option<&[u8]>, offset: i64) -> Option<ProducerStates> {
    let mut windows = windows.and_then(|bytes| decode_windows(bytes, offset)).unwrap_or_default();
    let mut reader = open(bytes)?;
    let count = reader.i32()?;
    if usize::try_from(count).ok()?.checked_mul(ENTRY_BYTES)? != reader.0.len() {
        return None;
    }
    let mut producers = ProducerStates::default();
    for _ in 0..count {
        let id = reader.i64()?;
        let mut entry = ProducerEntry::new(reader.i16()?);
        let mut last = BatchMeta {
            last_sequence: reader.i32()?,
            last_offset: reader.i64()?,
            offset_delta: reader.i32()?,
            timestamp: 0,
        };
        entry.last_timestamp = reader.i64()?;
        last.timestamp = entry.last_timestamp;
        entry.coordinator_epoch = reader.i32()?;
        entry.txn_first_offset = Some(reader.i64()?).filter(|first| *first >= 0);
        match windows.remove(&id) {
            Some(window) if window.last().is_some_and(|b| b.last_offset == last.last_offset) => {
                window.into_iter().for_each(|b| entry.push(b));
            }
            _ if last.last_offset >= 0 => entry.push(last),
            _ => {}
        }
        producers.insert(id, entry);
    }
    Some(producers)
}

fn decode_windows(bytes: &[u8], offset: i64) -> Option<HashMap<i64, Vec<BatchMeta>>> {
    let mut reader = open(bytes)?;
    if reader.i64()? != offset {
        return None;
    }
    let mut windows = HashMap::new();
    while !reader.0.is_empty() {
        let id = reader.i64()?;
        let count = usize::from(reader.u8()?).min(WINDOW_BATCHES);
        let mut window = Vec::with_capacity(count);
        for _ in 0..count {
            window.push(BatchMeta {
                last_sequence: reader.i32()?,
                last_offset: reader.i64()?,
                offset_delta: reader.i32()?,
                timestamp: reader.i64()?,
            });
        }
        windows.insert(id, window);
    }
    Some(windows)
}
