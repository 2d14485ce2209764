//! Transactions, as scenarios: each file of `testdata/txn` is a list of blocks of commands and what comes out, as in
//! `testdata/group`. `UPDATE=1` writes the answers anew. After every command the state that is rebuilt from the records
//! must equal the live one.

use std::collections::HashMap;
use std::fmt::Write;

use ::record::{ProducerEpoch, ProducerId, TimestampMs};
use proptest::prelude::*;
use wire::ErrorCode;

use super::*;
use crate::group::Now;

struct World {
    machine: TransactionCoordinator,
    log: Vec<TransactionRecord>,
    now_ms: u64,
    next_producer_id: i64,
    /// Client → (transactional id, producer).
    clients: HashMap<String, (String, Producer)>,
    out: String,
}

fn partitions(words: &[&str]) -> Partitions {
    let mut partitions = Partitions::new();
    for word in words {
        let (topic, partition) = word.split_once('/').expect("topic/partition");
        partitions.entry(topic.to_owned()).or_default().insert(partition.parse().expect("a partition"));
    }
    partitions
}

fn show(partitions: &Partitions) -> String {
    let all = partitions.iter().flat_map(|(t, ps)| ps.iter().map(move |p| format!("{t}/{p}")));
    all.collect::<Vec<_>>().join(" ")
}

impl World {
    fn new() -> Self {
        Self {
            machine: TransactionCoordinator::new(TransactionConfig::default()),
            log: Vec::new(),
            now_ms: 0,
            next_producer_id: 1_000,
            clients: HashMap::new(),
            out: String::new(),
        }
    }

    fn now(&self) -> Now {
        Now { monotonic_ms: self.now_ms, wall: TimestampMs(self.now_ms as i64) }
    }

    fn say(&mut self, line: impl AsRef<str>) {
        writeln!(self.out, "{}", line.as_ref()).expect("a string");
    }

    fn append(&mut self, record: TransactionRecord) {
        let line = match &record.value {
            None => format!("log: {} forgotten", record.transactional_id),
            Some(value) => format!(
                "log: {} {} producer={} epoch={} at={} [{}]",
                record.transactional_id,
                value.state.name(),
                value.producer_id,
                value.producer_epoch,
                value.last_update,
                show(&value.partitions)
            ),
        };
        self.say(line);
        self.machine.replay(&record, self.now());
        self.log.push(record);
    }

    fn client(&self, name: &str) -> (String, Producer) {
        let nobody = Producer { id: ProducerId(-1), epoch: ProducerEpoch(-1) };
        self.clients.get(name).cloned().unwrap_or((name.to_owned(), nobody))
    }

    fn answer(&mut self, client: &str, what: &str, refusal: Refusal) {
        let why = match refusal {
            Refusal::Error(code) => code.name(),
            Refusal::Busy => "wait",
            Refusal::StaleConnection => "close the connection",
        };
        self.say(format!("{client}: {what} {why}"));
    }

