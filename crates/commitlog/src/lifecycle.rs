//! Creating and deleting logs: what happens to their names on the disk, and in which order.
//!
//! A log is deleted by a new name (`R2-0.<number>-delete`), a sync, and a word in the journal; from then on nothing of it
//! comes back. What has that name is removed when it can be: if not at once, by maintenance, or after the next start. Nobody
//! has to wait for that, and nothing depends on it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use os::Disk;
use parking_lot::Mutex;

use crate::checkpoint;
use crate::config::{Durability, LogConfig, SetOptions};
use crate::error::{CreateError, OpenError, StorageError};
use crate::flush::windows_dir;
use crate::flusher::{Logs as _, write_checkpoint, write_log_starts, write_recovery_points};
use crate::log::{Log, State};
use crate::segment::Segment;
use crate::set::{LogSet, for_each_parallel};

/// Directories that are being removed end with this.
const DELETED_SUFFIX: &str = "-delete";
/// A name in a file system has at most so many bytes.
const FILE_NAME_BYTES_MAX: usize = 255;

/// Directories of deleted logs that could not be removed yet.
#[derive(Debug, Default)]
pub(crate) struct Leftovers(Mutex<Vec<PathBuf>>);

impl Leftovers {
    /// Removes what can be removed; keeps the rest for the next call. It is said once of each.
    pub(crate) fn remove(&self, disk: &dyn Disk, deleted: Vec<PathBuf>) {
        let again = std::mem::take(&mut *self.0.lock());
        let mut left: Vec<PathBuf> = again.into_iter().filter(|path| cannot_remove(disk, path).is_some()).collect();
        for path in deleted {
            if let Some(error) = cannot_remove(disk, &path) {
                let path = path.display();
                tracing::warn!(%error, "cannot remove {path}, which was deleted: it is tried again");
            } else {
                continue;
            }
            left.push(path);
        }
        self.0.lock().extend(left);
    }
}

fn cannot_remove(disk: &dyn Disk, path: &Path) -> Option<io::Error> {
    disk.remove_dir_all(path).err().filter(|e| e.kind() != io::ErrorKind::NotFound)
}

impl LogSet {
    /// Creates an empty log, durably.
    pub fn create(&self, name: &str, config: LogConfig) -> Result<Arc<Log>, CreateError> {
        self.create_with(name, config, &|_| Ok(()))
    }

    /// Creates an empty log, durably, with what `furnish` puts beside it: see [`LogSet::create_all`].
    pub fn create_with(
        &self,
        name: &str,
        config: LogConfig,
        furnish: &(dyn Fn(&Path) -> io::Result<()> + Sync),
    ) -> Result<Arc<Log>, CreateError> {
        let mut created = self.create_all(&[(name, config)], furnish)?;
        created.pop().ok_or_else(|| CreateError::BadName(name.to_owned()))
    }

    /// Creates empty logs, durably: all or none. `furnish` puts what else belongs there into the directory of each, and syncs
    /// its bytes; the directory itself is synced after it.
    pub fn create_all(
        &self,
        names: &[(&str, LogConfig)],
        furnish: &(dyn Fn(&Path) -> io::Result<()> + Sync),
    ) -> Result<Vec<Arc<Log>>, CreateError> {
        // One at a time: so nobody else makes a log of these names meanwhile, and the map itself is free for the flusher.
        let _creating = self.creating.lock();
        if names.iter().any(|(name, _)| self.logs.logs.read().get(*name).is_some_and(|log| log.is_deleted())) {
            self.delete_marked()?;
        }
        loop {
            self.renew_stale_checkpoints()?;
            let logs = self.logs.logs.read();
            // What was deleted since would give its offsets to its successor.
            if !self.checkpoints_stale.load(Ordering::Acquire) {
                for (name, _) in names {
                    if checkpoint::split_name(name).is_none() {
                        return Err(CreateError::BadName((*name).to_owned()));
                    }
                    if logs.contains_key(*name) {
                        return Err(CreateError::Exists((*name).to_owned()));
                    }
                }
                break;
            }
        }
        let made = Mutex::new(BTreeMap::new());
        // Each needs a sync of its directory: these run side by side.
        let outcome = for_each_parallel(names, |(name, config)| {
            let log = self.make(name, config.clone(), furnish)?;
            made.lock().insert(*name, log);
            Ok(())
        })
        .and_then(|()| self.sync_dir(&self.options.log_dir));
        let mut made = made.into_inner();
        if let Err(error) = outcome {
            for (name, _) in names {
                // What is left is removed by the next attempt, or read as an empty log by the next start.
                let _ = self.options.disk.remove_dir_all(&self.options.log_dir.join(name));
            }
            return Err(error.into());
        }
        let made: Vec<Arc<Log>> = names.iter().filter_map(|(name, _)| made.remove(name)).collect();
        self.logs.logs.write().extend(made.iter().map(|log| (log.name().to_owned(), Arc::clone(log))));
        Ok(made)
    }

