//! A real file system in a file that can lose its power: what was not synced is gone.
//!
//! Needs what [`testkit::mount`] needs, and a C compiler (for the one ioctl that does it, see `godown.c`).

use std::path::{Path, PathBuf};

use testkit::mount::{Mount, call};

const BYTES: u64 = 512 << 20;

/// See the module. Unmounted when dropped.
#[derive(Debug)]
pub struct Disk {
    /// The file system.
    pub mount: Mount,
    godown: PathBuf,
}

impl Disk {
    /// Makes a file system of this kind (`ext4`, `xfs`) in `dir` and mounts it; an error where the machine does not allow
    /// that.
    pub fn new(dir: &Path, kind: &str) -> Result<Self, String> {
        let godown = dir.join("godown");
        call("cc", &[&"-o", &godown, &tests::root().join("tests/survival/godown.c")])?;
        Ok(Self { mount: Mount::image(dir, kind, BYTES)?, godown })
    }

    /// From now on nothing reaches the disk.
    pub fn cut_power(&self) -> Result<(), String> {
        call(&self.godown.display().to_string(), &[&self.mount.dir])
    }

    /// Brings it back with what it has. Nobody may have files open on it.
    pub fn reboot(&self) -> Result<(), String> {
        self.mount.remount()
    }
}
