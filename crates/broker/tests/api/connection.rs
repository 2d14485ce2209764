//! Over TCP: order, pipelining, bounds, stopping.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::net::refusal::Refusal;
use broker::net::{Limits, Server, bind};
use broker::{Broker, BrokerOptions, NewTopic};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::messages::fetch_request::FetchRequest;
use wire::messages::fetch_response::FetchResponse;
use wire::messages::metadata_request::MetadataRequest;
use wire::messages::metadata_response::MetadataResponse;
use wire::messages::produce_request::ProduceRequest;
use wire::messages::produce_response::ProduceResponse;
use wire::messages::response_header::ResponseHeader;
use wire::{Message, Reader, Request};

use crate::harness::{
    batch, fetch_request, first_fetched, first_produced, frame, name_of, produce_request, records_of,
};

/// A broker on the real disk behind a real socket.
struct Front {
    broker: Arc<Broker>,
    server: Server,
    dir: PathBuf,
}

impl Front {
    async fn start(name: &str, limits: Limits) -> Front {
        let dir = std::env::temp_dir().join(format!("broker-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let broker = Broker::open(BrokerOptions::new(&dir)).expect("opened");
        broker.create_topic("t", NewTopic { partitions: Some(2), ..NewTopic::default() }).expect("created");
        let server = Server::start(&broker, bind("127.0.0.1:0").expect("bound"), limits).expect("serving");
        Front { broker, server, dir }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.server.addresses()[0]).await.expect("connected")
    }

    async fn stop(self) {
        self.server.shutdown().await;
        self.broker.shutdown().expect("a clean stop");
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Request number `correlation_id`, with its length.
fn numbered<Q: Request>(version: i16, correlation_id: i32, request: &Q) -> Vec<u8> {
    let mut bytes = frame(version, request).to_vec();
    bytes[4..8].copy_from_slice(&correlation_id.to_be_bytes());
    let mut framed = (bytes.len() as u32).to_be_bytes().to_vec();
    framed.append(&mut bytes);
    framed
}

async fn answer<R: Message>(socket: &mut TcpStream, header_version: i16, version: i16) -> (i32, R) {
    let len = socket.read_u32().await.expect("an answer");
    let mut bytes = vec![0; len as usize];
    socket.read_exact(&mut bytes).await.expect("a whole answer");
    let mut reader = Reader::new(Bytes::from(bytes));
    let header = ResponseHeader::decode(&mut reader, header_version).expect("a header");
    (header.correlation_id, R::decode(&mut reader, version).expect("a response"))
}

/// Whether the server closed, within a while.
async fn is_closed(socket: &mut TcpStream) -> bool {
    matches!(tokio::time::timeout(Duration::from_secs(10), socket.read_u8()).await, Ok(Err(_)))
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

#[test]
fn a_parked_answer_holds_up_answers_but_not_work() {
    run(async {
        let front = Front::start("parked", Limits::default()).await;
        let mut socket = front.connect().await;
        // A fetch that waits for what the produce behind it brings.
        let fetch = FetchRequest { max_wait_ms: 60_000, ..fetch_request("t", 0, 0) };
        let mut bytes = numbered(11, 1, &fetch);
        bytes.extend(numbered(8, 2, &produce_request("t", 0, batch(&["woken"]))));
        bytes.extend(numbered(8, 3, &MetadataRequest::default()));
        socket.write_all(&bytes).await.expect("written");
        let (first, fetched) = answer::<FetchResponse>(&mut socket, 0, 11).await;
        assert_eq!((first, records_of(&first_fetched(fetched))), (1, vec!["0=woken".to_owned()]));
        let (second, produced) = answer::<ProduceResponse>(&mut socket, 0, 8).await;
        assert_eq!((second, first_produced(produced).base_offset), (2, 0));
        assert_eq!(answer::<MetadataResponse>(&mut socket, 0, 8).await.0, 3);
        front.stop().await;
    });
}

#[test]
fn what_comes_behind_a_parked_answer_is_durable_before_that_is_given() {
    run(async {
        let front = Front::start("begun", Limits::default()).await;
        let mut socket = front.connect().await;
        // A fetch that nothing fills.
        let mut bytes =
            numbered(11, 1, &FetchRequest { max_wait_ms: 60_000, min_bytes: 1 << 20, ..fetch_request("t", 0, 0) });
        bytes.extend(numbered(8, 2, &produce_request("t", 1, batch(&["seen by others"]))));
        socket.write_all(&bytes).await.expect("written");
        until(|| front.broker.partition("t", 1).is_some_and(|other| other.log().high_watermark().0 == 1)).await;
        front.stop().await;
    });
}

#[test]
fn many_requests_at_once_are_appended_and_answered_in_order() {
    run(async {
        let front = Front::start("order", Limits::default()).await;
        let mut socket = front.connect().await;
        let (mut read, mut write) = socket.split();
        let sending = async {
            for number in 0..200 {
                let value = number.to_string();
                let mut request = produce_request("t", 0, batch(&[&value]));
                // Every third one wants no answer.
                request.acks = if number % 3 == 2 { 0 } else { -1 };
                write.write_all(&numbered(9, number, &request)).await.expect("written");
            }
        };
        let receiving = async {
            for number in (0..200).filter(|number| number % 3 != 2) {
                let len = read.read_u32().await.expect("an answer");
                let mut bytes = vec![0; len as usize];
                read.read_exact(&mut bytes).await.expect("a whole answer");
                let mut reader = Reader::new(Bytes::from(bytes));
                let header = ResponseHeader::decode(&mut reader, 1).expect("a header");
                assert_eq!(header.correlation_id, number);
                let produced = first_produced(ProduceResponse::decode(&mut reader, 9).expect("a response"));
                assert_eq!(produced.base_offset, i64::from(number));
            }
        };
        tokio::join!(sending, receiving);
        front.stop().await;
    });
}

#[test]
fn records_go_by_sendfile_as_they_came() {
    run(async {
        let front = Front::start("sendfile", Limits::default()).await;
        let mut socket = front.connect().await;
        let value = "x".repeat(300_000);
        for number in 0..4 {
            let request = produce_request("t", number % 2, batch(&[&value, "small"]));
            socket.write_all(&numbered(9, number, &request)).await.expect("written");
            let (_, produced) = answer::<ProduceResponse>(&mut socket, 1, 9).await;
            assert_eq!(name_of(first_produced(produced).error_code), "NONE");
        }
        let mut request = fetch_request("t", 0, 0);
        request.max_bytes = 10 << 20;
        let mut second = request.topics[0].partitions[0].clone();
        second.partition = 1;
        request.topics[0].partitions.push(second);
        socket.write_all(&numbered(12, 9, &request)).await.expect("written");
        let (_, fetched) = answer::<FetchResponse>(&mut socket, 1, 12).await;
        for partition in &fetched.responses[0].partitions {
            let records = records_of(partition);
            assert_eq!(records.len(), 4);
            assert_eq!((records[0].len(), records[3].as_str()), (300_002, "3=small"));
        }
        front.stop().await;
    });
}

#[test]
fn bad_clients_are_cut_off_and_others_go_on() {
    run(async {
        let limits = Limits {
            first_frame_timeout: Duration::from_millis(200),
            frame_timeout: Duration::from_millis(200),
            ..Limits::default()
        };
        let front = Front::start("bad", limits).await;
        let bad: [&[u8]; 6] = [
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
            // An API key that is none.
            &[0, 0, 0, 8, 0x70, 0, 0, 0, 0, 0, 0, 0],
            // Half a frame, then nothing.
            &[0, 0, 1, 0, 0, 3, 0, 0],
            // Not even a frame's length.
            &[0, 0],
            &[],
        ];
        for bytes in bad {
            let mut socket = front.connect().await;
            socket.write_all(bytes).await.expect("written");
            assert!(is_closed(&mut socket).await, "{bytes:?}");
        }
        // acks 0 to nowhere: closed, so that the client notices.
        let mut socket = front.connect().await;
        let mut request = produce_request("none", 0, batch(&["x"]));
        request.acks = 0;
        socket.write_all(&numbered(9, 1, &request)).await.expect("written");
        assert!(is_closed(&mut socket).await);

        let mut socket = front.connect().await;
        socket.write_all(&numbered::<ProduceRequest>(9, 1, &produce_request("t", 0, batch(&["x"])))).await.expect("ok");
        assert_eq!(answer::<ProduceResponse>(&mut socket, 1, 9).await.0, 1);
        front.stop().await;
    });
}

#[test]
fn connections_are_bounded() {
    run(async {
        let front = Front::start("bounded", Limits { connections_max: 2, ..Limits::default() }).await;
        let mut first = front.connect().await;
        let _second = front.connect().await;
        first.write_all(&numbered(8, 1, &MetadataRequest::default())).await.expect("written");
        assert_eq!(answer::<MetadataResponse>(&mut first, 0, 8).await.0, 1);
        let mut third = front.connect().await;
        assert!(is_closed(&mut third).await);
        drop(first);
        // The place is free once the server has seen that the first is gone: until then a newcomer is closed, too.
        let mut fourth = loop {
            let mut socket = front.connect().await;
            let written = socket.write_all(&numbered(8, 4, &MetadataRequest::default())).await;
            if written.is_ok() && socket.peek(&mut [0]).await.is_ok_and(|bytes| bytes > 0) {
                break socket;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(answer::<MetadataResponse>(&mut fourth, 0, 8).await.0, 4);
        front.stop().await;
    });
}

async fn until(holds: impl Fn() -> bool) {
    let holding = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), holding).await.expect("it holds in time");
}

async fn until_refused(front: &Front, refusal: Refusal) {
    until(|| front.broker.refusals().count(refusal) > 0).await;
}

#[test]
fn connections_of_one_address_are_bounded() {
    run(async {
        let front = Front::start("address-max", Limits { connections_of_address_max: 1, ..Limits::default() }).await;
        let mut first = front.connect().await;
        let mut second = front.connect().await;
        assert!(is_closed(&mut second).await);
        assert_eq!(front.broker.refusals().count(Refusal::ConnectionsOfAddress), 1);
        first.write_all(&numbered(8, 1, &MetadataRequest::default())).await.expect("written");
        assert_eq!(answer::<MetadataResponse>(&mut first, 0, 8).await.0, 1);
        front.stop().await;
    });
}

#[test]
fn silent_connections_make_room_for_new_ones() {
    run(async {
        let front = Front::start("silent", Limits { silent_connections_max: 2, ..Limits::default() }).await;
        let mut speaks = front.connect().await;
        speaks.write_all(&numbered(8, 1, &MetadataRequest::default())).await.expect("written");
        assert_eq!(answer::<MetadataResponse>(&mut speaks, 0, 8).await.0, 1);
        let mut silent = Vec::new();
        for _ in 0..4 {
            silent.push(front.connect().await);
        }
        for oldest in &mut silent[..2] {
            assert!(is_closed(oldest).await);
        }
        assert_eq!(front.broker.refusals().count(Refusal::Silent), 2);
        for socket in [&mut speaks, &mut silent.remove(3)] {
            socket.write_all(&numbered(8, 2, &MetadataRequest::default())).await.expect("written");
            assert_eq!(answer::<MetadataResponse>(socket, 0, 8).await.0, 2);
        }
        front.stop().await;
    });
}

#[test]
fn a_client_that_does_not_read_is_cut_soon_when_memory_is_short() {
    run(async {
        let limits = Limits {
            answers_bytes_max: 1 << 10,
            answer_bytes_max: 64 << 10,
            pressed_write_stall_timeout: Duration::from_millis(100),
            ..Limits::default()
        };
        let front = Front::start("deaf", limits).await;
        front.broker.create_topic("wide", NewTopic { partitions: Some(500), ..NewTopic::default() }).expect("created");
        let deaf = front.connect().await;
        let (_unread, mut write) = deaf.into_split();
        // More than all buffers between us hold.
        let asking = tokio::spawn(async move {
            let everything = MetadataRequest { topics: None, ..MetadataRequest::default() };
            for number in 0..100_000 {
                if write.write_all(&numbered(8, number, &everything)).await.is_err() {
                    return;
                }
            }
        });
        until_refused(&front, Refusal::SlowReader).await;
        asking.await.expect("no panic");
        front.stop().await;
    });
}

#[test]
fn a_partition_that_is_named_often_is_answered_once() {
    run(async {
        let front = Front::start("often", Limits::default()).await;
        let mut socket = front.connect().await;
        let mut request = fetch_request("t", 0, 0);
        let named = request.topics[0].clone();
        request.topics[0].partitions = vec![named.partitions[0].clone(); 1000];
        let mut second = named.clone();
        second.partitions[0].partition = 1;
        // A client may name a topic twice, with different partitions.
        request.topics.extend([second, named]);
        request.max_wait_ms = 0;
        socket.write_all(&numbered(11, 1, &request)).await.expect("written");
        let (_, fetched) = answer::<FetchResponse>(&mut socket, 0, 11).await;
        let answered: Vec<i32> =
            fetched.responses.iter().flat_map(|t| t.partitions.iter().map(|p| p.partition_index)).collect();
        assert_eq!(answered, [0, 1]);
        front.stop().await;
    });
}

#[test]
fn stopping_answers_what_is_in_work() {
    run(async {
        let front = Front::start("stop", Limits::default()).await;
        let mut socket = front.connect().await;
        let fetch = FetchRequest { max_wait_ms: 500, ..fetch_request("t", 0, 0) };
        socket.write_all(&numbered(11, 1, &fetch)).await.expect("written");
        // Requests of a connection begin in the order of their arrival: once this one shows, the one before is in work.
        let produce = produce_request("t", 1, batch(&["a"]));
        socket.write_all(&numbered(8, 2, &produce)).await.expect("written");
        until(|| front.broker.partition("t", 1).is_some_and(|behind| behind.log().log_end_offset().0 == 1)).await;
        front.stop().await;
        assert_eq!(answer::<FetchResponse>(&mut socket, 0, 11).await.0, 1);
        assert_eq!(answer::<ProduceResponse>(&mut socket, 0, 8).await.0, 2);
        assert!(is_closed(&mut socket).await);
    });
}

#[test]
fn a_quiet_client_stays_and_holds_up_no_stop() {
    run(async {
        let limits = Limits { frame_timeout: Duration::from_millis(100), ..Limits::default() };
        let front = Front::start("quiet", limits).await;
        let mut socket = front.connect().await;
        for number in 0..2 {
            socket.write_all(&numbered(8, number, &MetadataRequest::default())).await.expect("written");
            assert_eq!(answer::<MetadataResponse>(&mut socket, 0, 8).await.0, number);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let started = Instant::now();
        front.stop().await;
        assert!(started.elapsed() < Duration::from_secs(3));
    });
}

#[test]
fn the_address_is_the_one_that_was_connected_to() {
    run(async {
        let front = Front::start("address", Limits::default()).await;
        let mut socket = front.connect().await;
        socket.write_all(&numbered(8, 1, &MetadataRequest::default())).await.expect("written");
        let (_, metadata) = answer::<MetadataResponse>(&mut socket, 0, 8).await;
        let address = format!("{}:{}", metadata.brokers[0].host, metadata.brokers[0].port);
        assert_eq!(address, front.server.addresses()[0].to_string());
        front.stop().await;
    });
}
