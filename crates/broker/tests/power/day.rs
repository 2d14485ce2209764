//! A day of commits: the page-event topology commits every 100 ms for 24 hours of simulated time, while compaction and
//! retention by time and by size work. The files are real, time is not, and syncs are left out: nothing is crashed here but
//! the process.
//!
//! Verified: each part of the data directory is flat, but for those in [`exception`], which have bounds of their own; after
//! each start both groups' offsets are there, R2 goes on where it ended, and nothing was cut or damaged. Printed, not judged:
//! the curve, and how long starts take.
//!
//! `cargo test` runs five minutes of it, with small segments. `MILLSTREAM_DAY=1 cargo test --release -p broker --test power
//! day -- --nocapture` runs all of it, with the segments that the broker has by default.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::{Broker, BrokerOptions, NewTopic, QueryMember, Resource, TopologyCommit, TransactionalProducer};
use bytes::Bytes;
use os::{DirEntry, Disk, DiskLock, DiskSpace, File, OpenMode, RealDisk};
use record::{
    BatchBuilder, BatchOptions, BatchesBuilder, LeaderEpoch, Offset, ProducerIdentity, Sequence, TimestampMs,
};
use testkit::ManualClock;

use super::NOW_MS;

const COMMIT_INTERVAL: Duration = Duration::from_millis(100);
const COMMITS_PER_SECOND: u64 = 10;
const FUNCTION: &str = "millstream-page_event_function";
const COUNT: &str = "millstream-page_count";
const CHANGELOG: &str = "millstream-page_count-page_count-changelog";
/// Of a statement's text; its record has less than 200 around it.
const STATEMENT_BYTES: usize = 2_000;
const STATEMENTS: &str = "millstream-statements";

/// Real files whose syncs cost nothing.
#[derive(Debug)]
struct Unsynced(RealDisk);

#[derive(Debug)]
struct UnsyncedFile(Arc<dyn File>);

impl File for UnsyncedFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(buf, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }
    fn write_through_at(&self, _buf: &[u8], _offset: u64) -> io::Result<bool> {
        Ok(false)
    }
    fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.0.as_fd()
    }
}

impl Disk for Unsynced {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(UnsyncedFile(self.0.open(path, mode)?)))
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir_all(path)
    }
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.0.read_dir(path)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.0.exists(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.remove_file(path)
    }
    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.remove_dir_all(path)
    }
    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
    fn space(&self, path: &Path) -> io::Result<DiskSpace> {
        self.0.space(path)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.0.lock(path)
    }
}

/// How long a day is, and what the topics are told.
struct Plan {
    commits: u64,
    /// Of the internal topics and changelogs; nothing leaves what the broker gives them.
    segment_bytes: Option<u64>,
    /// R2 is kept for so long, R4 too.
    retention_ms: u64,
    /// R3 is kept up to this size.
    retention_bytes: u64,
    data_segment_bytes: u64,
    /// How long markers and tombstones of the internal topics outlive their compaction; nothing leaves what the broker gives.
    delete_retention_ms: Option<u64>,
    /// In commits: how often somebody changes a statement.
    statement_every: u64,
    /// In commits: how often the sizes are looked at.
    look_every: u64,
    /// How often the process is killed, at the same distance.
    kills: u64,
}

const FIVE_MINUTES: Plan = Plan {
    commits: 3_000,
    segment_bytes: Some(32 << 10),
    retention_ms: 60_000,
    retention_bytes: 64 << 10,
    data_segment_bytes: 32 << 10,
    delete_retention_ms: Some(10_000),
    statement_every: 2 * COMMITS_PER_SECOND,
    look_every: 50,
    // (One in each half: retention waits for its turn again after a start.)
    kills: 3,
};

const WHOLE_DAY: Plan = Plan {
    commits: 864_000,
    segment_bytes: None,
    retention_ms: 3_600_000,
    retention_bytes: 16 << 20,
    data_segment_bytes: 4 << 20,
    delete_retention_ms: None,
    statement_every: 60 * COMMITS_PER_SECOND,
    look_every: 3_000,
    kills: 4,
};

