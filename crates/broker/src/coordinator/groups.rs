//! Group requests: decide, append, replay, and answer when it is durable.

use std::collections::HashMap;
use std::future::Future;

use commitlog::{AppendError, Ticket};
use record::ProducerId;
use tokio::sync::oneshot;
use wire::ErrorCode;

use super::records::encode_group_record;
use super::{Coordinators, Shared};
use crate::group::admin::QueryJoin;
use crate::group::commit::CommitReply;
use crate::group::{
    Decision, GroupCoordinator, GroupDescription, GroupListing, GroupRecord, HeartbeatRequest, JoinReply, JoinRequest,
    LeaveMember, LeaveReply, Now, OffsetCommitRequest, OffsetReply, OffsetValue, ParkId, Parked, SyncReply,
    SyncRequest,
};
use crate::topic::OFFSETS_TOPIC;
use crate::txn::Producer;

/// The group machine, and the requests that wait in it.
pub(super) struct Groups {
    pub machine: GroupCoordinator,
    pub parked: HashMap<ParkId, oneshot::Sender<(Parked, Ticket)>>,
    next_park: u64,
    /// The last append to `__consumer_offsets`: what has been read from the machine is durable when it is done.
    pub last: Ticket,
}

impl Groups {
    pub fn new(machine: GroupCoordinator) -> Self {
        Self { machine, parked: HashMap::new(), next_park: 0, last: Ticket::done() }
    }

    fn park(&mut self) -> (ParkId, oneshot::Receiver<(Parked, Ticket)>) {
        self.next_park += 1;
        let id = ParkId(self.next_park);
        let (sender, receiver) = oneshot::channel();
        self.parked.insert(id, sender);
        (id, receiver)
    }
}

impl Shared {
    /// Appends a decision's records, replays them, and releases its replies. The ticket is done when the decision may be
    /// spoken of.
    pub(super) fn carry_out<R>(
        &self,
        groups: &mut Groups,
        decision: Decision<R>,
        producer: Option<Producer>,
        now: Now,
    ) -> Result<(R, Ticket), ErrorCode> {
        let Decision { records, released, response } = decision;
        let appended = if records.is_empty() {
            Ok(Ticket::done())
        } else {
            self.append_group_records(groups, &records, producer, now)
        };
        for released in released {
            let Some(sender) = groups.parked.remove(&released.park) else { continue };
            // A receiver that is gone belongs to a connection that is gone.
            let _ = match &appended {
                Ok(ticket) => sender.send((released.reply, ticket.clone())),
                Err(error) => sender.send((refused(&released.reply, *error), Ticket::done())),
            };
        }
        appended.map(|ticket| (response, ticket))
    }

    fn append_group_records(
        &self,
        groups: &mut Groups,
        records: &[GroupRecord],
        producer: Option<Producer>,
        now: Now,
    ) -> Result<Ticket, ErrorCode> {
        let encoded: Result<Vec<_>, _> = records.iter().map(encode_group_record).collect();
        let encoded = encoded.map_err(|error| {
            tracing::error!(%error, "a group record cannot be encoded");
            ErrorCode::UnknownServerError
        })?;
        let appended = self.offsets.append(&encoded, producer, now.wall).map_err(|error| {
            tracing::warn!(%error, topic = OFFSETS_TOPIC, "group records were not appended");
            match error {
                AppendError::TooLarge { .. } => ErrorCode::InvalidCommitOffsetSize,
                AppendError::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
                AppendError::InvalidTxnState { .. } => ErrorCode::InvalidTxnState,
                _ => ErrorCode::CoordinatorNotAvailable,
            }
        })?;
        for (at, record) in (0_i64..).zip(records) {
            groups.machine.replay(record, appended.base_offset + at, producer.map(|p| p.id), true);
        }
        groups.last = appended.ticket.clone();
        Ok(appended.ticket)
    }

    /// A marker was appended to `__consumer_offsets`.
    pub(super) fn offsets_marked(&self, producer: ProducerId, commit: bool) {
        self.groups.lock().machine.replay_marker(producer, commit);
    }
}

