//! What we ask of the machine: the disk and clock traits, and the real ones.
//!
//! Owns: every call that the program makes to the file system and the clock, so that tests can put a simulated machine
//! in its place (`testkit`) and cut its power.
//! Never: knows a format.
//!
//! - [`disk`] — the [`Disk`] and [`File`] traits: what durable code may rely on, clause by clause.
//! - [`real`] — [`RealDisk`]: the file system of this machine.
//! - [`clock`] — the [`Clock`] trait and [`SystemClock`].

pub mod clock;
pub mod disk;
pub mod real;

pub use clock::{Clock, SystemClock};
pub use disk::{BLOCK_BYTES, DirEntry, Disk, DiskLock, DiskSpace, File, OpenMode, is_out_of_files};
pub use real::RealDisk;
