//! The files that tell of all logs where they begin, and from where on a start must read them.

use super::{Logs, Shared};
use crate::checkpoint;
use crate::error::StorageError;
use crate::log::Log;

pub(crate) fn write_log_starts(shared: &Shared, logs: &dyn Logs) -> Result<(), StorageError> {
    write_checkpoint(shared, logs, checkpoint::LOG_START, |log| log.log_start_offset().0)
}

pub(crate) fn write_recovery_points(shared: &Shared, logs: &dyn Logs) -> Result<(), StorageError> {
    write_checkpoint(shared, logs, checkpoint::RECOVERY_POINT, Log::recovery_point)
}

pub(crate) fn write_checkpoint(
    shared: &Shared,
    logs: &dyn Logs,
    file: &str,
    offset: impl Fn(&Log) -> i64,
) -> Result<(), StorageError> {
    let _one_at_a_time = shared.checkpoints.lock();
    // Asked under the lock: a log that is gone by now must not be named.
    let logs = logs.all();
    let offsets: Vec<(&str, i64)> = logs.iter().map(|log| (log.name(), offset(log))).collect();
    checkpoint::write(&*shared.disk, &shared.log_dir.join(file), &offsets)
}
