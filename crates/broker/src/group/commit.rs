//! Offsets: commits (plain and transactional), fetches, deletions, expiry.

use record::TimestampMs;
use wire::ErrorCode;

use super::coordinator::{Effects, GroupCoordinator};
use super::offsets::{GroupOffsets, OffsetEntry};
use super::record::{GroupRecord, OffsetValue};
use super::request::{Committer, Decision, Now, OffsetCommit, OffsetCommitRequest, OffsetReply};
use super::state::{Group, GroupState};

/// The fate of each offset of a commit, in the order of the request; or of all of them.
pub type CommitReply = Result<Vec<ErrorCode>, ErrorCode>;

impl GroupCoordinator {
    /// OffsetCommit, and TxnOffsetCommit when the request names a producer.
    pub fn commit_offsets(&mut self, request: OffsetCommitRequest, now: Now) -> Decision<CommitReply> {
        let mut effects = Effects::default();
        if let Err(error) = self.check_commit(&request) {
            return effects.with(Err(error));
        }
        if !self.may_grow(&request, now) {
            return effects.with(Err(ErrorCode::PolicyViolation));
        }
        if request.generation >= 0 && request.producer.is_none() {
            self.touch(&request.group_id, &request.member_id, now);
        }
        let mut codes = Vec::with_capacity(request.offsets.len());
        for commit in request.offsets {
            if commit.metadata.len() > self.config.offset_metadata_bytes_max {
                codes.push(ErrorCode::OffsetMetadataTooLarge);
                continue;
            }
            codes.push(ErrorCode::None);
            effects.records.push(offset_record(&request.group_id, commit, now));
        }
        effects.with(Ok(codes))
    }

    /// Whether there is room for what the offsets take beyond those whose places they take. A query's offsets are not
    /// refused: they are as many as the partitions that it reads, and without them its transactions end.
    fn may_grow(&mut self, request: &OffsetCommitRequest, now: Now) -> bool {
        if request.committer == Committer::Query {
            return true;
        }
        let group = self.groups.get(&request.group_id);
        let none = GroupOffsets::default();
        let offsets = group.map_or(&none, |group| &group.offsets);
        let producer = request.producer.map(|(id, _)| id);
        let growth =
            |commit: &OffsetCommit| offsets.growth(producer, &commit.topic, commit.partition, &commit.metadata);
        let kept = |commit: &&OffsetCommit| commit.metadata.len() <= self.config.offset_metadata_bytes_max;
        let growth = request.offsets.iter().filter(kept).map(growth).sum();
        self.has_room_for_offsets(&request.group_id, growth, now)
    }

    fn check_commit(&self, request: &OffsetCommitRequest) -> Result<(), ErrorCode> {
        let transactional = request.producer.is_some();
        let Some(group) = self.groups.get(&request.group_id) else {
            // A consumer that manages its own partitions may commit to a group that nobody has heard of.
            return if request.generation < 0 { Ok(()) } else { Err(ErrorCode::IllegalGeneration) };
        };
        if group.state == GroupState::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        if group.query_member.is_some() && request.committer == Committer::Client {
            // Nobody else is a member of it, whatever id is given: the offsets move with the query's transactions only.
            return Err(ErrorCode::UnknownMemberId);
        }
        if request.generation < 0 && group.state == GroupState::Empty {
            return Ok(());
        }
        if request.generation >= 0 || !request.member_id.is_empty() || request.group_instance_id.is_some() {
            group.check_member(&request.member_id, request.group_instance_id.as_deref())?;
            if request.generation != group.generation {
                return Err(ErrorCode::IllegalGeneration);
            }
        } else if !transactional {
            // The group has members, and this is none of them.
            return Err(ErrorCode::UnknownMemberId);
        }
        if !transactional && group.state == GroupState::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }

    /// OffsetFetch for one partition. With `require_stable`, an offset that an open transaction is about to move is
    /// UNSTABLE_OFFSET_COMMIT.
    #[must_use]
    pub fn fetch_offset(&self, group_id: &str, topic: &str, partition: i32, require_stable: bool) -> OffsetReply {
        let Some(group) = self.groups.get(group_id) else { return OffsetReply::absent(ErrorCode::None) };
        if require_stable && group.offsets.is_staged(topic, partition) {
            return OffsetReply::absent(ErrorCode::UnstableOffsetCommit);
        }
        match group.offsets.get(topic, partition) {
            None => OffsetReply::absent(ErrorCode::None),
            Some(entry) => found(entry),
        }
    }

    /// OffsetFetch for all partitions of a group.
    #[must_use]
    pub fn fetch_all_offsets(&self, group_id: &str, require_stable: bool) -> Vec<(String, i32, OffsetReply)> {
        let Some(group) = self.groups.get(group_id) else { return Vec::new() };
        let mut all = Vec::new();
        for (topic, partitions) in group.offsets.committed() {
            for (partition, entry) in partitions {
                let reply = if require_stable && group.offsets.is_staged(topic, *partition) {
                    OffsetReply::absent(ErrorCode::UnstableOffsetCommit)
                } else {
                    found(entry)
                };
                all.push((topic.clone(), *partition, reply));
            }
        }
        all
    }

