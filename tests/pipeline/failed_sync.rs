//! A sync that fails: nobody is told that his records are safe, the program ends and says why, and the next start has all
//! that was acknowledged.

use std::collections::BTreeSet;
use std::process::Command;

use testkit::process::run;
use testkit::{require, requirement};
use tests::http;
use tests::program::{Program, test_dir};

use crate::recount::{WAIT, kcat};
use crate::tampering::tamper;

/// As documented in docs/durability.md and in `--help`.
const EXIT_DISK_FAILED: i32 = 7;

#[test]
fn a_failed_sync_is_never_acknowledged_and_ends_the_program() {
    let Some(_) = require("kcat", requirement::program("kcat")) else { return };
    let Some(_) = require("strace", requirement::program("strace")) else { return };
    // Small records go through the journal, each made durable by one write that is a sync too (or by a write and a sync);
    // large ones by a sync of the segment. It fails at once, or in the middle of the work.
    let journal: (&[&str], bool) = (&["pwrite64", "fdatasync"], true);
    let cases = [
        ("sync-fails-1", journal, "error=EIO:when=1+", 1),
        ("sync-fails-25", journal, "error=EIO:when=25+", 1),
        ("segment-sync-fails-5", (&["fdatasync"], false), "error=EIO:when=5+", 200_000),
    ];
    for (name, (calls, of_the_journal), what, value_bytes) in cases {
        let dir = test_dir(name);
        let mut program = Program::start(&dir, &["up"]);
        kcat(&program, &["-P", "-t", "t"], "before\n");
        let journal = of_the_journal.then(|| dir.join("state/journal"));
        let failing = tamper(&program, calls, journal.as_deref(), what);

        // One record after the other, each acknowledged before the next is sent. (`-T`: what was sent; a report says which
        // of it was delivered.)
        let mut acknowledged = BTreeSet::from(["before".to_owned()]);
        let mut refused = None;
        for i in 0..200 {
            let value = format!("value-{i}-{}", "x".repeat(value_bytes));
            let send = ["-b", &program.bootstrap, "-P", "-t", "t", "-X", "message.timeout.ms=3000", "-X", "retries=0"];
            let sent = run(Command::new("kcat").args(send), &format!("{value}\n"), WAIT);
            if sent.success() {
                acknowledged.insert(value);
            } else {
                refused = Some(value);
                break;
            }
        }
        let refused = refused.expect("a sync has failed by now");

        let status = program.process.wait(WAIT).expect("it ends by itself");
        let said = program.process.stderr.all().join("\n");
        assert_eq!(status.code(), Some(EXIT_DISK_FAILED), "{said}");
        let path = dir.display().to_string();
        for part in ["the disk failed: cannot sync", &path, "Input/output error", "start again"] {
            assert!(said.contains(part), "it does not say `{part}`:\n{said}");
        }
        assert!(!said.contains("panicked at"), "{said}");
        drop(failing);

        let program = Program::start(&dir, &["up"]);
        let read = kcat(&program, &["-C", "-t", "t", "-e", "-q"], "");
        let there: BTreeSet<String> = read.lines().map(str::to_owned).collect();
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        // What was refused may be there or not; nothing else is.
        assert!(there.difference(&acknowledged).all(|value| *value == refused), "{there:?}");
        kcat(&program, &["-P", "-t", "t"], "after\n");
        assert_eq!(http::get(&program.http, "/readyz").expect("it answers").status, 200);
        program.stop();
    }
}
