//! Memory and open files of the server's process, as the kernel counts them.

use std::fs;
use std::time::{Duration, Instant};

/// Bytes of a line of `/proc/<pid>/status`.
fn status_bytes(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let kib = line.trim_start_matches(':').split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or_else(|| panic!("{name} is not in the status")) << 10
}

/// What it holds now.
pub fn resident(pid: u32) -> u64 {
    status_bytes(pid, "VmRSS")
}

/// The most that it held since [`forget_peak`].
pub fn peak(pid: u32) -> u64 {
    status_bytes(pid, "VmHWM")
}

/// From now on, [`peak`] is a new one.
pub fn forget_peak(pid: u32) {
    // 5: reset the peak. Where the kernel refuses, the peak is that of the whole run, which is stricter.
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

/// What it holds once that is at most `bytes`, or after `patience`.
pub fn resident_within(pid: u32, bytes: u64, patience: Duration) -> u64 {
    let deadline = Instant::now() + patience;
    loop {
        let now = resident(pid);
        if now <= bytes || Instant::now() > deadline {
            return now;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
