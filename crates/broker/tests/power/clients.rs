//! Crashes under clients with transactions, idempotent producers and group offsets, over and over on the same disk. The
//! internal topics roll small segments and are compacted meanwhile.
//!
//! Verified after every crash: a transaction whose commit was acknowledged is there whole, with its group offset; an
//! aborted one is not seen; one in doubt is there whole or not at all; one left open is aborted when its producer comes
//! back, and then nothing is open. A group offset that was acknowledged did not go back. A batch of an idempotent producer
//! that was acknowledged is a duplicate when it is sent again, at its offset. A producer id is given once. An offset that
//! was ever shown has the record that it had. Nothing is refused while the power is on.
//! Not verified: order between clients (each is sequential here, and they take turns).

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use broker::config::Overrides;
use broker::group::{Committer, OffsetCommit, OffsetCommitRequest};
use broker::txn::{InitRequest, Partitions, Producer, Refusal};
use broker::{Broker, Isolation, NewTopic, Resource};
use record::{BatchBuilder, BatchOptions, LeaderEpoch, Offset, ProducerIdentity, Sequence, TimestampMs};
use testkit::SimDisk;
use testkit::seed::{Random, for_each_seed};

use super::{NOW_MS, crash, open, read, try_read};

const OUT: &str = "out";
const PARTITIONS: i32 = 2;
const IDS: [&str; 2] = ["t0", "t1"];
const CONNECTION: u64 = 7;
const SEEDS: u64 = 25;

/// Something was refused, and what the refusal said. Nothing is, unless the power went: whoever gets this asserts that.
#[derive(Debug)]
pub(super) struct Dead(String);

fn dead(refused: impl std::fmt::Debug) -> Dead {
    Dead(format!("{refused:?}"))
}

/// Waits for an answer, doing what the background thread would do.
pub(super) fn answer<T>(broker: &Broker, future: impl Future<Output = T>) -> Result<T, Dead> {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Ok(answer);
        }
        if let Some(failure) = broker.health() {
            return Err(dead(failure));
        }
        broker.coordinators().run_due();
        std::thread::yield_now();
    }
}

fn batch(producer: Producer, sequence: i32, transactional: bool, value: &str) -> bytes::Bytes {
    let identity = ProducerIdentity { id: producer.id, epoch: producer.epoch, base_sequence: Sequence(sequence) };
    let mut builder =
        BatchBuilder::new(BatchOptions { producer: Some(identity), transactional, ..BatchOptions::default() });
    builder.push(TimestampMs(NOW_MS), None, Some(value.as_bytes()), []);
    builder.finish(Offset(0), LeaderEpoch(0))
}

/// What is known of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Committed,
    Aborted,
    /// The end was asked for, and not answered.
    Unsure(bool),
    /// The end was not asked for.
    Open,
}

/// A transactional client: its n-th transaction writes `id:n` to each partition, and commits offset n of its group.
#[derive(Debug, Default)]
struct Client {
    outcomes: Vec<Outcome>,
}

/// An idempotent producer.
#[derive(Clone, Debug)]
struct Idempotent {
    producer: Producer,
    next_sequence: i32,
    /// Acknowledged: sequence, value, offset.
    acked: Vec<(i32, String, i64)>,
}

struct Run {
    disk: SimDisk,
    random: Random,
    clients: BTreeMap<&'static str, Client>,
    idempotent: Vec<Idempotent>,
    given_ids: HashSet<i64>,
    /// The plain group's offset: acknowledged, and asked for.
    plain: (i64, i64),
    /// Everything that was ever below a high watermark.
    shown: BTreeMap<(i32, i64), String>,
}

