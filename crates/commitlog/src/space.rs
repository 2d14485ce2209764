//! Free space on the disk of the logs, and the reserve below which producers are refused.
//!
//! The idea: what fills a disk is what clients produce, so that is what stops first, while there is still room for all that
//! helps: offset commits, ends of transactions, deletes, checkpoints, compaction. Those never ask.
//!
//! Owns: the reserve, and the figure that it is compared with.
//! Never: promises that a write succeeds. Other programs write too; a write that finds no space is taken back by the log.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use os::Disk;

/// The reserve where none was given: this much, but no more than the given part of the file system.
const RESERVE_BYTES_MAX: u64 = 256 << 20;
const RESERVE_PART: u64 = 10;
/// After so many admitted bytes the figure is looked at again, however much is free.
const LOOK_BYTES_MAX: u64 = 64 << 20;
/// Writing resumes when this part of the reserve is free beside it, so that the two states do not alternate.
const RESUME_PART: u64 = 8;

/// The free space of a set of logs. Shared by all who admit what clients send.
#[derive(Debug)]
pub struct Space {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// What the owner of the set asked for.
    wanted_bytes: Option<u64>,
    free_bytes: AtomicU64,
    reserve_bytes: AtomicU64,
    /// Bytes that may be admitted before the next look.
    left_bytes: AtomicI64,
    low: AtomicBool,
}

/// Less than the reserve is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowSpace {
    dir: PathBuf,
    reserve_bytes: u64,
}

impl fmt::Display for LowSpace {
    /// The same text as long as it is so: whoever reports it can see that it is nothing new.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the disk is nearly full: less than the reserve of {} MiB is free for {}; make room, and writing goes on by itself",
            self.reserve_bytes.div_ceil(1 << 20),
            self.dir.display()
        )
    }
}

impl std::error::Error for LowSpace {}

/// How much space there was at the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceFigures {
    /// What this process could still write.
    pub free_bytes: u64,
    /// Below this, producers are refused.
    pub reserve_bytes: u64,
    /// Whether they are.
    pub low: bool,
}

impl Space {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path, wanted_bytes: Option<u64>) -> Self {
        let space = Self {
            disk,
            dir: dir.to_owned(),
            wanted_bytes,
            free_bytes: AtomicU64::new(u64::MAX),
            reserve_bytes: AtomicU64::new(wanted_bytes.unwrap_or(0)),
            left_bytes: AtomicI64::new(0),
            low: AtomicBool::new(false),
        };
        space.look();
        space
    }

    /// Whether a client's append of so many bytes is taken. While it is not, each question looks again, so that writing goes
    /// on as soon as there is room.
    pub fn admit(&self, bytes: u64) -> Result<(), LowSpace> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let left = self.left_bytes.fetch_sub(bytes, Ordering::Relaxed).saturating_sub(bytes);
        if left < 0 || self.low.load(Ordering::Acquire) {
            self.look();
        }
        if !self.low.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(LowSpace { dir: self.dir.clone(), reserve_bytes: self.reserve_bytes.load(Ordering::Relaxed) })
    }

    /// The figures of the last look, which is at most one maintenance old.
    #[must_use]
    pub fn figures(&self) -> SpaceFigures {
        SpaceFigures {
            free_bytes: self.free_bytes.load(Ordering::Relaxed),
            reserve_bytes: self.reserve_bytes.load(Ordering::Relaxed),
            low: self.low.load(Ordering::Acquire),
        }
    }

    /// Asks the disk.
    pub(crate) fn look(&self) {
        // A file system that does not tell is not guarded; a write that finds no space is refused all the same.
        let Ok(space) = self.disk.space(&self.dir) else { return };
        let reserve = self.wanted_bytes.unwrap_or_else(|| RESERVE_BYTES_MAX.min(space.total_bytes / RESERVE_PART));
        self.free_bytes.store(space.free_bytes, Ordering::Relaxed);
        self.reserve_bytes.store(reserve, Ordering::Relaxed);
        // Half of the way to the reserve: others write too.
        let left = (space.free_bytes.saturating_sub(reserve) / 2).min(LOOK_BYTES_MAX);
        self.left_bytes.store(left.cast_signed(), Ordering::Relaxed);
        let was_low = self.low.load(Ordering::Acquire);
        let enough = if was_low { reserve.saturating_add(reserve / RESUME_PART) } else { reserve };
        let low = space.free_bytes < enough;
        if self.low.swap(low, Ordering::AcqRel) == low {
            return;
        }
        let (free_bytes, reserve_bytes) = (space.free_bytes, reserve);
        if low {
            tracing::warn!(
                dir = %self.dir.display(), free_bytes, reserve_bytes,
                "the disk is nearly full: producers are refused until there is room; all else goes on"
            );
        } else {
            tracing::warn!(dir = %self.dir.display(), free_bytes, reserve_bytes, "there is room again: writing goes on");
        }
    }
}
