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
//! - [`sharing`] — a long list of appends, shared with a second thread.
//! - [`group`] — classic consumer groups, a pure machine.
//! - [`txn`] — transactions, a pure machine.
//! - [`coordinator`] — where both meet their logs.
//! - [`embedded`] — groups and transactions for queries in this process.
//! - [`reply`] — when and how a request is answered.
//! - [`api`] — the Kafka APIs.
//! - [`net`] — the TCP front.
//! - [`maintenance`] — the background thread.
//!
//! Non-obvious
//! - Readiness of a socket may be yesterday's news (tokio clears it only when a read finds nothing). A connection is idle
//!   until a *read* brought a byte; otherwise idle clients would be cut off as slow ones.
//! - Both halves of a connection are one task: a finished answer never has to wake another thread to be written.
//! - Kafka's default of `group.initial.rebalance.delay.ms` (3 s) is set to 0 here, at the static layer, where tools see it.
//! - Retention looks every `log.retention.check.interval.ms`, as Kafka does: records of 2022 that somebody produces today
//!   stay readable for minutes, which tests against Kafka rely on without saying so.
//! - A log directory that belongs to no topic of the metadata is deleted only when it is empty or when the metadata says
//!   that its topic was deleted. Anything else stays, and blocks the name.
//! - Error texts that quote what a client sent are cut before they are encoded: a string of the protocol ends at 32,767
//!   bytes, and a response that cannot be encoded costs the connection.

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
mod sharing;
mod startup;
pub mod topic;
pub mod txn;

pub use admin::{AdminError, CreateTopicError, Resource};
pub use broker::{Broker, OpenError};
pub use commitlog::{Appended, Isolation, LowSpace, ReadRequest, SpaceFigures, Ticket};
pub use embedded::{
    CommitDone, CommitError, GroupError, GroupInfo, GroupMemberInfo, GroupOffsetInfo, QueryMember, TopologyCommit,
    TransactionalProducer,
};
pub use options::{BrokerOptions, Durability};
pub use produce::ProduceError;
pub use topic::{NewTopic, Partition, ProduceRules, Topic, TopicInfo};
