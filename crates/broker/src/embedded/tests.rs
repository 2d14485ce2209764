//! Commits of queries, through power loss.
//!
//! Verified: a commit is all or nothing over outputs and offsets, whatever write the power is cut before; one that
//! returned is there after recovery; bytes below the high watermark that anybody could have read are the same bytes
//! after recovery, markers included; no transaction stays open; the two-round bound.
//! Not verified here: clients over the network (`tests/api`), damage to synced bytes (`commitlog`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use commitlog::{Isolation, ReadRequest};
use record::{BatchesBuilder, Offset, ReadLimits, TimestampMs};
use testkit::{Loss, ManualClock, SimDisk};

use super::*;
use crate::options::BrokerOptions;
use crate::topic::{NewTopic, OFFSETS_TOPIC};
use crate::txn::TransactionState;

const START_MS: i64 = 1_700_000_000_000;
const OUT_PARTITIONS: i32 = 3;

fn options(disk: &SimDisk, clock: &Arc<ManualClock>) -> BrokerOptions {
    let mut options = BrokerOptions::new("/data");
    options.disk = Arc::new(disk.clone());
    options.clock = Arc::<ManualClock>::clone(clock);
    options.background = false;
    options
}

fn open(disk: &SimDisk) -> Arc<Broker> {
    let clock = Arc::new(ManualClock::new(START_MS));
    Broker::open(options(disk, &clock)).expect("the broker opens")
}

fn record(text: &str) -> BatchesBuilder {
    let mut records = BatchesBuilder::default();
    records.push(TimestampMs(START_MS), None, Some(text.as_bytes()), []);
    records
}

/// A query that copies `in/0` to the partitions of `out` in turn.
struct Copier {
    broker: Arc<Broker>,
    id: &'static str,
    producer: TransactionalProducer,
    member: QueryMember,
    next: i64,
}

impl Copier {
    fn start(broker: &Arc<Broker>, id: &'static str) -> Result<Self, String> {
        let producer = broker.open_transactional(id, 60_000).map_err(|e| e.to_string())?;
        let member = broker.query_member(id, &["in".to_owned()]).map_err(|e| e.to_string())?;
        let next = committed(broker, id);
        Ok(Self { broker: Arc::clone(broker), id, producer, member, next })
    }

    fn prepare(&mut self) -> TopologyCommit<'_> {
        let next = self.next;
        let out = |offset: i64| (offset.rem_euclid(i64::from(OUT_PARTITIONS))) as i32;
        // Two records in two partitions per commit.
        let appends = (next..next + 2).map(|n| ("out".to_owned(), out(n), record(&format!("{}:{n}", self.id))));
        let offsets = vec![("in".to_owned(), 0, Offset(next + 2), format!("at {next}"))];
        TopologyCommit { appends: appends.collect(), offsets, producer: &mut self.producer, member: &self.member }
    }

    fn step(&mut self) -> Result<(), CommitError> {
        let broker = Arc::clone(&self.broker);
        broker.commit(vec![self.prepare()])?;
        self.next += 2;
        Ok(())
    }
}

fn committed(broker: &Broker, id: &str) -> i64 {
    broker.committed_offsets(id).first().map_or(0, |(_, _, offset, _)| offset.0)
}

/// Everything below the high watermark, as bytes; `None` when the disk is off.
fn visible_bytes(broker: &Broker, topic: &str, partition: i32) -> Option<Vec<u8>> {
    let partition = broker.partition(topic, partition)?;
    let mut bytes = Vec::new();
    let mut from = partition.log().log_start_offset();
    let end = partition.log().high_watermark();
    while from < end {
        let request = ReadRequest { from, bytes_max: 1 << 20, at_least_one: true, isolation: Isolation::HighWatermark };
        for chunk in partition.log().read(request).ok()?.chunks {
            let chunk = chunk.read().ok()?;
            for batch in record::split(chunk.clone()) {
                from = batch.ok()?.header.next_offset();
            }
            bytes.extend_from_slice(&chunk);
        }
    }
    Some(bytes)
}

/// The values that a `read_committed` consumer gets.
fn committed_values(broker: &Broker, topic: &str, partition: i32) -> Vec<String> {
    let partition = broker.partition(topic, partition).expect("the partition");
    let mut values = Vec::new();
    let mut from = partition.log().log_start_offset();
    while from < partition.log().last_stable_offset() {
        let request = ReadRequest { from, bytes_max: 1 << 20, at_least_one: true, isolation: Isolation::LastStable };
        let read = partition.log().read(request).expect("readable");
        for chunk in read.chunks {
            for batch in record::split(chunk.read().expect("readable")) {
                let batch = batch.expect("a batch");
                from = batch.header.next_offset();
                let aborted = read.aborted.iter().any(|a| {
                    a.producer_id == batch.header.producer_id
                        && (a.first_offset..=a.last_offset).contains(&batch.header.base_offset)
                });
                if batch.header.is_control() || (batch.header.is_transactional() && aborted) {
                    continue;
                }
                for record in batch.records(ReadLimits::default()).expect("records").iter() {
                    let value = record.expect("a record").value.expect("a value").to_vec();
                    values.push(String::from_utf8(value).expect("text"));
                }
            }
        }
    }
    values
}

