//! A valid request of every API that is served, at every version: what mutations start from, and the seeds of the fuzz
//! target `requests`.

use broker::api;
use bytes::Bytes;
use record::{BatchBuilder, BatchOptions, Compression, LeaderEpoch, Offset, TimestampMs};
use wire::messages::request_header::RequestHeader;
use wire::messages::*;
use wire::{Message, Records, Request, Uuid, Writer};

/// The topic that the requests name.
pub const TOPIC: &str = "t";
/// The id that stands for the topic's own; see `fuzz/targets/requests.rs`.
const TOPIC_ID: Uuid = Uuid(crate::targets::requests::TOPIC_ID);
const GROUP: &str = "g";
const TRANSACTIONAL_ID: &str = "x";

/// One request.
pub struct Sample {
    /// Name of its API.
    pub api: &'static str,
    /// Code of its API.
    pub key: i16,
    /// Its version.
    pub version: i16,
    /// The request without its header.
    pub body: Bytes,
    /// Header and request, without the length before them.
    pub frame: Bytes,
}

/// Encodes one request at one version.
pub fn sample<Q: Request>(version: i16, request: &Q) -> Sample {
    let mut writer = Writer::new();
    let header = RequestHeader {
        request_api_key: Q::KEY.code(),
        request_api_version: version,
        correlation_id: 7,
        client_id: Some("hostile".into()),
    };
    header.encode(&mut writer, Q::KEY.request_header_version(version)).expect("a header");
    let header_bytes = writer.len();
    request.encode(&mut writer, version).unwrap_or_else(|e| panic!("{} v{version}: {e}", Q::NAME));
    let frame = writer.into_bytes().expect("nothing is external");
    Sample { api: Q::KEY.name(), key: Q::KEY.code(), version, body: frame.slice(header_bytes..), frame }
}

/// A batch of small records.
pub fn batch(compression: Compression, records: usize) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions { compression, ..BatchOptions::default() });
    for record in 0..records {
        let value = format!("{{\"name\":\"P{record}\",\"duration\":{record}}}");
        let header: (&[u8], Option<&[u8]>) = (b"h", Some(b"v"));
        builder.push(TimestampMs(1_700_000_000_000), Some(b"k"), Some(value.as_bytes()), [header]);
    }
    builder.finish(Offset(0), LeaderEpoch(0))
}

struct Samples(Vec<Sample>);

impl Samples {
    /// Adds a request at every version that is served.
    fn add<Q: Request>(&mut self, make: impl Fn(i16) -> Q) {
        let versions = api::served().find(|(key, _)| *key == Q::KEY).map(|(_, versions)| versions);
        for version in versions.unwrap_or_else(|| panic!("{} is not served", Q::NAME)) {
            self.0.push(sample(version, &make(version)));
        }
    }
}

/// Every API at every version.
pub fn all() -> Vec<Sample> {
    let mut samples = Samples(Vec::new());
    records(&mut samples);
    topics(&mut samples);
    groups(&mut samples);
    transactions(&mut samples);
    cluster(&mut samples);
    samples.0
}

