//! The `millstream` binary as a process, on ports of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use testkit::Process;

use crate::http;

/// Cargo's target directory: the one that this test binary lies in.
#[must_use]
pub fn target_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("a test binary knows where it is");
    // target/debug/deps/suite-hash
    exe.ancestors().nth(3).expect("a test binary lies in target/<profile>/deps").to_owned()
}

/// Builds the binary once for this test process (in this profile) and says where it is.
///
/// # Panics
/// When it does not build.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(given) = std::env::var_os("MILLSTREAM_BINARY") {
            return PathBuf::from(given);
        }
        let release = !cfg!(debug_assertions);
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(crate::root()).args(["build", "--quiet", "--package", "millstream", "--bin", "millstream"]);
        if release {
            cargo.arg("--release");
        }
        let status = cargo.status().expect("cargo runs");
        assert!(status.success(), "the binary does not build");
        target_dir().join(if release { "release" } else { "debug" }).join("millstream")
    })
}

/// A directory of its own for one test, emptied at first use and kept when the test fails.
#[must_use]
pub fn test_dir(name: &str) -> PathBuf {
    let dir = crate::scratch().join("run").join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("the scratch directory can be made");
    dir
}

/// A running Millstream.
#[derive(Debug)]
pub struct Program {
    /// The process, with what it prints.
    pub process: Process,
    /// `127.0.0.1:port` of the Kafka listener.
    pub bootstrap: String,
    /// `127.0.0.1:port` of the web listener.
    pub http: String,
    /// Its data directory.
    pub data_dir: PathBuf,
}

const READY: Duration = Duration::from_secs(30);

impl Program {
    /// Starts the program with `args` on free ports and `data_dir`, and waits until `/readyz` says so.
    ///
    /// # Panics
    /// When it does not get ready: with what it printed.
    #[must_use]
    pub fn start(data_dir: &Path, args: &[&str]) -> Self {
        Self::start_with(data_dir, args, "127.0.0.1:0", "127.0.0.1:0", &[])
    }

    /// The process alone, as soon as it runs: for tests that do not wait for it to be ready.
    #[must_use]
    pub fn launch(data_dir: &Path, args: &[&str], listen: &str, http: &str, env: &[(&str, &str)]) -> Process {
        let mut command = Command::new(binary());
        command.args(args).arg("--data-dir").arg(data_dir).args(["--listen", listen, "--http", http]);
        command.envs(env.iter().copied()).current_dir(crate::root());
        Process::start(&mut command)
    }

    /// As [`Program::start`], on given addresses and with an environment.
    #[must_use]
    pub fn start_with(data_dir: &Path, args: &[&str], listen: &str, http: &str, env: &[(&str, &str)]) -> Self {
        Self::ready(Self::launch(data_dir, args, listen, http, env), data_dir)
    }

    /// As [`Program::start`], with so many file descriptors and no more.
    ///
    /// # Panics
    /// As [`Program::start`].
    #[must_use]
    pub fn start_with_files(data_dir: &Path, args: &[&str], files_max: usize) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {files_max} && exec \"$0\" \"$@\"")]).arg(binary());
        command.args(args).arg("--data-dir").arg(data_dir).args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
        Self::ready(Process::start(command.current_dir(crate::root())), data_dir)
    }

    fn ready(process: Process, data_dir: &Path) -> Self {
        let fail = |what: &str| -> ! { panic!("{what}; it printed:\n{}", process.stderr.all().join("\n")) };
        // The banner names both addresses, also when the ports were free choice.
        let address = |label: &str| {
            let line = process.stderr.wait(READY, |line| line.contains(label) && line.contains("127.0.0.1:"));
            let line = line.unwrap_or_else(|| fail(&format!("no line with {label} on standard error")));
            let from = line.find("127.0.0.1:").unwrap_or_default();
            let rest = &line[from..];
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(rest.len());
            rest[..end].trim_end_matches([':', '.']).to_owned()
        };
        let http = address("http://");
        let bootstrap = address("bootstrap");
        let deadline = std::time::Instant::now() + READY;
        while http::get(&http, "/readyz").map(|answer| answer.status) != Ok(200) {
            if std::time::Instant::now() > deadline {
                fail("it is not ready");
            }
            std::thread::yield_now();
        }
        Self { process, bootstrap, http, data_dir: data_dir.to_owned() }
    }

    /// Stops it as Ctrl-C does, and checks that it ends well.
    ///
    /// # Panics
    /// When it does not stop within ten seconds or reports a failure.
    pub fn stop(mut self) {
        self.process.signal("INT");
        let status = self.process.wait(Duration::from_secs(10));
        let printed = self.process.stderr.all().join("\n");
        assert!(status.is_some_and(|s| s.success()), "it stopped with {status:?}; it printed:\n{printed}");
        assert!(!printed.contains("panicked at"), "{printed}");
    }

    /// `kill -9`.
    pub fn kill9(mut self) {
        self.process.kill9();
    }
}
