//! Live changes for pages, pulled and conflated.
//!
//! A subscription holds cursors, not a queue. When its client is ready for more it drains: per query, the newest value
//! of each key that changed since the last drain; per topic, the newest record. A slow client sees fewer steps, never
//! stale ones, and costs the memory of its cursors.
//!
//! What many subscriptions cost is bounded too: drains take turns on half of the processors, and a topic wakes a
//! subscription once, not with each record. A wake of all by each record of each one's topic once cost the square of
//! their number.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::{Notify, Semaphore};

use crate::endpoint::EndpointInfo;
use crate::instant::InstantMs;
use crate::outcome::{ErrorKind, RuntimeError};
use crate::status::{Facts, GeneratorStatus, QueryState, QueryStatus, Row, TopicStatus};

/// What to follow.
#[derive(Clone, Debug, Default)]
pub struct SubscribeOptions {
    /// Queries by name; `*`: every one, also those created later.
    pub queries: Vec<String>,
    /// Topics by name; `*`: every one that is not internal, also those created later.
    pub topics: Vec<String>,
    /// Whether `stats` events are wanted, once a second.
    pub stats: bool,
    /// At most so many drains a second; 0: as they come. `None`: 10.
    pub fps: Option<u32>,
}

/// Everything that a page shows: the first event, and again whenever the set of objects changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// Wall clock.
    pub time: InstantMs,
    /// Subscribed queries with their rows.
    pub queries: Vec<QueryRows>,
    /// Subscribed topics.
    pub topics: Vec<TopicStatus>,
    /// All generators.
    pub generators: Vec<GeneratorStatus>,
    /// All endpoints.
    pub endpoints: Vec<EndpointInfo>,
    /// Figures, when wanted.
    pub stats: Option<Stats>,
}

/// A query with its newest rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryRows {
    /// The query.
    pub query: QueryStatus,
    /// Retained rows in the order of its columns, the newest 2,000; none for streams and sinks.
    pub rows: Vec<Row>,
}

/// Rows of a query that changed. May be empty: stream time moved on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Update {
    /// Query.
    pub query: String,
    /// Wall clock.
    pub time: InstantMs,
    /// Stream time.
    pub stream_time: Option<InstantMs>,
    /// Whether an `idle_timeout` has passed.
    pub idle: bool,
    /// Whole rows, newest value per key (window included).
    pub rows: Vec<Row>,
    /// Keys (key and window columns) that were retracted.
    pub removed: Vec<Row>,
    /// Records read so far.
    pub records: u64,
}

/// A window was closed: stream time ≥ end + grace. It will never change again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FinalWindow {
    /// Query.
    pub query: String,
    /// Start.
    pub window_start: InstantMs,
    /// End.
    pub window_end: InstantMs,
    /// Stream time.
    pub stream_time: Option<InstantMs>,
    /// Its final rows, at most 2,000.
    pub rows: Vec<Row>,
    /// Whether there are more.
    pub truncated: bool,
}

/// Records came after the end of their window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Late {
    /// Query.
    pub query: String,
    /// Wall clock.
    pub time: InstantMs,
    /// Within grace: the value of an ended window was corrected.
    pub accepted: u64,
    /// The window was closed.
    pub dropped: u64,
    /// The newest of them, at most 20.
    pub records: Vec<LateRow>,
}

/// One record that came after the end of its window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LateRow {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Timestamp.
    pub timestamp: InstantMs,
    /// Group key columns and values.
    pub key: BTreeMap<String, Value>,
    /// Window start.
    pub window_start: InstantMs,
    /// Window end.
    pub window_end: InstantMs,
    /// Whether it still counted.
    pub accepted: bool,
    /// Stream time minus the window's end (accepted) or minus end + grace (dropped).
    pub late_by_ms: i64,
}

/// Figures, once a second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    /// Wall clock.
    pub time: InstantMs,
    /// Records written to topics that are not internal, per second.
    pub events_per_second: f64,
    /// Late records of all queries.
    pub late: u64,
    /// Bad records of all queries.
    pub bad: u64,
    /// Per query.
    pub queries: Vec<QueryFacts>,
    /// All generators.
    pub generators: Vec<GeneratorStatus>,
    /// Subscriptions and what they lost.
    pub stream: StreamStats,
}

/// Figures of one query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryFacts {
    /// Name.
    pub name: String,
    /// Where it is in its life.
    pub state: QueryState,
    /// Figures.
    pub facts: Facts,
}