fn records(samples: &mut Samples) {
    samples.add(|version| produce_request::ProduceRequest {
        transactional_id: None,
        acks: -1,
        timeout_ms: 1000,
        topic_data: vec![produce_request::TopicProduceData {
            name: TOPIC.into(),
            topic_id: if version >= 13 { TOPIC_ID } else { Uuid::default() },
            partition_data: vec![produce_request::PartitionProduceData {
                index: 0,
                records: Records::Bytes(batch(Compression::None, 2)),
            }],
        }],
    });
    samples.add(|version| fetch_request::FetchRequest {
        max_wait_ms: 10,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![fetch_request::FetchTopic {
            topic: if version < 13 { TOPIC.into() } else { Default::default() },
            topic_id: if version >= 13 { TOPIC_ID } else { Uuid::default() },
            partitions: vec![fetch_request::FetchPartition {
                partition_max_bytes: 1 << 20,
                current_leader_epoch: -1,
                last_fetched_epoch: -1,
                log_start_offset: -1,
                ..Default::default()
            }],
        }],
        ..Default::default()
    });
    samples.add(|_| list_offsets_request::ListOffsetsRequest {
        replica_id: -1,
        topics: vec![list_offsets_request::ListOffsetsTopic {
            name: TOPIC.into(),
            partitions: vec![list_offsets_request::ListOffsetsPartition {
                current_leader_epoch: -1,
                timestamp: -1,
                ..Default::default()
            }],
        }],
        ..Default::default()
    });
    samples.add(|_| offset_for_leader_epoch_request::OffsetForLeaderEpochRequest {
        replica_id: -2,
        topics: vec![offset_for_leader_epoch_request::OffsetForLeaderTopic {
            topic: TOPIC.into(),
            partitions: vec![Default::default()],
        }],
    });
    samples.add(|_| delete_records_request::DeleteRecordsRequest {
        topics: vec![delete_records_request::DeleteRecordsTopic {
            name: TOPIC.into(),
            partitions: vec![delete_records_request::DeleteRecordsPartition { partition_index: 0, offset: 0 }],
        }],
        timeout_ms: 1000,
    });
    samples.add(|_| describe_producers_request::DescribeProducersRequest {
        topics: vec![describe_producers_request::TopicRequest { name: TOPIC.into(), partition_indexes: vec![0] }],
    });
}

fn topics(samples: &mut Samples) {
    samples.add(|version| metadata_request::MetadataRequest {
        topics: Some(vec![metadata_request::MetadataRequestTopic {
            name: Some(TOPIC.into()),
            topic_id: if version >= 12 { TOPIC_ID } else { Uuid::default() },
        }]),
        ..Default::default()
    });
    samples.add(|_| create_topics_request::CreateTopicsRequest {
        topics: vec![create_topics_request::CreatableTopic {
            name: "made".into(),
            num_partitions: 1,
            replication_factor: 1,
            assignments: Vec::new(),
            configs: vec![create_topics_request::CreatableTopicConfig {
                name: "retention.ms".into(),
                value: Some("1000".into()),
            }],
        }],
        timeout_ms: 1000,
        validate_only: false,
    });
    samples.add(|version| delete_topics_request::DeleteTopicsRequest {
        topics: if version >= 6 {
            vec![delete_topics_request::DeleteTopicState { name: Some("made".into()), topic_id: Uuid::default() }]
        } else {
            Vec::new()
        },
        topic_names: if version < 6 { vec!["made".into()] } else { Vec::new() },
        timeout_ms: 1000,
    });
    samples.add(|_| create_partitions_request::CreatePartitionsRequest {
        topics: vec![create_partitions_request::CreatePartitionsTopic {
            name: "made".into(),
            count: 2,
            assignments: None,
        }],
        timeout_ms: 1000,
        validate_only: false,
    });
    samples.add(|_| describe_topic_partitions_request::DescribeTopicPartitionsRequest {
        topics: vec![describe_topic_partitions_request::TopicRequest { name: TOPIC.into() }],
        response_partition_limit: 2000,
        cursor: None,
    });
    samples.add(|_| describe_configs_request::DescribeConfigsRequest {
        resources: vec![describe_configs_request::DescribeConfigsResource {
            resource_type: 2,
            resource_name: TOPIC.into(),
            configuration_keys: Some(vec!["retention.ms".into()]),
        }],
        ..Default::default()
    });
    samples.add(|_| alter_configs_request::AlterConfigsRequest {
        resources: vec![alter_configs_request::AlterConfigsResource {
            resource_type: 2,
            resource_name: "made".into(),
            configs: vec![alter_configs_request::AlterableConfig {
                name: "retention.ms".into(),
                value: Some("1000".into()),
            }],
        }],
        validate_only: false,
    });
    samples.add(|_| incremental_alter_configs_request::IncrementalAlterConfigsRequest {
        resources: vec![incremental_alter_configs_request::AlterConfigsResource {
            resource_type: 2,
            resource_name: "made".into(),
            configs: vec![incremental_alter_configs_request::AlterableConfig {
                name: "cleanup.policy".into(),
                config_operation: 2,
                value: Some("compact".into()),
            }],
        }],
        validate_only: false,
    });
    samples.add(|_| elect_leaders_request::ElectLeadersRequest {
        topic_partitions: Some(vec![elect_leaders_request::TopicPartitions {
            topic: TOPIC.into(),
            partitions: vec![0],
        }]),
        ..Default::default()
    });
    samples.add(|_| list_partition_reassignments_request::ListPartitionReassignmentsRequest {
        topics: Some(vec![list_partition_reassignments_request::ListPartitionReassignmentsTopics {
            name: TOPIC.into(),
            partition_indexes: vec![0],
        }]),
        ..Default::default()
    });
    samples.add(|_| describe_acls_request::DescribeAclsRequest { resource_type_filter: 1, ..Default::default() });
    samples.add(|_| create_acls_request::CreateAclsRequest { creations: vec![Default::default(); 2] });
    samples.add(|_| delete_acls_request::DeleteAclsRequest { filters: vec![Default::default(); 2] });
    samples.add(|_| describe_client_quotas_request::DescribeClientQuotasRequest {
        components: vec![describe_client_quotas_request::ComponentData {
            entity_type: "user".into(),
            ..Default::default()
        }],
        strict: false,
    });
    samples.add(|version| list_config_resources_request::ListConfigResourcesRequest {
        resource_types: if version == 0 { Vec::new() } else { vec![2, 4] },
    });
    samples.add(|_| describe_log_dirs_request::DescribeLogDirsRequest {
        topics: Some(vec![describe_log_dirs_request::DescribableLogDirTopic {
            topic: TOPIC.into(),
            partitions: vec![0],
        }]),
    });
}

