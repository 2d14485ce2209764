//! What comes into the group machine and what goes out of it.

use bytes::Bytes;
use record::{Offset, ProducerEpoch, ProducerId, TimestampMs};
use wire::ErrorCode;

use super::record::GroupRecord;
use super::state::GroupState;

/// Both clocks at the moment of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time: sessions and deadlines.
    pub monotonic_ms: u64,
    /// Wall-clock time: what is written into records.
    pub wall: TimestampMs,
}

/// The caller's name for a request that waits inside the machine. Chosen by the caller, unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParkId(pub u64);

/// What a request asks of the world. The runtime appends `records`, replays them, and lets `response` and `released`
/// go once they are durable. Nothing in this module performs either step.
#[derive(Debug)]
#[must_use]
pub struct Decision<R> {
    /// To be appended to `__consumer_offsets` in one batch.
    pub records: Vec<GroupRecord>,
    /// Parked requests that are answered by this decision, possibly the caller's own.
    pub released: Vec<Released>,
    /// The caller's response; `()` where it comes through `released`.
    pub response: R,
}

/// A parked request and its answer.
#[derive(Debug, PartialEq)]
pub struct Released {
    /// Which request.
    pub park: ParkId,
    /// Its answer.
    pub reply: Parked,
}

/// The answers that may have to wait for other members.
#[derive(Clone, Debug, PartialEq)]
pub enum Parked {
    /// To JoinGroup.
    Join(JoinReply),
    /// To SyncGroup.
    Sync(SyncReply),
}

/// JoinGroup.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// The group.
    pub group_id: String,
    /// The member id, empty on the first join.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub group_instance_id: Option<String>,
    /// The client id, part of generated member ids.
    pub client_id: String,
    /// The client's address (`/127.0.0.1`).
    pub client_host: String,
    /// "consumer", "connect", …
    pub protocol_type: String,
    /// Supported protocols with metadata, most wanted first.
    pub protocols: Vec<(String, Bytes)>,
    /// How long the member may be silent.
    pub session_timeout_ms: i32,
    /// How long it may take to rejoin.
    pub rebalance_timeout_ms: i32,
    /// v4+: an unknown member is first told its id (MEMBER_ID_REQUIRED).
    pub require_known_member_id: bool,
    /// v9+: a static leader that comes back may be told to skip the assignment.
    pub supports_skipping_assignment: bool,
    /// A fresh random UUID, for a member id should one be needed.
    pub fresh_uuid: String,
}

/// The answer to JoinGroup.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinReply {
    /// `None` on success.
    pub error: ErrorCode,
    /// The generation, or −1.
    pub generation: i32,
    /// The group's protocol type.
    pub protocol_type: Option<String>,
    /// The chosen protocol.
    pub protocol: Option<String>,
    /// The leader's member id, or empty.
    pub leader: String,
    /// Whether the leader may keep the assignment (v9+).
    pub skip_assignment: bool,
    /// The member's id.
    pub member_id: String,
    /// For the leader: all members (id, instance id, metadata).
    pub members: Vec<(String, Option<String>, Bytes)>,
}

impl JoinReply {
    /// A refusal.
    #[must_use]
    pub fn error(error: ErrorCode, member_id: impl Into<String>) -> Self {
        Self {
            error,
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: String::new(),
            skip_assignment: false,
            member_id: member_id.into(),
            members: Vec::new(),
        }
    }
}

/// SyncGroup.
#[derive(Clone, Debug)]
pub struct SyncRequest {
    /// The group.
    pub group_id: String,
    /// The generation that the member joined.
    pub generation: i32,
    /// The member.
    pub member_id: String,
    /// Its `group.instance.id`.
    pub group_instance_id: Option<String>,
    /// v5+: must be the group's when given.
    pub protocol_type: Option<String>,
    /// v5+: must be the group's when given.
    pub protocol: Option<String>,
    /// From the leader: assignment per member id.
    pub assignments: Vec<(String, Bytes)>,
}

