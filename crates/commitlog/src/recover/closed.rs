//! Segments that are not scanned: what a crash left half-done of their compaction or removal, and their indexes.

use std::io;
use std::sync::Arc;

use os::OpenMode;

use super::Recovery;
use crate::append::marker_of;
use crate::compact::KINDS;
use crate::error::StorageError;
use crate::files::SegmentFile;
use crate::index::{OffsetIndex, Table, TimeIndex};
use crate::log::AbortedTxn;
use crate::producer::{Check, NOT_SEEN, ProducerStates, Staged};
use crate::scan::{Scanner, Step, find_chain};
use crate::segment::{BadRange, Segment, file_name, remove_if_there};
use crate::{seeded, snapshot, txn_index};

impl Recovery {
    /// Compactions that were decided but not done are done; traces of others go.
    pub(super) fn finish_swaps(&self) -> Result<(), StorageError> {
        let entries = self.disk().read_dir(&self.dir).map_err(|e| self.error("list", e))?;
        let named = |end: &str| -> Vec<i64> {
            entries.iter().filter_map(|e| e.name.strip_suffix(end)).filter_map(|stem| stem.parse().ok()).collect()
        };
        let sync_dir = || self.disk().sync_dir(&self.dir).map_err(|e| self.error("sync", e));
        let logs = named(".log");
        let decided = named(".log.swap");
        for base in &decided {
            let swap = self.dir.join(file_name(*base, "log.swap"));
            let open = || {
                let file = self.disk().open(&swap, OpenMode::Read)?;
                let len = file.len()?;
                let mut scanner = Scanner::new(file, 0, len);
                let mut end = *base;
                while let Step::Batch(header) = scanner.step(end)? {
                    end = header.next_offset().0;
                }
                Ok(end)
            };
            let end = open().map_err(|e| StorageError::new("read", &swap, e))?;
            let replaced = || logs.iter().filter(|b| **b > *base && **b < end).map(|b| self.segment(*b));
            replaced().try_for_each(|segment| segment.remove_log())?;
            sync_dir()?;
            replaced().try_for_each(|segment| segment.remove_helpers())?;
            for kind in KINDS {
                let (from, to) = (file_name(*base, &format!("{kind}.swap")), file_name(*base, kind));
                let (from, to) = (self.dir.join(from), self.dir.join(to));
                if kind == "log" {
                    sync_dir()?;
                }
                match self.disk().rename(&from, &to) {
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    result => result.map_err(|e| StorageError::new("rename", &from, e))?,
                }
            }
            sync_dir()?;
        }
        for entry in entries.iter().filter(|e| e.name.ends_with(".swap")) {
            if decided.iter().all(|base| !entry.name.starts_with(&format!("{base:020}."))) {
                remove_if_there(self.disk(), &self.dir.join(&entry.name))?;
            }
        }
        Ok(())
    }

    /// Segments below the log start, whose removal may be half done. Only those in front of the start: of the others the
    /// producers are still to be read. Returns how many.
    pub(super) fn drop_unwanted(&mut self, count: usize) -> Result<usize, StorageError> {
        let unwanted = (0..count).take_while(|i| self.segments[i + 1].base <= self.log_start).count();
        for segment in self.segments.drain(..unwanted).collect::<Vec<_>>() {
            segment.remove_files()?;
        }
        Ok(unwanted)
    }

    /// The segments in front of the start are complete: their indexes are in files.
    pub(super) fn load_closed(&mut self, count: usize) -> Result<(), StorageError> {
        for i in 0..count {
            let segment = Arc::clone(&self.segments[i]);
            let (len, next) = (self.len(&segment), self.segments[i + 1].base);
            let known = self.read_aborted(&segment, next)?;
            let aborted = match &known {
                Some(aborted) => aborted.clone(),
                None => self.find_aborted(i)?,
            };
            let attached = self.attach_indexes(&segment, len, next)?;
            segment.state.lock().aborted = aborted;
            if !attached {
                self.damage
                    .push(format!("the indexes of {} do not fit: they are built again", segment.path().display()));
                self.rebuild(&segment, len, next)?;
            } else if known.is_none() {
                let index = txn_index::encode(&segment.state.lock().aborted);
                segment.write_aborted(&index)?;
            }
        }
        Ok(())
    }

    /// The aborted transactions of a segment below `next_offset`, if their index checks out.
    pub(super) fn read_aborted(
        &mut self,
        segment: &Segment,
        next_offset: i64,
    ) -> Result<Option<Vec<AbortedTxn>>, StorageError> {
        let index = self.read_file(&segment.sibling("txnindex"))?.unwrap_or_default();
        let verified = match self.read_file(&segment.aborted_sum())? {
            _ if seeded::has(seeded::Bug::AbortedIndexTrusted) => Some(index.len()),
            Some(sums) => {
                let verified = txn_index::verified(&index, &sums);
                if verified.is_none() {
                    self.damage.push(format!(
                        "the index of aborted transactions beside {} does not check out: it is built again",
                        segment.path().display()
                    ));
                }
                verified
            }
            None if index.is_empty() => Some(0),
            // An earlier version wrote it, or Kafka did: nothing says that it is wrong, nor that it is right.
            None => None,
        };
        Ok(verified.map(|bytes| txn_index::decode(&index[..bytes], segment.base, next_offset)))
    }

