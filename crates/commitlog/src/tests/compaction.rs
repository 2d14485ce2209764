//! Compaction: of each key the last record stays, whatever is cut off in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use os::Disk;
use record::control::{ControlType, EndTxnMarker, end_txn_marker};
use testkit::seed::{Random, for_each_seed};
use testkit::{Loss, SimDisk};

use super::*;
use crate::Cleanup;

const DAY_MS: i64 = 24 * 3_600_000;

fn compacted() -> LogConfig {
    LogConfig {
        segment_bytes_max: 300,
        index_interval_bytes: 100,
        cleanup: Cleanup::Compact,
        min_cleanable_dirty_ratio: 0.01,
        segment_ms_max: i64::MAX,
        ..LogConfig::default()
    }
}

fn keyed(options: BatchOptions, records: &[(&str, Option<&str>)]) -> Bytes {
    let mut builder = BatchBuilder::new(options);
    for (key, value) in records {
        builder.push(NOW, Some(key.as_bytes()), value.map(str::as_bytes), []);
    }
    builder.finish(Offset(0), LeaderEpoch(0))
}

fn transactional(id: i64, sequence: i32) -> BatchOptions {
    let producer = ProducerIdentity { id: ProducerId(id), epoch: ProducerEpoch(0), base_sequence: Sequence(sequence) };
    BatchOptions { producer: Some(producer), transactional: true, ..BatchOptions::default() }
}

/// Every record that is left, markers as `commit` and `abort`, batches without records as `empty`.
fn left(log: &Log) -> Vec<String> {
    let mut out = Vec::new();
    let mut from = log.log_start_offset();
    loop {
        let request = ReadRequest { from, bytes_max: 1 << 20, at_least_one: true, isolation: Isolation::HighWatermark };
        let chunks = log.read(request).expect("readable").chunks;
        if chunks.is_empty() {
            return out;
        }
        for batch in chunks.into_iter().flat_map(|chunk| record::split(chunk.read().expect("there"))) {
            let batch = batch.expect("whole");
            batch.check_crc().expect("a right checksum");
            from = batch.header.next_offset();
            if batch.header.records_count == 0 {
                out.push(format!("{} empty", batch.header.base_offset));
            }
            let marker = record::control::parse_end_txn_marker(&batch).ok().flatten();
            for record in &batch.records(Default::default()).expect("records") {
                let record = record.expect("a record");
                assert_eq!(record.timestamp, NOW, "the timestamp stays");
                out.push(match marker.filter(|_| batch.header.is_control()) {
                    Some(marker) => format!("{} {:?}", record.offset, marker.control_type).to_lowercase(),
                    None => {
                        let text = |bytes: Option<&[u8]>| {
                            bytes.map_or("-".into(), |b| String::from_utf8_lossy(b).into_owned())
                        };
                        format!("{} {}={}", record.offset, text(record.key), text(record.value))
                    }
                });
            }
        }
    }
}

/// Rolls the segment that is active now, so that compaction may look at it, with records of no interest.
fn push_out(set: &LogSet, log: &Log, now_ms: i64) {
    let filler = "f".repeat(290);
    for _ in 0..2 {
        log.append(keyed(BatchOptions::default(), &[("filler", Some(&filler[..200]))]), CLIENT).expect("appended");
    }
    set.sync().wait().expect("durable");
    compact_all(set, log, now_ms);
}

/// Until every segment that was rolled is closed, which the flusher does, and nothing is left to compact.
fn compact_all(set: &LogSet, log: &Log, now_ms: i64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        set.maintain(TimestampMs(now_ms)).expect("maintained");
        let is_due = log.compaction_plan(TimestampMs(now_ms)).is_some_and(|plan| plan.is_due());
        if !is_due && !log.has_chores() {
            return;
        }
        assert!(Instant::now() < deadline, "a minute is not enough to compact");
        std::thread::yield_now();
    }
}

#[test]
fn the_last_record_of_each_key_stays_and_tombstones_go_in_time() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
    let (set, _) = open(&disk);
    let log = set.create("c-0", compacted()).expect("created");
    for i in 0..10 {
        let value = format!("v{i}");
        let records = [("a", Some(value.as_str())), (["b", "c"][i % 2], Some(&value))];
        log.append(keyed(BatchOptions::default(), &records), CLIENT).expect("appended");
    }
    log.append(keyed(BatchOptions::default(), &[("b", None)]), CLIENT).expect("appended");
    push_out(&set, &log, NOW.0);
    let shown = |log: &Log| left(log).into_iter().filter(|r| !r.contains("filler")).collect::<Vec<_>>();
    assert_eq!(shown(&log), ["18 a=v9", "19 c=v9", "20 b=-"]);
    assert_eq!(log.log_start_offset(), Offset(0));
    // Reading in a gap gives what follows it; time is found over gaps.
    assert_eq!(contents(&log, 3, Isolation::HighWatermark)[0], "18:v9");
    let found = log.offset_for_timestamp(NOW, Isolation::HighWatermark).expect("readable").expect("there");
    assert_eq!(found.offset, Offset(18));
    // Past its horizon the tombstone goes.
    push_out(&set, &log, NOW.0 + 2 * DAY_MS);
    push_out(&set, &log, NOW.0 + 4 * DAY_MS);
    assert_eq!(shown(&log), ["18 a=v9", "19 c=v9"]);
    let before = left(&log);
    set.close().expect("closed");
    drop((log, set));
    let (set, report) = open(&disk);
    assert!(report.damage.is_empty(), "{report:?}");
    assert_eq!(left(&set.get("c-0").expect("there")), before);
}

