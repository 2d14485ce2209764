//! What the user's endpoints do: write an event and answer it, or answer a query over a table.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Weak};

use connect::seam::{ConnectError, Connector, PlainRecord, Room};
use engine::Expr;
use engine::expr::EvalContext;
use format::Encoder;
use sql::Object;
use sql::catalog::{self, EndpointTarget, PullOutput, PullQuery};
use tokio::sync::watch;

use crate::endpoint::{self, EndpointCall, EndpointInfo, EndpointMatch, EndpointPlan, EndpointReply, PlanFuture};
use crate::event::{encoder, evaluate, types};
use crate::instance::Instance;
use crate::outcome::{ErrorKind, RuntimeError};
use crate::statements::{connect_error, endpoint_topic};

/// An endpoint that can be called.
pub(crate) struct Endpoint {
    info: EndpointInfo,
    plan: Plan,
    instance: Weak<Instance>,
    ended: watch::Sender<bool>,
}

enum Plan {
    /// One event to a topic.
    Write {
        topic: String,
        columns: Vec<(String, Expr)>,
        /// How the event is written.
        record: Encoder,
        /// How it is answered.
        answer: Encoder,
        connector: Arc<dyn Connector>,
    },
    /// Rows of a table.
    Read { query: PullQuery },
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Tells its tickers that no more comes.
    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }

    async fn write(
        &self,
        instance: Arc<Instance>,
        params: HashMap<String, String>,
    ) -> Result<EndpointReply, RuntimeError> {
        let Plan::Write { topic, columns, record, answer, connector } = &self.plan else {
            return Err(RuntimeError::new(ErrorKind::Internal, "internal", "this endpoint does not write"));
        };
        let missing = |name: String| {
            RuntimeError::new(ErrorKind::Invalid, "bad_parameter", format!("the parameter `{name}` is missing"))
        };
        let topic = endpoint::fill(topic, &params).map_err(missing)?;
        if instance.is_internal_topic(&topic) {
            let cause = format!("`{topic}` is an internal topic, which only Kafka or Millstream itself writes");
            return Err(RuntimeError::new(ErrorKind::Refused, "internal_topic", cause).fix("choose another topic"));
        }
        let now_ms = instance.now_ms();
        let context = EvalContext::new(now_ms, fastrand::u64(..)).with_params(params);
        let values = evaluate(columns, 1, &context).map_err(connect_error)?;
        let mut event = Vec::new();
        let has_value = record.write_row(&mut event, &values, 0);
        let mut json = Vec::new();
        answer.write_row(&mut json, &values, 0);
        let (connector, name) = (Arc::clone(connector), topic.clone());
        let written = PlainRecord { timestamp: now_ms, value: has_value.then_some(event), ..PlainRecord::default() };
        // The first event of a topic creates it, which syncs directories.
        let appended = tokio::task::spawn_blocking(move || connector.append(&name, vec![written], Room::Free));
        let appended = appended.await.map_err(|e| RuntimeError::new(ErrorKind::Internal, "internal", e.to_string()))?;
        let appended = appended.map_err(connect_error)?;
        appended.durable.await.map_err(connect_error)?;
        let place = appended.places.first().copied();
        let place = place.ok_or_else(|| RuntimeError::new(ErrorKind::Internal, "internal", "nothing was written"))?;
        Ok(EndpointReply::Written {
            json: String::from_utf8_lossy(&json).into_owned(),
            topic,
            partition: place.partition,
            offset: place.offset,
            timestamp_ms: place.timestamp,
        })
    }
}

impl EndpointPlan for Endpoint {
    fn info(&self) -> &EndpointInfo {
        &self.info
    }