impl Run {
    fn work(&mut self, broker: &Arc<Broker>) -> Result<(), Dead> {
        let mut producers: BTreeMap<&str, (Producer, i32)> = BTreeMap::new();
        for _ in 0..60 {
            match self.random.below(10) {
                0..=3 => {
                    let id = self.random.pick(&IDS);
                    if !producers.contains_key(id) || self.random.below(5) == 0 {
                        producers.insert(id, (init(broker, id)?, 0));
                    }
                    let (producer, sequence) = producers.get_mut(id).expect("there");
                    if !self.transaction(broker, id, *producer, sequence)? {
                        producers.remove(id);
                    }
                }
                4..=6 => self.produce(broker)?,
                7 => self.commit_plain(broker)?,
                8 => drop(broker.maintain()),
                _ => self.look(broker),
            }
            self.look(broker);
        }
        Ok(())
    }

    /// Whether its producer goes on.
    fn transaction(
        &mut self,
        broker: &Arc<Broker>,
        id: &'static str,
        producer: Producer,
        sequence: &mut i32,
    ) -> Result<bool, Dead> {
        let coordinators = broker.coordinators();
        let client = self.clients.entry(id).or_default();
        client.outcomes.push(Outcome::Open);
        let n = client.outcomes.len() as i64;
        let partitions = Partitions::from([(OUT.to_owned(), (0..PARTITIONS).collect())]);
        let added = coordinators.add_partitions(id.to_owned(), producer, CONNECTION, partitions);
        answer(broker, added.map_err(dead)?)?.map_err(dead)?;
        for at in 0..PARTITIONS {
            let partition = broker.partition(OUT, at).expect("there");
            let bytes = batch(producer, *sequence, true, &format!("{id}:{n}"));
            let append = || partition.produce(bytes, NOW_MS);
            let appended = coordinators.append_transactional(id, producer, OUT, at, append).map_err(dead)?;
            let appended = appended.map_err(dead)?;
            if self.random.below(2) == 0 {
                appended.ticket.wait().map_err(dead)?;
            }
        }
        *sequence += 1;
        if self.random.below(8) == 0 {
            // Its process is gone; the next one finds the transaction open.
            return Ok(false);
        }
        answer(broker, coordinators.add_offsets(id.to_owned(), producer, CONNECTION).map_err(dead)?)?.map_err(dead)?;
        let mut offsets = offsets(id, n);
        offsets.producer = Some((producer.id, producer.epoch));
        let staged = answer(broker, coordinators.commit_transactional_offsets(id, offsets))?;
        staged.map_err(dead)?;

        let commit = self.random.below(3) > 0;
        let outcome = &mut self.clients.get_mut(id).expect("there").outcomes[n as usize - 1];
        *outcome = Outcome::Unsure(commit);
        let ended = coordinators.end_transaction(id, producer, CONNECTION, commit).map_err(dead)?;
        answer(broker, ended)?.map_err(dead)?;
        *outcome = if commit { Outcome::Committed } else { Outcome::Aborted };
        Ok(true)
    }

    fn produce(&mut self, broker: &Arc<Broker>) -> Result<(), Dead> {
        if self.idempotent.len() < 2 || self.random.below(12) == 0 {
            let Some(producer) = broker.coordinators().fresh_producer() else {
                broker.coordinators().run_due();
                return Ok(());
            };
            assert!(self.given_ids.insert(producer.id.0), "producer id {} was given twice", producer.id);
            self.idempotent.push(Idempotent { producer, next_sequence: 0, acked: Vec::new() });
        }
        let at = self.random.below(self.idempotent.len() as u64) as usize;
        let idempotent = &mut self.idempotent[at];
        let value = format!("{}-{}", idempotent.producer.id, idempotent.next_sequence);
        let bytes = batch(idempotent.producer, idempotent.next_sequence, false, &value);
        let appended = broker.partition(OUT, 0).expect("there").produce(bytes, NOW_MS).map_err(dead)?;
        appended.ticket.wait().map_err(dead)?;
        idempotent.acked.push((idempotent.next_sequence, value, appended.base_offset.0));
        idempotent.next_sequence += 1;
        Ok(())
    }

    fn commit_plain(&mut self, broker: &Arc<Broker>) -> Result<(), Dead> {
        self.plain.1 += 1;
        let next = self.plain.1;
        answer(broker, broker.coordinators().commit_offsets(offsets("plain", next)))?.map_err(dead)?;
        self.plain.0 = next;
        Ok(())
    }

