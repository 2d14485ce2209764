//! Kafka's own files beside a log. Written by `cargo xtask wire`.

pub mod producer_snapshot;

pub use producer_snapshot::ProducerSnapshot;
