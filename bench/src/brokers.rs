//! The broker's table: all servers of a run are started first, and then take turns, row by row and run by run, with a bare
//! program that appends and syncs. So whatever the machine does meanwhile, it does to each of them.

use std::path::Path;
use std::time::Duration;

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
    outcomes: Vec<Outcome>,
}

/// All servers, each started here, and the bare program.
pub fn table(dir: &Path, kinds: &[Kind], plan: &Plan) -> Result<String> {
    let mut servers = Vec::new();
    let mut rates = Table::new("");
    for kind in kinds {
        eprintln!("starting {}", kind.title());
        rates.column(kind.title());
        let (server, start_ms) = start(*kind, dir, plan.runs)?;
        rates.put("start to first acknowledged record, ms", format!("{start_ms:.0}"));
        servers.push((*kind, server));
    }
    // What a start leaves to be done later is done by now.
    std::thread::sleep(Duration::from_secs(5));
    let mut contenders = Vec::new();
    for (kind, server) in &servers {
        rates.select(kind.title());
        rates.put("memory, idle, MiB", mebibytes(server)?);
        contenders.push(Contender {
            title: kind.title().to_owned(),
            bootstrap: server.bootstrap.clone(),
            pid: server.pid(),
            warm_up: if kind.is_jvm() { plan.jvm_warm_up } else { Duration::from_secs(1) },
            outcomes: Vec::new(),
        });
    }
    let mut own = Table::new("CPU seconds of the load generator per million records");
    for contender in &contenders {
        own.column(&contender.title);
    }
    rates.column(bare::TITLE);
    for row in plan.rows() {
        // One row that cannot be measured must not cost the others their figures.
        if let Err(why) = measure(row, &mut contenders, Some(dir), plan, &mut rates, &mut own) {
            eprintln!("  not measured: {why}");
            rates.put(row.title(), "not measured".to_owned());
        }
    }
    for (kind, server) in servers {
        rates.select(kind.title());
        rates.put("memory, after the rows, MiB", mebibytes(&server)?);
        server.stop();
    }
    Ok(format!("{rates}\n{own}"))
}

/// One server that runs already.
pub fn table_of_one(bootstrap: &str, pid: u32, plan: &Plan) -> Result<String> {
    let (mut rates, mut own) = (Table::new(""), Table::new("CPU seconds of the load generator per million records"));
    rates.column(bootstrap);
    own.column(bootstrap);
    let mut contenders = [Contender {
        title: bootstrap.to_owned(),
        bootstrap: bootstrap.to_owned(),
        pid,
        warm_up: plan.jvm_warm_up,
        outcomes: Vec::new(),
    }];
    for row in plan.rows() {
        measure(row, &mut contenders, None, plan, &mut rates, &mut own)?;
    }
    Ok(format!("{rates}\n{own}"))
}

/// One row for everybody, in turn.
fn measure(
    row: Row,
    contenders: &mut [Contender],
    bare_dir: Option<&Path>,
    plan: &Plan,
    rates: &mut Table,
    own: &mut Table,
) -> Result<()> {
    eprintln!("{}", row.title());
    let bare = bare_dir.zip(row.bare());
    let mut bare_seconds = Vec::new();
    for contender in contenders.iter_mut() {
        contender.outcomes.clear();
        row.prepare(&contender.bootstrap)?;
        row.run(&contender.bootstrap, contender.warm_up, &Cost::begin(contender.pid)?)?;
    }
    for _ in 0..plan.runs {
        for contender in contenders.iter_mut() {
            settle()?;
            let outcome = row.run(&contender.bootstrap, plan.time, &Cost::begin(contender.pid)?)?;
            contender.outcomes.push(outcome);
        }
        if let Some((dir, (bytes, _))) = &bare {
            settle()?;
            bare_seconds.push(bare::append_and_sync(dir, bytes, plan.time / 2)?);
        }
    }
    for contender in contenders.iter() {
        row.finish(&contender.bootstrap)?;
        let median =
            |of: fn(&Outcome) -> f64| table::median(&mut contender.outcomes.iter().map(of).collect::<Vec<_>>());
        let million = |cpu_seconds: f64, outcome: &Outcome| cpu_seconds / outcome.records as f64 * 1e6;
        let mut costs: Vec<f64> = contender.outcomes.iter().map(|o| million(o.cpu_seconds, o)).collect();
        let mut own_costs: Vec<f64> = contender.outcomes.iter().map(|o| million(o.own_cpu_seconds, o)).collect();
        let figure = match contender.outcomes.iter().all(|outcome| outcome.p50_us.is_some()) {
            true => table::micros(median(|outcome| outcome.p50_us.unwrap_or(f64::NAN))),
            false => table::rate(median(|outcome| outcome.records as f64 / outcome.seconds)),
        };
        let figure = format!("{figure} ({:.2})", table::median(&mut costs));
        eprintln!("  {}: {figure}", contender.title);
        rates.select(&contender.title);
        rates.put(row.title(), figure);
        own.select(&contender.title);
        own.put(row.title(), format!("{:.2}", table::median(&mut own_costs)));
    }
    if let Some((_, (_, records))) = bare {
        let seconds = table::median(&mut bare_seconds);
        let figure = match records {
            1 => table::micros(seconds * 1e6),
            _ => table::rate(records as f64 / seconds),
        };
        eprintln!("  {}: {figure}", bare::TITLE);
        rates.select(bare::TITLE);
        rates.put(row.title(), figure);
    }
    Ok(())
}

/// What one run left to be written must not be written during the next.
fn settle() -> Result<()> {
    let done = std::process::Command::new("sync").status().map_err(|e| format!("sync: {e}"))?;
    if done.success() { Ok(()) } else { Err("sync failed".to_owned()) }
}

fn mebibytes(server: &Server) -> Result<String> {
    Ok(format!("{:.0}", server.resident_bytes()? as f64 / 1_048_576.0))
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
