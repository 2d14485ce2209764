//! Child processes with what they print, waited for by event and never by a guess.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A running program. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    /// What it wrote to standard output.
    pub stdout: Lines,
    /// What it wrote to standard error.
    pub stderr: Lines,
}

/// The lines of one stream, as far as they have come.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    shared: Arc<(Mutex<Collected>, Condvar)>,
}

#[derive(Debug, Default)]
struct Collected {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn follow(stream: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let into = lines.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut buf = Vec::new();
            loop {
                buf.clear();
                let more = matches!(reader.read_until(b'\n', &mut buf), Ok(n) if n > 0);
                let (mutex, changed) = &*into.shared;
                let mut collected = mutex.lock().unwrap_or_else(PoisonError::into_inner);
                if more {
                    let line = String::from_utf8_lossy(&buf);
                    collected.lines.push(line.trim_end_matches(['\n', '\r']).to_owned());
                } else {
                    collected.ended = true;
                }
                changed.notify_all();
                if !more {
                    return;
                }
            }
        });
        lines
    }

    /// All lines so far.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    /// The first line that `accept` takes, now or within `timeout`; `None` when the stream ends or the time is up.
    pub fn wait(&self, timeout: Duration, mut accept: impl FnMut(&str) -> bool) -> Option<String> {
        let deadline = Instant::now() + timeout;
        let (mutex, changed) = &*self.shared;
        let mut collected = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = 0;
        loop {
            if let Some(line) = collected.lines[seen..].iter().find(|line| accept(line)) {
                return Some(line.clone());
            }
            seen = collected.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if collected.ended || left.is_zero() {
                return None;
            }
            collected = changed.wait_timeout(collected, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until there are `count` lines; `None` when the stream ends or the time is up before.
    pub fn wait_count(&self, timeout: Duration, count: usize) -> Option<Vec<String>> {
        let mut seen = 0;
        self.wait(timeout, |_| {
            seen += 1;
            seen == count
        })?;
        Some(self.all())
    }

    fn wait_end(&self, timeout: Duration) {
        let _ = self.wait(timeout, |_| false);
    }
}

/// What a finished program left.
#[derive(Debug)]
pub struct Output {
    /// How it ended; `None` when it had to be killed at its deadline.
    pub status: Option<ExitStatus>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// Whether it ended by itself with exit code 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status.is_some_and(|s| s.success())
    }

    /// Both streams, for messages of failed checks and for tools that report faults and exit 0.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

impl Process {
    /// Starts a program with its three streams in our hands.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let stdout = child.stdout.take().map(Lines::follow).unwrap_or_default();
        let stderr = child.stderr.take().map(Lines::follow).unwrap_or_default();
        let stdin = child.stdin.take();
        Self { child, stdin, stdout, stderr }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types text into it.
    ///
    /// # Panics
    /// When it no longer reads.
    pub fn type_in(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).expect("the program reads its input");
    }

    /// Ends its input.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal by name: `TERM`, `INT`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let _ = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill9(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// How it ended, if it did within `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            // The streams end when the program does: wait for that, in slices in case a grandchild keeps them open.
            self.stdout.wait_end(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// Runs a program to its end, with `input` typed in, and kills it after `timeout`.
#[must_use]
pub fn run(command: &mut Command, input: &str, timeout: Duration) -> Output {
    let mut process = Process::start(command);
    let stdin = process.stdin.take();
    let input = input.to_owned();
    // Its own thread: a program that prints before it reads all of its input must not block us.
    let writer = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
    let status = process.wait(timeout);
    process.kill9();
    let _ = writer.join();
    process.stdout.wait_end(Duration::from_secs(2));
    process.stderr.wait_end(Duration::from_secs(2));
    Output { status, stdout: process.stdout.all().join("\n"), stderr: process.stderr.all().join("\n") }
}