    fn call(&self, params: Vec<(String, String)>) -> PlanFuture<'_, Result<EndpointReply, RuntimeError>> {
        Box::pin(async move {
            let stopping = || RuntimeError::new(ErrorKind::Unavailable, "stopping", "the instance stops");
            let instance = self.instance.upgrade().ok_or_else(stopping)?;
            let mut named = HashMap::new();
            for (name, value) in params {
                named.entry(name).or_insert(value);
            }
            match &self.plan {
                Plan::Write { .. } => self.write(instance, named).await,
                Plan::Read { query } => {
                    let params: BTreeMap<String, String> = named.into_iter().collect();
                    instance.pull_json(query, &params).map(EndpointReply::Json)
                }
            }
        })
    }

    fn ended(&self) -> PlanFuture<'_, ()> {
        let mut own = self.ended.subscribe();
        let instance = self.instance.upgrade().map(|instance| instance.stopping.subscribe());
        Box::pin(async move {
            let Some(mut all) = instance else { return };
            // A closed channel is an end as well.
            tokio::select! {
                _ = own.wait_for(|ended| *ended) => {}
                _ = all.wait_for(|stopping| *stopping) => {}
            }
        })
    }
}

impl Instance {
    /// The runner of an endpoint.
    pub(crate) fn endpoint_plan(
        &self,
        object: &Object,
        endpoint: &catalog::Endpoint,
    ) -> Result<Arc<Endpoint>, RuntimeError> {
        let info = EndpointInfo {
            name: object.name.clone(),
            method: endpoint.method.name().to_owned(),
            path: endpoint.path.clone(),
            writes: endpoint.into.is_some(),
            every_ms: endpoint.every_ms,
            sql: object.statement.text.clone(),
        };
        let plan = match (&endpoint.into, &endpoint.query.output) {
            (Some(into), PullOutput::Rows(columns)) if endpoint.query.table.is_none() => {
                let value_format = match into {
                    EndpointTarget::Topic(_) => endpoint.value_format.clone(),
                    EndpointTarget::Stream(name) => {
                        self.declared_stream(name).map_or_else(|| "json".to_owned(), |(_, topic)| topic.value_format)
                    }
                };
                let topic = endpoint_topic(into, &self.state.read().catalog).unwrap_or_default();
                Plan::Write {
                    topic,
                    record: encoder(&value_format, &types(columns))?,
                    answer: encoder("json", &types(columns))?,
                    columns: columns.clone(),
                    connector: Arc::clone(&self.connector),
                }
            }
            (Some(_), _) => {
                let cause = "an endpoint that writes makes one event of values, not of a table";
                return Err(RuntimeError::new(ErrorKind::Invalid, "not_supported", cause));
            }
            (None, _) => Plan::Read { query: endpoint.query.clone() },
        };
        let ended = watch::channel(false).0;
        Ok(Arc::new(Endpoint { info, plan, instance: self.this.clone(), ended }))
    }

    /// Starts a generator.
    pub(crate) fn start_generator(
        &self,
        object: &Object,
        generator: &catalog::Generator,
        paused: bool,
    ) -> Result<Arc<crate::generator::Generator>, RuntimeError> {
        let unknown = || {
            let cause = format!("the stream `{}` has no topic", generator.into);
            RuntimeError::new(ErrorKind::Invalid, "unknown_object", cause)
        };
        let (_, topic) = self.declared_stream(&generator.into).ok_or_else(unknown)?;
        let columns = generator.columns.clone();
        let writer = crate::event::EventWriter::new(&self.connector, &topic.name, columns, &topic.value_format)?;
        let clock = Arc::clone(&self.options.clock);
        let text = &object.statement.text;
        crate::generator::Generator::start(&object.name, text, generator.every_ms, paused, writer, clock)
            .map_err(|e| RuntimeError::new(ErrorKind::Internal, "internal", format!("no thread for a generator: {e}")))
    }

    /// A writer of rows of values into a declared stream.
    pub(crate) fn stream_writer(&self, name: &str) -> Result<crate::event::EventWriter, RuntimeError> {
        let unknown =
            || RuntimeError::new(ErrorKind::Invalid, "unknown_object", format!("the stream `{name}` has no topic"));
        let (stream, topic) = self.declared_stream(name).ok_or_else(unknown)?;
        let columns = stream.columns.iter().enumerate().filter(|(_, column)| !column.key);
        let columns = columns.map(|(index, column)| (column.name.clone(), Expr::column(index, column.ty))).collect();
        let writer = crate::event::EventWriter::new(&self.connector, &topic.name, columns, &topic.value_format)?;
        Ok(match stream.columns.iter().position(|column| column.key) {
            Some(key) => writer.with_key(key, stream.columns[key].ty, &topic.key_format),
            None => writer,
        })
    }

