//! Which files of segments are open: those that are written, always; of the others as many as the process can spare.
//!
//! The file of a closed segment is opened when somebody asks for it. Whoever was given it keeps it open for as long as he
//! holds it (a scan, a fetch under way by sendfile); the pool lets go of what was not asked for lately when there are too
//! many, or when the process has no descriptor left.
//!
//! A name can come to mean another file: compaction puts a new segment in the place of old ones, a new log gets the name of a
//! deleted one. So whoever removes or replaces a file first sees to it that it is not opened by its name again
//! ([`SegmentFile::hold`], [`SegmentFile::forget`]).

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use os::{Disk, File, OpenMode};
use parking_lot::Mutex;

/// The pool. A file that was asked for since it was last looked at gets a second chance (the clock algorithm).
#[derive(Debug)]
pub(crate) struct OpenFiles {
    files_max: usize,
    open: Mutex<VecDeque<Weak<SegmentFile>>>,
}

/// A file of a segment, open or not.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    pool: Arc<OpenFiles>,
    slot: Mutex<Slot>,
    /// Since the pool last looked.
    asked: AtomicBool,
}

#[derive(Debug)]
struct Slot {
    file: Option<Arc<dyn File>>,
    life: Life,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Kept open: it is written, or its name means another file by now.
    Held,
    /// Open while it is asked for, in this mode.
    Pooled(OpenMode),
    /// Its name is gone: not opened again.
    Gone,
}

impl OpenFiles {
    pub(crate) fn new(files_max: usize) -> Arc<Self> {
        Arc::new(Self { files_max: files_max.max(1), open: Mutex::default() })
    }

    /// How many may be open beside those that are held.
    pub(crate) fn files_max(&self) -> usize {
        self.files_max
    }

    /// Opens a file, for which others are closed if that helps.
    fn open(&self, disk: &dyn Disk, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        loop {
            match disk.open(path, mode) {
                Err(e) if os::is_out_of_files(&e) && self.shrink_to(self.len() / 2) => {}
                result => return result,
            }
        }
    }

    fn len(&self) -> usize {
        self.open.lock().len()
    }

    fn enter(&self, file: &Arc<SegmentFile>) {
        self.open.lock().push_back(Arc::downgrade(file));
        self.shrink_to(self.files_max);
    }

    /// Closes what has not been asked for lately, until so many are left. Whether there are fewer than before.
    fn shrink_to(&self, files: usize) -> bool {
        let mut open = self.open.lock();
        let before = open.len();
        // Each twice: one that was asked for is spared the first time.
        let mut looks = 2 * before;
        while open.len() > files && looks > 0 {
            looks -= 1;
            let Some(candidate) = open.pop_front() else { break };
            // Its segment may be gone.
            let Some(file) = candidate.upgrade() else { continue };
            if file.asked.swap(false, Ordering::Relaxed) || !file.close() {
                open.push_back(candidate);
            }
        }
        open.len() < before
    }
}

impl SegmentFile {
    fn with(home: &Home, path: PathBuf, file: Option<Arc<dyn File>>, life: Life) -> Arc<Self> {
        let (disk, pool) = (Arc::clone(&home.disk), Arc::clone(&home.files));
        Arc::new(Self { disk, path, pool, slot: Mutex::new(Slot { file, life }), asked: AtomicBool::new(false) })
    }

    /// A file that may be written and need not be there yet.
    pub(crate) fn new(home: &Home, path: PathBuf) -> Arc<Self> {
        Self::with(home, path, None, Life::Pooled(OpenMode::Write))
    }

    /// A file that is there and complete.
    pub(crate) fn complete(home: &Home, path: PathBuf) -> Arc<Self> {
        Self::with(home, path, None, Life::Pooled(OpenMode::Read))
    }

    /// A file that is open, under whatever name, and is to be kept so until it has its own.
    pub(crate) fn held(home: &Home, path: PathBuf, file: Arc<dyn File>) -> Arc<Self> {
        Self::with(home, path, Some(file), Life::Held)
    }

    /// The file, opened if need be.
    pub(crate) fn get(self: &Arc<Self>) -> io::Result<Arc<dyn File>> {
        self.asked.store(true, Ordering::Relaxed);
        let mut slot = self.slot.lock();
        if let Some(file) = &slot.file {
            return Ok(Arc::clone(file));
        }
        let Life::Pooled(mode) = slot.life else { return Err(io::ErrorKind::NotFound.into()) };
        let file = self.pool.open(&*self.disk, &self.path, mode)?;
        slot.file = Some(Arc::clone(&file));
        drop(slot);
        self.pool.enter(self);
        Ok(file)
    }

    /// Opens it and keeps it open.
    pub(crate) fn hold(self: &Arc<Self>) -> io::Result<()> {
        let file = self.get()?;
        let mut slot = self.slot.lock();
        slot.file = Some(file);
        slot.life = Life::Held;
        Ok(())
    }

