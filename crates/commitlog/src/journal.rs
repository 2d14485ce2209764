//! The journal: one file that makes a round of many small appends durable with one sync.
//!
//! ```text
//! <state>/journal  ┌───────────────────────── frame, at a multiple of 512 ─────────────────────────┐┌─ next frame …
//!                  │ magic  │ CRC32C │ generation │ number │ length │ entries …                     ││
//!                  │ "MSJ1" │ u32    │ u64        │ u64    │ u32    │                               ││
//!                  └────────┴────────┴────────────┴────────┴────────┴───────────────────────────────┘└─
//!            entry ┌──────┬──────────────┬──────┬────────────────┬──────────┬────────┬─────────┐
//!                  │ kind │ name length  │ name │ segment's base │ position │ length │ batches │   kind 0: bytes of a segment
//!                  │ u8   │ u16          │      │ offset i64     │ u64      │ u32    │         │   kind 1: the log is deleted
//!                  └──────┴──────────────┴──────┴────────────────┴──────────┴────────┴─────────┘          (the name only)
//! ```
//!
//! Big-endian; the CRC covers everything behind it. Segments are written at once, by the append; only their sync follows
//! later. Until then recovery takes from here what a segment's tail lost. Once all segments are synced, the next generation
//! begins at the front, over blocks that the file has already: no file system metadata has to be written with a frame, and
//! the frame goes past the page cache in one call that returns when it is durable. That takes six tenths of the time of a
//! write and a sync of a growing segment. Where the file system knows no such call, the frame is written and synced.
//!
//! A frame of another generation, out of number or with a wrong CRC is the end: what stands there is of an earlier lap, or
//! torn. Unless frames of the same generation follow: each was durable before the next was begun, so that a bad one before
//! them is not torn but damaged. It is reported, and what follows counts. The first frame of a generation is always empty.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use os::{BLOCK_BYTES, Disk, File, OpenMode};

use crate::error::StorageError;
use crate::seeded;

const MAGIC: [u8; 4] = *b"MSJ1";
const HEADER_BYTES: usize = 28;
const CRC_END: usize = 8;
const ALIGN: u64 = BLOCK_BYTES as u64;
/// The file grows by this, zeroed, ahead of the frames.
const GROW_BYTES: u64 = 1 << 20;
/// A frame is at most this long; the flusher keeps rounds far below it.
const FRAME_BYTES_MAX: u32 = 64 << 20;
/// A frame's memory is used again up to this size.
const FRAME_BYTES_KEPT: usize = 1 << 20;
/// Of an entry, beside its name and its batches.
const ENTRY_BYTES: usize = 23;
const KIND_BATCHES: u8 = 0;
const KIND_DELETED: u8 = 1;

/// Bytes that stand in a segment, and here until its sync.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub segment_base: i64,
    pub position: u64,
    pub bytes: Bytes,
}

/// The open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    file: Arc<dyn File>,
    path: PathBuf,
    generation: u64,
    number: u64,
    position: u64,
    len: u64,
    frame: Vec<u8>,
    /// Where in `frame` the frame begins: at an address from which it can go past the page cache.
    begin: usize,
}

/// A frame that checks out, and where the next one would begin.
#[derive(Debug)]
struct Frame {
    generation: u64,
    number: u64,
    body: Bytes,
    end: u64,
}

/// What the journal held at the start: by log name, in the order of writing.
pub(crate) type Found = HashMap<String, Vec<Entry>>;

impl Journal {
    /// Opens the journal and reads what it holds; damage is told in words. It must be [`Journal::restart`]ed once that has
    /// been used.
    pub(crate) fn open(
        disk: &dyn Disk,
        state_dir: &Path,
        damage: &mut Vec<String>,
    ) -> Result<(Self, Found), StorageError> {
        let path = state_dir.join("journal");
        let open = || {
            let file = disk.open(&path, OpenMode::WriteThrough)?;
            disk.sync_dir(state_dir)?;
            let len = file.len()?;
            Ok((file, len))
        };
        let (file, len) = open().map_err(|e| StorageError::new("open", &path, e))?;
        let mut journal = Self { file, path, generation: 0, number: 0, position: 0, len, frame: Vec::new(), begin: 0 };
        let found = journal.read_all(damage).map_err(|e| journal.error("read", e))?;
        Ok((journal, found))
    }

    fn error(&self, what: &'static str, e: io::Error) -> StorageError {
        StorageError::new(what, &self.path, e)
    }

