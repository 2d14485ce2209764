//! From send to receipt under a steady load: how long until the count that holds an event is read from R4, comes in the
//! live stream, and comes to a page.
//!
//! The events that are timed are probes: each visits a page of its own, so that its count is found again by name. Beside
//! them, at the same time on the same disk, a bare program appends and syncs: the unit of the goals. The same once before,
//! while nothing else is done, tells how much of that is our own load.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use record::ReadLimits;

use crate::connection::Connection;
use crate::events::Events;
use crate::server::{Cost, Kind, Server};
use crate::steady::{Sent, Steady, probes_in};
use crate::streams::Streams;
use crate::table::Table;
use crate::{Result, frames, goals, query};

/// The query's commit interval, and Kafka Streams' own with exactly-once.
const INTERVAL_MS: f64 = 100.0;
const FETCH_BYTES_MAX: i32 = 1 << 20;
/// Between two bare appends, on the average.
const BARE_EVERY: Duration = Duration::from_millis(50);
/// How long it does so before anything is sent.
const IDLE: Duration = Duration::from_secs(3);
/// How long after the last probe its count may come.
const PATIENCE: Duration = Duration::from_secs(2);
/// As a page asks for it.
const PAGE: &str = "/v1/stream?q=*&topic=*&stats=1&fps=10";
const AT_ONCE: &str = "/v1/stream?q=page_count&fps=0";

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub events_per_second: u64,
    pub pages: u32,
    pub seconds: u64,
    /// Seconds before, which are not counted.
    pub warm_up_seconds: u64,
    /// The same of Kafka Streams, whose JVMs get warm in it; `None`: it does not run.
    pub streams_warm_up_seconds: Option<u64>,
}

/// Times in ms, sorted.
#[derive(Debug, Default)]
struct Times(Vec<f64>);

impl Times {
    fn of(mut times_ms: Vec<f64>) -> Self {
        times_ms.sort_by(f64::total_cmp);
        Self(times_ms)
    }

