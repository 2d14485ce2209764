//! Membership: JoinGroup, SyncGroup, Heartbeat, LeaveGroup, and the rebalance that they drive.
//!
//! ```text
//!           first member joins                 all joined, or rebalance timeout
//!   Empty ───────────────────▶ PreparingRebalance ───────────────────▶ CompletingRebalance
//!     ▲                           ▲      ▲                                   │ leader syncs
//!     │ nobody joined             │      └── join, leave, expiry ──── Stable ◀┘
//!     └───────────────────────────┘
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use wire::ErrorCode;

use super::coordinator::{Effects, GroupCoordinator, Timer};
use super::record::GroupRecord;
use super::request::{
    Decision, HeartbeatRequest, JoinReply, JoinRequest, LeaveMember, LeaveReply, Now, ParkId, SyncReply, SyncRequest,
};
use super::room::{joined_bytes, member_bytes};
use super::state::{Group, GroupState, Member};

impl GroupCoordinator {
    /// JoinGroup. The answer comes through `released`, in this decision or a later one.
    pub fn join(&mut self, request: JoinRequest, park: ParkId, now: Now) -> Decision<()> {
        let mut effects = Effects::default();
        let member_id = request.member_id.clone();
        if let Err(error) = self.try_join(request, park, now, &mut effects) {
            effects.join(park, JoinReply::error(error, member_id));
        }
        effects.with(())
    }

    fn try_join(
        &mut self,
        request: JoinRequest,
        park: ParkId,
        now: Now,
        effects: &mut Effects,
    ) -> Result<(), ErrorCode> {
        Self::check_joinable_id(&request.group_id)?;
        let session_timeout_ms =
            u64::try_from(request.session_timeout_ms).map_err(|_| ErrorCode::InvalidSessionTimeout)?;
        if session_timeout_ms < self.config.session_timeout_ms_min
            || session_timeout_ms > self.config.session_timeout_ms_max
        {
            return Err(ErrorCode::InvalidSessionTimeout);
        }
        if !self.groups.contains_key(&request.group_id) {
            if !request.member_id.is_empty() {
                return Err(ErrorCode::UnknownMemberId);
            }
            if request.protocol_type.is_empty() || request.protocols.is_empty() {
                return Err(ErrorCode::InconsistentGroupProtocol);
            }
        }
        let texts = [request.member_id.as_bytes(), request.client_id.as_bytes()];
        let protocols = request.protocols.iter().flat_map(|(name, metadata)| [name.as_bytes(), metadata]);
        let wanted = member_bytes(texts.into_iter().chain(protocols));
        let member = self.groups.get(&request.group_id).and_then(|group| group.members.get(&request.member_id));
        let growth = wanted.saturating_sub(member.map_or(0, joined_bytes));
        if !self.take_room(&request.group_id, growth, now) {
            return Err(ErrorCode::GroupMaxSizeReached);
        }
        if !self.groups.contains_key(&request.group_id) {
            self.groups.insert(request.group_id.clone(), Group::new(request.group_id.clone()));
        }
        let members_max = self.config.members_max;
        let Some(group) = self.groups.get_mut(&request.group_id) else { return Err(ErrorCode::UnknownMemberId) };

        if !has_room(group, &request.member_id, members_max) {
            group.pending_members.remove(&request.member_id);
            return Err(ErrorCode::GroupMaxSizeReached);
        }
        if !group.supports(&request.protocol_type, &request.protocols) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        if request.member_id.is_empty() {
            let static_predecessor =
                request.group_instance_id.as_ref().and_then(|instance| group.static_members.get(instance).cloned());
            let stem = request.group_instance_id.as_deref().unwrap_or(&request.client_id);
            let new_id = format!("{stem}-{}", request.fresh_uuid);
            return match static_predecessor {
                Some(old_id) => {
                    self.replace_static_member(&request, old_id, new_id, park, now, effects);
                    Ok(())
                }
                None if request.group_instance_id.is_none() && request.require_known_member_id => {
                    let deadline = now.monotonic_ms + session_timeout_ms;
                    group.pending_members.insert(new_id.clone(), deadline);
                    let timer = Timer::PendingMember { group_id: request.group_id, member_id: new_id.clone() };
                    self.schedule(deadline, timer);
                    effects.join(park, JoinReply::error(ErrorCode::MemberIdRequired, new_id));
                    Ok(())
                }
                None => {
                    self.add_member(&request, new_id, park, now, effects);
                    Ok(())
                }
            };
        }
        if group.pending_members.contains_key(&request.member_id) {
            if request.group_instance_id.is_some() {
                return Err(ErrorCode::UnknownMemberId);
            }
            let member_id = request.member_id.clone();
            self.add_member(&request, member_id, park, now, effects);
            return Ok(());
        }
        group.check_member(&request.member_id, request.group_instance_id.as_deref())?;
        self.rejoin(&request, park, now, effects)
    }

