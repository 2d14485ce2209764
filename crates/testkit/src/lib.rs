//! What tests stand on: a simulated disk whose power can be cut, a clock that is set by hand, checkers of histories over
//! plain data, what a process holds, file systems of their own, and drivers that start real Kafka and real clients as
//! processes.
//!
//! Never: ships; depends on another room than `os`.

pub mod clock;
pub mod history;
pub mod kafka;
pub mod memory;
pub mod mount;
pub mod process;
pub mod requirement;
pub mod seed;
pub mod seeded;
pub mod sim_disk;

pub use clock::ManualClock;
pub use process::Process;
pub use requirement::require;
pub use sim_disk::{Loss, SimDisk};
