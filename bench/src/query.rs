//! The page-event query over events that lie in its topic already, beside Kafka Streams: from the first record read to the
//! last count in R4.
//!
//! Verifies: the last value of every window and page in R4, read committed, is our own recount of the events, for both; a
//! run that differs does not end well. Does not verify: how often a count was written on its way there.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use testkit::memory;

use crate::connection::Connection;
use crate::events::{Counts, Events, Tally};
use crate::server::{Cost, Kind, Server};
use crate::streams::Streams;
use crate::table::{self, Table};
use crate::{Result, frames};

/// As in the demo, without its supplier.
pub const QUERY: &str = r#"
CREATE STREAM page_events (name TEXT, "user" TEXT, date TIMESTAMP, duration BIGINT DEFAULT 0)
  WITH (topic = 'R2', value_format = 'json');
CREATE TABLE page_count ${options} AS
  SELECT name, window_start, window_end, count(*) AS visits
  FROM TUMBLE(page_events, INTERVAL '5 seconds')
  WHERE duration > 100
  GROUP BY name, window_start, window_end
  EMIT CHANGES;
CREATE STREAM page_visits WITH (topic = 'R4', key_format = 'text', value_format = 'int64') AS
  SELECT visits FROM page_count PARTITION BY '=>' || window_start || window_end || name;
"#;

const BATCH_EVENTS: u64 = 500;
const IN_FLIGHT: u64 = 8;
const FETCH_BYTES_MAX: i32 = 1 << 20;
/// A run takes seconds, of Kafka Streams minutes; one that takes this long has lost or doubled something.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    pub events: u64,
    pub pages: Vec<u32>,
    pub workers: Vec<usize>,
    /// Runs that are counted.
    pub runs: usize,
    pub streams: Option<StreamsPlan>,
}

/// How Kafka Streams is measured.
#[derive(Clone, Copy, Debug)]
pub struct StreamsPlan {
    /// Events of each run.
    pub events: u64,
    /// Runs before those that are counted.
    pub warm_up: usize,
}

/// One run's figures.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    events: u64,
    seconds: f64,
    cpu_seconds: f64,
    peak_bytes: u64,
}

