//! The running instance.

use std::fmt;
use std::sync::Arc;

use broker::Broker;
use os::Clock;

use crate::endpoint::{EndpointInfo, EndpointMatch};
use crate::outcome::{ErrorKind, ExecuteError, RuntimeError, StatementOutcome};
use crate::settings::Settings;
use crate::status::{
    BrowseOptions, Browsed, GeneratorStatus, Health, Isolation, Metric, NewRecord, QueryStatus, TableResult,
    TopicStatus, WrittenRecord,
};
use crate::subscription::{SubscribeOptions, Subscription};
use crate::trace::Trace;

/// What an instance is made of.
pub struct InstanceOptions {
    /// The broker that holds its topics.
    pub broker: Arc<Broker>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Settings: placeholders of statements, defaults of queries.
    pub settings: Settings,
    /// Prefix of application ids and of the statement log; `millstream`.
    pub instance_name: String,
    /// Worker threads; 0: as many as the machine has cores.
    pub workers: usize,
}

/// How statements are executed.
#[derive(Clone, Debug, Default)]
pub struct ExecuteOptions {
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
/// except [`EndpointCall::call`](crate::EndpointCall::call) and [`Subscription::next`], which are async.
pub struct Instance {
    options: InstanceOptions,
}

impl Instance {
    /// Reads the statement log and starts what it holds: queries restore their state and go on where they were committed.
    pub fn start(options: InstanceOptions) -> Result<Arc<Self>, StartError> {
        Ok(Arc::new(Self { options }))
    }

    /// Executes the statements of a text, checked together: nothing is applied if one of them is wrong.
    pub fn execute(&self, sql: &str, options: &ExecuteOptions) -> Result<Vec<StatementOutcome>, ExecuteError> {
        let _ = (sql, options);
        Ok(Vec::new())
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

    /// All queries, in order of creation.
    #[must_use]
    pub fn queries(&self) -> Vec<QueryStatus> {
        Vec::new()
    }

    /// One query, by its own name or that of one of its statements.
    pub fn query(&self, name: &str) -> Result<QueryStatus, RuntimeError> {
        Err(RuntimeError::new(ErrorKind::NotFound, "unknown_query", format!("no query is named `{name}`")))
    }

    /// A table as it is. `limit`: most rows.
    pub fn table(&self, name: &str, isolation: Isolation, limit: usize) -> Result<TableResult, RuntimeError> {
        let _ = (isolation, limit);
        Err(RuntimeError::new(ErrorKind::NotFound, "unknown_table", format!("no table is named `{name}`")))
    }

    /// Follows queries and topics.
    pub fn subscribe(&self, options: &SubscribeOptions) -> Result<Subscription, RuntimeError> {
        let _ = options;
        Err(RuntimeError::new(ErrorKind::Unavailable, "starting", "the instance has not started"))
    }

    /// All generators.
    #[must_use]
    pub fn generators(&self) -> Vec<GeneratorStatus> {
        Vec::new()
    }

    /// Pauses a generator; lasts across restarts.
    pub fn generator_pause(&self, name: &str) -> Result<GeneratorStatus, RuntimeError> {
        Err(RuntimeError::new(ErrorKind::NotFound, "unknown_generator", format!("no generator is named `{name}`")))
    }

    /// Resumes a generator.
    pub fn generator_resume(&self, name: &str) -> Result<GeneratorStatus, RuntimeError> {
        Err(RuntimeError::new(ErrorKind::NotFound, "unknown_generator", format!("no generator is named `{name}`")))
    }

    /// What became of a record in a query.
    pub fn trace(&self, query: &str, topic: &str, partition: i32, offset: i64) -> Result<Trace, RuntimeError> {
        let _ = (topic, partition, offset);
        Err(RuntimeError::new(ErrorKind::NotFound, "unknown_query", format!("no query is named `{query}`")))
    }

    /// All endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<EndpointInfo> {
        Vec::new()
    }

    /// The endpoint of a method and a (decoded) path.
    #[must_use]
    pub fn endpoint(&self, method: &str, path: &str) -> EndpointMatch {
        let _ = (method, path);
        EndpointMatch::NotFound
    }

    /// All topics; internal ones only when asked for.
    #[must_use]
    pub fn topics(&self, internal: bool) -> Vec<TopicStatus> {
        let _ = internal;
        Vec::new()
    }

    /// One topic.
    pub fn topic(&self, name: &str) -> Result<TopicStatus, RuntimeError> {
        Err(RuntimeError::new(ErrorKind::NotFound, "unknown_topic", format!("no topic is named `{name}`")))
    }

    /// Records of a topic.
    pub fn records(&self, topic: &str, options: &BrowseOptions) -> Result<Browsed, RuntimeError> {
        let _ = options;
        Err(RuntimeError::new(ErrorKind::NotFound, "unknown_topic", format!("no topic is named `{topic}`")))
    }

    /// Writes records to an existing topic that is not internal; durable when it returns.
    pub async fn write_records(
        &self,
        topic: &str,
        records: Vec<NewRecord>,
    ) -> Result<Vec<WrittenRecord>, RuntimeError> {
        let _ = records;
        Err(RuntimeError::new(ErrorKind::NotFound, "unknown_topic", format!("no topic is named `{topic}`")))
    }

    /// All metrics.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }

    /// Whether it is ready, and what that hangs on.
    #[must_use]
    pub fn health(&self) -> Health {
        Health { ready: false, checks: Vec::new() }
    }

    /// Stops generators and queries after a last commit, and ends all subscriptions. The broker stays open.
    pub fn stop(&self) {}
}
