//! Speed against peers in the same run: load generators that cost little, and drivers that start the servers.
//!
//! Owns: the rows, how servers under test are started, and the tables that are printed.
//! Never: is a test (nothing here passes or fails by the clock); uses our client (it would be what gets measured).

mod bare;
mod brokers;
mod connection;
mod events;
mod frames;
mod goals;
mod latency;
mod query;
mod rows;
mod server;
mod soak;
mod steady;
mod streams;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::brokers::Plan;
use crate::server::Kind;

/// What went wrong, for whoever reads it: a benchmark has no caller that could do anything else.
type Result<T> = std::result::Result<T, String>;

#[derive(Debug, Parser)]
#[command(about = "Speed of Millstream, beside peers in the same run")]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Starts brokers on free ports and runs every row against each
    Run(Run),
    /// Runs the rows against brokers that run already, in turn
    Broker(Broker),
    /// What the disk gives a program that only appends and syncs
    Bare(Scratch),
    /// The page-event query over events that lie in its topic already
    Query(Query),
    /// From the sending of an event to the receipt of its count, under a steady load
    Latency(Latency),
    /// Memory, disk and open files over a long time
    Soak(Soak),
}

#[derive(Debug, Args)]
struct Scratch {
    /// Where data is written; it says which disk is measured [default: a folder beside this program]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Volume {
    /// Runs that are counted; medians are printed
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// How long each of them takes, in seconds
    #[arg(long, default_value_t = 2.5)]
    seconds: f64,
    /// How long a JVM is warmed up with each row before, in seconds
    #[arg(long, default_value_t = 8.0)]
    warm_up: f64,
    /// Only rows whose titles contain this
    #[arg(long, default_value = "")]
    rows: String,
}

impl Volume {
    fn plan(&self) -> Plan {
        let seconds = |seconds: f64| std::time::Duration::from_secs_f64(seconds.clamp(0.01, 3_600.0));
        Plan {
            runs: self.runs.max(1),
            time: seconds(self.seconds),
            jvm_warm_up: seconds(self.warm_up),
            rows: self.rows.clone(),
        }
    }
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    scratch: Scratch,
    #[command(flatten)]
    volume: Volume,
    /// Runs Apache Kafka as well, twice: from the page cache, and syncing each batch. Needs Java and Maven
    #[arg(long)]
    kafka: bool,
}

#[derive(Debug, Args)]
struct Broker {
    /// Its Kafka listener; once for each broker
    #[arg(long, value_name = "HOST:PORT", required = true)]
    bootstrap: Vec<String>,
    /// Its process, on this machine; in the same order
    #[arg(long, required = true)]
    pid: Vec<u32>,
    #[command(flatten)]
    volume: Volume,
}

#[derive(Debug, Args)]
struct Query {
    #[command(flatten)]
    scratch: Scratch,
    /// Events in the topic
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// Different pages, which are the keys
    #[arg(long, value_delimiter = ',', default_value = "2,100000")]
    keys: Vec<u32>,
    /// Threads of the query
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    workers: Vec<usize>,
    /// Runs that are counted; medians are printed
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Runs the same query on Kafka Streams and Apache Kafka as well. Needs a JDK and Maven
    #[arg(long)]
    streams: bool,
    /// Events of each run of Kafka Streams, which takes long
    #[arg(long, default_value_t = 1_000_000)]
    streams_events: u64,
    /// Runs of Kafka Streams before those that are counted, in the same JVMs, which get warm by them
    #[arg(long, default_value_t = 3)]
    streams_warm_up: usize,
}

#[derive(Debug, Args)]
struct Latency {
    #[command(flatten)]
    scratch: Scratch,
    /// Events a second
    #[arg(long, default_value_t = 50_000)]
    rate: u64,
    /// Different pages, which are the keys, beside those of the events that are timed
    #[arg(long, default_value_t = 2)]
    keys: u32,
    /// Seconds that are measured
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Measures Kafka Streams on Apache Kafka as well. Needs a JDK and Maven
    #[arg(long)]
    streams: bool,
    /// Seconds before, in which the JVMs get warm
    #[arg(long, default_value_t = 60)]
    streams_warm_up: u64,
}

#[derive(Debug, Args)]
struct Soak {
    #[command(flatten)]
    scratch: Scratch,
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Events a second
    #[arg(long, default_value_t = 20_000)]
    rate: u64,
    /// Different pages, which are the keys
    #[arg(long, default_value_t = 100_000)]
    keys: u32,
    /// How late an event may be
    #[arg(long, default_value = "10 seconds")]
    grace: String,
    /// Runs the demo instead, with its own supplier
    #[arg(long)]
    demo: bool,
}

fn main() -> ExitCode {
    let done = match Options::parse().what {
        What::Run(options) => run(&options),
        What::Broker(options) => broker(&options),
        What::Bare(options) => bare(&options),
        What::Query(options) => query(&options),
        What::Latency(options) => latency(&options),
        What::Soak(options) => soak(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Run) -> Result<()> {
    let dir = server::scratch_dir(options.scratch.dir.as_deref())?;
    let kinds: &[Kind] = if options.kafka {
        &[Kind::MillstreamFsync, Kind::KafkaSyncing, Kind::MillstreamOs, Kind::KafkaPageCache]
    } else {
        &[Kind::MillstreamFsync, Kind::MillstreamOs]
    };
    println!("{}", brokers::table(&dir, kinds, &options.volume.plan())?);
    Ok(())
}

fn broker(options: &Broker) -> Result<()> {
    if options.bootstrap.len() != options.pid.len() {
        return Err("each --bootstrap needs its --pid".to_owned());
    }
    let servers: Vec<_> = options.bootstrap.iter().cloned().zip(options.pid.iter().copied()).collect();
    println!("{}", brokers::table_of_running(&servers, &options.volume.plan())?);
    Ok(())
}

fn bare(options: &Scratch) -> Result<()> {
    let dir = server::scratch_dir(options.dir.as_deref())?;
    println!("{}", bare::table(&dir)?);
    Ok(())
}

fn query(options: &Query) -> Result<()> {
    let dir = server::scratch_dir(options.scratch.dir.as_deref())?;
    let plan = query::Plan {
        events: options.events,
        pages: options.keys.iter().map(|keys| (*keys).max(1)).collect(),
        workers: options.workers.clone(),
        runs: options.runs.max(1),
        streams: options
            .streams
            .then_some(query::StreamsPlan { events: options.streams_events, warm_up: options.streams_warm_up }),
    };
    println!("{}", query::table(&dir, &plan)?);
    Ok(())
}

fn latency(options: &Latency) -> Result<()> {
    let dir = server::scratch_dir(options.scratch.dir.as_deref())?;
    let plan = latency::Plan {
        events_per_second: options.rate.max(1),
        pages: options.keys.max(1),
        seconds: options.seconds.max(1),
        warm_up_seconds: 3,
        streams_warm_up_seconds: options.streams.then_some(options.streams_warm_up),
    };
    println!("{}", latency::table(&dir, &plan)?);
    Ok(())
}

fn soak(options: &Soak) -> Result<()> {
    let dir = server::scratch_dir(options.scratch.dir.as_deref())?;
    let load = match options.demo {
        true => soak::Load::Demo,
        false => soak::Load::Events {
            per_second: options.rate.max(1),
            pages: options.keys.max(1),
            grace: options.grace.clone(),
        },
    };
    println!("{}", soak::table(&dir, &load, std::time::Duration::from_secs(60 * options.minutes.max(1)))?);
    Ok(())
}
