//! Crashes under a working broker, again and again, on the simulated disk: the power goes, or the process is killed and the
//! power goes later.
//!
//! Verified: every acknowledged topic, config, number of partitions and record is there after the next start, with the
//! same ids, at the same offsets; a deleted topic stays deleted; nothing that a reader was shown vanishes; an offset is
//! never given to another record; the broker opens, always.
//! Not verified here: what was not acknowledged (it may be there, whole, or not); groups and transactions ([`clients`]).
//!
//! `MILLSTREAM_SEEDS=10000` runs more seeds; a failure names its seed.

mod clients;
mod day;
mod rivals;
mod seeded;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use broker::config::Overrides;
use broker::{Broker, BrokerOptions, Isolation, NewTopic, ReadRequest, Resource};
use record::{BatchBuilder, BatchOptions, LeaderEpoch, Offset, ReadLimits, TimestampMs};
use testkit::seed::{Random, for_each_seed};
use testkit::{Loss, SimDisk};
use wire::Uuid;

const NOW_MS: i64 = 1_700_000_000_000;
const NAMES: [&str; 3] = ["a", "b", "c"];
const SEEDS: u64 = 30;
const CUTS_PER_SEED: usize = 4;

#[derive(Clone, Debug, Default)]
struct PartitionModel {
    /// Records by offset: acknowledged, or shown after an earlier start.
    records: BTreeMap<i64, String>,
    log_start: i64,
}

#[derive(Clone, Debug)]
struct TopicModel {
    id: Uuid,
    retention: Option<String>,
    partitions: Vec<PartitionModel>,
}

