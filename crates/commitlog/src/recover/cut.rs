//! Cutting a tail, and keeping what was cut.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use os::{File, OpenMode};
use record::Offset;

use super::Recovery;
use crate::error::StorageError;
use crate::scan::{Scanner, Step, any_batch_after};
use crate::segment::{Segment, file_name};
use crate::set::Cut;

const COPY_BYTES: usize = 1 << 20;

impl Recovery {
    /// Cuts the log at `at` in segment `i`; keeps the bytes.
    pub(super) fn cut_from(&mut self, i: usize, at: u64, whole: bool) -> Result<(), StorageError> {
        let tails: Vec<(Arc<Segment>, u64)> =
            self.segments[i..].iter().enumerate().map(|(k, s)| (Arc::clone(s), if k == 0 { at } else { 0 })).collect();
        let kept_in = self.cut_dir();
        let mut bytes = 0;
        let mut valid_batches_follow = false;
        for (segment, from) in &tails {
            let len = self.len(segment);
            if len > *from {
                bytes += len - from;
                let file = segment.file()?;
                // At its own front a later segment may begin with a good batch.
                let probe =
                    if *from == 0 { Scanner::new(Arc::clone(&file), 0, len).step(self.end) } else { Ok(Step::End) };
                let probe = probe.map_err(|e| segment.storage_error("read", e))?;
                valid_batches_follow |= matches!(probe, Step::Batch(_))
                    || any_batch_after(&file, *from, len, self.end).map_err(|e| segment.storage_error("read", e))?;
                let name = format!("{:020}-{}", self.end, file_name(segment.base, "log"));
                self.keep(&file, *from, len, &kept_in.join(name))?;
            }
        }
        if bytes > 0 {
            self.cut = Some(Cut {
                log: self.hints.name.clone(),
                end_offset: Offset(self.end),
                bytes,
                kept_in: kept_in.clone(),
                valid_batches_follow,
            });
        }
        self.was_cut = true;
        let first_removed = if whole { i } else { i + 1 };
        if !whole {
            let segment = &self.segments[i];
            segment.file()?.set_len(at).map_err(|e| segment.storage_error("cut", e))?;
        }
        for segment in self.segments.drain(first_removed..).collect::<Vec<_>>().iter().rev() {
            segment.remove_files()?;
        }
        if self.segments.is_empty() {
            self.add_segment(self.end)?;
        }
        Ok(())
    }

    /// Where the bytes are kept that this log loses.
    pub(super) fn cut_dir(&self) -> PathBuf {
        self.shared.state_dir.join("cut").join(&self.hints.name)
    }

    /// Copies `[from, to)` of a file, durably.
    fn keep(&self, file: &Arc<dyn File>, from: u64, to: u64, path: &Path) -> Result<(), StorageError> {
        self.keep_written(path, |out| {
            let mut block = vec![0; COPY_BYTES.min((to - from) as usize)];
            let mut at = from;
            while at < to {
                let n = (block.len() as u64).min(to - at) as usize;
                file.read_exact_at(&mut block[..n], at)?;
                out.write_all_at(&block[..n], at - from)?;
                at += n as u64;
            }
            Ok(())
        })
    }

    /// Keeps bytes, durably.
    pub(super) fn keep_bytes(&self, bytes: &[u8], path: &Path) -> Result<(), StorageError> {
        self.keep_written(path, |out| out.write_all_at(bytes, 0))
    }

    fn keep_written(&self, path: &Path, write: impl Fn(&dyn File) -> io::Result<()>) -> Result<(), StorageError> {
        let copy = || {
            let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
            self.disk().create_dir_synced(dir)?;
            let out = self.disk().open(path, OpenMode::Write)?;
            out.set_len(0)?;
            write(&*out)?;
            out.sync_all()?;
            self.disk().sync_dir(dir)
        };
        copy().map_err(|e| StorageError::new("keep what is cut in", path, e))
    }
}
