//! The disk, as durable code sees it.
//!
//! The contract, which [`crate::RealDisk`] has from POSIX and the simulated disk enforces by forgetting:
//!
//! - Written bytes survive power loss only after [`File::sync_data`] or [`File::sync_all`] returned `Ok`.
//! - A created, renamed or removed name survives only after [`Disk::sync_dir`] of its directory returned `Ok`.
//! - Unsynced writes may survive in part, in any order, torn at any 512-byte boundary, or as zeros when they extended the file.
//! - After a failed sync, nothing is known of the bytes it covered: never retry and report success.
//! - A write of [`File::write_through_at`] is durable when it returns `Ok(true)`, and torn at any such boundary when the power
//!   goes before.

use std::fmt::Debug;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;

/// How a file is opened. All kinds may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading; the file must exist.
    Read,
    /// For reading and writing; created empty when absent, never truncated.
    Write,
    /// For reading and writing; must not exist yet.
    CreateNew,
    /// As [`OpenMode::Write`], for a file whose bytes are replaced in place again and again, by [`File::write_through_at`].
    WriteThrough,
}

/// What offset, length and address of a write past the page cache are multiples of.
pub const BLOCK_BYTES: usize = 512;

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The last component of the path.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Length in bytes (0 for directories).
    pub len: u64,
}

/// How full a file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes that this process may still write.
    pub free_bytes: u64,
    /// Bytes that it has in all.
    pub total_bytes: u64,
}

/// Whether an error says that the process (EMFILE) or the machine (ENFILE) has no file descriptor left: nothing was tried,
/// and nothing is wrong with the disk.
#[must_use]
pub fn is_out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    error.raw_os_error().is_some_and(|code| [Errno::MFILE, Errno::NFILE].iter().any(|e| e.raw_os_error() == code))
}

/// An open file. Offsets are absolute: there is no cursor, so one handle serves readers and one writer at once.
pub trait File: Send + Sync + Debug {
    /// Reads up to `buf.len()` bytes at `offset`; 0 means end of file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `buf` at `offset`, extending the file if needed. On an error any prefix may have been written.
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file is empty.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts or extends (with zeros) to `len` bytes.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes the bytes and the length durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes the bytes and all metadata durable.
    fn sync_all(&self) -> io::Result<()>;
    /// Writes all of `buf` at `offset`, past the page cache, and returns `Ok(true)` when it is durable. `Ok(false)`: nothing
    /// was written, as this is not possible here; write and sync instead. It is possible with a file that was opened with
    /// [`OpenMode::WriteThrough`], on most file systems, when offset, length and address are multiples of [`BLOCK_BYTES`]
    /// and the bytes replace others. Takes less time than a write and a sync.
    fn write_through_at(&self, buf: &[u8], offset: u64) -> io::Result<bool>;
    /// The descriptor, for `sendfile`; `None` on a simulated disk.
    fn as_fd(&self) -> Option<BorrowedFd<'_>>;

    /// Reads exactly `buf.len()` bytes at `offset`, or fails with `UnexpectedEof`.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < buf.len() {
            match self.read_at(&mut buf[done..], offset + done as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// A file system. Paths are absolute or relative to the process, as in `std::fs`.
pub trait Disk: Send + Sync + Debug + 'static {
    /// Opens or creates a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// Creates a directory and its parents.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, sorted.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// Whether the path exists.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Renames, replacing the target.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory and all that is in it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// How full the file system of `path` is.
    fn space(&self, path: &Path) -> io::Result<DiskSpace>;
    /// Takes the lock file at `path` (created when absent), or fails with `WouldBlock` when another process holds it.
    /// Released when dropped.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;

    /// Creates a directory and its parents, and makes the names of all of them durable: of those too that exist already, as
    /// a process that was killed may have made them and not come to sync them.
    fn create_dir_synced(&self, dir: &Path) -> io::Result<()> {
        let existed = self.exists(dir)?;
        self.create_dir_all(dir)?;
        for above in dir.ancestors().skip(1) {
            let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
            match self.sync_dir(above) {
                // Somebody else's directory, and not we who made what is in it.
                Err(e) if existed && e.kind() == io::ErrorKind::PermissionDenied => break,
                result => result?,
            }
        }
        Ok(())
    }

    /// The whole content of a file of at most `bytes_max` bytes.
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let file = self.open(path, OpenMode::Read)?;
        let len = file.len()?;
        if len > bytes_max {
            let what = format!("{} has {len} bytes, more than the {bytes_max} that it may have", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let mut bytes = vec![0; len as usize];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Replaces a file as a whole: temporary file, sync, rename, sync of the directory.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let mut tmp = path.as_os_str().to_owned();
        tmp.push(".tmp");
        let tmp = Path::new(&tmp);
        let file = self.open(tmp, OpenMode::Write)?;
        file.set_len(0)?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()?;
        self.rename(tmp, path)?;
        self.sync_dir(dir)
    }
}

/// A held lock file; dropping it releases the lock.
pub trait DiskLock: Send + Sync + Debug {}
