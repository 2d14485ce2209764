//! A full disk, a process without file descriptors, directories that cannot be removed: what is refused, what goes on, and
//! that nothing latches.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use os::Disk;
use testkit::{Loss, SimDisk};

use super::*;
use crate::AppendError;

fn on(sim: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(sim.clone())
}

fn append(log: &Log, value: &str) {
    log.append(batch(&[value], NOW.0), CLIENT).expect("appended").ticket.wait().expect("durable");
}

#[test]
fn the_reserve_is_kept_from_clients_and_room_is_noticed() {
    let sim = SimDisk::new();
    let options = SetOptions { reserve_bytes: Some(1 << 20), ..options(on(&sim)) };
    let (set, _) = LogSet::open(options, NOW).expect("opens");
    let log = set.create("r-0", LogConfig::default()).expect("created");
    append(&log, "a");
    let used = |sim: &SimDisk| {
        (1 << 30) - {
            sim.set_capacity(Some(1 << 30));
            on(sim).space(Path::new("/")).expect("told").free_bytes
        }
    };
    let free = |bytes: u64| sim.set_capacity(Some(used(&sim) + bytes));
    let check = |bytes: u64, admitted: bool| {
        free(bytes);
        set.maintain(NOW).expect("maintained");
        assert_eq!(log.space().admit(100).is_ok(), admitted, "{bytes} free");
        assert_eq!(set.space().figures().low, !admitted);
        // Whoever does not ask is not refused.
        append(&log, "housekeeping");
    };
    check(2 << 20, true);
    check((1 << 20) + 4096, true);
    check((1 << 20) - 4096, false);
    // A little more than the reserve is not enough to go on: an eighth of it is.
    check((1 << 20) + 4096, false);
    check((1 << 20) + (1 << 17) + 4096, true);
    check(1 << 19, false);
    // No maintenance is needed to go on, the next question finds out.
    free(4 << 20);
    assert!(log.space().admit(100).is_ok());
    // Nor to stop: what is admitted is counted.
    free(1 << 19);
    let refused_after = (0..1000).take_while(|_| log.space().admit(64 << 10).is_ok()).count();
    assert!(refused_after < 40, "{refused_after} times 64 KiB were admitted with 512 KiB free");
}

#[test]
fn a_log_is_deleted_without_any_space_and_its_successor_has_nothing_of_it() {
    let sim = SimDisk::new();
    let (set, _) = open(&on(&sim));
    let log = set.create("j-0", LogConfig::default()).expect("created");
    // Rounds of one frame each, until the journal is full to the byte: its next frame needs more space.
    let value = "x".repeat(45_400);
    let journal = Path::new("/data/state/journal");
    let len = || on(&sim).open(journal, os::OpenMode::Read).and_then(|file| file.len()).expect("there");
    for _ in 0..23 {
        append(&log, &value);
    }
    assert_eq!(len(), 1 << 20, "no round has needed more yet");
    sim.set_capacity(Some(0));
    assert!(log.append(batch(&["no"], NOW.0), CLIENT).is_err());
    set.delete(&["j-0"]).expect("deleted, though there is no space");
    assert_eq!(len(), 1 << 20, "the journal did not grow");
    assert!(set.health().is_none());
    assert!(set.names().is_empty());
    sim.set_capacity(None);
    append(&set.create("j-0", LogConfig::default()).expect("created again"), "new");
    let sim = sim.reboot(Loss::All, 1);
    let (set, report) = open(&on(&sim));
    assert!(report.damage.is_empty() && report.cuts.is_empty(), "{report:?}");
    assert_eq!(contents(&set.get("j-0").expect("there"), 0, Isolation::HighWatermark), ["0:new"]);
}

#[test]
fn what_was_refused_for_want_of_space_is_not_in_the_journal() {
    let sim = SimDisk::new();
    let (set, _) = open(&on(&sim));
    let log = set.create("p-0", LogConfig::default()).expect("created");
    append(&log, "a");
    // Nobody waits yet: the round has not begun.
    let appended = log.append(batch(&["b"], NOW.0), CLIENT).expect("appended");
    sim.set_capacity(Some(0));
    assert!(log.append(batch(&["refused"], NOW.0), CLIENT).is_err());
    appended.ticket.wait().expect("durable");
    sim.set_capacity(None);
    let (set, report) = open(&on(&sim.reboot(Loss::All, 1)));
    assert!(report.damage.is_empty() && report.cuts.is_empty(), "{report:?}");
    assert_eq!(contents(&set.get("p-0").expect("there"), 0, Isolation::HighWatermark), ["0:a", "1:b"]);
}

