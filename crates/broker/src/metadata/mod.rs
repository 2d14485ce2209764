//! Cluster metadata: topics, ids, configs, features and producer-id blocks, as the replay of `__cluster_metadata-0`.
//!
//! Owns: the log's records (Kafka's own, KRaft's layout), the image that they add up to, `meta.properties`,
//! `partition.metadata`, and the rule that nothing is changed in memory before its record is durable.
//! Never: touches topic data.
//!
//! - [`image`] — what the records say so far: pure.
//! - [`journal`] — the log: replaying it at start, appending to it.
//! - [`properties`] — the small files beside the logs, and the check that a data directory is ours to open.
//!
//! Kafka: one node is controller and broker, so that the log has one leader for life: epoch 1, announced once by a
//! leader-change record. No broker registrations and no snapshots are written.

pub mod image;
pub mod journal;
pub mod properties;

pub use image::Image;
pub use journal::Journal;

/// The id of the one node.
pub const NODE_ID: i32 = 1;
/// The level of `metadata.version` that the records are written at: 4.3-IV0.
pub const METADATA_LEVEL: i16 = 30;
/// The lowest level that `metadata.version` can have.
pub const METADATA_LEVEL_MIN: i16 = 7;
/// The name of the feature that says how metadata records are to be read.
pub const METADATA_FEATURE: &str = "metadata.version";
/// Kafka's resource type of a topic in config records.
pub const TOPIC_RESOURCE: i8 = 2;
/// Kafka's resource type of a broker in config records; the empty name is all brokers.
pub const BROKER_RESOURCE: i8 = 4;