#[test]
fn aborted_records_go_then_their_markers_and_producers_stay_known() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
    let (set, _) = open(&disk);
    let log = set.create("t-0", compacted()).expect("created");
    let end = |id, control_type| {
        let marker = EndTxnMarker { control_type, coordinator_epoch: 0 };
        log.append(
            end_txn_marker(ProducerId(id), ProducerEpoch(0), marker, NOW),
            context(AppendKind::Marker { promised: false }),
        )
        .expect("appended");
    };
    log.append(keyed(transactional(1, 0), &[("a", Some("first"))]), CLIENT).expect("appended");
    log.append(keyed(transactional(2, 0), &[("a", Some("aborted"))]), CLIENT).expect("appended");
    log.append(keyed(transactional(1, 1), &[("b", Some("committed"))]), CLIENT).expect("appended");
    end(2, ControlType::Abort);
    end(1, ControlType::Commit);
    log.append(keyed(transactional(1, 2), &[("b", Some("later"))]), CLIENT).expect("appended");
    end(1, ControlType::Commit);
    let shown = |log: &Log| left(log).into_iter().filter(|r| !r.contains("filler")).collect::<Vec<_>>();
    push_out(&set, &log, NOW.0);
    // The aborted batch is its producer's last one: its header stays.
    let first = ["0 a=first", "1 empty", "3 abort", "4 commit", "5 b=later", "6 commit"];
    assert_eq!(shown(&log), first);
    let retried = log.append(keyed(transactional(1, 2), &[("b", Some("later"))]), CLIENT).expect("known");
    assert!(retried.duplicate && retried.base_offset == Offset(5));
    drop((log, set));
    let (set, report) = open(&disk);
    assert!(report.damage.is_empty() && report.cuts.is_empty(), "{report:?}");
    let log = set.get("t-0").expect("there");
    log.set_config(compacted());
    assert_eq!(shown(&log), first);
    let retried = log.append(keyed(transactional(1, 2), &[("b", Some("later"))]), CLIENT).expect("known");
    assert!(retried.duplicate && retried.base_offset == Offset(5));
}

#[test]
fn an_aborted_record_supersedes_nothing_though_its_marker_is_in_a_later_segment() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
    let (set, _) = open(&disk);
    let log = set.create("t-0", LogConfig { segment_bytes_max: 400, ..compacted() }).expect("created");
    let marker = |control_type| {
        let marker = EndTxnMarker { control_type, coordinator_epoch: 0 };
        let marker = end_txn_marker(ProducerId(1), ProducerEpoch(0), marker, NOW);
        log.append(marker, context(AppendKind::Marker { promised: false })).expect("appended");
    };
    log.append(keyed(transactional(1, 0), &[("a", Some("committed"))]), CLIENT).expect("appended");
    marker(ControlType::Commit);
    log.append(keyed(transactional(1, 1), &[("a", Some("aborted"))]), CLIENT).expect("appended");
    // Fills the segment: the next one begins with the marker.
    log.append(keyed(BatchOptions::default(), &[("filler", Some(&"f".repeat(80)))]), CLIENT).expect("appended");
    marker(ControlType::Abort);
    assert!(disk.exists(std::path::Path::new("/data/log/t-0/00000000000000000004.log")).expect("asked"));
    set.sync().wait().expect("durable");
    compact_all(&set, &log, NOW.0);
    let shown: Vec<String> = left(&log).into_iter().filter(|r| r.contains("a=")).collect();
    assert_eq!(shown, ["0 a=committed"]);
}

