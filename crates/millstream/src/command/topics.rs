//! `millstream topics`: list, create, describe, alter, delete, in our grammar (`topics create R1 -p 3`) and in that of
//! Kafka's tool (`--create --topic R1 --partitions 3`).

use clap::Args;
use client::{
    Client, ConfigAlteration, ConfigOperation, ConfigResource, ConfigSource, NewTopic, ResourceType, TopicDescription,
};
use serde_json::{Value, json};

use super::kafka::{ClusterFlags, pair};
use super::{Exit, Failure};

/// Flags of `topics`.
#[derive(Debug, Args)]
pub struct TopicsFlags {
    /// list, create, describe, alter or delete, then the topics' names.
    #[arg(value_name = "VERB [TOPIC]")]
    words: Vec<String>,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// As `list`.
    #[arg(long)]
    list: bool,
    /// As `create`.
    #[arg(long)]
    create: bool,
    /// As `describe`.
    #[arg(long)]
    describe: bool,
    /// As `alter`.
    #[arg(long)]
    alter: bool,
    /// As `delete`.
    #[arg(long)]
    delete: bool,
    /// A topic. May be repeated.
    #[arg(long, short, value_name = "TOPIC")]
    topic: Vec<String>,
    /// Number of partitions.
    #[arg(long, short, value_name = "N")]
    partitions: Option<i32>,
    /// Number of replicas.
    #[arg(long, value_name = "N")]
    replication_factor: Option<i16>,
    /// A topic's setting, such as retention.ms=86400000. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    config: Vec<(String, String)>,
    /// With alter: a setting to take back to its default. May be repeated.
    #[arg(long, value_name = "NAME")]
    delete_config: Vec<String>,
    /// Does nothing when the topic exists already.
    #[arg(long)]
    if_not_exists: bool,
    /// Does nothing when the topic does not exist.
    #[arg(long)]
    if_exists: bool,
    /// Leaves internal topics out.
    #[arg(long)]
    exclude_internal: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    List,
    Create,
    Describe,
    Alter,
    Delete,
}

pub(super) fn run(flags: TopicsFlags) -> Result<(), Failure> {
    let (verb, topics) = parse(&flags)?;
    super::network()?.block_on(async {
        let client = flags.cluster.connect("topics").await?;
        match verb {
            Verb::List => list(&client, &flags).await,
            Verb::Create => create(&client, &flags, &topics).await,
            Verb::Describe => describe(&client, &flags, &topics).await,
            Verb::Alter => alter(&client, &flags, &topics).await,
            Verb::Delete => delete(&client, &flags, topics).await,
        }
    })
}

fn parse(flags: &TopicsFlags) -> Result<(Verb, Vec<String>), Failure> {
    let mut verbs: Vec<Verb> = [
        (flags.list, Verb::List),
        (flags.create, Verb::Create),
        (flags.describe, Verb::Describe),
        (flags.alter, Verb::Alter),
        (flags.delete, Verb::Delete),
    ]
    .into_iter()
    .filter_map(|(given, verb)| given.then_some(verb))
    .collect();
    let mut words = flags.words.iter();
    if verbs.is_empty() {
        let verb = match words.next().map(String::as_str) {
            None | Some("list") => Verb::List,
            Some("create") => Verb::Create,
            Some("describe") => Verb::Describe,
            Some("alter") => Verb::Alter,
            Some("delete") => Verb::Delete,
            Some(other) => {
                let message =
                    format!("`{other}` is not a verb of topics; write list, create, describe, alter or delete");
                return Err(Failure::new(Exit::Usage, message));
            }
        };
        verbs.push(verb);
    }
    let [verb] = verbs[..] else {
        return Err(Failure::new(Exit::Usage, "give one of list, create, describe, alter and delete"));
    };
    let topics: Vec<String> = words.chain(&flags.topic).cloned().collect();
    if topics.is_empty() && matches!(verb, Verb::Create | Verb::Alter | Verb::Delete) {
        return Err(Failure::new(Exit::Usage, "name a topic: --topic NAME"));
    }
    Ok((verb, topics))
}

async fn list(client: &Client, flags: &TopicsFlags) -> Result<(), Failure> {
    let mut topics = client.topics().await?;
    topics.retain(|topic| !(flags.exclude_internal && topic.internal));
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    for topic in &topics {
        if flags.json {
            println!(
                "{}",
                json!({"name": topic.name, "partitions": topic.partitions.len(), "internal": topic.internal})
            );
        } else {
            println!("{}", topic.name);
        }
    }
    Ok(())
}

