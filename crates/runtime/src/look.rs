//! Looking at the running instance: queries, tables, topics, metrics, health.
//!
//! Never: changes anything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::plan::Operator;
use engine::store::Snapshot;
use sql::Catalog;
use sql::catalog::{Body, Topic};

use crate::broker_metrics;
use crate::instance::{Instance, State};
use crate::instant::InstantMs;
use crate::outcome::{ErrorKind, RuntimeError};
use crate::query::Query;
use crate::settings::nearest;
use crate::status::{
    BrowseOptions, Browsed, GeneratorStatus, Health, HealthCheck, Isolation, Metric, MetricKind, Offsets, QueryState,
    QueryStatus, Sample, TableResult, TopicStatus,
};
use crate::topics::{self, TopicFormats};

/// Most rows of a pull query.
pub(crate) const ROWS_MAX: usize = 100_000;
/// How long a look at the committed tables waits for the next commit.
const COMMIT_WAIT: Duration = Duration::from_secs(5);

impl State {
    /// The query that has a statement of this name.
    pub(crate) fn query(&self, name: &str) -> Option<&Arc<Query>> {
        let own = self.queries.iter().find(|query| query.name() == name);
        own.or_else(|| self.queries.iter().find(|query| query.has_statement(name)))
    }
}

/// What is wrong with the disk though most goes on: it is nearly full, or does not give back what was written.
fn storage_detail(broker: &broker::Broker) -> Option<String> {
    let mut details: Vec<String> = broker.admit(0).err().map(|low| low.to_string()).into_iter().collect();
    for (log, ranges) in broker.damaged() {
        let [range, more @ ..] = &ranges[..] else { continue };
        let (first, last, file) = (range.first, range.next.0 - 1, range.file.display());
        let more = if more.is_empty() { String::new() } else { format!(", and {} more ranges of it", more.len()) };
        details.push(format!(
            "offsets {first} to {last} of {log} cannot be read: {file} is damaged at byte {}{more}; nothing is deleted, restore \
             the file from a copy or delete the records before offset {}",
            range.position, range.next
        ));
    }
    (!details.is_empty()).then(|| details.join("; "))
}

/// How a topic's bytes are to be read, by the catalogue.
pub(crate) fn formats(catalog: &Catalog, topic: &str) -> TopicFormats {
    let declared = |found: &Topic| TopicFormats {
        key: Some(found.key_format.clone()).filter(|format| format != "none" && format != "kafka"),
        value: Some(found.value_format.clone()),
    };
    let found = catalog.objects().filter_map(sql::Object::topic).find(|found| found.name == topic);
    found.map(declared).unwrap_or_default()
}

impl Instance {
    /// All queries, in order of their start.
    #[must_use]
    pub fn queries(&self) -> Vec<QueryStatus> {
        let queries = self.state.read().queries.clone();
        let running = queries.iter().map(|query| query.status(self.broker()));
        running.chain(self.unbound()).collect()
    }

    /// One query, by its own name or that of one of its statements.
    pub fn query(&self, name: &str) -> Result<QueryStatus, RuntimeError> {
        match self.unbound().into_iter().find(|unbound| unbound.name == name) {
            Some(unbound) => Ok(unbound),
            None => Ok(self.find_query(name)?.status(self.broker())),
        }
    }

    pub(crate) fn find_query(&self, name: &str) -> Result<Arc<Query>, RuntimeError> {
        let state = self.state.read();
        if let Some(query) = state.query(name) {
            return Ok(Arc::clone(query));
        }
        let error = RuntimeError::new(ErrorKind::NotFound, "unknown_query", format!("no query is named `{name}`"));
        Err(match nearest(name, state.queries.iter().map(|query| query.name())) {
            Some(near) => error.fix(format!("did you mean `{near}`?")),
            None => error,
        })
    }

    /// The query of a table, and the table's place in it.
    pub(crate) fn find_table(&self, name: &str) -> Result<(Arc<Query>, usize), RuntimeError> {
        let state = self.state.read();
        for query in &state.queries {
            if let Some(table) = query.table(name) {
                return Ok((Arc::clone(query), table));
            }
        }
        let error = RuntimeError::new(ErrorKind::NotFound, "unknown_table", format!("no table is named `{name}`"));
        let tables = state.queries.iter().flat_map(|query| &query.tables).map(|table| table.name.as_str());
        Err(match nearest(name, tables) {
            Some(near) => error.fix(format!("did you mean `{near}`?")),
            None => error,
        })
    }