    /// What anybody may have read by now.
    fn look(&mut self, broker: &Broker) {
        for at in 0..PARTITIONS {
            let Some(shown) = try_read(broker, OUT, at) else { return };
            for (offset, value) in shown {
                let before = self.shown.insert((at, offset), value.clone());
                assert!(
                    before.as_ref().is_none_or(|before| *before == value),
                    "offset {offset}: {before:?}, then {value}"
                );
            }
        }
    }

    fn check(&mut self, broker: &Arc<Broker>) {
        for at in 0..PARTITIONS {
            let found = read(broker, OUT, at);
            for ((_, offset), value) in self.shown.range((at, 0)..(at + 1, 0)) {
                assert_eq!(found.get(offset), Some(value), "{OUT}-{at} offset {offset} was shown before");
            }
        }
        self.look(broker);
        let plain = committed(broker, "plain");
        assert!((self.plain.0..=self.plain.1).contains(&plain), "plain is at {plain}, acknowledged {:?}", self.plain);
        self.plain = (plain, plain);
        // One whose last batch is in doubt would have to ask: they all end here.
        for idempotent in self.idempotent.drain(..) {
            for (sequence, value, offset) in idempotent.acked.iter().rev().take(4) {
                let bytes = batch(idempotent.producer, *sequence, false, value);
                let again = broker.partition(OUT, 0).expect("there").produce(bytes, NOW_MS).expect("a known batch");
                assert_eq!((again.base_offset.0, again.duplicate), (*offset, true), "a retry of {value}");
            }
        }
        // Whoever comes back finds its transaction ended.
        for id in IDS {
            init(broker, id).unwrap_or_else(|_| panic!("{id} cannot come back"));
        }
        for at in 0..PARTITIONS {
            let partition = broker.partition(OUT, at).expect("there");
            let log = partition.log();
            assert!(log.open_transactions().is_empty(), "{OUT}-{at} has an open transaction");
            assert_eq!(log.last_stable_offset(), log.high_watermark(), "{OUT}-{at}: the last stable offset");
        }
        let seen: Vec<Vec<String>> = (0..PARTITIONS).map(|at| committed_values(broker, at)).collect();
        for (id, client) in &mut self.clients {
            let mut last = 0;
            for (n, outcome) in (1..).zip(&mut client.outcomes) {
                let value = format!("{id}:{n}");
                let count: Vec<usize> =
                    seen.iter().map(|values| values.iter().filter(|v| **v == value).count()).collect();
                let whole = count.iter().all(|count| *count == 1);
                assert!(whole || count.iter().all(|count| *count == 0), "{value} is torn: {count:?}");
                let fits = match outcome {
                    Outcome::Committed => whole,
                    Outcome::Aborted | Outcome::Open | Outcome::Unsure(false) => !whole,
                    Outcome::Unsure(true) => true,
                };
                assert!(fits, "{value} was {outcome:?}, and is seen: {whole}");
                *outcome = if whole { Outcome::Committed } else { Outcome::Aborted };
                last = if whole { n } else { last };
            }
            assert_eq!(committed(broker, id), last, "{id}: its group's offset and its output");
        }
    }
}

fn init(broker: &Arc<Broker>, id: &str) -> Result<Producer, Dead> {
    let request = InitRequest { transactional_id: id.to_owned(), timeout_ms: 60_000, expected: None };
    loop {
        match broker.coordinators().init_producer(&request) {
            Ok(producer) => return answer(broker, producer)?.map_err(dead),
            Err(refused) if broker.health().is_some() => return Err(dead(refused)),
            Err(Refusal::Error(_) | Refusal::Busy) => broker.coordinators().run_due(),
            Err(refused @ Refusal::StaleConnection) => return Err(dead(refused)),
        }
    }
}

pub(super) fn offsets(group: &str, next: i64) -> OffsetCommitRequest {
    let offset = OffsetCommit {
        topic: "in".to_owned(),
        partition: 0,
        offset: Offset(next),
        leader_epoch: -1,
        metadata: String::new(),
        retention_ms: None,
    };
    OffsetCommitRequest {
        committer: Committer::Client,
        group_id: group.to_owned(),
        generation: -1,
        member_id: String::new(),
        group_instance_id: None,
        offsets: vec![offset],
        producer: None,
    }
}