    /// A known member joins again.
    fn rejoin(
        &mut self,
        request: &JoinRequest,
        park: ParkId,
        now: Now,
        effects: &mut Effects,
    ) -> Result<(), ErrorCode> {
        let Some(group) = self.groups.get_mut(&request.group_id) else { return Err(ErrorCode::UnknownMemberId) };
        let Some(member) = group.members.get(&request.member_id) else { return Err(ErrorCode::UnknownMemberId) };
        let same_protocols = member.protocols == request.protocols;
        let is_leader = group.is_leader(&request.member_id);
        let answer_at_once = match group.state {
            GroupState::PreparingRebalance => false,
            // The member did not hear of the generation that it is in: tell it again.
            GroupState::CompletingRebalance => same_protocols,
            // A leader that joins again wants a rebalance: the topics may have changed.
            GroupState::Stable => same_protocols && !is_leader,
            GroupState::Empty | GroupState::Dead => return Err(ErrorCode::UnknownMemberId),
        };
        if answer_at_once {
            let members = if is_leader { group.roster() } else { Vec::new() };
            effects.join(park, joined(group, &request.member_id, members));
            self.touch(&request.group_id, &request.member_id, now);
            return Ok(());
        }
        if let Some(member) = group.members.get_mut(&request.member_id) {
            update_member(member, request);
            park_join(member, park, effects);
        }
        self.touch(&request.group_id, &request.member_id, now);
        self.rebalance_or_complete(&request.group_id, now, effects);
        Ok(())
    }

    fn add_member(&mut self, request: &JoinRequest, member_id: String, park: ParkId, now: Now, effects: &mut Effects) {
        self.sequence += 1;
        let joined = self.sequence;
        let new_member_deadline = now.monotonic_ms + self.config.new_member_join_timeout_ms;
        let Some(group) = self.groups.get_mut(&request.group_id) else { return };
        group.pending_members.remove(&member_id);
        if group.members.is_empty() {
            group.protocol_type = Some(request.protocol_type.clone());
        }
        if group.leader.is_none() {
            group.leader = Some(member_id.clone());
        }
        if let Some(instance) = &request.group_instance_id {
            group.static_members.insert(instance.clone(), member_id.clone());
        }
        if group.state == GroupState::PreparingRebalance && group.initial_delay {
            group.new_member_added = true;
        }
        let mut member = Member {
            id: member_id.clone(),
            group_instance_id: request.group_instance_id.clone(),
            client_id: String::new(),
            client_host: String::new(),
            session_timeout_ms: 0,
            rebalance_timeout_ms: 0,
            protocols: Vec::new(),
            assignment: Bytes::new(),
            joined,
            is_new: true,
            awaiting_join: Some(park),
            awaiting_sync: None,
            session_deadline: Some(new_member_deadline),
        };
        update_member(&mut member, request);
        group.members.insert(member_id.clone(), member);
        let timer = Timer::Session { group_id: request.group_id.clone(), member_id };
        self.schedule(new_member_deadline, timer);
        self.rebalance_or_complete(&request.group_id, now, effects);
    }