async fn create(client: &Client, flags: &TopicsFlags, names: &[String]) -> Result<(), Failure> {
    let topics: Vec<NewTopic> = names
        .iter()
        .map(|name| NewTopic {
            name: name.clone(),
            partitions: flags.partitions,
            replication_factor: flags.replication_factor,
            configs: flags.config.clone(),
            ..NewTopic::default()
        })
        .collect();
    for (name, created) in client.create_topics(&topics, false).await? {
        match created {
            Ok(()) => println!("Created topic {name}."),
            Err(e) if flags.if_not_exists && e.code().is_some_and(|c| c.name() == "TOPIC_ALREADY_EXISTS") => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

async fn delete(client: &Client, flags: &TopicsFlags, names: Vec<String>) -> Result<(), Failure> {
    for (name, deleted) in client.delete_topics(&names).await? {
        match deleted {
            Ok(()) => println!("Deleted topic {name}."),
            Err(e) if flags.if_exists && e.is_not_found() => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

async fn alter(client: &Client, flags: &TopicsFlags, names: &[String]) -> Result<(), Failure> {
    let set = flags
        .config
        .iter()
        .map(|(name, value)| ConfigAlteration { name: name.clone(), operation: ConfigOperation::Set(value.clone()) });
    let unset = flags
        .delete_config
        .iter()
        .map(|name| ConfigAlteration { name: name.clone(), operation: ConfigOperation::Delete });
    let alterations: Vec<ConfigAlteration> = set.chain(unset).collect();
    if alterations.is_empty() && flags.partitions.is_none() {
        return Err(Failure::new(Exit::Usage, "nothing to alter: give --partitions, --config or --delete-config"));
    }
    for name in names {
        if let Some(partitions) = flags.partitions {
            client.create_partitions(name, partitions).await?;
        }
        if !alterations.is_empty() {
            client.alter_configs(&resource(name), &alterations, false).await?;
        }
        println!("Altered topic {name}.");
    }
    Ok(())
}

fn resource(topic: &str) -> ConfigResource {
    ConfigResource { resource_type: ResourceType::Topic, name: topic.to_owned() }
}

async fn describe(client: &Client, flags: &TopicsFlags, names: &[String]) -> Result<(), Failure> {
    let mut topics = match names {
        [] => client.topics().await?,
        names => {
            let mut topics = Vec::new();
            for name in names {
                topics.push(client.topic(name).await?);
            }
            topics
        }
    };
    topics.retain(|topic| !(flags.exclude_internal && topic.internal));
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    let resources: Vec<ConfigResource> = topics.iter().map(|topic| resource(&topic.name)).collect();
    let configs = client.describe_configs(&resources).await?;
    for (topic, (_, configs)) in topics.iter().zip(configs) {
        // Its own settings only: the hundred defaults would bury them.
        let own: Vec<(String, String)> = configs?
            .into_iter()
            .filter(|entry| entry.source == ConfigSource::Topic)
            .map(|entry| (entry.name, entry.value.unwrap_or_default()))
            .collect();
        if flags.json {
            println!("{}", as_json(topic, &own));
        } else {
            print(topic, &own);
        }
    }
    Ok(())
}

fn numbers(ids: &[i32]) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

fn print(topic: &TopicDescription, configs: &[(String, String)]) {
    let configs: Vec<String> = configs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let replicas = topic.partitions.first().map_or(0, |partition| partition.replicas.len());
    println!(
        "Topic: {}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: {replicas}\tConfigs: {}",
        topic.name,
        topic.id,
        topic.partitions.len(),
        configs.join(",")
    );
    for partition in &topic.partitions {
        let leader = partition.leader.map_or_else(|| "none".to_owned(), |leader| leader.to_string());
        println!(
            "\tTopic: {}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}",
            topic.name,
            partition.index,
            numbers(&partition.replicas),
            numbers(&partition.isr)
        );
    }
}

fn as_json(topic: &TopicDescription, configs: &[(String, String)]) -> Value {
    let partitions: Vec<Value> = topic
        .partitions
        .iter()
        .map(|p| json!({"partition": p.index, "leader": p.leader, "replicas": p.replicas, "isr": p.isr}))
        .collect();
    let configs: serde_json::Map<String, Value> = configs.iter().map(|(n, v)| (n.clone(), v.clone().into())).collect();
    json!({"name": topic.name, "id": topic.id.to_string(), "internal": topic.internal, "partitions": partitions, "configs": configs})
}