pub(super) fn committed(broker: &Broker, group: &str) -> i64 {
    broker.committed_offsets(group).first().map_or(0, |(_, _, offset, _)| offset.0)
}

/// What a `read_committed` consumer keeps.
fn committed_values(broker: &Broker, at: i32) -> Vec<String> {
    let partition = broker.partition(OUT, at).expect("there");
    let mut values = Vec::new();
    let mut from = Offset(0);
    while from < partition.log().last_stable_offset() {
        let request =
            broker::ReadRequest { from, bytes_max: 1 << 20, at_least_one: true, isolation: Isolation::LastStable };
        let read = partition.log().read(request).expect("readable");
        for batch in read.chunks.iter().flat_map(|chunk| record::split(chunk.read().expect("readable"))) {
            let batch = batch.expect("a batch");
            from = batch.header.next_offset();
            let aborted = read.aborted.iter().any(|a| {
                a.producer_id == batch.header.producer_id
                    && (a.first_offset..=a.last_offset).contains(&batch.header.base_offset)
            });
            if batch.header.is_control() || batch.header.is_transactional() && aborted {
                continue;
            }
            for record in batch.records(Default::default()).expect("records").iter() {
                let value = record.expect("a record").value.expect("a value").to_vec();
                values.push(String::from_utf8(value).expect("text"));
            }
        }
    }
    values
}

fn set_up(broker: &Arc<Broker>) {
    for (name, partitions) in [("in", 1), (OUT, PARTITIONS)] {
        if broker.topic(name).is_none() {
            let new = NewTopic { partitions: Some(partitions), ..NewTopic::default() };
            broker.create_topic(name, new).expect("created");
        }
    }
    for name in ["__consumer_offsets", "__transaction_state", OUT] {
        broker
            .alter_configs(&Resource::Topic(name.to_owned()), false, |before| {
                let mut configs: Overrides = before.clone();
                configs.insert("segment.bytes".to_owned(), "1500".to_owned());
                configs.insert("min.cleanable.dirty.ratio".to_owned(), "0.1".to_owned());
                Ok(configs)
            })
            .expect("configured");
    }
}

fn check(seed: u64) {
    let mut run = Run {
        disk: SimDisk::new(),
        random: Random::new(seed),
        clients: BTreeMap::new(),
        idempotent: Vec::new(),
        given_ids: HashSet::new(),
        plain: (0, 0),
        shown: BTreeMap::new(),
    };
    set_up(&open(&run.disk).expect("opens"));
    if seed % 4 == 3 {
        run.disk.write_back(seed);
    }
    for _ in 0..4 {
        if run.random.below(4) == 0 {
            run.disk.cut_power_at(run.disk.operations() + run.random.below(60));
            let _ = open(&run.disk);
            run.disk = crash(&run.disk, &mut run.random);
        }
        let broker = open(&run.disk).unwrap_or_else(|e| panic!("cannot open: {e}"));
        assert!(broker.recovery().damage.is_empty(), "{:?}", broker.recovery().damage);
        run.check(&broker);
        if run.random.below(6) == 0 {
            run.work(&broker).expect("nothing is refused with the power on");
        } else {
            let few = run.random.pick(&[30, 300, 900]);
            run.disk.cut_power_at(run.disk.operations() + 1 + run.random.below(few));
            if let Err(Dead(refused)) = run.work(&broker) {
                assert!(run.disk.is_off(), "refused with the power on: {refused}");
            }
        }
        run.disk.cut_power();
        drop(broker);
        run.disk = crash(&run.disk, &mut run.random);
    }
    let broker = open(&run.disk).unwrap_or_else(|e| panic!("cannot open: {e}"));
    run.check(&broker);
}

#[test]
fn transactions_offsets_and_producers_survive_every_crash() {
    for_each_seed(SEEDS, check);
}