    /// A snapshot of a table.
    pub(crate) fn snapshot(&self, query: &Query, table: usize, isolation: Isolation) -> Result<Snapshot, RuntimeError> {
        let node = query.plan.tables[table].1;
        let Operator::Aggregate(aggregate) = &query.plan.topology.nodes[node].operator else {
            return Err(RuntimeError::new(ErrorKind::Internal, "internal", "a table without an aggregate"));
        };
        let not_now =
            |cause: String| RuntimeError::new(ErrorKind::Unavailable, "starting", cause).fix("try again in a moment");
        match isolation {
            Isolation::Latest => {
                let readers = query.shared().readers.read();
                let reader = readers.iter().find(|reader| reader.name() == aggregate.store);
                reader
                    .map(engine::store::StoreReader::snapshot)
                    .ok_or_else(|| not_now(format!("`{}` is starting", query.name())))
            }
            Isolation::Committed => {
                let committed = query.run.committed_tables(|| self.committer.urgent(), COMMIT_WAIT);
                let committed = committed.ok_or_else(|| not_now(format!("`{}` does not commit now", query.name())))?;
                let place = query.plan.tables.iter().position(|(_, other)| *other == node).unwrap_or(table);
                committed.into_iter().nth(place).ok_or_else(|| not_now(format!("`{}` is starting", query.name())))
            }
        }
    }

    /// A table as it is. `limit`: most rows, the newest windows.
    pub fn table(&self, name: &str, isolation: Isolation, limit: usize) -> Result<TableResult, RuntimeError> {
        let (query, table) = self.find_table(name)?;
        let snapshot = self.snapshot(&query, table, isolation)?;
        let view = &query.tables[table];
        let batch = snapshot.rows();
        let now_ms = self.now_ms();
        let mut rows = view.rows(&batch.columns, batch.rows(), now_ms);
        view.sort(&mut rows);
        let limit = limit.min(ROWS_MAX);
        let truncated = rows.len() > limit;
        if truncated {
            rows.drain(..rows.len() - limit);
        }
        Ok(TableResult {
            table: name.to_owned(),
            isolation,
            time: InstantMs(now_ms),
            stream_time: (snapshot.stream_time >= 0).then_some(InstantMs(snapshot.stream_time)),
            columns: view.columns.clone(),
            rows,
            offsets: offsets_of(&snapshot),
            truncated,
        })
    }

    /// All generators.
    #[must_use]
    pub fn generators(&self) -> Vec<GeneratorStatus> {
        self.state.read().generators.values().map(|generator| generator.status()).collect()
    }

    /// All topics by name; internal ones only when asked for.
    #[must_use]
    pub fn topics(&self, internal: bool) -> Vec<TopicStatus> {
        let topics = self.broker().topics();
        let wanted = topics.iter().filter(|topic| internal || !self.is_internal_topic(&topic.name));
        wanted.filter_map(|topic| self.topic(&topic.name).ok()).collect()
    }

    /// One topic.
    pub fn topic(&self, name: &str) -> Result<TopicStatus, RuntimeError> {
        let broker = self.broker();
        let info = broker.topic(name).ok_or_else(|| topics::unknown_topic(broker, name))?;
        let (formats, dead_letters_of) = {
            let state = self.state.read();
            let query = state.queries.iter().find(|query| query.spec.dead_letter_topic == name);
            (formats(&state.catalog, name), query.map(|query| query.name().to_owned()))
        };
        let partitions = topics::partitions(broker, name, info.partitions);
        Ok(TopicStatus {
            id: info.id.to_string(),
            internal: self.is_internal_topic(name),
            dead_letters_of,
            records: partitions.iter().map(|p| (p.end_offset - p.start_offset).max(0)).sum(),
            records_per_second: self.rates.lock().get(name).map_or(0.0, crate::rate::RateMeter::per_second),
            newest: topics::newest(broker, name, info.partitions, &formats),
            partitions,
            key_format: formats.key,
            value_format: formats.value,
            name: info.name,
        })
    }

    /// Records of a topic.
    pub fn records(&self, topic: &str, options: &BrowseOptions) -> Result<Browsed, RuntimeError> {
        let formats = formats(&self.state.read().catalog, topic);
        topics::browse(self.broker(), topic, options, &formats)
    }

