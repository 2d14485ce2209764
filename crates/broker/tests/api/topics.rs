//! Topics: created, described, deleted.

use wire::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use wire::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use wire::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use wire::messages::describe_cluster_request::DescribeClusterRequest;
use wire::messages::describe_topic_partitions_request::{Cursor, DescribeTopicPartitionsRequest, TopicRequest};
use wire::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};

use crate::harness::{Fixture, fetch_request, name_of};

fn topic(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic { name: name.into(), num_partitions, replication_factor, ..CreatableTopic::default() }
}

fn create(fixture: &Fixture, topics: Vec<CreatableTopic>, validate_only: bool) -> Vec<String> {
    let request = CreateTopicsRequest { topics, validate_only, ..CreateTopicsRequest::default() };
    let response = fixture.ask(7, &request);
    response.topics.iter().map(|topic| format!("{} {}", topic.name, name_of(topic.error_code))).collect()
}

#[test]
fn what_a_topic_may_be() {
    let fixture = Fixture::new();
    fixture.create("taken", 1, &[]);
    fixture.create("dotted.name", 1, &[]);
    let check = |topic: CreatableTopic, expected: &str| {
        let shown = format!("{topic:?}");
        let got = create(&fixture, vec![topic], true);
        assert!(got[0].ends_with(expected), "{shown}: {got:?}");
    };
    check(topic("good", -1, -1), " NONE");
    check(topic("good", 3, 1), " NONE");
    check(topic("taken", 1, 1), "TOPIC_ALREADY_EXISTS");
    check(topic("__consumer_offsets", 1, 1), "TOPIC_ALREADY_EXISTS");
    check(topic("", 1, 1), "INVALID_TOPIC_EXCEPTION");
    check(topic("..", 1, 1), "INVALID_TOPIC_EXCEPTION");
    check(topic("with space", 1, 1), "INVALID_TOPIC_EXCEPTION");
    check(topic(&"x".repeat(250), 1, 1), "INVALID_TOPIC_EXCEPTION");
    check(topic(&"ä".repeat(16_000), 1, 1), "INVALID_TOPIC_EXCEPTION");
    check(topic("dotted_name", 1, 1), "INVALID_TOPIC_EXCEPTION");
    check(topic("__cluster_metadata", 1, 1), "INVALID_TOPIC_EXCEPTION");
    check(topic("good", 0, 1), "INVALID_PARTITIONS");
    check(topic("good", -2, 1), "INVALID_PARTITIONS");
    check(topic("good", i32::MAX, 1), "POLICY_VIOLATION");
    check(topic("good", 1, 3), "INVALID_REPLICATION_FACTOR");
    check(topic("good", 1, 0), "INVALID_REPLICATION_FACTOR");
    let assigned = |indexes: &[i32], broker: i32| CreatableTopic {
        assignments: indexes
            .iter()
            .map(|index| CreatableReplicaAssignment { partition_index: *index, broker_ids: vec![broker] })
            .collect(),
        ..topic("good", -1, -1)
    };
    check(assigned(&[0, 1], 1), " NONE");
    check(assigned(&[0, 2], 1), "INVALID_REPLICA_ASSIGNMENT");
    check(assigned(&[0], 2), "INVALID_REPLICA_ASSIGNMENT");
    check(CreatableTopic { num_partitions: 1, ..assigned(&[0], 1) }, "INVALID_REQUEST");
    let configured = |name: &str, value: Option<&str>| CreatableTopic {
        configs: vec![CreatableTopicConfig { name: name.into(), value: value.map(Into::into) }],
        ..topic("good", 1, 1)
    };
    check(configured("retention.ms", Some("1000")), " NONE");
    check(configured("retention.ms", Some("never")), "INVALID_CONFIG");
    check(configured("retention.ms", None), "INVALID_CONFIG");
    check(configured("no.such.config", Some("1")), "INVALID_CONFIG");
    assert!(fixture.broker.topic("good").is_none(), "nothing was asked for but the check");
}

#[test]
fn a_name_that_comes_twice_is_not_created() {
    let fixture = Fixture::new();
    let got = create(&fixture, vec![topic("a", 1, 1), topic("b", 1, 1), topic("a", 2, 1)], false);
    assert_eq!(got, ["a INVALID_REQUEST", "b NONE"]);
    assert!(fixture.broker.topic("a").is_none());
    assert!(fixture.broker.topic("b").is_some());
}

