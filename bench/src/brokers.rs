//! The broker's table: all servers of a run are started first, and then take turns, row by row and run by run, with a bare
//! program that appends and syncs. So whatever the machine does meanwhile, it does to each of them. A row that cannot be
//! measured on one of them is said to be so in its column, and costs nobody else a figure.

use std::path::Path;
use std::time::Duration;

use testkit::memory;

use crate::goals::{Figure, Figures};
use crate::rows::{Outcome, Row};
use crate::server::{Cost, Kind, Server};
use crate::table::{self, Table};
use crate::{Result, bare};

/// How the rows are run.
#[derive(Debug)]
pub struct Plan {
    /// Runs that are counted.
    pub runs: usize,
    /// How long each of them takes.
    pub time: Duration,
    /// How long a JVM is warmed up with each row before.
    pub jvm_warm_up: Duration,
    /// Only rows whose titles contain this.
    pub rows: String,
}

impl Plan {
    fn rows(&self) -> impl Iterator<Item = Row> {
        Row::ALL.into_iter().filter(|row| row.title().contains(&self.rows))
    }
}

/// Who is measured.
#[derive(Debug)]
struct Contender {
    title: String,
    bootstrap: String,
    pid: u32,
    warm_up: Duration,
    /// Of the row that is measured.
    outcomes: Vec<Outcome>,
    /// Why that row cannot be measured here.
    failure: Option<String>,
}

impl Contender {
    fn new(title: &str, bootstrap: &str, pid: u32, warm_up: Duration) -> Self {
        let (title, bootstrap) = (title.to_owned(), bootstrap.to_owned());
        Self { title, bootstrap, pid, warm_up, outcomes: Vec::new(), failure: None }
    }

    fn prepare(&self, row: Row) -> Result<()> {
        row.prepare(&self.bootstrap)?;
        self.run(row, self.warm_up).map(drop)
    }

    fn run(&self, row: Row, time: Duration) -> Result<Outcome> {
        row.run(&self.bootstrap, time, &Cost::begin(self.pid)?)
    }
}

/// What is printed: the rates, the load generator's own cost, and the figures that goals are judged by.
#[derive(Debug)]
struct Report {
    rates: Table,
    own: Table,
    figures: Figures,
}

impl Report {
    fn new() -> Self {
        let own = Table::new("CPU seconds of the load generator per million records");
        Self { rates: Table::new(""), own, figures: Figures::default() }
    }

    fn put(&mut self, column: &str, row: Row, text: String) {
        eprintln!("  {column}: {text}");
        self.rates.select(column);
        self.rates.put(row.title(), text);
    }
}

/// All servers, each started here, and the bare program.
pub fn table(dir: &Path, kinds: &[Kind], plan: &Plan) -> Result<String> {
    let mut servers = Vec::new();
    let mut report = Report::new();
    for kind in kinds {
        eprintln!("starting {}", kind.title());
        report.rates.column(kind.title());
        let (server, start_ms) = start(*kind, dir, plan.runs)?;
        report.rates.put("start to first acknowledged record, ms", format!("{start_ms:.0}"));
        report.figures.put_start(kind.title(), start_ms);
        servers.push((*kind, server));
    }
    // What a start leaves to be done later is done by now.
    std::thread::sleep(Duration::from_secs(5));
    let mut contenders = Vec::new();
    for (kind, server) in &servers {
        let mib = mebibytes(server)?;
        report.rates.select(kind.title());
        report.rates.put("memory, idle, MiB", format!("{mib:.0}"));
        report.figures.put_idle(kind.title(), mib);
        report.own.column(kind.title());
        let warm_up = if kind.is_jvm() { plan.jvm_warm_up } else { Duration::from_secs(1) };
        contenders.push(Contender::new(kind.title(), &server.bootstrap, server.pid(), warm_up));
    }
    report.rates.column(bare::TITLE);
    for row in plan.rows() {
        measure(row, &mut contenders, Some(dir), plan, &mut report)?;
    }
    for (kind, server) in servers {
        report.rates.select(kind.title());
        report.rates.put("memory, after the rows, MiB", format!("{:.0}", mebibytes(&server)?));
        server.stop();
    }
    Ok(format!("{}\n{}\n{}", report.rates, report.own, report.figures.verdicts()))
}

