//! What groups write to `__consumer_offsets`, free of its byte layout (`crate::coordinator::records` has that).

use bytes::Bytes;
use record::{Offset, TimestampMs};

/// One record of `__consumer_offsets`. A `None` value is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRecord {
    /// A committed offset (key version 1).
    Offset {
        /// The group.
        group_id: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// What was committed.
        value: Option<OffsetValue>,
    },
    /// A generation of a classic group (key version 2).
    Group {
        /// The group.
        group_id: String,
        /// The generation and its members.
        value: Option<GroupValue>,
    },
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetValue {
    /// The next offset that the group wants.
    pub offset: Offset,
    /// The leader epoch of the last consumed record, or −1.
    pub leader_epoch: i32,
    /// The client's own words.
    pub metadata: String,
    /// When it was committed.
    pub commit_timestamp: TimestampMs,
    /// When it expires, if the client asked for a retention of its own (OffsetCommit v2–v4).
    pub expire_timestamp: Option<TimestampMs>,
}

/// A generation of a classic group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupValue {
    /// "consumer", "connect", or empty.
    pub protocol_type: String,
    /// The generation.
    pub generation: i32,
    /// The protocol that the members agreed on.
    pub protocol: Option<String>,
    /// The leader's member id.
    pub leader: Option<String>,
    /// When the group entered its state.
    pub state_timestamp: Option<TimestampMs>,
    /// The members, with their assignments.
    pub members: Vec<MemberValue>,
}

/// A member of a recorded generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberValue {
    /// The member id.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub group_instance_id: Option<String>,
    /// The client id.
    pub client_id: String,
    /// The client's address, as Java prints it (`/127.0.0.1`).
    pub client_host: String,
    /// How long the member may take to rejoin.
    pub rebalance_timeout_ms: i32,
    /// How long the member may be silent.
    pub session_timeout_ms: i32,
    /// Its metadata for the chosen protocol.
    pub subscription: Bytes,
    /// Its assignment.
    pub assignment: Bytes,
}