fn open(dir: &Path, clock: &Arc<ManualClock>) -> Arc<Broker> {
    let mut options = BrokerOptions::new(dir);
    options.disk = Arc::new(Unsynced(RealDisk));
    options.clock = Arc::<ManualClock>::clone(clock);
    options.background = false;
    // Kafka looks every five minutes.
    options.configs.insert("log.retention.check.interval.ms".to_owned(), "30000".to_owned());
    Broker::open(options).expect("opens")
}

/// The running topologies, as the runtime holds them.
struct Topologies {
    function: (TransactionalProducer, QueryMember),
    count: (TransactionalProducer, QueryMember),
}

impl Topologies {
    fn start(broker: &Broker) -> Self {
        let start = |id: &str| {
            let producer = broker.open_transactional(id, 60_000).expect("opens");
            (producer, broker.query_member(id, &["R2".to_owned()]).expect("joins"))
        };
        Self { function: start(FUNCTION), count: start(COUNT) }
    }

    /// What 100 ms bring: an event to R3, a count to R4 and to the changelog, and both offsets.
    fn commit(&mut self, broker: &Broker, n: u64, now_ms: i64) {
        let page = ["P1", "P2"][(n % 2) as usize];
        let window = now_ms / 5_000 * 5_000;
        let record = |key: Option<String>, value: &[u8]| {
            let mut records = BatchesBuilder::default();
            records.push(TimestampMs(now_ms), key.as_ref().map(String::as_bytes), Some(value), []);
            records
        };
        let event = format!("{{\"name\":\"L:2\",\"user\":\"UUUUUU\",\"date\":{now_ms},\"duration\":{}}}", n % 9_000);
        let count = (n % 50).to_be_bytes();
        let to_r4 = record(Some(format!("=>{window}{}{page}", window + 5_000)), &count);
        let to_changelog = record(Some(format!("{page}{window:08x}")), &count);
        let offsets = || vec![("R2".to_owned(), 0, Offset(n as i64 + 1), format!("page_count={now_ms}"))];
        let function = TopologyCommit {
            appends: vec![("R3".to_owned(), 0, record(None, event.as_bytes()))],
            offsets: offsets(),
            producer: &mut self.function.0,
            member: &self.function.1,
        };
        let count = TopologyCommit {
            appends: vec![("R4".to_owned(), 0, to_r4), (CHANGELOG.to_owned(), 0, to_changelog)],
            offsets: offsets(),
            producer: &mut self.count.0,
            member: &self.count.1,
        };
        broker.commit(vec![function, count]).expect("commits");
    }
}

fn set_up(broker: &Arc<Broker>, plan: &Plan) {
    let create = |name: &str, configs: &[(&str, String)]| {
        let configs = configs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        broker.create_topic(name, NewTopic { partitions: Some(1), configs }).expect("created");
    };
    let data_segment = || ("segment.bytes", plan.data_segment_bytes.to_string());
    create("R2", &[("retention.ms", plan.retention_ms.to_string()), data_segment()]);
    create("R3", &[("retention.bytes", plan.retention_bytes.to_string()), data_segment()]);
    create("R4", &[("retention.ms", plan.retention_ms.to_string()), data_segment()]);
    // As `connect` creates it for a window of five seconds.
    let changelog = [
        ("cleanup.policy", "compact,delete"),
        ("retention.ms", "86465000"),
        ("segment.bytes", "8388608"),
        ("delete.retention.ms", "3600000"),
        ("min.cleanable.dirty.ratio", "0.25"),
    ];
    create(CHANGELOG, &changelog.map(|(name, value)| (name, value.to_owned())));
    create(STATEMENTS, &[("cleanup.policy", "compact".to_owned())]);
    if let Some((bytes, retention_ms)) = plan.segment_bytes.zip(plan.delete_retention_ms) {
        for topic in ["__consumer_offsets", "__transaction_state", CHANGELOG, STATEMENTS] {
            let smaller = |before: &BTreeMap<String, String>| {
                let mut configs = before.clone();
                configs.insert("segment.bytes".to_owned(), bytes.to_string());
                configs.insert("delete.retention.ms".to_owned(), retention_ms.to_string());
                Ok(configs)
            };
            broker.alter_configs(&Resource::Topic(topic.to_owned()), false, smaller).expect("configured");
        }
    }
}

