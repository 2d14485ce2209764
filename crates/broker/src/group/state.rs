//! One group and its members: the facts, and the questions that can be asked of them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use record::TimestampMs;
use wire::ErrorCode;

use super::offsets::GroupOffsets;
use super::record::{GroupValue, MemberValue};
use super::request::{Now, ParkId};

/// Where a classic group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupState {
    /// No members; perhaps offsets.
    Empty,
    /// Waiting for the members to join the next generation.
    PreparingRebalance,
    /// Joined; waiting for the leader's assignment.
    CompletingRebalance,
    /// Every member may have its assignment.
    Stable,
    /// Deleted.
    Dead,
}

impl GroupState {
    /// Kafka's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

/// One member of a group.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub id: String,
    pub group_instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout_ms: u64,
    pub rebalance_timeout_ms: u64,
    /// Supported protocols with metadata, most wanted first. After a replay: the chosen one only.
    pub protocols: Vec<(String, Bytes)>,
    pub assignment: Bytes,
    /// When it joined, as a running number: the oldest becomes leader.
    pub joined: u64,
    /// True until it completes its first join.
    pub is_new: bool,
    /// Its JoinGroup that waits for the others.
    pub awaiting_join: Option<ParkId>,
    /// Its SyncGroup that waits for the leader.
    pub awaiting_sync: Option<ParkId>,
    /// Silent past this moment, it is removed. `None`: never (the in-process member).
    pub session_deadline: Option<u64>,
}

impl Member {
    pub fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|(name, _)| name == protocol)
            .map(|(_, metadata)| metadata.clone())
            .unwrap_or_default()
    }

    fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }
}

/// One group.
#[derive(Debug)]
pub(super) struct Group {
    pub id: String,
    pub state: GroupState,
    /// When it entered its state, by the wall clock; expiry of offsets counts from here.
    pub state_timestamp: Option<TimestampMs>,
    /// Counts the phases (one per state transition): a timer of an earlier phase is void.
    pub phase: u64,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub generation: i32,
    pub leader: Option<String>,
    pub members: BTreeMap<String, Member>,
    /// `group.instance.id` → member id.
    pub static_members: BTreeMap<String, String>,
    /// Ids handed out with MEMBER_ID_REQUIRED, with the deadline of their second JoinGroup.
    pub pending_members: BTreeMap<String, u64>,
    /// Members of this generation that have not sent SyncGroup.
    pub pending_sync: BTreeSet<String>,
    /// In the initial delay: nothing completes before its timer.
    pub initial_delay: bool,
    /// A member joined during the initial delay: extend it once more.
    pub new_member_added: bool,
    /// The member id of the in-process member, which has the group for itself.
    pub query_member: Option<String>,
    pub offsets: GroupOffsets,
}

impl Group {
    pub fn new(id: String) -> Self {
        Self {
            id,
            state: GroupState::Empty,
            state_timestamp: None,
            phase: 0,
            protocol_type: None,
            protocol: None,
            generation: 0,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_members: BTreeMap::new(),
            pending_sync: BTreeSet::new(),
            initial_delay: false,
            new_member_added: false,
            query_member: None,
            offsets: GroupOffsets::default(),
        }
    }

    pub fn transition(&mut self, state: GroupState, now: Now) {
        self.state = state;
        self.state_timestamp = Some(now.wall);
        self.phase += 1;
        self.initial_delay = false;
        self.new_member_added = false;
    }

    /// Whether nothing of it is recorded, and nobody is about to join it.
    pub fn is_traceless(&self) -> bool {
        self.state == GroupState::Empty
            && self.generation == 0
            && self.pending_members.is_empty()
            && self.offsets.is_empty()
    }

    pub fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    /// The longest rebalance timeout of all members.
    pub fn rebalance_timeout_ms(&self) -> u64 {
        self.members.values().map(|m| m.rebalance_timeout_ms).max().unwrap_or(0)
    }

    pub fn awaiting_join_count(&self) -> usize {
        self.members.values().filter(|m| m.awaiting_join.is_some()).count()
    }

    pub fn all_joined(&self) -> bool {
        self.pending_members.is_empty() && self.members.values().all(|m| m.awaiting_join.is_some())
    }

