//! Topics, partitions, consumer groups, transactions, configs: a Kafka broker of one node.
//!
//! Owns: the cluster's metadata, the coordinators, one file per Kafka API under [`api`], the TCP front in [`net`], and
//! the same partitions for callers in this process ([`Broker`]).
//! Never: lets a wire struct past [`api`]; knows about queries.
//!
//! A Produce request goes `net::frame` → `net::connection` → [`api::serve`] → `api/produce.rs` → [`produce`] →
//! `commitlog`; its answer waits for the ticket that the append gave.
//!
//! - [`broker`] — [`Broker`]: opening, the in-process API, stopping.
//! - [`options`] — what a broker is opened with.
//! - [`startup`] — bringing up metadata and topics.
//! - [`admin`] — changing topics and configs.
//! - [`topic`] — topics and partitions.
//! - [`catalog`] — the live image of all topics.
//! - [`config`] — topic and broker configs: tables, layers, validation.
//! - [`metadata`] — `__cluster_metadata-0` and the small files beside the logs.
//! - [`produce`] — the way of a client's batch into a log.
//! - [`group`] — classic consumer groups, a pure machine.
//! - [`txn`] — transactions, a pure machine.
//! - [`coordinator`] — where both meet their logs.
//! - [`embedded`] — groups and transactions for queries in this process.
//! - [`reply`] — when and how a request is answered.
//! - [`api`] — the Kafka APIs.
//! - [`net`] — the TCP front.
//! - [`maintenance`] — the background thread.

pub mod admin;
pub mod api;
pub mod broker;
pub mod catalog;
pub mod config;
pub mod coordinator;
pub mod embedded;
pub mod group;
mod maintenance;
pub mod metadata;
pub mod net;
pub mod options;
pub mod produce;
pub mod reply;
mod startup;
pub mod topic;
pub mod txn;

pub use admin::{AdminError, CreateTopicError, Resource};
pub use broker::{Broker, OpenError};
pub use commitlog::{Appended, Isolation, ReadRequest, Ticket};
pub use embedded::{
    CommitDone, CommitError, GroupError, GroupInfo, GroupMemberInfo, GroupOffsetInfo, OutRecord, QueryMember,
    TopologyCommit, TransactionalProducer,
};
pub use options::{BrokerOptions, Durability};
pub use produce::ProduceError;
pub use topic::{NewTopic, Partition, ProduceRules, Topic, TopicInfo};
