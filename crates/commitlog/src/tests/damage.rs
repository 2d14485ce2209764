//! Bits that flip. Below the recovery point nothing is cut: the bad range answers an error, the rest is served. Above it the
//! tail is cut and kept.

use std::path::Path;
use std::sync::Arc;

use os::Disk;
use testkit::{Loss, SimDisk};

use super::*;

/// Ten batches of one record each in one segment, closed cleanly.
fn ten(config: LogConfig) -> (SimDisk, Vec<String>) {
    let sim = SimDisk::new();
    let (set, _) = open(&(Arc::new(sim.clone()) as Arc<dyn Disk>));
    let log = set.create("d-0", config).expect("created");
    let mut expected = Vec::new();
    for i in 0..10 {
        log.append(batch(&[&format!("value-{i}")], NOW.0 + i), CLIENT).expect("appended");
        expected.push(format!("{i}:value-{i}"));
    }
    set.sync().wait().expect("durable");
    set.close().expect("closed");
    (sim, expected)
}

const FIRST: &str = "/data/log/d-0/00000000000000000000.log";

fn batch_bytes() -> u64 {
    batch(&["value-0"], NOW.0).len() as u64
}

#[test]
fn a_flipped_bit_hides_its_range_and_nothing_else() {
    // An index entry for every second batch.
    let config = LogConfig { index_interval_bytes: 100, ..LogConfig::default() };
    let check = |offset_in_batch: u64, bad: u64, next: usize| {
        let (sim, mut expected) = ten(config.clone());
        sim.corrupt(Path::new(FIRST), bad * batch_bytes() + offset_in_batch, 0x10).expect("there");
        expected.splice(bad as usize..next, [format!("{bad}..{next} damaged")]);
        let disk: Arc<dyn Disk> = Arc::new(sim);
        {
            let (set, report) = open(&disk);
            assert!(report.cuts.is_empty());
            let log = set.get("d-0").expect("there");
            assert_eq!(contents(&log, 0, Isolation::HighWatermark), expected);
            let appended = log.append(batch(&["more"], NOW.0), CLIENT).expect("appended");
            appended.ticket.wait().expect("durable");
            assert_eq!(appended.base_offset, Offset(10));
        }
        expected.push("10:more".to_owned());
        let (set, report) = open(&disk);
        assert!(report.cuts.is_empty());
        assert_eq!(contents(&set.get("d-0").expect("there"), 0, Isolation::HighWatermark), expected, "after a kill");
    };
    // In the records, the length, the magic byte, the checksum; entries lie at batches 2, 4, 6 and 8.
    for at in [70, 9, 11, 16, 17, 30] {
        check(at, 3, 4);
        check(at, 4, 6);
        check(at, 0, 2);
    }
    // The base offset and the epoch lie outside the checksum.
    check(7, 3, 4);
}