fn groups(samples: &mut Samples) {
    samples.add(|version| find_coordinator_request::FindCoordinatorRequest {
        key: if version < 4 { GROUP.into() } else { Default::default() },
        coordinator_keys: if version >= 4 { vec![GROUP.into()] } else { Vec::new() },
        ..Default::default()
    });
    samples.add(|_| join_group_request::JoinGroupRequest {
        group_id: GROUP.into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![join_group_request::JoinGroupRequestProtocol {
            name: "range".into(),
            metadata: Bytes::from_static(&[0, 1, 0, 0, 0, 1, 0, 1, b't', 0xff, 0xff, 0xff, 0xff]),
        }],
        ..Default::default()
    });
    samples.add(|_| sync_group_request::SyncGroupRequest {
        group_id: GROUP.into(),
        generation_id: 1,
        member_id: "m".into(),
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        assignments: vec![sync_group_request::SyncGroupRequestAssignment {
            member_id: "m".into(),
            assignment: Bytes::from_static(&[0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
        }],
        ..Default::default()
    });
    samples.add(|_| heartbeat_request::HeartbeatRequest {
        group_id: GROUP.into(),
        generation_id: 1,
        member_id: "m".into(),
        ..Default::default()
    });
    samples.add(|version| leave_group_request::LeaveGroupRequest {
        group_id: GROUP.into(),
        member_id: if version < 3 { "m".into() } else { Default::default() },
        members: if version >= 3 {
            vec![leave_group_request::MemberIdentity { member_id: "m".into(), ..Default::default() }]
        } else {
            Vec::new()
        },
    });
    samples.add(|version| offset_commit_request::OffsetCommitRequest {
        group_id: GROUP.into(),
        generation_id_or_member_epoch: -1,
        topics: vec![offset_commit_request::OffsetCommitRequestTopic {
            name: if version < 10 { TOPIC.into() } else { Default::default() },
            topic_id: if version >= 10 { TOPIC_ID } else { Uuid::default() },
            partitions: vec![offset_commit_request::OffsetCommitRequestPartition {
                committed_offset: 1,
                committed_metadata: Some("here".into()),
                ..Default::default()
            }],
        }],
        ..Default::default()
    });
    samples.add(|version| {
        let mut request = offset_fetch_request::OffsetFetchRequest::default();
        if version < 8 {
            request.group_id = GROUP.into();
            request.topics = Some(vec![offset_fetch_request::OffsetFetchRequestTopic {
                name: TOPIC.into(),
                partition_indexes: vec![0],
            }]);
        } else {
            request.groups = vec![offset_fetch_request::OffsetFetchRequestGroup {
                group_id: GROUP.into(),
                topics: Some(vec![offset_fetch_request::OffsetFetchRequestTopics {
                    name: if version < 10 { TOPIC.into() } else { Default::default() },
                    topic_id: if version >= 10 { TOPIC_ID } else { Uuid::default() },
                    partition_indexes: vec![0],
                }]),
                ..Default::default()
            }];
        }
        request
    });
    samples.add(|_| offset_delete_request::OffsetDeleteRequest {
        group_id: GROUP.into(),
        topics: vec![offset_delete_request::OffsetDeleteRequestTopic {
            name: TOPIC.into(),
            partitions: vec![Default::default()],
        }],
    });
    samples
        .add(|_| describe_groups_request::DescribeGroupsRequest { groups: vec![GROUP.into()], ..Default::default() });
    samples.add(|version| list_groups_request::ListGroupsRequest {
        states_filter: if version >= 4 { vec!["Stable".into()] } else { Vec::new() },
        types_filter: if version >= 5 { vec!["classic".into()] } else { Vec::new() },
    });
    samples.add(|_| delete_groups_request::DeleteGroupsRequest { groups_names: vec!["other".into()] });
}

fn transactions(samples: &mut Samples) {
    samples.add(|_| init_producer_id_request::InitProducerIdRequest {
        transactional_id: Some(TRANSACTIONAL_ID.into()),
        transaction_timeout_ms: 10_000,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    });
    samples.add(|version| {
        let topics =
            || vec![add_partitions_to_txn_request::AddPartitionsToTxnTopic { name: TOPIC.into(), partitions: vec![0] }];
        let mut request = add_partitions_to_txn_request::AddPartitionsToTxnRequest::default();
        if version < 4 {
            request.v3_and_below_transactional_id = TRANSACTIONAL_ID.into();
            request.v3_and_below_topics = topics();
        } else {
            request.transactions = vec![add_partitions_to_txn_request::AddPartitionsToTxnTransaction {
                transactional_id: TRANSACTIONAL_ID.into(),
                topics: topics(),
                ..Default::default()
            }];
        }
        request
    });
    samples.add(|_| add_offsets_to_txn_request::AddOffsetsToTxnRequest {
        transactional_id: TRANSACTIONAL_ID.into(),
        group_id: GROUP.into(),
        ..Default::default()
    });
    samples.add(|_| txn_offset_commit_request::TxnOffsetCommitRequest {
        transactional_id: TRANSACTIONAL_ID.into(),
        group_id: GROUP.into(),
        generation_id: -1,
        topics: vec![txn_offset_commit_request::TxnOffsetCommitRequestTopic {
            name: TOPIC.into(),
            partitions: vec![Default::default()],
        }],
        ..Default::default()
    });
    samples.add(|_| end_txn_request::EndTxnRequest {
        transactional_id: TRANSACTIONAL_ID.into(),
        committed: true,
        ..Default::default()
    });
    samples.add(|_| describe_transactions_request::DescribeTransactionsRequest {
        transactional_ids: vec![TRANSACTIONAL_ID.into()],
    });
    samples.add(|_| list_transactions_request::ListTransactionsRequest {
        state_filters: vec!["Ongoing".into()],
        producer_id_filters: vec![0],
        ..Default::default()
    });
}

fn cluster(samples: &mut Samples) {
    samples.add(|_| api_versions_request::ApiVersionsRequest {
        client_software_name: "hostile".into(),
        client_software_version: "1.0".into(),
    });
    samples.add(|_| describe_cluster_request::DescribeClusterRequest::default());
}

/// Every API is there at every version.
#[test]
fn every_api_has_a_sample() {
    let mut sampled: Vec<(i16, i16)> = all().iter().map(|sample| (sample.key, sample.version)).collect();
    sampled.sort_unstable();
    let served: Vec<(i16, i16)> =
        api::served().flat_map(|(key, versions)| versions.map(move |version| (key.code(), version))).collect();
    assert_eq!(sampled, served);
}
