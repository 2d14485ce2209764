//! Bytes that are not what they say: an error or an answer, never a panic, never more memory than was sent.

use broker::api::{self, BadFrame};
use broker::reply::Answer;
use bytes::{Bytes, BytesMut};
use wire::messages::api_versions_request::ApiVersionsRequest;
use wire::messages::api_versions_response::ApiVersionsResponse;
use wire::{ApiKey, Message, Reader, Request};

use crate::harness::{Fixture, batch, bytes_of, fetch_request, frame, name_of, produce_request};

#[test]
fn api_versions_always_has_an_answer() {
    let fixture = Fixture::new();
    let software =
        |name: &str| ApiVersionsRequest { client_software_name: name.into(), client_software_version: "1.0".into() };
    for version in 0..=4 {
        let response = fixture.ask(version, &software("test"));
        assert_eq!(response.error_code, 0, "v{version}");
        let range = |key: ApiKey| {
            let api = response.api_keys.iter().find(|api| api.api_key == key.code()).expect("listed");
            (api.min_version, api.max_version)
        };
        assert_eq!(range(ApiKey::Produce), (0, 11));
        assert_eq!(range(ApiKey::Metadata), (0, 13));
        assert!(response.api_keys.is_sorted_by_key(|api| api.api_key));
        let features: Vec<&str> = response.finalized_features.iter().map(|feature| &*feature.name).collect();
        assert_eq!(features, if version < 3 { vec![] } else { vec!["metadata.version"] });
    }
    for name in ["", "-x", "x y", "x-"] {
        assert_eq!(name_of(fixture.ask(3, &software(name)).error_code), "INVALID_REQUEST", "{name:?}");
    }
    // A version of the future: v0's layout, with the list.
    let mut frame = BytesMut::from(&frame(3, &software("test"))[..]);
    frame[2..4].copy_from_slice(&99_i16.to_be_bytes());
    let answer = fixture.serve(frame.freeze()).expect("answered");
    let mut reader = Reader::new(bytes_of(fixture.finish(answer)));
    assert_eq!(reader.i32().expect("a correlation id"), 4711);
    let response = ApiVersionsResponse::decode(&mut reader, 0).expect("v0");
    assert_eq!((name_of(response.error_code), reader.remaining()), ("UNSUPPORTED_VERSION", 0));
    assert!(!response.api_keys.is_empty());
}

#[test]
fn what_is_not_served_closes_the_connection() {
    let fixture = Fixture::new();
    let check = |key: i16, version: i16, expected: &str| {
        let mut bytes = BytesMut::new();
        bytes.extend_from_slice(&key.to_be_bytes());
        bytes.extend_from_slice(&version.to_be_bytes());
        bytes.extend_from_slice(&[0; 32]);
        let got = match fixture.serve(bytes.freeze()) {
            Ok(answer) => format!("{answer:?}"),
            Err(e) => e.to_string(),
        };
        assert!(got.contains(expected), "{key} v{version}: {got}");
    };
    check(-1, 0, "API key -1 is not served");
    check(9999, 0, "API key 9999 is not served");
    check(4, 0, "API key 4 is not served");
    check(0, 2, "version 2 of Produce is not served");
    check(0, 12, "version 12 of Produce is not served");
    check(1, 3, "version 3 of Fetch is not served");
    check(3, -1, "version -1 of Metadata is not served");
    check(19, 7, "malformed request");
    for len in 0..8 {
        assert!(matches!(fixture.serve(Bytes::from(vec![0; len])), Err(BadFrame::Short)), "{len}");
    }
}

/// The versions of an API that we serve.
fn served<Q: Request>() -> impl Iterator<Item = i16> {
    api::served().filter(|(key, _)| *key == Q::KEY).flat_map(|(_, versions)| versions)
}

