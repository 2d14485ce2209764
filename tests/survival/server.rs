//! The program on one data directory, always at the same addresses, killed and started again.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use testkit::Process;
use tests::http;
use tests::program::Program;
use wire::messages::metadata_request::MetadataRequest;

use crate::session::Session;

const PATIENCE: Duration = Duration::from_secs(60);

/// How long a start took.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// From exec to the first answer to a Kafka client: metadata of all topics.
    pub answered: Duration,
    /// From exec to `/readyz`: queries too.
    pub ready: Duration,
}

/// See the module.
#[derive(Debug)]
pub struct Server {
    pub data_dir: PathBuf,
    pub address: String,
    pub http: String,
    args: Vec<String>,
    process: Option<Process>,
}

impl Server {
    /// On loopback addresses of its own, told apart by the test process and a count: nobody else takes them while the
    /// program is down, not even as the near end of a connection.
    pub fn new(data_dir: PathBuf, args: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (count, pid) = (COUNT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let host = format!("127.{}.{}.{}", 64 + count % 128, pid >> 8 & 255, pid & 255);
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self { data_dir, address: format!("{host}:19092"), http: format!("{host}:18080"), args, process: None }
    }

    fn launch(&mut self) -> &mut Process {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        self.process.insert(Program::launch(&self.data_dir, &args, &self.address, &self.http, &[]))
    }

    /// Starts it and waits until it answers.
    ///
    /// # Panics
    /// When it ends, or does not get ready: with what it printed.
    pub fn start(&mut self) -> Started {
        let (address, http) = (self.address.clone(), self.http.clone());
        let begun = Instant::now();
        let process = self.launch();
        let mut wait_for = |what: &str, ready: &dyn Fn() -> bool| {
            while !ready() {
                let ended = process.wait(Duration::ZERO);
                let printed = || process.stderr.all().join("\n");
                assert!(ended.is_none(), "it ended with {ended:?} before {what}; it printed:\n{}", printed());
                assert!(begun.elapsed() < PATIENCE, "no {what}; it printed:\n{}", printed());
                std::thread::sleep(Duration::from_micros(500));
            }
            begun.elapsed()
        };
        let everything = MetadataRequest { topics: None, ..MetadataRequest::default() };
        let answered = wait_for("answer", &|| {
            Session::connect(&address).and_then(|mut session| session.call(9, &everything)).is_ok()
        });
        let ready = wait_for("readiness", &|| http::get(&http, "/readyz").is_ok_and(|answer| answer.status == 200));
        Started { answered, ready }
    }

    /// Starts it and kills it after `life`, whatever it is doing then.
    pub fn start_and_kill(&mut self, life: Duration) {
        self.launch();
        // Not a wait for something: the moment of the kill is what the schedule says.
        std::thread::sleep(life);
        self.kill();
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill9();
        check_words(&process);
    }

    /// `kill -9` of a program whose disk is gone: it may say so.
    pub fn kill_without_disk(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill9();
        let printed = process.stderr.all().join("\n");
        assert!(!printed.contains("panicked at"), "it printed:\n{printed}");
    }

    /// A clean stop.
    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.signal("TERM");
        let status = process.wait(PATIENCE);
        let printed = process.stderr.all().join("\n");
        assert!(status.is_some_and(|status| status.success()), "it stopped with {status:?}; it printed:\n{printed}");
        check_words(&process);
    }
}

/// Whatever happens, it neither panics nor reports an error of its own.
fn check_words(process: &Process) {
    let printed = process.stderr.all();
    let bad = printed.iter().find(|line| line.contains("panicked at") || line.contains(" ERROR "));
    assert!(bad.is_none(), "it printed:\n{}", printed.join("\n"));
}
