//! The running instance.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use broker::Broker;
use connect::embedded::{Embedded, PrintTo, Stdout};
use connect::seam::Connector;
use os::Clock;
use parking_lot::{Mutex, RwLock};
use sql::Catalog;
use sql::bind::{Bound, bind};
use tokio::sync::{Semaphore, watch};

use crate::endpoint_plan::Endpoint;
use crate::generator::Generator;
use crate::outcome::RuntimeError;
use crate::query::committer::Committer;
use crate::query::{Query, WorkerOptions};
use crate::rate::RateMeter;
use crate::sampler::Sampler;
use crate::settings::Settings;
use crate::statement_log::{LoggedStatement, StatementLog};
use crate::statements::{connect_error, diagnostics};
use crate::unbound::Unbound;

/// Time between two commits.
const COMMIT_INTERVAL_MS: i64 = 100;
/// What queries hold back of changed rows until the next commit, as Kafka Streams does.
const CACHE_BYTES_MAX: i64 = 10 << 20;
/// Bytes of records that a query buffers per source partition: a superstep takes at most so much.
const BUFFER_BYTES_MAX: i64 = 1 << 20;

/// What an instance is made of.
#[derive(Clone)]
pub struct InstanceOptions {
    /// The broker that holds its topics.
    pub broker: Arc<Broker>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Settings: placeholders of statements, defaults of queries.
    pub settings: Settings,
    /// Prefix of application ids and of the statement log; `millstream`.
    pub instance_name: String,
    /// Worker threads of a superstep; 0: as many as the machine has cores.
    pub workers: usize,
}

/// How statements are executed.
#[derive(Clone, Debug, Default)]
pub struct ExecuteOptions {
    /// What messages call the text: the file's name.
    pub name: String,
    /// Settings for the placeholders of this text, before those of the instance.
    pub settings: Vec<(String, String)>,
    /// Whether `function.definition` of the instance's settings chooses what starts (files given at start-up).
    pub declaration: bool,
}

/// Why an instance could not start.
#[derive(Debug)]
pub enum StartError {
    /// The statement log holds something that this version does not understand, or that no longer fits its topics.
    Statements(String),
    /// The broker refused.
    Broker(String),
    /// A setting is wrong.
    Settings(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statements(cause) => write!(f, "cannot start the statements of this data directory: {cause}"),
            Self::Broker(cause) => write!(f, "the broker does not serve the queries: {cause}"),
            Self::Settings(cause) => f.write_str(cause),
        }
    }
}

impl std::error::Error for StartError {}

/// The running instance: one per process and data directory.
///
/// All calls may be made from any thread; those that write or read topics block (use `spawn_blocking` from async code),
/// except [`EndpointCall::call`](crate::EndpointCall::call), [`Instance::write_records`] and
/// [`Subscription::next`](crate::Subscription::next), which are async.
pub struct Instance {
    /// Itself, for what outlives a call.
    pub(crate) this: Weak<Instance>,
    pub(crate) options: InstanceOptions,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) committer: Arc<Committer>,
    pub(crate) log: StatementLog,
    pub(crate) state: RwLock<State>,
    /// One text at a time.
    pub(crate) executing: Mutex<()>,
    /// Grows when something that pages show may have changed.
    pub(crate) changed: watch::Sender<u64>,
    /// Grows when objects come or go.
    pub(crate) objects_version: AtomicU64,
    /// Tells endpoints and subscriptions that no more comes.
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) rates: Mutex<TopicRates>,
    pub(crate) subscribers: Arc<AtomicU64>,
    /// Subscriptions drain on half of the processors at most.
    pub(crate) drain_turns: Arc<Semaphore>,
    pub(crate) late_dropped: Arc<AtomicU64>,
    sampler: Sampler,
    stopped: AtomicBool,
    commit_thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// Records per second of each topic.
pub(crate) type TopicRates = BTreeMap<String, RateMeter>;

/// What runs.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) catalog: Catalog,
    /// Where each object's statement stands in the log.
    pub(crate) offsets: BTreeMap<String, i64>,
    pub(crate) queries: Vec<Arc<Query>>,
    /// Statements of the log that do not bind, by name.
    pub(crate) unbound: BTreeMap<String, Unbound>,
    pub(crate) generators: BTreeMap<String, Arc<Generator>>,
    pub(crate) endpoints: BTreeMap<String, Arc<Endpoint>>,
}