/// Every request that we serve at every version, mostly empty, and some with records.
fn samples() -> Vec<Bytes> {
    use wire::messages::*;
    let mut samples = vec![
        frame(11, &produce_request("t", 0, batch(&["a", "b"]))),
        frame(3, &produce_request("t", 0, batch(&["a"]))),
        frame(12, &fetch_request("t", 0, 0)),
        frame(4, &fetch_request("t", 0, 0)),
    ];
    macro_rules! defaults {
        ($($module:ident :: $request:ident),* $(,)?) => {
            $(samples.extend(
                served::<$module::$request>().map(|version| frame(version, &$module::$request::default())),
            );)*
        };
    }
    defaults![
        list_offsets_request::ListOffsetsRequest,
        metadata_request::MetadataRequest,
        offset_commit_request::OffsetCommitRequest,
        offset_fetch_request::OffsetFetchRequest,
        find_coordinator_request::FindCoordinatorRequest,
        join_group_request::JoinGroupRequest,
        heartbeat_request::HeartbeatRequest,
        leave_group_request::LeaveGroupRequest,
        sync_group_request::SyncGroupRequest,
        describe_groups_request::DescribeGroupsRequest,
        list_groups_request::ListGroupsRequest,
        create_topics_request::CreateTopicsRequest,
        delete_topics_request::DeleteTopicsRequest,
        delete_records_request::DeleteRecordsRequest,
        init_producer_id_request::InitProducerIdRequest,
        offset_for_leader_epoch_request::OffsetForLeaderEpochRequest,
        add_partitions_to_txn_request::AddPartitionsToTxnRequest,
        add_offsets_to_txn_request::AddOffsetsToTxnRequest,
        end_txn_request::EndTxnRequest,
        txn_offset_commit_request::TxnOffsetCommitRequest,
        describe_acls_request::DescribeAclsRequest,
        create_acls_request::CreateAclsRequest,
        delete_acls_request::DeleteAclsRequest,
        describe_configs_request::DescribeConfigsRequest,
        alter_configs_request::AlterConfigsRequest,
        describe_log_dirs_request::DescribeLogDirsRequest,
        create_partitions_request::CreatePartitionsRequest,
        delete_groups_request::DeleteGroupsRequest,
        elect_leaders_request::ElectLeadersRequest,
        incremental_alter_configs_request::IncrementalAlterConfigsRequest,
        list_partition_reassignments_request::ListPartitionReassignmentsRequest,
        offset_delete_request::OffsetDeleteRequest,
        describe_client_quotas_request::DescribeClientQuotasRequest,
        describe_cluster_request::DescribeClusterRequest,
        describe_producers_request::DescribeProducersRequest,
        describe_transactions_request::DescribeTransactionsRequest,
        list_transactions_request::ListTransactionsRequest,
        list_config_resources_request::ListConfigResourcesRequest,
        describe_topic_partitions_request::DescribeTopicPartitionsRequest,
    ];
    samples
}

fn survive(fixture: &Fixture, frame: Bytes) {
    match fixture.serve(frame) {
        // Long polls are dropped: what matters is that they began.
        Ok(Answer::Now(_) | Answer::Later(_) | Answer::Silent | Answer::Close) | Err(_) => {}
        Ok(Answer::Blocking(work)) => drop(work()),
        Ok(Answer::Costly(work)) => drop(work()),
    }
}

#[test]
fn every_api_answers_at_every_version() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    let samples = samples();
    let mut keys: Vec<i16> = samples.iter().filter_map(|sample| api::key_of(sample)).collect();
    keys.dedup();
    keys.sort_unstable();
    keys.dedup();
    let served: Vec<i16> = api::served().map(|(key, _)| key.code()).filter(|key| *key != 18).collect();
    assert_eq!(keys, served, "an API is missing from the samples");
    for sample in samples {
        let (key, version) = (api::key_of(&sample), sample[3]);
        let answer = fixture.serve(sample).unwrap_or_else(|e| panic!("{key:?} v{version}: {e}"));
        let body = fixture.finish(answer);
        assert!(body.is_some(), "{key:?} v{version}: the answer cannot be encoded");
    }
}

#[test]
fn every_request_cut_anywhere() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    for sample in samples() {
        for len in 0..sample.len() {
            survive(&fixture, sample.slice(..len));
        }
    }
}

#[test]
fn mutated_requests() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    let samples = samples();
    // A small generator of our own: the seed is the same in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for round in 0..2000 {
        let sample = &samples[round % samples.len()];
        let mut bytes = BytesMut::from(&sample[..]);
        for _ in 0..=random(4) {
            // The key and version stay: what they lead to is the point.
            let at = 4 + random(bytes.len() - 4);
            bytes[at] = [0, 1, 0x7f, 0x80, 0xff, random(256) as u8][random(6)];
        }
        survive(&fixture, bytes.freeze());
    }
    fixture.produce_values("t", 0, &["still there"]);
}
