//! What one log does on a friendly disk, across clean stops and kills.

use std::sync::Arc;

use os::Disk;
use testkit::SimDisk;

use super::*;

fn sim() -> Arc<dyn Disk> {
    Arc::new(SimDisk::new())
}

#[test]
fn appended_records_are_read_back_across_a_clean_stop_and_a_kill() {
    let disk = sim();
    let (set, report) = open(&disk);
    assert!(!report.clean);
    let log = set.create("R2-0", small_segments()).expect("created");
    let mut expected = Vec::new();
    for i in 0..20 {
        let value = format!("v{i}");
        let appended = log.append(batch(&[&value, "x"], NOW.0 + i), CLIENT).expect("appended");
        assert_eq!(appended.base_offset, Offset(2 * i));
        appended.ticket.wait().expect("durable");
        assert_eq!(log.high_watermark(), Offset(2 * i + 2));
        expected.push(format!("{}:{value}", 2 * i));
        expected.push(format!("{}:x", 2 * i + 1));
    }
    assert_eq!(contents(&log, 0, Isolation::HighWatermark), expected);
    assert_eq!(contents(&log, 7, Isolation::HighWatermark), expected[7..]);
    drop((log, set));

    let (set, report) = open(&disk);
    assert!(!report.clean && report.cuts.is_empty() && report.damage.is_empty(), "{report:?}");
    let log = set.get("R2-0").expect("there");
    assert_eq!(contents(&log, 0, Isolation::HighWatermark), expected);
    set.close().expect("closed");
    drop((log, set));

    let (set, report) = open(&disk);
    assert!(report.clean && report.cuts.is_empty() && report.damage.is_empty(), "{report:?}");
    let log = set.get("R2-0").expect("there");
    assert_eq!(contents(&log, 0, Isolation::HighWatermark), expected);
    assert_eq!(contents(&log, 39, Isolation::HighWatermark), expected[39..]);
    assert_eq!(log.log_end_offset(), Offset(40));
}

#[test]
fn so_many_producers_are_remembered_and_no_more() {
    let disk = sim();
    let open = || LogSet::open(SetOptions { producers_max: 3, ..options(Arc::clone(&disk)) }, NOW).expect("opened").0;
    let mut set = open();
    for name in ["a-0", "b-0"] {
        set.create(name, LogConfig::default()).expect("created");
    }
    let check = |set: &LogSet, name: &str, id: i64, sequence: i32, expected: &str| {
        let log = set.get(name).expect("there");
        let got = match log.append(batch_of(id, 0, sequence, false, &["v"]), CLIENT) {
            Ok(appended) => appended.ticket.wait().map_or_else(|e| e.to_string(), |_| "ok".to_owned()),
            Err(e) => e.to_string(),
        };
        assert!(got.contains(expected), "{name} {id}: {got}");
    };
    check(&set, "a-0", 1, 0, "ok");
    check(&set, "a-0", 2, 0, "ok");
    check(&set, "b-0", 1, 0, "ok");
    check(&set, "b-0", 3, 0, "producer 3 is new, and there are 3");
    check(&set, "b-0", 1, 1, "ok");
    check(&set, "b-0", -1, -1, "ok");
    // What was refused took no room; a restart counts the same.
    set.maintain(NOW).expect("maintained");
    check(&set, "b-0", 3, 0, "is new");
    set.close().expect("closed");
    set = open();
    check(&set, "a-0", 3, 0, "is new");
    // Nobody retries any more after a quarter of an hour, and a day is far away.
    set.maintain(TimestampMs(NOW.0 + 14 * 60_000)).expect("maintained");
    check(&set, "a-0", 3, 0, "is new");
    set.maintain(TimestampMs(NOW.0 + 16 * 60_000)).expect("maintained");
    check(&set, "a-0", 3, 0, "ok");
}