impl Coordinators {
    /// JoinGroup. The answer waits for the other members, and for the disk.
    pub fn join_group(&self, request: JoinRequest) -> impl Future<Output = JoinReply> + Send + use<> {
        let member_id = request.member_id.clone();
        let receiver = {
            let mut groups = self.shared.groups.lock();
            let now = self.shared.now();
            let (park, receiver) = groups.park();
            let decision = groups.machine.join(request, park, now);
            // Who could not be told by the decision is told of the failed append.
            let _ = self.shared.carry_out(&mut groups, decision, None, now);
            receiver
        };
        self.shared.alarm.ring();
        async move {
            match answered(receiver).await {
                Some(Parked::Join(reply)) => reply,
                _ => JoinReply::error(ErrorCode::CoordinatorNotAvailable, member_id),
            }
        }
    }

    /// SyncGroup. The answer waits for the leader, and for the disk.
    pub fn sync_group(&self, request: SyncRequest) -> impl Future<Output = SyncReply> + Send + use<> {
        let receiver = {
            let mut groups = self.shared.groups.lock();
            let now = self.shared.now();
            let (park, receiver) = groups.park();
            let decision = groups.machine.sync(request, park, now);
            let _ = self.shared.carry_out(&mut groups, decision, None, now);
            receiver
        };
        async move {
            match answered(receiver).await {
                Some(Parked::Sync(reply)) => reply,
                _ => SyncReply::error(ErrorCode::CoordinatorNotAvailable),
            }
        }
    }

    /// Heartbeat.
    #[must_use]
    pub fn heartbeat(&self, request: &HeartbeatRequest) -> ErrorCode {
        self.shared.groups.lock().machine.heartbeat(request, self.shared.now())
    }

    /// LeaveGroup.
    pub fn leave_group(&self, group_id: &str, members: Vec<LeaveMember>) -> Vec<LeaveReply> {
        let mut groups = self.shared.groups.lock();
        let now = self.shared.now();
        let decision = groups.machine.leave(group_id, members, now);
        let replies = decision.response.clone();
        // That the group is empty now is recorded for tools; the member has left in any case.
        let _ = self.shared.carry_out(&mut groups, decision, None, now);
        drop(groups);
        self.shared.alarm.ring();
        replies
    }

    /// OffsetCommit.
    pub fn commit_offsets(&self, request: OffsetCommitRequest) -> impl Future<Output = CommitReply> + Send + use<> {
        let mut groups = self.shared.groups.lock();
        let now = self.shared.now();
        let decision = groups.machine.commit_offsets(request, now);
        let carried = self.shared.carry_out(&mut groups, decision, None, now);
        async move { durable(carried).await? }
    }

    /// TxnOffsetCommit: offsets that count when the transaction commits. `transactional_id` must have added the group.
    pub fn commit_transactional_offsets(
        &self,
        transactional_id: &str,
        request: OffsetCommitRequest,
    ) -> impl Future<Output = CommitReply> + Send + use<> {
        let carried = self.shared.stage_offsets(transactional_id, request);
        async move { durable(carried).await? }
    }

    /// OffsetFetch for some partitions, answered when all that it tells is durable.
    pub fn fetch_offsets(
        &self,
        group_id: &str,
        partitions: &[(String, i32)],
        require_stable: bool,
    ) -> impl Future<Output = Result<Vec<OffsetReply>, ErrorCode>> + Send + use<> {
        let groups = self.shared.groups.lock();
        let fetch = |(topic, partition): &(String, i32)| {
            groups.machine.fetch_offset(group_id, topic, *partition, require_stable)
        };
        let replies = partitions.iter().map(fetch).collect();
        let last = groups.last.clone();
        async move { durable(Ok((replies, last))).await }
    }

    /// OffsetFetch for all partitions of a group, answered when all that it tells is durable.
    pub fn fetch_all_offsets(
        &self,
        group_id: &str,
        require_stable: bool,
    ) -> impl Future<Output = Result<Vec<(String, i32, OffsetReply)>, ErrorCode>> + Send + use<> {
        let groups = self.shared.groups.lock();
        let replies = groups.machine.fetch_all_offsets(group_id, require_stable);
        let last = groups.last.clone();
        async move { durable(Ok((replies, last))).await }
    }

