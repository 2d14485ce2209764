//! Continuous queries: one topology each, its thread, and what is known of it.

pub(crate) mod committer;
pub(crate) mod figures;
pub(crate) mod run;
pub(crate) mod signal;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::Broker;
use connect::seam::TopologySpec;
use engine::plan::{Operator, Tumble};
use sql::ast::ObjectKind;
use sql::catalog::Body;
use sql::{Catalog, TopologyPlan};
use tokio::sync::watch;

use crate::instant::InstantMs;
use crate::status::{Column, ColumnRole, Facts, Offsets, QueryKind, QueryStatus, StatementInfo, WindowInfo};
use crate::table_view::TableView;
use figures::Shared;
use run::Run;
pub(crate) use worker::{Worker, WorkerOptions};

/// A continuous query: its topology's plan, and its running thread.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) plan: TopologyPlan,
    pub(crate) spec: TopologySpec,
    pub(crate) run: Arc<Run>,
    /// Its tables, in the order of the plan's.
    pub(crate) tables: Vec<TableView>,
    description: Description,
    worker: Worker,
}

/// What does not change while it runs.
#[derive(Clone, Debug)]
struct Description {
    id: String,
    kind: QueryKind,
    statements: Vec<StatementInfo>,
    reads: Vec<String>,
    writes: Vec<String>,
    columns: Vec<Column>,
    window: Option<WindowInfo>,
    filter: Option<String>,
}

impl Query {
    /// The spec of a plan.
    pub(crate) fn spec_of(plan: &TopologyPlan, instance: &str) -> TopologySpec {
        TopologySpec {
            application_id: plan.application_id(instance),
            topology: Arc::new(plan.topology.clone()),
            source_columns: plan.sources.iter().map(|source| (source.node, source.columns.clone())).collect(),
            topic_partitions: plan
                .sinks
                .iter()
                .filter_map(|sink| sink.topic.as_ref())
                .chain(plan.sources.iter().map(|source| &source.topic))
                .filter_map(|topic| Some((topic.name.clone(), topic.partitions?)))
                .collect(),
            dead_letter_topic: plan.dead_letter_topic(),
        }
    }

    /// Starts it.
    pub(crate) fn start(
        catalog: &Catalog,
        plan: TopologyPlan,
        id: String,
        instance: &str,
        options: WorkerOptions,
        changed: watch::Sender<u64>,
    ) -> std::io::Result<Self> {
        let spec = Self::spec_of(&plan, instance);
        let run = Arc::new(Run::new(spec.clone(), Arc::new(Shared::new(changed)), options.commit_interval));
        let worker = Worker::start(&run, options)?;
        let tables: Vec<TableView> =
            plan.tables.iter().filter_map(|(name, node)| table_view(catalog, &plan, name, *node)).collect();
        let description = describe(catalog, &plan, id, &tables);
        Ok(Self { plan, spec, run, tables, description, worker })
    }

    /// Stops its thread. What is not committed is computed again by the next run.
    pub(crate) fn stop(&self) {
        self.worker.stop();
    }

    pub(crate) fn name(&self) -> &str {
        &self.plan.root
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.run.shared
    }

    /// Changes when it is dropped and created again.
    pub(crate) fn status_id(&self) -> &str {
        &self.description.id
    }

    /// The window of an aggregate node.
    pub(crate) fn window_of(&self, node: usize) -> Option<Tumble> {
        match &self.plan.topology.nodes.get(node)?.operator {
            Operator::Aggregate(aggregate) => aggregate.window,
            _ => None,
        }
    }

    /// Whether it runs this plan as it is.
    pub(crate) fn runs(&self, plan: &TopologyPlan, catalog: &Catalog) -> bool {
        let texts = plan.statements.iter().filter_map(|name| catalog.get(name)).map(|o| o.statement.text.as_str());
        self.plan.topology == plan.topology
            && self.plan.options == plan.options
            && texts.eq(self.description.statements.iter().map(|statement| statement.sql.as_str()))
    }

    /// Whether one of its statements has this name.
    pub(crate) fn has_statement(&self, name: &str) -> bool {
        self.plan.statements.iter().any(|statement| statement == name)
    }

