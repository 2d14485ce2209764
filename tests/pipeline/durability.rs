//! Acknowledged means synced; a commit is a transaction; counts are right, whatever is killed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use testkit::{Process, require, requirement};
use tests::http;
use tests::program::{Program, test_dir};

use crate::recount::{WAIT, check_counts, end_offset, kcat, settle};
use crate::tampering::tamper;

#[test]
fn acknowledgement_and_visibility_come_after_the_sync() {
    let Some(_) = require("kcat", requirement::program("kcat")) else { return };
    let Some(_) = require("strace", requirement::program("strace")) else { return };
    let program = Program::start(&test_dir("slow-sync"), &["up"]);
    kcat(&program, &["-P", "-t", "slow"], "before\n");
    let before = end_offset(&program, "slow");

    // From now on whatever makes the journal durable returns two seconds late: a write that is a sync too, or an fdatasync.
    const DELAY: Duration = Duration::from_secs(2);
    let journal = Some(program.data_dir.join("state/journal"));
    let slow = tamper(&program, &["pwrite64", "fdatasync"], journal.as_deref(), "delay_exit=2000000");

    let begun = Instant::now();
    let mut producer =
        Process::start(Command::new("kcat").args(["-b", &program.bootstrap, "-P", "-t", "slow", "-X", "acks=all"]));
    producer.type_in("after\n");
    producer.close_input();
    let mut visible_after = None;
    let mut acknowledged_after = None;
    while visible_after.is_none() || acknowledged_after.is_none() {
        assert!(begun.elapsed() < WAIT, "visible {visible_after:?}, acknowledged {acknowledged_after:?}");
        if visible_after.is_none() && end_offset(&program, "slow") > before {
            visible_after = Some(begun.elapsed());
        }
        if acknowledged_after.is_none() && producer.wait(Duration::from_millis(10)).is_some() {
            acknowledged_after = Some(begun.elapsed());
        }
    }
    drop(slow);
    assert!(
        visible_after > Some(DELAY) && acknowledged_after > Some(DELAY),
        "{visible_after:?} {acknowledged_after:?}"
    );
    assert!(
        acknowledged_after < Some(3 * DELAY),
        "one sync (or write and sync), not several in a row: {acknowledged_after:?}"
    );
    program.stop();
}

fn run_for(program: &Program, seconds: usize) {
    // The endpoint ticks once a second: waiting for its events is waiting for the program's own clock.
    assert_eq!(http::events(&program.http, "/analytics", seconds).expect("a stream").len(), seconds);
}

#[test]
fn counts_are_right_over_a_restart_and_a_kill() {
    let Some(_) = require("kcat", requirement::program("kcat")) else { return };
    let dir = test_dir("counts");
    let start = || Program::start(&dir, &["--set", "supplier.every=10 ms"]);

    let program = start();
    run_for(&program, 20);
    program.kill9();

    let program = start();
    run_for(&program, 20);
    program.stop();

    let program = start();
    run_for(&program, 22);
    settle(&program);
    assert!(end_offset(&program, "R2") > 3000, "{}", end_offset(&program, "R2"));
    assert!(check_counts(&program) > 20);

    // A commit is a transaction: more offsets in R4 than records, and the batches say so themselves.
    let records = kcat(&program, &["-C", "-t", "R4", "-e", "-q", "-f", "%o\n"], "").lines().count() as i64;
    assert!(end_offset(&program, "R4") > records, "R4 has commit markers");
    program.stop();
}

/// Bytes that went to the disk, and every file with its length and the time of its last change.
fn written(program: &Program) -> (String, BTreeMap<PathBuf, (u64, SystemTime)>) {
    fn add(dir: &Path, files: &mut BTreeMap<PathBuf, (u64, SystemTime)>) {
        for entry in std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry")) {
            let metadata = entry.metadata().expect("metadata");
            if metadata.is_dir() {
                add(&entry.path(), files);
            } else {
                files.insert(entry.path(), (metadata.len(), metadata.modified().expect("a time")));
            }
        }
    }
    let mut files = BTreeMap::new();
    add(&program.data_dir, &mut files);
    let io = std::fs::read_to_string(format!("/proc/{}/io", program.process.pid())).expect("its counters");
    let bytes = io.lines().find(|line| line.starts_with("write_bytes:")).expect("a counter").to_owned();
    (bytes, files)
}

#[test]
fn an_idle_topology_writes_nothing() {
    let args = ["up", "examples/page-events/page-events.sql", "--set", "supplier.every=1 hour"];
    let program = Program::start(&test_dir("idle"), &args);
    for _ in 0..3 {
        assert_eq!(http::get(&program.http, "/publish/R2/P1").map(|answer| answer.status), Ok(200));
    }
    let begun = Instant::now();
    while end_offset(&program, "R4") == 0 {
        assert!(begun.elapsed() < WAIT, "no count comes");
    }
    // The checkpoints of what was written follow; then five seconds, fifty commit intervals, without a byte.
    loop {
        let before = written(&program);
        std::thread::sleep(Duration::from_secs(5));
        let after = written(&program);
        if after == before {
            break;
        }
        let changed: Vec<_> = after.1.iter().filter(|(path, file)| before.1.get(*path) != Some(file)).collect();
        assert!(begun.elapsed() < WAIT, "it goes on writing: {} then {}, {changed:?}", before.0, after.0);
    }
    program.stop();
}
