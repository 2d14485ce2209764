//! Who gets which partitions: Kafka's range and round-robin assignors, partition for partition.

use std::collections::BTreeMap;

/// A way to assign partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignor {
    /// Of each topic, each member gets a run of neighbouring partitions.
    Range,
    /// All partitions of all topics are dealt out in turn.
    RoundRobin,
}

/// A member as the group's leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) topics: Vec<String>,
}

/// Topics and partitions by member id.
pub(crate) type Assignments = BTreeMap<String, BTreeMap<String, Vec<i32>>>;

impl Assignor {
    /// The name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }

    /// The assignor of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Range, Self::RoundRobin].into_iter().find(|assignor| assignor.name() == name)
    }

    /// Deals out the partitions of `topics` (name and count).
    pub(crate) fn assign(self, topics: &BTreeMap<String, i32>, candidates: &[Candidate]) -> Assignments {
        let mut members: Vec<&Candidate> = candidates.iter().collect();
        // Static members come first, by instance; the others by member id.
        members.sort_by_key(|member| (member.instance_id.is_none(), &member.instance_id, &member.member_id));
        let mut assignments: Assignments =
            members.iter().map(|member| (member.member_id.clone(), BTreeMap::new())).collect();
        match self {
            Self::Range => range(topics, &members, &mut assignments),
            Self::RoundRobin => round_robin(topics, &members, &mut assignments),
        }
        assignments
    }
}

fn range(topics: &BTreeMap<String, i32>, members: &[&Candidate], assignments: &mut Assignments) {
    for (topic, partitions) in topics {
        let subscribed: Vec<_> = members.iter().filter(|member| member.topics.contains(topic)).collect();
        let count = subscribed.len() as i32;
        let mut next = 0;
        for (member, index) in subscribed.into_iter().zip(0..) {
            let share = partitions / count + i32::from(index < partitions % count);
            if share > 0 {
                give(assignments, &member.member_id, topic, next..next + share);
            }
            next += share;
        }
    }
}

fn round_robin(topics: &BTreeMap<String, i32>, members: &[&Candidate], assignments: &mut Assignments) {
    let mut turn = members.iter().cycle();
    for (topic, partitions) in topics {
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for partition in 0..*partitions {
            // Someone wants the topic, so the circle ends at them.
            if let Some(member) = turn.find(|member| member.topics.contains(topic)) {
                give(assignments, &member.member_id, topic, partition..partition + 1);
            }
        }
    }
}

fn give(assignments: &mut Assignments, member: &str, topic: &str, partitions: std::ops::Range<i32>) {
    if let Some(topics) = assignments.get_mut(member) {
        topics.entry(topic.to_owned()).or_default().extend(partitions);
    }
}
