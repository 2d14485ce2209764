//! Groups: list, describe, delete; their committed offsets.

use record::{LeaderEpoch, Offset};
use wire::messages::consumer_group_describe_request::ConsumerGroupDescribeRequest;
use wire::messages::consumer_group_describe_response as consumer_groups;
use wire::messages::consumer_protocol_assignment::ConsumerProtocolAssignment;
use wire::messages::delete_groups_request::DeleteGroupsRequest;
use wire::messages::describe_groups_request::DescribeGroupsRequest;
use wire::messages::describe_groups_response as classic_groups;
use wire::messages::list_groups_request::ListGroupsRequest;
use wire::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use wire::messages::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use wire::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup};
use wire::messages::offset_fetch_response::OffsetFetchResponse;
use wire::{ApiKey, ErrorCode, Request, Str, decode_versioned};

use crate::cluster::{Attempt, Patience};
use crate::{Client, ClientError};

/// From version 10 on, OffsetCommit and OffsetFetch name topics by id.
pub(crate) const OFFSETS_VERSION_MAX: i16 = 9;

/// A group, as a list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupListing {
    /// Its id.
    pub group_id: String,
    /// "consumer" for consumers and Kafka Streams, "connect" for Kafka Connect; empty for one with offsets alone.
    pub protocol_type: String,
    /// Its state, from brokers that tell: "Stable", "Empty" ….
    pub state: Option<String>,
    /// Its kind, from brokers that tell: "classic", "consumer", "share", "streams".
    pub kind: Option<String>,
}

/// A group and its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its id.
    pub group_id: String,
    /// Its state: "Stable", "Empty", "PreparingRebalance" ….
    pub state: String,
    /// Its protocol type, "consumer" mostly.
    pub protocol_type: String,
    /// How partitions are assigned: "range", "uniform" ….
    pub assignor: String,
    /// The node that coordinates it.
    pub coordinator: i32,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id.
    pub member_id: String,
    /// Its `group.instance.id`, if it is static.
    pub instance_id: Option<String>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it comes from.
    pub host: String,
    /// The topics and partitions that it has; nothing if its protocol is not the consumers'.
    pub assignment: Vec<(String, Vec<i32>)>,
}

/// How far a group has got in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next record to read.
    pub offset: Offset,
    /// The leader epoch of the last record read.
    pub leader_epoch: LeaderEpoch,
    /// What the group noted beside it.
    pub metadata: String,
}

/// An offset to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next record to read.
    pub offset: Offset,
    /// The leader epoch of the last record read.
    pub leader_epoch: LeaderEpoch,
    /// A note beside it.
    pub metadata: String,
}

/// A member of a group, to the coordinator; [`Membership::NONE`] for a tool that speaks for a group without members.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    pub(crate) member_id: Str,
    pub(crate) generation_id: i32,
    pub(crate) instance_id: Option<Str>,
}

impl Membership {
    pub(crate) const NONE: Self = Self { member_id: Str::EMPTY, generation_id: -1, instance_id: None };
}

