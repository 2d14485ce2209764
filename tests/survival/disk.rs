//! A real file system in a file, mounted through a loop device, that can lose its power: what was not synced is gone.
//!
//! Needs root, a loop device and a C compiler (for the one ioctl that does it, see `godown.c`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testkit::process::run;

const PATIENCE: Duration = Duration::from_secs(60);
const BYTES: u64 = 512 << 20;

/// See the module. Unmounted when dropped.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    /// Where it is mounted.
    pub mount: PathBuf,
    godown: PathBuf,
}

fn call(program: &str, args: &[&dyn AsRef<Path>]) -> Result<(), String> {
    if !program.contains('/') {
        testkit::requirement::program(program)?;
    }
    let mut command = Command::new(program);
    command.args(args.iter().map(|arg| arg.as_ref()));
    let output = run(&mut command, "", PATIENCE);
    if output.success() { Ok(()) } else { Err(format!("{command:?}: {}", output.text().trim())) }
}

impl Disk {
    /// Makes a file system of this kind (`ext4`, `xfs`) in `dir` and mounts it; an error where the machine does not allow
    /// that.
    pub fn new(dir: &Path, kind: &str) -> Result<Self, String> {
        let disk = Self { image: dir.join("image"), mount: dir.join("mount"), godown: dir.join("godown") };
        let source = tests::root().join("tests/survival/godown.c");
        call("cc", &[&"-o", &disk.godown, &source])?;
        let file = std::fs::File::create(&disk.image).and_then(|file| file.set_len(BYTES));
        file.and_then(|()| std::fs::create_dir_all(&disk.mount)).map_err(|e| e.to_string())?;
        call(&format!("mkfs.{kind}"), &[&"-q", &disk.image])?;
        disk.attach()?;
        Ok(disk)
    }

    fn attach(&self) -> Result<(), String> {
        call("mount", &[&"-o", &"loop", &self.image, &self.mount])
    }

    /// From now on nothing reaches the disk.
    pub fn cut_power(&self) -> Result<(), String> {
        call(&self.godown.display().to_string(), &[&self.mount])
    }

    /// Brings it back with what it has. Nobody may have files open on it.
    pub fn reboot(&self) -> Result<(), String> {
        call("umount", &[&self.mount])?;
        self.attach()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = call("umount", &[&"-l", &self.mount]);
    }
}
