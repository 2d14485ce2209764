//! The table of groups: replay, timers, and the plumbing that membership, commits and admin share.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use record::{Offset, ProducerId};
use wire::ErrorCode;

use super::config::GroupConfig;
use super::offsets::OffsetEntry;
use super::record::{GroupRecord, GroupValue};
use super::request::{Decision, JoinReply, Now, ParkId, Parked, Released, SyncReply};
use super::room::Room;
use super::state::{Group, GroupState, Member};

/// All groups of the broker. See the module's door sign.
#[derive(Debug, Default)]
pub struct GroupCoordinator {
    pub(super) config: GroupConfig,
    pub(super) groups: HashMap<String, Group>,
    timers: BTreeMap<(u64, u64), Timer>,
    /// Producer → groups in which it has staged offsets.
    staging: HashMap<ProducerId, BTreeSet<String>>,
    pub(super) room: Room,
    /// Runs through timers and joins: unique, increasing.
    pub(super) sequence: u64,
}

/// What happens when a deadline passes. Timers are never removed: a stale one finds that nothing is due.
#[derive(Clone, Debug)]
pub(super) enum Timer {
    /// A member may have been silent for too long.
    Session { group_id: String, member_id: String },
    /// An id was handed out with MEMBER_ID_REQUIRED and never used.
    PendingMember { group_id: String, member_id: String },
    /// The initial delay of an empty group is over, or is extended.
    InitialDelay { group_id: String, phase: u64, remaining_ms: u64 },
    /// Members that have not rejoined are left behind.
    Rebalance { group_id: String, phase: u64 },
    /// Members that have not sent SyncGroup are left behind.
    PendingSync { group_id: String, generation: i32 },
}

/// What an operation gathers on its way.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub records: Vec<GroupRecord>,
    pub released: Vec<Released>,
}

impl Effects {
    pub fn join(&mut self, park: ParkId, reply: JoinReply) {
        self.released.push(Released { park, reply: Parked::Join(reply) });
    }

    pub fn sync(&mut self, park: ParkId, reply: SyncReply) {
        self.released.push(Released { park, reply: Parked::Sync(reply) });
    }

    pub fn with<R>(self, response: R) -> Decision<R> {
        Decision { records: self.records, released: self.released, response }
    }
}

impl GroupCoordinator {
    /// A coordinator without groups.
    #[must_use]
    pub fn new(config: GroupConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Its limits.
    #[must_use]
    pub fn config(&self) -> &GroupConfig {
        &self.config
    }

    /// Applies a record that is in the log, live or on recovery. `producer` is that of a transactional batch.
    ///
    /// On the `live` machine a recorded generation changes nothing that its decision has not changed already.
    pub fn replay(&mut self, record: &GroupRecord, offset: Offset, producer: Option<ProducerId>, live: bool) {
        match record {
            GroupRecord::Offset { group_id, topic, partition, value } => {
                if value.is_some() {
                    self.count_new_group(group_id);
                }
                let group = match (self.groups.get_mut(group_id), value) {
                    (Some(group), _) => group,
                    (None, None) => return,
                    (None, Some(_)) => {
                        self.groups.entry(group_id.clone()).or_insert_with(|| Group::new(group_id.clone()))
                    }
                };
                let before = group.offsets.bytes();
                match (value, producer) {
                    (None, _) => group.offsets.remove(topic, *partition),
                    (Some(value), None) => {
                        let entry = OffsetEntry { value: value.clone(), record_offset: offset };
                        group.offsets.put(topic.clone(), *partition, entry);
                    }
                    (Some(value), Some(producer)) => {
                        let entry = OffsetEntry { value: value.clone(), record_offset: offset };
                        group.offsets.stage(producer, topic.clone(), *partition, entry);
                        self.staging.entry(producer).or_default().insert(group_id.clone());
                    }
                }
                self.room.offsets_changed(before, group.offsets.bytes());
                if value.is_none() {
                    self.drop_if_traceless(group_id);
                }
            }
            GroupRecord::Group { group_id, value: None } => {
                if let Some(group) = self.groups.remove(group_id) {
                    self.room.offsets_changed(group.offsets.bytes(), 0);
                }
            }
            GroupRecord::Group { group_id, value: Some(value) } => {
                if !live {
                    self.load(group_id, value);
                }
            }
        }
    }

    /// Applies a COMMIT or ABORT marker of `__consumer_offsets`.
    pub fn replay_marker(&mut self, producer: ProducerId, commit: bool) {
        for group_id in self.staging.remove(&producer).unwrap_or_default() {
            if let Some(group) = self.groups.get_mut(&group_id) {
                let before = group.offsets.bytes();
                if commit {
                    group.offsets.commit(producer);
                } else {
                    group.offsets.abort(producer);
                }
                self.room.offsets_changed(before, group.offsets.bytes());
            }
            self.drop_if_traceless(&group_id);
        }
    }

    /// A group of which the log would know nothing any more, and memory neither, is gone.
    fn drop_if_traceless(&mut self, group_id: &str) {
        if self.groups.get(group_id).is_some_and(Group::is_traceless) {
            self.groups.remove(group_id);
        }
    }

    /// Sets a group to a recorded generation.
    fn load(&mut self, group_id: &str, value: &GroupValue) {
        let group = self.groups.entry(group_id.to_owned()).or_insert_with(|| Group::new(group_id.to_owned()));
        group.state = if value.members.is_empty() { GroupState::Empty } else { GroupState::Stable };
        group.state_timestamp = value.state_timestamp;
        group.protocol_type = Some(value.protocol_type.clone()).filter(|t| !t.is_empty());
        group.protocol.clone_from(&value.protocol);
        group.generation = value.generation;
        group.leader.clone_from(&value.leader);
        group.members.clear();
        group.static_members.clear();
        for member in &value.members {
            self.sequence += 1;
            if let Some(instance) = &member.group_instance_id {
                group.static_members.insert(instance.clone(), member.member_id.clone());
            }
            let protocol = value.protocol.clone().unwrap_or_default();
            let positive = |ms: i32| u64::try_from(ms).unwrap_or(0);
            let session_timeout_ms = positive(member.session_timeout_ms);
            let rebalance_timeout_ms = match member.rebalance_timeout_ms {
                -1 => session_timeout_ms,
                ms => positive(ms),
            };
            group.members.insert(
                member.member_id.clone(),
                Member {
                    id: member.member_id.clone(),
                    group_instance_id: member.group_instance_id.clone(),
                    client_id: member.client_id.clone(),
                    client_host: member.client_host.clone(),
                    session_timeout_ms,
                    rebalance_timeout_ms,
                    protocols: vec![(protocol, member.subscription.clone())],
                    assignment: member.assignment.clone(),
                    joined: self.sequence,
                    is_new: false,
                    awaiting_join: None,
                    awaiting_sync: None,
                    session_deadline: None,
                },
            );
        }
    }

    /// After recovery: gives every recorded member one session timeout to be heard of, and counts what was loaded.
    pub fn start_sessions(&mut self, now: Now) {
        self.count_room();
        let mut timers = Vec::new();
        for group in self.groups.values_mut() {
            for member in group.members.values_mut() {
                let deadline = now.monotonic_ms + member.session_timeout_ms;
                member.session_deadline = Some(deadline);
                let timer = Timer::Session { group_id: group.id.clone(), member_id: member.id.clone() };
                timers.push((deadline, timer));
            }
        }
        for (deadline, timer) in timers {
            self.schedule(deadline, timer);
        }
    }

    /// When [`tick`](Self::tick) has something to do.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.timers.keys().next().map(|(deadline, _)| *deadline)
    }

