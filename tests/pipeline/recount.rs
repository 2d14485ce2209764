//! R4 and the table against R2 counted again, with tools that are not ours.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use testkit::process::run;
use tests::page_counts::{self, Recount};
use tests::program::Program;

/// How long anything may take.
pub const WAIT: Duration = Duration::from_secs(60);

/// What kcat prints.
pub fn kcat(program: &Program, args: &[&str], input: &str) -> String {
    let output = run(Command::new("kcat").args(["-b", &program.bootstrap]).args(args), input, WAIT);
    assert!(output.success(), "kcat {args:?}: {}", output.text());
    output.stdout
}

/// The end of a topic's first partition.
pub fn end_offset(program: &Program, topic: &str) -> i64 {
    page_counts::end_offset(&program.http, topic)
}

fn recount(program: &Program) -> Recount {
    let mut recount = Recount::default();
    for line in kcat(program, &["-C", "-t", "R2", "-e", "-q", "-f", "%T %s\n"], "").lines() {
        let (timestamp, value) = line.split_once(' ').expect("a timestamp and a value");
        recount.event(timestamp.parse().expect("a number"), value.as_bytes());
    }
    recount
}

/// R4 as a `read_committed` reader sees it: the last value of each key; checks that each key's values only grow.
fn last_values(program: &Program) -> BTreeMap<String, i64> {
    let read =
        ["-C", "-t", "R4", "-e", "-q", "-X", "isolation.level=read_committed", "-s", "value=q", "-f", "%k\t%s\n"];
    let lines = kcat(program, &read, "");
    let records = lines.lines().map(|line| {
        let (key, value) = line.split_once('\t').expect("a key and a value");
        (key.to_owned(), value.parse().expect("a number"))
    });
    page_counts::last_values(records).expect("no output is doubled")
}

/// Pauses the supplier and waits until all that it wrote is committed.
pub fn settle(program: &Program) {
    page_counts::pause(&program.http);
    page_counts::settle(&program.http, WAIT).expect("everything is counted");
}

/// Compares, and says how many counts there are.
pub fn check_counts(program: &Program) -> usize {
    let recount = recount(program);
    assert_eq!(last_values(program), recount.counts, "R4 against R2 counted again");
    assert_eq!(page_counts::table(&program.http), recount.retained(), "the table against R2 counted again");
    recount.counts.len()
}