/// What the operation that the power cut interrupted may have done.
#[derive(Clone, Debug)]
enum Doubt {
    Nothing,
    Create(&'static str),
    Delete(&'static str),
    Grow(&'static str),
    Configure(&'static str, Option<String>),
    Truncate(&'static str, usize, i64),
}

struct Run {
    seed: u64,
    disk: SimDisk,
    random: Random,
    topics: BTreeMap<&'static str, TopicModel>,
    dead_ids: HashSet<Uuid>,
    produced: u64,
}

fn open(disk: &SimDisk) -> Result<Arc<Broker>, String> {
    let mut options = BrokerOptions::new(PathBuf::from("/data"));
    options.disk = Arc::new(disk.clone());
    options.clock = Arc::new(testkit::ManualClock::new(NOW_MS));
    options.background = false;
    Broker::open(options).map_err(|e| e.to_string())
}

/// The disk after a crash of one kind or the other.
fn crash(disk: &SimDisk, random: &mut Random) -> SimDisk {
    disk.cut_power();
    let losses = [Loss::All, Loss::Nothing, Loss::Names, Loss::Bytes, Loss::Random, Loss::Random];
    match random.below(3) {
        0 => disk.kill(),
        _ => disk.reboot(random.pick(&losses), random.below(u64::MAX)),
    }
}

fn batch(value: &str) -> bytes::Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    builder.push(TimestampMs(NOW_MS), None, Some(value.as_bytes()), []);
    builder.finish(Offset(0), LeaderEpoch(0))
}

/// All records that a reader is shown.
fn read(broker: &Broker, topic: &str, partition: i32) -> BTreeMap<i64, String> {
    try_read(broker, topic, partition).expect("readable")
}

/// The same; nothing when the disk is off.
fn try_read(broker: &Broker, topic: &str, partition: i32) -> Option<BTreeMap<i64, String>> {
    let partition = broker.partition(topic, partition).expect("the partition that was acknowledged");
    let log = partition.log();
    let mut shown = BTreeMap::new();
    let mut from = log.log_start_offset();
    while from < log.high_watermark() {
        let request = ReadRequest { from, bytes_max: 1 << 20, at_least_one: true, isolation: Isolation::HighWatermark };
        for chunk in log.read(request).ok()?.chunks {
            for batch in record::split(chunk.read().ok()?) {
                let batch = batch.expect("a batch");
                from = batch.header.next_offset();
                if batch.header.is_control() {
                    continue;
                }
                for record in batch.records(ReadLimits::default()).expect("records").iter() {
                    let record = record.expect("a record");
                    if record.offset >= log.log_start_offset() {
                        let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
                        shown.insert(record.offset.0, value);
                    }
                }
            }
        }
    }
    Some(shown)
}

impl Run {
    /// Works until the power goes; says what may or may not have happened last.
    fn work(&mut self, broker: &Arc<Broker>, steps: u64) -> Doubt {
        for _ in 0..steps {
            let name = NAMES[self.random.below(3) as usize];
            let doubt = self.step(broker, name);
            if self.disk.is_off() {
                return doubt;
            }
        }
        Doubt::Nothing
    }

    fn step(&mut self, broker: &Arc<Broker>, name: &'static str) -> Doubt {
        let seed = self.seed;
        let exists = self.topics.contains_key(name);
        match self.random.below(12) {
            0 | 1 => {
                let partitions = 1 + self.random.below(2) as i32;
                let created =
                    broker.create_topic(name, NewTopic { partitions: Some(partitions), ..NewTopic::default() });
                match created {
                    Ok(info) => {
                        assert!(!exists, "{seed}: {name} was there already");
                        assert!(!self.dead_ids.contains(&info.id), "{seed}: an id came back");
                        let partitions = vec![PartitionModel::default(); partitions as usize];
                        self.topics.insert(name, TopicModel { id: info.id, retention: None, partitions });
                    }
                    Err(e) => assert!(exists || self.disk.is_off(), "{seed}: create {name}: {e}"),
                }
                if exists { Doubt::Nothing } else { Doubt::Create(name) }
            }
            2 => {
                match broker.delete_topic(name) {
                    Ok(info) => {
                        self.dead_ids.insert(info.id);
                        assert!(self.topics.remove(name).is_some(), "{seed}: {name} was gone already");
                    }
                    Err(e) => assert!(!exists || self.disk.is_off(), "{seed}: delete {name}: {e}"),
                }
                Doubt::Delete(name)
            }
            3 if exists => {
                let count = self.topics[name].partitions.len() as i32 + 1;
                match broker.create_partitions(name, count, false) {
                    Ok(()) => {
                        let topic = self.topics.get_mut(name).expect("exists");
                        topic.partitions.push(PartitionModel::default());
                    }
                    Err(e) => assert!(self.disk.is_off(), "{seed}: grow {name}: {e}"),
                }
                Doubt::Grow(name)
            }
            4 if exists => {
                let retention = Some((1_000_000_000 + self.random.below(1000)).to_string());
                let after: Overrides =
                    retention.iter().map(|value| ("retention.ms".to_owned(), value.clone())).collect();
                match broker.alter_configs(&Resource::Topic(name.to_owned()), false, |_| Ok(after)) {
                    Ok(()) => self.topics.get_mut(name).expect("exists").retention.clone_from(&retention),
                    Err(e) => assert!(self.disk.is_off(), "{seed}: configure {name}: {e}"),
                }
                Doubt::Configure(name, retention)
            }
            5 if exists => {
                let at = self.random.below(self.topics[name].partitions.len() as u64) as usize;
                let partition = broker.partition(name, at as i32).expect("the partition that was acknowledged");
                let end = partition.log().high_watermark().0;
                let before = self.random.below(end as u64 + 1) as i64;
                let deleted = partition.log().delete_records(Offset(before)).map(|ticket| ticket.wait());
                let model = &mut self.topics.get_mut(name).expect("exists").partitions[at];
                match deleted {
                    Ok(Ok(())) => {
                        model.log_start = model.log_start.max(before);
                        model.records.retain(|offset, _| *offset >= model.log_start);
                    }
                    Ok(Err(e)) => assert!(self.disk.is_off(), "{seed}: truncate {name}-{at}: {e}"),
                    Err(e) => assert!(self.disk.is_off(), "{seed}: truncate {name}-{at}: {e}"),
                }
                Doubt::Truncate(name, at, before)
            }
            _ if exists => {
                let at = self.random.below(self.topics[name].partitions.len() as u64) as usize;
                let partition = broker.partition(name, at as i32).expect("the partition that was acknowledged");
                self.produced += 1;
                let value = format!("{name}-{at}-{}", self.produced);
                let sent = partition.produce(batch(&value), NOW_MS);
                let offset = sent.ok().and_then(|sent| sent.ticket.wait().is_ok().then_some(sent.base_offset.0));
                assert!(offset.is_some() || self.disk.is_off(), "{seed}: produce to {name}-{at}");
                let records = &mut self.topics.get_mut(name).expect("exists").partitions[at].records;
                if let Some(offset) = offset {
                    records.insert(offset, value);
                }
                Doubt::Nothing
            }
            _ => Doubt::Nothing,
        }
    }

    /// Compares what is there with what must be, and takes over what the interrupted operation did.
    fn check(&mut self, broker: &Broker, doubt: &Doubt) {
        let seed = self.seed;
        for name in NAMES {
            let found = broker.topic(name);
            let Some(model) = self.topics.get_mut(name) else {
                let Some(info) = found else { continue };
                assert!(matches!(doubt, Doubt::Create(one) if *one == name), "{seed}: {name} came from nowhere");
                assert!(!self.dead_ids.contains(&info.id), "{seed}: {name} came back");
                let partitions = vec![PartitionModel::default(); info.partitions as usize];
                self.topics.insert(name, TopicModel { id: info.id, retention: None, partitions });
                continue;
            };
            let Some(info) = found else {
                assert!(matches!(doubt, Doubt::Delete(one) if *one == name), "{seed}: {name} is gone");
                self.dead_ids.insert(model.id);
                self.topics.remove(name);
                continue;
            };
            assert_eq!(info.id, model.id, "{seed}: {name} has another id");
            let (has, had) = (info.partitions as usize, model.partitions.len());
            let may_grow = matches!(doubt, Doubt::Grow(one) if *one == name);
            assert!(has == had || (has == had + 1 && may_grow), "{seed}: {name} has {has} partitions, not {had}");
            model.partitions.resize(info.partitions as usize, PartitionModel::default());
            let retention = info.configs.get("retention.ms").cloned();
            let may_be = match doubt {
                Doubt::Configure(one, to) if *one == name => to.clone(),
                _ => model.retention.clone(),
            };
            assert!(retention == model.retention || retention == may_be, "{seed}: {name} has retention {retention:?}");
            model.retention = retention;
            for (at, model) in model.partitions.iter_mut().enumerate() {
                let shown = read(broker, name, at as i32);
                let log =
                    Arc::clone(broker.partition(name, at as i32).expect("the partition that was acknowledged").log());
                let log_start = log.log_start_offset().0;
                let may_start = match doubt {
                    Doubt::Truncate(one, partition, before) if *one == name && *partition == at => *before,
                    _ => model.log_start,
                };
                assert!(
                    log_start == model.log_start || log_start == may_start.max(model.log_start),
                    "{seed}: {name}-{at} starts at {log_start}, not at {}",
                    model.log_start
                );
                for (offset, value) in model.records.range(log_start..) {
                    assert_eq!(shown.get(offset), Some(value), "{seed}: {name}-{at}: the record at offset {offset}");
                }
                let end = model.records.keys().next_back().map_or(0, |last| last + 1);
                assert!(log.log_end_offset().0 >= end, "{seed}: {name}-{at} ends early");
                *model = PartitionModel { records: shown, log_start };
            }
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost() {
    for_each_seed(SEEDS, |seed| {
        let mut run = Run {
            seed,
            disk: SimDisk::new(),
            random: Random::new(seed),
            topics: BTreeMap::new(),
            dead_ids: HashSet::new(),
            produced: 0,
        };
        for _ in 0..CUTS_PER_SEED {
            // Sometimes the power goes while the broker opens.
            if run.random.below(4) == 0 {
                run.disk.cut_power_at(run.disk.operations() + run.random.below(60));
                let _ = open(&run.disk);
                run.disk = crash(&run.disk, &mut run.random);
            }
            let broker = open(&run.disk).unwrap_or_else(|e| panic!("{seed}: cannot open: {e}"));
            run.disk.cut_power_at(run.disk.operations() + 1 + run.random.below(300));
            let doubt = run.work(&broker, 200);
            run.disk.cut_power();
            drop(broker);
            run.disk = crash(&run.disk, &mut run.random);
            let broker = open(&run.disk).unwrap_or_else(|e| panic!("{seed}: cannot open after the cut: {e}"));
            run.check(&broker, &doubt);
            // And again after a clean stop.
            broker.shutdown().unwrap_or_else(|e| panic!("{seed}: cannot stop: {e}"));
            drop(broker);
            let broker = open(&run.disk).unwrap_or_else(|e| panic!("{seed}: cannot open after a stop: {e}"));
            run.check(&broker, &Doubt::Nothing);
            run.disk.cut_power();
            drop(broker);
            run.disk = crash(&run.disk, &mut run.random);
        }
    });
}