    fn run(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let option = |key: &str| words.iter().find_map(|w| w.strip_prefix(key)?.strip_prefix('='));
        let number = |key: &str, default: i64| option(key).map_or(default, |n| n.parse().expect("a number"));
        let plain: Vec<&str> = words[1..].iter().copied().filter(|w| !w.contains('=')).collect();
        let connection = number("connection", 1) as u64;
        match words[0] {
            // Each client speaks for the transactional id `id`, by default `t`.
            "init" => {
                let client = plain[0];
                let id = option("id").unwrap_or("t").to_owned();
                let expected = option("expected").map(|of| match of {
                    "own" => self.client(client).1,
                    other => {
                        let (id, epoch) = other.split_once(':').expect("id:epoch");
                        let (id, epoch) = (id.parse().expect("an id"), epoch.parse().expect("an epoch"));
                        Producer { id: ProducerId(id), epoch: ProducerEpoch(epoch) }
                    }
                });
                let request = InitRequest {
                    transactional_id: id.clone(),
                    timeout_ms: number("timeout", 60_000) as i32,
                    expected,
                };
                let now = self.now();
                let fresh = self.next_producer_id;
                let mut used = false;
                let reply = self.machine.init(
                    &request,
                    || {
                        used = true;
                        ProducerId(fresh)
                    },
                    now,
                );
                self.next_producer_id += i64::from(used);
                match reply {
                    Ok(InitReply::Ready { record, producer }) => {
                        if let Some(record) = record {
                            self.append(record);
                        }
                        self.clients.insert(client.to_owned(), (id, producer));
                        self.say(format!("{client}: INIT producer={} epoch={}", producer.id, producer.epoch));
                    }
                    Ok(InitReply::Aborting) => self.say(format!("{client}: INIT CONCURRENT_TRANSACTIONS, aborting")),
                    Err(refusal) => self.answer(client, "INIT", refusal),
                }
            }
            "add" => {
                let (id, producer) = self.client(plain[0]);
                let now = self.now();
                match self.machine.add_partitions(&id, producer, connection, &partitions(&plain[1..]), now) {
                    Ok(Some(record)) => {
                        self.append(record);
                        self.say(format!("{}: ADD NONE", plain[0]));
                    }
                    Ok(None) => self.say(format!("{}: ADD NONE", plain[0])),
                    Err(refusal) => self.answer(plain[0], "ADD", refusal),
                }
            }
            "verify" => {
                let (id, producer) = self.client(plain[0]);
                let (topic, partition) = plain[1].split_once('/').expect("topic/partition");
                let verdict = self.machine.verify(&id, producer, topic, partition.parse().expect("a partition"));
                let name = verdict.err().unwrap_or(ErrorCode::None).name();
                self.say(format!("{}: VERIFY {name}", plain[0]));
            }
            "commit" | "abort" => {
                let (id, producer) = self.client(plain[0]);
                match self.machine.begin_end(&id, producer, connection, words[0] == "commit") {
                    Ok(step) => self.say(format!("{}: END {step:?}", plain[0])),
                    Err(refusal) => self.answer(plain[0], "END", refusal),
                }
            }
            // The steps of an ending, which the runtime takes when tickets are done.
            "prepare" => {
                let now = self.now();
                match self.machine.prepare(plain.first().unwrap_or(&"t"), now) {
                    Some(record) => self.append(record),
                    None => self.say("nothing to prepare"),
                }
            }
            "mark" => {
                let id = plain.first().unwrap_or(&"t");
                match self.machine.marking(id) {
                    None => self.say("nothing to mark"),
                    Some(marking) => {
                        let kind = if marking.commit { "COMMIT" } else { "ABORT" };
                        let Producer { id: producer, epoch } = marking.producer;
                        let places = show(&marking.partitions);
                        self.say(format!(
                            "{kind} producer={producer} epoch={epoch} at={} [{places}]",
                            marking.timestamp
                        ));
                        self.machine.marked(id);
                    }
                }
            }
            "complete" => match self.machine.complete(plain.first().unwrap_or(&"t"), self.now()) {
                Some(record) => self.append(record),
                None => self.say("nothing to complete"),
            },
            "end" => {
                for step in ["prepare", "mark", "complete"] {
                    self.run(step);
                }
            }
            "tick" => {
                self.now_ms += plain[0].parse::<u64>().expect("milliseconds");
                for id in self.machine.timed_out(self.now()) {
                    self.say(format!("{id}: timed out"));
                }
            }
            "expire" => {
                for record in self.machine.expired(self.now()) {
                    self.append(record);
                }
            }
            "epoch" => {
                // As if so many transactions had been fenced: the next record says so.
                let mut record = self.log.last().cloned().expect("a record");
                let epoch = ProducerEpoch(plain[0].parse().expect("an epoch"));
                record.value.as_mut().expect("a value").producer_epoch = epoch;
                self.append(record);
                for (_, producer) in self.clients.values_mut() {
                    producer.epoch = epoch;
                }
            }
            "restart" => {
                self.machine = self.replayed();
                let prepared = self.machine.prepared();
                self.say(format!("prepared: {}", prepared.join(" ")));
            }
            "list" => {
                let states = plain.iter().map(|s| TransactionState::from_name(s).expect("a state")).collect();
                let filter =
                    TransactionFilter { states, producer_ids: Vec::new(), duration_ms_min: number("longer", -1) };
                for row in self.machine.list(&filter, self.now()) {
                    self.say(format!("{} {}", row.transactional_id, row.value.state.name()));
                }
            }
            other => panic!("unknown command {other}"),
        }
    }

    fn replayed(&self) -> TransactionCoordinator {
        let mut machine = TransactionCoordinator::new(TransactionConfig::default());
        for record in &self.log {
            machine.replay(record, self.now());
        }
        machine
    }

    fn check_replay(&self, after: &str) {
        let replayed = self.replayed();
        let values = |machine: &TransactionCoordinator| {
            let mut values: Vec<_> = machine.ids.iter().map(|(id, t)| (id.clone(), t.value.clone())).collect();
            values.sort_by(|a, b| a.0.cmp(&b.0));
            values
        };
        assert_eq!(values(&self.machine), values(&replayed), "after {after:?}");
    }
}

fn check(name: &str, text: &str) -> String {
    let mut world = World::new();
    let mut transcript = String::new();
    for block in text.split("\n\n") {
        let commands = block.split("\n----").next().unwrap_or_default().trim_end();
        world.out.clear();
        for line in commands.lines().filter(|l| !l.starts_with('#')) {
            world.run(line);
            world.check_replay(&format!("{name}: {line}"));
        }
        let _ = write!(transcript, "{commands}\n----\n{}\n", world.out);
    }
    format!("{}\n", transcript.trim_end())
}

