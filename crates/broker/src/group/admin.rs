//! ListGroups, DescribeGroups, DeleteGroups, and the in-process member of a query's group.

use bytes::Bytes;
use wire::ErrorCode;

use super::commit::tombstone;
use super::coordinator::{Effects, GroupCoordinator};
use super::record::GroupRecord;
use super::request::{Decision, GroupDescription, GroupListing, JoinReply, MemberDescription, Now, SyncReply};
use super::state::{Group, GroupState, Member};

/// How a query presents itself in its group.
#[derive(Clone, Debug)]
pub struct QueryJoin {
    /// The group: the query's application id.
    pub group_id: String,
    /// The member id, unique per incarnation.
    pub member_id: String,
    /// The client id that tools show.
    pub client_id: String,
    /// The address that tools show (`/127.0.0.1`).
    pub client_host: String,
    /// ConsumerProtocolSubscription bytes.
    pub subscription: Bytes,
    /// ConsumerProtocolAssignment bytes.
    pub assignment: Bytes,
}

/// The one protocol of a query's group; no consumer's assignor has this name but Kafka Streams' own, which is kept out
/// too.
pub const QUERY_PROTOCOL: &str = "stream";

impl GroupCoordinator {
    /// ListGroups, ordered by group id.
    #[must_use]
    pub fn list(&self) -> Vec<GroupListing> {
        let mut rows: Vec<GroupListing> = self
            .groups
            .values()
            .map(|group| GroupListing {
                group_id: group.id.clone(),
                protocol_type: group.protocol_type.clone().unwrap_or_default(),
                state: group.state,
            })
            .collect();
        rows.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        rows
    }

    /// DescribeGroups for one group; `None` when there is none.
    #[must_use]
    pub fn describe(&self, group_id: &str) -> Option<GroupDescription> {
        let group = self.group(group_id)?;
        let stable = group.state == GroupState::Stable;
        let protocol = group.protocol.clone().filter(|_| stable).unwrap_or_default();
        let members = group
            .members
            .values()
            .map(|m| MemberDescription {
                member_id: m.id.clone(),
                group_instance_id: m.group_instance_id.clone(),
                client_id: m.client_id.clone(),
                client_host: m.client_host.clone(),
                metadata: if stable { m.metadata(&protocol) } else { Bytes::new() },
                assignment: if stable { m.assignment.clone() } else { Bytes::new() },
            })
            .collect();
        Some(GroupDescription {
            group_id: group.id.clone(),
            state: group.state,
            generation: group.generation,
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            protocol,
            members,
        })
    }

    /// The partitions for which a group has a committed offset, with the offset and its metadata.
    #[must_use]
    pub fn committed(&self, group_id: &str) -> Vec<(String, i32, super::record::OffsetValue)> {
        let Some(group) = self.group(group_id) else { return Vec::new() };
        let by_topic = group.offsets.committed().iter();
        by_topic.flat_map(|(t, by)| by.iter().map(|(p, entry)| (t.clone(), *p, entry.value.clone()))).collect()
    }

    /// DeleteGroups for one group: only without members.
    pub fn delete(&self, group_id: &str) -> Decision<ErrorCode> {
        let mut effects = Effects::default();
        let Some(group) = self.group(group_id) else { return effects.with(ErrorCode::GroupIdNotFound) };
        match group.state {
            GroupState::Dead => return effects.with(ErrorCode::GroupIdNotFound),
            GroupState::Empty => {}
            _ => return effects.with(ErrorCode::NonEmptyGroup),
        }
        for (topic, partition) in group.offsets.partitions() {
            effects.records.push(tombstone(group_id, &topic, partition));
        }
        effects.records.push(GroupRecord::Group { group_id: group_id.to_owned(), value: None });
        effects.with(ErrorCode::None)
    }

    /// A query takes its group: whoever was in it is out, at once, and a new generation with one member begins.
    pub fn query_join(&mut self, request: QueryJoin, now: Now) -> Decision<i32> {
        let mut effects = Effects::default();
        self.sequence += 1;
        let group = self.groups.entry(request.group_id.clone()).or_insert_with(|| Group::new(request.group_id.clone()));
        expel_all(group, &mut effects);
        group.generation = group.generation.wrapping_add(1).max(1);
        group.protocol_type = Some("consumer".to_owned());
        group.protocol = Some(QUERY_PROTOCOL.to_owned());
        group.leader = Some(request.member_id.clone());
        group.query_member = Some(request.member_id.clone());
        group.members.insert(
            request.member_id.clone(),
            Member {
                id: request.member_id,
                group_instance_id: None,
                client_id: request.client_id,
                client_host: request.client_host,
                // Recorded, and used only after a restart until the query is back.
                session_timeout_ms: 45_000,
                rebalance_timeout_ms: 300_000,
                protocols: vec![(QUERY_PROTOCOL.to_owned(), request.subscription)],
                assignment: request.assignment,
                joined: self.sequence,
                is_new: false,
                awaiting_join: None,
                awaiting_sync: None,
                session_deadline: None,
            },
        );
        group.transition(GroupState::Stable, now);
        let generation = group.generation;
        effects.records.push(GroupRecord::Group { group_id: group.id.clone(), value: Some(group.value()) });
        effects.with(generation)
    }

    /// A query leaves its group, unless a successor has taken it.
    pub fn query_leave(&mut self, group_id: &str, member_id: &str, now: Now) -> Decision<()> {
        match self.groups.get(group_id) {
            Some(group) if group.query_member.as_deref() == Some(member_id) => self.query_dismiss(group_id, now),
            _ => Effects::default().with(()),
        }
    }

    /// Whichever query has the group leaves it, also one of the last run.
    pub fn query_dismiss(&mut self, group_id: &str, now: Now) -> Decision<()> {
        let mut effects = Effects::default();
        let Some(group) = self.groups.get_mut(group_id) else { return effects.with(()) };
        if group.protocol.as_deref() != Some(QUERY_PROTOCOL) {
            return effects.with(());
        }
        expel_all(group, &mut effects);
        group.query_member = None;
        group.generation = group.generation.wrapping_add(1).max(1);
        group.protocol = None;
        group.transition(GroupState::Empty, now);
        effects.records.push(GroupRecord::Group { group_id: group.id.clone(), value: Some(group.value()) });
        effects.with(())
    }
}

fn expel_all(group: &mut Group, effects: &mut Effects) {
    for member in std::mem::take(&mut group.members).into_values() {
        if let Some(park) = member.awaiting_join {
            effects.join(park, JoinReply::error(ErrorCode::UnknownMemberId, ""));
        }
        if let Some(park) = member.awaiting_sync {
            effects.sync(park, SyncReply::error(ErrorCode::UnknownMemberId));
        }
    }
    group.static_members.clear();
    group.pending_members.clear();
    group.pending_sync.clear();
    group.leader = None;
}
