//! Acknowledged means synced; a commit is a transaction; counts are right, whatever is killed.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::process::run;
use testkit::{Process, require, requirement};
use tests::http;
use tests::program::{Program, test_dir};

const WAIT: Duration = Duration::from_secs(60);
const WINDOW_MS: i64 = 5000;
/// Size and the default grace of a minute.
const RETENTION_MS: i64 = WINDOW_MS + 60_000;

fn kcat(program: &Program, args: &[&str], input: &str) -> String {
    let output = run(Command::new("kcat").args(["-b", &program.bootstrap]).args(args), input, WAIT);
    assert!(output.success(), "kcat {args:?}: {}", output.text());
    output.stdout
}

fn end_offset(program: &Program, topic: &str) -> i64 {
    let topic = http::get(&program.http, &format!("/v1/topics/{topic}")).expect("it answers").json();
    topic["partitions"][0]["end_offset"].as_i64().unwrap_or(0)
}

#[test]
fn acknowledgement_and_visibility_come_after_the_sync() {
    let Some(_) = require("kcat", requirement::program("kcat")) else { return };
    let Some(_) = require("strace", requirement::program("strace")) else { return };
    let program = Program::start(&test_dir("slow-sync"), &["up"]);
    kcat(&program, &["-P", "-t", "slow"], "before\n");
    let before = end_offset(&program, "slow");

    // From now on every fdatasync returns two seconds late.
    const DELAY: Duration = Duration::from_secs(2);
    let pid = program.process.pid().to_string();
    let inject =
        ["-f", "-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_exit=2000000", "-o", "/dev/null", "-p", &pid];
    let slow = Process::start(Command::new("strace").args(inject));
    let attached = slow.stderr.wait(WAIT, |line| line.contains("attached"));
    assert!(attached.is_some(), "strace cannot attach: {:?}", slow.stderr.all());

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
    assert!(acknowledged_after < Some(3 * DELAY), "one sync, not several in a row: {acknowledged_after:?}");
    program.stop();
}

/// R2 counted again from its records.
#[derive(Default)]
struct Recount {
    /// Key of R4 → count.
    counts: BTreeMap<String, i64>,
    /// Key of R4 → start of its window.
    starts: BTreeMap<String, i64>,
    /// The largest timestamp that passed the filter.
    stream_time: i64,
}

fn recount(program: &Program) -> Recount {
    let mut recount = Recount::default();
    for line in kcat(program, &["-C", "-t", "R2", "-e", "-q", "-f", "%T %s\n"], "").lines() {
        let (timestamp, value) = line.split_once(' ').expect("a timestamp and a value");
        let timestamp: i64 = timestamp.parse().expect("a number");
        let event: serde_json::Value = serde_json::from_str(value).expect("JSON");
        if event["duration"].as_i64().expect("a duration") > 100 {
            let start = timestamp - timestamp.rem_euclid(WINDOW_MS);
            let name = event["name"].as_str().expect("a name");
            let key = format!("=>{}{}{name}", instant(start), instant(start + WINDOW_MS));
            *recount.counts.entry(key.clone()).or_insert(0) += 1;
            recount.starts.insert(key, start);
            recount.stream_time = recount.stream_time.max(timestamp);
        }
    }
    recount
}

/// Java's `Instant.toString` of a whole second, by the calendar (days from civil, Howard Hinnant's method turned round).
fn instant(ms: i64) -> String {
    let (days, seconds) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000) / 1000);
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// R4 as a `read_committed` reader sees it: the last value of each key; checks that each key's values only grow.
fn last_values(program: &Program) -> BTreeMap<String, i64> {
    let mut last = BTreeMap::new();
    let read =
        ["-C", "-t", "R4", "-e", "-q", "-X", "isolation.level=read_committed", "-s", "value=q", "-f", "%k\t%s\n"];
    for line in kcat(program, &read, "").lines() {
        let (key, value) = line.split_once('\t').expect("a key and a value");
        let value: i64 = value.parse().expect("a number");
        let before = last.insert(key.to_owned(), value);
        assert!(before.is_none_or(|before| before < value), "{key} went from {before:?} to {value}: a doubled output");
    }
    last
}

fn settle(program: &Program) {
    let paused = http::post_json(&program.http, "/v1/generators/page_event_supplier/pause", "{}").expect("it answers");
    assert_eq!(paused.status, 200, "{}", paused.body);
    let deadline = Instant::now() + WAIT;
    let committed =
        || http::get(&program.http, "/v1/tables/page_count?isolation=committed").expect("it answers").json();
    while committed()["offsets"]["R2"]["0"].as_i64() != Some(end_offset(program, "R2")) {
        assert!(Instant::now() < deadline, "{} of {}", committed()["offsets"], end_offset(program, "R2"));
    }
}

fn check_counts(program: &Program) -> usize {
    let Recount { counts, starts, stream_time } = recount(program);
    assert_eq!(last_values(program), counts, "R4 against R2 counted again");
    // The table has the windows within retention, all of them.
    let mut retained = counts.clone();
    retained.retain(|key, _| starts[key] > stream_time - RETENTION_MS);
    let table = http::get(&program.http, "/v1/tables/page_count?isolation=committed").expect("it answers").json();
    let mut shown = BTreeMap::new();
    for row in table["rows"].as_array().expect("rows") {
        let text = |i: usize| row[i].as_str().expect("text").to_owned();
        shown.insert(format!("=>{}{}{}", text(1), text(2), text(0)), row[3].as_i64().expect("a count"));
    }
    assert_eq!(shown, retained, "the table against R2 counted again");
    counts.len()
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