/// Bytes by part of the data directory.
fn sizes(dir: &Path) -> BTreeMap<String, u64> {
    fn add(dir: &Path, part: &str, sizes: &mut BTreeMap<String, u64>) {
        for entry in RealDisk.read_dir(dir).expect("listed") {
            let path = dir.join(&entry.name);
            let part = if part.is_empty() { entry.name.as_str() } else { part };
            if entry.is_dir {
                add(&path, part, sizes);
            } else {
                *sizes.entry(part.to_owned()).or_default() += entry.len;
            }
        }
    }
    let mut sizes = BTreeMap::new();
    add(&dir.join("log"), "", &mut sizes);
    add(&dir.join("state"), "state", &mut sizes);
    sizes
}

fn event(now_ms: i64, producer: ProducerIdentity) -> Bytes {
    let mut batch = BatchBuilder::new(BatchOptions { producer: Some(producer), ..BatchOptions::default() });
    let value = format!("{{\"name\":\"P1\",\"user\":\"U2\",\"date\":{now_ms},\"duration\":4711}}");
    batch.push(TimestampMs(now_ms), None, Some(value.as_bytes()), []);
    batch.finish(Offset(0), LeaderEpoch(0))
}

fn committed(broker: &Broker, id: &str) -> i64 {
    broker.committed_offsets(id).first().map_or(0, |(_, _, offset, _)| offset.0)
}

/// A start after a kill: how long it took, and the topologies going on.
fn restart(dir: &Path, clock: &Arc<ManualClock>, done: u64) -> (Arc<Broker>, Topologies, Duration) {
    let began = Instant::now();
    let broker = open(dir, clock);
    let took = began.elapsed();
    assert!(broker.recovery().damage.is_empty() && broker.recovery().cuts.is_empty(), "{:?}", broker.recovery());
    for id in [FUNCTION, COUNT] {
        assert_eq!(committed(&broker, id), done as i64, "{id}");
    }
    let topologies = Topologies::start(&broker);
    (broker, topologies, took)
}