    fn quantile(&self, q: f64) -> f64 {
        let at = (self.0.len() as f64 * q) as usize;
        self.0.get(at.min(self.0.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    }
}

/// When each probe was first seen, by its number.
type Seen = HashMap<usize, Instant>;

/// One server's figures.
#[derive(Debug, Default)]
struct Measured {
    r4: Times,
    at_once: Times,
    page: Times,
    bare: Times,
    /// The same before any event was sent.
    bare_idle: Times,
    /// CPU seconds of its processes per second.
    cores: f64,
}

pub fn table(dir: &Path, plan: &Plan) -> Result<String> {
    let ours = millstream(dir, plan)?;
    let theirs = plan.streams_warm_up_seconds.map(|warm_up| kafka_streams(dir, plan, warm_up)).transpose()?;
    let s = ours.bare.quantile(0.5);
    let title = format!("{} events/s, {} keys, to", plan.events_per_second, plan.pages);
    let mut rows = vec![
        ("a read_committed reader of R4", &ours.r4, Some((INTERVAL_MS / 2.0 + 5.0 * s, INTERVAL_MS + 8.0 * s))),
        ("`/v1/stream?fps=0`", &ours.at_once, Some((f64::INFINITY, 10.0 + 8.0 * s))),
        ("`/v1/stream` as the page reads it, 10 Hz", &ours.page, Some((f64::INFINITY, 110.0 + 8.0 * s))),
        ("S: a bare append and `fdatasync` of such a batch", &ours.bare, None),
        ("the same before, on the idle disk", &ours.bare_idle, None),
    ];
    if let Some(theirs) = &theirs {
        rows.push(("Kafka Streams 4.3.1: a read_committed reader of R4", &theirs.r4, None));
        rows.push(("a bare append and `fdatasync` then", &theirs.bare, None));
    }
    let mut table = Table::new(&title);
    let ms = |ms: f64| if ms.is_finite() { format!("{ms:.2} ms") } else { String::new() };
    let columns: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("most", 1.0)];
    for (column, q) in columns {
        table.column(column);
        rows.iter().for_each(|(row, times, _)| table.put(row, ms(times.quantile(q))));
    }
    for (column, of) in [("goal p50", 0), ("goal p99", 1)] {
        table.column(column);
        for (row, times, goal) in &rows {
            let goal = goal.map_or(f64::INFINITY, |(p50, p99)| if of == 0 { p50 } else { p99 });
            let here = times.quantile(if of == 0 { 0.5 } else { 0.99 });
            let told = || format!("≤ {}, {}", ms(goal), goals::verdict(here <= goal));
            table.put(row, if goal.is_finite() { told() } else { String::new() });
        }
    }
    let cores = theirs.map_or(String::new(), |theirs| format!("; Kafka Streams with its broker: {:.2}", theirs.cores));
    Ok(format!("{table}\nCPU seconds per second: Millstream {:.2}{cores}\n", ours.cores))
}

fn millstream(dir: &Path, plan: &Plan) -> Result<Measured> {
    let server = query::start(dir, 1)?;
    Connection::open(&server.bootstrap)?.create_topic("R2", 1)?;
    query::post_sql(&server.http, &query::QUERY.replace("${options}", ""))?;
    let spent = Cost::begin(server.pid())?;
    let measured = measure(dir, &server, plan, plan.warm_up_seconds, || Ok(()), || spent.cpu_seconds())?;
    server.stop();
    Ok(measured)
}

fn kafka_streams(dir: &Path, plan: &Plan, warm_up_seconds: u64) -> Result<Measured> {
    let mut broker = Server::start(Kind::KafkaPageCache, dir)?;
    broker.until_first_acknowledged()?;
    for topic in ["R2", "R4"] {
        Connection::open(&broker.bootstrap)?.create_topic(topic, 1)?;
    }
    let mut streams = Streams::start(dir, &broker.bootstrap, 1)?;
    let costs = [Cost::begin(broker.pid())?, Cost::begin(streams.pid())?];
    let spent = || costs.iter().map(Cost::cpu_seconds).sum::<Result<f64>>();
    let measured = measure(dir, &broker, plan, warm_up_seconds, || streams.run("R2", "R4"), spent)?;
    streams.alive()?;
    drop(streams);
    broker.stop();
    Ok(measured)
}

/// Feeds a server, and watches where the probes come out. `begin` is called when events flow.
fn measure(
    dir: &Path,
    server: &Server,
    plan: &Plan,
    warm_up_seconds: u64,
    begin: impl FnOnce() -> Result<()>,
    spent: impl Fn() -> Result<f64>,
) -> Result<Measured> {
    let steady = Steady {
        bootstrap: server.bootstrap.clone(),
        topic: "R2",
        events_per_second: plan.events_per_second,
        pages: plan.pages,
        probes: true,
    };
    let (fed, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let http = Some(server.http.as_str()).filter(|http| !http.is_empty());
    let batch_events = steady.batch_events() as u64;
    let ms_of = |times: Vec<(Instant, f64)>| Times::of(times.into_iter().map(|(_, ms)| ms).collect());
    let until = Instant::now() + IDLE;
    let bare_idle = ms_of(append_and_sync(dir, batch_events, || Instant::now() >= until)?);
    std::thread::scope(|scope| {
        let feeder = scope.spawn(|| steady.feed(&fed));
        let r4 = scope.spawn(|| follow_topic(&server.bootstrap, "R4", &over));
        let streams = [AT_ONCE, PAGE].map(|path| {
            let over = &over;
            http.map(|http| scope.spawn(move || follow_stream(http, path, over)))
        });
        let bare = scope.spawn(|| append_and_sync(dir, batch_events, || over.load(Ordering::Relaxed)));
        let measured = (|| {
            begin()?;
            std::thread::sleep(Duration::from_secs(warm_up_seconds));
            let (from, before) = (Instant::now(), spent()?);
            std::thread::sleep(Duration::from_secs(plan.seconds));
            Ok::<_, String>((from, Instant::now(), (spent()? - before) / from.elapsed().as_secs_f64()))
        })();
        fed.store(true, Ordering::Relaxed);
        let sent = joined(feeder);
        // What was sent last has this long to come out.
        std::thread::sleep(PATIENCE);
        over.store(true, Ordering::Relaxed);
        let (seen, bare) = (joined(r4), joined(bare));
        let [at_once, page] = streams.map(|watcher| watcher.map_or_else(|| Ok(Seen::new()), joined));
        let ((from, to, cores), sent) = (measured?, sent?);
        let asked = plan.events_per_second as f64;
        let rate = sent.events as f64 / sent.seconds;
        if rate < 0.95 * asked {
            return Err(format!("the server took {rate:.0} events/s of {asked}"));
        }
        let times = |seen: Seen, what| latencies(&sent, &seen, from..to, what);
        let bare = bare?.into_iter().filter(|(begun, _)| (from..to).contains(begun)).collect();
        Ok(Measured {
            r4: times(seen?, "R4")?,
            at_once: if http.is_some() { times(at_once?, AT_ONCE)? } else { Times::default() },
            page: if http.is_some() { times(page?, PAGE)? } else { Times::default() },
            bare: ms_of(bare),
            bare_idle,
            cores,
        })
    })
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| Err("a thread ended".to_owned()))
}

/// From send to receipt, of the probes that were sent in `span`. Each must have come.
fn latencies(sent: &Sent, seen: &Seen, span: std::ops::Range<Instant>, what: &str) -> Result<Times> {
    let mut times_ms = Vec::new();
    let mut missing = 0;
    for (number, at) in sent.probes.iter().enumerate().filter(|(_, at)| span.contains(at)) {
        match seen.get(&number) {
            Some(received) => times_ms.push(received.saturating_duration_since(*at).as_secs_f64() * 1e3),
            None => missing += 1,
        }
    }
    match missing {
        0 => Ok(Times::of(times_ms)),
        missing => Err(format!("{what}: {missing} of {} probes never came", missing + times_ms.len())),
    }
}

/// Reads a topic, committed records only, as soon as something is there.
fn follow_topic(bootstrap: &str, topic: &str, over: &AtomicBool) -> Result<Seen> {
    let mut connection = Connection::open(bootstrap)?;
    let (mut seen, mut offset) = (Seen::new(), 0);
    while !over.load(Ordering::Relaxed) {
        connection.send(&frames::fetch(topic, 0, offset, FETCH_BYTES_MAX)?)?;
        let mut received = None;
        let fetched = connection.fetched(|batch| {
            let received = *received.get_or_insert_with(Instant::now);
            if batch.header.is_control() {
                return Ok(());
            }
            for record in &batch.records(ReadLimits::default()).map_err(|e| format!("{topic}: {e}"))? {
                let key = record.map_err(|e| format!("{topic}: {e}"))?.key.unwrap_or_default();
                probes_in(key, |number| {
                    seen.entry(number).or_insert(received);
                });
            }
            Ok(())
        })?;
        offset = fetched.map_or(offset, |fetched| fetched.next_offset);
    }
    Ok(seen)
}

/// Reads a stream of events, and looks for probes in its text.
fn follow_stream(http: &str, path: &str, over: &AtomicBool) -> Result<Seen> {
    let broken = |e: std::io::Error| format!("{path}: {e}");
    let mut socket = TcpStream::connect(http).map_err(broken)?;
    socket.set_read_timeout(Some(Duration::from_millis(200))).map_err(broken)?;
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: {http}\r\n\r\n").as_bytes()).map_err(broken)?;
    let mut seen = Seen::new();
    let mut block = vec![0; 1 << 18];
    // The last bytes of what was read before, in case that a name is cut.
    let mut text: Vec<u8> = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let length = match socket.read(&mut block) {
            Ok(0) => return Err(format!("{path}: the stream ended")),
            Ok(length) => length,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(e) => return Err(broken(e)),
        };
        let received = Instant::now();
        text.extend_from_slice(&block[..length]);
        let whole = text.iter().rposition(|byte| *byte == b'"' || *byte == b'\n').map_or(0, |at| at + 1);
        probes_in(&text[..whole], |number| {
            seen.entry(number).or_insert(received);
        });
        text.drain(..whole.saturating_sub(1));
    }
    Ok(seen)
}

/// Appends a batch of the load to a file and syncs it, again and again at random moments; when, and each time in ms.
fn append_and_sync(dir: &Path, batch_events: u64, over: impl Fn() -> bool) -> Result<Vec<(Instant, f64)>> {
    let path = dir.join("bare");
    let broken = |e: std::io::Error| format!("{}: {e}", path.display());
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&path).map_err(broken)?;
    let mut batches = Vec::new();
    let one = Events { count: batch_events.max(1), pages: 2, first_ms: frames::FIRST_TIMESTAMP.0 };
    one.batches(one.count, &mut |batch| {
        batches.push(batch);
        Ok(())
    })?;
    let batch = batches.concat();
    let mut random = fastrand::Rng::with_seed(1);
    let mut times = Vec::new();
    while !over() {
        std::thread::sleep(BARE_EVERY.mul_f64(0.5 + random.f64()));
        let begun = Instant::now();
        file.write_all(&batch).and_then(|()| file.sync_data()).map_err(broken)?;
        times.push((begun, begun.elapsed().as_secs_f64() * 1e3));
    }
    std::fs::remove_file(&path).map_err(broken)?;
    Ok(times)
}
