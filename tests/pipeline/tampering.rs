//! Lets system calls of the running program fail, or last long.

use std::path::Path;
use std::process::Command;

use testkit::Process;
use tests::program::Program;

use crate::recount::WAIT;

/// Has strace do `what` (its `inject=…` words) to these system calls, as long as what it returns lives. With a path only to
/// those on that file, whatever descriptor they use.
///
/// # Panics
/// When strace cannot attach.
pub fn tamper(program: &Program, calls: &[&str], path: Option<&Path>, what: &str) -> Process {
    let calls = calls.join(",");
    let pid = program.process.pid().to_string();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{what}"), "-o", "/dev/null"]);
    if let Some(path) = path {
        strace.arg("-P").arg(path);
    }
    let strace = Process::start(strace.args(["-p", &pid]));
    let attached = strace.stderr.wait(WAIT, |line| line.contains("attached"));
    assert!(attached.is_some(), "strace cannot attach: {:?}", strace.stderr.all());
    strace
}
