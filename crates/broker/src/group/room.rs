//! How much memory all groups may take together: members with their metadata, offsets with theirs.
//!
//! What is remembered is an upper bound, to which everything new is added and from which nothing is taken. When it reaches
//! the limit the groups are counted anew, but not more often than every [`COUNT_EVERY_MS`]: whoever hammers at the limit
//! must not cost a count each time.
//!
//! Kafka: has no such bound.

use super::coordinator::GroupCoordinator;
use super::offsets::ByPartition;
use super::request::Now;
use super::state::{Group, Member};

/// How long a count that found no room stands.
const COUNT_EVERY_MS: u64 = 200;
/// What a group, a member and an offset take beside their texts.
const GROUP_BYTES: usize = 512;
const MEMBER_BYTES: usize = 512;
const OFFSET_BYTES: usize = 192;

/// What is taken.
#[derive(Debug, Default)]
pub(super) struct Room {
    bytes: usize,
    full_until_ms: u64,
}

/// What a member with such texts takes.
pub(super) fn member_bytes<'a>(texts: impl Iterator<Item = &'a [u8]>) -> usize {
    MEMBER_BYTES + texts.map(<[u8]>::len).sum::<usize>()
}

/// What an offset takes.
pub(super) fn offset_bytes(topic: &str, metadata: &str) -> usize {
    OFFSET_BYTES + topic.len() + metadata.len()
}

impl GroupCoordinator {
    /// Takes so much room, for a new group too if there is none of this id; false if there is none left.
    pub(super) fn take_room(&mut self, group_id: &str, bytes: usize, now: Now) -> bool {
        let group_bytes = if self.groups.contains_key(group_id) { 0 } else { GROUP_BYTES + group_id.len() };
        let wanted = bytes + group_bytes;
        let bytes_max = self.config.state_bytes_max;
        if self.room.bytes + wanted > bytes_max {
            if now.monotonic_ms < self.room.full_until_ms {
                return false;
            }
            self.room.bytes = self.groups.values().map(group_bytes_of).sum();
            if self.room.bytes + wanted > bytes_max {
                self.room.full_until_ms = now.monotonic_ms + COUNT_EVERY_MS;
                return false;
            }
        }
        self.room.bytes += wanted;
        true
    }
}

fn group_bytes_of(group: &Group) -> usize {
    let of_member = |member: &Member| {
        let texts = [member.id.as_bytes(), member.client_id.as_bytes(), &member.assignment];
        let protocols = member.protocols.iter().flat_map(|(name, metadata)| [name.as_bytes(), metadata]);
        member_bytes(texts.into_iter().chain(protocols))
    };
    let members: usize = group.members.values().map(of_member).sum();
    let pending: usize = group.pending_members.keys().map(|id| member_bytes(std::iter::once(id.as_bytes()))).sum();
    let of_offsets = |by: &ByPartition| -> usize {
        let each = by.iter().flat_map(|(topic, partitions)| partitions.values().map(move |entry| (topic, entry)));
        each.map(|(topic, entry)| offset_bytes(topic, &entry.value.metadata)).sum()
    };
    GROUP_BYTES + group.id.len() + members + pending + group.offsets.all().map(of_offsets).sum::<usize>()
}
