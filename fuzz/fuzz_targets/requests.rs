//! No bytes, read as a request of any served API at any version, make the broker panic.
//!
//! The first two bytes choose key and version, the rest is the request's body behind a good header.
#![no_main]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use broker::api::{self, Origin};
use broker::reply::Answer;
use broker::{Broker, BrokerOptions, NewTopic};
use bytes::Bytes;
use testkit::SimDisk;
use tokio::runtime::Runtime;
use wire::ApiKey;

struct Fixture {
    broker: Arc<Broker>,
    runtime: Runtime,
    served: Vec<(ApiKey, i16)>,
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let mut options = BrokerOptions::new("/data");
        options.disk = Arc::new(SimDisk::new());
        options.background = false;
        let broker = Broker::open(options).expect("a broker");
        broker.create_topic("t", NewTopic::default()).expect("a topic");
        let served = api::served().flat_map(|(key, versions)| versions.map(move |version| (key, version))).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Fixture { broker, runtime, served }
    })
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, body)) = bytes.split_first_chunk::<2>() else { return };
    let fixture = fixture();
    let (key, version) = fixture.served[usize::from(u16::from_be_bytes(*choice)) % fixture.served.len()];
    let mut frame = Vec::with_capacity(body.len() + 11);
    frame.extend_from_slice(&key.code().to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    // No client id; in flexible headers, no tags.
    frame.extend_from_slice(&[0xff, 0xff]);
    if key.request_header_version(version) == 2 {
        frame.push(0);
    }
    frame.extend_from_slice(body);
    let origin = Origin {
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        host: Arc::from("127.0.0.1"),
        port: 9092,
        connection_id: 1,
    };
    let _entered = fixture.runtime.enter();
    if let Ok(Answer::Blocking(work)) = api::serve(&fixture.broker, &origin, Bytes::from(frame)) {
        drop(work());
    }
});
