//! The servers under test as processes: Millstream beside this program, and Apache Kafka from its Maven artifacts.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::Process;
use testkit::kafka::{KAFKA_4, Kafka, class_path};
use testkit::memory;

use crate::connection::Connection;
use crate::{Result, frames};

/// A JVM on a busy machine takes its time.
const READY: Duration = Duration::from_secs(90);
/// What the kernel counts a process's time in. Linux shows it to programs as hundredths everywhere.
const TICKS_PER_SECOND: f64 = 100.0;

/// Kafka's own start script passes these.
const KAFKA_JVM: [&str; 7] = [
    "-server",
    "-Xms1g",
    "-Xmx1g",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    MillstreamFsync,
    MillstreamOs,
    KafkaPageCache,
    KafkaSyncing,
}

impl Kind {
    /// Whether it gets faster while it runs.
    pub fn is_jvm(self) -> bool {
        matches!(self, Self::KafkaPageCache | Self::KafkaSyncing)
    }

    /// Where it keeps its data: several run at once.
    fn folder(self) -> &'static str {
        match self {
            Self::MillstreamFsync => "millstream-fsync",
            Self::MillstreamOs => "millstream-os",
            Self::KafkaPageCache => "kafka-page-cache",
            Self::KafkaSyncing => "kafka-syncing",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::MillstreamFsync => "Millstream",
            Self::MillstreamOs => "Millstream, `--durability os`",
            Self::KafkaPageCache => "Kafka 4.3.1",
            Self::KafkaSyncing => "Kafka 4.3.1, `log.flush.interval.messages=1`",
        }
    }
}

/// A server that was started here. It is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    process: Process,
    started: Instant,
    /// Its Kafka listener.
    pub bootstrap: String,
    /// Its web listener; Kafka has none.
    pub http: String,
    pub data: PathBuf,
}

impl Server {
    /// Starts a server with empty data in `scratch`.
    pub fn start(kind: Kind, scratch: &Path) -> Result<Self> {
        let data = scratch.join(kind.folder());
        if data.exists() {
            std::fs::remove_dir_all(&data).map_err(|e| format!("cannot empty {}: {e}", data.display()))?;
        }
        make_dir(&data)?;
        match kind {
            Kind::MillstreamFsync => Self::millstream(&data, &["--durability", "fsync", DEMO]),
            Kind::MillstreamOs => Self::millstream(&data, &["--durability", "os", DEMO]),
            Kind::KafkaPageCache => Self::kafka(scratch, &data, ""),
            Kind::KafkaSyncing => Self::kafka(scratch, &data, "log.flush.interval.messages=1\n"),
        }
    }

    /// Starts `millstream up` with `args`, on free ports.
    pub fn millstream(data: &Path, args: &[&str]) -> Result<Self> {
        let (bootstrap, http) = (free_address()?, free_address()?);
        let mut command = Command::new(millstream_binary()?);
        command.current_dir(root()).arg("up").args(args).arg("--data-dir").arg(data);
        command.args(["--listen", &bootstrap, "--http", &http]);
        Ok(Self::spawn(&mut command, bootstrap, http, data))
    }