    /// OffsetDelete: forgets offsets of topics that no member subscribes to.
    pub fn delete_offsets(&self, group_id: &str, partitions: &[(String, i32)]) -> Decision<CommitReply> {
        let mut effects = Effects::default();
        let Some(group) = self.group(group_id) else { return effects.with(Err(ErrorCode::GroupIdNotFound)) };
        let subscribed = match group.state {
            GroupState::Dead => return effects.with(Err(ErrorCode::GroupIdNotFound)),
            GroupState::Empty => Default::default(),
            _ => match group.subscribed_topics() {
                Some(topics) => topics,
                None => return effects.with(Err(ErrorCode::NonEmptyGroup)),
            },
        };
        let mut codes = Vec::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            if subscribed.contains(topic) {
                codes.push(ErrorCode::GroupSubscribedToTopic);
                continue;
            }
            if group.offsets.get(topic, *partition).is_some() || group.offsets.is_staged(topic, *partition) {
                effects.records.push(tombstone(group_id, topic, *partition));
            }
            codes.push(ErrorCode::None);
        }
        effects.with(Ok(codes))
    }

    /// Forgets the offsets of a topic that was deleted, in every group.
    pub fn forget_topic(&self, topic: &str) -> Decision<()> {
        let mut effects = Effects::default();
        let mut group_ids: Vec<&String> = self.groups.keys().collect();
        group_ids.sort();
        for group_id in group_ids {
            for (name, partition) in self.groups[group_id].offsets.partitions() {
                if name == topic {
                    effects.records.push(tombstone(group_id, topic, partition));
                }
            }
        }
        effects.with(())
    }

    /// Expires offsets that nobody uses any more, and with its last offset the group. Call it every ten minutes.
    pub fn expire(&mut self, now: Now) -> Decision<()> {
        let mut effects = Effects::default();
        let mut group_ids: Vec<String> = self.groups.keys().cloned().collect();
        group_ids.sort();
        let retention_ms = self.config.offsets_retention_ms;
        for group_id in group_ids {
            let Some(group) = self.groups.get(&group_id) else { continue };
            let expired = expired_offsets(group, retention_ms, now.wall);
            let kept = group.offsets.partitions().len() - expired.len();
            let deserted = group.state == GroupState::Empty && group.pending_members.is_empty() && kept == 0;
            let (recorded, traceless) = (group.generation > 0, group.is_traceless());
            for (topic, partition) in &expired {
                effects.records.push(tombstone(&group_id, topic, *partition));
            }
            if deserted && recorded {
                effects.records.push(GroupRecord::Group { group_id, value: None });
            } else if traceless {
                self.groups.remove(&group_id);
            }
        }
        effects.with(())
    }
}

/// When an offset expires: the group's own retention if it asked for one; for a group that subscribes, since it is
/// empty, or, while it is active, since the commit if the topic is no longer subscribed; otherwise since the commit.
fn expired_offsets(group: &Group, retention_ms: i64, now: TimestampMs) -> Vec<(String, i32)> {
    let subscribed = group.subscribed_topics();
    let mut expired = Vec::new();
    for (topic, partitions) in group.offsets.committed() {
        for (partition, entry) in partitions {
            let value = &entry.value;
            let since_commit = value.commit_timestamp.0.saturating_add(retention_ms);
            let due = match (&value.expire_timestamp, &group.protocol_type) {
                (Some(expires), _) => group.state == GroupState::Empty && now.0 >= expires.0,
                (None, None) => now.0 >= since_commit,
                (None, Some(_)) if group.state == GroupState::Empty => {
                    let since = group.state_timestamp.unwrap_or(value.commit_timestamp).0.max(value.commit_timestamp.0);
                    now.0 >= since.saturating_add(retention_ms)
                }
                (None, Some(_)) => match &subscribed {
                    Some(topics) if group.state == GroupState::Stable => {
                        !topics.contains(topic) && now.0 >= since_commit
                    }
                    _ => false,
                },
            };
            if due && !group.offsets.is_staged(topic, *partition) && group.query_member.is_none() {
                expired.push((topic.clone(), *partition));
            }
        }
    }
    expired
}

fn found(entry: &OffsetEntry) -> OffsetReply {
    let OffsetValue { offset, leader_epoch, metadata, .. } = &entry.value;
    OffsetReply { error: ErrorCode::None, offset: *offset, leader_epoch: *leader_epoch, metadata: metadata.clone() }
}

fn offset_record(group_id: &str, commit: OffsetCommit, now: Now) -> GroupRecord {
    let expire = |retention_ms: i64| TimestampMs(now.wall.0.saturating_add(retention_ms));
    GroupRecord::Offset {
        group_id: group_id.to_owned(),
        topic: commit.topic,
        partition: commit.partition,
        value: Some(OffsetValue {
            offset: commit.offset,
            leader_epoch: commit.leader_epoch,
            metadata: commit.metadata,
            commit_timestamp: now.wall,
            expire_timestamp: commit.retention_ms.map(expire),
        }),
    }
}

pub(super) fn tombstone(group_id: &str, topic: &str, partition: i32) -> GroupRecord {
    GroupRecord::Offset { group_id: group_id.to_owned(), topic: topic.to_owned(), partition, value: None }
}