    fn read_all(&mut self, damage: &mut Vec<String>) -> io::Result<Found> {
        let mut found = Found::new();
        let mut known = false;
        let mut at = 0;
        loop {
            let next = self.frame_at(at)?.filter(|f| !known && at == 0 || self.follows(f, known) == Some(1));
            let frame = match next {
                Some(frame) => frame,
                None => {
                    let Some((from, frame)) = self.frame_after(at, known)? else { break };
                    // Of the generation before, which is all there in the segments, only an empty frame is missing.
                    if known {
                        damage.push(format!(
                            "{}: bytes {at} to {from} are damaged: what a log's own file lacks of these rounds is lost",
                            self.path.display()
                        ));
                    }
                    frame
                }
            };
            // From here on a generation is known, even if nothing in it is: the next one must differ.
            known = true;
            self.generation = frame.generation;
            self.number = frame.number;
            parse_entries(&frame.body, &mut found);
            at = frame.end;
        }
        if !known && self.len >= HEADER_BYTES as u64 {
            // The first frame is torn. What it says of its generation may be half new, half old: leave both behind.
            let mut head = [0; HEADER_BYTES];
            self.file.read_exact_at(&mut head, 0)?;
            self.generation = u64_at(&head, 8) & (u64::MAX >> 1);
        }
        Ok(found)
    }

    /// By how much a frame's number is ahead of the last one; `None` when it is of another generation, or not ahead.
    fn follows(&self, frame: &Frame, known: bool) -> Option<u64> {
        if !known {
            return Some(frame.number);
        }
        let ahead = frame.number.checked_sub(self.number)?;
        let same_lap = frame.generation == self.generation || seeded::has(seeded::Bug::JournalLapNotChecked);
        (same_lap && ahead > 0).then_some(ahead)
    }

    /// The whole frame at a position, if there is one.
    fn frame_at(&self, at: u64) -> io::Result<Option<Frame>> {
        let mut head = [0; HEADER_BYTES];
        if at + HEADER_BYTES as u64 > self.len {
            return Ok(None);
        }
        self.file.read_exact_at(&mut head, at)?;
        let length = u32::from_be_bytes([head[24], head[25], head[26], head[27]]);
        let end = at + HEADER_BYTES as u64 + u64::from(length);
        if head[..4] != MAGIC || length > FRAME_BYTES_MAX || end > self.len {
            return Ok(None);
        }
        let mut body = vec![0; length as usize];
        self.file.read_exact_at(&mut body, at + HEADER_BYTES as u64)?;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&head[CRC_END..]), &body);
        let (generation, number) = (u64_at(&head, 8), u64_at(&head, 16));
        let whole = head[4..CRC_END] == crc.to_be_bytes();
        Ok(whole.then(|| Frame { generation, number, body: body.into(), end: align(end) }))
    }

    /// The next frame of the generation behind a position at which there is none; of the newest generation when none is
    /// known.
    fn frame_after(&self, at: u64, known: bool) -> io::Result<Option<(u64, Frame)>> {
        let mut best: Option<(u64, Frame)> = None;
        let mut block = Vec::new();
        let mut block_at = at + ALIGN;
        while block_at + (HEADER_BYTES as u64) < self.len {
            block.resize(GROW_BYTES.min(self.len - block_at) as usize, 0);
            self.file.read_exact_at(&mut block, block_at)?;
            for from in (0..block.len()).step_by(ALIGN as usize) {
                if block.get(from..from + MAGIC.len()) != Some(&MAGIC[..]) {
                    continue;
                }
                let from = block_at + from as u64;
                let Some(frame) = self.frame_at(from)?.filter(|f| self.follows(f, known).is_some()) else { continue };
                if known {
                    return Ok(Some((from, frame)));
                }
                if best.as_ref().is_none_or(|(_, b)| frame.generation > b.generation) {
                    best = Some((from, frame));
                }
            }
            block_at += GROW_BYTES;
        }
        Ok(best)
    }

    /// Begins the next generation, durably. All that the journal held must be synced elsewhere.
    pub(crate) fn restart(&mut self) -> Result<(), StorageError> {
        self.generation = self.generation.wrapping_add(1);
        self.number = 0;
        self.position = 0;
        self.begin();
        self.write()
    }

    /// Bytes used by this generation.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Starts a frame.
    pub(crate) fn begin(&mut self) {
        // One large round must not keep its memory for ever.
        if self.frame.capacity() > FRAME_BYTES_KEPT {
            self.frame = Vec::new();
        }
        self.frame.clear();
        self.frame.reserve(2 * BLOCK_BYTES);
        self.begin = aligned_in(&self.frame);
        self.frame.resize(self.begin + HEADER_BYTES, 0);
    }

    /// The frame that was begun, for entries behind those that it has.
    pub(crate) fn frame(&mut self) -> &mut Vec<u8> {
        &mut self.frame
    }

    pub(crate) fn push_deleted(&mut self, name: &str) {
        push_name(&mut self.frame, KIND_DELETED, name);
    }

    /// Finishes the frame that was begun, and sees that the file has its place. After an error there is no frame.
    pub(crate) fn place(&mut self) -> Result<(), StorageError> {
        let whole = self.finish_frame();
        let next = self.position + whole as u64;
        if next > self.len {
            let grow = (next - self.len).div_ceil(GROW_BYTES) * GROW_BYTES;
            let zeros = vec![0; grow as usize];
            self.file.write_all_at(&zeros, self.len).map_err(|e| self.error("write", e))?;
            // Once for all frames that go there: only then do they replace bytes.
            self.file.sync_data().map_err(|e| self.error("sync", e))?;
            self.len += grow;
        }
        Ok(())
    }

    /// Writes the frame that was placed, durably. After an error for want of space it is not there; after any other nobody
    /// knows what is.
    pub(crate) fn write_synced(&self) -> Result<(), StorageError> {
        let frame = &self.frame[self.begin..];
        debug_assert_eq!(aligned_in(frame), 0, "else it never goes past the page cache");
        let through = self.file.write_through_at(frame, self.position);
        let is_durable = through.map_err(|e| self.error("write", e).of_durable_write())?;
        if !is_durable {
            self.file.write_all_at(frame, self.position).map_err(|e| self.error("write", e))?;
            self.file.sync_data().map_err(|e| self.error("sync", e))?;
        }
        Ok(())
    }

    /// The frame is durable: the next one comes behind it. One that was not written leaves its place to the next.
    pub(crate) fn advance(&mut self) {
        self.position += (self.frame.len() - self.begin) as u64;
        self.number += 1;
    }

    fn write(&mut self) -> Result<(), StorageError> {
        self.place()?;
        self.write_synced()?;
        self.advance();
        Ok(())
    }

    /// Fills in the header; returns the frame's length in the file.
    fn finish_frame(&mut self) -> usize {
        let length = self.frame.len() - self.begin - HEADER_BYTES;
        // The last block is filled up; recovery does not look behind the length.
        let whole = align((HEADER_BYTES + length) as u64) as usize;
        self.frame.resize(self.begin + whole, 0);
        self.align_memory();
        let frame = &mut self.frame[self.begin..];
        frame[..4].copy_from_slice(&MAGIC);
        frame[8..16].copy_from_slice(&self.generation.to_be_bytes());
        frame[16..24].copy_from_slice(&self.number.to_be_bytes());
        frame[24..28].copy_from_slice(&(length as u32).to_be_bytes());
        let crc = crc32c::crc32c(&frame[CRC_END..HEADER_BYTES + length]);
        frame[4..CRC_END].copy_from_slice(&crc.to_be_bytes());
        whole
    }

    /// Growing may have moved the frame to other memory: moves it to where it is aligned again.
    fn align_memory(&mut self) {
        // Room first: it may move the memory once more.
        self.frame.reserve(BLOCK_BYTES);
        let (was, begin) = (self.begin, aligned_in(&self.frame));
        if begin != was {
            let len = self.frame.len() - was;
            self.frame.resize(was.max(begin) + len, 0);
            self.frame.copy_within(was..was + len, begin);
            self.frame.truncate(begin + len);
            self.begin = begin;
        }
    }
}

