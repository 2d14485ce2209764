//! A broker and an instance on a directory of their own, and what tests ask of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use broker::{Broker, BrokerOptions, Isolation};
use connect::embedded::PrintTo;
use connect::fetch::fetch;
use os::SystemClock;
use parking_lot::Mutex;
use record::{BatchBuilder, BatchOptions, LeaderEpoch, Offset, TimestampMs};
use runtime::{ExecuteOptions, Instance, InstanceOptions, QueryState, Settings};

/// The exercise in one file, as the repository has it.
pub const PAGE_EVENTS: &str = include_str!("../../../../examples/page-events/page-events.sql");

/// A directory that goes with its owner.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique = format!("millstream-{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What print sinks wrote.
#[derive(Debug, Default)]
pub struct Printed(pub Mutex<Vec<u8>>);

impl PrintTo for Printed {
    fn print(&self, lines: &[u8]) {
        self.0.lock().extend_from_slice(lines);
    }
}

/// One record of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: BTreeMap<String, String>,
}

/// A running Millstream without its network fronts.
pub struct Bench {
    pub broker: Arc<Broker>,
    pub instance: Arc<Instance>,
    pub printed: Arc<Printed>,
}

impl Bench {
    pub fn start(dir: &Dir, set: &[(&str, &str)]) -> Self {
        let broker = Broker::open(BrokerOptions::new(&dir.0)).unwrap();
        Self::on(broker, set)
    }

    /// An instance over an open broker.
    pub fn on(broker: Arc<Broker>, set: &[(&str, &str)]) -> Self {
        let mut settings = Settings::default();
        for (name, value) in set {
            settings.set(*name, *value, "test");
        }
        let options = InstanceOptions {
            broker: Arc::clone(&broker),
            clock: Arc::new(SystemClock::new()),
            settings,
            instance_name: "millstream".to_owned(),
            workers: 2,
        };
        let printed = Arc::new(Printed::default());
        let instance = Instance::start_printing_to(options, Arc::clone(&printed) as Arc<dyn PrintTo>).unwrap();
        Self { broker, instance, printed }
    }

    /// Stops as Ctrl-C does.
    pub fn stop(self) {
        self.instance.stop();
        self.broker.shutdown().unwrap();
    }

    /// Stops without a last commit.
    pub fn abandon(self) {
        self.instance.abandon();
        self.broker.shutdown().unwrap();
    }

    pub fn sql(&self, sql: &str) {
        if let Err(error) = self.instance.execute(sql, &ExecuteOptions::default()) {
            panic!("{error}");
        }
    }

    /// Waits until something holds.
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let started = Instant::now();
        while !holds() {
            if started.elapsed() > Duration::from_secs(30) {
                panic!("not within 30 s: {what}\n{:#?}", self.instance.queries());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until all queries run and have read everything.
    pub fn until_idle(&self) {
        self.until("all queries have caught up", || {
            self.instance.queries().iter().all(|q| q.state == QueryState::Running && q.facts.lag == 0)
        });
    }

    /// Writes values with these timestamps to a partition.
    pub fn produce(&self, topic: &str, partition: i32, records: &[(i64, &str)]) {
        let mut batch = BatchBuilder::new(BatchOptions::default());
        for (timestamp, value) in records {
            batch.push(TimestampMs(*timestamp), None, Some(value.as_bytes()), []);
        }
        let partition = self.broker.partition(topic, partition).unwrap();
        let appended = partition.produce(batch.finish(Offset(0), LeaderEpoch(0)), self.broker.now_ms()).unwrap();
        appended.ticket.wait().unwrap();
    }

    /// All committed records of a topic, by partition and offset.
    pub fn read(&self, topic: &str) -> Vec<Read> {
        let mut all = Vec::new();
        for index in 0..self.broker.topic(topic).map_or(0, |info| info.partitions) {
            let partition = self.broker.partition(topic, index).unwrap();
            let mut position = 0;
            loop {
                let fetched = fetch(partition.log(), position, 1 << 20, Isolation::LastStable).unwrap();
                for record in fetched.records() {
                    let record = record.unwrap();
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    all.push(Read {
                        partition: index,
                        offset: record.offset.0,
                        timestamp: record.timestamp.0,
                        key: record.key.map(<[u8]>::to_vec),
                        value: record.value.map(<[u8]>::to_vec),
                        headers: record.headers.map(|h| (text(h.key), text(h.value.unwrap_or_default()))).collect(),
                    });
                }
                if fetched.at_end {
                    break;
                }
                position = fetched.next_offset;
            }
        }
        all
    }
}
