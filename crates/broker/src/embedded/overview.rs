//! What metrics and the page tell of groups.

use wire::decode_versioned;
use wire::messages::consumer_protocol_assignment::ConsumerProtocolAssignment;

use crate::broker::Broker;
use crate::group::MemberDescription;

/// A group at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// The group.
    pub group_id: String,
    /// Its state, by Kafka's name.
    pub state: &'static str,
    /// "consumer", "connect", …
    pub protocol_type: String,
    /// The generation.
    pub generation: i32,
    /// Its members.
    pub members: Vec<GroupMemberInfo>,
    /// Its committed offsets.
    pub offsets: Vec<GroupOffsetInfo>,
}

/// One member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMemberInfo {
    /// The member id.
    pub member_id: String,
    /// The client id.
    pub client_id: String,
    /// The client's address.
    pub host: String,
    /// The partitions that it is assigned, if it is a consumer.
    pub partitions: Vec<(String, i32)>,
}

/// One committed offset of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffsetInfo {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The committed offset.
    pub committed: i64,
    /// The end of the partition, for readers of committed records; `None` when it does not exist any more.
    pub end: Option<i64>,
}

impl GroupOffsetInfo {
    /// How many offsets the group is behind.
    #[must_use]
    pub fn lag(&self) -> Option<i64> {
        self.end.map(|end| (end - self.committed).max(0))
    }
}

impl Broker {
    /// All groups, ordered.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupInfo> {
        let groups = self.coordinators().list_groups().into_iter();
        groups.filter_map(|listing| self.group(&listing.group_id)).collect()
    }

    /// One group.
    #[must_use]
    pub fn group(&self, group_id: &str) -> Option<GroupInfo> {
        let group = self.coordinators().describe_group(group_id)?;
        let offsets = self.coordinators().committed(group_id).into_iter().map(|(topic, partition, value)| {
            let end = self.partition(&topic, partition).map(|p| p.log().last_stable_offset().0);
            GroupOffsetInfo { topic, partition, committed: value.offset.0, end }
        });
        let offsets = offsets.collect();
        let consumer = group.protocol_type == "consumer";
        let members = group.members.into_iter().map(|m| member(m, consumer)).collect();
        let (state, generation) = (group.state.name(), group.generation);
        Some(GroupInfo {
            group_id: group.group_id,
            state,
            protocol_type: group.protocol_type,
            generation,
            members,
            offsets,
        })
    }
}

fn member(member: MemberDescription, consumer: bool) -> GroupMemberInfo {
    let mut partitions = Vec::new();
    // A member's own bytes: what cannot be read is not shown.
    if consumer && let Ok((_, assignment)) = decode_versioned::<ConsumerProtocolAssignment>(member.assignment) {
        for of_topic in assignment.assigned_partitions {
            partitions.extend(of_topic.partitions.iter().map(|p| (of_topic.topic.to_string(), *p)));
        }
    }
    GroupMemberInfo { member_id: member.member_id, client_id: member.client_id, host: member.client_host, partitions }
}