    /// A static member comes back without its member id: it takes the place of its former self, which is fenced.
    fn replace_static_member(
        &mut self,
        request: &JoinRequest,
        old_id: String,
        new_id: String,
        park: ParkId,
        now: Now,
        effects: &mut Effects,
    ) {
        let Some(group) = self.groups.get_mut(&request.group_id) else { return };
        let Some(mut member) = group.members.remove(&old_id) else { return };
        if let Some(former) = member.awaiting_join.take() {
            effects.join(former, JoinReply::error(ErrorCode::FencedInstanceId, old_id.clone()));
        }
        if let Some(former) = member.awaiting_sync.take() {
            effects.sync(former, SyncReply::error(ErrorCode::FencedInstanceId));
        }
        member.id.clone_from(&new_id);
        update_member(&mut member, request);
        if let Some(instance) = &request.group_instance_id {
            group.static_members.insert(instance.clone(), new_id.clone());
        }
        let was_leader = group.is_leader(&old_id);
        if was_leader {
            group.leader = Some(new_id.clone());
        }
        if group.pending_sync.remove(&old_id) {
            group.pending_sync.insert(new_id.clone());
        }
        let deadline = now.monotonic_ms + member.session_timeout_ms;
        member.session_deadline = Some(deadline);
        let stable = group.state == GroupState::Stable;
        if !stable {
            member.awaiting_join = Some(park);
        }
        group.members.insert(new_id.clone(), member);
        let keeps_protocol = stable && group.choose_protocol() == group.protocol;
        if keeps_protocol {
            // No rebalance: the member gets the generation and, with SyncGroup, the assignment that it had.
            effects.records.push(GroupRecord::Group { group_id: group.id.clone(), value: Some(group.value()) });
            let skip = request.supports_skipping_assignment;
            let mut reply = joined(group, &new_id, Vec::new());
            if skip && was_leader {
                reply.members = group.roster();
                reply.skip_assignment = true;
            } else if was_leader {
                // An older client that read its own id here would compute a new assignment.
                reply.leader = old_id;
            }
            effects.join(park, reply);
        } else if stable && let Some(member) = group.members.get_mut(&new_id) {
            member.awaiting_join = Some(park);
        }
        let timer = Timer::Session { group_id: request.group_id.clone(), member_id: new_id };
        self.schedule(deadline, timer);
        if !keeps_protocol {
            self.rebalance_or_complete(&request.group_id, now, effects);
        }
    }

    /// SyncGroup. The answer comes through `released`, in this decision or a later one.
    pub fn sync(&mut self, request: SyncRequest, park: ParkId, now: Now) -> Decision<()> {
        let mut effects = Effects::default();
        if let Err(error) = self.try_sync(request, park, now, &mut effects) {
            effects.sync(park, SyncReply::error(error));
        }
        effects.with(())
    }

    fn try_sync(
        &mut self,
        request: SyncRequest,
        park: ParkId,
        now: Now,
        effects: &mut Effects,
    ) -> Result<(), ErrorCode> {
        Self::check_joinable_id(&request.group_id)?;
        let assigned: usize = request.assignments.iter().map(|(id, assignment)| id.len() + assignment.len()).sum();
        let members = self.groups.get(&request.group_id).into_iter().flat_map(|group| group.members.values());
        let before: usize = members.map(|member| member.id.len() + member.assignment.len()).sum();
        if assigned > before && !self.take_room(&request.group_id, assigned - before, now) {
            return Err(ErrorCode::GroupMaxSizeReached);
        }
        let Some(group) = self.groups.get_mut(&request.group_id) else { return Err(ErrorCode::UnknownMemberId) };
        group.check_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation != group.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        let differs = |given: &Option<String>, own: &Option<String>| given.is_some() && given != own;
        if differs(&request.protocol_type, &group.protocol_type) || differs(&request.protocol, &group.protocol) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        match group.state {
            GroupState::Empty | GroupState::Dead => return Err(ErrorCode::UnknownMemberId),
            GroupState::PreparingRebalance => return Err(ErrorCode::RebalanceInProgress),
            GroupState::Stable => {
                group.pending_sync.remove(&request.member_id);
                let reply = synced(group, &request.member_id);
                effects.sync(park, reply);
            }
            GroupState::CompletingRebalance => {
                group.pending_sync.remove(&request.member_id);
                if let Some(member) = group.members.get_mut(&request.member_id)
                    && let Some(former) = member.awaiting_sync.replace(park)
                {
                    effects.sync(former, SyncReply::error(ErrorCode::RebalanceInProgress));
                }
                if group.is_leader(&request.member_id) {
                    let mut assignments: BTreeMap<String, Bytes> = request.assignments.into_iter().collect();
                    for member in group.members.values_mut() {
                        member.assignment = assignments.remove(&member.id).unwrap_or_default();
                    }
                    group.transition(GroupState::Stable, now);
                    effects.records.push(GroupRecord::Group { group_id: group.id.clone(), value: Some(group.value()) });
                    let waiting: Vec<(String, ParkId)> = group
                        .members
                        .values_mut()
                        .filter_map(|m| m.awaiting_sync.take().map(|park| (m.id.clone(), park)))
                        .collect();
                    for (member_id, park) in &waiting {
                        effects.sync(*park, synced(group, member_id));
                    }
                    for (member_id, _) in &waiting {
                        self.touch(&request.group_id, member_id, now);
                    }
                    return Ok(());
                }
            }
        }
        self.touch(&request.group_id, &request.member_id, now);
        Ok(())
    }

