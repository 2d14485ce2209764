//! What the simulated disk holds: for every file its bytes now and on the platter, for every name the same.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use os::{DirEntry, OpenMode};

use super::Loss;
use super::lie::Lie;
use super::names::{NameChange, NameChanges, Names, Node, below, move_names};

/// The unit that is written whole or not at all.
const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug, Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    dirty_sectors: BTreeSet<usize>,
}

pub(super) enum Change<'a> {
    Write { offset: u64, bytes: &'a [u8] },
    SetLen(u64),
}

#[derive(Debug, Default)]
pub(super) struct State {
    inodes: Vec<Inode>,
    names: Names,
    durable_names: Names,
    name_changes: NameChanges,
    pub locks: BTreeSet<PathBuf>,
    pub operations: u64,
    pub syncs: u64,
    pub power_off_at: Option<u64>,
    pub syncs_to_fail: u32,
    pub capacity: Option<u64>,
    /// Decides what the system writes back by itself; nothing when there is none.
    pub write_back: Option<fastrand::Rng>,
    pub lie: Option<Lie>,
    /// What a sync that lies is still to make durable.
    late: Option<usize>,
    pub opens_refused: bool,
    pub removals_refused: bool,
    pub renames_refused: Option<io::ErrorKind>,
    pub dir_syncs_to_fail: u32,
}

impl State {
    pub fn new(lie: Option<Lie>) -> Self {
        Self { lie, ..Self::default() }
    }

    fn powered(&self) -> io::Result<()> {
        match self.power_off_at {
            Some(at) if self.operations >= at => Err(io::Error::other("the simulated power is off")),
            _ => Ok(()),
        }
    }