impl Instance {
    /// Reads the statement log and starts what it holds: queries restore their state and go on where they were committed.
    pub fn start(options: InstanceOptions) -> Result<Arc<Self>, StartError> {
        Self::start_printing_to(options, Arc::new(Stdout::default()))
    }

    /// The same, with another place for what print sinks write.
    pub fn start_printing_to(options: InstanceOptions, print: Arc<dyn PrintTo>) -> Result<Arc<Self>, StartError> {
        let connector: Arc<dyn Connector> = Arc::new(Embedded::new(Arc::clone(&options.broker), print));
        let settings = |e: crate::settings::SettingsError| StartError::Settings(e.to_string());
        options.settings.duration_ms("commit.interval", COMMIT_INTERVAL_MS).map_err(settings)?;
        options.settings.integer("cache_max_bytes", CACHE_BYTES_MAX).map_err(settings)?;
        options.settings.integer("input.buffer.max.bytes", BUFFER_BYTES_MAX).map_err(settings)?;
        let committer = Committer::new(Arc::clone(&connector), Arc::clone(&options.clock));
        let log =
            StatementLog::open(&connector, &options.instance_name).map_err(|e| StartError::Broker(e.to_string()))?;
        let commit_thread = committer.start().map_err(|e| StartError::Broker(e.to_string()))?;
        let instance = Arc::new_cyclic(|this| Self {
            this: this.clone(),
            options,
            connector,
            committer,
            log,
            state: RwLock::default(),
            executing: Mutex::new(()),
            changed: watch::channel(0).0,
            objects_version: AtomicU64::new(0),
            stopping: watch::channel(false).0,
            rates: Mutex::default(),
            subscribers: Arc::default(),
            drain_turns: Arc::new(Semaphore::new(
                std::thread::available_parallelism().map_or(1, |n| n.get().div_ceil(2)),
            )),
            late_dropped: Arc::default(),
            sampler: Sampler::default(),
            stopped: AtomicBool::new(false),
            commit_thread: Mutex::new(Some(commit_thread)),
        });
        if let Err(error) = instance.replay() {
            instance.stop();
            return Err(error);
        }
        instance.sampler.start(&instance).map_err(|e| StartError::Broker(e.to_string()))?;
        Ok(instance)
    }

    /// Brings up what the statement log holds.
    fn replay(&self) -> Result<(), StartError> {
        let _one_at_a_time = self.executing.lock();
        let logged = self.log.read().map_err(StartError::Statements)?;
        for entry in logged {
            let brought = self.bring_up(&entry);
            match brought.map_err(|e| StartError::Statements(format!("`{}`: {e}", entry.name)))? {
                Ok(()) => {}
                // A newer version may have other rules; one statement must not keep all others from running.
                Err(cause) => self.keep_unbound(entry, cause),
            }
        }
        self.reconcile()
            // What was declared later than what reads it.
            .and_then(|()| self.bind_again())
            .map_err(|e| StartError::Statements(e.to_string()))
    }

    /// Takes a statement of the log into the catalogue, or says why it does not bind.
    pub(crate) fn bring_up(&self, entry: &LoggedStatement) -> Result<Result<(), String>, RuntimeError> {
        let refuse = |all: &[sql::Diagnostic]| {
            let shown: Vec<String> = diagnostics(all, &[]).into_iter().map(|d| d.rendered).collect();
            shown.join("\n")
        };
        let statements = match sql::parse_canonical(&entry.name, &entry.sql) {
            Ok(statements) => statements,
            Err(all) => return Ok(Err(refuse(&all))),
        };
        for statement in statements {
            let bound = bind(&statement, &self.state.read().catalog);
            match bound {
                Ok(Bound::Create { object, .. }) => self.adopt(*object, entry.offset, entry.paused)?,
                Ok(_) => {}
                Err(one) => return Ok(Err(refuse(&[one]))),
            }
        }
        Ok(Ok(()))
    }

