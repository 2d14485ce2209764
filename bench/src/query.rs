//! The page-event query over events that lie in its topic already: from the statement to the last count in R4.
//!
//! Verifies: the last value of every key of R4, read committed, is our own recount of the events; a run that differs does
//! not end. Does not verify: how often a count was written on its way there.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use record::{BatchBuilder, BatchOptions, LeaderEpoch, Offset, ReadLimits, TimestampMs};

use crate::connection::Connection;
use crate::server::{Cost, Server};
use crate::table::{self, Table};
use crate::{Result, frames};

/// As in the demo, without its supplier.
const QUERY: &str = r#"
CREATE STREAM page_events (name TEXT, "user" TEXT, date TIMESTAMP, duration BIGINT DEFAULT 0)
  WITH (topic = 'R2', value_format = 'json');
CREATE TABLE page_count AS
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
/// A run takes seconds; one that takes this long has lost or doubled something.
const PATIENCE: Duration = Duration::from_secs(300);

/// One run's figures.
struct Outcome {
    events_per_second: f64,
    cpu_seconds_per_million: f64,
    resident_mib: f64,
}

pub fn table(dir: &Path, events: u64, workers: usize, runs: usize) -> Result<String> {
    let mut outcomes = Vec::new();
    for _ in 0..runs {
        let outcome = run(dir, events, workers)?;
        eprintln!(
            "  {} ({:.2}), {:.0} MiB",
            table::rate(outcome.events_per_second),
            outcome.cpu_seconds_per_million,
            outcome.resident_mib
        );
        outcomes.push(outcome);
    }
    let median = |of: fn(&Outcome) -> f64| table::median(&mut outcomes.iter().map(of).collect::<Vec<_>>());
    let mut table = Table::new(&format!("page-event query, {events} events, 2 keys"));
    table.column(&format!("Millstream, --workers {workers}"));
    table.put("events", table::rate(median(|run| run.events_per_second)));
    table.put("CPU seconds of the process per million", format!("{:.2}", median(|run| run.cpu_seconds_per_million)));
    table.put("memory at the end, MiB", format!("{:.0}", median(|run| run.resident_mib)));
    Ok(table.to_string())
}

fn run(dir: &Path, events: u64, workers: usize) -> Result<Outcome> {
    let data = dir.join("query");
    let _ = std::fs::remove_dir_all(&data);
    let nothing = dir.join("nothing.sql");
    let broken = |e: std::io::Error| format!("cannot write in {}: {e}", dir.display());
    std::fs::create_dir_all(&data).and_then(|()| std::fs::write(&nothing, "-- no queries yet\n")).map_err(broken)?;
    let args = ["--workers", &workers.to_string(), &nothing.to_string_lossy()];
    let mut server = Server::millstream(&data, &args)?;
    server.until_first_acknowledged()?;

    let expected = load(&server.bootstrap, events)?;
    let cost = Cost::begin(server.pid())?;
    let before = cost.cpu_seconds()?;
    let started = Instant::now();
    post_sql(&server.http, QUERY)?;
    until_counted(&server.bootstrap, expected)?;
    let seconds = started.elapsed().as_secs_f64();
    let outcome = Outcome {
        events_per_second: events as f64 / seconds,
        cpu_seconds_per_million: (cost.cpu_seconds()? - before) / events as f64 * 1e6,
        resident_mib: server.resident_bytes()? as f64 / 1_048_576.0,
    };
    server.stop();
    Ok(outcome)
}

/// Fills R2 with one event a millisecond; how many of them the query counts.
fn load(bootstrap: &str, events: u64) -> Result<u64> {
    let mut connection = Connection::open(bootstrap)?;
    connection.create_topic("R2", 1)?;
    let mut random = fastrand::Rng::with_seed(events);
    let mut expected = 0;
    let mut in_flight = 0;
    for first in (0..events).step_by(BATCH_EVENTS as usize) {
        let mut batch = BatchBuilder::new(BatchOptions::default());
        for number in first..(first + BATCH_EVENTS).min(events) {
            let timestamp = TimestampMs(frames::FIRST_TIMESTAMP.0 + number as i64);
            let (page, user, duration) = (random.u8(1..=2), random.u8(1..=2), random.u32(0..9_000));
            expected += u64::from(duration > 100);
            let date = timestamp.0;
            let value = format!(r#"{{"name":"P{page}","user":"U{user}","date":{date},"duration":{duration}}}"#);
            batch.push(timestamp, None, Some(value.as_bytes()), []);
        }
        connection.send(&frames::produce("R2", 0, batch.finish(Offset(0), LeaderEpoch(-1)))?)?;
        in_flight += 1;
        if in_flight == IN_FLIGHT {
            connection.acknowledged()?;
            in_flight -= 1;
        }
    }
    (0..in_flight).try_for_each(|_| connection.acknowledged())?;
    Ok(expected)
}

/// Reads R4 until the last values of its keys add up to `expected`.
fn until_counted(bootstrap: &str, expected: u64) -> Result<()> {
    let mut connection = Connection::open(bootstrap)?;
    let mut counts: HashMap<Vec<u8>, i64> = HashMap::new();
    let (mut offset, mut sum) = (0, 0i64);
    let deadline = Instant::now() + PATIENCE;
    while sum != expected as i64 {
        if Instant::now() > deadline {
            return Err(format!("R4 counts {sum} events of {expected}, and no more came"));
        }
        connection.send(&frames::fetch("R4", 0, offset, FETCH_BYTES_MAX)?)?;
        let fetched = connection.fetched(|batch| {
            if batch.header.is_control() {
                return Ok(());
            }
            let records = batch.records(ReadLimits::default()).map_err(|e| format!("R4: {e}"))?;
            for record in &records {
                let record = record.map_err(|e| format!("R4: {e}"))?;
                let count = record.value.and_then(|value| value.try_into().ok()).map(i64::from_be_bytes);
                let count = count.ok_or("a value of R4 is no 8-byte integer")?;
                let replaced = counts.insert(record.key.unwrap_or_default().to_vec(), count);
                sum += count - replaced.unwrap_or(0);
            }
            Ok(())
        })?;
        offset = fetched.map_or(offset, |fetched| fetched.next_offset);
    }
    Ok(())
}

fn post_sql(http: &str, sql: &str) -> Result<()> {
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
