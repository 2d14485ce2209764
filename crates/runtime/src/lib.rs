//! The running instance: statements, continuous queries, generators, endpoints, dead letters and settings.
//!
//! Owns: what `web` and the CLI see of a running Millstream ([`Instance`]), and nothing that only one of them could reach.
//! Never: speaks HTTP or the Kafka wire.
//!
//! - [`instance`] — [`Instance`]: start, execute statements, look at everything, stop.
//! - [`outcome`] — what a statement answered, diagnostics and errors.
//! - [`status`] — queries, tables, generators, topics, records, metrics and health as plain data.
//! - [`subscription`] — live changes, conflated, for pages.
//! - [`endpoint`] — the user's own HTTP endpoints, as plans.
//! - [`trace`] — what became of one record.
//! - [`settings`] — `--set`, environment, `.toml` and Spring `.properties`.

mod broker_metrics;
pub mod endpoint;
mod endpoint_plan;
mod event;
mod generator;
pub mod instance;
mod instant;
mod live;
mod look;
pub mod outcome;
mod pull_query;
mod query;
mod rate;
mod sampler;
pub mod settings;
mod statement_log;
mod statements;
pub mod status;
pub mod subscription;
mod table_view;
mod topics;
pub mod trace;
mod unbound;

pub use endpoint::{EndpointCall, EndpointInfo, EndpointMatch, EndpointReply, EndpointTicker};
pub use instance::{ExecuteOptions, Instance, InstanceOptions, StartError};
pub use instant::InstantMs;
pub use outcome::{Diagnostic, ErrorKind, ExecuteError, OutcomeKind, RuntimeError, StatementOutcome};
pub use settings::{Settings, SettingsError, SettingsSources};
pub use status::{
    BadRecord, BrowseOptions, Browsed, Column, ColumnRole, DamagedOffsets, Facts, GeneratorState, GeneratorStatus,
    Health, HealthCheck, Isolation, LateRecord, Metric, MetricKind, NewRecord, Offsets, PartitionStatus, QueryError,
    QueryKind, QueryState, QueryStatus, RecordHeader, Row, Sample, StatementInfo, TableResult, TopicRecord,
    TopicStatus, WindowInfo, WrittenRecord,
};
pub use subscription::{Event, SubscribeOptions, Subscription};
pub use trace::{Trace, TraceFilter, TraceOutcome, TraceWindow};
