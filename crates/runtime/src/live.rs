//! Where a subscription's events come from.
//!
//! Everything is read when the client is ready for it: changed rows from the stores by version, newest records from the
//! logs, figures from the queries. Nothing is queued, so a slow client costs its cursors only.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use commitlog::Watch;
use engine::store::StoreReader;

use crate::instance::Instance;
use crate::instant::InstantMs;
use crate::outcome::RuntimeError;
use crate::query::Query;
use crate::status::{QueryState, Row};
use crate::subscription::{
    Bell, End, Event, Feed, FinalWindow, Late, LateRow, QueryFacts, QueryFailed, QueryRows, Snapshot, Stats,
    SubscribeOptions, Subscription, Update,
};
use crate::table_view::TableView;

/// Most rows of a snapshot's query, and of a final window.
const ROWS_MAX: usize = 2_000;
/// Changed rows that are looked at in one drain; when more have changed, the newest windows are sent as they are.
const CHANGED_ROWS_MAX: usize = 20_000;
/// Most closed windows of one drain: after a long replay only the newest are told.
const FINALS_MAX: usize = 50;
/// Most records that a `late` event lists.
const LATE_ROWS_MAX: usize = 20;
/// A topic is told at most so often.
const TOPIC_EVERY: Duration = Duration::from_millis(250);
const STATS_EVERY: Duration = Duration::from_secs(1);

/// A subscription's cursors.
struct LiveFeed {
    instance: Weak<Instance>,
    options: SubscribeOptions,
    /// The objects that the last snapshot has shown; `None`: a snapshot is due.
    objects_version: Option<u64>,
    queries: BTreeMap<String, QueryCursor>,
    topics: BTreeMap<String, TopicCursor>,
    stats_at: Option<Instant>,
    /// Rings when a followed topic has something new.
    bell: Arc<Bell>,
    watches: Vec<Watch>,
}

/// How far a query was told.
#[derive(Default)]
struct QueryCursor {
    id: String,
    version: u64,
    stream_time: i64,
    /// Late records so far, and the number of the next late row.
    late: u64,
    late_row: u64,
    /// Corrections so far of windows that are not closed.
    corrections: BTreeMap<i64, u64>,
    failed: bool,
}

/// How far a topic was told.
#[derive(Default)]
struct TopicCursor {
    end: i64,
    rate: f64,
    at: Option<Instant>,
}

impl Instance {
    /// Follows queries and topics.
    pub fn subscribe(&self, options: &SubscribeOptions) -> Result<Subscription, RuntimeError> {
        for name in options.queries.iter().filter(|name| *name != "*") {
            self.find_query(name)?;
        }
        for name in options.topics.iter().filter(|name| *name != "*") {
            if self.broker().topic(name).is_none() {
                return Err(crate::topics::unknown_topic(self.broker(), name));
            }
        }
        self.subscribers.fetch_add(1, Ordering::Relaxed);
        let feed = LiveFeed {
            instance: self.this.clone(),
            options: options.clone(),
            objects_version: None,
            queries: BTreeMap::new(),
            topics: BTreeMap::new(),
            stats_at: None,
            bell: Arc::default(),
            watches: Vec::new(),
        };
        let (bell, turns) = (Arc::clone(&feed.bell), Arc::clone(&self.drain_turns));
        Subscription::new(Box::new(feed), self.changed.subscribe(), bell, turns, options.fps)
    }
}

