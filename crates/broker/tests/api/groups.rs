//! Groups, as clients of every version see them.

use broker::NewTopic;
use bytes::Bytes;
use wire::messages::delete_groups_request::DeleteGroupsRequest;
use wire::messages::describe_groups_request::DescribeGroupsRequest;
use wire::messages::find_coordinator_request::FindCoordinatorRequest;
use wire::messages::heartbeat_request::HeartbeatRequest;
use wire::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use wire::messages::join_group_response::JoinGroupResponse;
use wire::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use wire::messages::list_groups_request::ListGroupsRequest;
use wire::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use wire::messages::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use wire::messages::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use wire::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};

use crate::harness::{Fixture, name_of};

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.create("t", 2, &[]);
    fixture
}

fn join_request(version: i16, group: &str, member_id: &str) -> JoinGroupRequest {
    let protocol =
        JoinGroupRequestProtocol { name: "range".into(), metadata: Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t") };
    JoinGroupRequest {
        group_id: group.into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: if version == 0 { -1 } else { 60_000 },
        member_id: member_id.into(),
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        ..JoinGroupRequest::default()
    }
}

/// Joins alone, in two steps where the version has them.
fn join(fixture: &Fixture, version: i16, group: &str) -> JoinGroupResponse {
    let joined = fixture.ask(version, &join_request(version, group, ""));
    if version < 4 {
        return joined;
    }
    assert_eq!(name_of(joined.error_code), "MEMBER_ID_REQUIRED");
    fixture.ask(version, &join_request(version, group, &joined.member_id))
}

fn commit_request(
    group: &str,
    joined: Option<&JoinGroupResponse>,
    commits: &[(&str, i32, i64)],
) -> OffsetCommitRequest {
    let topics = commits.iter().map(|(topic, partition_index, committed_offset)| OffsetCommitRequestTopic {
        name: (*topic).into(),
        partitions: vec![OffsetCommitRequestPartition {
            partition_index: *partition_index,
            committed_offset: *committed_offset,
            committed_metadata: Some("note".into()),
            ..OffsetCommitRequestPartition::default()
        }],
        ..OffsetCommitRequestTopic::default()
    });
    OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: joined.map_or(-1, |j| j.generation_id),
        member_id: joined.map_or_else(|| "".into(), |j| j.member_id.clone()),
        topics: topics.collect(),
        ..OffsetCommitRequest::default()
    }
}

/// `topic/partition offset metadata error` of all partitions, asked for in the way of the version.
fn fetch(fixture: &Fixture, version: i16, group: &str, partitions: Option<&[i32]>) -> Vec<String> {
    let indexes = partitions.map(<[i32]>::to_vec);
    if version >= 8 {
        let topics = indexes.map(|partition_indexes| {
            vec![OffsetFetchRequestTopics {
                name: "t".into(),
                partition_indexes,
                ..OffsetFetchRequestTopics::default()
            }]
        });
        let group = OffsetFetchRequestGroup { group_id: group.into(), topics, ..OffsetFetchRequestGroup::default() };
        let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
        let response = fixture.ask(version, &request);
        assert_eq!(response.groups[0].error_code, 0);
        let topics = response.groups[0].topics.iter();
        topics
            .flat_map(|t| {
                t.partitions.iter().map(|p| {
                    let metadata = p.metadata.as_deref().unwrap_or("null");
                    let error = name_of(p.error_code);
                    format!("{}/{} {} {metadata:?} {error}", t.name.as_str(), p.partition_index, p.committed_offset)
                })
            })
            .collect()
    } else {
        let topics =
            indexes.map(|partition_indexes| vec![OffsetFetchRequestTopic { name: "t".into(), partition_indexes }]);
        let request = OffsetFetchRequest { group_id: group.into(), topics, ..OffsetFetchRequest::default() };
        let response = fixture.ask(version, &request);
        assert_eq!(response.error_code, 0);
        response
            .topics
            .iter()
            .flat_map(|t| {
                t.partitions.iter().map(|p| {
                    let metadata = p.metadata.as_deref().unwrap_or("null");
                    let error = name_of(p.error_code);
                    format!("{}/{} {} {metadata:?} {error}", t.name.as_str(), p.partition_index, p.committed_offset)
                })
            })
            .collect()
    }
}

