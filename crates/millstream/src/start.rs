//! Bringing the rooms up in order, and down in the reverse.
//!
//! Both ports are bound before the data directory is touched: a busy port leaves nothing behind. The web answers before the
//! queries run, so that a page opened at once waits on a live server; `/readyz` says when all is there.

use std::fmt;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use broker::net::{BindError, Limits, bind};
use broker::{Broker, BrokerOptions, Durability, OpenError};
use os::{Clock, SystemClock};
use runtime::{ExecuteError, ExecuteOptions, Instance, InstanceOptions, Settings};
use web::{About, Server, WebOptions};

/// Statements to execute at the start.
#[derive(Clone, Debug)]
pub struct SqlText {
    /// Where they come from, for messages: a file's path.
    pub name: String,
    /// The statements.
    pub text: String,
}

/// What a Millstream is started with.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// Where the data lies.
    pub data_dir: PathBuf,
    /// `HOST:PORT` for Kafka clients.
    pub listen: String,
    /// `HOST:PORT` for the web.
    pub http: String,
    /// When an append is acknowledged.
    pub durability: Durability,
    /// `HOST:PORT` that Kafka clients are told instead of the address that they dialled.
    pub advertise: Option<(String, u16)>,
    /// Names that a `Host` header may have beside the listeners' own.
    pub allow_hosts: Vec<String>,
    /// Whether GET endpoints write on listeners that other machines can reach.
    pub allow_get_writes: bool,
    /// Prefix of application ids and of the statement log.
    pub instance_name: String,
    /// Engine threads; 0: as many as the machine has cores.
    pub workers: usize,
    /// Settings for placeholders and defaults.
    pub settings: Settings,
    /// Declarations.
    pub sql: Vec<SqlText>,
    /// Whether this is the demo (the page says so).
    pub demo: bool,
}

/// Why it does not start; each kind is one next move of the user.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be listened on.
    Bind(BindError),
    /// The data directory cannot be opened.
    Open(Box<OpenError>),
    /// The statements of an earlier run cannot go on.
    Queries(runtime::StartError),
    /// A declaration is refused.
    Sql {
        /// The file.
        name: String,
        /// Why.
        error: ExecuteError,
    },
    /// The system refused something.
    System(std::io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(e) => e.fmt(f),
            Self::Open(e) => e.fmt(f),
            Self::Queries(e) => e.fmt(f),
            Self::Sql { name, error } => write!(f, "{name}: {error}"),
            Self::System(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

impl From<BindError> for StartError {
    fn from(e: BindError) -> Self {
        Self::Bind(e)
    }
}

impl From<std::io::Error> for StartError {
    fn from(e: std::io::Error) -> Self {
        Self::System(e)
    }
}

/// A running Millstream.
pub struct Millstream {
    broker: Arc<Broker>,
    kafka: broker::net::Server,
    instance: Arc<Instance>,
    web: Server,
    bootstrap: String,
    http: String,
}

impl Millstream {
    /// Starts everything. Must be called within a multi-threaded tokio runtime; blocks on the disk.
    pub fn start(options: StartOptions) -> Result<Self, StartError> {
        // Logs keep files open, connections too: before anything is opened.
        let files_max = broker::net::listen::raise_open_files_max();
        let reserve_bytes = reserve_bytes(&options.settings)?;
        let scrub_interval_ms = scrub_interval_ms(&options.settings)?;
        let kafka_listeners = bind(&options.listen)?;
        let web_listeners = bind(&options.http)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let started_ms = clock.now_ms();

        let defaults = BrokerOptions::new(&options.data_dir);
        let broker_options = BrokerOptions {
            reserve_bytes,
            scrub_interval_ms,
            // Half is for connections; a quarter is left for what is written, and for everything else.
            open_files_max: (files_max / 4).clamp(8, defaults.open_files_max),
            durability: options.durability,
            advertise: options.advertise,
            clock: clock.clone(),
            ..defaults
        };
        let broker = Broker::open(broker_options).map_err(|e| StartError::Open(Box::new(e)))?;
        let bootstrap = address_of(&kafka_listeners)?;
        let http = address_of(&web_listeners)?;

        let instance = Instance::start(InstanceOptions {
            broker: broker.clone(),
            clock: clock.clone(),
            settings: options.settings,
            instance_name: options.instance_name.clone(),
            workers: options.workers,
        })
        .map_err(StartError::Queries)?;
        let about = About {
            name: options.instance_name,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch: started_ms,
            mode: "embedded",
            bootstrap: bootstrap.clone(),
            durability: match options.durability {
                Durability::Fsync => "fsync",
                Durability::Os => "os",
            },
            data_dir: options.data_dir.display().to_string(),
            demo: options.demo,
            sql_file: options.sql.first().map(|sql| sql.name.clone()),
            cluster_id: broker.cluster_id().to_owned(),
        };
        // The name that was given to listen on is one of the listener's names.
        let mut allow_hosts = options.allow_hosts;
        allow_hosts.extend(options.http.rsplit_once(':').map(|(host, _)| host.to_owned()));
        let web = Server::start(WebOptions {
            instance: instance.clone(),
            clock,
            about,
            listeners: web_listeners,
            allow_hosts,
            allow_get_writes: options.allow_get_writes,
        })?;
        let kafka = broker::net::Server::start(&broker, kafka_listeners, Limits::default())?;
        for SqlText { name, text } in options.sql {
            let declared = instance.execute(&text, &ExecuteOptions { declaration: true, ..ExecuteOptions::default() });
            if let Err(error) = declared {
                instance.stop();
                // Closed cleanly, so that the next start has nothing to recover.
                let _ = broker.shutdown();
                return Err(StartError::Sql { name, error });
            }
        }
        Ok(Self { broker, kafka, instance, web, bootstrap, http })
    }

    /// `host:port` for Kafka clients.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// `host:port` of the web.
    #[must_use]
    pub fn http(&self) -> &str {
        &self.http
    }

    /// The queries.
    #[must_use]
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// The broker.
    #[must_use]
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Why nothing is acknowledged any more, if so: the disk failed, and the process should end.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.broker.health().map(|error| error.to_string())
    }

    /// Stops: pages are told, queries commit, clients are answered, logs are closed.
    pub async fn stop(self) -> Result<(), String> {
        let Self { broker, kafka, instance, web, .. } = self;
        // Streams end first: a page that waits for events must not hold the others up.
        web.stop().await;
        let stopped = tokio::task::spawn_blocking(move || instance.stop()).await;
        kafka.shutdown().await;
        let closed = tokio::task::spawn_blocking(move || broker.shutdown()).await;
        stopped.map_err(|e| e.to_string())?;
        closed.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
    }
}

/// `disk.reserve.bytes`, if it was set.
fn reserve_bytes(settings: &Settings) -> Result<Option<u64>, StartError> {
    let bytes = settings.integer("disk.reserve.bytes", -1).map_err(wrong_setting)?;
    Ok(u64::try_from(bytes).ok())
}

/// `disk.scrub.interval`, or a day.
fn scrub_interval_ms(settings: &Settings) -> Result<i64, StartError> {
    let default_ms = BrokerOptions::new("").scrub_interval_ms;
    settings.duration_ms("disk.scrub.interval", default_ms).map_err(wrong_setting)
}

fn wrong_setting(e: runtime::settings::SettingsError) -> StartError {
    StartError::Queries(runtime::StartError::Settings(e.to_string()))
}

fn address_of(listeners: &[TcpListener]) -> std::io::Result<String> {
    let first = listeners.first().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    Ok(first.local_addr()?.to_string())
}