/// Servers that run already, by their listeners and processes.
pub fn table_of_running(servers: &[(String, u32)], plan: &Plan) -> Result<String> {
    let mut report = Report::new();
    let mut contenders = Vec::new();
    for (bootstrap, pid) in servers {
        report.rates.column(bootstrap);
        report.own.column(bootstrap);
        contenders.push(Contender::new(bootstrap, bootstrap, *pid, plan.jvm_warm_up));
    }
    for row in plan.rows() {
        measure(row, &mut contenders, None, plan, &mut report)?;
    }
    Ok(format!("{}\n{}", report.rates, report.own))
}

/// One row for everybody, in turn.
fn measure(
    row: Row,
    contenders: &mut [Contender],
    bare_dir: Option<&Path>,
    plan: &Plan,
    report: &mut Report,
) -> Result<()> {
    eprintln!("{}", row.title());
    let bare = bare_dir.zip(row.bare());
    let mut bare_rounds = Vec::new();
    for contender in contenders.iter_mut() {
        contender.outcomes.clear();
        contender.failure = contender.prepare(row).err();
    }
    for _ in 0..plan.runs {
        for contender in contenders.iter_mut().filter(|contender| contender.failure.is_none()) {
            settle()?;
            match contender.run(row, plan.time) {
                Ok(outcome) => contender.outcomes.push(outcome),
                Err(why) => contender.failure = Some(why),
            }
        }
        if let Some((dir, (bytes, _))) = &bare {
            settle()?;
            bare_rounds.push(bare::append_and_sync(dir, bytes, plan.time)?);
        }
    }
    for contender in contenders.iter() {
        // Should it fail, its topic stays: the rows after it have others.
        if let Err(why) = row.finish(&contender.bootstrap) {
            eprintln!("  {}: {why}", contender.title);
        }
        if let Some(why) = &contender.failure {
            report.put(&contender.title, row, format!("not measured: {why}"));
            continue;
        }
        let median =
            |of: fn(&Outcome) -> f64| table::median(&mut contender.outcomes.iter().map(of).collect::<Vec<_>>());
        let million = |cpu_seconds: f64, outcome: &Outcome| cpu_seconds / outcome.records as f64 * 1e6;
        let mut costs: Vec<f64> = contender.outcomes.iter().map(|o| million(o.cpu_seconds, o)).collect();
        let mut own_costs: Vec<f64> = contender.outcomes.iter().map(|o| million(o.own_cpu_seconds, o)).collect();
        let cpu_seconds_per_million = table::median(&mut costs);
        let (text, per_second) = match contender.outcomes.iter().all(|outcome| outcome.p50_us.is_some()) {
            true => {
                let us = median(|outcome| outcome.p50_us.unwrap_or(f64::NAN));
                (table::micros(us), 1e6 / us)
            }
            false => {
                let rate = median(|outcome| outcome.records as f64 / outcome.seconds);
                (table::rate(rate), rate)
            }
        };
        report.put(&contender.title, row, format!("{text} ({cpu_seconds_per_million:.2})"));
        report.figures.put(&contender.title, row, Figure { per_second, cpu_seconds_per_million });
        report.own.select(&contender.title);
        report.own.put(row.title(), format!("{:.2}", table::median(&mut own_costs)));
    }
    if let Some((_, (_, records))) = bare {
        let median = |of: fn(&bare::Rounds) -> f64| table::median(&mut bare_rounds.iter().map(of).collect::<Vec<_>>());
        let (text, per_second) = match records {
            1 => {
                let seconds = median(|rounds| rounds.p50_seconds);
                (table::micros(seconds * 1e6), 1.0 / seconds)
            }
            _ => {
                let rate = records as f64 / median(|rounds| rounds.mean_seconds);
                (table::rate(rate), rate)
            }
        };
        report.put(bare::TITLE, row, text);
        report.figures.put(bare::TITLE, row, Figure { per_second, cpu_seconds_per_million: 0.0 });
    }
    Ok(())
}

/// What one run left to be written must not be written during the next.
fn settle() -> Result<()> {
    let done = std::process::Command::new("sync").status().map_err(|e| format!("sync: {e}"))?;
    if done.success() { Ok(()) } else { Err("sync failed".to_owned()) }
}

fn mebibytes(server: &Server) -> Result<f64> {
    Ok(memory::mib(server.resident_bytes()?))
}

/// The last of the servers that were started, still running, and the median time until a record was acknowledged.
fn start(kind: Kind, dir: &Path, runs: usize) -> Result<(Server, f64)> {
    let mut times_ms = Vec::new();
    loop {
        let mut server = Server::start(kind, dir)?;
        times_ms.push(server.until_first_acknowledged()?.as_secs_f64() * 1e3);
        if times_ms.len() >= runs {
            return Ok((server, table::median(&mut times_ms)));
        }
        server.stop();
    }
}
