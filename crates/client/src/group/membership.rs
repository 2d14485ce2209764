//! The member's side of the classic group protocol: join, sync, heartbeat, leave.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use wire::messages::consumer_protocol_assignment::{self, ConsumerProtocolAssignment};
use wire::messages::consumer_protocol_subscription::{self, ConsumerProtocolSubscription};
use wire::messages::heartbeat_request::HeartbeatRequest;
use wire::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use wire::messages::join_group_response::JoinGroupResponse;
use wire::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use wire::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use wire::{ApiKey, ErrorCode, Str, decode_versioned, encode_versioned};

use super::assignor::{Assignments, Candidate};
use super::{Assignor, GroupOptions};
use crate::admin::groups::{Membership, assignment};
use crate::{Client, ClientError, Connection};

/// The version of the consumer protocol that we write: with owned partitions, without racks.
const CONSUMER_PROTOCOL_VERSION: i16 = 1;

/// Whether the error says that the member's generation is over: join again.
pub(super) fn is_over(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId)
    )
}

pub(super) struct Session {
    client: Client,
    options: GroupOptions,
    membership: Membership,
    /// Cleared when the group rebalances.
    stable: Arc<AtomicBool>,
    heartbeat: Option<JoinHandle<()>>,
    /// A connection of our own to this coordinator: a join waits for the other members, who may be ours too.
    link: Option<(i32, Arc<Connection>)>,
}

impl Session {
    pub(super) fn new(client: &Client, options: &GroupOptions) -> Self {
        let instance_id = options.instance_id.as_deref().map(Str::from);
        Self {
            client: client.clone(),
            options: options.clone(),
            membership: Membership { instance_id, ..Membership::NONE },
            stable: Arc::default(),
            heartbeat: None,
            link: None,
        }
    }

    /// Whether the member may go on reading.
    pub(super) fn is_stable(&self) -> bool {
        self.stable.load(Ordering::Acquire)
    }

    pub(super) fn is_member(&self) -> bool {
        self.membership.generation_id >= 0
    }

    pub(super) fn membership(&self) -> Membership {
        self.membership.clone()
    }

    /// Learns from the answer to a commit.
    pub(super) fn note(&mut self, done: &Result<(), ClientError>) {
        if let Err(error) = done
            && is_over(error)
        {
            self.stable.store(false, Ordering::Release);
        }
    }