#[test]
fn the_scrub_finds_what_rots_while_the_program_runs() {
    // Bytes that this run wrote, in a closed segment and in the active one; bytes that it read before; and bytes that nobody
    // has read.
    for (segments, reopened, reads) in
        [(small_segments(), false, false), (LogConfig::default(), false, true), (small_segments(), true, true)]
            .into_iter()
            .chain([(LogConfig::default(), true, false)])
    {
        let sim = SimDisk::new();
        let disk: Arc<dyn Disk> = Arc::new(sim.clone());
        let options = SetOptions { scrub_interval_ms: 60_000, ..options(Arc::clone(&disk)) };
        let open = || LogSet::open(options.clone(), NOW).expect("the set opens").0;
        let mut set = open();
        let mut log = set.create("d-0", segments.clone()).expect("created");
        let mut expected = Vec::new();
        for i in 0..10 {
            let appended = log.append(batch(&[&format!("value-{i}")], NOW.0 + i), CLIENT).expect("appended");
            appended.ticket.wait().expect("durable");
            expected.push(format!("{i}:value-{i}"));
        }
        if reopened {
            set.close().expect("closed");
            drop((log, set));
            set = open();
            log = set.get("d-0").expect("there");
            log.set_config(segments);
        }
        if reads {
            assert_eq!(contents(&log, 0, Isolation::HighWatermark), expected);
        }
        set.maintain(NOW).expect("maintained");
        assert_eq!(log.damaged(), []);
        sim.corrupt(Path::new(FIRST), 2 * batch_bytes() + 70, 1).expect("there");
        // All was checked before; it is looked at again when that is due, without anybody who asks.
        set.maintain(TimestampMs(NOW.0 + 59_000)).expect("maintained");
        assert_eq!(log.damaged(), []);
        set.maintain(TimestampMs(NOW.0 + 60_000)).expect("maintained");
        set.maintain(TimestampMs(NOW.0 + 61_000)).expect("maintained");
        let damaged = log.damaged();
        let [range] = &damaged[..] else { panic!("{damaged:?}") };
        assert_eq!(
            (range.first, range.position, range.file.as_path()),
            (Offset(2), 2 * batch_bytes(), Path::new(FIRST))
        );
        assert_eq!(set.damaged(), [("d-0".to_owned(), damaged.clone())]);
        expected.splice(2..range.next.0 as usize, [format!("2..{} damaged", range.next)]);
        // What is appended behind the damage is read, though no index entry leads to it.
        log.append(batch(&["more"], NOW.0), CLIENT).expect("appended").ticket.wait().expect("durable");
        expected.push("10:more".to_owned());
        assert_eq!(contents(&log, 0, Isolation::HighWatermark), expected);
        // The way out: what cannot be read is given up.
        log.delete_records(range.next).expect("moved").wait().expect("durable");
        assert_eq!(log.damaged(), []);
        assert_eq!(contents(&log, range.next.0, Isolation::HighWatermark), expected[3..]);
    }
}

#[test]
fn damaged_helpers_are_built_again() {
    for kind in ["index", "timeindex", "snapshot"] {
        for flip in [0, 3, 4, 7, 9, 15] {
            let (sim, expected) = ten(small_segments());
            let disk: Arc<dyn Disk> = Arc::new(sim.clone());
            for entry in disk.read_dir(Path::new("/data/log/d-0")).expect("there") {
                if entry.name.ends_with(kind) {
                    sim.corrupt(&Path::new("/data/log/d-0").join(&entry.name), flip, 0xff).expect("there");
                }
            }
            let (set, report) = open(&disk);
            assert!(report.cuts.is_empty(), "{kind}: {report:?}");
            let log = set.get("d-0").expect("there");
            assert_eq!(contents(&log, 0, Isolation::HighWatermark), expected, "{kind} {flip}");
            for from in 0..10 {
                assert_eq!(contents(&log, from, Isolation::HighWatermark), expected[from as usize..], "{kind} {flip}");
            }
        }
    }
}

/// Every record that a `read_committed` reader shows, as Kafka's consumers find it out: aborted transactions are open from
/// their first offset to their marker.
fn committed(log: &Log) -> Vec<String> {
    let (mut out, mut from) = (Vec::new(), 0);
    loop {
        let isolation = Isolation::LastStable;
        let request = ReadRequest { from: Offset(from), bytes_max: 1 << 20, at_least_one: true, isolation };
        let result = log.read(request).expect("readable");
        if result.chunks.is_empty() {
            return out;
        }
        for chunk in result.chunks {
            for batch in record::split(chunk.read().expect("there")) {
                let batch = batch.expect("whole");
                let is_aborted = result.aborted.iter().any(|txn| {
                    txn.producer_id == batch.header.producer_id
                        && (txn.first_offset..=txn.last_offset).contains(&batch.header.base_offset)
                });
                if !batch.header.is_control() && !is_aborted {
                    for record in &batch.records(Default::default()).expect("records") {
                        out.push(String::from_utf8_lossy(record.expect("a record").value.unwrap_or(b"-")).into_owned());
                    }
                }
                from = batch.header.next_offset().0;
            }
        }
    }
}