    /// The aborted transactions of a segment, from its batches and the producers that were known at its base.
    fn find_aborted(&self, i: usize) -> Result<Vec<AbortedTxn>, StorageError> {
        let mut first = i;
        let mut producers = loop {
            let base = self.segments[first].base;
            let bytes = self.read_file(&self.dir.join(file_name(base, "snapshot")))?;
            match bytes.and_then(|bytes| snapshot::decode(&bytes, None, base)) {
                Some(producers) => break producers,
                None if first == 0 => break ProducerStates::default(),
                None => first -= 1,
            }
        };
        let mut found = Vec::new();
        for (segment, next) in self.segments[first..].iter().zip(&self.segments[first + 1..]).take(i + 1 - first) {
            let (len, file) = (self.len(segment), segment.file()?);
            let mut scanner = Scanner::new(Arc::clone(&file), 0, len);
            let mut expected = segment.base;
            found.clear();
            loop {
                let position = scanner.position();
                match scanner.step(expected).map_err(|e| segment.storage_error("read", e))? {
                    Step::End => break,
                    Step::Batch(header) => {
                        let mut staged = Staged::default();
                        // What was accepted once is not refused.
                        let marker = marker_of(&header, scanner.bytes());
                        let _accepted = producers.stage(&mut staged, &header, marker, Check::Nothing);
                        found.extend(producers.apply(staged, NOT_SEEN));
                        expected = header.next_offset().0;
                    }
                    Step::Bad => {
                        let chain = find_chain(&file, position, len, expected, next.base)
                            .map_err(|e| segment.storage_error("read", e))?;
                        let Some((at, header)) = chain else { break };
                        expected = header.base_offset.0;
                        scanner = Scanner::new(Arc::clone(&file), at, len);
                    }
                }
            }
        }
        Ok(found)
    }

    fn attach_indexes(&self, segment: &Segment, len: u64, next_offset: i64) -> Result<bool, StorageError> {
        let open = |kind: &str| {
            let path = segment.sibling(kind);
            let file = SegmentFile::complete(&self.home, path.clone());
            match file.get().and_then(|opened| opened.len()) {
                Ok(len) => Ok(Some((file, len))),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(e) => Err(StorageError::new("open", &path, e)),
            }
        };
        let (Some((offsets, offsets_len)), Some((times, times_len))) = (open("index")?, open("timeindex")?) else {
            return Ok(false);
        };
        if offsets_len % OffsetIndex::ENTRY_BYTES as u64 != 0 || times_len % TimeIndex::ENTRY_BYTES as u64 != 0 {
            return Ok(false);
        }
        let index_error = |e| segment.storage_error("read the index of", e);
        let entries = (offsets_len / OffsetIndex::ENTRY_BYTES as u64) as usize;
        let offsets = OffsetIndex { base: segment.base, table: Table::OnDisk { file: offsets, entries } };
        let entries = (times_len / TimeIndex::ENTRY_BYTES as u64) as usize;
        let times = TimeIndex { base: segment.base, table: Table::OnDisk { file: times, entries } };
        if offsets.table.len() > 0 {
            let last = offsets.get(offsets.table.len() - 1).map_err(index_error)?;
            let fits = last.position < len && (segment.base..next_offset).contains(&last.last_offset);
            if !fits {
                return Ok(false);
            }
        }
        let newest = times.last().map_err(index_error)?;
        if newest.is_none() && len > 0 || newest.is_some_and(|(t, o)| t < 0 || o >= next_offset) {
            return Ok(false);
        }
        let mut state = segment.state.lock();
        (state.max_timestamp, state.max_timestamp_offset) = newest.unwrap_or((-1, -1));
        state.offsets = offsets;
        state.times = times;
        state.size = len;
        state.next_offset = next_offset;
        drop(state);
        segment.release();
        Ok(true)
    }

    /// Builds the indexes of a closed segment from its batches, damage left out. The aborted transactions are known.
    fn rebuild(&mut self, segment: &Arc<Segment>, len: u64, next_offset: i64) -> Result<(), StorageError> {
        let mut scanner = Scanner::new(segment.file()?, 0, len);
        let mut expected = segment.base;
        loop {
            let position = scanner.position();
            match scanner.step(expected).map_err(|e| segment.storage_error("read", e))? {
                Step::End => break,
                Step::Batch(header) => {
                    let mut state = segment.state.lock();
                    state.add(&header, position, self.interval);
                    state.checked.insert(position, scanner.position());
                    expected = header.next_offset().0;
                }
                Step::Bad => {
                    let file = segment.file()?;
                    let chain = find_chain(&file, position, len, expected, next_offset)
                        .map_err(|e| segment.storage_error("read", e))?;
                    let (to, next) = chain.map_or((len, next_offset), |(at, h)| (at, h.base_offset.0));
                    self.note_damage(segment, BadRange { from: position, to, first: expected, next });
                    if to == len {
                        break;
                    }
                    expected = next;
                    scanner = Scanner::new(file, to, len);
                }
            }
        }
        let image = {
            let mut state = segment.state.lock();
            state.size = len;
            state.next_offset = next_offset;
            state.index_image()
        };
        match image {
            Some(image) => segment.write_indexes(&image, true),
            None => Ok(()),
        }
    }
}