    /// Makes the running queries those that the catalogue describes: starts new ones, stops those that are gone, and
    /// starts anew those whose plan has changed.
    pub(crate) fn reconcile(&self) -> Result<(), RuntimeError> {
        let (catalog, wanted, running) = {
            let state = self.state.read();
            (state.catalog.clone(), state.catalog.topologies(), state.queries.clone())
        };
        for query in &running {
            let same =
                wanted.iter().find(|plan| plan.root == query.name()).is_some_and(|plan| query.runs(plan, &catalog));
            if same {
                continue;
            }
            self.committer.commit_now();
            query.stop();
            self.state.write().queries.retain(|other| !Arc::ptr_eq(other, query));
            if let Some(plan) = wanted.iter().find(|plan| plan.root == query.name()) {
                // Tables that are no longer part of it leave nothing behind.
                for (table, _) in &query.plan.tables {
                    if !plan.tables.iter().any(|(kept, _)| kept == table) {
                        let topic = query.spec.changelog_topic(table);
                        self.connector.delete_topic(&topic).map_err(connect_error)?;
                    }
                }
            } else {
                self.connector.forget(&query.spec).map_err(connect_error)?;
            }
        }
        for plan in wanted {
            if self.state.read().queries.iter().any(|query| query.name() == plan.root) {
                continue;
            }
            let offset = self.state.read().offsets.get(&plan.root).copied().unwrap_or(-1);
            let id = format!("{}.{offset}", plan.root);
            let options = self.worker_options(&plan);
            let instance = &self.options.instance_name;
            let started = Query::start(&catalog, plan, id, instance, options, self.changed.clone());
            let query = started.map_err(|e| {
                RuntimeError::new(
                    crate::outcome::ErrorKind::Internal,
                    "internal",
                    format!("no thread for a query: {e}"),
                )
            })?;
            self.state.write().queries.push(Arc::new(query));
        }
        self.objects_changed();
        Ok(())
    }

    fn worker_options(&self, plan: &sql::TopologyPlan) -> WorkerOptions {
        // All were looked at when the instance started.
        let settings = &self.options.settings;
        let number =
            |name: &str, default: i64| settings.integer(name, default).unwrap_or(default).max(0).unsigned_abs();
        let cache = plan.options.cache_max_bytes.unwrap_or_else(|| number("cache_max_bytes", CACHE_BYTES_MAX));
        let interval_ms = settings.duration_ms("commit.interval", COMMIT_INTERVAL_MS).unwrap_or(COMMIT_INTERVAL_MS);
        let interval_ms = plan.options.commit_interval_ms.unwrap_or(interval_ms);
        let buffer = number("input.buffer.max.bytes", BUFFER_BYTES_MAX).max(1);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        WorkerOptions {
            connector: Arc::clone(&self.connector),
            committer: Arc::clone(&self.committer),
            clock: Arc::clone(&self.options.clock),
            workers: if self.options.workers == 0 { cores } else { self.options.workers },
            cache_max_bytes: usize::try_from(cache).unwrap_or(usize::MAX),
            buffer_bytes_max: usize::try_from(buffer).unwrap_or(usize::MAX),
            commit_interval: Duration::from_millis(interval_ms.max(0).unsigned_abs()),
        }
    }

    /// The settings that it was started with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.options.settings
    }

    /// The broker.
    #[must_use]
    pub fn broker(&self) -> &Arc<Broker> {
        &self.options.broker
    }

    /// Its name: the prefix of application ids and of the statement log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.options.instance_name
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.options.clock.now_ms()
    }

    /// Whether only Kafka or Millstream itself writes to a topic of this name.
    #[must_use]
    pub fn is_internal_topic(&self, topic: &str) -> bool {
        let own = topic.strip_prefix(&self.options.instance_name).and_then(|rest| rest.strip_prefix('-'));
        let changelog = own.is_some_and(|rest| rest.ends_with("-changelog") || rest.ends_with("-repartition"));
        topic.starts_with("__") || topic == self.log.topic() || changelog
    }

    /// Tells pages that something may have changed.
    pub(crate) fn touch(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    /// Tells pages that objects have come or gone.
    pub(crate) fn objects_changed(&self) {
        self.objects_version.fetch_add(1, Ordering::AcqRel);
        self.touch();
    }

    /// Stops generators and queries after a last commit, and ends all subscriptions. The broker stays open.
    pub fn stop(&self) {
        if self.stopped.swap(true, Ordering::AcqRel) {
            return;
        }
        self.stopping.send_replace(true);
        self.touch();
        self.sampler.stop();
        let (generators, queries): (Vec<_>, Vec<_>) = {
            let state = self.state.read();
            (state.generators.values().cloned().collect(), state.queries.clone())
        };
        for generator in generators {
            generator.stop();
        }
        self.committer.commit_now();
        for query in queries {
            query.stop();
        }
        self.committer.stop();
        if let Some(thread) = self.commit_thread.lock().take() {
            // A panic there has been reported by its own hook.
            let _ = thread.join();
        }
    }

    /// Stops at once, without a last commit: what a crash leaves. For tests of recovery.
    #[doc(hidden)]
    pub fn abandon(&self) {
        self.committer.stop();
        self.stop();
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stop();
    }
}