#[test]
fn scenarios() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/txn");
    let mut files = 0;
    for entry in std::fs::read_dir(&directory).expect("testdata/txn") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a scenario");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let transcript = check(&name, &text);
        files += 1;
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, transcript).expect("the scenario is written");
        } else {
            assert_eq!(transcript, text, "{name}: run with UPDATE=1 and read the difference");
        }
    }
    assert!(files > 0, "no scenarios in {}", directory.display());
}

fn command() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("init a"),
        Just("init b"),
        Just("init a expected=own"),
        Just("add a x/0"),
        Just("add a x/0 y/1"),
        Just("add b z/2 connection=2"),
        Just("commit a"),
        Just("abort a"),
        Just("commit b connection=2"),
        Just("prepare"),
        Just("mark"),
        Just("complete"),
        Just("end"),
        Just("tick 40000"),
        Just("tick 10"),
        Just("restart"),
        Just("verify a x/0"),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// The log alone gives the same ids; Prepare records have growing timestamps; a Prepare record follows an Ongoing one,
    /// a Complete record its Prepare; epochs never go back.
    #[test]
    fn the_log_tells_it_all(commands in proptest::collection::vec(command(), 1..80)) {
        let mut world = World::new();
        for line in &commands {
            world.run(line);
            world.check_replay(line);
        }
        use TransactionState as S;
        let mut last_prepare = None;
        for pair in world.log.windows(2) {
            let (before, after) = (pair[0].value.as_ref().expect("a value"), pair[1].value.as_ref().expect("a value"));
            let allowed = match after.state {
                S::Empty | S::Ongoing => !before.state.is_prepared(),
                S::PrepareCommit | S::PrepareAbort => before.state == S::Ongoing,
                S::CompleteCommit => before.state == S::PrepareCommit,
                S::CompleteAbort => before.state == S::PrepareAbort,
                _ => false,
            };
            prop_assert!(allowed, "{:?} after {:?}", after.state, before.state);
            prop_assert!(!(after.state == S::Empty && before.state == S::Ongoing), "an open transaction was dropped");
            prop_assert!((after.producer_id, after.producer_epoch) >= (before.producer_id, before.producer_epoch));
            if after.state.is_prepared() {
                prop_assert!(last_prepare < Some(after.last_update), "Prepare records of one time");
                last_prepare = Some(after.last_update);
            }
        }
    }
}

/// Ids that others make up leave the present ones as they are, and go sooner when they were never used.
#[test]
fn so_many_ids_and_no_more() {
    let config = TransactionConfig { state_bytes_max: 3_000, ..TransactionConfig::default() };
    let mut machine = TransactionCoordinator::new(config);
    let at = |hours: i64| Now { monotonic_ms: hours as u64 * 3_600_000, wall: TimestampMs(hours * 3_600_000) };
    let init = |machine: &mut TransactionCoordinator, id: &str, now: Now| {
        let request = InitRequest { transactional_id: id.to_owned(), timeout_ms: 1_000, expected: None };
        let producer_id = ProducerId(id.len() as i64);
        match machine.init(&request, || producer_id, now) {
            Ok(InitReply::Ready { record: Some(record), producer }) => {
                machine.replay(&record, now);
                Ok(producer)
            }
            other => Err(format!("{other:?}")),
        }
    };
    let taken = |machine: &mut TransactionCoordinator, from: usize, now: Now| {
        (from..from + 20).take_while(|len| init(machine, &"x".repeat(*len), now).is_ok()).count()
    };
    let first = init(&mut machine, "a", at(0)).expect("room");
    let count = taken(&mut machine, 2, at(0));
    assert!((4..8).contains(&count), "{count} ids of 384 bytes and more");
    assert!(init(&mut machine, "a", at(0)).is_ok_and(|second| second.id == first.id), "present ids go on");
    let present = Producer { epoch: ProducerEpoch(1), ..first };
    let large = machine.add_partitions("a", present, 1, &partitions(&["t/0", "u/0", "v/0"]), at(0));
    assert_eq!(large, Err(Refusal::Error(ErrorCode::PolicyViolation)));
    assert!(machine.expired(at(0)).is_empty());
    let gone = machine.expired(at(1));
    assert_eq!(gone.len(), count + 1, "all, after an hour instead of a week");
    for record in &gone {
        machine.replay(record, at(1));
    }
    assert_eq!(machine.bytes, 0);
    assert!(init(&mut machine, "a", at(1)).is_ok());
    assert!(machine.expired(at(3)).is_empty(), "a week, where there is room");
}
