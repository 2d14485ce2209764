//! The commands. Each has a file; what they share in flags is here.

mod banner;
mod consume;
mod http;
mod kafka;
mod produce;
mod record_text;
mod serve;
mod sql;
mod table;
mod topics;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Kafka, continuous queries and live charts in one binary.
///
/// Without a command: the demo. An embedded Kafka broker, the page-events pipeline with an event every 100 ms, and the
/// console with live curves.
///
/// Data goes to standard output, everything else to standard error. Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 cannot
/// reach the server, 5 not found, 6 some records failed, 7 the disk failed, 130 interrupted.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeFlags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the broker, the console and the given queries.
    Up {
        /// Files with statements: declarations. The same text changes nothing on the next start.
        files: Vec<PathBuf>,
        #[command(flatten)]
        serve: ServeFlags,
    },
    /// Executes statements on a running instance.
    Sql(sql::SqlFlags),
    /// Lists, creates, describes, alters and deletes topics of any Kafka.
    Topics(topics::TopicsFlags),
    /// Writes lines of standard input to a topic of any Kafka.
    Produce(produce::ProduceFlags),
    /// Prints the records of a topic of any Kafka.
    Consume(consume::ConsumeFlags),
}

/// Flags of everything that serves.
#[derive(Clone, Debug, Args)]
pub struct ServeFlags {
    /// Where the data lies: `log` in it is a Kafka log directory.
    #[arg(long, value_name = "DIR", default_value = "./millstream-data")]
    data_dir: PathBuf,
    /// Address for Kafka clients; `localhost` is 127.0.0.1 and [::1], port 0 picks a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:9092")]
    listen: String,
    /// Address of the console and the HTTP API [default: localhost:8080, or the port of the setting server.port].
    #[arg(long, value_name = "HOST:PORT")]
    http: Option<String>,
    /// Address that Kafka clients are told, where it is not the one that they dialled.
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<String>,
    /// What an acknowledgement promises: `fsync` survives power loss, `os` survives a crash of the process.
    #[arg(long, value_enum, default_value_t = DurabilityFlag::Fsync)]
    durability: DurabilityFlag,
    /// Settings: a .toml file, or a Spring .properties file of the page-event exercise.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting; fills `${name:default}` in statements. May be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Another name that the HTTP API answers to. May be repeated.
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Lets GET endpoints write on an address that other machines can reach.
    #[arg(long)]
    allow_get_writes: bool,
    /// Name of this instance: prefix of its application ids and of its statement log.
    #[arg(long, value_name = "NAME", default_value = "millstream")]
    instance: String,
    /// Threads of the queries [default: as many as the machine has cores].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    workers: usize,
    /// What is logged: error, warn, info, debug, trace, or a filter as in RUST_LOG.
    #[arg(long, value_name = "LEVEL", env = "RUST_LOG", default_value = "warn")]
    log_level: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DurabilityFlag {
    Fsync,
    Os,
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// What the caller's script sees.
    pub exit: Exit,
    /// What the caller reads; empty when it was said already.
    pub message: String,
}

/// Exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something failed while running.
    Failed,
    /// The command line, a setting or a statement is wrong.
    Usage,
    /// The server cannot be reached, or did not answer in time.
    Unreachable,
    /// There is no such thing.
    NotFound,
    /// Some of the records failed.
    Partial,
    /// The disk failed: nothing is acknowledged any more. A new start reads it again.
    Disk,
    /// Interrupted before the work was done.
    Interrupted,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::NotFound => 5,
            Self::Partial => 6,
            Self::Disk => 7,
            Self::Interrupted => 130,
        }
    }
}

impl Failure {
    fn new(exit: Exit, message: impl std::fmt::Display) -> Self {
        Self { exit, message: message.to_string() }
    }
}

/// Runs the command that was asked for.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        None => serve::demo(arguments.serve),
        Some(Command::Up { files, serve }) => serve::up(files, serve),
        Some(Command::Sql(flags)) => sql::run(&flags),
        Some(Command::Topics(flags)) => topics::run(flags),
        Some(Command::Produce(flags)) => produce::run(flags),
        Some(Command::Consume(flags)) => consume::run(flags),
    }
}

/// A runtime for commands that talk to the network.
fn network() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|e| Failure::new(Exit::Failed, format!("cannot start threads: {e}")))
}

fn log_to_stderr(filter: &str) -> Result<(), Failure> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).map_err(|e| {
        Failure::new(Exit::Usage, format!("--log-level `{filter}`: {e}; write error, warn, info, debug or trace"))
    })?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}
