//! One data directory under load through many rounds: load, an end, a start, a check of all that was promised since the
//! directory was new.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use testkit::history::{self, GroupEvent, Isolation};
use testkit::{require, requirement};
use tests::page_counts;
use wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};

use crate::disk::Disk;
use crate::schedule::{Ending, Round};
use crate::server::{Server, Started};
use crate::session::Session;
use crate::world::{COPIED, PLAIN, R2, TOPICS, TRANSACTED, World};
use crate::{copier, counts, foreign, idempotent, member, offsets, reading, tail, transactional};

/// Small enough that a chain rolls them often.
const SEGMENT_BYTES: usize = 16 << 10;

/// How a round fails whose history is a bad one.
pub const ANOMALIES: &str = "anomalies of its history, first of all";

/// See the module.
pub struct Chain {
    server: Server,
    /// Where the data directory is, if power can be lost there.
    disk: Option<Disk>,
    world: Arc<World>,
    clients: Vec<(&'static str, JoinHandle<()>)>,
    /// Whether there is a kcat.
    kcat: bool,
    /// For the clients that are tasks.
    runtime: Arc<tokio::runtime::Runtime>,
}

impl Chain {
    /// Starts the program on an empty directory, makes the topics, and enrols the clients.
    pub fn begin(mut server: Server, disk: Option<Disk>, seed: u64) -> Self {
        server.start();
        create_topics(&server, SEGMENT_BYTES);
        let world = Arc::new(World::new(server.address.clone(), server.http.clone()));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = Arc::new(runtime.expect("a runtime"));
        let kcat = require("kcat", requirement::program("kcat")).is_some();
        let mut chain = Self { server, disk, world, clients: Vec::new(), kcat, runtime };
        let plain = chain.world.partitions(&[&PLAIN]);
        let events = chain.world.partitions(&[&R2]);
        for (number, name) in [(1, "idempotent-1"), (2, "idempotent-2")] {
            let targets = plain.clone();
            chain.enrol(name, move |world| idempotent::run(world, name, number, targets, seed ^ u64::from(number)));
        }
        chain.enrol("page-events", move |world| idempotent::run(world, "page-events", 3, events, seed ^ 3));
        for (number, name) in [(4, "transactional-1"), (5, "transactional-2")] {
            chain.enrol(name, move |world| transactional::run(world, name, number, seed ^ u64::from(number)));
        }
        chain.enrol(copier::NAME, move |world| copier::run(world, 6, seed ^ 6));
        let runtime = Arc::clone(&chain.runtime);
        chain.enrol(member::GROUP, move |world| member::run(world, member::GROUP, runtime.handle()));
        chain.enrol("tail-uncommitted", |world| tail::run(world, "tail-uncommitted", Isolation::Uncommitted));
        chain.enrol("tail-committed", |world| tail::run(world, "tail-committed", Isolation::Committed));
        chain
    }

    fn enrol(&mut self, name: &'static str, run: impl FnOnce(&World) + Send + 'static) {
        self.world.gate.enrol(name);
        let world = Arc::clone(&self.world);
        let client = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // A client that ends early has said why, or panicked; the next check reports it.
            if catch_unwind(AssertUnwindSafe(|| run(&world))).is_err() {
                world.unexpected(format!("{name} panicked: see above"));
            }
            world.gate.leave(name);
        });
        self.clients.push((name, client.expect("a thread")));
    }

    /// One round; how long the start took, or what was wrong.
    pub fn round(&mut self, round: &Round) -> Result<Started, String> {
        page_counts::resume(&self.world.http);
        self.world.gate.work();
        std::thread::sleep(round.load);
        match round.ending {
            Ending::Kill => self.server.kill(),
            Ending::Term => self.server.stop(),
            Ending::Power(life) => {
                let disk = self.disk.as_ref().expect("a disk that can lose its power");
                disk.cut_power()?;
                // What it acknowledges or shows from now on it could not keep.
                std::thread::sleep(life);
                self.server.kill_without_disk();
                disk.reboot()?;
            }
        }
        for life in &round.starts_killed_after {
            self.server.start_and_kill(*life);
        }
        let started = self.server.start();
        self.world.gate.rest()?;
        self.check(round.foreign_reader)?;
        Ok(started)
    }

    fn check(&self, foreign_reader: bool) -> Result<(), String> {
        let mut session = Session::connect(&self.world.address).map_err(|trouble| format!("{trouble}"))?;
        counts::settle(&self.world, &mut session)?;
        self.world.history().rest();
        if foreign_reader && self.kcat {
            foreign::drain(&self.world)?;
        }
        let partitions = self.world.partitions(TOPICS);
        reading::drain(&self.world, &mut session, partitions.clone(), Isolation::Uncommitted)?;
        let drained = reading::drain(&self.world, &mut session, partitions, Isolation::Committed)?;
        counts::check(&self.world, &drained)?;
        let ask = |session: &mut Session, group| {
            let committed = offsets::committed(&self.world, session, group);
            committed.map_err(|trouble| format!("offsets of {group}: {trouble}"))
        };
        let copied = ask(&mut session, copier::NAME)?;
        let transformation = copier::transformation(&self.world, &drained.records, &copied);
        for (group, offsets) in [(copier::NAME, copied), (member::GROUP, ask(&mut session, member::GROUP)?)] {
            let mut history = self.world.history();
            for (partition, offset) in offsets {
                let end = drained.marks.iter().find(|mark| mark.partition == partition);
                let log_end = end.map_or(-1, |mark| mark.high_watermark);
                history.groups.push(GroupEvent::Asked { group: group.to_owned(), partition, offset, log_end });
            }
        }
        let mut history = self.world.history();
        history.transformations = vec![transformation];
        let found = history::check(&history);
        if found.is_empty() {
            return Ok(());
        }
        let shown: Vec<String> = found.iter().take(20).map(|anomaly| format!("  {anomaly:x?}")).collect();
        Err(format!("{} {ANOMALIES}\n{}", found.len(), shown.join("\n")))
    }

    /// Sends the clients home and stops the program.
    pub fn end(mut self) -> usize {
        self.world.gate.end();
        for (name, client) in self.clients.drain(..) {
            assert!(client.join().is_ok(), "{name} panicked");
        }
        self.server.stop();
        self.world.history().sends.len()
    }
}

/// The topics that are ours.
pub fn create_topics(server: &Server, segment_bytes: usize) {
    let config = CreatableTopicConfig { name: "segment.bytes".into(), value: Some(segment_bytes.to_string().into()) };
    let topic = |topic: &crate::world::Topic| CreatableTopic {
        name: topic.name.into(),
        num_partitions: topic.partitions,
        replication_factor: 1,
        configs: vec![config.clone()],
        ..CreatableTopic::default()
    };
    let topics = [PLAIN, TRANSACTED, COPIED].iter().map(topic).collect();
    let request = CreateTopicsRequest { topics, timeout_ms: 30_000, validate_only: false };
    let created = Session::connect(&server.address).and_then(|mut session| session.call(5, &request));
    for topic in created.expect("topics are created").topics {
        assert_eq!(topic.error_code, 0, "{}", topic.name);
    }
}

/// The middle and the worst of a list of times.
pub fn median_and_max(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() - 1])
}