#[test]
fn producers_are_forgotten_by_the_clock_whatever_time_their_records_have() {
    const HOUR_MS: i64 = 3_600_000;
    let disk = sim();
    let check = |record_ms: i64, idle_ms: i64, restarts: bool, is_known: bool| {
        let (mut set, _) = open(&disk);
        let log = set.create("r-0", LogConfig::default()).expect("created");
        let producer = ProducerIdentity { id: ProducerId(7), epoch: ProducerEpoch(0), base_sequence: Sequence(0) };
        let options = BatchOptions { producer: Some(producer), ..BatchOptions::default() };
        let sent = || build(options, &["v"], record_ms);
        log.append(sent(), CLIENT).expect("appended").ticket.wait().expect("durable");
        let mut log = Some(log);
        if restarts {
            drop(log.take());
            set.close().expect("closed");
            set = open(&disk).0;
            log = set.get("r-0");
        }
        set.maintain(TimestampMs(NOW.0 + idle_ms)).expect("maintained");
        let again = log.expect("there").append(sent(), CLIENT).expect("appended");
        assert_eq!(again.duplicate, is_known, "records of {record_ms}, idle for {idle_ms} ms, restarts: {restarts}");
        set.delete(&["r-0"]).expect("deleted");
    };
    for restarts in [false, true] {
        for record_ms in [NOW.0, NOW.0 - 48 * HOUR_MS, 0, NOW.0 + 48 * HOUR_MS, i64::MAX] {
            check(record_ms, 2_500, restarts, true);
            check(record_ms, 23 * HOUR_MS, restarts, true);
            check(record_ms, 25 * HOUR_MS, restarts, false);
        }
    }
}

/// Appends batches of one producer and says what came of each: its offsets, `again` for a duplicate, or the refusal.
#[test]
fn sequences_and_epochs_follow_kafkas_rules() {
    let check = |steps: &[(i16, i32, usize)], expected: &[&str]| {
        let (set, _) = open(&sim());
        let log = set.create("s-0", LogConfig::default()).expect("created");
        let outcomes: Vec<String> = steps
            .iter()
            .map(|(epoch, sequence, count)| {
                match log.append(batch_of(7, *epoch, *sequence, false, &vec!["v"; *count]), CLIENT) {
                    Ok(a) if a.duplicate => format!("{} again", a.base_offset),
                    Ok(a) => a.base_offset.to_string(),
                    Err(crate::AppendError::OutOfOrderSequence { last, .. }) => format!("after {last}"),
                    Err(crate::AppendError::InvalidProducerEpoch { current, .. }) => format!("epoch {current}"),
                    Err(e) => e.to_string(),
                }
            })
            .collect();
        assert_eq!(outcomes, expected, "{steps:?}");
    };
    check(&[(0, 0, 2), (0, 2, 1), (0, 3, 1)], &["0", "2", "3"]);
    // A retry gets the offset of the first try; a gap, an overlap or a batch older than five is refused.
    check(&[(0, 0, 2), (0, 0, 2), (0, 3, 1), (0, 1, 2)], &["0", "0 again", "after 1", "after 1"]);
    let six: Vec<(i16, i32, usize)> = (0..6).map(|i| (0, i, 1)).chain([(0, 1, 1), (0, 0, 1)]).collect();
    check(&six, &["0", "1", "2", "3", "4", "5", "1 again", "after 5"]);
    // An unknown producer may start anywhere; a new epoch starts at 0; an older one is fenced.
    check(&[(0, 41, 1), (0, 42, 1)], &["0", "1"]);
    check(&[(0, 0, 1), (1, 1, 1), (1, 0, 1), (0, 1, 1)], &["0", "after -1", "1", "epoch 1"]);
    // Sequences wrap after 2³¹ − 1.
    check(&[(0, i32::MAX - 1, 2), (0, 0, 1), (0, i32::MAX - 1, 2)], &["0", "2", "0 again"]);
}