fn create_topics(broker: &Broker) {
    for (name, partitions) in [("in", 1), ("out", OUT_PARTITIONS)] {
        let new = NewTopic { partitions: Some(partitions), ..NewTopic::default() };
        broker.create_topic(name, new).expect("the topic is created");
    }
}

/// Runs two copiers until the power goes, and looks at what is left.
fn check_cut(cut_after: u64, loss: Loss, seed: u64) -> u64 {
    let disk = SimDisk::new();
    let broker = open(&disk);
    create_topics(&broker);
    let before = disk.operations();
    disk.cut_power_at(before + cut_after);

    let ids = ["query-a", "query-b"];
    let mut acknowledged = BTreeMap::new();
    let mut seen: BTreeMap<(String, i32), Vec<u8>> = BTreeMap::new();
    let mut look = |broker: &Broker| {
        let places = (0..OUT_PARTITIONS).map(|p| ("out", p)).chain([(OFFSETS_TOPIC, 0)]);
        for (topic, partition) in places {
            if let Some(bytes) = visible_bytes(broker, topic, partition) {
                let known = seen.entry((topic.to_owned(), partition)).or_default();
                if bytes.len() > known.len() {
                    *known = bytes;
                }
            }
        }
    };
    let _ = (|| -> Result<(), String> {
        let mut copiers = Vec::new();
        for id in ids {
            copiers.push(Copier::start(&broker, id)?);
        }
        for round in 0..12 {
            if round % 3 == 2 {
                // Both in one call.
                let commits = copiers.iter_mut().map(Copier::prepare).collect();
                broker.commit(commits).map_err(|e| e.to_string())?;
                for copier in &mut copiers {
                    copier.next += 2;
                }
            } else {
                copiers[round % 2].step().map_err(|e| e.to_string())?;
            }
            for copier in &copiers {
                acknowledged.insert(copier.id, copier.next);
            }
            look(&broker);
            if round % 4 == 3 {
                // A producer that is opened anew.
                copiers[1] = Copier::start(&broker, ids[1])?;
            }
        }
        Ok(())
    })();
    look(&broker);
    let operations = disk.operations() - before;
    let what = format!("cut after {cut_after} operations, {loss:?}, seed {seed}");
    drop(broker);

    let disk = disk.reboot(loss, seed);
    let broker = open(&disk);
    for ((topic, partition), known) in &seen {
        let now = visible_bytes(&broker, topic, *partition).expect("readable");
        assert!(now.starts_with(known), "{what}: {topic}-{partition} showed other bytes before");
    }
    for id in ids {
        let count = committed(&broker, id);
        let promised = acknowledged.get(id).copied().unwrap_or(0);
        assert!(count >= promised, "{what}: {id} had committed {promised}, now {count}");
        let mut values = Vec::new();
        for partition in 0..OUT_PARTITIONS {
            values.extend(committed_values(&broker, "out", partition));
        }
        let mut numbers: Vec<i64> = values
            .iter()
            .filter_map(|value| value.strip_prefix(&format!("{id}:")).map(|n| n.parse().expect("a number")))
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..count).collect::<Vec<_>>(), "{what}: outputs of {id} and its offset {count}");
    }
    // It goes on, and nothing stays open.
    for id in ids {
        let mut copier = Copier::start(&broker, id).unwrap_or_else(|e| panic!("{what}: {id} cannot start: {e}"));
        copier.step().unwrap_or_else(|e| panic!("{what}: {id} cannot commit: {e}"));
        assert_eq!(committed(&broker, id), copier.next, "{what}");
    }
    for partition in 0..OUT_PARTITIONS {
        let log = broker.partition("out", partition).expect("the partition");
        assert!(log.log().open_transactions().is_empty(), "{what}: out-{partition} has an open transaction");
    }
    operations
}

#[test]
fn a_commit_survives_power_loss_whole_or_not_at_all() {
    let all = check_cut(u64::MAX / 2, Loss::Nothing, 0);
    assert!(all > 100, "only {all} operations: the cuts below would mean nothing");
    for cut_after in 0..all {
        let loss = match cut_after % 8 {
            0 => Loss::Nothing,
            4 => Loss::All,
            _ => Loss::Random,
        };
        check_cut(cut_after, loss, cut_after * 7 + 1);
    }
}

