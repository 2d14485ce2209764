//! No bytes, read as a request of any served API at any version, make the broker panic.
//!
//! ```text
//! +--------+-------------+-----------------------------+
//! | key u8 | version u8  | request, without its header |
//! +--------+-------------+-----------------------------+
//! ```
//!
//! A key or a version that is not served stands for one that is. Sixteen bytes `TTTTTTTTTTTTTTTT` become the id of the
//! topic that exists, and batches of a Produce request get the checksum that they should have: no mutation finds those.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Waker};

use broker::api::{self, Origin};
use broker::reply::Answer;
use broker::{Broker, BrokerOptions, NewTopic};
use bytes::{Bytes, BytesMut};
use testkit::{ManualClock, SimDisk};
use tokio::runtime::Runtime;
use wire::messages::produce_request::ProduceRequest;
use wire::{ApiKey, Message, Reader, Records, Writer};

/// Stands for the id of topic `t`.
pub const TOPIC_ID: [u8; 16] = [b'T'; 16];
/// After so many requests the broker is thrown away, so that what one left behind cannot matter for long.
const REQUESTS_MAX: usize = 256;
const PRODUCE: u8 = 0;

struct Fixture {
    broker: Arc<Broker>,
    runtime: Runtime,
    topic_id: [u8; 16],
    served: usize,
}

impl Fixture {
    fn new() -> Self {
        let mut options = BrokerOptions::new("/data");
        options.disk = Arc::new(SimDisk::new());
        options.clock = Arc::new(ManualClock::new(1_700_000_000_000));
        options.background = false;
        let broker = Broker::open(options).expect("a broker");
        let topic = broker.create_topic("t", NewTopic::default()).expect("a topic");
        let topic_id = topic.id.0;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { broker, runtime, topic_id, served: 0 }
    }
}

/// Serves one request.
pub fn run(bytes: &[u8]) {
    thread_local! {
        static FIXTURE: RefCell<Option<Fixture>> = const { RefCell::new(None) };
    }
    let [key, version, body @ ..] = bytes else { return };
    FIXTURE.with_borrow_mut(|slot| {
        if slot.as_ref().is_some_and(|fixture| fixture.served >= REQUESTS_MAX) {
            *slot = None;
        }
        let fixture = slot.get_or_insert_with(Fixture::new);
        fixture.served += 1;
        serve(fixture, *key, *version, body);
    });
}

fn serve(fixture: &Fixture, key: u8, version: u8, body: &[u8]) {
    let (key, version) = chosen(key, version);
    let mut body = body.to_vec();
    while let Some(at) = body.windows(16).position(|bytes| bytes == TOPIC_ID) {
        body[at..at + 16].copy_from_slice(&fixture.topic_id);
    }
    if key.code() == i16::from(PRODUCE) {
        body = with_checksums(body, version);
    }
    let mut frame = Vec::with_capacity(body.len() + 11);
    frame.extend_from_slice(&key.code().to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    // No client id; in flexible headers, no tags.
    frame.extend_from_slice(&[0xff, 0xff]);
    if key.request_header_version(version) == 2 {
        frame.push(0);
    }
    frame.extend_from_slice(&body);
    let origin = Origin {
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        host: Arc::from("127.0.0.1"),
        port: 9092,
        connection_id: 1,
    };
    let _entered = fixture.runtime.enter();
    match api::serve(&fixture.broker, &origin, Bytes::from(frame), api::Lane::Slow) {
        Ok(Answer::Now(body)) => assert!(body.is_some(), "{} v{version}: no answer", key.name()),
        Ok(Answer::Blocking(work)) => assert!(work().is_some(), "{} v{version}: no answer", key.name()),
        // Long polls are dropped: what matters is that they began.
        Ok(Answer::Later(mut answer)) => {
            let _ = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        Ok(Answer::Costly(_) | Answer::Silent | Answer::Close) | Err(_) => {}
    }
}

/// The API and version that two bytes mean.
fn chosen(key: u8, version: u8) -> (ApiKey, i16) {
    let served: Vec<_> = api::served().collect();
    let by_key = served.iter().find(|(served, _)| served.code() == i16::from(key));
    let (key, versions) = by_key.unwrap_or(&served[usize::from(key) % served.len()]);
    let version = i16::from(version);
    if versions.contains(&version) {
        return (*key, version);
    }
    (*key, versions.start() + version % (versions.end() - versions.start() + 1))
}

fn with_checksums(body: Vec<u8>, version: i16) -> Vec<u8> {
    let mut reader = Reader::new(Bytes::from(body.clone()));
    let Ok(mut request) = ProduceRequest::decode(&mut reader, version) else { return body };
    for data in request.topic_data.iter_mut().flat_map(|topic| &mut topic.partition_data) {
        let Some(bytes) = std::mem::take(&mut data.records).into_bytes() else { continue };
        let mut mended = BytesMut::new();
        let mut rest = bytes.clone();
        for batch in record::split(bytes).flatten() {
            let mut bytes = BytesMut::from(&batch.bytes[..]);
            record::set_max_timestamp(&mut bytes, batch.header.max_timestamp);
            let _ = rest.split_to(bytes.len());
            mended.extend_from_slice(&bytes);
        }
        mended.extend_from_slice(&rest);
        data.records = Records::Bytes(mended.freeze());
    }
    let mut writer = Writer::new();
    match request.encode(&mut writer, version).and_then(|()| writer.into_bytes()) {
        Ok(bytes) => bytes.to_vec(),
        Err(_) => body,
    }
}
