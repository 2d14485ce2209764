//! Configs over the wire.

use wire::messages::alter_configs_request::{
    AlterConfigsRequest, AlterConfigsResource as Replaced, AlterableConfig as ReplacedConfig,
};
use wire::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};

use crate::harness::{Fixture, batch, name_of};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;

/// `value source` of one config, or the error.
fn describe(fixture: &Fixture, resource_type: i8, resource_name: &str, config: &str) -> String {
    let resource = DescribeConfigsResource {
        resource_type,
        resource_name: resource_name.into(),
        configuration_keys: Some(vec![config.into()]),
    };
    let request = DescribeConfigsRequest { resources: vec![resource], ..DescribeConfigsRequest::default() };
    let result = fixture.ask(4, &request).results.remove(0);
    match (result.error_code, result.configs.first()) {
        (0, Some(config)) => format!("{} {}", config.value.as_deref().unwrap_or("null"), config.config_source),
        (0, None) => "not listed".to_owned(),
        (error_code, _) => name_of(error_code).to_owned(),
    }
}

fn alter(
    fixture: &Fixture,
    resource_type: i8,
    resource_name: &str,
    changes: &[(&str, i8, Option<&str>)],
    validate_only: bool,
) -> &'static str {
    let configs = changes
        .iter()
        .map(|(name, config_operation, value)| AlterableConfig {
            name: (*name).into(),
            config_operation: *config_operation,
            value: value.map(Into::into),
        })
        .collect();
    let resource = AlterConfigsResource { resource_type, resource_name: resource_name.into(), configs };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only };
    name_of(fixture.ask(1, &request).responses[0].error_code)
}

#[test]
fn everything_is_listed_in_every_version() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[("retention.ms", "1000")]);
    for version in 1..=4 {
        for (resource_type, name, count) in [(TOPIC, "t", 33), (BROKER, "1", 340), (BROKER, "", 0)] {
            let resource =
                DescribeConfigsResource { resource_type, resource_name: name.into(), configuration_keys: None };
            let request = DescribeConfigsRequest {
                resources: vec![resource],
                include_synonyms: true,
                ..DescribeConfigsRequest::default()
            };
            let result = fixture.ask(version, &request).results.remove(0);
            assert_eq!((result.error_code, result.configs.len()), (0, count), "v{version} {name}");
        }
    }
    assert_eq!(describe(&fixture, TOPIC, "t", "retention.ms"), "1000 1");
    assert_eq!(describe(&fixture, TOPIC, "t", "cleanup.policy"), "delete 5");
    assert_eq!(describe(&fixture, TOPIC, "none", "cleanup.policy"), "UNKNOWN_TOPIC_OR_PARTITION");
    assert_eq!(describe(&fixture, BROKER, "1", "num.partitions"), "1 5");
    assert_eq!(describe(&fixture, BROKER, "1", "node.id"), "1 4");
    assert_eq!(describe(&fixture, BROKER, "1", "log.dirs"), "/data/log 4");
    assert_eq!(describe(&fixture, BROKER, "1", "offsets.topic.num.partitions"), "1 4");
    assert_eq!(describe(&fixture, BROKER, "2", "num.partitions"), "INVALID_REQUEST");
    assert_eq!(describe(&fixture, BROKER, "1", "ssl.keystore.password"), "null 5");
    assert_eq!(describe(&fixture, 99, "x", "y"), "INVALID_REQUEST");
}

#[test]
fn single_configs_change() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    let check = |changes: &[(&str, i8, Option<&str>)], expected: &str, config: &str, after: &str| {
        assert_eq!(alter(&fixture, TOPIC, "t", changes, false), expected, "{changes:?}");
        assert_eq!(describe(&fixture, TOPIC, "t", config), after, "{changes:?}");
    };
    check(&[("retention.ms", SET, Some("5"))], "NONE", "retention.ms", "5 1");
    check(&[("retention.ms", SET, Some("-5"))], "INVALID_CONFIG", "retention.ms", "5 1");
    check(&[("retention.ms", DELETE, None)], "NONE", "retention.ms", "604800000 5");
    check(&[("cleanup.policy", APPEND, Some("compact"))], "NONE", "cleanup.policy", "delete,compact 1");
    check(&[("retention.ms", APPEND, Some("1"))], "INVALID_CONFIG", "retention.ms", "604800000 5");
    check(&[("retention.ms", 9, Some("1"))], "INVALID_REQUEST", "retention.ms", "604800000 5");
    check(&[("nothing", SET, Some("1"))], "INVALID_CONFIG", "nothing", "not listed");
    // One bad change takes the good one with it.
    check(
        &[("retention.ms", SET, Some("7")), ("segment.ms", SET, Some("x"))],
        "INVALID_CONFIG",
        "retention.ms",
        "604800000 5",
    );
    assert_eq!(alter(&fixture, TOPIC, "t", &[("retention.ms", SET, Some("9"))], true), "NONE");
    assert_eq!(describe(&fixture, TOPIC, "t", "retention.ms"), "604800000 5", "only checked");
    assert_eq!(alter(&fixture, TOPIC, "none", &[], false), "UNKNOWN_TOPIC_OR_PARTITION");
}

#[test]
fn the_older_api_replaces_all() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[("retention.ms", "5")]);
    let configs = vec![ReplacedConfig { name: "segment.ms".into(), value: Some("77".into()) }];
    let resource = Replaced { resource_type: TOPIC, resource_name: "t".into(), configs };
    let request = AlterConfigsRequest { resources: vec![resource], validate_only: false };
    assert_eq!(fixture.ask(2, &request).responses[0].error_code, 0);
    assert_eq!(describe(&fixture, TOPIC, "t", "segment.ms"), "77 1");
    assert_eq!(describe(&fixture, TOPIC, "t", "retention.ms"), "604800000 5");
}

#[test]
fn configs_work_at_once_and_after_a_restart() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    let large = batch(&["x".repeat(600).as_str()]);
    assert_eq!(fixture.produce("t", 0, large.clone()).error_code, 0);
    assert_eq!(alter(&fixture, BROKER, "", &[("message.max.bytes", SET, Some("500"))], false), "NONE");
    assert_eq!(describe(&fixture, TOPIC, "t", "max.message.bytes"), "500 3");
    assert_eq!(name_of(fixture.produce("t", 0, large.clone()).error_code), "MESSAGE_TOO_LARGE");
    assert_eq!(alter(&fixture, TOPIC, "t", &[("max.message.bytes", SET, Some("1000"))], false), "NONE");
    assert_eq!(fixture.produce("t", 0, large.clone()).error_code, 0);
    assert_eq!(alter(&fixture, BROKER, "1", &[("num.io.threads", SET, Some("5"))], false), "INVALID_REQUEST");
    let fixture = fixture.restart();
    assert_eq!(describe(&fixture, TOPIC, "t", "max.message.bytes"), "1000 1");
    assert_eq!(describe(&fixture, BROKER, "", "message.max.bytes"), "500 3");
    assert_eq!(alter(&fixture, TOPIC, "t", &[("max.message.bytes", DELETE, None)], false), "NONE");
    assert_eq!(name_of(fixture.produce("t", 0, large).error_code), "MESSAGE_TOO_LARGE");
}
