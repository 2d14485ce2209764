//! What a process holds, read from the kernel.

use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, String>;

/// Bytes in memory now.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    status(pid, "VmRSS:")
}

/// The most bytes in memory since its start, or since [`forget_peak`].
pub fn peak_bytes(pid: u32) -> Result<u64> {
    status(pid, "VmHWM:")
}

/// Begins the peak anew. Where the kernel refuses, the peak is that of the whole life, which is stricter.
pub fn forget_peak(pid: u32) -> Result<()> {
    let path = format!("/proc/{pid}/clear_refs");
    // 5: "reset the peak resident set size (high water mark) to the process's current value".
    std::fs::write(&path, "5").map_err(|e| format!("{path}: {e}"))
}

/// Descriptors of open files, sockets and the like.
pub fn open_files(pid: u32) -> Result<usize> {
    let path = format!("/proc/{pid}/fd");
    std::fs::read_dir(&path).map(Iterator::count).map_err(|e| format!("{path}: {e}"))
}

fn status(pid: u32, field: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|rest| rest.trim().strip_suffix("kB")).and_then(|n| n.trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| format!("{path} has no {field}"))
}

/// What it holds once that is at most `bytes`, or after `patience`.
pub fn resident_bytes_within(pid: u32, bytes: u64, patience: Duration) -> Result<u64> {
    let deadline = Instant::now() + patience;
    loop {
        let now = resident_bytes(pid)?;
        if now <= bytes || Instant::now() > deadline {
            return Ok(now);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// As MiB.
#[must_use]
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