#[test]
fn a_member_of_every_version_joins_commits_and_leaves() {
    let fixture = fixture();
    for version in 0..=9 {
        let group = format!("g{version}");
        let joined = join(&fixture, version, &group);
        assert_eq!((joined.error_code, joined.generation_id), (0, 1), "v{version}: {joined:?}");
        assert_eq!(joined.leader, joined.member_id);
        assert_eq!(joined.members.len(), 1);
        let of = |newest: i16| version.min(newest);

        let assignment = SyncGroupRequestAssignment {
            member_id: joined.member_id.clone(),
            assignment: Bytes::from_static(b"assigned"),
        };
        let sync = SyncGroupRequest {
            group_id: group.as_str().into(),
            generation_id: 1,
            member_id: joined.member_id.clone(),
            protocol_type: (of(5) == 5).then(|| "consumer".into()),
            protocol_name: (of(5) == 5).then(|| "range".into()),
            assignments: vec![assignment],
            ..SyncGroupRequest::default()
        };
        let synced = fixture.ask(of(5), &sync);
        assert_eq!((synced.error_code, synced.assignment.as_ref()), (0, &b"assigned"[..]), "v{version}");

        let heartbeat = HeartbeatRequest {
            group_id: group.as_str().into(),
            generation_id: 1,
            member_id: joined.member_id.clone(),
            ..HeartbeatRequest::default()
        };
        assert_eq!(fixture.ask(of(4), &heartbeat).error_code, 0, "v{version}");

        let request = commit_request(&group, Some(&joined), &[("t", 1, 42), ("t", 7, 1), ("nowhere", 0, 1)]);
        let committed = fixture.ask(of(9).max(2), &request);
        let codes: Vec<_> = committed.topics.iter().map(|t| name_of(t.partitions[0].error_code)).collect();
        assert_eq!(codes, ["NONE", "UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_OR_PARTITION"], "v{version}");
        let fetched = fetch(&fixture, of(9).max(1), &group, Some(&[0, 1]));
        assert_eq!(fetched, ["t/0 -1 \"\" NONE", "t/1 42 \"note\" NONE"], "v{version}");
        if version >= 2 {
            assert_eq!(fetch(&fixture, version, &group, None), ["t/1 42 \"note\" NONE"], "v{version}");
        }

        let groups = vec![group.as_str().into()];
        let described = fixture.ask(of(6), &DescribeGroupsRequest { groups, ..DescribeGroupsRequest::default() });
        let described = &described.groups[0];
        assert_eq!((described.group_state.as_str(), described.protocol_data.as_str()), ("Stable", "range"));
        assert_eq!(described.members[0].client_host.as_str(), "/127.0.0.1");
        assert_eq!(described.members[0].member_assignment.as_ref(), b"assigned");

        let listed = fixture.ask(of(5), &ListGroupsRequest::default());
        assert!(listed.groups.iter().any(|g| g.group_id.as_str() == group), "v{version}: {listed:?}");

        let leave = LeaveGroupRequest {
            group_id: group.as_str().into(),
            member_id: if version < 3 { joined.member_id.clone() } else { "".into() },
            members: if version < 3 {
                Vec::new()
            } else {
                vec![MemberIdentity { member_id: joined.member_id.clone(), ..MemberIdentity::default() }]
            },
        };
        let left = fixture.ask(of(5), &leave);
        assert_eq!(left.error_code, 0, "v{version}");
        assert!(left.members.iter().all(|m| m.error_code == 0), "v{version}: {left:?}");
        let refused = fixture.ask(of(4), &heartbeat);
        assert_eq!(name_of(refused.error_code), "UNKNOWN_MEMBER_ID", "v{version}");
    }
}

#[test]
fn refusals_are_encodable_in_every_version() {
    let fixture = fixture();
    for version in 0..=9 {
        let mut request = join_request(version, "", "");
        let refused = fixture.ask(version, &request);
        assert_eq!(name_of(refused.error_code), "INVALID_GROUP_ID", "v{version}");
        request.group_id = "g".into();
        request.member_id = "nobody".into();
        let refused = fixture.ask(version, &request);
        assert_eq!(name_of(refused.error_code), "UNKNOWN_MEMBER_ID", "v{version}");
        assert_eq!(refused.protocol_name.as_deref(), (version < 7).then_some(""), "v{version}");
    }
    for version in 0..=5 {
        let sync = SyncGroupRequest { group_id: "g".into(), member_id: "x".into(), ..SyncGroupRequest::default() };
        let expected = if version < 5 { "UNKNOWN_MEMBER_ID" } else { "INCONSISTENT_GROUP_PROTOCOL" };
        assert_eq!(name_of(fixture.ask(version, &sync).error_code), expected, "v{version}");
    }
    for version in 0..=6 {
        let groups = vec!["none".into()];
        let described = fixture.ask(version, &DescribeGroupsRequest { groups, ..DescribeGroupsRequest::default() });
        let (state, error) = (described.groups[0].group_state.as_str(), name_of(described.groups[0].error_code));
        assert_eq!((state, error), ("Dead", if version < 6 { "NONE" } else { "GROUP_ID_NOT_FOUND" }), "v{version}");
    }
}