#[test]
fn a_commit_is_a_kafka_transaction() {
    let broker = open(&SimDisk::new());
    create_topics(&broker);
    let mut copier = Copier::start(&broker, "query").expect("it starts");
    copier.step().expect("it commits");
    assert_eq!(committed_values(&broker, "out", 0), ["query:0"]);
    assert_eq!(committed_values(&broker, "out", 1), ["query:1"]);
    assert_eq!(broker.committed_offsets("query"), [("in".to_owned(), 0, Offset(2), "at 0".to_owned())]);
    broker.coordinators().wait_until_idle(&["query".to_owned()]).expect("it completes");
    let described = broker.coordinators().describe_transaction("query").expect("the id is known");
    assert_eq!(described.value.state, TransactionState::CompleteCommit);

    let group = broker.group("query").expect("the group is known");
    assert_eq!((group.state, group.members[0].partitions.as_slice()), ("Stable", &[("in".to_owned(), 0)][..]));

    // A successor: the former producer and member are out.
    let mut successor = Copier::start(&broker, "query").expect("it starts");
    let refused = copier.step().expect_err("it is fenced");
    assert!(matches!(refused, CommitError::Fenced { .. }), "{refused:?}");
    successor.step().expect("the successor commits");
    assert_eq!(committed(&broker, "query"), 4);

    // Dropped, it leaves nothing.
    broker.forget_query("query").expect("it is forgotten");
    assert_eq!(broker.group("query"), None);
    assert_eq!(broker.committed_offsets("query"), []);
}

#[test]
fn a_commit_to_a_missing_partition_leaves_nothing_open() {
    let broker = open(&SimDisk::new());
    create_topics(&broker);
    let mut copier = Copier::start(&broker, "query").expect("it starts");
    let mut commit = copier.prepare();
    commit.appends.push(("out".to_owned(), OUT_PARTITIONS, record("x")));
    let refused = broker.commit(vec![commit]).expect_err("there is no such partition");
    assert!(matches!(refused, CommitError::UnknownPartition { .. }), "{refused:?}");
    let mut copier = Copier::start(&broker, "query").expect("it starts again");
    copier.step().expect("it commits");
    assert_eq!(committed_values(&broker, "out", 0), ["query:0"]);
}

#[test]
fn many_topologies_share_two_sync_rounds() {
    let disk = SimDisk::new();
    let broker = open(&disk);
    create_topics(&broker);
    let names: Vec<String> = (0..8).map(|n| format!("query-{n}")).collect();
    let names: Vec<&'static str> = names.into_iter().map(|n| &*n.leak()).collect();
    let mut copiers: Vec<Copier> = names.iter().map(|id| Copier::start(&broker, id).expect("it starts")).collect();
    for id in &names {
        broker.coordinators().wait_until_idle(&[(*id).to_owned()]).expect("idle");
    }
    broker.logs.sync().wait().expect("synced");
    let before = disk.syncs();
    broker.commit(copiers.iter_mut().map(Copier::prepare).collect()).expect("they commit");
    let awaited = disk.syncs() - before;
    // Small rounds are one sync of the journal. Those of the markers and of the Complete records may be over too.
    assert!((2..=4).contains(&awaited), "{awaited} syncs for one commit of eight topologies");
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted() {
    let disk = SimDisk::new();
    let clock = Arc::new(ManualClock::new(START_MS));
    let broker = Broker::open(options(&disk, &clock)).expect("the broker opens");
    create_topics(&broker);
    let producer = broker.open_transactional("slow", 1_000).expect("it opens");
    let partitions = [("out".to_owned(), [0].into())].into();
    broker.coordinators().begin("slow", producer.producer(), &partitions).expect("it begins").wait().expect("durable");
    let state = |broker: &Broker| broker.coordinators().describe_transaction("slow").expect("known").value;
    broker.coordinators().run_due();
    assert_eq!(state(&broker).state, TransactionState::Ongoing);

    clock.advance(Duration::from_millis(1_001));
    broker.coordinators().run_due();
    broker.coordinators().wait_until_idle(&["slow".to_owned()]).expect("it ends");
    let value = state(&broker);
    assert_eq!((value.state, value.producer_epoch.0), (TransactionState::CompleteAbort, 1));
    let refused = broker.coordinators().begin("slow", producer.producer(), &partitions).expect_err("it is fenced");
    assert!(matches!(refused, CommitError::Fenced { code: ErrorCode::ProducerFenced, .. }), "{refused:?}");
}
