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