    /// Heartbeat.
    pub fn heartbeat(&mut self, request: &HeartbeatRequest, now: Now) -> ErrorCode {
        if let Err(error) = Self::check_joinable_id(&request.group_id) {
            return error;
        }
        let Some(group) = self.groups.get(&request.group_id) else { return ErrorCode::UnknownMemberId };
        if let Err(error) = group.check_member(&request.member_id, request.group_instance_id.as_deref()) {
            return error;
        }
        if request.generation != group.generation {
            return ErrorCode::IllegalGeneration;
        }
        let answer = match group.state {
            GroupState::Empty | GroupState::Dead => return ErrorCode::UnknownMemberId,
            GroupState::PreparingRebalance => ErrorCode::RebalanceInProgress,
            GroupState::CompletingRebalance | GroupState::Stable => ErrorCode::None,
        };
        self.touch(&request.group_id, &request.member_id, now);
        answer
    }

    /// LeaveGroup, for any number of members.
    pub fn leave(&mut self, group_id: &str, leaving: Vec<LeaveMember>, now: Now) -> Decision<Vec<LeaveReply>> {
        let mut effects = Effects::default();
        let mut replies = Vec::with_capacity(leaving.len());
        for member in leaving {
            let error = match self.leave_one(group_id, &member, now, &mut effects) {
                Ok(()) => ErrorCode::None,
                Err(error) => error,
            };
            replies.push(LeaveReply {
                member_id: member.member_id,
                group_instance_id: member.group_instance_id,
                error,
            });
        }
        effects.with(replies)
    }

    fn leave_one(
        &mut self,
        group_id: &str,
        leaving: &LeaveMember,
        now: Now,
        effects: &mut Effects,
    ) -> Result<(), ErrorCode> {
        Self::check_joinable_id(group_id)?;
        let Some(group) = self.groups.get_mut(group_id) else { return Err(ErrorCode::UnknownMemberId) };
        let member_id = match &leaving.group_instance_id {
            Some(instance) if leaving.member_id.is_empty() => {
                group.static_members.get(instance).cloned().ok_or(ErrorCode::UnknownMemberId)?
            }
            _ => leaving.member_id.clone(),
        };
        if group.query_member.as_ref() == Some(&member_id) {
            // The in-process member leaves with its query, and with nothing else.
            return Err(ErrorCode::UnknownMemberId);
        }
        if group.pending_members.remove(&member_id).is_some() {
            self.try_complete_join(group_id, now, effects);
            return Ok(());
        }
        group.check_member(&member_id, leaving.group_instance_id.as_deref())?;
        self.remove_member(group_id, &member_id, now, effects);
        Ok(())
    }

