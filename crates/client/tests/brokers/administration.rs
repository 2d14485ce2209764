//! Topics and configurations.

use client::{
    Client, ConfigAlteration, ConfigOperation, ConfigResource, ConfigSource, NewTopic, OffsetSpec, ResourceType,
};
use wire::ErrorCode;

use super::{eventually, fresh_topic};

pub async fn topics(client: &Client) {
    let cluster = client.describe_cluster().await.expect("the cluster");
    assert!(!cluster.brokers.is_empty() && cluster.cluster_id.is_some() && cluster.controller.is_some(), "{cluster:?}");

    let name = fresh_topic(client, "topics", 3).await;
    let topic = client.topic(&name).await.expect("the topic");
    assert_eq!((topic.partitions.len(), topic.internal, topic.id.is_zero()), (3, false, false));
    let partition = &topic.partitions[2];
    let leader = partition.leader.expect("a leader");
    assert!(partition.index == 2 && cluster.brokers.iter().any(|broker| broker.id == leader), "{partition:?}");
    assert!(partition.replicas.contains(&leader) && partition.isr.contains(&leader), "{partition:?}");
    assert!(partition.offline.is_empty(), "{partition:?}");
    assert!(client.topics().await.expect("topics").iter().any(|topic| topic.name == name));

    client.create_partitions(&name, 5).await.expect("more partitions");
    // Kafka's brokers hear of it a moment after the controller has answered.
    eventually(async || client.topic(&name).await.expect("the topic").partitions.len() == 5).await;
    let error = client.create_partitions(&name, 5).await.expect_err("no more than before");
    assert_eq!(error.code(), Some(ErrorCode::InvalidPartitions), "{error}");

    let deleted = client.delete_topics(std::slice::from_ref(&name)).await.expect("an answer");
    assert!(matches!(&deleted[..], [(deleted, Ok(()))] if *deleted == name), "{deleted:?}");
    eventually(async || client.topic(&name).await.is_err_and(|error| error.is_not_found())).await;
}

pub async fn configs(client: &Client) {
    let topic = NewTopic {
        name: format!("configs-{:08x}", fastrand::u32(..)),
        configs: vec![("retention.ms".to_owned(), "123456".to_owned())],
        ..NewTopic::default()
    };
    client.create_topics(std::slice::from_ref(&topic), false).await.expect("an answer")[0].1.clone().expect("created");
    eventually(async || client.topic(&topic.name).await.is_ok()).await;
    let resource = ConfigResource { resource_type: ResourceType::Topic, name: topic.name.clone() };
    let value = async |name: &str| {
        let mut described = client.describe_configs(std::slice::from_ref(&resource)).await.expect("an answer");
        let entries = described.remove(0).1.expect("configurations");
        let entry = entries.into_iter().find(|entry| entry.name == name).expect("a known name");
        (entry.value.expect("a value"), entry.source)
    };
    assert_eq!(value("retention.ms").await, ("123456".to_owned(), ConfigSource::Topic));
    assert_eq!(value("cleanup.policy").await.0, "delete");
    assert_ne!(value("max.message.bytes").await.1, ConfigSource::Topic);

    let alter = async |name: &str, operation| {
        let alteration = ConfigAlteration { name: name.to_owned(), operation };
        client.alter_configs(&resource, &[alteration], false).await
    };
    alter("retention.ms", ConfigOperation::Delete).await.expect("its default");
    eventually(async || value("retention.ms").await.0 == "604800000").await;
    alter("cleanup.policy", ConfigOperation::Append("compact".to_owned())).await.expect("both");
    eventually(async || value("cleanup.policy").await.0 == "delete,compact").await;
    alter("cleanup.policy", ConfigOperation::Subtract("delete".to_owned())).await.expect("one");
    eventually(async || value("cleanup.policy").await == ("compact".to_owned(), ConfigSource::Topic)).await;
    let error = alter("no.such.config", ConfigOperation::Set("1".to_owned())).await.expect_err("unknown");
    assert_eq!(error.code(), Some(ErrorCode::InvalidConfig), "{error}");
}

pub async fn refusals(client: &Client) {
    let name = fresh_topic(client, "refusals", 1).await;
    let again = NewTopic { name: name.clone(), ..NewTopic::default() };
    let bad = NewTopic { name: "a/b".to_owned(), ..NewTopic::default() };
    let answers = client.create_topics(&[again, bad], false).await.expect("answers");
    let codes: Vec<_> = answers.iter().map(|(_, created)| created.as_ref().expect_err("refused").code()).collect();
    // Brokers answer in an order of their own.
    assert_eq!(codes.len(), 2);
    assert!(codes.contains(&Some(ErrorCode::TopicAlreadyExists)), "{answers:?}");
    assert!(codes.contains(&Some(ErrorCode::InvalidTopicException)), "{answers:?}");

    let missing = client.topic("no-such-topic").await.expect_err("it does not exist");
    assert_eq!(missing.code(), Some(ErrorCode::UnknownTopicOrPartition));
    let validated = NewTopic { name: "only-validated".to_owned(), ..NewTopic::default() };
    client.create_topics(&[validated], true).await.expect("an answer")[0].1.clone().expect("it could be");
    assert!(client.topic("only-validated").await.expect_err("it was not").is_not_found());

    let questions = [(name.clone(), 0, OffsetSpec::Latest), (name, 9, OffsetSpec::Latest)];
    let answers = client.list_offsets(&questions, Default::default()).await.expect("answers");
    assert!(answers[0].is_ok(), "{answers:?}");
    assert_eq!(answers[1].as_ref().expect_err("no such partition").code(), Some(ErrorCode::UnknownTopicOrPartition));
}
