//! Classic consumer groups as a pure state machine: (state, request, now) → records and replies.
//!
//! Owns: membership (join, sync, heartbeat, leave, static members, rebalances), committed offsets and their expiry.
//! Never: reads a clock, appends a record, knows a wire struct, or waits. Randomness (member ids) comes in with the
//! request.
//!
//! The idea: what must survive a restart is exactly what the records of `__consumer_offsets` say. Every operation
//! returns a [`Decision`]: the records that it wants in the log, its own response, and the parked requests of other
//! members that it releases. The runtime (`crate::coordinator`) appends the records, hands them back through
//! [`GroupCoordinator::replay`] with their offsets, and lets the replies go when the records are durable. Membership
//! between two records (who has joined the rebalance that is under way) lives in memory only, as in Kafka: after a
//! restart, members are told UNKNOWN_MEMBER_ID or carry on in the last generation that was recorded.
//!
//! - [`config`] — the limits.
//! - [`request`] — what comes in and goes out.
//! - [`record`] — what is written to the log.
//! - [`state`] — one group and its members.
//! - [`offsets`] — committed and staged (transactional) offsets of one group.
//! - `room` — how much memory all groups may take.
//! - [`coordinator`] — the table of groups, replay, timers.
//! - [`membership`] — join, sync, heartbeat, leave and the rebalance that they drive.
//! - [`commit`] — offset commits, fetches, deletions and expiry.
//! - [`admin`] — list, describe, delete; the in-process member of a query's group.

pub mod admin;
pub mod commit;
pub mod config;
pub mod coordinator;
pub mod membership;
pub mod offsets;
pub mod record;
pub mod request;
mod room;
pub mod state;

#[cfg(test)]
mod tests;

pub use config::GroupConfig;
pub use coordinator::GroupCoordinator;
pub use offsets::OffsetEntry;
pub use record::{GroupRecord, GroupValue, MemberValue, OffsetValue};
pub use request::{
    Committer, Decision, GroupDescription, GroupListing, HeartbeatRequest, JoinReply, JoinRequest, LeaveMember,
    LeaveReply, MemberDescription, Now, OffsetCommit, OffsetCommitRequest, OffsetReply, ParkId, Parked, Released,
    SyncReply, SyncRequest,
};
pub use state::GroupState;
