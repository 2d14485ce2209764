//! The demo and `up`: everything in this process until Ctrl-C.

use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream::{Durability, Millstream, Settings, SqlText, StartError, StartOptions};
use runtime::settings::SettingsSources;

use super::{DurabilityFlag, Exit, Failure, ServeFlags, banner};

/// The exercise's pipeline, as a file of statements that anyone can start from.
const DEMO_SQL: &str = include_str!("../../../../examples/page-events/page-events.sql");
const DEMO_FILE: &str = "examples/page-events/page-events.sql";
/// The exercise's own configuration asks for an event every 100 ms; the statement's default is a second.
const DEMO_EVERY: (&str, &str) = ("supplier.every", "100 ms");

const HEALTH_EVERY: Duration = Duration::from_millis(500);
/// How long the end of a program may take whose disk has failed.
const FAILED_STOP_MAX: Duration = Duration::from_secs(10);

pub(super) fn demo(flags: ServeFlags) -> Result<(), Failure> {
    let mut settings = load_settings(&flags)?;
    let (name, value) = DEMO_EVERY;
    if settings.get(name).is_none() {
        settings.set(name, value, "the demo");
    }
    serve(flags, settings, vec![SqlText { name: DEMO_FILE.to_owned(), text: DEMO_SQL.to_owned() }], true)
}

pub(super) fn up(files: Vec<PathBuf>, flags: ServeFlags) -> Result<(), Failure> {
    let settings = load_settings(&flags)?;
    let sql = files.iter().map(|file| {
        let text = read(file)?;
        Ok(SqlText { name: file.display().to_string(), text })
    });
    let sql = sql.collect::<Result<Vec<_>, Failure>>()?;
    serve(flags, settings, sql, false)
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|e| Failure::new(Exit::Usage, format!("cannot read {}: {e}", file.display())))
}

fn load_settings(flags: &ServeFlags) -> Result<Settings, Failure> {
    let file = match &flags.config {
        Some(path) => Some((path.display().to_string(), read(path)?)),
        None => None,
    };
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let sources = SettingsSources { file, environment, set: flags.set.clone() };
    let (settings, warnings) = Settings::load(&sources).map_err(|e| Failure::new(Exit::Usage, e))?;
    for warning in warnings {
        eprintln!("millstream: warning: {warning}");
    }
    Ok(settings)
}

fn start_options(
    flags: &ServeFlags,
    settings: Settings,
    sql: Vec<SqlText>,
    demo: bool,
) -> Result<StartOptions, Failure> {
    let http = match (&flags.http, settings.get("server.port")) {
        (Some(http), _) => http.clone(),
        (None, Some(port)) => format!("localhost:{port}"),
        (None, None) => "localhost:8080".to_owned(),
    };
    let advertise = flags.advertise.as_deref().map(|text| {
        let parsed = text.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
        parsed.ok_or_else(|| Failure::new(Exit::Usage, format!("--advertise `{text}`: write HOST:PORT")))
    });
    Ok(StartOptions {
        data_dir: flags.data_dir.clone(),
        listen: flags.listen.clone(),
        http,
        durability: match flags.durability {
            DurabilityFlag::Fsync => Durability::Fsync,
            DurabilityFlag::Os => Durability::Os,
        },
        advertise: advertise.transpose()?,
        allow_hosts: flags.allow_host.clone(),
        allow_get_writes: flags.allow_get_writes,
        instance_name: flags.instance.clone(),
        workers: flags.workers,
        settings,
        sql,
        demo,
    })
}

fn serve(flags: ServeFlags, settings: Settings, sql: Vec<SqlText>, demo: bool) -> Result<(), Failure> {
    super::log_to_stderr(&flags.log_level)?;
    let options = start_options(&flags, settings, sql, demo)?;
    let facts = banner::Facts::of(&options);
    let network = super::network()?;
    let ended = network.block_on(async {
        let mut signals = Signals::new()?;
        let starting = tokio::task::spawn_blocking(move || Millstream::start(options));
        let started = tokio::select! {
            started = starting => started,
            // Nothing was promised to anybody yet; recovery finds what is there the next time.
            () = signals.next() => return Err(Failure { exit: Exit::Interrupted, message: String::new() }),
        };
        let started = started.map_err(|e| Failure::new(Exit::Failed, format!("the start failed unexpectedly: {e}")))?;
        let millstream = started.map_err(start_failure)?;
        banner::print(&millstream, &facts);
        let failure = run_until_stopped(&millstream, &mut signals).await;
        let interrupted = || Failure { exit: Exit::Interrupted, message: String::new() };
        if let Some(why) = failure {
            // What can still be said to clients is said; the logs do not take part any more.
            tokio::select! {
                _ = tokio::time::timeout(FAILED_STOP_MAX, millstream.stop()) => {}
                () = signals.next() => {}
            }
            return Err(disk_failure(&why));
        }
        eprintln!("stopping… (Ctrl-C again to force)");
        let broker = millstream.broker().clone();
        tokio::select! {
            stopped = millstream.stop() => stopped.map_err(|e| match broker.health() {
                Some(why) => disk_failure(&why.to_string()),
                None => Failure::new(Exit::Failed, e),
            }),
            () = signals.next() => Err(interrupted()),
        }
    });
    // Whoever forces the end does not wait for threads that are still at work.
    network.shutdown_background();
    ended
}

fn disk_failure(why: &str) -> Failure {
    let message = format!(
        "stopped, because the disk failed: {why}\n  \
         nothing that was not safely on the disk has been acknowledged\n  \
         check the disk (the kernel's log says more), then start again: the start reads what it holds"
    );
    Failure::new(Exit::Disk, message)
}

/// Waits for a signal (`None`) or for the disk to fail (why).
async fn run_until_stopped(millstream: &Millstream, signals: &mut Signals) -> Option<String> {
    let mut health = tokio::time::interval(HEALTH_EVERY);
    loop {
        tokio::select! {
            () = signals.next() => return None,
            _ = health.tick() => {
                if let Some(why) = millstream.failure() {
                    return Some(why);
                }
            }
        }
    }
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let catch = |kind| signal(kind).map_err(|e| Failure::new(Exit::Failed, format!("cannot catch signals: {e}")));
        Ok(Self { interrupt: catch(SignalKind::interrupt())?, terminate: catch(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn start_failure(error: StartError) -> Failure {
    let exit = match &error {
        StartError::Sql { .. } => Exit::Usage,
        _ => Exit::Failed,
    };
    let hint = match &error {
        StartError::Bind(_) => "\n  the flags are --listen HOST:PORT (Kafka) and --http HOST:PORT (console)",
        _ => "",
    };
    Failure::new(exit, format!("{error}{hint}"))
}