impl Client {
    /// All groups of all brokers, by id.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>, ClientError> {
        let mut groups = Vec::new();
        for node in self.nodes() {
            let response = self
                .retry("groups", || async {
                    let link = self.link(node).await.map_err(Attempt::from)?;
                    let version = link.version(ApiKey::ListGroups, i16::MAX).map_err(Attempt::end)?;
                    let response = link.call(version, &ListGroupsRequest::default()).await.map_err(Attempt::from)?;
                    ErrorCode::check(response.error_code)
                        .map_err(|error| Patience::of_code(error).of("groups", error))?;
                    Ok(response)
                })
                .await?;
            let some = |text: &Str| Some(text.to_string()).filter(|text| !text.is_empty());
            groups.extend(response.groups.iter().map(|group| GroupListing {
                group_id: group.group_id.to_string(),
                protocol_type: group.protocol_type.to_string(),
                state: some(&group.group_state),
                kind: some(&group.group_type).map(|kind| kind.to_lowercase()),
            }));
        }
        groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        Ok(groups)
    }

    /// A group and its members, whichever protocol it speaks.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription, ClientError> {
        if let Some(described) = self.describe_consumer_group(group).await? {
            return Ok(described);
        }
        let node = self.coordinator(group).await?;
        let request = |_| DescribeGroupsRequest { groups: vec![group.into()], include_authorized_operations: false };
        let error_of = |answer: &classic_groups::DescribeGroupsResponse| {
            answer.groups.first().map_or(ErrorCode::GroupIdNotFound.code(), |group| group.error_code)
        };
        let response = self.call_coordinator(group, request, error_of).await?;
        let Some(described) = response.groups.first().filter(|described| described.group_state != "Dead") else {
            return Err(ClientError::refused(format!("group {group}"), ErrorCode::GroupIdNotFound, None));
        };
        let members = described.members.iter().map(|member| GroupMember {
            member_id: member.member_id.to_string(),
            instance_id: member.group_instance_id.as_ref().map(|id| id.to_string()),
            client_id: member.client_id.to_string(),
            host: member.client_host.to_string(),
            assignment: match described.protocol_type.as_str() {
                "consumer" => assignment(&member.member_assignment),
                _ => Vec::new(),
            },
        });
        Ok(GroupDescription {
            group_id: group.to_owned(),
            state: described.group_state.to_string(),
            protocol_type: described.protocol_type.to_string(),
            assignor: described.protocol_data.to_string(),
            coordinator: node,
            members: members.collect(),
        })
    }

    /// The group, if it speaks the newer protocol of consumers.
    async fn describe_consumer_group(&self, group: &str) -> Result<Option<GroupDescription>, ClientError> {
        let node = self.coordinator(group).await?;
        if self.link(node).await?.version(ApiKey::ConsumerGroupDescribe, i16::MAX).is_err() {
            return Ok(None);
        }
        let request =
            |_| ConsumerGroupDescribeRequest { group_ids: vec![group.into()], include_authorized_operations: false };
        let error_of = |answer: &consumer_groups::ConsumerGroupDescribeResponse| {
            answer.groups.first().map_or(0, |group| group.error_code)
        };
        let response = match self.call_coordinator(group, request, error_of).await {
            Ok(response) => response,
            // A classic group, or none, or a broker that has the protocol switched off.
            Err(ClientError::Refused { error: ErrorCode::GroupIdNotFound | ErrorCode::UnsupportedVersion, .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(response.groups.first().map(|described| GroupDescription {
            group_id: group.to_owned(),
            state: described.group_state.to_string(),
            protocol_type: "consumer".to_owned(),
            assignor: described.assignor_name.to_string(),
            coordinator: node,
            members: described.members.iter().map(consumer_group_member).collect(),
        }))
    }

    /// All offsets that a group has committed.
    pub async fn committed_offsets(&self, group: &str) -> Result<Vec<CommittedOffset>, ClientError> {
        let request = |version| OffsetFetchRequest {
            group_id: if version <= 7 { group.into() } else { Str::EMPTY },
            topics: if version <= 7 { None } else { Some(Vec::new()) },
            groups: if version >= 8 {
                vec![OffsetFetchRequestGroup { group_id: group.into(), topics: None, ..Default::default() }]
            } else {
                Vec::new()
            },
            require_stable: version >= 7,
        };
        let error_of = |answer: &OffsetFetchResponse| {
            let of_group = answer.groups.first().map_or(answer.error_code, |group| group.error_code);
            let of_partitions =
                answer.groups.iter().flat_map(|group| &group.topics).flat_map(|topic| &topic.partitions);
            let unstable = of_partitions
                .map(|partition| partition.error_code)
                .find(|code| *code == ErrorCode::UnstableOffsetCommit.code());
            unstable.unwrap_or(of_group)
        };
        let response = self.call_coordinator(group, request, error_of).await?;
        let mut offsets = Vec::new();
        for topic in &response.topics {
            for found in &topic.partitions {
                let (at, metadata) = ((found.committed_offset, found.committed_leader_epoch), found.metadata.as_ref());
                offsets.extend(committed(&topic.name, found.partition_index, at, metadata));
            }
        }
        for topic in response.groups.iter().flat_map(|group| &group.topics) {
            for found in &topic.partitions {
                let (at, metadata) = ((found.committed_offset, found.committed_leader_epoch), found.metadata.as_ref());
                offsets.extend(committed(&topic.name, found.partition_index, at, metadata));
            }
        }
        offsets.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        Ok(offsets)
    }

    /// Commits offsets for a group that has no members (`reset-offsets`); the broker refuses if it has some.
    pub async fn commit_offsets(&self, group: &str, offsets: &[OffsetToCommit]) -> Result<(), ClientError> {
        self.commit_as(group, &Membership::NONE, offsets).await
    }

    pub(crate) async fn commit_as(
        &self,
        group: &str,
        member: &Membership,
        offsets: &[OffsetToCommit],
    ) -> Result<(), ClientError> {
        let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
        for offset in offsets {
            let partition = OffsetCommitRequestPartition {
                partition_index: offset.partition,
                committed_offset: offset.offset.0,
                committed_leader_epoch: offset.leader_epoch.0,
                committed_metadata: Some(offset.metadata.as_str().into()),
            };
            match topics.iter_mut().find(|topic| *topic.name == *offset.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(OffsetCommitRequestTopic {
                    name: offset.topic.as_str().into(),
                    partitions: vec![partition],
                    ..Default::default()
                }),
            }
        }
        let request = |version| OffsetCommitRequest {
            group_id: group.into(),
            generation_id_or_member_epoch: member.generation_id,
            member_id: member.member_id.clone(),
            group_instance_id: member.instance_id.clone().filter(|_| version >= 7),
            retention_time_ms: -1,
            topics: topics.clone(),
        };
        let error_of = |answer: &wire::messages::offset_commit_response::OffsetCommitResponse| {
            let mut codes = answer.topics.iter().flat_map(|topic| &topic.partitions).map(|found| found.error_code);
            codes.find(|code| *code != 0).unwrap_or(0)
        };
        self.call_coordinator(group, request, error_of).await.map(|_| ())
    }

    /// Forgets a group's offsets of some partitions; answers for each.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: &[(String, i32)],
    ) -> Result<Vec<(String, i32, Result<(), ClientError>)>, ClientError> {
        let mut topics: Vec<OffsetDeleteRequestTopic> = Vec::new();
        for (name, index) in partitions {
            let partition = OffsetDeleteRequestPartition { partition_index: *index };
            match topics.iter_mut().find(|topic| *topic.name == **name) {
                Some(topic) => topic.partitions.push(partition),
                None => {
                    topics.push(OffsetDeleteRequestTopic { name: name.as_str().into(), partitions: vec![partition] })
                }
            }
        }
        let request = |_| OffsetDeleteRequest { group_id: group.into(), topics: topics.clone() };
        let response = self.call_coordinator(group, request, |answer| answer.error_code).await?;
        let results = response.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|found| {
                let what = format!("offset of group {group} in {}-{}", topic.name, found.partition_index);
                (topic.name.to_string(), found.partition_index, super::outcome(what, found.error_code, None))
            })
        });
        Ok(results.collect())
    }

    /// Deletes groups that have no members; answers for each.
    pub async fn delete_groups(
        &self,
        groups: &[String],
    ) -> Result<Vec<(String, Result<(), ClientError>)>, ClientError> {
        let mut results = Vec::new();
        for group in groups {
            let request = |_| DeleteGroupsRequest { groups_names: vec![group.into()] };
            let done = self
                .call_coordinator(group, request, |answer| answer.results.first().map_or(0, |result| result.error_code))
                .await;
            match done {
                Err(error) if error.code().is_none() => return Err(error),
                done => results.push((group.clone(), done.map(|_| ()))),
            }
        }
        Ok(results)
    }

    /// Asks a group's coordinator, waits while it is loading, and looks for it anew when it has moved.
    pub(crate) async fn call_coordinator<R: Request>(
        &self,
        group: &str,
        request: impl Fn(i16) -> R,
        error_of: impl Fn(&R::Response) -> i16,
    ) -> Result<R::Response, ClientError> {
        let what = format!("group {group}");
        self.retry(&what, || async {
            let node = self.coordinator(group).await.map_err(Attempt::end)?;
            let link = self.link(node).await.map_err(Attempt::from)?;
            let version_max = match R::KEY {
                ApiKey::OffsetCommit | ApiKey::OffsetFetch => OFFSETS_VERSION_MAX,
                _ => i16::MAX,
            };
            let version = link.version(R::KEY, version_max).map_err(Attempt::end)?;
            let response = link.call(version, &request(version)).await.map_err(Attempt::from)?;
            ErrorCode::check(error_of(&response)).map_err(|error| Patience::of_code(error).of(&what, error))?;
            Ok(response)
        })
        .await
    }
}

/// The partitions in a consumer's assignment; nothing if the bytes are something else.
pub(crate) fn assignment(bytes: &bytes::Bytes) -> Vec<(String, Vec<i32>)> {
    let Ok((_, assigned)) = decode_versioned::<ConsumerProtocolAssignment>(bytes.clone()) else { return Vec::new() };
    let topics = assigned.assigned_partitions.into_iter();
    topics.map(|assigned| (assigned.topic.to_string(), assigned.partitions)).collect()
}

fn consumer_group_member(member: &consumer_groups::Member) -> GroupMember {
    let assigned = member.assignment.topic_partitions.iter();
    GroupMember {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.as_ref().map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: assigned.map(|topic| (topic.topic_name.to_string(), topic.partitions.clone())).collect(),
    }
}

fn committed(topic: &str, partition: i32, at: (i64, i32), metadata: Option<&Str>) -> Option<CommittedOffset> {
    (at.0 >= 0).then(|| CommittedOffset {
        topic: topic.to_owned(),
        partition,
        offset: Offset(at.0),
        leader_epoch: LeaderEpoch(at.1),
        metadata: metadata.map(|text| text.to_string()).unwrap_or_default(),
    })
}