    /// OffsetDelete.
    pub fn delete_offsets(
        &self,
        group_id: &str,
        partitions: &[(String, i32)],
    ) -> impl Future<Output = CommitReply> + Send + use<> {
        let mut groups = self.shared.groups.lock();
        let now = self.shared.now();
        let decision = groups.machine.delete_offsets(group_id, partitions);
        let carried = self.shared.carry_out(&mut groups, decision, None, now);
        async move { durable(carried).await? }
    }

    /// DeleteGroups, for one group.
    pub fn delete_group(&self, group_id: &str) -> impl Future<Output = ErrorCode> + Send + use<> {
        let mut groups = self.shared.groups.lock();
        let now = self.shared.now();
        let decision = groups.machine.delete(group_id);
        let carried = self.shared.carry_out(&mut groups, decision, None, now);
        async move { durable(carried).await.unwrap_or_else(|error| error) }
    }

    /// Forgets the offsets of a topic that is being deleted.
    pub fn forget_topic(&self, topic: &str) {
        let mut groups = self.shared.groups.lock();
        let now = self.shared.now();
        let decision = groups.machine.forget_topic(topic);
        let _ = self.shared.carry_out(&mut groups, decision, None, now);
    }

    /// ListGroups.
    #[must_use]
    pub fn list_groups(&self) -> Vec<GroupListing> {
        self.shared.groups.lock().machine.list()
    }

    /// DescribeGroups, for one group.
    #[must_use]
    pub fn describe_group(&self, group_id: &str) -> Option<GroupDescription> {
        self.shared.groups.lock().machine.describe(group_id)
    }

    /// What a group has committed, for metrics and queries.
    #[must_use]
    pub fn committed(&self, group_id: &str) -> Vec<(String, i32, OffsetValue)> {
        self.shared.groups.lock().machine.committed(group_id)
    }

    /// A query takes its group; blocks until that is durable. Answers with the generation.
    pub fn query_join(&self, request: QueryJoin) -> Result<i32, ErrorCode> {
        let (generation, ticket) = {
            let mut groups = self.shared.groups.lock();
            let now = self.shared.now();
            let decision = groups.machine.query_join(request, now);
            self.shared.carry_out(&mut groups, decision, None, now)?
        };
        ticket.wait().map_err(|_| ErrorCode::CoordinatorNotAvailable)?;
        Ok(generation)
    }

    /// A query leaves its group.
    pub fn query_leave(&self, group_id: &str, member_id: &str) {
        let mut groups = self.shared.groups.lock();
        let now = self.shared.now();
        let decision = groups.machine.query_leave(group_id, member_id, now);
        let _ = self.shared.carry_out(&mut groups, decision, None, now);
    }
}

impl Shared {
    /// Verifies, decides and appends in one go, so that no end of the transaction can come between.
    pub(super) fn stage_offsets(
        &self,
        transactional_id: &str,
        request: OffsetCommitRequest,
    ) -> Result<(CommitReply, Ticket), ErrorCode> {
        let Some((id, epoch)) = request.producer else { return Err(ErrorCode::InvalidProducerIdMapping) };
        let producer = Producer { id, epoch };
        let transactions = self.transactions.lock();
        transactions.machine.verify(transactional_id, producer, OFFSETS_TOPIC, 0)?;
        let mut groups = self.groups.lock();
        let now = self.now();
        let decision = groups.machine.commit_offsets(request, now);
        self.carry_out(&mut groups, decision, Some(producer), now)
    }
}

/// The decision's response, once it is durable.
async fn durable<R>(carried: Result<(R, Ticket), ErrorCode>) -> Result<R, ErrorCode> {
    let (response, ticket) = carried?;
    ticket.await.map_err(|_| ErrorCode::CoordinatorNotAvailable)?;
    Ok(response)
}

async fn answered(receiver: oneshot::Receiver<(Parked, Ticket)>) -> Option<Parked> {
    let (reply, ticket) = receiver.await.ok()?;
    ticket.await.ok()?;
    Some(reply)
}

fn refused(reply: &Parked, error: ErrorCode) -> Parked {
    match reply {
        Parked::Join(reply) => Parked::Join(JoinReply::error(error, reply.member_id.clone())),
        Parked::Sync(_) => Parked::Sync(SyncReply::error(error)),
    }
}