/// The answer to SyncGroup.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncReply {
    /// `None` on success.
    pub error: ErrorCode,
    /// The group's protocol type.
    pub protocol_type: Option<String>,
    /// The chosen protocol.
    pub protocol: Option<String>,
    /// The member's assignment; empty on an error.
    pub assignment: Bytes,
}

impl SyncReply {
    /// A refusal.
    #[must_use]
    pub fn error(error: ErrorCode) -> Self {
        Self { error, protocol_type: None, protocol: None, assignment: Bytes::new() }
    }
}

/// Heartbeat.
#[derive(Clone, Debug)]
pub struct HeartbeatRequest {
    /// The group.
    pub group_id: String,
    /// The generation that the member is in.
    pub generation: i32,
    /// The member.
    pub member_id: String,
    /// Its `group.instance.id`.
    pub group_instance_id: Option<String>,
}

/// One member that leaves.
#[derive(Clone, Debug)]
pub struct LeaveMember {
    /// The member id; empty when a static member is removed by its instance id.
    pub member_id: String,
    /// Its `group.instance.id`.
    pub group_instance_id: Option<String>,
}

/// What became of one leaving member.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaveReply {
    /// As given.
    pub member_id: String,
    /// As given.
    pub group_instance_id: Option<String>,
    /// `None` when it left.
    pub error: ErrorCode,
}

/// Who commits. Member id and generation do not tell: DescribeGroups shows the one, and the other is easily guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committer {
    /// A client.
    Client,
    /// The query that has the group, in process.
    Query,
}

/// OffsetCommit and TxnOffsetCommit.
#[derive(Clone, Debug)]
pub struct OffsetCommitRequest {
    /// Who asks.
    pub committer: Committer,
    /// The group.
    pub group_id: String,
    /// The member's generation, −1 for a simple consumer.
    pub generation: i32,
    /// The member id, empty for a simple consumer.
    pub member_id: String,
    /// Its `group.instance.id`.
    pub group_instance_id: Option<String>,
    /// What to commit.
    pub offsets: Vec<OffsetCommit>,
    /// The transaction that the offsets are part of.
    pub producer: Option<(ProducerId, ProducerEpoch)>,
}

/// One offset to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommit {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next offset that the group wants.
    pub offset: Offset,
    /// The leader epoch of the last consumed record, or −1.
    pub leader_epoch: i32,
    /// The client's own words.
    pub metadata: String,
    /// v2–v4: a retention of its own.
    pub retention_ms: Option<i64>,
}

/// A committed offset, as fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetReply {
    /// `None`, or UNSTABLE_OFFSET_COMMIT.
    pub error: ErrorCode,
    /// The offset, −1 when there is none.
    pub offset: Offset,
    /// Its leader epoch, or −1.
    pub leader_epoch: i32,
    /// Its metadata.
    pub metadata: String,
}

impl OffsetReply {
    /// No offset, for the given reason.
    #[must_use]
    pub fn absent(error: ErrorCode) -> Self {
        Self { error, offset: Offset(-1), leader_epoch: -1, metadata: String::new() }
    }
}

/// A row of ListGroups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// The group.
    pub group_id: String,
    /// "consumer", or empty for a group of a simple consumer.
    pub protocol_type: String,
    /// Its state.
    pub state: GroupState,
}

/// One group of DescribeGroups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// The group.
    pub group_id: String,
    /// Its state.
    pub state: GroupState,
    /// The generation.
    pub generation: i32,
    /// "consumer", …
    pub protocol_type: String,
    /// The chosen protocol, empty unless stable.
    pub protocol: String,
    /// Its members.
    pub members: Vec<MemberDescription>,
}

/// One member of a described group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// The member id.
    pub member_id: String,
    /// Its `group.instance.id`.
    pub group_instance_id: Option<String>,
    /// The client id.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// Metadata for the chosen protocol, empty unless stable.
    pub metadata: Bytes,
    /// Its assignment, empty unless stable.
    pub assignment: Bytes,
}