    /// All metrics of queries, generators, topics and groups.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metric> {
        let queries = self.queries();
        let per_query =
            |name: &str, help: &str, kind: MetricKind, value: &dyn Fn(&QueryStatus) -> Option<f64>| Metric {
                name: format!("millstream_query_{name}"),
                help: help.to_owned(),
                kind,
                samples: queries
                    .iter()
                    .filter_map(|query| {
                        let labels = vec![("query".to_owned(), query.name.clone())];
                        Some(Sample { labels, value: value(query)? })
                    })
                    .collect(),
            };
        let (counter, gauge) = (MetricKind::Counter, MetricKind::Gauge);
        let mut metrics = vec![
            per_query("records_total", "Records read.", counter, &|q| Some(q.facts.records as f64)),
            per_query("records_out_total", "Rows written.", counter, &|q| Some(q.facts.records_out as f64)),
            per_query("filtered_total", "Records removed by WHERE.", counter, &|q| Some(q.facts.filtered as f64)),
            per_query("late_total", "Records dropped as late, per window.", counter, &|q| Some(q.facts.late as f64)),
            per_query("bad_total", "Records sent to the dead letters.", counter, &|q| Some(q.facts.bad as f64)),
            per_query("null_key_total", "Records dropped for a NULL group key.", counter, &|q| {
                Some(q.facts.null_keys as f64)
            }),
            per_query("commits_total", "Transactions committed.", counter, &|q| Some(q.facts.commits as f64)),
            per_query("state_bytes", "Bytes of state, estimated.", gauge, &|q| Some(q.facts.state_bytes as f64)),
            per_query("state_keys", "Rows of state.", gauge, &|q| Some(q.facts.state_keys as f64)),
            per_query("lag", "Records not read yet.", gauge, &|q| Some(q.facts.lag as f64)),
            per_query("delay_seconds", "From a record's timestamp to its processing.", gauge, &|q| {
                q.facts.delay_ms.map(|ms| ms as f64 / 1000.0)
            }),
            per_query("running", "1 while the query runs.", gauge, &|q| {
                Some(f64::from(u8::from(q.state == QueryState::Running)))
            }),
            per_query("blocked", "1 while the query cannot commit, because the disk is nearly full.", gauge, &|q| {
                Some(f64::from(u8::from(q.state == QueryState::Blocked)))
            }),
        ];
        let generators = self.generators().into_iter().map(|generator| Sample {
            labels: vec![("generator".to_owned(), generator.name)],
            value: generator.records as f64,
        });
        metrics.push(Metric {
            name: "millstream_generator_records_total".to_owned(),
            help: "Events written by generators.".to_owned(),
            kind: counter,
            samples: generators.collect(),
        });
        metrics.extend(broker_metrics::collect(self.broker()));
        metrics
    }

    /// Whether it is ready, and what that hangs on.
    #[must_use]
    pub fn health(&self) -> Health {
        let stopping = *self.stopping.borrow();
        let storage = self.broker().health().map(|error| error.to_string());
        let mut queries: Vec<String> = self
            .state
            .read()
            .queries
            .iter()
            .filter_map(|query| match query.shared().life() {
                (QueryState::Running | QueryState::Blocked, _) => None,
                (QueryState::Starting | QueryState::Restoring, None) => Some(format!("`{}` is starting", query.name())),
                (_, Some(error)) => Some(format!("`{}`: {}", query.name(), error.cause)),
                (_, None) => Some(format!("`{}` is stopped", query.name())),
            })
            .collect();
        let unbound = self.unbound().into_iter().filter_map(|query| Some((query.name, query.error?.cause)));
        queries.extend(unbound.map(|(name, cause)| format!("`{name}`: {cause}")));
        let check = |name, detail: Option<String>| HealthCheck { name, ok: detail.is_none(), detail };
        let checks = vec![
            check("broker", stopping.then(|| "stopping".to_owned())),
            check("queries", (!queries.is_empty()).then(|| queries.join("; "))),
            match storage {
                Some(failed) => check("storage", Some(failed)),
                // Most goes on, so that whoever watches this must not take it out of service.
                None => HealthCheck { name: "storage", ok: true, detail: storage_detail(self.broker()) },
            },
        ];
        Health { ready: checks.iter().all(|check| check.ok), checks }
    }

    /// The stream's declared formats and columns, for those who write into it.
    pub(crate) fn declared_stream(&self, name: &str) -> Option<(sql::catalog::Stream, Topic)> {
        let state = self.state.read();
        match &state.catalog.get(name)?.body {
            Body::Stream(stream) => Some((stream.clone(), stream.topic.clone()?)),
            _ => None,
        }
    }

    /// Open subscriptions, and late rows that did not fit into one.
    pub(crate) fn stream_stats(&self) -> crate::subscription::StreamStats {
        crate::subscription::StreamStats {
            clients: self.subscribers.load(Ordering::Relaxed),
            dropped: self.late_dropped.load(Ordering::Relaxed),
        }
    }
}

/// The offsets that a snapshot counts up to.
pub(crate) fn offsets_of(snapshot: &Snapshot) -> Offsets {
    let mut offsets: Offsets = BTreeMap::new();
    for position in &snapshot.positions {
        offsets.entry(position.topic.clone()).or_default().insert(position.partition, position.offset);
    }
    offsets
}