    fn kafka(scratch: &Path, data: &Path, settings: &str) -> Result<Self> {
        let (bootstrap, controller) = (free_address()?, free_address()?);
        let project = root().join("tests/java/kafka");
        let jars = class_path(&format!("kafka-{KAFKA_4}"), KAFKA_4, &project, scratch)?;
        let properties = data.join("server.properties");
        let logs = data.join("data");
        let text = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@{controller}\n\
             controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
             listeners=PLAINTEXT://{bootstrap},CONTROLLER://{controller}\nadvertised.listeners=PLAINTEXT://{bootstrap}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\nlog.dirs={}\n\
             offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\nlog.segment.delete.delay.ms=1000\ngroup.initial.rebalance.delay.ms=0\n{settings}",
            logs.display()
        );
        std::fs::write(&properties, text).map_err(|e| format!("cannot write {}: {e}", properties.display()))?;
        let properties = properties.to_string_lossy().into_owned();
        let tools = Kafka::resolve(KAFKA_4, &project, scratch)?;
        let cluster = wire::Uuid::from_random([7; 16]).to_string();
        let args = ["format", "--cluster-id", &cluster, "--config", &properties];
        let formatted = tools.run("kafka.tools.StorageTool", &args, "");
        if !formatted.success() {
            return Err(format!("Kafka's storage cannot be formatted: {}", formatted.text()));
        }
        let mut command = Command::new("java");
        command.args(KAFKA_JVM).args(["-Djava.awt.headless=true", "-cp", &jars, "kafka.Kafka", &properties]);
        Ok(Self::spawn(&mut command, bootstrap, String::new(), data))
    }

    fn spawn(command: &mut Command, bootstrap: String, http: String, data: &Path) -> Self {
        let started = Instant::now();
        Self { process: Process::start(command), started, bootstrap, http, data: data.to_owned() }
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Waits until a record was acknowledged; how long that took from the start of the process.
    pub fn until_first_acknowledged(&mut self) -> Result<Duration> {
        let frame = frames::produce("first", 0, frames::batch(1, 100))?;
        loop {
            match TcpStream::connect(&self.bootstrap).is_ok() {
                true => break,
                false if self.started.elapsed() > READY => return Err(self.failure("it does not listen")),
                false => std::thread::sleep(Duration::from_micros(500)),
            }
        }
        // A Kafka that listens may still close connections or refuse topics.
        let attempt = || -> Result<()> {
            let mut connection = Connection::open(&self.bootstrap)?;
            if let Err(why) = connection.create_topic("first", 1)
                && !why.contains("TopicAlreadyExists")
            {
                return Err(why);
            }
            connection.send(&frame)?;
            connection.acknowledged()
        };
        loop {
            match attempt() {
                Ok(()) => return Ok(self.started.elapsed()),
                Err(why) if self.started.elapsed() > READY => return Err(self.failure(&why)),
                Err(_) => std::thread::sleep(Duration::from_micros(500)),
            }
        }
    }

    fn failure(&self, why: &str) -> String {
        let printed = [self.process.stdout.all(), self.process.stderr.all()].concat();
        let last = &printed[printed.len().saturating_sub(20)..];
        format!("the server did not get ready ({why}); it printed last:\n{}", last.join("\n"))
    }

    pub fn resident_bytes(&self) -> Result<u64> {
        memory::resident_bytes(self.pid())
    }

    /// Kills it and deletes its data: what it wrote last is of no interest.
    pub fn stop(mut self) {
        self.process.kill9();
        let _ = self.process.wait(Duration::from_secs(10));
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// What a process spends, read from the kernel.
#[derive(Debug)]
pub struct Cost {
    stat: PathBuf,
}

impl Cost {
    /// Of process `pid`; an error if there is none.
    pub fn begin(pid: u32) -> Result<Self> {
        let cost = Self { stat: PathBuf::from(format!("/proc/{pid}/stat")) };
        cost.cpu_seconds().map(|_| cost)
    }

    /// User and system time of all its threads since its start.
    ///
    /// ```text
    /// pid (name, which may hold spaces and brackets) state ppid … utime stime …
    ///                                                 0     1      11    12
    /// ```
    pub fn cpu_seconds(&self) -> Result<f64> {
        let text = std::fs::read_to_string(&self.stat).map_err(|e| format!("{}: {e}", self.stat.display()))?;
        let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let ticks: Option<u64> = fields.skip(11).take(2).map(|field| field.parse::<u64>().ok()).sum();
        ticks.map(|ticks| ticks as f64 / TICKS_PER_SECOND).ok_or_else(|| format!("{} is cut", self.stat.display()))
    }
}

/// The demo, whose topics and queries are there while the rows run.
const DEMO: &str = "examples/page-events/page-events.sql";

/// The repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The program beside this one.
fn millstream_binary() -> Result<PathBuf> {
    let here = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
    let binary = here.with_file_name("millstream");
    match binary.is_file() {
        true => Ok(binary),
        false => Err("millstream is not built: cargo build --release -p millstream -p bench".to_owned()),
    }
}

/// Where servers keep their data: `asked`, or a folder beside this program.
pub fn scratch_dir(asked: Option<&Path>) -> Result<PathBuf> {
    let dir = match asked {
        Some(dir) => dir.to_owned(),
        None => {
            let here = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
            here.with_file_name("bench-scratch")
        }
    };
    make_dir(&dir)?;
    dir.canonicalize().map_err(|e| format!("{}: {e}", dir.display()))
}

fn make_dir(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))
}

/// A port that was free a moment ago.
fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.to_string()).map_err(|e| format!("no free port: {e}"))
}
