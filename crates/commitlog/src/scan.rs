//! Reading a segment's file from front to back, trusting nothing.

use std::io;
use std::sync::Arc;

use os::File;
use record::{BatchHeader, HEADER_BYTES};

use crate::seeded;

const BLOCK_BYTES: usize = 256 * 1024;

/// What stands at a position.
#[derive(Debug)]
pub(crate) enum Step {
    /// A whole batch with a right checksum; its bytes are in [`Scanner::bytes`].
    Batch(BatchHeader),
    /// Bytes that are no batch, or a batch that is not whole or not right.
    Bad,
    /// The end, between two batches.
    End,
}

/// Walks the batches of `[position, end)` and checks each checksum. Memory: one block, or one batch where that is larger
/// and really lies in the file.
#[derive(Debug)]
pub(crate) struct Scanner {
    file: Arc<dyn File>,
    /// Where the next batch begins.
    position: u64,
    end: u64,
    block: Vec<u8>,
    /// Where the block lies in the file.
    block_at: u64,
    last: std::ops::Range<usize>,
}

impl Scanner {
    pub(crate) fn new(file: Arc<dyn File>, position: u64, end: u64) -> Self {
        Self { file, position, end, block: Vec::new(), block_at: position, last: 0..0 }
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The bytes of the batch that the last [`Step::Batch`] was.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.block[self.last.clone()]
    }

    /// Looks at the next position; moves past it only when a batch is there. `min_offset`: no batch may begin below it.
    pub(crate) fn step(&mut self, min_offset: i64) -> io::Result<Step> {
        if self.position >= self.end {
            return Ok(Step::End);
        }
        let left = self.end - self.position;
        let head = self.fill(left.min(HEADER_BYTES as u64) as usize)?;
        let Ok(header) = BatchHeader::parse(&self.block[head]) else { return Ok(Step::Bad) };
        let size = header.size_bytes();
        if size as u64 > left || header.base_offset.0 < min_offset {
            return Ok(Step::Bad);
        }
        let whole = self.fill(size)?;
        let computed = crc32c::crc32c(&self.block[whole.start + 21..whole.end]);
        if computed != header.crc && !seeded::has(seeded::Bug::CrcNotChecked) {
            return Ok(Step::Bad);
        }
        self.last = whole;
        self.position += size as u64;
        Ok(Step::Batch(header))
    }

    /// Makes `len` bytes from the position on available; they lie before `end`.
    fn fill(&mut self, len: usize) -> io::Result<std::ops::Range<usize>> {
        let start = (self.position - self.block_at) as usize;
        if start + len <= self.block.len() {
            return Ok(start..start + len);
        }
        let want = (len.max(BLOCK_BYTES) as u64).min(self.end - self.position) as usize;
        self.block.resize(want, 0);
        self.block_at = self.position;
        self.file.read_exact_at(&mut self.block, self.position)?;
        Ok(0..len)
    }
}

/// The first position after `from` at which batches begin that follow each other up to `end`, or up to the first one whose
/// offsets reach `offset_max`. A record's value may hold the bytes of a batch: such a chain breaks at the value's end.
pub(crate) fn find_chain(
    file: &Arc<dyn File>,
    from: u64,
    end: u64,
    min_offset: i64,
    offset_max: i64,
) -> io::Result<Option<(u64, BatchHeader)>> {
    find(file, from, end, min_offset, offset_max, |position, header| {
        let mut scanner = Scanner::new(Arc::clone(file), position, end);
        let mut expected = header.base_offset.0;
        loop {
            match scanner.step(expected)? {
                Step::Batch(header) if header.next_offset().0 >= offset_max => return Ok(true),
                Step::Batch(header) => expected = header.next_offset().0,
                Step::End => return Ok(true),
                Step::Bad => return Ok(false),
            }
        }
    })
}

/// Whether any batch with a right checksum begins after `from`.
pub(crate) fn any_batch_after(file: &Arc<dyn File>, from: u64, end: u64, min_offset: i64) -> io::Result<bool> {
    let found = find(file, from, end, min_offset, i64::MAX, |position, header| {
        Ok(matches!(Scanner::new(Arc::clone(file), position, end).step(header.base_offset.0)?, Step::Batch(_)))
    })?;
    Ok(found.is_some())
}

fn find(
    file: &Arc<dyn File>,
    from: u64,
    end: u64,
    min_offset: i64,
    offset_max: i64,
    accept: impl Fn(u64, &BatchHeader) -> io::Result<bool>,
) -> io::Result<Option<(u64, BatchHeader)>> {
    let mut block = Vec::new();
    let mut at = from + 1;
    while at + HEADER_BYTES as u64 <= end {
        let want = (BLOCK_BYTES as u64).min(end - at) as usize;
        block.resize(want, 0);
        file.read_exact_at(&mut block, at)?;
        for i in 0..=want - HEADER_BYTES {
            // Cheap tests first: the format byte, and offsets that can be right.
            if block[i + 16] != 2 {
                continue;
            }
            let Ok(header) = BatchHeader::parse(&block[i..]) else { continue };
            let base = header.base_offset.0;
            if base < min_offset || base - min_offset > i64::from(i32::MAX) || base >= offset_max {
                continue;
            }
            let position = at + i as u64;
            if position + header.size_bytes() as u64 <= end && accept(position, &header)? {
                return Ok(Some((position, header)));
            }
        }
        at += (want - HEADER_BYTES + 1) as u64;
    }
    Ok(None)
}
