//! Memory, disk and open files of Millstream over a long time under a steady load: whether they stay where they are.
//!
//! Topics are kept short (by size, the changelog by time), so that their deletion and compaction run as well and a flat disk
//! is what is right.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use testkit::memory::{self, mib};

use crate::connection::Connection;
use crate::server::{Cost, Kind, Server};
use crate::steady::Steady;
use crate::table::Table;
use crate::{Result, query};

const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// Rows of the table.
const ROWS: usize = 12;
/// What is called flat: the last quarter's mean against the second quarter's, relative and in MiB.
const FLAT: (f64, f64) = (1.05, 2.0);

const SEGMENT_BYTES: &str = "33554432";
const TOPIC_BYTES: &str = "134217728";
const CHANGELOG_MS: &str = "120000";
/// How long the query may take to make its changelog.
const CHANGELOG_WITHIN: Duration = Duration::from_secs(30);
const CHANGELOG: &str = "millstream-page_count-page_count-changelog";

/// What runs.
#[derive(Clone, Debug)]
pub enum Load {
    /// The demo with its own supplier, and nobody looks.
    Demo,
    /// The page-event query under a steady load.
    Events { per_second: u64, pages: u32, grace: String },
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    minutes: f64,
    resident_mib: f64,
    disk_mib: f64,
    files: usize,
    cpu_seconds: f64,
}

/// How a figure of a sample is written.
type Figure = fn(&Sample) -> String;

pub fn table(dir: &Path, load: &Load, length: Duration) -> Result<String> {
    let server = match load {
        Load::Demo => {
            let mut server = Server::start(Kind::MillstreamFsync, dir)?;
            server.until_first_acknowledged()?;
            server
        }
        Load::Events { grace, .. } => start_query(dir, grace)?,
    };
    let samples = match load {
        Load::Demo => watch(&server, length, &AtomicBool::new(false)),
        Load::Events { per_second, pages, .. } => {
            let bootstrap = server.bootstrap.clone();
            let steady =
                Steady { bootstrap, topic: "R2", events_per_second: *per_second, pages: *pages, probes: false };
            let (stop, failed) = (AtomicBool::new(false), AtomicBool::new(false));
            std::thread::scope(|scope| {
                let feeder = scope.spawn(|| {
                    let sent = steady.feed(&stop);
                    failed.store(sent.is_err(), Ordering::Relaxed);
                    sent
                });
                let samples = watch(&server, length, &failed);
                stop.store(true, Ordering::Relaxed);
                let sent = feeder.join().unwrap_or_else(|_| Err("the load ended".to_owned()))?;
                eprintln!("  {:.0} events/s were taken", sent.events as f64 / sent.seconds);
                samples
            })
        }
    }?;
    server.stop();
    Ok(report(load, &samples))
}

/// A query whose topics have bounds.
fn start_query(dir: &Path, grace: &str) -> Result<Server> {
    let server = query::start(dir, 1)?;
    let mut connection = Connection::open(&server.bootstrap)?;
    for topic in ["R2", "R4"] {
        let bounds = [("segment.bytes", SEGMENT_BYTES), ("retention.bytes", TOPIC_BYTES)];
        connection.create_topic_with(topic, 1, &bounds)?;
    }
    query::post_sql(&server.http, &query::QUERY.replace("${options}", &format!("WITH (grace = '{grace}')")))?;
    // Only now, and not at once: the query makes its changelog by itself, after the statement was answered.
    let bounds = [("segment.bytes", SEGMENT_BYTES), ("retention.ms", CHANGELOG_MS)];
    let deadline = Instant::now() + CHANGELOG_WITHIN;
    while let Err(refused) = connection.alter_topic(CHANGELOG, &bounds) {
        if Instant::now() > deadline {
            return Err(refused);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(server)
}

/// Samples until the time is up, or the load has failed.
fn watch(server: &Server, length: Duration, failed: &AtomicBool) -> Result<Vec<Sample>> {
    let cost = Cost::begin(server.pid())?;
    let (started, before) = (Instant::now(), cost.cpu_seconds()?);
    let mut samples = Vec::new();
    while started.elapsed() < length && !failed.load(Ordering::Relaxed) {
        std::thread::sleep(SAMPLE_EVERY);
        let sample = Sample {
            minutes: started.elapsed().as_secs_f64() / 60.0,
            resident_mib: mib(memory::resident_bytes(server.pid())?),
            disk_mib: mib(disk_bytes(&server.data)),
            files: memory::open_files(server.pid())?,
            cpu_seconds: cost.cpu_seconds()? - before,
        };
        let Sample { minutes, resident_mib, disk_mib, files, .. } = sample;
        eprintln!("  {minutes:.1} min: {resident_mib:.1} MiB, {disk_mib:.0} MiB on disk, {files} files");
        samples.push(sample);
    }
    Ok(samples)
}

/// What the files below a folder take on the disk. Files come and go meanwhile; one that is gone counts nothing.
fn disk_bytes(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        Err(_) => 0,
    });
    bytes.sum()
}

fn report(load: &Load, samples: &[Sample]) -> String {
    let what = match load {
        Load::Demo => "the demo, nobody looks".to_owned(),
        Load::Events { per_second, pages, grace } => format!("{per_second} events/s, {pages} keys, grace {grace}"),
    };
    let mut table = Table::new(&format!("{what}: minutes"));
    let shown: Vec<&Sample> =
        (1..=ROWS).filter_map(|row| samples.get((row * samples.len() / ROWS).checked_sub(1)?)).collect();
    let columns: [(&str, Figure); 4] = [
        ("memory, MiB", |s| format!("{:.1}", s.resident_mib)),
        ("disk, MiB", |s| format!("{:.0}", s.disk_mib)),
        ("open files", |s| s.files.to_string()),
        ("CPU seconds per second", |s| format!("{:.2}", s.cpu_seconds / (s.minutes * 60.0))),
    ];
    for (title, of) in columns {
        table.column(title);
        shown.iter().for_each(|sample| table.put(&format!("{:.1}", sample.minutes), of(sample)));
    }
    let verdicts = [
        verdict("memory", "MiB", samples, |s| s.resident_mib),
        verdict("disk", "MiB", samples, |s| s.disk_mib),
        verdict("open files", "files", samples, |s| s.files as f64),
    ];
    format!("{table}\n{}\n", verdicts.join("\n"))
}

/// The means of the second and the last quarter, and the slope of a line through all but the first quarter.
fn verdict(name: &str, unit: &str, samples: &[Sample], of: fn(&Sample) -> f64) -> String {
    let quarter = samples.len() / 4;
    if quarter == 0 {
        return format!("{name}: too short to say");
    }
    let mean = |samples: &[Sample]| samples.iter().map(of).sum::<f64>() / samples.len().max(1) as f64;
    let (second, last) = (mean(&samples[quarter..2 * quarter]), mean(&samples[samples.len() - quarter..]));
    let settled = &samples[quarter..];
    let middle = settled.iter().map(|s| s.minutes).sum::<f64>() / settled.len() as f64;
    let (mut above, mut below) = (0.0, 0.0);
    for sample in settled {
        above += (sample.minutes - middle) * of(sample);
        below += (sample.minutes - middle).powi(2);
    }
    let verdict = if last <= second * FLAT.0 + FLAT.1 { "flat" } else { "NOT flat" };
    let slope = above / below * 60.0;
    format!(
        "- {name}: {verdict} ({second:.1} {unit} in the second quarter, {last:.1} in the last; {slope:+.1} {unit} an hour)"
    )
}