    /// Takes a member out and lets the group react.
    pub(super) fn remove_member(&mut self, group_id: &str, member_id: &str, now: Now, effects: &mut Effects) {
        let Some(group) = self.groups.get_mut(group_id) else { return };
        drop_member(group, member_id, effects);
        match group.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(group_id, now, effects),
            GroupState::PreparingRebalance => self.try_complete_join(group_id, now, effects),
            GroupState::Empty | GroupState::Dead => {}
        }
    }

    /// Notes a sign of life.
    pub(super) fn touch(&mut self, group_id: &str, member_id: &str, now: Now) {
        let Some(member) = self.groups.get_mut(group_id).and_then(|g| g.members.get_mut(member_id)) else { return };
        let Some(deadline) = member.session_deadline else { return };
        let next = now.monotonic_ms + member.session_timeout_ms;
        member.session_deadline = Some(next);
        // The timer that is set fires at or before `deadline` and moves itself on; only an earlier one must be added.
        if next < deadline {
            let timer = Timer::Session { group_id: group_id.to_owned(), member_id: member_id.to_owned() };
            self.schedule(next, timer);
        }
    }

    pub(super) fn on_session(&mut self, group_id: String, member_id: String, now: Now, effects: &mut Effects) {
        let Some(group) = self.groups.get_mut(&group_id) else { return };
        let Some(member) = group.members.get_mut(&member_id) else { return };
        let Some(deadline) = member.session_deadline else { return };
        let waits = member.awaiting_join.is_some() || member.awaiting_sync.is_some();
        if !member.is_new && waits {
            // It waits for us: the rebalance timeout decides over it, not its silence.
            member.session_deadline = Some(now.monotonic_ms + member.session_timeout_ms);
        }
        let deadline = member.session_deadline.unwrap_or(deadline);
        if deadline > now.monotonic_ms {
            self.schedule(deadline, Timer::Session { group_id, member_id });
        } else {
            self.remove_member(&group_id, &member_id, now, effects);
        }
    }

    pub(super) fn on_pending_sync(&mut self, group_id: &str, generation: i32, now: Now, effects: &mut Effects) {
        let Some(group) = self.groups.get_mut(group_id) else { return };
        let due = group.generation == generation
            && matches!(group.state, GroupState::CompletingRebalance | GroupState::Stable)
            && !group.pending_sync.is_empty();
        if !due {
            return;
        }
        for member_id in std::mem::take(&mut group.pending_sync) {
            drop_member(group, &member_id, effects);
        }
        self.prepare_rebalance(group_id, now, effects);
    }

    pub(super) fn rebalance_or_complete(&mut self, group_id: &str, now: Now, effects: &mut Effects) {
        let Some(group) = self.groups.get(group_id) else { return };
        match group.state {
            GroupState::Stable | GroupState::CompletingRebalance | GroupState::Empty => {
                self.prepare_rebalance(group_id, now, effects);
            }
            GroupState::PreparingRebalance => self.try_complete_join(group_id, now, effects),
            GroupState::Dead => {}
        }
    }

    fn prepare_rebalance(&mut self, group_id: &str, now: Now, effects: &mut Effects) {
        let initial_delay_ms = self.config.initial_rebalance_delay_ms;
        let Some(group) = self.groups.get_mut(group_id) else { return };
        if group.state == GroupState::CompletingRebalance {
            for member in group.members.values_mut() {
                member.assignment = Bytes::new();
                if let Some(park) = member.awaiting_sync.take() {
                    effects.sync(park, SyncReply::error(ErrorCode::RebalanceInProgress));
                }
            }
        }
        group.pending_sync.clear();
        let initial = group.state == GroupState::Empty;
        group.transition(GroupState::PreparingRebalance, now);
        let rebalance_timeout_ms = group.rebalance_timeout_ms();
        let phase = group.phase;
        if initial && initial_delay_ms > 0 {
            group.initial_delay = true;
            let delay = initial_delay_ms.min(rebalance_timeout_ms);
            let remaining_ms = rebalance_timeout_ms.saturating_sub(delay);
            let timer = Timer::InitialDelay { group_id: group_id.to_owned(), phase, remaining_ms };
            self.schedule(now.monotonic_ms + delay, timer);
            return;
        }
        let timer = Timer::Rebalance { group_id: group_id.to_owned(), phase };
        self.schedule(now.monotonic_ms + rebalance_timeout_ms, timer);
        self.try_complete_join(group_id, now, effects);
    }

    pub(super) fn try_complete_join(&mut self, group_id: &str, now: Now, effects: &mut Effects) {
        let ready = self
            .groups
            .get(group_id)
            .is_some_and(|g| g.state == GroupState::PreparingRebalance && !g.initial_delay && g.all_joined());
        if ready {
            self.complete_join(group_id, now, effects);
        }
    }

    /// Ends the join phase: who has not joined is left behind (static members stay), the rest form a generation.
    pub(super) fn complete_join(&mut self, group_id: &str, now: Now, effects: &mut Effects) {
        let Some(group) = self.groups.get_mut(group_id) else { return };
        if group.state != GroupState::PreparingRebalance {
            return;
        }
        let absent: Vec<String> = group
            .members
            .values()
            .filter(|m| m.awaiting_join.is_none() && m.group_instance_id.is_none())
            .map(|m| m.id.clone())
            .collect();
        for member_id in absent {
            drop_member(group, &member_id, effects);
        }
        let leader_joined =
            group.leader.as_ref().and_then(|l| group.members.get(l)).is_some_and(|m| m.awaiting_join.is_some());
        if !leader_joined && !group.members.is_empty() {
            match group.oldest(|m| m.awaiting_join.is_some()) {
                Some(leader) => group.leader = Some(leader),
                None => {
                    // Only static members are left and none came: give them another rebalance timeout.
                    let deadline = now.monotonic_ms + group.rebalance_timeout_ms();
                    let timer = Timer::Rebalance { group_id: group_id.to_owned(), phase: group.phase };
                    self.schedule(deadline, timer);
                    return;
                }
            }
        }
        group.generation = group.generation.wrapping_add(1).max(1);
        if group.members.is_empty() {
            group.protocol = None;
            group.leader = None;
            group.transition(GroupState::Empty, now);
            effects.records.push(GroupRecord::Group { group_id: group.id.clone(), value: Some(group.value()) });
            return;
        }
        group.protocol = group.choose_protocol();
        group.transition(GroupState::CompletingRebalance, now);
        group.pending_sync = group.members.keys().cloned().collect();
        let roster = group.roster();
        let mut answered = Vec::new();
        for member in group.members.values_mut() {
            member.is_new = false;
            if let Some(park) = member.awaiting_join.take() {
                answered.push((member.id.clone(), park));
            }
        }
        for (member_id, park) in &answered {
            let members = if group.is_leader(member_id) { roster.clone() } else { Vec::new() };
            effects.join(*park, joined(group, member_id, members));
        }
        let deadline = now.monotonic_ms + group.rebalance_timeout_ms();
        let timer = Timer::PendingSync { group_id: group_id.to_owned(), generation: group.generation };
        self.schedule(deadline, timer);
        for (member_id, _) in &answered {
            self.touch(group_id, member_id, now);
        }
    }
}