#[test]
fn a_log_start_that_cannot_be_written_down_is_refused_and_holds_nobody_up() {
    let sim = SimDisk::new();
    let (set, _) = open(&on(&sim));
    let log = set.create("d-0", LogConfig::default()).expect("created");
    for value in ["a", "b", "c"] {
        append(&log, value);
    }
    sim.set_capacity(Some(0));
    let refused = log.delete_records(Offset(2)).expect("moved").wait().expect_err("not durable");
    assert!(refused.is_full(), "{refused}");
    assert!(set.health().is_none());
    let maintained = set.maintain(NOW);
    assert!(maintained.as_ref().is_err_and(|e| e.is_full()), "its checkpoint needs space too: {maintained:?}");
    assert!(set.health().is_none());
    set.sync().wait().expect("rounds go on");
    sim.set_capacity(None);
    log.delete_records(Offset(2)).expect("moved").wait().expect("durable");
    drop((log, set));
    let (set, _) = open(&on(&sim.reboot(Loss::All, 1)));
    assert_eq!(contents(&set.get("d-0").expect("there"), 2, Isolation::HighWatermark), ["2:c"]);
    assert_eq!(set.get("d-0").expect("there").log_start_offset(), Offset(2));
}

#[test]
fn a_clean_stop_without_space_loses_nothing() {
    let sim = SimDisk::new();
    let (set, _) = open(&on(&sim));
    let log = set.create("s-0", LogConfig::default()).expect("created");
    append(&log, "a");
    sim.set_capacity(Some(0));
    set.close().expect("stopped");
    drop((log, set));
    sim.set_capacity(None);
    let (set, report) = open(&on(&sim.reboot(Loss::All, 1)));
    assert!(!report.clean && report.cuts.is_empty(), "{report:?}");
    assert_eq!(contents(&set.get("s-0").expect("there"), 0, Isolation::HighWatermark), ["0:a"]);
}

#[test]
fn without_file_descriptors_appends_are_refused_and_syncs_wait() {
    let sim = SimDisk::new();
    let (set, _) = open(&on(&sim));
    let config = LogConfig { segment_bytes_max: 300_000, ..LogConfig::default() };
    let log = set.create("f-0", config.clone()).expect("created");
    let large = "x".repeat(200_000);
    append(&log, &large);
    // The next one rolls: it needs a new file.
    sim.refuse_opens(true);
    let refused = log.append(batch(&[&large], NOW.0), CLIENT);
    assert!(matches!(&refused, Err(AppendError::NotNow(e)) if e.is_out_of_files()), "{refused:?}");
    assert!(set.create("g-0", config).is_err());
    assert!(set.health().is_none());
    append(&log, "what fits into the open file");
    sim.refuse_opens(false);
    // Rolled, but the directory cannot be opened for its sync.
    let ticket = {
        let _no_round_yet = set.hold_round();
        let appended = log.append(batch(&[&large], NOW.0), CLIENT).expect("appended");
        sim.refuse_opens(true);
        appended.ticket
    };
    assert!(!ticket.is_done());
    sim.refuse_opens(false);
    ticket.wait().expect("durable");
    assert!(set.health().is_none());
    assert_eq!(log.high_watermark(), log.log_end_offset());
    drop((log, set));
    let (set, report) = open(&on(&sim.reboot(Loss::All, 1)));
    assert!(report.cuts.is_empty(), "{report:?}");
    assert_eq!(set.get("f-0").expect("there").log_end_offset(), Offset(3));
}