    fn make(
        &self,
        name: &str,
        config: LogConfig,
        furnish: &(dyn Fn(&Path) -> io::Result<()> + Sync),
    ) -> Result<Arc<Log>, StorageError> {
        let disk = &self.options.disk;
        let dir = self.options.log_dir.join(name);
        let prepare = || {
            if disk.exists(&dir)? {
                disk.remove_dir_all(&dir)?;
            }
            disk.create_dir_all(&dir)
        };
        prepare().map_err(|e| StorageError::new("create", &dir, e))?;
        let segment = Arc::new(Segment::new(&self.shared.home(name), 0));
        segment.hold()?;
        self.or_latch(furnish(&dir).map_err(|e| StorageError::new("write into", &dir, e)))?;
        self.sync_dir(&dir)?;
        Ok(Log::new(name, &self.shared, State::new(config, vec![segment], 0, 0)))
    }

    /// Deletes logs, durably: a log created later under the same name has nothing of them. Unknown names are ignored. What
    /// cannot be renamed now is tried again by maintenance, and before a log of such a name is made anew; until then nobody
    /// reads it or appends to it.
    pub fn delete(&self, names: &[&str]) -> Result<(), StorageError> {
        let _one_at_a_time = self.deleting.lock();
        let logs = self.logs.logs.read();
        let deleted = names.iter().filter_map(|name| logs.get(*name).cloned()).collect();
        drop(logs);
        self.delete_all(deleted)
    }

    /// Deletes what an earlier call could not.
    pub(crate) fn delete_marked(&self) -> Result<(), StorageError> {
        let _one_at_a_time = self.deleting.lock();
        self.delete_all(self.logs.all().into_iter().filter(|log| log.is_deleted()).collect())
    }

    /// With [`LogSet::deleting`] held since the logs were looked up: a new one may have the name later.
    fn delete_all(&self, mut deleted: Vec<Arc<Log>>) -> Result<(), StorageError> {
        let disk = &*self.options.disk;
        let (mut gone, mut refused) = (Vec::new(), None);
        deleted.retain(|log| {
            log.mark_deleted();
            let aside = set_aside(disk, log.dir());
            aside.map(|path| gone.extend(path)).map_err(|error| refused = Some(error)).is_ok()
        });
        if deleted.is_empty() {
            return refused.map_or(Ok(()), Err);
        }
        self.sync_dir(&self.options.log_dir)?;
        if self.options.durability == Durability::Fsync {
            // Else recovery could give back, into a new log, what the old one had. Not earlier: a start that still finds
            // the directory needs it.
            let names: Vec<&str> = deleted.iter().map(|log| log.name()).collect();
            self.shared.forget(&names).wait()?;
        }
        gone.extend(self.or_latch(set_windows_aside(&self.options, deleted.iter().map(|log| log.name())))?);
        {
            let mut logs = self.logs.logs.write();
            for log in &deleted {
                logs.remove(log.name());
            }
            // Together with the names: whoever makes a log of such a name anew sees this first, whatever happens below.
            self.checkpoints_stale.store(true, Ordering::Release);
        }
        // Before the checkpoints: on a full disk this makes the room for them.
        self.leftovers.remove(disk, gone);
        match self.renew_stale_checkpoints() {
            // Before a log of such a name is made again, and with the next maintenance.
            Err(error) if error.may_pass() => {}
            result => result?,
        }
        refused.map_or(Ok(()), Err)
    }