    fn opening(&self) -> io::Result<()> {
        /// EMFILE, on every system that we know.
        const TOO_MANY_OPEN_FILES: i32 = 24;
        self.powered()?;
        if self.opens_refused { Err(io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES)) } else { Ok(()) }
    }

    /// The last part of a path has at most 255 bytes, as on every file system that we know.
    fn nameable(path: &Path) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default();
        if name.len() > 255 { Err(io::ErrorKind::InvalidFilename.into()) } else { Ok(()) }
    }

    /// Counts a changing operation, or refuses it when the power is off.
    fn operate(&mut self) -> io::Result<()> {
        self.powered()?;
        self.operations += 1;
        Ok(())
    }

    pub fn open(&mut self, path: &Path, mode: OpenMode) -> io::Result<usize> {
        self.opening()?;
        match (self.names.get(path), mode) {
            (Some(Node::Dir), _) => Err(io::ErrorKind::IsADirectory.into()),
            (Some(Node::File(_)), OpenMode::CreateNew) => Err(io::ErrorKind::AlreadyExists.into()),
            (Some(Node::File(inode)), _) => {
                let inode = *inode;
                if self.lies(|lie| lie.forgets(path)) {
                    self.inodes[inode] = Inode::default();
                }
                Ok(inode)
            }
            (None, OpenMode::Read) => Err(io::ErrorKind::NotFound.into()),
            (None, _) => {
                let parent = path.parent().unwrap_or(Path::new(""));
                if !self.is_dir(parent) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                Self::nameable(path)?;
                self.operate()?;
                self.inodes.push(Inode::default());
                let node = Node::File(self.inodes.len() - 1);
                self.add(path, node);
                Ok(self.inodes.len() - 1)
            }
        }
    }

    /// The root and the empty path always exist.
    fn is_dir(&self, path: &Path) -> bool {
        path.parent().is_none() || path.as_os_str().is_empty() || self.names.get(path) == Some(&Node::Dir)
    }

    fn add(&mut self, path: &Path, node: Node) {
        self.names.insert(path.to_owned(), node);
        self.name_changes.push(NameChange::Add(path.to_owned(), node));
    }

    pub fn create_dir_all(&mut self, path: &Path) -> io::Result<()> {
        self.powered()?;
        let mut missing: Vec<&Path> = path.ancestors().take_while(|p| !self.is_dir(p)).collect();
        missing.reverse();
        for dir in missing {
            if self.names.contains_key(dir) {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            Self::nameable(dir)?;
            self.operate()?;
            self.add(dir, Node::Dir);
        }
        Ok(())
    }

    pub fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.opening()?;
        if !self.is_dir(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let children = below(&self.names, path).filter(|(name, _)| name.parent() == Some(path));
        let entries = children.map(|(name, node)| DirEntry {
            name: name.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            is_dir: *node == Node::Dir,
            len: match node {
                Node::Dir => 0,
                Node::File(inode) => self.inodes[*inode].now.len() as u64,
            },
        });
        Ok(entries.collect())
    }

    pub fn exists(&self, path: &Path) -> io::Result<bool> {
        self.powered()?;
        Ok(self.is_dir(path) || self.names.contains_key(path))
    }

    pub fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.powered()?;
        let node = *self.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        Self::nameable(to)?;
        if !self.is_dir(to.parent().unwrap_or(Path::new(""))) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if let Some(why) = self.renames_refused.filter(|_| self.is_dir(from)) {
            return Err(why.into());
        }
        self.operate()?;
        move_names(&mut self.names, from, to, node);
        // What is pending inside a directory goes with it: it must not turn up in a new one of the old name.
        self.name_changes.move_inside(from, to);
        self.name_changes.push(NameChange::Move { from: from.to_owned(), to: to.to_owned(), node });
        Ok(())
    }

    pub fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        self.powered()?;
        if !matches!(self.names.get(path), Some(Node::File(_))) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.operate()?;
        self.names.remove(path);
        self.name_changes.push(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    pub fn remove_dir_all(&mut self, path: &Path) -> io::Result<()> {
        self.opening()?;
        if !self.is_dir(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if self.removals_refused {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        // Children first, one operation each, so that the power can go in between.
        let doomed: Vec<PathBuf> = below(&self.names, path).map(|(name, _)| name.clone()).collect();
        for name in doomed.into_iter().rev() {
            self.operate()?;
            self.names.remove(&name);
            self.name_changes.push(NameChange::Remove(name));
        }
        Ok(())
    }

    pub fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        self.opening()?;
        if !self.is_dir(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.operate()?;
        self.syncs += 1;
        if self.dir_syncs_to_fail > 0 {
            self.dir_syncs_to_fail -= 1;
            return Err(io::Error::other("the simulated disk failed to sync a directory"));
        }
        if self.lies(|lie| lie.leaves_names(path)) {
            return Ok(());
        }
        for change in self.name_changes.take_of(path) {
            change.apply(&mut self.durable_names);
        }
        Ok(())
    }

    pub fn free_bytes(&self) -> u64 {
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used_bytes()))
    }

    pub fn used_bytes(&self) -> u64 {
        let files = self.names.values().filter_map(|node| match node {
            Node::File(inode) => Some(self.inodes[*inode].now.len() as u64),
            Node::Dir => None,
        });
        files.sum()
    }

    pub fn read_at(&self, inode: usize, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.powered()?;
        let bytes = &self.inodes[inode].now;
        let from = (offset as usize).min(bytes.len());
        let n = buf.len().min(bytes.len() - from);
        buf[..n].copy_from_slice(&bytes[from..from + n]);
        Ok(n)
    }

    pub fn len(&self, inode: usize) -> io::Result<u64> {
        self.powered()?;
        Ok(self.inodes[inode].now.len() as u64)
    }

    pub fn change(&mut self, inode: usize, change: Change<'_>) -> io::Result<()> {
        self.powered()?;
        let len_before = self.inodes[inode].now.len();
        let len_after = match &change {
            Change::Write { offset, bytes } => len_before.max(*offset as usize + bytes.len()),
            Change::SetLen(len) => *len as usize,
        };
        if len_after > len_before && (len_after - len_before) as u64 > self.free_bytes() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.operate()?;
        let drops = |lie: Lie, path: &Path| match &change {
            Change::Write { .. } => lie.drops_writes(path),
            Change::SetLen(_) => len_after < len_before && lie.keeps_tails(path),
        };
        if self.lies_of(inode, drops) {
            return Ok(());
        }
        self.write_some_back(inode);
        let file = &mut self.inodes[inode];
        file.now.resize(len_after, 0);
        let touched = match change {
            Change::Write { offset, bytes } => {
                let from = offset as usize;
                file.now[from..from + bytes.len()].copy_from_slice(bytes);
                from.min(len_before)..from + bytes.len()
            }
            Change::SetLen(_) => len_before.min(len_after)..len_before.max(len_after),
        };
        if !touched.is_empty() {
            file.dirty_sectors.extend(touched.start / SECTOR_BYTES..touched.end.div_ceil(SECTOR_BYTES));
        }
        Ok(())
    }

    pub fn sync_file(&mut self, inode: usize) -> io::Result<()> {
        self.operate()?;
        self.syncs += 1;
        if self.syncs_to_fail > 0 {
            self.syncs_to_fail -= 1;
            // Linux marks the pages clean: the next sync succeeds without having written them.
            self.inodes[inode].dirty_sectors.clear();
            if self.lie == Some(Lie::FailedSyncIgnored) {
                return Ok(());
            }
            return Err(io::Error::other("simulated I/O error in sync"));
        }
        if self.lie == Some(Lie::SyncOneLate) {
            if let Some(before) = self.late.replace(inode) {
                self.inodes[before].write_back(|| true);
            }
        } else if !self.lies_of(inode, Lie::leaves_bytes) {
            self.inodes[inode].write_back(|| true);
        }
        Ok(())
    }

    fn lies(&self, about: impl Fn(Lie) -> bool) -> bool {
        self.lie.is_some_and(about)
    }

    /// Whether the lie is about a file, which may have any number of names.
    fn lies_of(&self, inode: usize, about: impl Fn(Lie, &Path) -> bool) -> bool {
        self.lies(|lie| self.names.iter().any(|(path, node)| *node == Node::File(inode) && about(lie, path)))
    }

    /// What the system does by itself before a file changes: an older generation of a sector may be what survives, and a
    /// name may be durable before its file's bytes are.
    fn write_some_back(&mut self, inode: usize) {
        let Some(rng) = &mut self.write_back else { return };
        if rng.u8(..8) == 0 {
            self.inodes[inode].write_back(|| rng.bool());
        }
        if rng.u8(..32) == 0 {
            for change in self.name_changes.take_all() {
                change.apply(&mut self.durable_names);
            }
        }
    }

    /// The same disk for the next process: nothing is lost, and what was not synced still is not. This one is off.
    pub fn hand_on(&mut self) -> Self {
        self.power_off_at = Some(self.operations);
        Self {
            inodes: self.inodes.clone(),
            names: self.names.clone(),
            durable_names: self.durable_names.clone(),
            name_changes: self.name_changes.clone(),
            capacity: self.capacity,
            write_back: self.write_back.clone(),
            lie: self.lie,
            ..Self::default()
        }
    }

    pub fn corrupt(&mut self, path: &Path, offset: u64, mask: u8) -> io::Result<()> {
        let Some(Node::File(inode)) = self.names.get(path) else { return Err(io::ErrorKind::NotFound.into()) };
        let file = &mut self.inodes[*inode];
        for bytes in [&mut file.now, &mut file.durable] {
            if let Some(byte) = bytes.get_mut(offset as usize) {
                *byte ^= mask;
            }
        }
        Ok(())
    }

    /// A new disk with what survives when this one loses its power.
    pub fn survivors(&self, loss: Loss, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut survives = move |is_name: bool| match loss {
            Loss::All => false,
            Loss::Nothing => true,
            Loss::Names => !is_name,
            Loss::Bytes => is_name,
            Loss::Random => rng.bool(),
        };
        let mut names = self.durable_names.clone();
        for change in self.name_changes.iter() {
            if survives(true) {
                change.apply(&mut names);
            }
        }
        // A name is lost with the directory that holds it.
        let reachable = names.keys().filter(|name| {
            name.ancestors()
                .skip(1)
                .all(|dir| dir.parent().is_none() || dir.as_os_str().is_empty() || names.get(dir) == Some(&Node::Dir))
        });
        let names: Names = reachable.map(|name| (name.clone(), names[name])).collect();

        let inodes = self.inodes.iter().map(|file| {
            let mut bytes = file.durable.clone();
            let len_now = file.now.len();
            if bytes.len() != len_now && survives(false) {
                bytes.resize(len_now, 0);
            }
            for sector in &file.dirty_sectors {
                if survives(false) {
                    copy_sector(*sector, &file.now, &mut bytes);
                }
            }
            Inode { now: bytes.clone(), durable: bytes, dirty_sectors: BTreeSet::new() }
        });
        let inodes = inodes.collect();
        Self {
            inodes,
            durable_names: names.clone(),
            names,
            capacity: self.capacity,
            write_back: self.write_back.clone(),
            lie: self.lie,
            ..Self::default()
        }
    }
}

impl Inode {
    /// Makes those dirty sectors durable that are `chosen`. A sector that is written takes the length up to its end along.
    fn write_back(&mut self, mut chosen: impl FnMut() -> bool) {
        let (now, durable) = (&self.now, &mut self.durable);
        if chosen() {
            durable.resize(now.len(), 0);
        }
        self.dirty_sectors.retain(|sector| {
            let end = ((sector + 1) * SECTOR_BYTES).min(now.len());
            if sector * SECTOR_BYTES >= end {
                // Nothing of it is left in the file; cutting it off is what may still be lost.
                return durable.len() > now.len();
            }
            let written = chosen();
            if written {
                durable.resize(durable.len().max(end), 0);
                copy_sector(*sector, now, durable);
            }
            !written
        });
    }
}

/// Copies the part of a sector that lies within both files.
fn copy_sector(sector: usize, from: &[u8], to: &mut [u8]) {
    let range = sector * SECTOR_BYTES..((sector + 1) * SECTOR_BYTES).min(from.len()).min(to.len());
    if range.start < range.end {
        to[range.clone()].copy_from_slice(&from[range]);
    }
}