fn run(plan: &Plan) {
    let dir = std::env::temp_dir().join(format!("millstream-day-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let _removed = Removed(dir.clone());
    let clock = Arc::new(ManualClock::new(NOW_MS));
    let mut broker = open(&dir, &clock);
    set_up(&broker, plan);
    let mut topologies = Topologies::start(&broker);
    let mut producer = broker.coordinators().fresh_producer().expect("an id");
    let mut sequence = 0;
    let mut curve: Vec<BTreeMap<String, u64>> = Vec::new();
    let mut report = String::new();
    let began = Instant::now();
    for n in 0..plan.commits {
        clock.advance(COMMIT_INTERVAL);
        let now_ms = broker.now_ms();
        if n % (60 * COMMITS_PER_SECOND) == 0 {
            // A client comes and goes each minute.
            broker.coordinators().run_due();
            producer = broker.coordinators().fresh_producer().expect("an id");
            sequence = 0;
        }
        if n % plan.statement_every == 0 {
            let mut batch = BatchBuilder::new(BatchOptions::default());
            batch.push(TimestampMs(now_ms), Some(b"page_count"), Some(&[b's'; STATEMENT_BYTES]), []);
            let statement = batch.finish(Offset(0), LeaderEpoch(0));
            let _durable_soon =
                broker.partition(STATEMENTS, 0).expect("there").produce(statement, now_ms).expect("sent");
        }
        let identity = ProducerIdentity { id: producer.id, epoch: producer.epoch, base_sequence: Sequence(sequence) };
        sequence += 1;
        let sent = broker.partition("R2", 0).expect("there").produce(event(now_ms, identity), now_ms).expect("sent");
        assert_eq!(sent.base_offset, Offset(n as i64));
        topologies.commit(&broker, n, now_ms);
        if n % COMMITS_PER_SECOND == 0 {
            broker.maintain().expect("maintained");
        }
        if (n + 1) % plan.look_every == 0 {
            curve.push(sizes(&dir));
        }
        if (n + 1) % (plan.commits / plan.kills) == 0 {
            drop(topologies);
            drop(broker);
            let bytes: u64 = sizes(&dir).values().sum();
            let took;
            (broker, topologies, took) = restart(&dir, &clock, n + 1);
            let _ = writeln!(report, "start after {} commits and a kill, {} bytes: {took:?}", n + 1, bytes);
        }
    }
    let _ = writeln!(report, "{} commits in {:?}", plan.commits, began.elapsed());
    drop(topologies);
    broker.shutdown().expect("stopped");
    drop(broker);
    let (broker, topologies, took) = restart(&dir, &clock, plan.commits);
    let _ = writeln!(report, "start after a clean stop: {took:?}");
    drop((broker, topologies));
    println!("{report}{}", table(&curve));
    check_flat(plan, &curve);
}

/// The sizes at ten moments, in KiB.
fn table(curve: &[BTreeMap<String, u64>]) -> String {
    let moments: Vec<&BTreeMap<String, u64>> = (1..=12).map(|i| &curve[curve.len() * i / 12 - 1]).collect();
    let mut out = String::new();
    let mut line = |name: &str, of: &dyn Fn(&BTreeMap<String, u64>) -> u64| {
        let cells: Vec<String> = moments.iter().map(|m| format!("{:>7}", of(m) >> 10)).collect();
        let most = curve.iter().map(of).max().unwrap_or(0) >> 10;
        let _ = writeln!(out, "{name:<46}{} | most {most} KiB", cells.join(" "));
    };
    line("all", &|m| m.values().sum());
    for part in curve[curve.len() - 1].keys() {
        line(part, &|m| m.get(part).copied().unwrap_or(0));
    }
    out
}

/// In the second half no part is larger than it was in the first, but for an eighth and a block: a segment is filled to a
/// different height whenever one looks.
fn check_flat(plan: &Plan, curve: &[BTreeMap<String, u64>]) {
    let (first, second) = curve.split_at(curve.len() / 2);
    let most = |of: &[BTreeMap<String, u64>], part: &str| of.iter().filter_map(|m| m.get(part)).copied().max();
    let parts: BTreeSet<&String> = curve.iter().flat_map(BTreeMap::keys).collect();
    let grown = parts.into_iter().filter_map(|part| {
        let (before, after) = (most(first, part).unwrap_or(0), most(second, part).unwrap_or(0));
        let flat = before + before / 8 + 4096;
        let allowed = match exception(plan, part) {
            None => flat,
            Some(Exception::Grows { bytes }) => flat + bytes,
            Some(Exception::AtMost { bytes }) => bytes,
        };
        (after > allowed).then(|| {
            format!("{part}: {before} bytes at most in the first half, {after} in the second, of {allowed} allowed")
        })
    });
    let grown: Vec<String> = grown.collect();
    assert!(grown.is_empty(), "not flat:\n{}", grown.join("\n"));
}

/// What a part may do instead of being flat.
enum Exception {
    /// By so much between the halves.
    Grows { bytes: u64 },
    /// Anything up to here.
    AtMost { bytes: u64 },
}

fn exception(plan: &Plan, part: &str) -> Option<Exception> {
    if part == format!("{CHANGELOG}-0") {
        // It keeps the windows of 24 hours and 65 seconds, so all of this day: of each five seconds one count of two pages,
        // each in a batch of less than 112 bytes, and the marker of its transaction in 80.
        let windows = plan.commits / 2 / (5 * COMMITS_PER_SECOND);
        return Some(Exception::Grows { bytes: windows * 2 * (112 + 80) });
    }
    if part == format!("{STATEMENTS}-0") && plan.segment_bytes.is_none() {
        // It has segments of 1 GiB, as the runtime creates it: a day does not fill one, so that nothing of it is compacted.
        let statements = plan.commits / 2 / plan.statement_every;
        return Some(Exception::Grows { bytes: statements * (STATEMENT_BYTES as u64 + 200) });
    }
    // The journal is filled up to 8 MiB before it begins anew, and is made longer by 1 MiB. Beside it are the windows of the
    // producers, of which one comes each minute and is forgotten after a day.
    let producers = plan.commits / (60 * COMMITS_PER_SECOND);
    (part == "state").then_some(Exception::AtMost { bytes: (10 << 20) + producers * 256 })
}

struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_day_of_commits_leaves_the_disk_flat() {
    run(if std::env::var_os("MILLSTREAM_DAY").is_some() { &WHOLE_DAY } else { &FIVE_MINUTES });
}
