//! Names on the simulated disk: those that are there, and the changes that no `sync_dir` has covered yet, by directory.
//!
//! A sync costs what it makes durable, a rename what it moves, however much else is pending: a topic of 10,000 partitions
//! must not take a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Dir,
    File(usize),
}

/// What has which name. Paths are ordered by their parts, so that all below a directory stand together.
pub(super) type Names = BTreeMap<PathBuf, Node>;

/// The directory itself and all that is below it.
pub(super) fn below<'a>(names: &'a Names, dir: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a Node)> {
    let from = (Bound::Included(dir), Bound::Unbounded);
    names.range::<Path, _>(from).take_while(move |(name, _)| name.starts_with(dir))
}

/// Gives a file or a directory with all that is below it another name.
pub(super) fn move_names(names: &mut Names, from: &Path, to: &Path, node: Node) {
    names.remove(from);
    names.insert(to.to_owned(), node);
    if node == Node::Dir {
        let inside: Vec<PathBuf> = below(names, from).map(|(name, _)| name.clone()).collect();
        for name in inside {
            if let (Some(node), Ok(rest)) = (names.remove(&name), name.strip_prefix(from)) {
                names.insert(to.join(rest), node);
            }
        }
    }
}

/// A change of names that no `sync_dir` has covered yet.
#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Add(PathBuf, Node),
    Remove(PathBuf),
    /// One change, as `rename` is atomic.
    Move {
        from: PathBuf,
        to: PathBuf,
        node: Node,
    },
}

impl NameChange {
    /// The directories whose sync covers it.
    fn dirs(&self) -> Vec<PathBuf> {
        let (one, other) = match self {
            Self::Add(path, _) | Self::Remove(path) => (path, None),
            Self::Move { from, to, .. } => (from, Some(to)),
        };
        std::iter::once(one).chain(other).filter_map(|path| path.parent()).map(Path::to_owned).collect()
    }

    fn move_inside(&mut self, from: &Path, to: &Path) {
        let paths = match self {
            Self::Add(path, _) | Self::Remove(path) => vec![path],
            Self::Move { from, to, .. } => vec![from, to],
        };
        for path in paths {
            if let Ok(rest) = path.strip_prefix(from)
                && !rest.as_os_str().is_empty()
            {
                *path = to.join(rest);
            }
        }
    }

    pub fn apply(&self, names: &mut Names) {
        match self {
            Self::Add(path, node) => {
                names.insert(path.clone(), *node);
            }
            Self::Remove(path) => {
                names.remove(path);
            }
            Self::Move { from, to, node } => move_names(names, from, to, *node),
        }
    }
}

/// Changes in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub(super) struct NameChanges {
    by_number: BTreeMap<u64, NameChange>,
    /// The numbers of the changes that a directory's sync covers.
    by_dir: BTreeMap<PathBuf, BTreeSet<u64>>,
    next: u64,
}

impl NameChanges {
    pub fn push(&mut self, change: NameChange) {
        self.insert(self.next, change);
        self.next += 1;
    }

    /// What a sync of this directory covers.
    pub fn take_of(&mut self, dir: &Path) -> Vec<NameChange> {
        let numbers: Vec<u64> = self.by_dir.get(dir).into_iter().flatten().copied().collect();
        numbers.into_iter().filter_map(|number| self.remove(number)).collect()
    }

    pub fn take_all(&mut self) -> Vec<NameChange> {
        std::mem::take(self).by_number.into_values().collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &NameChange> {
        self.by_number.values()
    }

    /// What is pending inside a directory that gets another name goes with it.
    pub fn move_inside(&mut self, from: &Path, to: &Path) {
        let dirs = self.by_dir.range::<Path, _>((Bound::Included(from), Bound::Unbounded));
        let dirs = dirs.take_while(|(dir, _)| dir.starts_with(from));
        let numbers: BTreeSet<u64> = dirs.flat_map(|(_, numbers)| numbers).copied().collect();
        for number in numbers {
            if let Some(mut change) = self.remove(number) {
                change.move_inside(from, to);
                self.insert(number, change);
            }
        }
    }

    fn insert(&mut self, number: u64, change: NameChange) {
        for dir in change.dirs() {
            self.by_dir.entry(dir).or_default().insert(number);
        }
        self.by_number.insert(number, change);
    }

    fn remove(&mut self, number: u64) -> Option<NameChange> {
        let change = self.by_number.remove(&number)?;
        for dir in change.dirs() {
            if let Some(numbers) = self.by_dir.get_mut(&dir) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.by_dir.remove(&dir);
                }
            }
        }
        Some(change)
    }
}
