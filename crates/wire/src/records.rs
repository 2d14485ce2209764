//! The records of Kafka's internal topics, by topic. Written by `cargo xtask wire`.

pub mod control;
pub mod group;
pub mod metadata;
pub mod offset;
pub mod share;
pub mod transaction;