    /// Runs the timers that are due.
    pub fn tick(&mut self, now: Now) -> Decision<()> {
        let mut effects = Effects::default();
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now.monotonic_ms {
                break;
            }
            let timer = entry.remove();
            self.fire(timer, now, &mut effects);
        }
        effects.with(())
    }

    pub(super) fn schedule(&mut self, deadline_ms: u64, timer: Timer) {
        self.sequence += 1;
        self.timers.insert((deadline_ms, self.sequence), timer);
    }

    fn fire(&mut self, timer: Timer, now: Now, effects: &mut Effects) {
        match timer {
            Timer::Session { group_id, member_id } => self.on_session(group_id, member_id, now, effects),
            Timer::PendingMember { group_id, member_id } => {
                let Some(group) = self.groups.get_mut(&group_id) else { return };
                if group.pending_members.get(&member_id).is_some_and(|deadline| *deadline <= now.monotonic_ms) {
                    group.pending_members.remove(&member_id);
                    self.try_complete_join(&group_id, now, effects);
                }
            }
            Timer::InitialDelay { group_id, phase, remaining_ms } => {
                let Some(group) = self.groups.get_mut(&group_id) else { return };
                if group.phase != phase {
                    return;
                }
                if group.new_member_added && remaining_ms > 0 {
                    group.new_member_added = false;
                    let delay = self.config.initial_rebalance_delay_ms.min(remaining_ms);
                    let timer = Timer::InitialDelay { group_id, phase, remaining_ms: remaining_ms - delay };
                    self.schedule(now.monotonic_ms + delay, timer);
                } else {
                    group.initial_delay = false;
                    self.complete_join(&group_id, now, effects);
                }
            }
            Timer::Rebalance { group_id, phase } => {
                if self.groups.get(&group_id).is_some_and(|g| g.phase == phase) {
                    self.complete_join(&group_id, now, effects);
                }
            }
            Timer::PendingSync { group_id, generation } => self.on_pending_sync(&group_id, generation, now, effects),
        }
    }

    /// The group, unless it does not exist or its id is invalid.
    pub(super) fn group(&self, group_id: &str) -> Option<&Group> {
        self.groups.get(group_id)
    }

    /// Kafka: the empty group id is a group like any other for old simple consumers that commit and fetch, but no
    /// member can join it.
    pub(super) fn check_joinable_id(group_id: &str) -> Result<(), ErrorCode> {
        if group_id.is_empty() { Err(ErrorCode::InvalidGroupId) } else { Ok(()) }
    }
}
