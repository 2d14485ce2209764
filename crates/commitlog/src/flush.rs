//! What the flusher does with one log: taking what is new, syncing it, closing rolled segments, snapshots.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use os::Disk;
use parking_lot::MutexGuard;

use crate::config::Durability;
use crate::error::StorageError;
use crate::log::{Image, Log, State};
use crate::pending::Pending;
use crate::segment::{Segment, file_name, remove_if_there};

/// How long to wait before asking again for a file descriptor.
const FILES_WAIT: Duration = Duration::from_millis(20);

/// How what is new in a log becomes durable.
#[derive(Debug)]
pub(crate) enum Begun {
    /// By the journal: so many bytes of batches are in the frame, and nothing below this offset is left.
    InFrame { bytes: usize, target: i64 },
    /// By a sync of its segments.
    ToSync(Flush),
}

/// What is to be synced of one log.
#[derive(Debug)]
pub(crate) struct Flush {
    log: Arc<Log>,
    target: i64,
    /// Segments to sync, and their sizes when this was taken.
    pub segments: Vec<(Arc<Segment>, u64)>,
    dir: Option<PathBuf>,
    names_created: u64,
}

impl Flush {
    /// Syncs the segments and, if names in it are new, the directory.
    pub(crate) fn sync(&self, disk: &dyn Disk) -> Result<(), StorageError> {
        match self.sync_all(disk) {
            // Its files are gone, and nobody waits for them.
            Err(_) if self.log.is_deleted() => Ok(()),
            result => result,
        }
    }

    fn sync_all(&self, disk: &dyn Disk) -> Result<(), StorageError> {
        for (segment, _) in &self.segments {
            segment.file()?.sync_data().map_err(|e| segment.storage_error("sync", e))?;
        }
        match &self.dir {
            Some(dir) => sync_dir_when_files_are_free(disk, dir),
            None => Ok(()),
        }
    }
}

impl Log {
    /// Takes what is new since the last flush: into the journal's frame, unless that is more than `bytes_max` or too much for
    /// the journal.
    pub(crate) fn begin_flush(&self, frame: &mut Vec<u8>, bytes_max: usize) -> Begun {
        let mut state = self.state.lock();
        match state.pending.take(frame, bytes_max) {
            Some(bytes) => Begun::InFrame { bytes, target: state.log_end },
            None => Begun::ToSync(self.segments_to_sync(&state)),
        }
    }

    /// Takes what is new since the last flush, to be synced in its segments.
    pub(crate) fn begin_sync(&self) -> Flush {
        let mut state = self.state.lock();
        state.pending = Pending::default();
        self.segments_to_sync(&state)
    }

    /// Looks at what must be synced for the segments to hold everything.
    pub(crate) fn begin_segment_sync(&self) -> Flush {
        self.segments_to_sync(&self.state.lock())
    }

    fn segments_to_sync(&self, state: &State) -> Flush {
        Flush {
            log: self.me(),
            target: state.log_end,
            segments: state.unsynced.iter().map(|s| (Arc::clone(s), s.size())).collect(),
            dir: (state.names_created > state.names_synced).then(|| self.dir().to_owned()),
            names_created: state.names_created,
        }
    }

    /// All below `target` is durable by the journal: the high watermark moves.
    pub(crate) fn end_journaled(&self, target: i64) {
        self.end_round(self.state.lock(), target);
    }

    /// The flush is durable: the high watermark moves.
    pub(crate) fn end_flush(&self, flush: &Flush) {
        let mut state = self.state.lock();
        synced(&mut state, flush);
        self.end_round(state, flush.target);
    }

    fn end_round(&self, mut state: MutexGuard<'_, State>, target: i64) {
        state.durable_end = state.durable_end.max(target);
        state.advance_high_watermark(self.shared.durability);
        let moved = self.publish(&state);
        drop(state);
        self.wake(moved);
    }

    pub(crate) fn end_segment_sync(&self, flush: &Flush) {
        synced(&mut self.state.lock(), flush);
    }

    /// Whether the thread of the chores has anything to do here: it is told when that begins, and may not have been able to.
    pub(crate) fn has_chores(&self) -> bool {
        let state = self.state.lock();
        !state.rolled.is_empty() || self.shared.durability == Durability::Fsync && state.is_snapshot_due()
    }

    /// Writes the index files and snapshots of rolled segments, which makes their ends recovery points. Whether any moved.
    pub(crate) fn close_rolled_segments(&self) -> Result<bool, StorageError> {
        let _files = self.files.lock();
        self.close_rolled()
    }

    fn close_rolled(&self) -> Result<bool, StorageError> {
        let mut moved = false;
        loop {
            if self.is_deleted() {
                return Ok(moved);
            }
            let Some((segment, image)) = self.state.lock().rolled.front().cloned() else { return Ok(moved) };
            self.close_segment(&segment, &image)?;
            moved = true;
        }
    }

    fn close_segment(&self, segment: &Arc<Segment>, image: &Image) -> Result<(), StorageError> {
        segment.file()?.sync_data().map_err(|e| segment.storage_error("sync", e))?;
        let indexes = segment.state.lock().index_image();
        if let Some(indexes) = indexes {
            segment.write_indexes(&indexes, true)?;
        }
        self.write_image(image)?;
        let mut state = self.state.lock();
        state.rolled.retain(|(s, _)| !Arc::ptr_eq(s, segment));
        state.unsynced.retain(|s| !Arc::ptr_eq(s, segment));
        state.synced_end = state.synced_end.max(image.offset);
        let before = Self::snapshot_written(&mut state, image.offset);
        drop(state);
        self.remove_snapshot(before)
    }

