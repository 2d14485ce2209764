//! Crashes at any operation, over and over on the same disk, against a model that only remembers: the power goes, or the
//! process is killed and the power goes later.
//!
//! Verified: what was acknowledged or shown (read below the high watermark) is there, at its offset; what is there was
//! appended, in order, with nothing between; what a start has shown, a second crash does not take back; producers,
//! transactions, aborted lists, leader epochs and the window of five are as they were at that end; log starts, created and
//! deleted logs stay. Not verified here: damage that no power loss makes (see `damage`), promised markers (see `behaviour`),
//! compaction (see `compaction`).
//!
//! `MILLSTREAM_SEEDS=10000` runs so many seeds, `MILLSTREAM_SEEDS=<first>+<count>` those.

use std::collections::BTreeMap;
use std::sync::Arc;

use os::Disk;
use record::control::{ControlType, EndTxnMarker, end_txn_marker};
use testkit::seed::{Random, for_each_seed};
use testkit::{Loss, SimDisk};

use super::*;
use crate::{ProducerInfo, Ticket};

#[derive(Clone, Debug)]
struct SentBatch {
    producer: i64,
    epoch: i16,
    base: i64,
    bytes: Bytes,
}

#[derive(Clone, Debug, Default)]
struct Model {
    /// By offset: the value; nothing for a marker.
    records: Vec<Option<String>>,
    /// By offset: the leader epoch.
    epochs: Vec<i32>,
    /// Whether the record at this offset was in an aborted transaction, once that is known: (offset of the marker).
    aborted_by: BTreeMap<i64, i64>,
    /// Open transactions by producer: offsets so far.
    open: BTreeMap<i64, Vec<i64>>,
    /// What the log said of its producers when it ended at this offset.
    producers: BTreeMap<i64, Vec<ProducerInfo>>,
    opens: BTreeMap<i64, BTreeMap<i64, Vec<i64>>>,
    sent: Vec<SentBatch>,
    next_sequence: BTreeMap<i64, i32>,
    acked_end: i64,
    shown_end: i64,
    start_asked: i64,
    start_acked: i64,
}

impl Model {
    fn end(&self) -> i64 {
        self.records.len() as i64
    }

    /// Forgets what recovery did not find.
    fn cut(&mut self, end: i64) {
        self.records.truncate(end as usize);
        self.epochs.truncate(end as usize);
        self.aborted_by.retain(|_, marker| *marker < end);
        self.producers.retain(|at, _| *at <= end);
        self.opens.retain(|at, _| *at <= end);
        self.open = self.opens.get(&end).cloned().unwrap_or_default();
        self.sent.retain(|s| s.base < end);
        self.acked_end = end;
        self.shown_end = end;
    }
}

struct World {
    random: Random,
    models: BTreeMap<String, Model>,
    /// Deleted and not known to be durably so.
    waiting: Vec<(String, i64, Ticket)>,
    /// Being created or deleted when the power went: may be either.
    unsure: Option<String>,
    clock: i64,
    /// A new one for each start, as after a cut.
    leader_epoch: i32,
}

const NAMES: [&str; 3] = ["A-0", "B-1", "b.c_d-2"];

impl World {
    fn run(&mut self, set: &LogSet, steps: u64) -> Result<(), String> {
        for _ in 0..steps {
            self.clock += 7;
            let name = NAMES[self.random.below(3) as usize].to_owned();
            let Some(log) = set.get(&name) else {
                self.unsure = Some(name.clone());
                set.create(&name, self.config()).map_err(|e| e.to_string())?;
                self.unsure = None;
                self.models.insert(name, Model::default());
                continue;
            };
            match self.random.below(100) {
                0..=25 => self.append_plain(&name, &log)?,
                26..=29 => self.append_in_one_round(set, &name, &log)?,
                30..=54 => self.append_sequenced(&name, &log)?,
                55..=69 => self.append_transactional(&name, &log)?,
                70..=79 => self.end_transaction(&name, &log)?,
                80..=83 => self.retry(&name, &log)?,
                84..=89 => self.settle()?,
                90..=92 => self.maintain(set)?,
                93..=95 => self.delete_records(&name, &log)?,
                96 => {
                    self.waiting.retain(|(n, ..)| *n != name);
                    self.unsure = Some(name.clone());
                    set.delete(&[&name]).map_err(|e| e.to_string())?;
                    self.unsure = None;
                    self.models.remove(&name);
                }
                _ => log.set_config(self.config()),
            }
            if self.leader_epoch % 2 == 1 {
                // In every second life as a lone producer, whose rounds run on its own thread from the third on.
                self.waiting.iter().for_each(|(_, _, ticket)| ticket.drive(1, 1));
                self.settle()?;
            }
            self.look(set);
        }
        self.settle()
    }

