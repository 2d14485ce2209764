//! How much memory all groups may take together: members with their metadata, offsets with theirs.
//!
//! What is remembered is an upper bound, to which everything new is added and from which only offsets are taken when they
//! go. When it reaches the limit the groups are counted anew, but not more often than every [`COUNT_EVERY_MS`]: whoever
//! hammers at the limit must not cost a count each time.
//!
//! Only growth is refused. A group whose offsets move on, and a member that joins again, need no more than they have, and
//! go on when there is no room; so does a query, whose offsets belong to its transaction. One group's offsets have a share
//! of the room, and the offsets of all leave some of it to members: whoever fills it with offsets keeps nobody from joining.
//!
//! Kafka: has no such bound.

use super::coordinator::GroupCoordinator;
use super::request::Now;
use super::state::{Group, Member};

/// How long a count that found no room stands.
const COUNT_EVERY_MS: u64 = 200;
/// What a group, a member and an offset take beside their texts.
const GROUP_BYTES: usize = 512;
const MEMBER_BYTES: usize = 512;
const OFFSET_BYTES: usize = 192;

/// The offsets of one group may take one part in so many of the room.
const GROUP_SHARE: usize = 8;
/// One part in so many of the room is not for offsets.
const MEMBER_SHARE: usize = 8;

/// What is taken.
#[derive(Debug, Default)]
pub(super) struct Room {
    bytes: usize,
    full_until_ms: u64,
}

impl Room {
    /// An upper bound of what is taken.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The offsets of a group take so much now, and took so much before.
    pub fn offsets_changed(&mut self, before: usize, after: usize) {
        self.bytes = (self.bytes + after).saturating_sub(before);
    }
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
        let wanted = bytes + self.new_group_bytes(group_id);
        let is_there = self.has_room(wanted, self.config.state_bytes_max, now);
        if is_there {
            self.room.bytes += wanted;
        }
        is_there
    }

    /// Whether the offsets of a group may take so much more, and the group too if there is none of this id. They take it
    /// when they are replayed.
    pub(super) fn has_room_for_offsets(&mut self, group_id: &str, growth: usize, now: Now) -> bool {
        if growth == 0 {
            return true;
        }
        let has = self.groups.get(group_id).map_or(0, |group| group.offsets.bytes());
        let bytes_max = self.config.state_bytes_max;
        has + growth <= bytes_max / GROUP_SHARE
            && self.has_room(growth + self.new_group_bytes(group_id), bytes_max - bytes_max / MEMBER_SHARE, now)
    }

    /// A group of this id is about to be made by a record, for which nobody has taken room.
    pub(super) fn count_new_group(&mut self, group_id: &str) {
        self.room.bytes += self.new_group_bytes(group_id);
    }

    /// Counts what was loaded: to be called when all is replayed.
    pub(super) fn count_room(&mut self) {
        self.room.bytes = self.groups.values().map(group_bytes_of).sum();
    }

    fn new_group_bytes(&self, group_id: &str) -> usize {
        if self.groups.contains_key(group_id) { 0 } else { GROUP_BYTES + group_id.len() }
    }

    fn has_room(&mut self, wanted: usize, bytes_max: usize, now: Now) -> bool {
        if wanted > 0 && self.room.bytes + wanted > bytes_max {
            if now.monotonic_ms < self.room.full_until_ms {
                return false;
            }
            self.count_room();
            if self.room.bytes + wanted > bytes_max {
                self.room.full_until_ms = now.monotonic_ms + COUNT_EVERY_MS;
                return false;
            }
        }
        true
    }
}

/// What a member takes without its assignment.
pub(super) fn joined_bytes(member: &Member) -> usize {
    let texts = [member.id.as_bytes(), member.client_id.as_bytes()];
    let protocols = member.protocols.iter().flat_map(|(name, metadata)| [name.as_bytes(), metadata]);
    member_bytes(texts.into_iter().chain(protocols))
}

fn group_bytes_of(group: &Group) -> usize {
    let members: usize = group.members.values().map(|member| joined_bytes(member) + member.assignment.len()).sum();
    let pending: usize = group.pending_members.keys().map(|id| member_bytes(std::iter::once(id.as_bytes()))).sum();
    GROUP_BYTES + group.id.len() + members + pending + group.offsets.bytes()
}
