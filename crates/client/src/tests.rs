//! What can be told without a broker: assignments, addresses, and how errors put things.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wire::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use wire::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use wire::messages::response_header::ResponseHeader;
use wire::{ApiKey, ErrorCode, Message, Writer};

use crate::address::Address;
use crate::group::Assignor;
use crate::*;

#[test]
fn addresses() {
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(Address::parse(text).ok().map(|address| address.to_string()).as_deref(), expected, "{text}");
    }
    check("localhost:19092", Some("localhost:19092"));
    check(" broker ", Some("broker:9092"));
    check("[::1]:9", Some("[::1]:9"));
    check("[::1]", Some("[::1]:9092"));
    check("::1", Some("[::1]:9092"));
    for bad in ["", ":9092", "host:", "host:0", "host:70000", "host:x", "http://host:9092", "[::1]9"] {
        check(bad, None);
    }
}

#[test]
fn partitions_are_dealt_out_as_kafka_does() {
    use crate::group::Candidate;

    fn check(
        assignor: Assignor,
        topics: &[(&str, i32)],
        members: &[(&str, &[&str])],
        expected: &[(&str, &str, &[i32])],
    ) {
        let topics: BTreeMap<String, i32> = topics.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let candidate = |(id, topics): &(&str, &[&str])| Candidate {
            member_id: (*id).to_owned(),
            instance_id: None,
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        };
        let members: Vec<_> = members.iter().map(candidate).collect();
        let assignments = assignor.assign(&topics, &members);
        assert_eq!(assignments.len(), members.len(), "every member gets an answer");
        let flat = assignments.iter().flat_map(|(member, topics)| {
            topics.iter().map(move |(topic, partitions)| (member.as_str(), topic.as_str(), partitions.as_slice()))
        });
        assert_eq!(flat.collect::<Vec<_>>(), expected);
    }

    // The examples in the documentation of Kafka's own assignors.
    let both: &[(&str, &[&str])] = &[("C0", &["t0", "t1"]), ("C1", &["t0", "t1"])];
    check(
        Assignor::Range,
        &[("t0", 3), ("t1", 3)],
        both,
        &[("C0", "t0", &[0, 1]), ("C0", "t1", &[0, 1]), ("C1", "t0", &[2]), ("C1", "t1", &[2])],
    );
    check(
        Assignor::RoundRobin,
        &[("t0", 3), ("t1", 3)],
        both,
        &[("C0", "t0", &[0, 2]), ("C0", "t1", &[1]), ("C1", "t0", &[1]), ("C1", "t1", &[0, 2])],
    );
    check(
        Assignor::RoundRobin,
        &[("t0", 1), ("t1", 2), ("t2", 3)],
        &[("C0", &["t0"]), ("C1", &["t0", "t1"]), ("C2", &["t0", "t1", "t2"])],
        &[("C0", "t0", &[0]), ("C1", "t1", &[0]), ("C2", "t1", &[1]), ("C2", "t2", &[0, 1, 2])],
    );
    check(Assignor::Range, &[("t0", 1)], both, &[("C0", "t0", &[0])]);
    check(Assignor::Range, &[], both, &[]);
}

fn options(bootstrap: impl ToString) -> ClientOptions {
    let timeout = Duration::from_secs(2);
    ClientOptions { connect_timeout: timeout, request_timeout: timeout, ..ClientOptions::new(bootstrap.to_string()) }
}

/// Starts something that answers each connection with `answer` once it has read something.
async fn server(answer: &'static [u8]) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut front = [0; 64];
            let _ = socket.read(&mut front).await;
            let _ = socket.write_all(answer).await;
        }
    });
    address
}

#[tokio::test]
async fn what_is_no_broker_is_told_apart() {
    async fn check(answer: &'static [u8], expected: &str) {
        let address = server(answer).await;
        let error = Client::connect(options(address)).await.err().expect("no broker");
        assert!(error.is_unreachable() && error.to_string().contains(expected), "{error}");
    }
    check(b"HTTP/1.1 400 Bad Request\r\n\r\n", "it answers in HTTP; is this the port of a web console?").await;
    check(&[0x15, 3, 3, 0, 2, 2, 80], "it expects TLS").await;
    check(&[], "closes the connection without an answer; perhaps it expects TLS or SASL").await;
    check(&[0xff, 0xff, 0xff, 0xff, 0], "the length of its answer makes no sense").await;
    check(&[0, 0, 0, 4, 9, 9, 9, 9], "its answers do not belong to our requests").await;
    check(&[0, 0, 1, 0, 1, 2, 3], "closes the connection without an answer").await;
}

#[tokio::test]
async fn a_silent_or_missing_broker_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap();
    let error = Client::connect(options(silent)).await.err().expect("no answer");
    assert!(error.to_string().contains("accepts connections but does not answer in time"), "{error}");
    drop(listener);
    let error = Client::connect(options(silent)).await.err().expect("no listener");
    assert!(matches!(&error, ClientError::Unreachable(Unreachable { advertised: None, .. })), "{error:?}");
    assert!(error.to_string().contains("is a broker running there?"), "{error}");
    let error = Client::connect(options("not/an/address")).await.err().expect("no address");
    assert!(matches!(error, ClientError::InvalidAddress(_)), "{error:?}");
}

