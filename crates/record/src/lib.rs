//! The Kafka record batch v2: view without copying, iterate, build, compress, CRC, control records.
//!
//! Owns: the 61-byte batch header and the records behind it, and the numbers that every room above names by type
//! ([`Offset`], [`ProducerId`] …).
//! Never: does I/O; allocates from a declared length; trusts a count.
//!
//! A batch is opaque bytes from Produce to Fetch: [`Batch`] is a view of them. What the broker must know is in
//! [`BatchHeader`]; what only a reader needs is behind [`Batch::records`], which decompresses within a bound.

mod batch;
mod build;
mod compression;
pub mod control;
mod header;
mod iterate;
mod number;
mod partitioner;
mod rebuild;
mod validate;
pub mod varint;

#[cfg(test)]
mod tests;

pub use batch::{Batch, split};
pub use build::{BatchBuilder, BatchOptions, BatchesBuilder, ProducerIdentity};
pub use compression::{Compression, CompressionError};
pub use header::{
    Attributes, BatchError, BatchHeader, HEADER_BYTES, TimestampType, assign, set_log_append_time, set_max_timestamp,
};
pub use iterate::{Header, Headers, ReadLimits, Record, RecordIter, Records};
pub use number::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};
pub use partitioner::partition_of_key;
pub use rebuild::rebuild;
pub use validate::{BatchFacts, InvalidBatch, InvalidKind, InvalidRecord, Rules, validate};
