//! The print sink: one JSON line per record on standard output, at least once.

use std::fmt::Debug;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where print sinks write.
pub trait PrintTo: Debug + Send + Sync {
    /// Writes lines, each with its line feed, as a whole.
    fn print(&self, lines: &[u8]);
}

/// Standard output. When its reader has gone, lines are dropped, and that is said once.
#[derive(Debug, Default)]
pub struct Stdout {
    gone: AtomicBool,
}

impl PrintTo for Stdout {
    fn print(&self, lines: &[u8]) {
        let mut out = std::io::stdout().lock();
        if let Err(error) = out.write_all(lines).and_then(|()| out.flush())
            && !self.gone.swap(true, Ordering::Relaxed)
        {
            tracing::warn!("standard output is gone, print sinks write nowhere: {error}");
        }
    }
}