    /// Writes the checkpoints anew if they speak of logs that are gone: a log of the same name must not be taken for them.
    pub(crate) fn renew_stale_checkpoints(&self) -> Result<(), StorageError> {
        // Whoever comes while they are written waits: what it deleted or makes anew must not meet the old ones.
        let _one_at_a_time = self.renewing.lock();
        if !self.checkpoints_stale.load(Ordering::Acquire) {
            return Ok(());
        }
        // Before the files are written: what is deleted meanwhile makes them stale again.
        self.checkpoints_stale.store(false, Ordering::Release);
        let write = || {
            write_recovery_points(&self.shared, &*self.logs)?;
            write_log_starts(&self.shared, &*self.logs)?;
            write_checkpoint(&self.shared, &*self.logs, checkpoint::CLEANER, Log::cleaned_to)
        };
        write().inspect_err(|_| self.checkpoints_stale.store(true, Ordering::Release))
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), StorageError> {
        self.or_latch(self.options.disk.sync_dir(dir).map_err(|e| StorageError::new("sync", dir, e)))
    }

    /// A sync that failed must not be tried again as if it had not: the second one may say nothing of what the first one lost.
    fn or_latch<T>(&self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        result.inspect_err(|error| {
            if !error.may_pass() {
                self.shared.latch(error.clone());
            }
        })
    }
}

/// Renames the directory of something that is deleted, unless an earlier call has done so. The new name is not durable yet.
fn set_aside(disk: &dyn Disk, dir: &Path) -> Result<Option<PathBuf>, StorageError> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    if !disk.exists(dir).map_err(|e| StorageError::new("look for", dir, e))? {
        return Ok(None);
    }
    loop {
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let tail = format!(".{n:032x}{DELETED_SUFFIX}");
        // Names of logs are ASCII. What the number tells apart may be cut.
        let kept = name.get(..FILE_NAME_BYTES_MAX - tail.len()).unwrap_or(&name);
        let path = dir.with_file_name(format!("{kept}{tail}"));
        if !disk.exists(&path).map_err(|e| StorageError::new("look for", &path, e))? {
            disk.rename(dir, &path).map_err(|e| StorageError::new("rename", dir, e))?;
            return Ok(Some(path));
        }
    }
}

/// Sets the windows of these logs' producers aside, durably: their successors must not take them for their own.
fn set_windows_aside<'n>(
    options: &SetOptions,
    names: impl Iterator<Item = &'n str>,
) -> Result<Vec<PathBuf>, StorageError> {
    let mut aside = Vec::new();
    for name in names {
        aside.extend(set_aside(&*options.disk, &windows_dir(&options.state_dir, name))?);
    }
    let dir = options.state_dir.join("windows");
    if !aside.is_empty() {
        options.disk.sync_dir(&dir).map_err(|e| StorageError::new("sync", &dir, e))?;
    }
    Ok(aside)
}

/// The directories that are logs, and those that were being deleted.
pub(crate) fn log_names(options: &SetOptions) -> Result<(Vec<String>, Vec<PathBuf>), OpenError> {
    let dir = &options.log_dir;
    let entries = options.disk.read_dir(dir).map_err(|e| StorageError::new("list", dir, e))?;
    let (mut names, mut deleted) = (Vec::new(), Vec::new());
    for entry in entries.into_iter().filter(|e| e.is_dir) {
        if entry.name.ends_with(DELETED_SUFFIX) {
            deleted.push(dir.join(&entry.name));
        } else if checkpoint::split_name(&entry.name).is_some() {
            names.push(entry.name);
        } else {
            tracing::warn!(directory = entry.name, "not a partition's directory: it is left alone");
        }
    }
    Ok((names, deleted))
}

/// The windows of logs that are not there: set aside where that was not done yet.
pub(crate) fn deleted_windows(
    options: &SetOptions,
    is_log: impl Fn(&str) -> bool,
) -> Result<Vec<PathBuf>, StorageError> {
    let windows = options.state_dir.join("windows");
    let entries = options.disk.read_dir(&windows).map_err(|e| StorageError::new("list", &windows, e))?;
    let (aside, stale): (Vec<_>, Vec<_>) =
        entries.iter().map(|e| e.name.as_str()).filter(|name| !is_log(name)).partition(|n| n.ends_with(DELETED_SUFFIX));
    let mut deleted: Vec<PathBuf> = aside.into_iter().map(|name| windows.join(name)).collect();
    deleted.extend(set_windows_aside(options, stale.into_iter())?);
    Ok(deleted)
}