    /// The oldest member among those that `wanted` accepts.
    pub fn oldest(&self, wanted: impl Fn(&Member) -> bool) -> Option<String> {
        self.members.values().filter(|m| wanted(m)).min_by_key(|m| m.joined).map(|m| m.id.clone())
    }

    /// Whether a member with these protocols could be part of the group.
    pub fn supports(&self, protocol_type: &str, protocols: &[(String, Bytes)]) -> bool {
        if protocol_type.is_empty() || protocols.is_empty() {
            return false;
        }
        if self.query_member.is_some() {
            return false;
        }
        if self.state == GroupState::Empty {
            return true;
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|(name, _)| self.members.values().all(|m| m.supports(name)))
    }

    /// The protocol that most members want most, among those that all support; ties go to the oldest member's order.
    pub fn choose_protocol(&self) -> Option<String> {
        let mut by_age: Vec<&Member> = self.members.values().collect();
        by_age.sort_by_key(|m| m.joined);
        let candidates: Vec<&str> = by_age
            .first()?
            .protocols
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| by_age.iter().all(|m| m.supports(name)))
            .collect();
        let mut votes = vec![0_usize; candidates.len()];
        for member in &by_age {
            let vote = member.protocols.iter().find_map(|(name, _)| candidates.iter().position(|c| c == name));
            if let Some(vote) = vote {
                votes[vote] += 1;
            }
        }
        let most = *votes.iter().max()?;
        let winner = votes.iter().position(|v| *v == most)?;
        Some(candidates[winner].to_owned())
    }

    /// Checks that a request speaks for a current member: `group.instance.id` first, as Kafka does.
    pub fn check_member(&self, member_id: &str, group_instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = group_instance_id {
            match self.static_members.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(current) if current != member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// All members with their metadata for the chosen protocol, oldest first: what the leader is told.
    pub fn roster(&self) -> Vec<(String, Option<String>, Bytes)> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let mut members: Vec<&Member> = self.members.values().collect();
        members.sort_by_key(|m| m.joined);
        members.into_iter().map(|m| (m.id.clone(), m.group_instance_id.clone(), m.metadata(protocol))).collect()
    }

    /// The group as it is recorded.
    pub fn value(&self) -> GroupValue {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let clamp = |ms: u64| i32::try_from(ms).unwrap_or(i32::MAX);
        GroupValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            state_timestamp: self.state_timestamp,
            members: self
                .members
                .values()
                .map(|m| MemberValue {
                    member_id: m.id.clone(),
                    group_instance_id: m.group_instance_id.clone(),
                    client_id: m.client_id.clone(),
                    client_host: m.client_host.clone(),
                    rebalance_timeout_ms: clamp(m.rebalance_timeout_ms),
                    session_timeout_ms: clamp(m.session_timeout_ms),
                    subscription: m.metadata(protocol),
                    assignment: m.assignment.clone(),
                })
                .collect(),
        }
    }

    /// The topics that the members of a stable consumer group subscribe to; `None` when that cannot be known.
    pub fn subscribed_topics(&self) -> Option<BTreeSet<String>> {
        if self.protocol_type.as_deref() != Some("consumer") {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol.as_deref()?;
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            topics.extend(subscription_topics(&member.metadata(protocol))?);
        }
        Some(topics)
    }
}

/// The topic list at the head of a ConsumerProtocolSubscription: `version: i16, topics: [string]`, all versions alike.
///
/// ```text
/// | version i16 | count i32 | len i16 | utf-8 … | len i16 | utf-8 … | user data … |
/// ```
fn subscription_topics(metadata: &[u8]) -> Option<Vec<String>> {
    let (_version, rest) = metadata.split_at_checked(2)?;
    let (count, mut rest) = rest.split_at_checked(4)?;
    let count = i32::from_be_bytes(count.try_into().ok()?);
    let mut topics = Vec::new();
    for _ in 0..count {
        let (len, tail) = rest.split_at_checked(2)?;
        let len = usize::try_from(i16::from_be_bytes(len.try_into().ok()?)).ok()?;
        let (topic, tail) = tail.split_at_checked(len)?;
        topics.push(std::str::from_utf8(topic).ok()?.to_owned());
        rest = tail;
    }
    Some(topics)
}