impl Outcome {
    fn events_per_second(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    fn cpu_seconds_per_million(&self) -> f64 {
        self.cpu_seconds / self.events as f64 * 1e6
    }

    fn tell(&self) {
        let (rate, cost) = (table::rate(self.events_per_second()), self.cpu_seconds_per_million());
        eprintln!("    {rate} ({cost:.2}), {:.0} MiB", memory::mib(self.peak_bytes));
    }
}

/// Medians of runs.
#[derive(Clone, Copy, Debug)]
struct Medians {
    events_per_second: f64,
    cpu_seconds_per_million: f64,
    peak_mib: f64,
}

impl Medians {
    fn of(outcomes: &[Outcome]) -> Self {
        let median = |of: fn(&Outcome) -> f64| table::median(&mut outcomes.iter().map(of).collect::<Vec<_>>());
        Self {
            events_per_second: median(Outcome::events_per_second),
            cpu_seconds_per_million: median(Outcome::cpu_seconds_per_million),
            peak_mib: median(|run| memory::mib(run.peak_bytes)),
        }
    }
}

pub fn table(dir: &Path, plan: &Plan) -> Result<String> {
    let cells: Vec<(u32, usize)> =
        plan.pages.iter().flat_map(|pages| plan.workers.iter().map(|workers| (*pages, *workers))).collect();
    let title = |(pages, workers): &(u32, usize), what: &str| {
        format!("{pages} keys, {workers} thread{}: {what}", if *workers == 1 { "" } else { "s" })
    };
    let mut table = Table::new("page-event query");
    table.column(&format!("Millstream, {}", millions(plan.events)));
    let mut ours = Vec::new();
    for cell in &cells {
        eprintln!("Millstream, {}", title(cell, "runs"));
        let events = Events { count: plan.events, pages: cell.0, first_ms: first_ms(plan) };
        let mut outcomes = Vec::new();
        for _ in 0..plan.runs {
            let outcome = run(dir, events, cell.1)?;
            outcome.tell();
            outcomes.push(outcome);
        }
        let medians = Medians::of(&outcomes);
        put(&mut table, |what| title(cell, what), medians);
        ours.push(medians);
    }
    if let Some(streams) = plan.streams {
        table.column(&format!("Kafka Streams 4.3.1 with its broker, {}", millions(streams.events)));
        let mut theirs = Vec::new();
        for cell in &cells {
            eprintln!("Kafka Streams, {}", title(cell, "runs, first those that are not counted"));
            let events = Events { count: streams.events, pages: cell.0, first_ms: first_ms(plan) };
            let medians = Medians::of(&run_streams(dir, events, cell.1, streams.warm_up, plan.runs)?);
            put(&mut table, |what| title(cell, what), medians);
            theirs.push(medians);
        }
        table.column("ratio");
        for ((cell, ours), theirs) in cells.iter().zip(ours).zip(theirs) {
            let times = |ratio: f64| format!("{ratio:.1} ×");
            table.put(&title(cell, "events"), times(ours.events_per_second / theirs.events_per_second));
            let cost = theirs.cpu_seconds_per_million / ours.cpu_seconds_per_million;
            table.put(&title(cell, "CPU seconds per million"), String::new());
            table.put(&title(cell, "events per CPU second"), times(cost));
            table.put(&title(cell, "peak memory, MiB"), format!("1 : {:.0}", theirs.peak_mib / ours.peak_mib));
        }
    }
    Ok(table.to_string())
}

fn put(table: &mut Table, title: impl Fn(&str) -> String, medians: Medians) {
    table.put(&title("events"), table::rate(medians.events_per_second));
    table.put(&title("CPU seconds per million"), format!("{:.2}", medians.cpu_seconds_per_million));
    table.put(&title("events per CPU second"), table::rate(1e6 / medians.cpu_seconds_per_million));
    table.put(&title("peak memory, MiB"), format!("{:.0}", medians.peak_mib));
}

fn millions(events: u64) -> String {
    format!("{} M events", events as f64 / 1e6)
}

/// The time of the first event: so that the last one is an hour old at most, which no topic's retention reaches.
fn first_ms(plan: &Plan) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let span_ms = plan.events.max(plan.streams.map_or(0, |streams| streams.events)) / crate::events::EVENTS_PER_MS;
    (now.as_millis() as i64 - span_ms as i64) / 3_600_000 * 3_600_000
}

/// One run of ours, in a new process.
fn run(dir: &Path, events: Events, workers: usize) -> Result<Outcome> {
    let server = start(dir, workers)?;
    let expected = load(&server.bootstrap, "R2", events)?;
    memory::forget_peak(server.pid())?;
    let cost = Cost::begin(server.pid())?;
    let before = cost.cpu_seconds()?;
    let started = Instant::now();
    post_sql(&server.http, &QUERY.replace("${options}", ""))?;
    until_counted(&server.bootstrap, "R4", &expected, &|| Ok(()))?;
    let outcome = Outcome {
        events: events.count,
        seconds: started.elapsed().as_secs_f64(),
        cpu_seconds: cost.cpu_seconds()? - before,
        peak_bytes: memory::peak_bytes(server.pid())?,
    };
    server.stop();
    Ok(outcome)
}

/// Millstream without a query.
pub fn start(dir: &Path, workers: usize) -> Result<Server> {
    let data = dir.join("query");
    let _ = std::fs::remove_dir_all(&data);
    let nothing = dir.join("nothing.sql");
    let broken = |e: std::io::Error| format!("cannot write in {}: {e}", dir.display());
    std::fs::create_dir_all(&data).and_then(|()| std::fs::write(&nothing, "-- no queries yet\n")).map_err(broken)?;
    let mut server = Server::millstream(&data, &["--workers", &workers.to_string(), &nothing.to_string_lossy()])?;
    server.until_first_acknowledged()?;
    Ok(server)
}