#[test]
fn a_pass_rewrites_what_it_changes_and_an_idle_log_is_left_alone() {
    let sim = SimDisk::new();
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    // Enough files that all that has become empty is merged at once.
    let open =
        || LogSet::open(SetOptions { open_files_max: 1000, ..options(Arc::clone(&disk)) }, NOW).expect("opens").0;
    let mut set = open();
    let mut log = set.create("c-0", compacted()).expect("created");
    let append = |log: &Log, key: String, value: &str| {
        log.append(keyed(BatchOptions::default(), &[(&key, Some(value))]), CLIENT).expect("appended");
    };
    // Maintains until nothing is written any more; says how often something was.
    let settle = |set: &LogSet, log: &Log| {
        push_out(set, log, NOW.0);
        let quiet = |_: &usize| {
            let before = sim.operations();
            set.maintain(NOW).expect("maintained");
            sim.operations() == before
        };
        let passes = (0..100).position(|i| (0..5).all(|_| quiet(&i)));
        passes.expect("an idle log is left alone")
    };
    // Forty keys, five times what one pass remembers (`KEYS_MAX`); each three times, and long enough to stand alone.
    let long = |round: i32| format!("{round}").repeat(130);
    for round in 0..3 {
        (0..40).for_each(|key| append(&log, format!("k{key}"), &long(round)));
    }
    settle(&set, &log);
    let expected: Vec<String> = (0..40).map(|key| format!("{} k{key}={}", 80 + key, long(2))).collect();
    let shown = |log: &Log| left(log).into_iter().filter(|r| !r.contains("filler")).collect::<Vec<_>>();
    assert_eq!(shown(&log), expected);

    // Other keys, in several passes: what is there stays as it is, file by file.
    let before = log.segments();
    (0..40).for_each(|key| append(&log, format!("other{key}"), &long(3)));
    settle(&set, &log);
    let after = log.segments();
    let same = before.iter().filter(|old| after.iter().any(|new| Arc::ptr_eq(old, new))).count();
    assert!(same * 10 >= before.len() * 9, "{same} of {} segments are as they were", before.len());

    // One key again: its segment changes.
    append(&log, "k5".to_owned(), "new");
    settle(&set, &log);
    let last = log.segments();
    let same = after.iter().filter(|old| last.iter().any(|new| Arc::ptr_eq(old, new))).count();
    assert!(same * 10 >= after.len() * 9, "{same} of {} segments are as they were", after.len());
    assert!(shown(&log).iter().all(|record| !record.contains("k5=2")));

    // A start knows what was done.
    let before = left(&log);
    set.close().expect("closed");
    drop((log, set));
    set = open();
    log = set.get("c-0").expect("there");
    log.set_config(compacted());
    let segments = log.segments();
    (0..10).for_each(|_| set.maintain(NOW).expect("maintained"));
    assert!(segments.iter().all(|old| log.segments().iter().any(|new| Arc::ptr_eq(old, new))));
    assert_eq!(left(&log), before);
}

#[test]
fn no_cut_of_the_power_changes_the_last_value_of_a_key() {
    // Starts that find fewer records than offsets: so often something was compacted before the power went.
    let compacted_before = AtomicU64::new(0);
    for_each_seed(60, |seed| {
        let mut random = Random::new(seed);
        let mut below = |n: u64| random.below(n);
        let mut sent: Vec<(String, Option<String>)> = Vec::new();
        let mut acked = 0;
        let mut sim = SimDisk::new();
        for cycle in 0..4 {
            let disk: Arc<dyn Disk> = Arc::new(sim.clone());
            let (set, report) = open(&disk);
            assert!(report.damage.is_empty(), "seed {seed}: {report:?}");
            let log = match set.get("k-0") {
                Some(log) => log,
                None => set.create("k-0", compacted()).expect("created"),
            };
            log.set_config(compacted());
            let end = log.log_end_offset().0 as usize;
            assert!(end >= acked && end <= sent.len(), "seed {seed}: {acked} acknowledged, {end} found");
            sent.truncate(end);
            let fold = |records: &mut dyn Iterator<Item = (String, Option<String>)>| {
                let mut last = BTreeMap::new();
                for (key, value) in records {
                    match value {
                        Some(value) => last.insert(key, value),
                        None => last.remove(&key),
                    };
                }
                last
            };
            let found = left(&log).into_iter().map(|text| {
                let (_, record) = text.split_once(' ').expect("an offset");
                let (key, value) = record.split_once('=').expect("a value");
                (key.to_owned(), Some(value.to_owned()).filter(|v| v != "-"))
            });
            let found: Vec<_> = found.collect();
            if found.len() < sent.len() {
                compacted_before.fetch_add(1, Ordering::Relaxed);
            }
            assert_eq!(fold(&mut found.into_iter()), fold(&mut sent.iter().cloned()), "seed {seed}, cycle {cycle}");
            sim.cut_power_at(sim.operations() + below(500));
            for step in 0..80 {
                let key = format!("k{}", below(5));
                let value = (below(8) > 0).then(|| format!("v{}", below(1 << 30)));
                let batch = keyed(BatchOptions::default(), &[(&key, value.as_deref())]);
                let Ok(appended) = log.append(batch, CLIENT) else { break };
                sent.push((key, value));
                if step % 3 == 0 {
                    if appended.ticket.wait().is_err() {
                        break;
                    }
                    acked = sent.len();
                }
                if step % 5 == 0 && set.maintain(TimestampMs(NOW.0 + cycle * 2 * DAY_MS)).is_err() {
                    break;
                }
            }
            sim.cut_power();
            drop((log, set));
            sim = match below(4) {
                0 => sim.kill(),
                _ => sim.reboot([Loss::All, Loss::Nothing, Loss::Random, Loss::Names][below(4) as usize], seed),
            };
            acked = acked.min(sent.len());
        }
    });
    // One seed that is run again to look at it may have none.
    let compacted_before = compacted_before.into_inner();
    assert!(compacted_before > 0 || std::env::var_os("MILLSTREAM_SEEDS").is_some(), "nothing was ever compacted");
}
