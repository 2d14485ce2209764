//! The small files beside the logs, and the check that a data directory is ours to open.
//!
//! ```text
//! <data-dir>/log/meta.properties                  Kafka's: version, cluster.id, node.id, directory.id
//! <data-dir>/log/<topic>-<n>/partition.metadata   Kafka's: version, topic_id
//! <data-dir>/state/lock                           held while a process has the directory open
//! <data-dir>/state/version                        ours: the layout of `state`, one number
//! ```

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use os::{Disk, DiskLock, OpenMode};
use wire::Uuid;

use super::NODE_ID;

/// The layout of `state` that this program writes.
const STATE_VERSION: u32 = 1;
/// The version of `meta.properties` that this program writes.
const META_VERSION: &str = "1";
/// These files are tiny; anything larger is not one of them.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Why a data directory cannot be opened.
#[derive(Debug)]
pub enum DirectoryError {
    /// Another process has it open.
    Locked(PathBuf),
    /// A newer program wrote it.
    Newer {
        /// The file that says so.
        file: PathBuf,
        /// What it says.
        version: String,
    },
    /// A file is not what it should be.
    Malformed {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The disk failed.
    Io(PathBuf, io::Error),
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DirectoryError::Locked(dir) => write!(
                f,
                "the data directory {} is in use by another process; stop that one, or give another --data-dir",
                dir.display()
            ),
            DirectoryError::Newer { file, version } => write!(
                f,
                "{} has version {version}, which this program does not know; use the newer program that wrote it, or \
                 another --data-dir",
                file.display()
            ),
            DirectoryError::Malformed { file, why } => {
                write!(f, "{} cannot be understood: {why}; restore it, or give another --data-dir", file.display())
            }
            DirectoryError::Io(path, e) => write!(f, "cannot use {}: {e}", path.display()),
        }
    }
}

impl std::error::Error for DirectoryError {}

/// A random id, as Kafka makes them: none begins with `-`, so that it can stand on a command line.
pub fn random_uuid() -> io::Result<Uuid> {
    loop {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|e| io::Error::other(e.to_string()))?;
        let id = Uuid::from_random(bytes);
        if !id.to_string().starts_with('-') {
            return Ok(id);
        }
    }
}

/// The directories of a data directory, made and locked.
#[derive(Debug)]
pub struct DataDirectory {
    /// The Kafka log directory.
    pub log_dir: PathBuf,
    /// Our own files.
    pub state_dir: PathBuf,
    /// The id of this directory.
    pub directory_id: Uuid,
    /// The id of the cluster.
    pub cluster_id: String,
    /// Released when dropped.
    _lock: Box<dyn DiskLock>,
}

impl DataDirectory {
    /// Makes the directories where they are missing, locks them, checks their versions, reads or writes the ids.
    pub fn open(disk: &dyn Disk, data_dir: &Path) -> Result<DataDirectory, DirectoryError> {
        let (log_dir, state_dir) = (data_dir.join("log"), data_dir.join("state"));
        for dir in [&log_dir, &state_dir] {
            disk.create_dir_synced(dir).map_err(|e| DirectoryError::Io(dir.clone(), e))?;
        }
        let lock = state_dir.join("lock");
        let lock = disk.lock(&lock).map_err(|e| match e.kind() {
            io::ErrorKind::WouldBlock => DirectoryError::Locked(data_dir.to_owned()),
            _ => DirectoryError::Io(lock, e),
        })?;
        check_state_version(disk, &state_dir)?;
        let (cluster_id, directory_id) = read_or_write_meta(disk, &log_dir)?;
        Ok(DataDirectory { log_dir, state_dir, directory_id, cluster_id, _lock: lock })
    }
}

fn read_text(disk: &dyn Disk, file: &Path) -> Result<Option<String>, DirectoryError> {
    match disk.read(file, FILE_BYTES_MAX) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(DirectoryError::Malformed { file: file.to_owned(), why: "not text".to_owned() }),
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(DirectoryError::Io(file.to_owned(), e)),
    }
}

fn check_state_version(disk: &dyn Disk, state_dir: &Path) -> Result<(), DirectoryError> {
    let file = state_dir.join("version");
    let Some(text) = read_text(disk, &file)? else {
        let text = format!("{STATE_VERSION}\n");
        return disk.replace(&file, text.as_bytes()).map_err(|e| DirectoryError::Io(file, e));
    };
    match text.trim().parse::<u32>() {
        Ok(version) if version <= STATE_VERSION => Ok(()),
        _ => Err(DirectoryError::Newer { file, version: text.trim().to_owned() }),
    }
}

fn read_or_write_meta(disk: &dyn Disk, log_dir: &Path) -> Result<(String, Uuid), DirectoryError> {
    let file = log_dir.join("meta.properties");
    let io = |e| DirectoryError::Io(file.clone(), e);
    let Some(text) = read_text(disk, &file)? else {
        let cluster_id = random_uuid().map_err(io)?.to_string();
        let directory_id = random_uuid().map_err(io)?;
        let text = format!(
            "#\nnode.id={NODE_ID}\ndirectory.id={directory_id}\nversion={META_VERSION}\ncluster.id={cluster_id}\n"
        );
        disk.replace(&file, text.as_bytes()).map_err(io)?;
        return Ok((cluster_id, directory_id));
    };
    let value = |name: &str| {
        let line = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        line.filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
    };
    let malformed = |why: &str| DirectoryError::Malformed { file: file.clone(), why: why.to_owned() };
    match value("version") {
        Some(META_VERSION) => {}
        Some(version) => return Err(DirectoryError::Newer { file, version: version.to_owned() }),
        None => return Err(malformed("it has no version")),
    }
    let cluster_id = value("cluster.id").ok_or_else(|| malformed("it has no cluster.id"))?.to_owned();
    let directory_id = value("directory.id").and_then(|id| id.parse().ok()).unwrap_or_default();
    if value("node.id") != Some(&NODE_ID.to_string()) {
        return Err(malformed(&format!("its node.id is not {NODE_ID}: it belongs to another broker")));
    }
    Ok((cluster_id, directory_id))
}

/// Writes `partition.metadata` into a log's directory; the caller syncs that. The directory is new: a torn file can only be one
/// of a topic that was never acknowledged, so that no temporary file is needed.
pub fn write_partition_metadata(disk: &dyn Disk, dir: &Path, topic_id: Uuid) -> io::Result<()> {
    let file = disk.open(&dir.join("partition.metadata"), OpenMode::Write)?;
    file.write_all_at(format!("version: 0\ntopic_id: {topic_id}").as_bytes(), 0)?;
    file.sync_data()
}

/// The topic id in a log directory's `partition.metadata`; `None` where there is none that can be read.
pub fn read_partition_metadata(disk: &dyn Disk, dir: &Path) -> Option<Uuid> {
    let bytes = disk.read(&dir.join("partition.metadata"), FILE_BYTES_MAX).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.lines().find_map(|line| line.strip_prefix("topic_id:"))?.trim().parse().ok()
}