/// A broker, and an application that counts the same events again and again, each time from the beginning and as a new one.
/// The first times are for the JVMs to get warm.
fn run_streams(dir: &Path, events: Events, threads: usize, warm_up: usize, runs: usize) -> Result<Vec<Outcome>> {
    let mut broker = Server::start(Kind::KafkaPageCache, dir)?;
    broker.until_first_acknowledged()?;
    let expected = load(&broker.bootstrap, "R2", events)?;
    let mut admin = Connection::open(&broker.bootstrap)?;
    let mut streams = Streams::start(dir, &broker.bootstrap, threads)?;
    let costs = [Cost::begin(broker.pid())?, Cost::begin(streams.pid())?];
    let spent = || costs.iter().map(Cost::cpu_seconds).sum::<Result<f64>>();
    let mut outcomes = Vec::new();
    for number in 0..warm_up + runs {
        let output = format!("R4-{number}");
        admin.create_topic(&output, 1)?;
        memory::forget_peak(broker.pid())?;
        memory::forget_peak(streams.pid())?;
        streams.run("R2", &output)?;
        let (started, before) = (Instant::now(), spent()?);
        until_counted(&broker.bootstrap, &output, &expected, &|| streams.alive())?;
        let outcome = Outcome {
            events: events.count,
            seconds: started.elapsed().as_secs_f64(),
            cpu_seconds: spent()? - before,
            peak_bytes: memory::peak_bytes(broker.pid())? + memory::peak_bytes(streams.pid())?,
        };
        outcome.tell();
        outcomes.push(outcome);
    }
    drop(streams);
    broker.stop();
    Ok(outcomes.split_off(warm_up))
}

/// Fills a topic with events; what the query counts of them.
fn load(bootstrap: &str, topic: &str, events: Events) -> Result<Counts> {
    let mut connection = Connection::open(bootstrap)?;
    connection.create_topic(topic, 1)?;
    let mut in_flight = 0;
    let counts = events.batches(BATCH_EVENTS, &mut |batch| {
        connection.send(&frames::produce(topic, 0, batch)?)?;
        in_flight += 1;
        if in_flight == IN_FLIGHT {
            connection.acknowledged()?;
            in_flight -= 1;
        }
        Ok(())
    })?;
    (0..in_flight).try_for_each(|_| connection.acknowledged())?;
    Ok(counts)
}

/// Reads a topic until the last values of its keys add up to what is expected, and compares each.
fn until_counted(bootstrap: &str, topic: &str, expected: &Counts, alive: &dyn Fn() -> Result<()>) -> Result<()> {
    let mut connection = Connection::open(bootstrap)?;
    let mut tally = Tally::new(expected)?;
    let mut offset = 0;
    let deadline = Instant::now() + PATIENCE;
    while !tally.complete() {
        if Instant::now() > deadline {
            let (sum, total) = (tally.sum(), expected.total());
            return Err(format!("{topic} counts {sum} events of {total}, and no more came"));
        }
        connection.send(&frames::fetch(topic, 0, offset, FETCH_BYTES_MAX)?)?;
        let fetched = connection.fetched(|batch| match batch.header.is_control() {
            true => Ok(()),
            false => tally.read(batch),
        })?;
        match fetched {
            Some(fetched) => offset = fetched.next_offset,
            None => alive()?,
        }
    }
    tally.check()?;
    eprintln!("    {} keys, {} updates, as expected", expected.keys(), tally.updates);
    Ok(())
}

pub fn post_sql(http: &str, sql: &str) -> Result<()> {
    let body = serde_json::json!({ "sql": sql }).to_string();
    let request = format!(
        "POST /v1/sql HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    let exchanged = TcpStream::connect(http).and_then(|mut socket| {
        socket.write_all(request.as_bytes())?;
        socket.read_to_string(&mut answer)
    });
    exchanged.map_err(|e| format!("POST /v1/sql: {e}"))?;
    match answer.starts_with("HTTP/1.1 200") {
        true => Ok(()),
        false => Err(format!("POST /v1/sql: {answer}")),
    }
}