/// Adds an entry to a frame, or to what will stand in one.
pub(crate) fn push_entry(out: &mut Vec<u8>, name: &str, segment_base: i64, position: u64, batches: &[u8]) {
    out.reserve(ENTRY_BYTES + name.len() + batches.len());
    push_name(out, KIND_BATCHES, name);
    out.extend_from_slice(&segment_base.to_be_bytes());
    out.extend_from_slice(&position.to_be_bytes());
    out.extend_from_slice(&(batches.len() as u32).to_be_bytes());
    out.extend_from_slice(batches);
}

fn push_name(out: &mut Vec<u8>, kind: u8, name: &str) {
    out.push(kind);
    out.extend_from_slice(&(name.len() as u16).to_be_bytes());
    out.extend_from_slice(name.as_bytes());
}

/// The first index of these bytes that is aligned in memory.
fn aligned_in(bytes: &[u8]) -> usize {
    bytes.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES)
}

fn align(position: u64) -> u64 {
    position.div_ceil(ALIGN) * ALIGN
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut b = [0; 8];
    b.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(b)
}

/// The entries of a frame whose CRC is right. Should they make no sense all the same, the rest is left out.
fn parse_entries(body: &Bytes, found: &mut Found) {
    let mut at = 0;
    let take = |at: &mut usize, len: usize| {
        let range = *at..at.checked_add(len)?;
        let bytes = body.get(range.clone())?;
        *at = range.end;
        Some(bytes)
    };
    while at < body.len() {
        let mut entry = || {
            let kind = take(&mut at, 1)?[0];
            let name_len = take(&mut at, 2)?;
            let name_len = usize::from(u16::from_be_bytes([name_len[0], name_len[1]]));
            let name = String::from_utf8(take(&mut at, name_len)?.to_vec()).ok()?;
            if kind == KIND_DELETED {
                return Some((name, None));
            }
            let head = take(&mut at, 20)?;
            let len = u32::from_be_bytes([head[16], head[17], head[18], head[19]]) as usize;
            let (segment_base, position) = (u64_at(head, 0) as i64, u64_at(head, 8));
            take(&mut at, len)?;
            Some((name, Some(Entry { segment_base, position, bytes: body.slice(at - len..at) })))
        };
        match entry() {
            Some((name, Some(entry))) => found.entry(name).or_default().push(entry),
            Some((name, None)) => {
                found.remove(&name);
            }
            None => break,
        }
    }
}