    /// What is below the high watermark may have been read by somebody.
    fn look(&mut self, set: &LogSet) {
        for (name, model) in &mut self.models {
            if let Some(log) = set.get(name) {
                model.shown_end = model.shown_end.max(log.high_watermark().0);
            }
        }
    }

    fn config(&mut self) -> LogConfig {
        let segment_bytes_max = self.random.pick(&[350, 700, 100_000]);
        let retention_bytes = self.random.pick(&[-1, -1, 2000]);
        LogConfig { segment_bytes_max, retention_bytes, index_interval_bytes: 150, ..LogConfig::default() }
    }

    /// Retention moves the log starts, up to the high watermarks.
    fn maintain(&mut self, set: &LogSet) -> Result<(), String> {
        for (name, model) in &mut self.models {
            let high_watermark = set.get(name).map_or(0, |log| log.log_end_offset().0);
            model.start_asked = model.start_asked.max(high_watermark);
        }
        set.maintain(TimestampMs(NOW.0 + self.clock)).map_err(|e| e.to_string())?;
        for (name, model) in &mut self.models {
            let Some(log) = set.get(name) else { continue };
            // Retention waited for its own move, and with it for all before.
            model.start_asked = log.log_start_offset().0;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        for (name, end, ticket) in self.waiting.drain(..) {
            ticket.wait().map_err(|e| e.to_string())?;
            let model = self.models.get_mut(&name).expect("modelled");
            match end {
                end if end < 0 => model.start_acked = model.start_acked.max(-end),
                end => model.acked_end = model.acked_end.max(end),
            }
        }
        Ok(())
    }

    fn values(&mut self) -> Vec<String> {
        let id = self.random.below(1 << 30);
        let padding = self.random.below(60) as usize;
        (0..=self.random.below(3)).map(|i| format!("{id}-{i}{}", "x".repeat(padding))).collect()
    }

    fn appended(
        &mut self,
        name: &str,
        log: &Log,
        bytes: Bytes,
        kind: AppendKind,
        values: &[String],
    ) -> Result<i64, String> {
        let base = self.models[name].end();
        let context = AppendContext { leader_epoch: LeaderEpoch(self.leader_epoch), ..context(kind) };
        let appended = log.append(bytes, context).map_err(|e| e.to_string())?;
        assert_eq!((appended.base_offset.0, appended.duplicate), (base, false));
        let model = self.models.get_mut(name).expect("modelled");
        model.records.extend(values.iter().cloned().map(Some));
        if values.is_empty() {
            model.records.push(None);
        }
        model.epochs.resize(model.records.len(), self.leader_epoch);
        assert_eq!(appended.last_offset.0 + 1, model.end());
        model.producers.insert(model.end(), log.producers());
        self.waiting.push((name.to_owned(), model.end(), appended.ticket));
        Ok(base)
    }

    fn remember_open(&mut self, name: &str) {
        let model = self.models.get_mut(name).expect("modelled");
        model.opens.insert(model.end(), model.open.clone());
    }

    fn append_plain(&mut self, name: &str, log: &Log) -> Result<(), String> {
        let values = self.values();
        let strs: Vec<&str> = values.iter().map(String::as_str).collect();
        self.appended(name, log, batch(&strs, NOW.0 + self.clock), AppendKind::Client, &values)?;
        self.remember_open(name);
        Ok(())
    }

    /// More at once than one sector holds, and none of it synced before the last.
    fn append_in_one_round(&mut self, set: &LogSet, name: &str, log: &Log) -> Result<(), String> {
        let _hold = set.hold_round();
        (0..12).try_for_each(|_| self.append_plain(name, log))
    }

    fn append_by(&mut self, name: &str, log: &Log, producer: i64, transactional: bool) -> Result<(), String> {
        let values = self.values();
        let strs: Vec<&str> = values.iter().map(String::as_str).collect();
        let sequence = self.models[name].next_sequence.get(&producer).copied().unwrap_or(0);
        let bytes = batch_of(producer, 0, sequence, transactional, &strs);
        let base = self.appended(name, log, bytes.clone(), AppendKind::Client, &values)?;
        let model = self.models.get_mut(name).expect("modelled");
        model.next_sequence.insert(producer, sequence + values.len() as i32);
        if transactional {
            let end = model.end();
            model.open.entry(producer).or_default().extend(base..end);
        }
        model.sent.push(SentBatch { producer, epoch: 0, base, bytes });
        self.remember_open(name);
        Ok(())
    }

    fn append_sequenced(&mut self, name: &str, log: &Log) -> Result<(), String> {
        let producer = self.random.below(2) as i64;
        self.append_by(name, log, producer, false)
    }

    fn append_transactional(&mut self, name: &str, log: &Log) -> Result<(), String> {
        let producer = 10 + self.random.below(3) as i64;
        self.append_by(name, log, producer, true)
    }

    fn end_transaction(&mut self, name: &str, log: &Log) -> Result<(), String> {
        let producer = 10 + self.random.below(3) as i64;
        let abort = self.random.below(2) == 0;
        let control_type = if abort { ControlType::Abort } else { ControlType::Commit };
        let marker = EndTxnMarker { control_type, coordinator_epoch: 0 };
        let bytes = end_txn_marker(ProducerId(producer), ProducerEpoch(0), marker, TimestampMs(NOW.0 + self.clock));
        let at = self.appended(name, log, bytes, AppendKind::Marker { promised: false }, &[])?;
        let model = self.models.get_mut(name).expect("modelled");
        let offsets = model.open.remove(&producer).unwrap_or_default();
        if abort {
            model.aborted_by.extend(offsets.into_iter().map(|o| (o, at)));
        }
        self.remember_open(name);
        Ok(())
    }

    /// One of a producer's last five batches again: the original offset.
    fn retry(&mut self, name: &str, log: &Log) -> Result<(), String> {
        let Some(last) = self.models[name].sent.last().cloned() else { return Ok(()) };
        let recent: Vec<SentBatch> =
            self.models[name].sent.iter().rev().filter(|s| s.producer == last.producer).take(5).cloned().collect();
        let again = &recent[self.random.below(recent.len() as u64) as usize];
        let appended = log.append(again.bytes.clone(), CLIENT).map_err(|e| e.to_string())?;
        assert_eq!((appended.base_offset.0, appended.duplicate), (again.base, true), "epoch {}", again.epoch);
        appended.ticket.wait().map_err(|e| e.to_string())?;
        let model = self.models.get_mut(name).expect("modelled");
        model.acked_end = model.acked_end.max(appended.last_offset.0 + 1);
        Ok(())
    }

    fn delete_records(&mut self, name: &str, log: &Log) -> Result<(), String> {
        let before = self.random.below(log.high_watermark().0 as u64 + 1) as i64;
        let model = self.models.get_mut(name).expect("modelled");
        model.start_asked = model.start_asked.max(before);
        let ticket = log.delete_records(Offset(before)).map_err(|e| e.to_string())?;
        self.waiting.push((name.to_owned(), -before, ticket));
        Ok(())
    }

    fn check(&mut self, set: &LogSet, report: &RecoveryReport) {
        assert!(report.damage.is_empty(), "{:?}", report.damage);
        self.waiting.clear();
        if let Some(unsure) = self.unsure.take() {
            match set.get(&unsure) {
                None => drop(self.models.remove(&unsure)),
                // Deleting did not begin, or creating worked.
                Some(_) => {
                    self.models.entry(unsure).or_default();
                }
            }
        }
        let expected: Vec<String> = self.models.keys().cloned().collect();
        same("the set", "name", &set.names(), &expected);
        self.leader_epoch += 1;
        for (name, model) in &mut self.models {
            let log = set.get(name).expect("there");
            let (start, end) = (log.log_start_offset().0, log.log_end_offset().0);
            assert!(end <= model.end(), "{name}: nothing is there that was not appended");
            assert!(end >= model.acked_end, "{name} ends at {end}: acknowledged up to {}", model.acked_end);
            assert!(end >= model.shown_end, "{name} ends at {end}: shown up to {}", model.shown_end);
            assert!(start >= model.start_acked && start <= model.start_asked, "{name} starts at {start}: {model:?}");
            assert_eq!(log.high_watermark().0, end);
            model.cut(end);
            model.start_acked = start;
            model.start_asked = start;
            for offset in start..end {
                let epoch = LeaderEpoch(model.epochs[offset as usize]);
                assert_eq!(log.epoch_at(Offset(offset)), Some(epoch), "{name}: leader epoch at {offset}");
            }
            if let Some(last) = model.epochs.last().filter(|_| start < end) {
                assert_eq!(log.latest_epoch(), Some(LeaderEpoch(*last)), "{name}: the latest leader epoch");
            }
            let named = |wanted: &dyn Fn(i64) -> bool, upto: i64| -> Vec<String> {
                let kept = (start..upto).filter(|o| wanted(*o));
                kept.filter_map(|o| model.records[o as usize].as_ref().map(|v| format!("{o}:{v}"))).collect()
            };
            same(name, "shown", &contents(&log, start, Isolation::HighWatermark), &named(&|_| true, end));
            let stable = model.open.values().flatten().min().copied().unwrap_or(end).max(start);
            assert_eq!(log.last_stable_offset().0, stable, "{name}: the last stable offset");
            same(name, "stable", &contents(&log, start, Isolation::LastStable), &named(&|_| true, stable));
            let aborted: Vec<i64> = aborted_offsets(&log, start);
            let expected: Vec<i64> = model.aborted_by.keys().copied().filter(|o| *o >= start && *o < stable).collect();
            same(name, "aborted", &aborted, &expected);
            let expected = model.producers.get(&end).cloned().unwrap_or_default();
            same(name, "producers", &log.producers(), &expected);
            let mut per_producer: BTreeMap<i64, Vec<SentBatch>> = BTreeMap::new();
            for sent in &model.sent {
                per_producer.entry(sent.producer).or_default().push(sent.clone());
            }
            model.next_sequence.clear();
            for info in &expected {
                model.next_sequence.insert(info.producer_id.0, info.last_sequence.0 + 1);
            }
            for sent in per_producer.values().flat_map(|all| all.iter().rev().take(5)) {
                let appended = log.append(sent.bytes.clone(), CLIENT).expect("a known batch");
                assert_eq!((appended.base_offset.0, appended.duplicate), (sent.base, true), "{name}");
                assert!(appended.ticket.is_done());
            }
        }
    }
}

/// The first difference says more than both lists.
fn same<T: PartialEq + std::fmt::Debug>(name: &str, what: &str, found: &[T], expected: &[T]) {
    let differ = (0..found.len().max(expected.len())).find(|i| found.get(*i) != expected.get(*i));
    if let Some(i) = differ {
        panic!("{name}: {what} number {i} is {:?}, and must be {:?}", found.get(i), expected.get(i));
    }
}

/// The offsets that a `read_committed` reader skips, by the list that comes with the batches.
fn aborted_offsets(log: &Log, from: i64) -> Vec<i64> {
    let request = |from| ReadRequest {
        from: Offset(from),
        bytes_max: 1000,
        at_least_one: true,
        isolation: Isolation::LastStable,
    };
    let mut from = from;
    let mut offsets = Vec::new();
    loop {
        let result = log.read(request(from)).expect("readable");
        if result.chunks.is_empty() {
            return offsets;
        }
        for chunk in result.chunks {
            for batch in record::split(chunk.read().expect("bytes")) {
                let header = batch.expect("whole").header;
                let (first, next) = (header.base_offset.0.max(from), header.next_offset().0);
                let skipped = !header.is_control()
                    && header.is_transactional()
                    && result.aborted.iter().any(|t| {
                        t.producer_id == header.producer_id
                            && t.first_offset <= header.base_offset
                            && t.last_offset >= header.base_offset
                    });
                if skipped {
                    offsets.extend(first..next);
                }
                from = next;
            }
        }
    }
}

fn check(seed: u64) {
    let mut world = World {
        random: Random::new(seed),
        models: BTreeMap::new(),
        waiting: Vec::new(),
        unsure: None,
        clock: 0,
        leader_epoch: 0,
    };
    let mut sim = SimDisk::new();
    if seed % 4 == 3 {
        sim.write_back(seed);
    }
    for cycle in 0..5 {
        let disk: Arc<dyn Disk> = Arc::new(sim.clone());
        let few = world.random.pick(&[10, 100, 400]);
        let after = world.random.below(few);
        let kind = world.random.below(6);
        if kind == 0 {
            // The start itself is cut: nothing is asked, but nothing may get lost either.
            sim.cut_power_at(sim.operations() + after / 3);
            drop(LogSet::open(options(Arc::clone(&disk)), NOW));
        } else {
            let (set, report) = open(&disk);
            world.check(&set, &report);
            if kind == 1 {
                world.run(&set, 150).expect("nothing fails with the power on");
                set.close().expect("closed");
            } else {
                sim.cut_power_at(sim.operations() + after);
                let _cut_off = world.run(&set, 150);
            }
            sim.cut_power();
            world.look(&set);
        }
        sim.cut_power();
        let losses = [Loss::All, Loss::Nothing, Loss::Names, Loss::Bytes, Loss::Random, Loss::Random];
        sim = match world.random.below(3) {
            0 => sim.kill(),
            _ => sim.reboot(world.random.pick(&losses), seed + cycle),
        };
    }
    let disk: Arc<dyn Disk> = Arc::new(sim);
    let (set, report) = open(&disk);
    world.check(&set, &report);
}

#[test]
fn nothing_acknowledged_or_shown_is_lost_when_the_power_goes() {
    for_each_seed(60, check);
}
