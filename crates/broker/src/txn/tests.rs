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

/// Ids that others make up leave the present ones as they are for a while; then they make room, the idlest first.
#[test]
fn so_many_ids_and_no_more() {
    const MINUTE: i64 = 60_000;
    let config = TransactionConfig { state_bytes_max: 3_000, ..TransactionConfig::default() };
    let mut machine = TransactionCoordinator::new(config);
    let at = |minutes: i64| Now { monotonic_ms: (minutes * MINUTE) as u64, wall: TimestampMs(minutes * MINUTE) };
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
    let make_room = |machine: &mut TransactionCoordinator, id: &str, now: Now| -> Vec<String> {
        let gone = machine.make_room(id, now);
        gone.iter().for_each(|record| machine.replay(record, now));
        gone.into_iter().map(|record| record.transactional_id).collect()
    };
    // One that commits a transaction and is opened again, one of this process, and as many that were never used as there is room for.
    let used = init(&mut machine, "a", at(0)).expect("room");
    let mut record = machine.add_partitions("a", used, 1, &partitions(&["t/0"]), at(0)).expect("room").expect("new");
    machine.replay(&record, at(0));
    for state in [TransactionState::PrepareCommit, TransactionState::CompleteCommit] {
        let value = record.value.as_mut().expect("a value");
        value.state = state;
        value.partitions.clear();
        machine.replay(&record, at(0));
    }
    init(&mut machine, "bb", at(0)).expect("room");
    machine.pin("bb");
    let unused: Vec<String> = (3..20)
        .map(|len| "x".repeat(len))
        .take_while(|id| init(&mut machine, id, at(if id.len() == 4 { 0 } else { 1 })).is_ok())
        .collect();
    assert!((3..7).contains(&unused.len()), "{} ids of 384 bytes and more", unused.len());
    assert!(init(&mut machine, "a", at(1)).is_ok_and(|again| again.id == used.id), "present ids go on");
    let large = machine.add_partitions(
        "a",
        Producer { epoch: ProducerEpoch(1), ..used },
        1,
        &partitions(&["t/0", "u/0"]),
        at(1),
    );
    assert_eq!(large, Err(Refusal::Error(ErrorCode::PolicyViolation)));

    // The one that is oldest and never had a transaction; never the one that asks.
    assert_eq!(make_room(&mut machine, "new", at(1)), ["xxxx"]);
    assert!(init(&mut machine, "new", at(1)).is_ok());
    // The others have rested for less than a minute; nor is there another look within a second.
    assert!(init(&mut machine, "newer", at(1)).is_err());
    assert!(make_room(&mut machine, "newer", at(1)).is_empty());
    assert!(machine.look_again_ms.is_some_and(|again| again > at(1).monotonic_ms));
    let mut gone = Vec::new();
    while let [id] = &make_room(&mut machine, "newer", at(2))[..] {
        gone.push(id.clone());
    }
    assert!(gone.len() == unused.len() && gone.iter().all(|id| id != "bb" && id != "a"), "{gone:?}");
    init(&mut machine, "newer", at(2)).expect("room");

    // Used ids after a quarter of an hour, and those of this process never.
    let mut record = record.clone();
    record.transactional_id = "cc".to_owned();
    machine.replay(&record, at(2));
    machine.pin("newer");
    assert!(make_room(&mut machine, "newest", at(14)).is_empty());
    assert_eq!(make_room(&mut machine, "newest", at(15)), ["cc"]);
    assert_eq!(make_room(&mut machine, "newest", at(16)), ["a"]);
    assert!(machine.expired(at(60 * 24 * 30)).is_empty(), "both that are left are pinned");
}

/// Where room is scarce, ids that were never used go after an hour.
#[test]
fn unused_ids_go_sooner_where_room_is_scarce() {
    let check = |state_bytes_max: usize, opened: usize, hours: i64, expected: usize| {
        let mut machine = TransactionCoordinator::new(TransactionConfig { state_bytes_max, ..Default::default() });
        let request = InitRequest { transactional_id: "a".to_owned(), timeout_ms: 1_000, expected: None };
        let at = |hours: i64| Now { monotonic_ms: 0, wall: TimestampMs(hours * 3_600_000) };
        for _ in 0..opened {
            let Ok(InitReply::Ready { record: Some(record), .. }) = machine.init(&request, || ProducerId(1), at(0))
            else {
                panic!("room for one");
            };
            machine.replay(&record, at(0));
        }
        assert_eq!(machine.expired(at(hours)).len(), expected, "{state_bytes_max} {opened} {hours}");
    };
    check(500, 1, 0, 0);
    check(500, 1, 1, 1);
    check(5_000, 1, 1, 0);
    check(5_000, 1, 24 * 7, 1);
    // Opened again, it may have a history.
    check(500, 2, 1, 0);
    check(500, 2, 24 * 7, 1);
}