/// Subscriptions and what they lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamStats {
    /// Open subscriptions.
    pub clients: u64,
    /// Rows of `late` events that did not fit.
    pub dropped: u64,
}

/// A query failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueryFailed {
    /// Query.
    pub query: String,
    /// Stable name.
    pub code: String,
    /// Cause.
    pub cause: String,
    /// What to do about it.
    pub fix: Option<String>,
}

/// No more comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct End {
    /// `shutdown`.
    pub reason: String,
}

/// One event; [`Event::name`] is its SSE event type, its serialisation is its datum.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[allow(clippy::large_enum_variant, reason = "an event lives from its drain to its serialisation")]
pub enum Event {
    /// Replaces everything that the client knew.
    Snapshot(Box<Snapshot>),
    /// Rows that changed.
    Update(Update),
    /// A window was closed.
    Final(FinalWindow),
    /// Records came after the end of their window.
    Late(Late),
    /// A topic has new records.
    Topic(TopicStatus),
    /// Figures.
    Stats(Stats),
    /// A query failed.
    Error(QueryFailed),
    /// No more comes.
    End(End),
}

impl Event {
    /// The SSE event type.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Snapshot(_) => "snapshot",
            Self::Update(_) => "update",
            Self::Final(_) => "final",
            Self::Late(_) => "late",
            Self::Topic(_) => "topic",
            Self::Stats(_) => "stats",
            Self::Error(_) => "error",
            Self::End(_) => "end",
        }
    }
}

/// Wakes one subscription: once, until it is set again. Between the two a ring costs a look at a flag.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    set: AtomicBool,
    rung: Notify,
}

impl Bell {
    /// Lets the next ring through. Look at what it rings for afterwards: it may have come before.
    pub fn set(&self) {
        self.set.store(true, Ordering::SeqCst);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.set.load(Ordering::SeqCst) && self.set.swap(false, Ordering::SeqCst) {
            self.rung.notify_one();
        }
    }
}

/// A place from which live changes are pulled.
pub struct Subscription {
    feed: Box<dyn Feed>,
    changed: tokio::sync::watch::Receiver<u64>,
    bell: Arc<Bell>,
    /// Of all subscriptions: who drains.
    turns: Arc<Semaphore>,
    interval: Option<Duration>,
    drained_at: Option<tokio::time::Instant>,
    ended: bool,
}

/// Where a subscription's events come from, with its cursors.
pub(crate) trait Feed: Send {
    /// Puts what is due into `events`. `false`: these are the last.
    fn drain(&mut self, events: &mut Vec<Event>) -> bool;
    /// When it wants to be drained although nothing changed.
    fn due(&self) -> Option<Duration>;
}

impl Subscription {
    /// `changed`: something changed for all; `bell`: for this one.
    pub(crate) fn new(
        feed: Box<dyn Feed>,
        changed: tokio::sync::watch::Receiver<u64>,
        bell: Arc<Bell>,
        turns: Arc<Semaphore>,
        fps: Option<u32>,
    ) -> Result<Self, RuntimeError> {
        let interval = match fps.unwrap_or(10) {
            0 => None,
            fps @ 1..=60 => Some(Duration::from_secs(1) / fps),
            fps => {
                let cause = format!("fps is {fps}");
                return Err(RuntimeError::new(ErrorKind::Invalid, "bad_parameter", cause).fix("give 0 to 60"));
            }
        };
        Ok(Self { feed, changed, bell, turns, interval, drained_at: None, ended: false })
    }

    /// Waits until something is due and drains it; `None` after the last event.
    /// Call it again when the client has taken what came before: what happens meanwhile is conflated.
    pub async fn next(&mut self) -> Option<Vec<Event>> {
        while !self.ended {
            if let (Some(at), Some(interval)) = (self.drained_at, self.interval) {
                tokio::time::sleep_until(at + interval).await;
            }
            self.changed.borrow_and_update();
            let turns = Arc::clone(&self.turns);
            let turn = turns.acquire().await.ok();
            self.drained_at = Some(tokio::time::Instant::now());
            let events = self.drain();
            drop(turn);
            if !events.is_empty() {
                return Some(events);
            }
            let due = self.feed.due().map(|after| tokio::time::Instant::now() + after);
            let due = async {
                match due {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.changed.changed() => self.ended |= changed.is_err(),
                () = self.bell.rung.notified() => {}
                () = due => {}
            }
        }
        None
    }

    /// What is due now, without waiting.
    pub fn drain(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        if !self.ended && !self.feed.drain(&mut events) {
            self.ended = true;
        }
        events
    }
}
