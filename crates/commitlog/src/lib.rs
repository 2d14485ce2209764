//! A set of partition logs in Kafka's own file formats, and the one flusher that makes appends durable.
//!
//! Owns: segments, offset, time and transaction indexes, producer state, leader epochs, checkpoints, the journal, recovery,
//! retention, compaction, and the high watermark.
//! Never: hears of topics, groups, the network; reads the wall clock.
//!
//! The idea: an append writes to the active segment under a short mutex and returns a [`Ticket`]. The flusher has no timer:
//! the next round starts when somebody waits for it and the last one has ended, and takes whatever was appended, to all logs,
//! by then. A lone caller may run it on its own thread ([`Ticket::drive`]). A small round goes into one shared
//! journal with one sync, a large one syncs the segments themselves; callers cannot see which. When the round is durable the
//! high watermarks move, then the tickets are done.
//!
//! - [`config`] — what a log and the set can be told.
//! - [`error`] — why something was refused, by what the caller can do next.
//! - [`ticket`] — the promise that an append is durable.
//! - [`watch`] — waking readers when a watermark moves.
//! - [`set`] — [`LogSet`]: open, create, delete, maintain, close.
//! - [`log`] — [`Log`]: one partition.

#[cfg(test)]
mod tests;

mod append;
mod checkpoint;
mod compact;
pub mod config;
mod epoch;
pub mod error;
mod files;
mod flush;
mod flusher;
mod index;
mod journal;
mod lifecycle;
pub mod log;
mod pending;
mod producer;
mod producer_room;
mod range_set;
mod read;
mod recover;
mod retain;
mod scan;
mod seeded;
mod segment;
pub mod set;
mod snapshot;
pub mod space;
pub mod ticket;
mod txn_index;
pub mod watch;

pub use config::{Cleanup, Durability, LogConfig, SetOptions};
pub use error::{AppendError, CreateError, DeleteRecordsError, OpenError, ReadError, StorageError};
pub use flusher::Hold;
pub use log::{
    AbortedTxn, AppendContext, AppendKind, Appended, Chunk, DamagedRange, EpochEnd, Isolation, Log, OpenTransaction,
    ProducerInfo, ReadRequest, ReadResult, TimestampOffset,
};
pub use set::{Cut, LogSet, RecoveryReport};
pub use space::{LowSpace, Space, SpaceFigures};
pub use ticket::Ticket;
pub use watch::Watch;
