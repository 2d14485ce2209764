//! A disk in memory that forgets what was not synced.
//!
//! Every operation that changes something has a number. [`SimDisk::cut_power_at`] makes the disk refuse everything from
//! that number on; [`SimDisk::reboot`] then gives a new disk with what survived: all that was synced, and of the rest what
//! [`Loss`] and the seed leave, sector by sector and name by name, so that writes are dropped, torn and reordered.
//!
//! [`SimDisk::kill`] is the other crash: the process dies, the cache stays, and a loss of power may follow. Who wants the
//! system to write back by itself, so that older generations of a sector survive too, says so ([`SimDisk::write_back`]).
//!
//! Verified against: the contract in [`os::disk`]. Not modelled: bits that rot by themselves (tests flip them with
//! [`SimDisk::corrupt`]); a name that two directories hold for a moment while it is renamed between them. A disk that lies
//! is modelled to prove that tests notice ([`lie`]).

pub mod lie;
mod names;
mod state;
#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use os::{BLOCK_BYTES, DirEntry, Disk, DiskLock, DiskSpace, File, OpenMode};

use lie::Lie;
use state::{Change, State};

/// What becomes of unsynced changes when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All of them are lost.
    All,
    /// None is lost, and all is durable now: as if the system had written everything back just in time.
    Nothing,
    /// Names that were not synced are lost, bytes are not.
    Names,
    /// Bytes that were not synced are lost, names are not: a file has the length or the content that was synced.
    Bytes,
    /// Each sector and each name survives or not, by the seed.
    Random,
}

/// A simulated disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl SimDisk {
    /// An empty disk with power and endless space. It is honest, unless this process tests the tests ([`lie`]).
    #[must_use]
    pub fn new() -> Self {
        Self { state: Arc::new(Mutex::new(State::new(Lie::of_this_process()))) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many changing operations were done: writes, length changes, syncs, creations, renames, removals.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// How many of them were syncs of files or directories.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Cuts the power just before the changing operation with this number (the first has number 0).
    pub fn cut_power_at(&self, operation: u64) {
        self.state().power_off_at = Some(operation);
    }

    /// Cuts the power now.
    pub fn cut_power(&self) {
        let mut state = self.state();
        state.power_off_at = Some(state.operations);
    }

    /// Whether an operation has met the cut.
    #[must_use]
    pub fn is_off(&self) -> bool {
        let state = self.state();
        state.power_off_at.is_some_and(|at| state.operations >= at)
    }

    /// From now on the system writes some dirty sectors and names back by itself, as this seed decides.
    pub fn write_back(&self, seed: u64) {
        self.state().write_back = Some(fastrand::Rng::with_seed(seed));
    }

    /// Makes the next `count` syncs of files fail with EIO. Their bytes are then neither durable nor dirty, as on Linux.
    pub fn fail_syncs(&self, count: u32) {
        self.state().syncs_to_fail = count;
    }

    /// Makes the next `count` syncs of directories fail with EIO.
    pub fn fail_dir_syncs(&self, count: u32) {
        self.state().dir_syncs_to_fail = count;
    }

    /// Lets no directory be removed, until it is switched off, as when somebody made a file in it immutable.
    pub fn refuse_removals(&self, refuse: bool) {
        self.state().removals_refused = refuse;
    }

    /// Lets no directory be renamed, for this reason, as when there is no space for a longer name; `None`: lets it again.
    pub fn refuse_renames(&self, why: Option<io::ErrorKind>) {
        self.state().renames_refused = why;
    }

    /// Bounds the disk: writes that would make all files together longer fail with ENOSPC.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    /// Lets every opening of a file or directory fail with EMFILE, until it is switched off. Open files work on.
    pub fn refuse_opens(&self, refuse: bool) {
        self.state().opens_refused = refuse;
    }

    /// Flips bits of a stored byte, in the cache and on the platter.
    pub fn corrupt(&self, path: &Path, offset: u64, mask: u8) -> io::Result<()> {
        self.state().corrupt(path, offset, mask)
    }

    /// The disk as the next process finds it after `kill -9`: with everything written, and not a byte more durable. The
    /// dead process, if it still runs, is refused.
    #[must_use]
    pub fn kill(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.state().hand_on())) }
    }

    /// The disk after power came back: what was synced, and what `loss` leaves of the rest.
    #[must_use]
    pub fn reboot(&self, loss: Loss, seed: u64) -> Self {
        Self { state: Arc::new(Mutex::new(self.state().survivors(loss, seed))) }
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: usize,
    writable: bool,
    /// Opened for writes past the cache.
    through: bool,
}

impl SimFile {
    fn change(&self, change: Change<'_>) -> io::Result<()> {
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.disk.state().change(self.inode, change)
    }
}

impl File for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.state().read_at(self.inode, buf, offset)
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.change(Change::Write { offset, bytes: buf })
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.state().len(self.inode)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::SetLen(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.state().sync_file(self.inode)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.disk.state().sync_file(self.inode)
    }

    /// A change and a sync, so that the power may go when some sectors are written and others are not.
    fn write_through_at(&self, buf: &[u8], offset: u64) -> io::Result<bool> {
        let aligned = buf.len().is_multiple_of(BLOCK_BYTES) && offset.is_multiple_of(BLOCK_BYTES as u64);
        // Where the file would grow, a real one would have to write more than the bytes.
        if !self.through || !aligned || offset + buf.len() as u64 > self.len()? {
            return Ok(false);
        }
        self.write_all_at(buf, offset)?;
        self.sync_data()?;
        Ok(true)
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state().locks.remove(&self.path);
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let inode = self.state().open(path, mode)?;
        Ok(Arc::new(SimFile {
            disk: self.clone(),
            inode,
            writable: mode != OpenMode::Read,
            through: mode == OpenMode::WriteThrough,
        }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.state().create_dir_all(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.state().read_dir(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.state().exists(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state().rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.state().remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.state().remove_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.state().sync_dir(path)
    }

    fn space(&self, _path: &Path) -> io::Result<DiskSpace> {
        let state = self.state();
        Ok(DiskSpace { free_bytes: state.free_bytes(), total_bytes: state.capacity.unwrap_or(u64::MAX) })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        if !self.state().locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_owned() }))
    }
}