#[test]
fn what_was_aborted_stays_unseen_whatever_its_index_says() {
    use record::control::{ControlType, EndTxnMarker, end_txn_marker};
    let end = |log: &Log, id, control_type| {
        let marker = EndTxnMarker { control_type, coordinator_epoch: 0 };
        let marker = end_txn_marker(ProducerId(id), ProducerEpoch(0), marker, NOW);
        log.append(marker, context(AppendKind::Marker { promised: false })).expect("appended");
    };
    // How the file is hurt: a bit of this byte, or cut to this length; in a closed segment, and in the active one.
    let flips = (0..34).chain([34, 41, 67]).map(|byte| (Some(byte), None));
    let cuts = [0, 1, 33, 34].map(|len| (None, Some(len)));
    for config in [small_segments(), LogConfig::default()] {
        for (flip, cut) in flips.clone().chain(cuts) {
            let sim = SimDisk::new();
            let disk: Arc<dyn Disk> = Arc::new(sim.clone());
            let (set, _) = open(&disk);
            let log = set.create("d-0", config.clone()).expect("created");
            let mut expected = Vec::new();
            let mut append = |id: i64, sequence: i32, value: &str| {
                log.append(batch_of(id, 0, sequence, true, &[value]), CLIENT).expect("appended");
                if !value.starts_with('a') {
                    expected.push(value.to_owned());
                }
            };
            // Transactions of two producers, one inside the other; the third begins in one segment and ends in the next.
            append(1, 0, "c1");
            append(2, 0, "a2");
            end(&log, 2, ControlType::Abort);
            append(3, 0, "a3");
            append(1, 1, "c1, too");
            end(&log, 3, ControlType::Abort);
            end(&log, 1, ControlType::Commit);
            for round in 1..4 {
                append(2, round, "a2 again");
                append(3, round, "c3");
                end(&log, 3, ControlType::Commit);
                end(&log, 2, ControlType::Abort);
            }
            set.sync().wait().expect("durable");
            assert_eq!(committed(&log), expected);
            set.close().expect("closed");
            drop((log, set));
            for entry in disk.read_dir(Path::new("/data/log/d-0")).expect("there") {
                let path = Path::new("/data/log/d-0").join(&entry.name);
                if !entry.name.ends_with("txnindex") {
                    continue;
                }
                if let Some(byte) = flip.filter(|byte| *byte < entry.len) {
                    sim.corrupt(&path, byte, 0x01).expect("there");
                }
                if let Some(len) = cut.filter(|len| *len < entry.len) {
                    disk.open(&path, os::OpenMode::Write).and_then(|file| file.set_len(len)).expect("cut");
                }
            }
            for start in 0..2 {
                let (set, report) = open(&disk);
                let log = set.get("d-0").expect("there");
                assert_eq!(committed(&log), expected, "{flip:?} {cut:?}, start {start}");
                let told = report.damage.iter().any(|what| what.contains("aborted transactions"));
                assert_eq!(told, start == 0, "{flip:?} {cut:?}, start {start}: {report:?}");
                set.close().expect("closed");
            }
        }
    }
}

