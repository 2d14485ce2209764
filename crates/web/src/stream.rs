//! The live stream of pages (`docs/http.md` §4) and the tickers of endpoints, as response bodies that are pulled.
//!
//! A task drains the subscription only when the connection has taken what came before: a client that does not read costs
//! one pending batch of events, and what happens meanwhile is conflated behind it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use bytes::Bytes;
use runtime::subscription::Snapshot;
use runtime::{EndpointTicker, Event, InstantMs, Subscription};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::places::Place;
use crate::server::{About, Shared};

const PING_EVERY: Duration = Duration::from_secs(3);
const COMMENT_EVERY_PINGS: u32 = 5;
/// How long a batch of events may wait for its client to read.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct SnapshotEvent<'a> {
    resumed: bool,
    instance: &'a About,
    #[serde(flatten)]
    snapshot: &'a Snapshot,
}

#[derive(Serialize)]
struct Ping {
    time: InstantMs,
}

/// A body whose bytes come from a task.
struct Chunks(mpsc::Receiver<Bytes>);

impl futures_core::Stream for Chunks {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(Ok))
    }
}

fn event_stream() -> (mpsc::Sender<Bytes>, Response<Body>) {
    let (sender, receiver) = mpsc::channel(1);
    let mut response = Response::new(Body::from_stream(Chunks(receiver)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    (sender, response)
}

/// Writes events with ids that say which process and which place on this connection.
struct Writer {
    shared: Arc<Shared>,
    resumed: bool,
    seq: u64,
    text: Vec<u8>,
}

impl Writer {
    fn event(&mut self, name: &str, datum: &impl Serialize) {
        let head = format!("event: {name}\nid: {}.{}\ndata: ", self.shared.about.epoch, self.seq);
        self.seq += 1;
        self.text.extend_from_slice(head.as_bytes());
        // JSON text has no line break outside of strings, and none unescaped inside.
        if let Err(error) = serde_json::to_writer(&mut self.text, datum) {
            tracing::error!("an event of the kind {name} cannot be written: {error}");
            self.text.extend_from_slice(b"null");
        }
        self.text.extend_from_slice(b"\n\n");
    }

    fn push(&mut self, event: &Event) {
        match event {
            Event::Snapshot(snapshot) => {
                let (shared, resumed) = (self.shared.clone(), self.resumed);
                self.event(event.name(), &SnapshotEvent { resumed, instance: &shared.about, snapshot });
            }
            other => self.event(other.name(), other),
        }
    }

    fn take(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.text))
    }
}

/// The live stream. `last_id` is the last event that a returning client saw.
pub(crate) fn live(
    shared: Arc<Shared>,
    place: Place,
    mut subscription: Subscription,
    last_id: Option<&str>,
) -> Response<Body> {
    let epoch = shared.about.epoch.to_string();
    let resumed = last_id.and_then(|id| id.split_once('.')).is_some_and(|(of, _)| of == epoch);
    let (sender, response) = event_stream();
    let retry_ms = retry_ms(shared.about.epoch);
    tokio::spawn(async move {
        let _place = place;
        let mut stop = shared.stop.clone();
        let mut writer = Writer { shared, resumed, seq: 0, text: format!("retry: {retry_ms}\n").into_bytes() };
        let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
        let mut pings = 0;
        loop {
            let mut last = false;
            tokio::select! {
                events = subscription.next() => match events {
                    Some(events) => events.iter().for_each(|event| writer.push(event)),
                    None => last = true,
                },
                _ = ping.tick() => {
                    pings += 1;
                    if pings % COMMENT_EVERY_PINGS == 0 {
                        writer.text.extend_from_slice(b": still here\n\n");
                    }
                    let time = InstantMs(writer.shared.clock.now_ms());
                    writer.event("ping", &Ping { time });
                }
                _ = stop.changed() => {
                    writer.event("end", &serde_json::json!({"reason": "shutdown"}));
                    last = true;
                }
                () = sender.closed() => return,
            }
            if !writer.text.is_empty() && !matches!(send(&sender, writer.take()).await, Ok(())) {
                return;
            }
            if last {
                return;
            }
        }
    });
    response
}

/// 1,000 ± 500 ms, another on each connection: pages that lost their server do not all come back at once.
fn retry_ms(epoch: i64) -> u64 {
    static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
    let connection = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
    // A multiplicative hash spreads neighbours over the range.
    500 + (epoch.unsigned_abs().wrapping_add(connection).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 1000
}

async fn send(sender: &mpsc::Sender<Bytes>, chunk: Bytes) -> Result<(), ()> {
    match tokio::time::timeout(SEND_TIMEOUT, sender.send(chunk)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(()),
    }
}

/// An endpoint's ticker: `data:{…}` and an empty line, nothing else.
pub(crate) fn ticker(shared: &Shared, place: Place, mut ticker: EndpointTicker) -> Response<Body> {
    let (sender, response) = event_stream();
    let mut stop = shared.stop.clone();
    tokio::spawn(async move {
        let _place = place;
        loop {
            let tick = tokio::select! {
                tick = ticker.next() => tick,
                _ = stop.changed() => return,
                () = sender.closed() => return,
            };
            let datum = match tick {
                Some(Ok(json)) => json,
                Some(Err(error)) => {
                    // The page keeps its connection; the next tick may succeed.
                    tracing::warn!("an endpoint's tick failed: {error}");
                    continue;
                }
                None => return,
            };
            if send(&sender, Bytes::from(format!("data:{datum}\n\n"))).await.is_err() {
                return;
            }
        }
    });
    response
}
