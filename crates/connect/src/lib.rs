//! Where `engine` meets topics: `embedded` calls the broker directly, with no sockets.
//!
//! Owns: reading source partitions, writing sinks, changelogs and dead letters, and the commit that binds them to the
//! offsets in one transaction.
//! Never: contains query semantics.
//!
//! - [`seam`] — what a running query asks of topics; `embedded` implements it, a real cluster will.
//! - [`embedded`] — the seam over the broker in this process.
//! - [`fetch`] — records out of a partition's log.

mod codec;
pub mod embedded;
pub mod fetch;
pub mod seam;