#[test]
fn creation_says_what_was_made() {
    let fixture = Fixture::with_configs(&[("num.partitions", "3")]);
    let request = CreateTopicsRequest { topics: vec![topic("t", -1, -1)], ..CreateTopicsRequest::default() };
    let made = fixture.ask(7, &request).topics.remove(0);
    assert_eq!((made.num_partitions, made.replication_factor), (3, 1));
    assert_eq!(fixture.broker.topic("t").map(|info| (info.id, info.partitions)), Some((made.topic_id, 3)));
    let configs = made.configs.expect("listed");
    assert!(configs.iter().any(|config| config.name == "cleanup.policy" && config.value.as_deref() == Some("delete")));
}

#[test]
fn a_deleted_topic_comes_back_as_another() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    fixture.produce_values("t", 0, &["old"]);
    let first = fixture.broker.topic("t").expect("made").id;
    let delete = |version: i16, topics: Vec<DeleteTopicState>, names: &[&str]| {
        let topic_names = names.iter().map(|name| (*name).into()).collect();
        let request = DeleteTopicsRequest { topics, topic_names, ..DeleteTopicsRequest::default() };
        name_of(fixture.ask(version, &request).responses[0].error_code)
    };
    assert_eq!(delete(5, vec![], &["t"]), "NONE");
    assert_eq!(delete(5, vec![], &["t"]), "UNKNOWN_TOPIC_OR_PARTITION");
    assert_eq!(delete(5, vec![], &["__consumer_offsets"]), "INVALID_TOPIC_EXCEPTION");
    let by_id = |topic_id| vec![DeleteTopicState { topic_id, ..DeleteTopicState::default() }];
    assert_eq!(delete(6, by_id(first), &[]), "UNKNOWN_TOPIC_ID");
    assert_eq!(delete(6, vec![DeleteTopicState::default()], &[]), "INVALID_REQUEST");

    fixture.create("t", 1, &[]);
    let second = fixture.broker.topic("t").expect("made").id;
    assert_ne!(first, second);
    assert_eq!(fixture.broker.partition("t", 0).expect("there").log().log_end_offset().0, 0);
    let mut request = fetch_request("", 0, 0);
    request.topics[0].topic_id = first;
    let fetched = fixture.ask(13, &request);
    assert_eq!(name_of(fetched.responses[0].partitions[0].error_code), "UNKNOWN_TOPIC_ID");
    let both = vec![DeleteTopicState { name: Some("t".into()), topic_id: second }];
    assert_eq!(delete(6, both, &[]), "INVALID_REQUEST");
    assert_eq!(delete(6, by_id(second), &[]), "NONE");
}

#[test]
fn metadata_in_every_version() {
    let fixture = Fixture::new();
    fixture.create("t", 2, &[]);
    let id = fixture.broker.topic("t").expect("made").id;
    for version in 0..=13 {
        let wanted = MetadataRequestTopic { name: Some("t".into()), ..MetadataRequestTopic::default() };
        let request = MetadataRequest { topics: Some(vec![wanted]), ..MetadataRequest::default() };
        let response = fixture.ask(version, &request);
        assert_eq!((&*response.brokers[0].host, response.brokers[0].port), ("127.0.0.1", 9092), "v{version}");
        let topic = &response.topics[0];
        assert_eq!((topic.error_code, topic.partitions.len()), (0, 2), "v{version}");
        assert_eq!(topic.topic_id == id, version >= 10, "v{version}");
        // Everything: null, in v0 an empty list.
        let topics = (version == 0).then(Vec::new);
        let all = fixture.ask(version, &MetadataRequest { topics, ..MetadataRequest::default() });
        let names: Vec<&str> = all.topics.iter().filter_map(|topic| topic.name.as_deref()).collect();
        assert_eq!(names, ["__consumer_offsets", "__transaction_state", "t"], "v{version}");
        if version > 0 {
            let none = fixture.ask(version, &MetadataRequest { topics: Some(vec![]), ..MetadataRequest::default() });
            assert!(none.topics.is_empty(), "v{version}");
        }
    }
    let by_id = MetadataRequestTopic { topic_id: id, name: None };
    let response = fixture.ask(12, &MetadataRequest { topics: Some(vec![by_id]), ..MetadataRequest::default() });
    assert_eq!(response.topics[0].name.as_deref(), Some("t"));
}

