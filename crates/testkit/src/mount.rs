//! A file system of its own, for tests that fill it or cut its power: in a file through a loop device, or a tmpfs.
//!
//! Needs root, and for the former a loop device.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::run;
use crate::requirement;

const PATIENCE: Duration = Duration::from_secs(60);

/// A mounted file system; unmounted when dropped.
#[derive(Debug)]
pub struct Mount {
    /// Where it is mounted.
    pub dir: PathBuf,
    /// What it lies in, unless that is memory.
    image: Option<PathBuf>,
}

/// Runs a program of the machine to its good end; an error where there is none such, or it ends badly.
pub fn call(program: &str, args: &[&dyn AsRef<Path>]) -> Result<(), String> {
    if !program.contains('/') {
        requirement::program(program)?;
    }
    let mut command = Command::new(program);
    command.args(args.iter().map(|arg| arg.as_ref()));
    let output = run(&mut command, "", PATIENCE);
    if output.success() { Ok(()) } else { Err(format!("{command:?}: {}", output.text().trim())) }
}

impl Mount {
    /// Makes a file system of this kind (`ext4`, `xfs`) and size in the file `dir/image`, and mounts it at `dir/mount`. An
    /// error where the machine does not allow that.
    pub fn image(dir: &Path, kind: &str, bytes: u64) -> Result<Self, String> {
        let (image, at) = (dir.join("image"), dir.join("mount"));
        let file = std::fs::File::create(&image).and_then(|file| file.set_len(bytes));
        file.and_then(|()| std::fs::create_dir_all(&at)).map_err(|e| e.to_string())?;
        // Without blocks that are root's alone: what is free is free for everybody.
        let options: &[&dyn AsRef<Path>] = if kind == "ext4" { &[&"-m", &"0"] } else { &[] };
        call(&format!("mkfs.{kind}"), &[&[&"-q" as &dyn AsRef<Path>], options, &[&image]].concat())?;
        attach(&image, &at)?;
        Ok(Self { dir: at, image: Some(image) })
    }

    /// Mounts a tmpfs of this size at `dir/mount`. An error where the machine does not allow that.
    pub fn tmpfs(dir: &Path, bytes: u64) -> Result<Self, String> {
        let at = dir.join("mount");
        std::fs::create_dir_all(&at).map_err(|e| e.to_string())?;
        call("mount", &[&"-t", &"tmpfs", &"-o", &format!("size={bytes}"), &"tmpfs", &at])?;
        Ok(Self { dir: at, image: None })
    }

    /// Unmounts it and mounts it again, with what is in its image. Nobody may have files open on it.
    pub fn remount(&self) -> Result<(), String> {
        let image = self.image.as_ref().ok_or("a tmpfs has nothing that could be mounted again")?;
        call("umount", &[&self.dir])?;
        attach(image, &self.dir)
    }
}

fn attach(image: &Path, at: &Path) -> Result<(), String> {
    call("mount", &[&"-o", &"loop", &image, &at])
}

impl Drop for Mount {
    fn drop(&mut self) {
        // What a test has open goes with its processes; a mount that stays would be in the way of the next run.
        let _ = call("umount", &[&"-l", &self.dir]);
    }
}
