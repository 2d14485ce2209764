//! A small Kafka client for the console tools, `doctor`, tests and benches, against any Kafka from 2.1 on.
//!
//! Owns: connections with version negotiation, where leaders, controllers and coordinators are, plain produce and fetch,
//! membership in classic groups, and administration.
//! Never: does transactions; knows queries; decides what a user is shown.
//!
//! ```text
//! Client ── who leads what ──> Connection ── frames ──> broker
//!   ├─ Producer        records -> batches by partition -> acknowledgements
//!   ├─ Consumer        positions -> long polls by leader -> records
//!   ├─ GroupConsumer   Consumer + membership + commits
//!   └─ administration: topics, configs, groups, offsets, records (methods of Client)
//! ```
//!
//! # Non-obvious
//! - A broker answers the requests of one connection in order, and a long poll holds up what is behind it. So every
//!   consumer and every group member has connections of its own; everything else shares one per broker.
//! - Requests name topics by name: versions that only know topic ids (Fetch 13, Produce 13, OffsetCommit 10,
//!   OffsetFetch 10) are not used.

mod address;
mod admin;
mod cluster;
mod connection;
mod consumer;
mod error;
mod group;
mod producer;

#[cfg(test)]
mod tests;

pub use admin::configs::{ConfigAlteration, ConfigEntry, ConfigOperation, ConfigResource, ConfigSource, ResourceType};
pub use admin::groups::{CommittedOffset, GroupDescription, GroupListing, GroupMember, OffsetToCommit};
pub use admin::offsets::{ListedOffset, OffsetSpec};
pub use admin::topics::NewTopic;
pub use cluster::{
    Broker, Client, ClientOptions, ClusterDescription, Isolation, PartitionDescription, TopicDescription,
};
pub use connection::Connection;
pub use consumer::{ConsumedRecord, Consumer, ConsumerOptions, OutOfRange, Position};
pub use error::{ClientError, Unreachable};
pub use group::{Assignor, GroupConsumer, GroupOptions};
pub use producer::{Acks, Delivery, Produced, Producer, ProducerOptions, ProducerRecord};