#[test]
fn records_are_found_by_time() {
    let disk = sim();
    let (set, _) = open(&disk);
    let log = set.create("t-0", small_segments()).expect("created");
    for (i, at) in [100, 200, 150, 400, 390, 410, 1000, 500].iter().enumerate() {
        let padding = "p".repeat(30);
        log.append(batch(&[&format!("a{i}{padding}"), "b"], *at), CLIENT).expect("appended");
    }
    set.sync().wait().expect("durable");
    let check = |log: &Log, at: i64, expected: Option<(i64, i64)>| {
        let found = log.offset_for_timestamp(TimestampMs(at), Isolation::HighWatermark).expect("readable");
        assert_eq!(found.map(|f| (f.offset.0, f.timestamp.0)), expected, "at {at}");
    };
    let all = |log: &Log| {
        check(log, 0, Some((0, 100)));
        check(log, 101, Some((1, 101)));
        check(log, 102, Some((2, 200)));
        check(log, 202, Some((6, 400)));
        check(log, 402, Some((10, 410)));
        check(log, 412, Some((12, 1000)));
        check(log, 1002, None);
        let newest = log.max_timestamp().expect("readable").expect("there");
        assert_eq!((newest.offset.0, newest.timestamp.0), (13, 1001));
    };
    all(&log);
    set.close().expect("closed");
    drop((log, set));
    let (set, _) = open(&disk);
    all(&set.get("t-0").expect("there"));
}

#[test]
fn a_promised_marker_is_shown_before_its_sync_only_behind_durable_records() {
    use record::control::{ControlType, EndTxnMarker, end_txn_marker};
    let sim = SimDisk::new();
    let (set, _) = open(&(Arc::new(sim.clone()) as Arc<dyn Disk>));
    let log = set.create("p-0", LogConfig::default()).expect("created");
    let marker = |id| {
        let marker = EndTxnMarker { control_type: ControlType::Commit, coordinator_epoch: 0 };
        end_txn_marker(ProducerId(id), ProducerEpoch(0), marker, NOW)
    };
    for id in [1, 2] {
        let appended = log.append(batch_of(id, 0, 0, true, &["v"]), CLIENT).expect("appended");
        appended.ticket.wait().expect("durable");
    }
    assert_eq!((log.high_watermark().0, log.last_stable_offset().0), (2, 0));
    // From here on no sync succeeds.
    sim.fail_syncs(u32::MAX);
    let promised = context(AppendKind::Marker { promised: true });
    let first = log.append(marker(1), promised).expect("appended");
    assert_eq!((log.high_watermark().0, log.last_stable_offset().0), (3, 1));
    assert!(first.ticket.wait().is_err());
    assert!(set.health().is_some());
    assert!(matches!(log.append(batch(&["x"], NOW.0), CLIENT), Err(crate::AppendError::Storage(_))));
    assert_eq!(log.high_watermark().0, 3);
}