#[test]
fn an_index_of_aborted_transactions_without_a_checksum_is_checked_once() {
    // As an earlier version of this program, or Kafka, leaves it.
    let sim = SimDisk::new();
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    let (set, _) = open(&disk);
    let log = set.create("d-0", small_segments()).expect("created");
    for round in 0..6 {
        log.append(batch_of(1, 0, round, true, &["aborted"]), CLIENT).expect("appended");
        let marker =
            record::control::EndTxnMarker { control_type: record::control::ControlType::Abort, coordinator_epoch: 0 };
        let marker = record::control::end_txn_marker(ProducerId(1), ProducerEpoch(0), marker, NOW);
        log.append(marker, context(AppendKind::Marker { promised: false })).expect("appended");
    }
    set.close().expect("closed");
    drop((log, set));
    let own = Path::new("/data/state/windows/d-0");
    let sums = || -> Vec<String> {
        let entries = disk.read_dir(own).expect("there");
        entries.into_iter().map(|e| e.name).filter(|name| name.ends_with("txnindex")).collect()
    };
    let before = sums();
    assert!(before.len() > 1, "{before:?}");
    before.iter().for_each(|name| disk.remove_file(&own.join(name)).expect("removed"));
    let (set, report) = open(&disk);
    assert!(report.damage.is_empty(), "{report:?}");
    assert_eq!(committed(&set.get("d-0").expect("there")), Vec::<String>::new());
    set.close().expect("closed");
    assert_eq!(sums(), before);
}

#[test]
fn a_torn_tail_is_cut_and_kept() {
    let (sim, expected) = ten(LogConfig::default());
    {
        let (set, _) = open(&(Arc::new(sim.clone()) as Arc<dyn Disk>));
        let log = set.get("d-0").expect("there");
        for i in 10..13 {
            log.append(batch(&[&format!("value-{i}")], NOW.0 + i), CLIENT)
                .expect("appended")
                .ticket
                .wait()
                .expect("durable");
        }
    }
    let sim = sim.reboot(Loss::Nothing, 1);
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    // Without the journal, as if its bytes had rotted too.
    let journal = disk.open(Path::new("/data/state/journal"), os::OpenMode::Write).expect("there");
    journal.set_len(0).expect("emptied");
    sim.corrupt(Path::new(FIRST), 11 * batch_bytes() + 65, 1).expect("there");
    let (set, report) = open(&disk);
    let [cut] = &report.cuts[..] else { panic!("{report:?}") };
    assert_eq!((cut.end_offset, cut.bytes, cut.valid_batches_follow), (Offset(11), 2 * batch_bytes() + 2, true));
    let kept = disk.read_dir(&cut.kept_in).expect("kept");
    assert_eq!(kept.iter().map(|e| e.len).collect::<Vec<_>>(), [cut.bytes]);
    let log = set.get("d-0").expect("there");
    let mut expected = expected;
    expected.push("10:value-10".to_owned());
    assert_eq!(contents(&log, 0, Isolation::HighWatermark), expected);
    // As long as the record that was cut: what followed that one must not follow this one after the next crash.
    let appended = log.append(batch(&["newer-11"], NOW.0), CLIENT).expect("appended");
    assert_eq!(appended.base_offset, Offset(11));
    appended.ticket.wait().expect("durable");
    drop((log, set));
    let (set, _) = open(&disk);
    expected.push("11:newer-11".to_owned());
    assert_eq!(
        contents(&set.get("d-0").expect("there"), 0, Isolation::HighWatermark),
        expected,
        "what was cut is gone"
    );
}

#[test]
fn what_the_segment_lost_comes_from_the_journal() {
    let (sim, mut expected) = ten(LogConfig::default());
    {
        let (set, _) = open(&(Arc::new(sim.clone()) as Arc<dyn Disk>));
        let log = set.get("d-0").expect("there");
        for i in 10..13 {
            log.append(batch(&[&format!("value-{i}")], NOW.0 + i), CLIENT)
                .expect("appended")
                .ticket
                .wait()
                .expect("durable");
            expected.push(format!("{i}:value-{i}"));
        }
    }
    let sim = sim.reboot(Loss::All, 1);
    let (set, report) = open(&(Arc::new(sim) as Arc<dyn Disk>));
    assert!(report.cuts.is_empty() && report.damage.is_empty(), "{report:?}");
    assert_eq!(contents(&set.get("d-0").expect("there"), 0, Isolation::HighWatermark), expected);
}