impl Drop for LiveFeed {
    fn drop(&mut self) {
        if let Some(instance) = self.instance.upgrade() {
            instance.subscribers.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Feed for LiveFeed {
    fn drain(&mut self, events: &mut Vec<Event>) -> bool {
        let end = |events: &mut Vec<Event>| events.push(Event::End(End { reason: "shutdown".to_owned() }));
        let Some(instance) = self.instance.upgrade() else {
            end(events);
            return false;
        };
        if *instance.stopping.borrow() {
            end(events);
            return false;
        }
        let objects_version = instance.objects_version.load(Ordering::Acquire);
        let topics_changed = self.objects_version.is_some() && self.topics_changed(&instance);
        if self.objects_version != Some(objects_version) || topics_changed {
            self.objects_version = Some(objects_version);
            let snapshot = self.snapshot(&instance);
            events.push(Event::Snapshot(Box::new(snapshot)));
            return true;
        }
        for query in self.wanted_queries(&instance) {
            self.drain_query(&instance, &query, events);
        }
        for name in self.wanted_topics(&instance) {
            self.drain_topic(&instance, &name, events);
        }
        if self.options.stats && self.stats_at.is_none_or(|at| at.elapsed() >= STATS_EVERY) {
            self.stats_at = Some(Instant::now());
            events.push(Event::Stats(stats(&instance)));
        }
        true
    }

    fn due(&self) -> Option<Duration> {
        let left = |at: Instant, every: Duration| every.saturating_sub(at.elapsed());
        let stats = self.stats_at.filter(|_| self.options.stats).map(|at| left(at, STATS_EVERY));
        let instance = self.instance.upgrade()?;
        // A topic that has moved is told when its time has come: only where none has, the next record wakes us.
        let mut moved = self.moved(&instance);
        if moved.is_none() {
            self.bell.set();
            moved = self.moved(&instance);
        }
        let falling = self.topics.values().filter(|cursor| cursor.rate > 0.0);
        let falling = falling.map(|cursor| cursor.at.map_or(STATS_EVERY, |at| left(at, STATS_EVERY)));
        falling.chain(stats).chain(moved).min()
    }
}

impl LiveFeed {
    /// When the first of the topics that have moved since they were told may be told again.
    fn moved(&self, instance: &Instance) -> Option<Duration> {
        let moved = self.topics.iter().filter(|(name, cursor)| cursor.end != end_of(instance, name));
        moved.map(|(_, cursor)| cursor.at.map_or(Duration::ZERO, |at| TOPIC_EVERY.saturating_sub(at.elapsed()))).min()
    }

    fn wanted_queries(&self, instance: &Instance) -> Vec<Arc<Query>> {
        let queries = instance.state.read().queries.clone();
        let wanted = |query: &Arc<Query>| {
            self.options.queries.iter().any(|name| name == "*" || name == query.name() || query.has_statement(name))
        };
        queries.into_iter().filter(wanted).collect()
    }

    fn wanted_topics(&self, instance: &Instance) -> Vec<String> {
        if self.options.topics.is_empty() {
            return Vec::new();
        }
        let all = self.options.topics.iter().any(|name| name == "*");
        let topics = instance.broker().topics().into_iter().map(|topic| topic.name);
        topics.filter(|name| self.options.topics.contains(name) || (all && !instance.is_internal_topic(name))).collect()
    }

    /// Whether the set of followed topics is another than in the last snapshot.
    fn topics_changed(&self, instance: &Instance) -> bool {
        !self.wanted_topics(instance).iter().eq(self.topics.keys())
    }

    fn snapshot(&mut self, instance: &Instance) -> Snapshot {
        let now_ms = instance.now_ms();
        let mut queries = Vec::new();
        let wanted = self.wanted_queries(instance);
        self.queries.retain(|name, cursor| wanted.iter().any(|q| q.name() == name && q.status_id() == cursor.id));
        for query in wanted {
            let cursor = self.queries.entry(query.name().to_owned()).or_default();
            cursor.id = query.status_id().to_owned();
            let mut rows = Vec::new();
            if let Some((reader, view)) = root_table(&query) {
                let version = reader.version();
                let snapshot = reader.snapshot_with_history(i64::MIN..=i64::MAX);
                cursor.version = version;
                cursor.stream_time = snapshot.stream_time;
                let batch = snapshot.rows();
                let skip = batch.rows().saturating_sub(ROWS_MAX);
                let batch = batch.slice(skip, batch.rows() - skip);
                rows = view.rows(&batch.columns, batch.rows(), now_ms);
                view.sort(&mut rows);
            }
            let figures = query.shared().figures.lock();
            cursor.late = figures.late;
            cursor.late_row = figures.late_first + figures.late_rows.len() as u64;
            drop(figures);
            cursor.failed = false;
            queries.push(QueryRows { query: query.status(instance.broker()), rows });
        }
        let wanted = self.wanted_topics(instance);
        let mut topics = Vec::new();
        self.watches.clear();
        self.topics.clear();
        let waker = Waker::from(Arc::clone(&self.bell));
        for name in wanted {
            let Ok(status) = instance.topic(&name) else { continue };
            for partition in &status.partitions {
                if let Some(found) = instance.broker().partition(&name, partition.partition) {
                    self.watches.push(found.log().watch(waker.clone()));
                }
            }
            let cursor =
                TopicCursor { end: end_of(instance, &name), rate: status.records_per_second, at: Some(Instant::now()) };
            self.topics.insert(name, cursor);
            topics.push(status);
        }
        let stats = self.options.stats.then(|| stats(instance));
        self.stats_at = Some(Instant::now());
        Snapshot {
            time: InstantMs(now_ms),
            queries,
            topics,
            generators: instance.generators(),
            endpoints: instance.endpoints(),
            stats,
        }
    }

    fn drain_query(&mut self, instance: &Instance, query: &Query, events: &mut Vec<Event>) {
        let now_ms = instance.now_ms();
        let cursor = self.queries.entry(query.name().to_owned()).or_default();
        if let (QueryState::Failed, Some(error)) = query.shared().life()
            && !std::mem::replace(&mut cursor.failed, true)
        {
            events.push(Event::Error(QueryFailed {
                query: query.name().to_owned(),
                code: error.code,
                cause: error.cause,
                fix: error.fix,
            }));
        }
        let mut accepted = 0;
        if let Some((reader, view)) = root_table(query)
            && reader.version() != cursor.version
        {
            let changes = reader.changes(cursor.version, CHANGED_ROWS_MAX);
            for row in &changes.rows {
                let known = cursor.corrections.entry(row.window_start).or_insert(0);
                accepted += row.corrections.saturating_sub(*known);
                *known = row.corrections.max(*known);
            }
            let rows: Vec<Row> = if changes.truncated {
                let batch = reader.snapshot().rows();
                let skip = batch.rows().saturating_sub(ROWS_MAX);
                let batch = batch.slice(skip, batch.rows() - skip);
                view.rows(&batch.columns, batch.rows(), now_ms)
            } else {
                view.changed(&changes.rows, now_ms)
            };
            cursor.version = changes.version;
            let before = std::mem::replace(&mut cursor.stream_time, changes.stream_time);
            if !rows.is_empty() || before != changes.stream_time {
                events.push(Event::Update(Update {
                    query: query.name().to_owned(),
                    time: InstantMs(now_ms),
                    stream_time: instant(changes.stream_time),
                    idle: false,
                    rows,
                    removed: Vec::new(),
                    records: query.shared().figures.lock().records,
                }));
            }
            finals(query, &reader, view, before, changes.stream_time, now_ms, events);
            if let Some(window) = reader.plan().window {
                let closed = changes.stream_time.saturating_sub(window.grace_ms).saturating_sub(window.size_ms);
                cursor.corrections = cursor.corrections.split_off(&closed);
            }
        }
        late(instance, query, cursor, accepted, now_ms, events);
    }

    fn drain_topic(&mut self, instance: &Instance, name: &str, events: &mut Vec<Event>) {
        let Some(cursor) = self.topics.get_mut(name) else { return };
        if cursor.at.is_some_and(|at| at.elapsed() < TOPIC_EVERY) {
            return;
        }
        let end = end_of(instance, name);
        let rate = instance.rates.lock().get(name).map_or(0.0, crate::rate::RateMeter::per_second);
        if end == cursor.end && (rate - cursor.rate).abs() < 0.05 {
            return;
        }
        if let Ok(status) = instance.topic(name) {
            *cursor = TopicCursor { end, rate, at: Some(Instant::now()) };
            events.push(Event::Topic(status));
        }
    }
}

/// The table of a query's root statement: its store and its view.
fn root_table(query: &Query) -> Option<(StoreReader, &TableView)> {
    let view = query.tables.iter().find(|table| table.name == query.name())?;
    let readers = query.shared().readers.read();
    let reader = readers.iter().find(|reader| reader.name() == view.name)?.clone();
    Some((reader, view))
}

fn instant(ms: i64) -> Option<InstantMs> {
    (ms >= 0).then_some(InstantMs(ms))
}

/// The sum of a topic's ends: grows with every visible record.
fn end_of(instance: &Instance, topic: &str) -> i64 {
    let broker = instance.broker();
    let partitions = broker.topic(topic).map_or(0, |info| info.partitions);
    let found = (0..partitions).filter_map(|index| broker.partition(topic, index));
    found.map(|partition| partition.log().high_watermark().0).sum()
}

/// The windows that stream time has closed since the last drain.
fn finals(
    query: &Query,
    reader: &StoreReader,
    view: &TableView,
    before: i64,
    now: i64,
    now_ms: i64,
    events: &mut Vec<Event>,
) {
    let Some(window) = reader.plan().window else { return };
    let kept = window.size_ms.saturating_add(window.grace_ms);
    // A window is closed when start + size + grace <= stream time.
    let (from, to) = (before.saturating_sub(kept).saturating_add(1), now.saturating_sub(kept));
    if before < 0 || from > to {
        return;
    }
    let snapshot = reader.snapshot_with_history(from..=to);
    let mut starts: Vec<i64> = snapshot.windows().map(|(start, _, _)| start).collect();
    starts.sort_unstable();
    starts.dedup();
    starts.drain(..starts.len().saturating_sub(FINALS_MAX));
    for start in starts {
        let batch = snapshot.rows_between(start..=start);
        let truncated = batch.rows() > ROWS_MAX;
        let shown = batch.slice(0, batch.rows().min(ROWS_MAX));
        let mut rows = view.rows(&shown.columns, shown.rows(), now_ms);
        view.sort(&mut rows);
        events.push(Event::Final(FinalWindow {
            query: query.name().to_owned(),
            window_start: InstantMs(start),
            window_end: InstantMs(start.saturating_add(window.size_ms)),
            stream_time: instant(now),
            rows,
            truncated,
        }));
    }
}

fn late(
    instance: &Instance,
    query: &Query,
    cursor: &mut QueryCursor,
    accepted: u64,
    now_ms: i64,
    events: &mut Vec<Event>,
) {
    let (dropped, rows) = {
        let figures = query.shared().figures.lock();
        let dropped = figures.late - cursor.late.min(figures.late);
        cursor.late = figures.late;
        let skip = cursor.late_row.saturating_sub(figures.late_first);
        let rows: Vec<_> =
            figures.late_rows.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX)).cloned().collect();
        cursor.late_row = figures.late_first + figures.late_rows.len() as u64;
        (dropped, rows)
    };
    if dropped == 0 && accepted == 0 {
        return;
    }
    let left_out = rows.len().saturating_sub(LATE_ROWS_MAX);
    instance.late_dropped.fetch_add(left_out as u64, Ordering::Relaxed);
    let records = rows.into_iter().skip(left_out).map(|(topic, row)| {
        let window = query.window_of(row.node);
        let end = row.window_start.saturating_add(window.map_or(0, |window| window.size_ms));
        let closed = end.saturating_add(window.map_or(0, |window| window.grace_ms));
        let traced = instance.trace(query.name(), &topic, row.partition, row.offset);
        LateRow {
            partition: row.partition,
            offset: row.offset,
            timestamp: InstantMs(row.timestamp),
            key: traced.ok().and_then(|trace| trace.key).unwrap_or_default(),
            window_start: InstantMs(row.window_start),
            window_end: InstantMs(end),
            accepted: false,
            late_by_ms: row.stream_time.saturating_sub(closed),
            topic,
        }
    });
    events.push(Event::Late(Late {
        query: query.name().to_owned(),
        time: InstantMs(now_ms),
        accepted,
        dropped,
        records: records.collect(),
    }));
}

/// Figures of all queries and generators.
fn stats(instance: &Instance) -> Stats {
    let queries: Vec<QueryFacts> = {
        let queries = instance.state.read().queries.clone();
        let facts = queries.iter().map(|query| QueryFacts {
            name: query.name().to_owned(),
            state: query.shared().life().0,
            facts: query.facts(instance.broker()),
        });
        facts.collect()
    };
    let rates = instance.rates.lock();
    let per_second: f64 =
        rates.iter().filter(|(name, _)| !instance.is_internal_topic(name)).map(|(_, rate)| rate.per_second()).sum();
    drop(rates);
    Stats {
        time: InstantMs(instance.now_ms()),
        events_per_second: (per_second * 10.0).round() / 10.0,
        late: queries.iter().map(|query| query.facts.late).sum(),
        bad: queries.iter().map(|query| query.facts.bad).sum(),
        queries,
        generators: instance.generators(),
        stream: instance.stream_stats(),
    }
}