#[test]
fn topics_are_created_on_demand_where_that_is_allowed() {
    let check = |configs: &[(&'static str, &'static str)], version: i16, allowed: bool, name: &str, expected: &str| {
        let fixture = Fixture::with_configs(configs);
        let wanted = MetadataRequestTopic { name: Some(name.into()), ..MetadataRequestTopic::default() };
        let request = MetadataRequest {
            topics: Some(vec![wanted]),
            allow_auto_topic_creation: allowed,
            ..MetadataRequest::default()
        };
        let response = fixture.ask(version, &request);
        let got = format!("{} {}", name_of(response.topics[0].error_code), response.topics[0].partitions.len());
        assert_eq!(got, expected, "{configs:?} v{version} {name}");
    };
    check(&[], 4, true, "new", "NONE 1");
    check(&[("num.partitions", "4")], 12, true, "new", "NONE 4");
    // Before v4 there is nothing to say about it: it is allowed.
    check(&[], 1, true, "new", "NONE 1");
    check(&[], 4, false, "new", "UNKNOWN_TOPIC_OR_PARTITION 0");
    check(&[("auto.create.topics.enable", "false")], 4, true, "new", "UNKNOWN_TOPIC_OR_PARTITION 0");
    check(&[], 4, true, "no good", "INVALID_TOPIC_EXCEPTION 0");
}

#[test]
fn partitions_can_only_become_more() {
    let fixture = Fixture::new();
    fixture.create("t", 2, &[]);
    let check = |name: &str, count: i32, expected: &str| {
        let topic = CreatePartitionsTopic { name: name.into(), count, assignments: None };
        let request = CreatePartitionsRequest { topics: vec![topic], ..CreatePartitionsRequest::default() };
        let response = fixture.ask(3, &request);
        assert_eq!(name_of(response.results[0].error_code), expected, "{name} {count}");
    };
    check("t", 1, "INVALID_PARTITIONS");
    check("t", 2, "INVALID_PARTITIONS");
    check("none", 2, "UNKNOWN_TOPIC_OR_PARTITION");
    check("__consumer_offsets", 2, "INVALID_TOPIC_EXCEPTION");
    check("t", 5, "NONE");
    assert_eq!(fixture.broker.topic("t").map(|info| info.partitions), Some(5));
    assert_eq!(fixture.produce_values("t", 4, &["x"]), 0);
}

#[test]
fn topics_are_described_page_by_page() {
    let fixture = Fixture::new();
    fixture.create("a", 3, &[]);
    fixture.create("b", 2, &[]);
    let topics = || ["a", "b", "c"].map(|name| TopicRequest { name: name.into() }).to_vec();
    let mut cursor: Option<Cursor> = None;
    let mut pages = Vec::new();
    loop {
        let request = DescribeTopicPartitionsRequest { topics: topics(), response_partition_limit: 2, cursor };
        let response = fixture.ask(0, &request);
        let page: Vec<String> = response
            .topics
            .iter()
            .map(|topic| {
                let partitions: Vec<i32> = topic.partitions.iter().map(|one| one.partition_index).collect();
                format!("{} {} {partitions:?}", topic.name.as_deref().unwrap_or("-"), name_of(topic.error_code))
            })
            .collect();
        pages.push(page.join(", "));
        match response.next_cursor {
            Some(next) => {
                cursor = Some(Cursor { topic_name: next.topic_name, partition_index: next.partition_index });
            }
            None => break,
        }
    }
    assert_eq!(pages, ["a NONE [0, 1]", "a NONE [2], b NONE [0]", "b NONE [1], c UNKNOWN_TOPIC_OR_PARTITION []"]);
}

#[test]
fn the_cluster_is_one_broker() {
    let fixture = Fixture::new();
    let ask = |endpoint_type: i8| {
        let response = fixture.ask(2, &DescribeClusterRequest { endpoint_type, ..DescribeClusterRequest::default() });
        (name_of(response.error_code), response.brokers.len(), response.cluster_id.to_string())
    };
    assert_eq!(ask(1), ("NONE", 1, fixture.broker.cluster_id().to_owned()));
    assert_eq!(ask(2).0, "MISMATCHED_ENDPOINT_TYPE");
}