#[test]
fn nobody_moves_the_offsets_of_a_query_in_its_name() {
    let fixture = fixture();
    let member = fixture.broker.query_member("q", &["t".to_owned()]).expect("joined");
    let groups = vec!["q".into()];
    let told = fixture.ask(5, &DescribeGroupsRequest { groups, ..DescribeGroupsRequest::default() });
    let joined = JoinGroupResponse {
        member_id: told.groups[0].members[0].member_id.clone(),
        generation_id: member.generation(),
        ..JoinGroupResponse::default()
    };
    assert_eq!(joined.member_id.as_str(), member.member_id());
    for version in 2..=9 {
        for as_whom in [Some(&joined), None] {
            let committed = fixture.ask(version, &commit_request("q", as_whom, &[("t", 0, 5)]));
            let code = name_of(committed.topics[0].partitions[0].error_code);
            assert_eq!(code, "UNKNOWN_MEMBER_ID", "v{version} {as_whom:?}");
        }
    }
    assert!(fixture.broker.committed_offsets("q").is_empty());
}

#[test]
fn coordinators_are_here() {
    let fixture = fixture();
    for version in 0..=6 {
        for key_type in [0, 1] {
            if version == 0 && key_type == 1 {
                continue;
            }
            let mut request = FindCoordinatorRequest { key_type, ..FindCoordinatorRequest::default() };
            if version >= 4 {
                request.coordinator_keys = vec!["a".into(), "b".into()];
            } else {
                request.key = "a".into();
            }
            let found = fixture.ask(version, &request);
            if version >= 4 {
                let all: Vec<_> =
                    found.coordinators.iter().map(|c| (c.key.as_str(), c.host.as_str(), c.port)).collect();
                assert_eq!(all, [("a", "127.0.0.1", 9092), ("b", "127.0.0.1", 9092)], "v{version}");
            } else {
                assert_eq!((found.error_code, found.host.as_str(), found.port), (0, "127.0.0.1", 9092), "v{version}");
            }
        }
    }
    let request = FindCoordinatorRequest { key_type: 9, coordinator_keys: vec!["a".into()], ..Default::default() };
    assert_eq!(name_of(fixture.ask(6, &request).coordinators[0].error_code), "INVALID_REQUEST");
}

#[test]
fn offsets_are_there_again_after_a_restart_and_go_with_their_topic() {
    let fixture = fixture();
    fixture.create("u", 1, &[]);
    fixture.ask(9, &commit_request("simple", None, &[("t", 0, 5), ("u", 0, 6)]));
    let joined = join(&fixture, 9, "g");
    assert_eq!(joined.error_code, 0);
    let fixture = fixture.restart();
    assert_eq!(fetch(&fixture, 9, "simple", Some(&[0])), ["t/0 5 \"note\" NONE"]);

    fixture.broker.delete_topic("t").expect("deleted");
    fixture.broker.create_topic("t", NewTopic { partitions: Some(2), ..NewTopic::default() }).expect("created");
    assert_eq!(fetch(&fixture, 9, "simple", Some(&[0])), ["t/0 -1 \"\" NONE"]);
    assert_eq!(fetch(&fixture, 9, "simple", None), ["u/0 6 \"note\" NONE"]);
}

#[test]
fn groups_and_offsets_are_deleted() {
    let fixture = fixture();
    fixture.ask(9, &commit_request("simple", None, &[("t", 0, 5), ("t", 1, 6)]));
    let topic = OffsetDeleteRequestTopic {
        name: "t".into(),
        partitions: [0, 9].map(|partition_index| OffsetDeleteRequestPartition { partition_index }).into(),
    };
    let deleted = fixture.ask(0, &OffsetDeleteRequest { group_id: "simple".into(), topics: vec![topic] });
    let codes: Vec<_> = deleted.topics[0].partitions.iter().map(|p| name_of(p.error_code)).collect();
    assert_eq!(codes, ["NONE", "UNKNOWN_TOPIC_OR_PARTITION"]);
    assert_eq!(fetch(&fixture, 9, "simple", None), ["t/1 6 \"note\" NONE"]);

    for (version, expected) in [(0, "NONE"), (1, "GROUP_ID_NOT_FOUND"), (2, "GROUP_ID_NOT_FOUND")] {
        let deleted = fixture.ask(version, &DeleteGroupsRequest { groups_names: vec!["simple".into()] });
        assert_eq!(name_of(deleted.results[0].error_code), expected, "v{version}");
    }
    assert_eq!(fetch(&fixture, 9, "simple", None), [""; 0]);
    assert!(fixture.ask(5, &ListGroupsRequest::default()).groups.is_empty());
}