/// A broker that knows one topic, led by a node at an address that leads nowhere.
async fn misadvertising_broker() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                while let Ok(len) = socket.read_i32().await {
                    let mut frame = vec![0; len as usize];
                    socket.read_exact(&mut frame).await.unwrap();
                    let prefix = wire::RequestPrefix::peek(&frame).unwrap();
                    let key = ApiKey::try_from(prefix.api_key).unwrap();
                    let mut w = Writer::framed();
                    ResponseHeader { correlation_id: prefix.correlation_id }
                        .encode(&mut w, key.response_header_version(prefix.api_version))
                        .unwrap();
                    answer(key, prefix.api_version, &mut w);
                    socket.write_all(&w.into_bytes().unwrap()).await.unwrap();
                }
            });
        }
    });
    address
}

fn answer(key: ApiKey, version: i16, w: &mut Writer) {
    if key == ApiKey::ApiVersions && version > 2 {
        // As an older broker: not that new, but up to 2.
        let api_keys = vec![ApiVersion { api_key: key.code(), min_version: 0, max_version: 2 }];
        let refusal =
            ApiVersionsResponse { error_code: ErrorCode::UnsupportedVersion.code(), api_keys, ..Default::default() };
        return refusal.encode(w, 0).unwrap();
    }
    match key {
        ApiKey::ApiVersions => {
            let api_keys = [(ApiKey::ApiVersions, 0, 2), (ApiKey::Metadata, 4, 7), (ApiKey::Produce, 0, 2)]
                .map(|(key, min_version, max_version)| ApiVersion { api_key: key.code(), min_version, max_version });
            ApiVersionsResponse { api_keys: api_keys.into(), ..Default::default() }.encode(w, version).unwrap();
        }
        ApiKey::Metadata => {
            assert_eq!(version, 7);
            let broker = MetadataResponseBroker { node_id: 5, host: "broker.invalid".into(), port: 29092, rack: None };
            let partition = MetadataResponsePartition { leader_id: 5, ..Default::default() };
            let topic =
                MetadataResponseTopic { name: Some("t".into()), partitions: vec![partition], ..Default::default() };
            MetadataResponse { brokers: vec![broker], topics: vec![topic], ..Default::default() }
                .encode(w, version)
                .unwrap();
        }
        other => panic!("{other} was not expected"),
    }
}

#[tokio::test]
async fn an_advertised_address_that_leads_nowhere_is_explained() {
    let address = misadvertising_broker().await;
    let client = Client::connect(options(address)).await.expect("the bootstrap address answers");
    let asked = [("t".to_owned(), 0, OffsetSpec::Latest)];
    let error = client.list_offsets(&asked, Isolation::ReadUncommitted).await.expect_err("its leader does not");
    let text = error.to_string();
    for part in [&format!("connected to {address}, but broker 5 there advertises broker.invalid:29092"), "--advertise"]
    {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn versions_that_do_not_meet_are_explained() {
    let address = misadvertising_broker().await;
    let client = Client::connect(options(address)).await.expect("the bootstrap address answers");
    let connection = client.open_connection(None).await.expect("a connection");
    assert_eq!(connection.version(ApiKey::Metadata, 13).expect("both speak it"), 7);
    let error = connection.version(ApiKey::Produce, 12).expect_err("it is too old");
    assert_eq!(error.to_string(), "the broker offers Produce in versions 0 to 2, this program speaks 3 to 12");
    let error = connection.version(ApiKey::DescribeCluster, 2).expect_err("it is too old");
    assert!(error.to_string().starts_with("the broker does not offer DescribeCluster"), "{error}");
}

/// Every operation can run on a task of its own: this compiles only while their futures are `Send`.
#[tokio::test]
async fn operations_are_sent_to_other_tasks() {
    let address = misadvertising_broker().await;
    let done = tokio::spawn(async move {
        let client = Client::connect(options(address)).await?;
        let mut consumer = Consumer::new(&client, ConsumerOptions::default());
        consumer.assign(&[("t".to_owned(), 0, Position::Offset(record::Offset(0)))]).await?;
        consumer.poll(1, Duration::from_millis(10)).await?;
        let producer = Producer::new(&client, ProducerOptions::default());
        producer.send(ProducerRecord { topic: "t".to_owned(), ..ProducerRecord::default() }).await?.wait().await?;
        let mut member = GroupConsumer::new(&client, GroupOptions::new("g", vec!["t".to_owned()]));
        member.poll(1, Duration::from_millis(10)).await?;
        member.leave().await
    });
    let error = done.await.expect("the task ends").expect_err("the leader leads nowhere");
    assert!(error.is_unreachable(), "{error}");
}