#[test]
fn what_cannot_be_removed_leaves_nothing_to_its_successor_and_stops_no_start() {
    let sim = SimDisk::new();
    let (set, _) = open(&on(&sim));
    let name = format!("{}-0", "t".repeat(249));
    let log = set.create(&name, LogConfig::default()).expect("created");
    (0..10).for_each(|_| append(&log, "old"));
    log.delete_records(Offset(9)).expect("moved").wait().expect("durable");
    set.maintain(NOW).expect("maintained");
    sim.refuse_removals(true);
    set.delete(&[&name]).expect("deleted, though its directory stays");
    append(&set.create(&name, LogConfig::default()).expect("created again"), "new");
    drop((log, set));
    // A crash: only the checkpoints could speak of offset 9.
    let sim = sim.reboot(Loss::All, 1);
    sim.refuse_removals(true);
    let deleted = |sim: &SimDisk| {
        let names = on(sim).read_dir(Path::new("/data/log")).expect("listed");
        names.iter().filter(|entry| entry.name.ends_with("-delete")).count()
    };
    let (set, report) = open(&on(&sim));
    assert!(report.damage.is_empty() && report.cuts.is_empty(), "{report:?}");
    assert_eq!(contents(&set.get(&name).expect("there"), 0, Isolation::HighWatermark), ["0:new"]);
    set.maintain(NOW).expect("maintained");
    assert_eq!(deleted(&sim), 1);
    sim.refuse_removals(false);
    set.maintain(NOW).expect("maintained");
    assert_eq!(deleted(&sim), 0);
}

#[test]
fn what_cannot_be_renamed_is_deleted_before_its_name_is_used_again() {
    let sim = SimDisk::new();
    let (set, _) = open(&on(&sim));
    let log = set.create("t-0", LogConfig::default()).expect("created");
    append(&log, "old");
    append(&set.create("t-1", LogConfig::default()).expect("created"), "old");
    sim.refuse_renames(Some(std::io::ErrorKind::PermissionDenied));
    let _refused = set.delete(&["t-1"]).expect_err("its directory is immutable");
    set.maintain(NOW).expect("nothing latches");
    sim.refuse_renames(Some(std::io::ErrorKind::StorageFull));
    let refused = set.delete(&["t-0", "t-1"]).expect_err("no space for a name");
    assert!(refused.is_full(), "{refused}");
    assert!(matches!(log.append(batch(&["late"], NOW.0), CLIENT), Err(AppendError::Deleted)));
    let again = set.create("t-0", LogConfig::default()).expect_err("the old one is in its place");
    assert!(again.to_string().contains("rename"), "{again}");
    append(&set.create("u-0", LogConfig::default()).expect("others are made"), "other");
    set.maintain(NOW).expect("the others are maintained");
    sim.refuse_renames(None);
    let made = set.create("t-0", LogConfig::default()).expect("created again");
    append(&made, "new");
    assert!(set.get("t-1").is_none(), "deleted by the way");
    set.maintain(NOW).expect("maintained");
    drop((log, made, set));
    let (set, report) = open(&on(&sim.reboot(Loss::All, 1)));
    assert!(report.damage.is_empty() && report.cuts.is_empty(), "{report:?}");
    assert_eq!(contents(&set.get("t-0").expect("there"), 0, Isolation::HighWatermark), ["0:new"]);
    assert!(set.get("t-1").is_none());
}

#[test]
fn a_deletion_waits_for_checkpoints_that_are_being_written() {
    let (set, _) = open(&on(&SimDisk::new()));
    drop(set.create("t-0", LogConfig::default()).expect("created"));
    // As maintenance does while it replaces them: they may still speak of the old log when a new one has its name.
    let written = set.renewing.lock();
    std::thread::scope(|scope| {
        let (done, is_done) = std::sync::mpsc::channel();
        let set = &set;
        scope.spawn(move || done.send(set.delete(&["t-0"])));
        is_done.recv_timeout(Duration::from_millis(50)).expect_err("it does not wait");
        drop(written);
        is_done.recv().expect("it ends").expect("deleted");
    });
}

#[test]
fn a_failed_sync_of_a_directory_latches() {
    let check = |what: &str, is_refused: fn(&LogSet) -> bool| {
        let sim = SimDisk::new();
        let (set, _) = open(&on(&sim));
        set.create("there-0", LogConfig::default()).expect("created");
        sim.fail_dir_syncs(1);
        assert!(is_refused(&set), "{what}: acknowledged");
        assert!(set.health().is_some(), "{what}: it would be tried again, and may then say nothing of what was lost");
    };
    check("creating", |set| set.create("new-0", LogConfig::default()).is_err());
    check("deleting", |set| set.delete(&["there-0"]).is_err());
}