fn has_room(group: &Group, member_id: &str, members_max: usize) -> bool {
    match group.state {
        GroupState::Empty | GroupState::Dead => true,
        GroupState::PreparingRebalance => {
            group.members.get(member_id).is_some_and(|m| m.awaiting_join.is_some())
                || group.awaiting_join_count() < members_max
        }
        GroupState::CompletingRebalance | GroupState::Stable => {
            group.members.contains_key(member_id) || group.members.len() < members_max
        }
    }
}

fn update_member(member: &mut Member, request: &JoinRequest) {
    let positive = |ms: i32| u64::try_from(ms).unwrap_or(0);
    member.client_id.clone_from(&request.client_id);
    member.client_host.clone_from(&request.client_host);
    member.session_timeout_ms = positive(request.session_timeout_ms);
    member.rebalance_timeout_ms = positive(request.rebalance_timeout_ms);
    member.protocols.clone_from(&request.protocols);
}

fn park_join(member: &mut Member, park: ParkId, effects: &mut Effects) {
    if let Some(former) = member.awaiting_join.replace(park) {
        // The client asked again: its former request would otherwise wait for an answer that goes to the new one.
        effects.join(former, JoinReply::error(ErrorCode::RebalanceInProgress, member.id.clone()));
    }
}

fn drop_member(group: &mut Group, member_id: &str, effects: &mut Effects) {
    let Some(mut member) = group.members.remove(member_id) else { return };
    if let Some(park) = member.awaiting_join.take() {
        effects.join(park, JoinReply::error(ErrorCode::UnknownMemberId, ""));
    }
    if let Some(park) = member.awaiting_sync.take() {
        effects.sync(park, SyncReply::error(ErrorCode::UnknownMemberId));
    }
    if let Some(instance) = &member.group_instance_id {
        group.static_members.remove(instance);
    }
    group.pending_sync.remove(member_id);
    if group.is_leader(member_id) {
        group.leader = group.oldest(|_| true);
    }
}

fn joined(group: &Group, member_id: &str, members: Vec<(String, Option<String>, Bytes)>) -> JoinReply {
    JoinReply {
        error: ErrorCode::None,
        generation: group.generation,
        protocol_type: group.protocol_type.clone(),
        protocol: group.protocol.clone(),
        leader: group.leader.clone().unwrap_or_default(),
        skip_assignment: false,
        member_id: member_id.to_owned(),
        members,
    }
}

fn synced(group: &Group, member_id: &str) -> SyncReply {
    SyncReply {
        error: ErrorCode::None,
        protocol_type: group.protocol_type.clone(),
        protocol: group.protocol.clone(),
        assignment: group.members.get(member_id).map(|m| m.assignment.clone()).unwrap_or_default(),
    }
}