    /// All endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<EndpointInfo> {
        self.state.read().endpoints.values().map(|endpoint| endpoint.info.clone()).collect()
    }

    /// The endpoint of a method and a (decoded) path.
    #[must_use]
    pub fn endpoint(&self, method: &str, path: &str) -> EndpointMatch {
        let state = self.state.read();
        let mut allowed = Vec::new();
        // A path without parameters goes before one that has them.
        let mut by_parameters: Vec<&Arc<Endpoint>> = state.endpoints.values().collect();
        by_parameters.sort_by_key(|endpoint| endpoint.info.path.matches('{').count());
        for endpoint in by_parameters {
            let Some(params) = endpoint::match_path(&endpoint.info.path, path) else { continue };
            if endpoint.info.method.eq_ignore_ascii_case(method) {
                let plan: Arc<dyn EndpointPlan> = Arc::<Endpoint>::clone(endpoint);
                return EndpointMatch::Found(EndpointCall { plan, params });
            }
            allowed.push(endpoint.info.method.clone());
        }
        if allowed.is_empty() {
            return EndpointMatch::NotFound;
        }
        allowed.sort();
        allowed.dedup();
        EndpointMatch::MethodNotAllowed(allowed)
    }

    /// Pauses a generator; lasts across restarts.
    pub fn generator_pause(&self, name: &str) -> Result<crate::status::GeneratorStatus, RuntimeError> {
        self.set_paused(name, true)
    }

    /// Resumes a generator.
    pub fn generator_resume(&self, name: &str) -> Result<crate::status::GeneratorStatus, RuntimeError> {
        self.set_paused(name, false)
    }

    fn set_paused(&self, name: &str, paused: bool) -> Result<crate::status::GeneratorStatus, RuntimeError> {
        let _one_at_a_time = self.executing.lock();
        let (generator, text) = {
            let state = self.state.read();
            let generator = state.generators.get(name).cloned();
            let text = state.catalog.get(name).map(|object| object.statement.text.clone()).unwrap_or_default();
            (generator, text)
        };
        let cause = format!("no generator is named `{name}`");
        let generator = generator.ok_or_else(|| RuntimeError::new(ErrorKind::NotFound, "unknown_generator", cause))?;
        if generator.is_paused() != paused {
            self.log.put(name, "generator", &text, paused, self.now_ms()).map_err(connect_error)?;
            generator.set_paused(paused);
            self.touch();
        }
        Ok(generator.status())
    }

    /// Writes records to an existing topic that is not internal; durable when it returns.
    pub async fn write_records(
        &self,
        topic: &str,
        records: Vec<crate::status::NewRecord>,
    ) -> Result<Vec<crate::status::WrittenRecord>, RuntimeError> {
        if self.broker().topic(topic).is_none() {
            return Err(crate::topics::unknown_topic(self.broker(), topic));
        }
        if self.is_internal_topic(topic) {
            let cause = format!("`{topic}` is an internal topic, which only Kafka or Millstream itself writes");
            return Err(RuntimeError::new(ErrorKind::Refused, "internal_topic", cause));
        }
        let now_ms = self.now_ms();
        let plain = records.into_iter().map(|record| PlainRecord {
            partition: record.partition,
            timestamp: record.timestamp_ms.unwrap_or(now_ms),
            key: record.key,
            value: record.value,
            headers: record.headers,
        });
        let appended = self.connector.append(topic, plain.collect(), Room::Free).map_err(connect_error)?;
        appended.durable.await.map_err(|e: ConnectError| connect_error(e))?;
        let written = appended.places.into_iter().map(|place| crate::status::WrittenRecord {
            partition: place.partition,
            offset: place.offset,
            timestamp: crate::instant::InstantMs(place.timestamp),
        });
        Ok(written.collect())
    }
}