    /// The place of a table among its tables.
    pub(crate) fn table(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|table| table.name == name)
    }

    /// Everything there is to say about it.
    pub(crate) fn status(&self, broker: &Broker) -> QueryStatus {
        let (state, error) = self.shared().life();
        let Description { id, kind, statements, reads, writes, columns, window, filter } = self.description.clone();
        QueryStatus {
            name: self.plan.root.clone(),
            id,
            kind,
            state,
            error,
            application_id: self.spec.application_id.clone(),
            statements,
            reads,
            writes,
            dead_letters: self.spec.dead_letter_topic.clone(),
            columns,
            window,
            filter,
            facts: self.facts(broker),
        }
    }

    /// Its figures.
    pub(crate) fn facts(&self, broker: &Broker) -> Facts {
        let shared = self.shared();
        let figures = shared.figures.lock().clone();
        let (mut state_keys, mut state_bytes) = (0, 0);
        for reader in shared.readers.read().iter() {
            let (keys, bytes) = reader.size();
            state_keys += keys as u64;
            state_bytes += bytes as u64;
        }
        let mut offsets = Offsets::new();
        let mut lag = 0;
        for ((topic, partition), position) in &figures.positions {
            offsets.entry(topic.clone()).or_default().insert(*partition, *position);
            if let Some(found) = broker.partition(topic, *partition) {
                lag += (found.log().last_stable_offset().0 - position).max(0);
            }
        }
        Facts {
            stream_time: shared.stream_time(),
            idle: false,
            delay_ms: figures.delay_ms,
            records: figures.records,
            records_per_second: shared.rate_in.lock().per_second(),
            records_out: figures.records_out,
            records_out_per_second: shared.rate_out.lock().per_second(),
            filtered: figures.filtered,
            late: figures.late,
            bad: figures.bad,
            null_keys: figures.null_keys,
            lag,
            state_bytes,
            state_keys,
            offsets,
            commits: figures.commits,
            last_update: figures.last_update_ms.map(InstantMs),
            last_bad: figures.last_bad,
            last_late: figures.last_late,
        }
    }
}

fn table_view(catalog: &Catalog, plan: &TopologyPlan, name: &str, node: usize) -> Option<TableView> {
    let Body::Table(table) = &catalog.get(name)?.body else { return None };
    let Operator::Aggregate(aggregate) = &plan.topology.nodes[node].operator else { return None };
    Some(TableView::new(name, &table.columns, aggregate))
}

fn kind_of(kind: ObjectKind) -> QueryKind {
    match kind {
        ObjectKind::Table => QueryKind::Table,
        ObjectKind::Sink => QueryKind::Sink,
        _ => QueryKind::Stream,
    }
}

fn describe(catalog: &Catalog, plan: &TopologyPlan, id: String, tables: &[TableView]) -> Description {
    let statements: Vec<StatementInfo> = plan
        .statements
        .iter()
        .filter_map(|name| catalog.get(name))
        .map(|object| StatementInfo {
            name: object.name.clone(),
            kind: kind_of(object.kind()),
            sql: object.statement.text.clone(),
        })
        .collect();
    let root = catalog.get(&plan.root);
    let filter = root.and_then(|object| match &object.body {
        Body::Stream(stream) => stream.query.as_ref()?.input.filter.as_ref().map(|(_, text)| text.clone()),
        Body::Table(table) => table.input.filter.as_ref().map(|(_, text)| text.clone()),
        Body::Sink(sink) => sink.query.input.filter.as_ref().map(|(_, text)| text.clone()),
        _ => None,
    });
    let columns = match tables.iter().find(|table| table.name == plan.root) {
        Some(table) => table.columns.clone(),
        None => root
            .map(sql::Object::columns)
            .unwrap_or_default()
            .into_iter()
            .map(|(name, ty)| Column { name, data_type: ty.name().to_owned(), role: ColumnRole::Value })
            .collect(),
    };
    let window = root.and_then(|object| match &object.body {
        Body::Table(table) => table.window,
        _ => None,
    });
    let mut distinct: BTreeMap<String, ()> = BTreeMap::new();
    distinct.extend(plan.sources.iter().map(|source| (source.topic.name.clone(), ())));
    Description {
        id,
        kind: root.map_or(QueryKind::Stream, |object| kind_of(object.kind())),
        statements,
        reads: distinct.into_keys().collect(),
        writes: plan.sinks.iter().filter_map(|sink| Some(sink.topic.as_ref()?.name.clone())).collect(),
        columns,
        window: window.map(|window| WindowInfo {
            kind: "tumbling".to_owned(),
            size_ms: window.size_ms,
            grace_ms: window.grace_ms,
            retention_ms: window.retention_ms,
        }),
        filter,
    }
}