    /// It is complete and has its name: it need not be kept open any more.
    pub(crate) fn release(self: &Arc<Self>) {
        let is_open = {
            let mut slot = self.slot.lock();
            if slot.life != Life::Gone {
                slot.life = Life::Pooled(OpenMode::Read);
            }
            slot.file.is_some()
        };
        if is_open {
            self.pool.enter(self);
        }
    }

    /// Its name goes: who has it keeps it, but nobody opens it again.
    pub(crate) fn forget(&self) {
        self.slot.lock().life = Life::Gone;
    }

    /// Closes it if it is the pool's to close. Whether the pool is rid of it.
    fn close(&self) -> bool {
        // Somebody is opening it, or asking for it.
        let Some(mut slot) = self.slot.try_lock() else { return false };
        if let Life::Pooled(_) = slot.life {
            slot.file = None;
        }
        true
    }
}

/// Where the segments of a log live.
#[derive(Debug)]
pub(crate) struct Home {
    pub disk: Arc<dyn Disk>,
    pub dir: PathBuf,
    pub files: Arc<OpenFiles>,
    /// Where our own files about them are, which Kafka's tools must not meet.
    pub own: PathBuf,
}

#[cfg(test)]
mod tests {
    use testkit::SimDisk;

    use super::*;

    fn home(files_max: usize) -> (SimDisk, Home) {
        let sim = SimDisk::new();
        let disk: Arc<dyn Disk> = Arc::new(sim.clone());
        let dir = PathBuf::from("/d");
        disk.create_dir_all(&dir).expect("created");
        (sim, Home { disk, own: dir.clone(), dir, files: OpenFiles::new(files_max) })
    }

    fn file(home: &Home, name: &str) -> Arc<SegmentFile> {
        let file = SegmentFile::new(home, home.dir.join(name));
        file.get().and_then(|opened| opened.write_all_at(name.as_bytes(), 0)).expect("written");
        file
    }

    fn is_open(file: &SegmentFile) -> bool {
        file.slot.lock().file.is_some()
    }

    #[test]
    fn the_coldest_are_closed_and_come_back() {
        let (_, home) = home(3);
        let files: Vec<_> = (0..10).map(|i| file(&home, &i.to_string())).collect();
        assert!(files.iter().filter(|file| is_open(file)).count() <= 3);
        files[0].hold().expect("held");
        for _ in 0..5 {
            for (i, file) in files.iter().enumerate() {
                let mut byte = [0];
                let given = file.get().expect("opened");
                given.read_exact_at(&mut byte, 0).expect("read");
                assert_eq!(usize::from(byte[0] - b'0'), i);
                // What was given stays open, though the pool has let go of it.
                files.iter().for_each(|other| drop(other.get()));
                given.read_exact_at(&mut byte, 0).expect("still open");
                assert!(files.iter().filter(|file| is_open(file)).count() <= 4);
                assert!(is_open(&files[0]), "held");
            }
        }
        // One that is asked for all the time outlives those that are not.
        for i in 1..10 {
            files[9].get().expect("opened");
            files[i].get().expect("opened");
            assert!(is_open(&files[9]));
        }
        files[0].release();
        (1..10).for_each(|i| drop(files[i].get()));
        (1..10).for_each(|i| drop(files[i].get()));
        assert!(!is_open(&files[0]), "released");
        drop(files);
        // Files of segments that are gone are in nobody's way.
        let next = file(&home, "next");
        assert!(is_open(&next));
        assert!(home.files.len() <= 3);
    }

    #[test]
    fn a_name_that_is_gone_or_means_another_file_is_not_opened() {
        let (_, home) = home(1);
        let (gone, held, other) = (file(&home, "gone"), file(&home, "held"), file(&home, "other"));
        held.hold().expect("held");
        gone.forget();
        drop(other.get());
        home.disk.rename(&home.dir.join("other"), &home.dir.join("held")).expect("renamed");
        home.disk.rename(&home.dir.join("held"), &home.dir.join("gone")).expect("renamed");
        other.get().expect("opened");
        let mut bytes = [0; 4];
        held.get().expect("open").read_exact_at(&mut bytes, 0).expect("read");
        assert_eq!(&bytes, b"held");
        assert_eq!(gone.get().map(drop).map_err(|e| e.kind()), Err(io::ErrorKind::NotFound));
        // A complete file is not made when it is missing.
        let missing = SegmentFile::complete(&home, home.dir.join("missing"));
        assert_eq!(missing.get().map(drop).map_err(|e| e.kind()), Err(io::ErrorKind::NotFound));
        assert!(!home.disk.exists(&home.dir.join("missing")).expect("told"));
    }
}
