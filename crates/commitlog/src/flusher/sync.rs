//! The syncs of segments themselves, in parallel.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use os::Disk;

use super::Shared;
use crate::error::StorageError;
use crate::flush::Flush;
use crate::log::Log;

/// Syncs in parallel.
const SYNC_THREADS: usize = 16;

/// Syncs the segments of all these logs up to what is written now.
pub(crate) fn sync_logs(shared: &Shared, logs: &[Arc<Log>]) -> Result<(), StorageError> {
    let flushes: Vec<(&Arc<Log>, Flush)> = logs.iter().map(|log| (log, log.begin_segment_sync())).collect();
    sync_segments(&*shared.disk, &flushes.iter().map(|(_, flush)| flush).collect::<Vec<_>>())?;
    for (log, flush) in &flushes {
        log.end_segment_sync(flush);
    }
    Ok(())
}

/// Syncs segments and directories, in parallel where there are several.
pub(crate) fn sync_segments(disk: &dyn Disk, flushes: &[&Flush]) -> Result<(), StorageError> {
    let files: usize = flushes.iter().map(|f| f.segments.len()).sum();
    if files <= 1 {
        return flushes.iter().try_for_each(|flush| flush.sync(disk));
    }
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        loop {
            let Some(flush) = flushes.get(next.fetch_add(1, Ordering::Relaxed)) else { return Ok(()) };
            flush.sync(disk)?;
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (1..SYNC_THREADS.min(flushes.len())).map(|_| scope.spawn(work)).collect();
        let mut result = work();
        for thread in threads {
            let other = thread.join().unwrap_or_else(|e| std::panic::resume_unwind(e));
            result = result.and(other);
        }
        result
    })
}
