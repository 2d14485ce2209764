//! Testing the tests: a planted defect must make a test fail.
//!
//! A test is run again, alone, in a process of its own, with the name of a defect in the environment. The simulated disk
//! obeys it ([`crate::sim_disk::lie`]); a crate may have some more, compiled into its own tests only.

use std::process::Command;

pub use crate::sim_disk::lie::SEEDED_BUG;

/// A defect, and how it must come out.
#[derive(Clone, Copy, Debug)]
pub struct Seeded {
    /// Its name in the environment.
    pub bug: &'static str,
    /// The test of this binary that must fail, by its full name.
    pub test: &'static str,
    /// What one of the checkers says: another failure would be no proof.
    pub says: &'static [&'static str],
}

/// Runs `seeded.test` with its bug planted, on at most so many seeds. Says why it was not caught.
///
/// What a defect breaks first may depend on how the program's threads take turns: a seed at which another checker is the first to
/// speak proves nothing, and the next one is tried.
pub fn catch(seeded: Seeded, seeds: u64) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|e| format!("cannot find this test's program: {e}"))?;
    let mut first = 0;
    loop {
        let output = Command::new(&program)
            .args([seeded.test, "--exact", "--nocapture"])
            .env(SEEDED_BUG, seeded.bug)
            .env("MILLSTREAM_SEEDS", format!("{first}+{}", seeds - first))
            .env("RUST_BACKTRACE", "0")
            .output()
            .map_err(|e| format!("cannot start this test's program: {e}"))?;
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = last[last.len().saturating_sub(12)..].join("\n");
        if output.status.success() {
            return Err(format!("{}: {} does not notice it within {seeds} seeds:\n{last}", seeded.bug, seeded.test));
        }
        if seeded.says.iter().any(|text| said.contains(text)) {
            return Ok(());
        }
        match failed_seed(&said) {
            Some(failed) if failed + 1 < seeds => first = failed + 1,
            _ => {
                return Err(format!(
                    "{}: {} fails, but nobody says {:?}:\n{last}",
                    seeded.bug, seeded.test, seeded.says
                ));
            }
        }
    }
}

/// The seed that a run names as the one it failed at.
fn failed_seed(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.strip_prefix("seed ")?.split_once(" failed")?.0.parse().ok())
}