    /// Joins until the group is stable; gives the partitions that are this member's now.
    pub(super) async fn join(&mut self, owned: &[(String, i32)]) -> Result<Vec<(String, Vec<i32>)>, ClientError> {
        self.stop_heartbeat();
        let tries = self.client.tries(&format!("group {}", self.options.group_id));
        loop {
            match self.join_once(owned).await {
                Ok(assigned) => return Ok(assigned),
                Err(error) => match error.code() {
                    // The group changed while we were at it; the broker has told us all that we need.
                    Some(ErrorCode::RebalanceInProgress | ErrorCode::MemberIdRequired) => {}
                    Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration) => {
                        self.membership.member_id = Str::EMPTY;
                        self.membership.generation_id = -1;
                    }
                    _ if self.client.may_pass(&error) => tries.wait_after(error).await?,
                    _ => return Err(error),
                },
            }
        }
    }

    async fn link(&mut self) -> Result<Arc<Connection>, ClientError> {
        let node = self.client.coordinator(&self.options.group_id).await?;
        match &self.link {
            Some((at, link)) if *at == node && link.is_open() => Ok(Arc::clone(link)),
            _ => {
                let link = Arc::new(self.client.open_connection(Some(node)).await?);
                self.link = Some((node, Arc::clone(&link)));
                Ok(link)
            }
        }
    }

    async fn join_once(&mut self, owned: &[(String, i32)]) -> Result<Vec<(String, Vec<i32>)>, ClientError> {
        let link = self.link().await?;
        let joined = self.send_join(&link, owned).await?;
        let assignments = if joined.leader == self.membership.member_id && !joined.skip_assignment {
            self.assign(&joined).await?
        } else {
            Vec::new()
        };
        let version = link.version(ApiKey::SyncGroup, i16::MAX)?;
        let request = SyncGroupRequest {
            group_id: self.options.group_id.as_str().into(),
            generation_id: self.membership.generation_id,
            member_id: self.membership.member_id.clone(),
            group_instance_id: self.membership.instance_id.clone().filter(|_| version >= 3),
            protocol_type: Some("consumer".into()),
            protocol_name: joined.protocol_name.clone(),
            assignments,
        };
        let patience = self.patience();
        let synced = link.call_within(version, &request, patience).await?;
        ErrorCode::check(synced.error_code).map_err(|error| self.refused(error))?;
        self.stable.store(true, Ordering::Release);
        self.start_heartbeat(link);
        Ok(assignment(&synced.assignment))
    }

    async fn send_join(
        &mut self,
        link: &Connection,
        owned: &[(String, i32)],
    ) -> Result<JoinGroupResponse, ClientError> {
        let version = link.version(ApiKey::JoinGroup, i16::MAX)?;
        let metadata = self.subscription(owned)?;
        let protocols = self
            .options
            .assignors
            .iter()
            .map(|assignor| JoinGroupRequestProtocol { name: assignor.name().into(), metadata: metadata.clone() });
        let request = JoinGroupRequest {
            group_id: self.options.group_id.as_str().into(),
            session_timeout_ms: millis(self.options.session_timeout),
            rebalance_timeout_ms: millis(self.options.rebalance_timeout),
            member_id: self.membership.member_id.clone(),
            group_instance_id: self.membership.instance_id.clone().filter(|_| version >= 5),
            protocol_type: "consumer".into(),
            protocols: protocols.collect(),
            reason: None,
        };
        let joined = link.call_within(version, &request, self.patience()).await?;
        match ErrorCode::check(joined.error_code) {
            Ok(()) => {}
            Err(ErrorCode::MemberIdRequired) => {
                self.membership.member_id = joined.member_id.detach();
                return Err(self.refused(ErrorCode::MemberIdRequired));
            }
            Err(error) => return Err(self.refused(error)),
        }
        self.membership.member_id = joined.member_id.detach();
        self.membership.generation_id = joined.generation_id;
        Ok(joined)
    }

    fn subscription(&self, owned: &[(String, i32)]) -> Result<bytes::Bytes, ClientError> {
        let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in owned {
            by_topic.entry(topic).or_default().push(*partition);
        }
        let owned = by_topic.into_iter().map(|(topic, partitions)| consumer_protocol_subscription::TopicPartition {
            topic: topic.into(),
            partitions,
        });
        let subscription = ConsumerProtocolSubscription {
            topics: self.options.topics.iter().map(Str::from).collect(),
            owned_partitions: owned.collect(),
            ..ConsumerProtocolSubscription::default()
        };
        encode_versioned(&subscription, CONSUMER_PROTOCOL_VERSION)
            .map_err(|error| ClientError::Inexpressible { api: ApiKey::JoinGroup, error })
    }

    /// The leader's work: who gets what.
    async fn assign(&self, joined: &JoinGroupResponse) -> Result<Vec<SyncGroupRequestAssignment>, ClientError> {
        let protocol = joined.protocol_name.as_deref().unwrap_or_default();
        let assignor = Assignor::from_name(protocol).unwrap_or(Assignor::Range);
        let mut candidates = Vec::new();
        for member in &joined.members {
            let (_, subscription) = decode_versioned::<ConsumerProtocolSubscription>(member.metadata.clone())
                .map_err(|error| ClientError::Malformed { api: ApiKey::JoinGroup, error })?;
            candidates.push(Candidate {
                member_id: member.member_id.to_string(),
                instance_id: member.group_instance_id.as_ref().map(|id| id.to_string()),
                topics: subscription.topics.iter().map(|topic| topic.to_string()).collect(),
            });
        }
        let mut names: Vec<&String> = candidates.iter().flat_map(|candidate| &candidate.topics).collect();
        names.sort();
        names.dedup();
        let mut topics = BTreeMap::new();
        for name in names {
            match self.client.find_topic(name, false).await {
                Ok(topic) => {
                    topics.insert(name.clone(), topic.partitions.len() as i32);
                }
                // A topic that is not there has nothing to give.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        encode(assignor.assign(&topics, &candidates))
            .map_err(|error| ClientError::Inexpressible { api: ApiKey::SyncGroup, error })
    }

    /// How long a join or sync may take: the others have the rebalance timeout.
    fn patience(&self) -> Duration {
        self.options.rebalance_timeout + self.client.options().request_timeout
    }

    fn refused(&self, error: ErrorCode) -> ClientError {
        ClientError::refused(format!("group {}", self.options.group_id), error, None)
    }

    fn start_heartbeat(&mut self, link: Arc<Connection>) {
        let request = HeartbeatRequest {
            group_id: self.options.group_id.as_str().into(),
            generation_id: self.membership.generation_id,
            member_id: self.membership.member_id.clone(),
            group_instance_id: self.membership.instance_id.clone(),
        };
        let interval = self.options.heartbeat_interval;
        let stable = Arc::clone(&self.stable);
        self.heartbeat = Some(tokio::spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                if !beat(&link, &request).await {
                    // Whatever it is, joining again finds out.
                    return stable.store(false, Ordering::Release);
                }
            }
        }));
    }

    fn stop_heartbeat(&mut self) {
        if let Some(heartbeat) = self.heartbeat.take() {
            heartbeat.abort();
        }
    }

    /// Tells the group that this member is gone. A static member stays, as Kafka's consumers do.
    pub(super) async fn leave(&mut self) -> Result<(), ClientError> {
        self.stop_heartbeat();
        if !self.is_member() || self.membership.instance_id.is_some() {
            return Ok(());
        }
        let link = self.link().await?;
        let version = link.version(ApiKey::LeaveGroup, i16::MAX)?;
        let member_id = self.membership.member_id.clone();
        let request = LeaveGroupRequest {
            group_id: self.options.group_id.as_str().into(),
            member_id: if version <= 2 { member_id.clone() } else { Str::EMPTY },
            members: if version >= 3 {
                vec![MemberIdentity { member_id, ..MemberIdentity::default() }]
            } else {
                Vec::new()
            },
        };
        let response = link.call(version, &request).await?;
        self.membership.generation_id = -1;
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None | ErrorCode::UnknownMemberId => Ok(()),
            error => Err(self.refused(error)),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop_heartbeat();
    }
}

/// Whether the member may go on.
async fn beat(link: &Connection, request: &HeartbeatRequest) -> bool {
    let Ok(version) = link.version(ApiKey::Heartbeat, i16::MAX) else { return false };
    let request = HeartbeatRequest {
        group_instance_id: request.group_instance_id.clone().filter(|_| version >= 3),
        ..request.clone()
    };
    matches!(link.call(version, &request).await, Ok(answer) if answer.error_code == 0)
}

fn encode(assignments: Assignments) -> Result<Vec<SyncGroupRequestAssignment>, wire::EncodeError> {
    let encoded = assignments.into_iter().map(|(member, topics)| {
        let topics = topics.into_iter().map(|(topic, partitions)| consumer_protocol_assignment::TopicPartition {
            topic: topic.into(),
            partitions,
        });
        let assignment = ConsumerProtocolAssignment { assigned_partitions: topics.collect(), user_data: None };
        let assignment = encode_versioned(&assignment, CONSUMER_PROTOCOL_VERSION)?;
        Ok(SyncGroupRequestAssignment { member_id: member.into(), assignment })
    });
    encoded.collect()
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
