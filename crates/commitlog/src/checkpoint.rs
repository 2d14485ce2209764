//! The offset checkpoints of a log directory, and the mark of a clean stop.
//!
//! ```text
//! recovery-point-offset-checkpoint   0              version
//! log-start-offset-checkpoint        2              entries
//! replication-offset-checkpoint      R2 0 1042      topic, partition, offset
//!                                    R4 0 17
//! .kafka_cleanshutdown               {"version":0,"brokerEpoch":-1}
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use os::Disk;

use crate::error::{OpenError, StorageError};

pub(crate) const RECOVERY_POINT: &str = "recovery-point-offset-checkpoint";
pub(crate) const LOG_START: &str = "log-start-offset-checkpoint";
pub(crate) const HIGH_WATERMARK: &str = "replication-offset-checkpoint";
pub(crate) const CLEANER: &str = "cleaner-offset-checkpoint";
pub(crate) const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
pub(crate) const CLEAN_SHUTDOWN_TEXT: &str = "{\"version\":0,\"brokerEpoch\":-1}";

/// Checkpoint files grow with the number of logs; this is far above any.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Splits `R2-0` into `R2` and 0.
pub(crate) fn split_name(name: &str) -> Option<(&str, u32)> {
    let (topic, partition) = name.rsplit_once('-')?;
    let right = !topic.is_empty()
        && topic.len() <= 249
        && topic != "."
        && topic != ".."
        && topic.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && partition.bytes().all(|b| b.is_ascii_digit());
    if right { partition.parse().ok().map(|p| (topic, p)) } else { None }
}

pub(crate) fn write(disk: &dyn Disk, path: &Path, offsets: &[(&str, i64)]) -> Result<(), StorageError> {
    let mut text = format!("0\n{}\n", offsets.len());
    for (name, offset) in offsets {
        if let Some((topic, partition)) = split_name(name) {
            text.push_str(&format!("{topic} {partition} {offset}\n"));
        }
    }
    disk.replace(path, text.as_bytes()).map_err(|e| StorageError::new("write", path, e))
}

/// The offsets by log name; empty when there is no file. A file that is not of this form is damage: it is left out and
/// named, and the logs are read as if it had never been written.
pub(crate) fn read(disk: &dyn Disk, path: &Path, damage: &mut Vec<String>) -> Result<BTreeMap<String, i64>, OpenError> {
    let bytes = match disk.read(path, FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(e) => return Err(StorageError::new("read", path, e).into()),
    };
    let text = String::from_utf8_lossy(&bytes);
    let version = text.lines().next().unwrap_or_default();
    if version.parse::<u32>().is_ok_and(|v| v > 0) {
        return Err(OpenError::UnknownVersion { path: path.to_owned(), version: version.to_owned() });
    }
    Ok(parse(&text).unwrap_or_else(|| {
        damage.push(format!("{} is not a checkpoint file: it is ignored", path.display()));
        BTreeMap::new()
    }))
}

fn parse(text: &str) -> Option<BTreeMap<String, i64>> {
    let mut lines = text.lines();
    if lines.next()? != "0" {
        return None;
    }
    let count: usize = lines.next()?.parse().ok()?;
    let mut offsets = BTreeMap::new();
    for line in lines.by_ref().take(count) {
        let mut fields = line.split(' ');
        let (topic, partition, offset) = (fields.next()?, fields.next()?, fields.next()?);
        let partition: u32 = partition.parse().ok()?;
        offsets.insert(format!("{topic}-{partition}"), offset.parse().ok()?);
    }
    (offsets.len() == count).then_some(offsets)
}
