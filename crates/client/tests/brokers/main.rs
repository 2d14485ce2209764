//! The client against brokers: Millstream's own, in this process, and Apache Kafka, as a process of its own.
//!
//! Every scenario runs on both, so that it is also a comparison. `MILLSTREAM_TEST_KAFKA=host:port` uses a Kafka that
//! runs already.

#![allow(missing_docs)]

mod administration;
mod groups;
mod kafka;
mod reading;
mod transactions;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use broker::net::{Limits, Server, bind};
use broker::{Broker, BrokerOptions, Durability};
use bytes::Bytes;
use client::{
    Client, ClientOptions, ConsumedRecord, Consumer, ConsumerOptions, NewTopic, Position, Producer, ProducerOptions,
    ProducerRecord,
};
use record::TimestampMs;

/// Runs every scenario; each uses topics and groups of its own.
async fn all(client: &Client) {
    administration::topics(client).await;
    administration::configs(client).await;
    administration::refusals(client).await;
    writing::partitions_and_codecs(client).await;
    writing::many_records(client).await;
    writing::without_acknowledgement(client).await;
    reading::positions(client).await;
    reading::the_front_is_deleted(client).await;
    reading::nothing_yet(client).await;
    transactions::aborted_records_are_hidden(client).await;
    groups::two_members_share(client).await;
    groups::offsets_by_tool(client).await;
}

#[test]
fn on_millstream() {
    let directory = std::env::temp_dir().join(format!("millstream-client-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (broker, server) = start(&directory, "127.0.0.1:0");
        let client = connect(&server.addresses()[0].to_string()).await;
        all(&client).await;
        server.shutdown().await;
        broker.shutdown().expect("a clean stop");
    });
    let _ = std::fs::remove_dir_all(&directory);
}

#[test]
fn a_restart_is_endured() {
    let directory = std::env::temp_dir().join(format!("millstream-client-restart-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (broker, server) = start(&directory, "127.0.0.1:0");
        let address = server.addresses()[0].to_string();
        let client = connect(&address).await;
        let topic = fresh_topic(&client, "restart", 1).await;
        let producer = Producer::new(&client, ProducerOptions::default());
        producer.send(record(&topic, None, "before")).await.expect("room").wait().await.expect("written");
        let mut consumer = Consumer::new(&client, ConsumerOptions::default());
        consumer.assign(&[(topic.clone(), 0, Position::Earliest)]).await.expect("a position");
        assert_eq!(values(&consumer.poll(10, Duration::from_secs(10)).await.expect("records")), ["before"]);

        server.shutdown().await;
        drop(server);
        broker.shutdown().expect("a clean stop");
        drop(broker);
        let during = producer.send(record(&topic, None, "during")).await.expect("room");
        assert!(consumer.poll(10, Duration::from_millis(500)).await.expect("patience").is_empty());

        let (broker, server) = start(&directory, &address);
        during.wait().await.expect("written after the restart");
        assert_eq!(values(&consumer.poll(10, Duration::from_secs(10)).await.expect("records")), ["during"]);
        client.topic(&topic).await.expect("the topic is still there");
        server.shutdown().await;
        broker.shutdown().expect("a clean stop");
    });
    let _ = std::fs::remove_dir_all(&directory);
}

fn start(directory: &std::path::Path, listen: &str) -> (Arc<Broker>, Server) {
    let mut options = BrokerOptions::new(directory);
    options.durability = Durability::Os;
    let broker = Broker::open(options).expect("the broker opens");
    let server = Server::start(&broker, bind(listen).expect("a port"), Limits::default()).expect("a server");
    (broker, server)
}

#[test]
fn on_apache_kafka() {
    let running = std::env::var("MILLSTREAM_TEST_KAFKA").ok();
    let started = match &running {
        Some(_) => None,
        None => match testkit::require("Apache Kafka", kafka::Broker::start()) {
            Some(broker) => Some(broker),
            None => return,
        },
    };
    let bootstrap = running.or_else(|| started.as_ref().map(|broker| broker.bootstrap().to_owned()));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        all(&connect(&bootstrap.expect("one of the two")).await).await;
    });
}

async fn connect(bootstrap: &str) -> Client {
    let mut options = ClientOptions::new(bootstrap);
    options.client_id = "client-tests".to_owned();
    Client::connect(options).await.expect("a broker")
}

/// A topic that did not exist before.
async fn fresh_topic(client: &Client, stem: &str, partitions: i32) -> String {
    let name = format!("{stem}-{:08x}", fastrand::u32(..));
    // The records here are of 1970: nothing may expire.
    let configs = vec![("retention.ms".to_owned(), "-1".to_owned())];
    let topic = NewTopic { name: name.clone(), partitions: Some(partitions), configs, ..NewTopic::default() };
    for (name, created) in client.create_topics(&[topic], false).await.expect("an answer") {
        created.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    eventually(async || {
        client.topic(&name).await.is_ok_and(|topic| topic.partitions.iter().all(|one| one.leader.is_some()))
    })
    .await;
    name
}

fn record(topic: &str, key: Option<&str>, value: &str) -> ProducerRecord {
    let own = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let value = Some(own(value));
    ProducerRecord {
        topic: topic.to_owned(),
        timestamp: TimestampMs(1_000),
        key: key.map(own),
        value,
        ..Default::default()
    }
}

/// Writes values without keys to partition 0.
async fn write(client: &Client, topic: &str, values: &[&str]) {
    let producer = Producer::new(client, ProducerOptions::default());
    for value in values {
        let record = ProducerRecord { partition: Some(0), ..record(topic, None, value) };
        producer.send(record).await.expect("room").wait().await.expect("an acknowledgement");
    }
}

/// Reads everything from `position` in `partitions` to their ends.
async fn read(
    client: &Client,
    options: ConsumerOptions,
    topic: &str,
    partitions: i32,
    position: Position,
) -> Vec<ConsumedRecord> {
    let mut consumer = Consumer::new(client, options);
    let positions: Vec<_> = (0..partitions).map(|partition| (topic.to_owned(), partition, position)).collect();
    consumer.assign(&positions).await.expect("positions");
    let mut records = Vec::new();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !consumer.is_at_end() {
        assert!(tokio::time::Instant::now() < deadline, "the end does not come: {} records", records.len());
        records.extend(consumer.poll(500, Duration::from_secs(1)).await.expect("records"));
    }
    records
}

/// Waits for what a broker does a moment after its answer.
async fn eventually(happened: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !happened().await {
        assert!(tokio::time::Instant::now() < deadline, "it does not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn text(bytes: &Option<Bytes>) -> Option<&str> {
    bytes.as_deref().map(|bytes| std::str::from_utf8(bytes).expect("text"))
}

fn values(records: &[ConsumedRecord]) -> Vec<&str> {
    records.iter().map(|record| text(&record.value).expect("a value")).collect()
}