    /// Writes index files and a snapshot for the active segment when many bytes were appended since the last time.
    pub(crate) fn snapshot_if_due(&self) -> Result<bool, StorageError> {
        if self.state.lock().is_snapshot_due() { self.snapshot_now() } else { Ok(false) }
    }

    /// Syncs everything, and writes index files and a snapshot at the end. Whether anything was to do.
    pub(crate) fn snapshot_now(&self) -> Result<bool, StorageError> {
        let _files = self.files.lock();
        if self.is_deleted() { Ok(false) } else { self.snapshot() }
    }

    fn snapshot(&self) -> Result<bool, StorageError> {
        self.close_rolled()?;
        let (active, indexes, image, flush) = {
            let mut state = self.state.lock();
            if state.snapshot_end >= state.log_end
                && state.unsynced.is_empty()
                && state.names_created == state.names_synced
            {
                return Ok(false);
            }
            // Rolled again since: the next chore closes that segment first.
            if !state.rolled.is_empty() {
                return Ok(false);
            }
            state.bytes_since_snapshot = 0;
            let active = Arc::clone(state.active());
            let indexes = active.state.lock().index_image();
            (active, indexes, state.image(), self.segments_to_sync(&state))
        };
        flush.sync_all(&*self.shared.disk)?;
        if let Some(indexes) = indexes {
            active.write_indexes(&indexes, false)?;
        }
        self.write_image(&image)?;
        let mut state = self.state.lock();
        synced(&mut state, &flush);
        let before = Self::snapshot_written(&mut state, image.offset);
        drop(state);
        self.remove_snapshot(before)?;
        Ok(true)
    }

    /// The epochs, then the windows, then the snapshot: once that is there, all else is.
    pub(crate) fn write_image(&self, image: &Image) -> Result<(), StorageError> {
        let disk = &*self.shared.disk;
        let replace =
            |path: &Path, bytes: &[u8]| disk.replace(path, bytes).map_err(|e| StorageError::new("write", path, e));
        if self.state.lock().epochs_written != image.epochs {
            replace(&self.dir().join(EPOCHS_FILE), image.epochs.as_bytes())?;
            self.state.lock().epochs_written.clone_from(&image.epochs);
        }
        if !image.windows.is_empty() {
            let dir = windows_dir(&self.shared.state_dir, self.name());
            // Once it is there, its name is durable: opening the set has seen to that.
            let create = || if disk.exists(&dir)? { Ok(()) } else { disk.create_dir_synced(&dir) };
            create().map_err(|e| StorageError::new("create", &dir, e))?;
            replace(&dir.join(windows_name(image.offset)), &image.windows)?;
        }
        // The names of index files must not come later than the snapshot that vouches for them.
        disk.sync_dir(self.dir()).map_err(|e| StorageError::new("sync", self.dir(), e))?;
        replace(&self.dir().join(file_name(image.offset, "snapshot")), &image.snapshot)
    }

    /// Takes note of a snapshot; returns the one before.
    fn snapshot_written(state: &mut State, offset: i64) -> Before {
        let before = std::mem::replace(&mut state.snapshot_end, offset);
        Before {
            offset: (before != offset).then_some(before),
            is_base: state.segments.iter().any(|s| s.base == before),
        }
    }

    /// Removes what the newer snapshot replaces. Those at the segments' bases stay, as Kafka's do.
    fn remove_snapshot(&self, before: Before) -> Result<(), StorageError> {
        let Some(offset) = before.offset else { return Ok(()) };
        let disk = &*self.shared.disk;
        remove_if_there(disk, &windows_dir(&self.shared.state_dir, self.name()).join(windows_name(offset)))?;
        if before.is_base {
            return Ok(());
        }
        remove_if_there(disk, &self.dir().join(file_name(offset, "snapshot")))
    }
}

/// The snapshot before the newest.
#[derive(Clone, Copy, Debug)]
struct Before {
    offset: Option<i64>,
    is_base: bool,
}

pub(crate) const EPOCHS_FILE: &str = "leader-epoch-checkpoint";

/// Where the state directory keeps the windows of a log's producers: a file for each snapshot that has some.
pub(crate) fn windows_dir(state_dir: &Path, name: &str) -> PathBuf {
    state_dir.join("windows").join(name)
}

pub(crate) fn windows_name(offset: i64) -> String {
    format!("{offset:020}")
}

/// A directory must be opened to be synced. Without a descriptor for it nothing was tried yet, so this is no failed sync; and
/// descriptors come back as soon as some connection ends.
fn sync_dir_when_files_are_free(disk: &dyn Disk, dir: &Path) -> Result<(), StorageError> {
    let mut said = false;
    loop {
        match disk.sync_dir(dir) {
            Err(error) if os::is_out_of_files(&error) => {
                if !std::mem::replace(&mut said, true) {
                    tracing::warn!(dir = %dir.display(), %error, "no file descriptor left for a sync: waiting for one");
                }
                std::thread::sleep(FILES_WAIT);
            }
            result => return result.map_err(|e| StorageError::new("sync", dir, e)),
        }
    }
}

fn synced(state: &mut State, flush: &Flush) {
    // A segment that grew meanwhile has unsynced bytes again.
    state.unsynced.retain(|s| !flush.segments.iter().any(|(t, size)| Arc::ptr_eq(s, t) && s.size() == *size));
    state.names_synced = state.names_synced.max(flush.names_created);
    state.synced_end = state.synced_end.max(flush.target);
}
