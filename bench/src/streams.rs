//! The same query as a Kafka Streams application: `bench/java/PageCount.java`, compiled here, in a JVM of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testkit::Process;
use testkit::kafka::{KAFKA_4, class_path};
use testkit::process;

use crate::Result;
use crate::server::root;

/// A rebalance of a busy broker takes its time.
const READY: Duration = Duration::from_secs(120);
const COMPILED: Duration = Duration::from_secs(120);

/// A heap of a fixed size, so that memory is a choice and not the machine's; all else is the JVM's default.
const STREAMS_JVM: [&str; 3] = ["-Xms1g", "-Xmx1g", "-Djava.awt.headless=true"];

/// A running application. It is killed when this is dropped.
#[derive(Debug)]
pub struct Streams {
    process: Process,
    /// Queries that it was told to run.
    runs: usize,
    state: PathBuf,
}

impl Streams {
    /// Starts the JVM; nothing runs in it yet.
    pub fn start(scratch: &Path, bootstrap: &str, threads: usize) -> Result<Self> {
        let jars = class_path(&format!("kafka-{KAFKA_4}"), KAFKA_4, &root().join("tests/java/kafka"), scratch)?;
        let classes = scratch.join("streams-classes");
        let source = root().join("bench/java/PageCount.java");
        let mut javac = Command::new("javac");
        javac.args(["-cp", &jars, "-d"]).arg(&classes).arg(&source);
        let compiled = process::run(&mut javac, "", COMPILED);
        if !compiled.success() {
            return Err(format!("{} does not compile: {}", source.display(), compiled.text()));
        }
        let state = scratch.join("streams-state");
        let _ = std::fs::remove_dir_all(&state);
        let mut java = Command::new("java");
        java.args(STREAMS_JVM).arg("-cp").arg(format!("{}:{jars}", classes.display()));
        java.args(["PageCount", bootstrap, &threads.to_string()]).arg(&state);
        Ok(Self { process: Process::start(&mut java), runs: 0, state })
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends the query that runs and starts a new one, from the beginning of `input`; returns at its first record.
    pub fn run(&mut self, input: &str, output: &str) -> Result<()> {
        self.runs += 1;
        self.process.type_in(&format!("count-{} {input} {output}\n", self.runs));
        let mut firsts = 0;
        let begun = self.process.stdout.wait(READY, |line| {
            firsts += usize::from(line == "FIRST");
            firsts == self.runs || line.starts_with("FAILED")
        });
        match begun.as_deref() {
            Some("FIRST") => Ok(()),
            _ => Err(self.failure("it does not read")),
        }
    }

    /// An error once the application has failed.
    pub fn alive(&self) -> Result<()> {
        match self.process.stdout.all().iter().any(|line| line.starts_with("FAILED")) {
            true => Err(self.failure("it cannot go on")),
            false => Ok(()),
        }
    }

    fn failure(&self, why: &str) -> String {
        let printed = [self.process.stdout.all(), self.process.stderr.all()].concat();
        let last = &printed[printed.len().saturating_sub(20)..];
        format!("Kafka Streams: {why}; it printed last:\n{}", last.join("\n"))
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.process.kill9();
        let _ = std::fs::remove_dir_all(&self.state);
    }
}