#[test]
fn a_failed_sync_latches_and_a_restart_shows_what_is_on_the_disk() {
    let sim = SimDisk::new();
    let (set, _) = open(&(Arc::new(sim.clone()) as Arc<dyn Disk>));
    let log = set.create("f-0", LogConfig::default()).expect("created");
    log.append(batch(&["kept"], NOW.0), CLIENT).expect("appended").ticket.wait().expect("durable");
    sim.fail_syncs(1);
    let lost = log.append(batch(&["never acknowledged"], NOW.0), CLIENT).expect("appended");
    assert!(lost.ticket.wait().is_err(), "a failed sync was acknowledged");
    assert_eq!(log.high_watermark(), Offset(1));
    assert!(log.append(batch(&["x"], NOW.0), CLIENT).is_err(), "the next sync would succeed: it must not be tried");
    assert!(set.close().is_err());
    drop((log, set));
    let (set, report) = open(&(Arc::new(sim.reboot(testkit::Loss::All, 1)) as Arc<dyn Disk>));
    assert!(!report.clean);
    let log = set.get("f-0").expect("there");
    assert_eq!(contents(&log, 0, Isolation::HighWatermark), ["0:kept"]);
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_space() {
    let sim = SimDisk::new();
    let (set, _) = open(&(Arc::new(sim.clone()) as Arc<dyn Disk>));
    let log = set.create("e-0", LogConfig::default()).expect("created");
    log.append(batch(&["a"], NOW.0), CLIENT).expect("appended").ticket.wait().expect("durable");
    let used = log.size_bytes() + (1 << 20) + 4096;
    sim.set_capacity(Some(used));
    let big = "x".repeat(8000);
    let refused = log.append(batch(&[&big], NOW.0), CLIENT);
    assert!(matches!(refused, Err(crate::AppendError::NotNow(_))), "{refused:?}");
    assert!(set.health().is_none());
    // What fits is taken; reading goes on; later there is space again.
    log.append(batch(&["b"], NOW.0), CLIENT).expect("appended").ticket.wait().expect("durable");
    sim.set_capacity(None);
    log.append(batch(&["c"], NOW.0), CLIENT).expect("appended").ticket.wait().expect("durable");
    assert_eq!(contents(&log, 0, Isolation::HighWatermark), ["0:a", "1:b", "2:c"]);
}

#[test]
fn with_os_durability_nothing_waits() {
    let disk = sim();
    let options = SetOptions { durability: crate::Durability::Os, ..options(Arc::clone(&disk)) };
    let (set, _) = LogSet::open(options.clone(), NOW).expect("opens");
    let log = set.create("o-0", small_segments()).expect("created");
    for i in 0..20 {
        let appended = log.append(batch(&["value"], NOW.0 + i), CLIENT).expect("appended");
        assert!(appended.ticket.is_done());
        assert_eq!(log.high_watermark(), Offset(i + 1));
    }
    set.close().expect("closed");
    drop((log, set));
    let (set, report) = LogSet::open(options, NOW).expect("opens");
    assert!(report.clean);
    assert_eq!(set.get("o-0").expect("there").log_end_offset(), Offset(20));
}

#[test]
fn old_and_surplus_segments_go_and_the_start_never_returns() {
    let disk = sim();
    let (set, _) = open(&disk);
    let day = 24 * 3_600_000;
    let check = |name: &str, config: LogConfig, now: i64, expected_start: i64| {
        let log = set.create(name, config).expect("created");
        for i in 0..12 {
            log.append(batch(&["0123456789012345678901234567890123456789"], i * day), CLIENT).expect("appended");
        }
        set.sync().wait().expect("durable");
        // The chores of the rolled segments run beside us.
        until(name, || {
            set.maintain(TimestampMs(now)).expect("maintained");
            log.log_start_offset().0 >= expected_start
        });
        assert_eq!(log.log_start_offset().0, expected_start, "{name}");
        assert_eq!(log.log_end_offset().0, 12);
    };
    let three_each = LogConfig { segment_ms_max: i64::MAX, ..small_segments() };
    check("size-0", LogConfig { retention_bytes: 500, retention_ms: -1, ..three_each.clone() }, 0, 6);
    check("age-0", LogConfig { retention_ms: 5 * day, ..three_each.clone() }, 12 * day, 6);
    // All of it is too old: the active segment is rolled and goes too.
    check("all-0", LogConfig { retention_ms: day, ..three_each }, 100 * day, 12);
    drop(set);
    let (set, report) = open(&disk);
    assert!(report.damage.is_empty(), "{report:?}");
    let starts: Vec<i64> = set.names().iter().map(|n| set.get(n).expect("there").log_start_offset().0).collect();
    // By then the records of `age-0` had become too old as well.
    assert_eq!(starts, [12, 12, 6]);
}

#[test]
fn large_batches_are_written_without_copying_and_read_back() {
    for timestamp_type in [record::TimestampType::CreateTime, record::TimestampType::LogAppendTime] {
        let disk = sim();
        let (set, _) = open(&disk);
        let log = set.create("l-0", LogConfig { timestamp_type, ..LogConfig::default() }).expect("created");
        let large = "x".repeat(200_000);
        let one = batch(&[&large], 5);
        let two = Bytes::from([one.clone(), batch(&["small"], 6), one.clone()].concat());
        // A second owner, as a request's buffer has.
        let (_held, _held_too) = (one.clone(), two.clone());
        for (bytes, base, last) in [(one, 0, 0), (two, 1, 3)] {
            let appended = log.append(bytes, CLIENT).expect("appended");
            assert_eq!((appended.base_offset.0, appended.last_offset.0), (base, last));
            appended.ticket.wait().expect("durable");
        }
        let expected = [format!("0:{large}"), format!("1:{large}"), "2:small".to_owned(), format!("3:{large}")];
        assert_eq!(contents(&log, 0, Isolation::HighWatermark), expected);
        drop((log, set));
        let (set, report) = open(&disk);
        assert!(report.cuts.is_empty() && report.damage.is_empty(), "{report:?}");
        assert_eq!(contents(&set.get("l-0").expect("there"), 0, Isolation::HighWatermark), expected);
    }
}
