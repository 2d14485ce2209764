//! Executing statements: a text is parsed and bound as a whole, then applied statement by statement.
//!
//! Owns: what a declaration does to the running instance, and the order of its effects: the statement log first, so that
//! a restart runs what the caller was told.

use std::collections::{BTreeMap, BTreeSet};

use connect::seam::ConnectError;
use engine::Type;
use serde_json::Value as Json;
use sql::ast::{Show, StatementKind};
use sql::bind::{Bound, Change, Insert, bind};
use sql::catalog::{Body, EndpointTarget};
use sql::{Catalog, Code, Object, Statement};

use crate::instance::{ExecuteOptions, Instance};
use crate::outcome::{Diagnostic, ErrorKind, ExecuteError, OutcomeKind, RuntimeError, StatementOutcome};
use crate::query::Query;
use crate::status::{Column, ColumnRole, Row};

/// A statement that was bound, or that the settings leave out.
enum Step {
    Run(Bound),
    Skip(String),
    /// Drops a statement of the log that does not bind.
    DropUnbound(String),
}

impl Instance {
    /// Executes the statements of a text, checked together: nothing is applied if one of them is wrong.
    pub fn execute(&self, sql: &str, options: &ExecuteOptions) -> Result<Vec<StatementOutcome>, ExecuteError> {
        let _one_at_a_time = self.executing.lock();
        let settings = self.options.settings.for_text(sql, &options.settings);
        let source = if options.name.is_empty() { "sql" } else { options.name.as_str() };
        let statements =
            sql::parse(source, sql, &settings).map_err(|all| ExecuteError::Text(diagnostics(&all, &[])))?;
        let steps = self.check(&statements, options)?;
        let mut outcomes = Vec::new();
        let mut touched = false;
        let mut failed = None;
        for (index, (statement, step)) in statements.iter().zip(steps).enumerate() {
            let mut outcome = outcome_of(index, statement);
            match step {
                Step::Skip(why) => {
                    outcome.outcome = OutcomeKind::Skipped;
                    outcome.message = Some(why);
                }
                Step::DropUnbound(name) => {
                    outcome.outcome = OutcomeKind::Dropped;
                    if let Err(error) = self.drop_unbound(&name) {
                        failed = Some(error);
                        break;
                    }
                }
                Step::Run(bound) => {
                    // Whatever looks at queries sees those that the text has declared before it.
                    let looks = !matches!(bound, Bound::Create { .. });
                    let seen = if looks && std::mem::take(&mut touched) { self.reconcile() } else { Ok(()) };
                    touched |= !looks;
                    if let Err(error) = seen.and_then(|()| self.apply(bound, &mut outcome)) {
                        failed = Some(error);
                        break;
                    }
                }
            }
            outcomes.push(outcome);
        }
        // What was declared before a statement failed is in the log: it runs.
        let reconciled = if touched { self.reconcile().and_then(|()| self.bind_again()) } else { Ok(()) };
        self.touch();
        match failed.map_or(reconciled, Err) {
            Ok(()) => Ok(outcomes),
            Err(error) => Err(ExecuteError::Runtime(error)),
        }
    }

    /// Binds all statements, each against what the ones before it leave.
    fn check(&self, statements: &[Statement], options: &ExecuteOptions) -> Result<Vec<Step>, ExecuteError> {
        let (mut catalog, mut unbound) = {
            let state = self.state.read();
            (state.catalog.clone(), state.unbound.clone())
        };
        let definition = if options.declaration { self.options.settings.function_definition().0 } else { None };
        let mut skipped: BTreeSet<String> = BTreeSet::new();
        let mut steps = Vec::new();
        let mut problems: Vec<(usize, sql::Diagnostic)> = Vec::new();
        // What a refused statement would have declared: others that need it are not told that it is unknown.
        let mut refused: BTreeSet<String> = BTreeSet::new();
        for (index, statement) in statements.iter().enumerate() {
            if let Some(definition) = &definition
                && let Some((name, needs)) = declares(statement)
            {
                let missing = needs.into_iter().find(|needed| skipped.contains(*needed));
                let why = match missing {
                    _ if !definition.starts(name) => Some("function.definition leaves it out".to_owned()),
                    Some(missing) => Some(format!("it needs `{missing}`, which function.definition leaves out")),
                    None => None,
                };
                if let Some(why) = why {
                    skipped.insert(name.to_owned());
                    steps.push(Step::Skip(why));
                    continue;
                }
            }
            match &statement.kind {
                // As of one that binds: another kind of object than was meant is not dropped.
                StatementKind::Drop { name, kind, .. }
                    if let Some(kept) = unbound.get(&name.text)
                        && kept.logged.kind != kind.name() =>
                {
                    let declared = kept.logged.kind.to_uppercase();
                    let cause = format!(
                        "`{}` was declared with CREATE {declared}: it is not {}",
                        name.text,
                        kind.with_article()
                    );
                    let fix = format!("write {}", kept.drop_statement());
                    problems.push((index, statement.error(name.span, Code::WrongKind, cause, fix)));
                    continue;
                }
                StatementKind::Drop { name, .. } if unbound.remove(&name.text).is_some() => {
                    steps.push(Step::DropUnbound(name.text.clone()));
                    continue;
                }
                // What it has counted would be forgotten.
                StatementKind::Create(create)
                    if let Some(kept) = unbound.get(&create.name.text)
                        && kept.is_table() =>
                {
                    let cause = format!("`{}` is there already, with a statement that does not bind", create.name.text);
                    let fix = format!("{} first: what it has counted goes with it", kept.drop_statement());
                    problems.push((index, statement.error(create.name.span, Code::Exists, cause, fix)));
                    refused.insert(create.name.text.clone());
                    continue;
                }
                _ => {}
            }
            match bind(statement, &catalog) {
                Ok(bound) => {
                    match &bound {
                        Bound::Create { object, .. } => catalog.insert((**object).clone()),
                        Bound::Drop { name: Some(name), .. } => {
                            catalog.remove(name);
                        }
                        _ => {}
                    }
                    if let Some(problem) = self.unsupported(statement, &bound, &catalog) {
                        problems.push((index, problem));
                    }
                    steps.push(Step::Run(bound));
                }
                Err(problem) => {
                    let declared = declares(statement);
                    let follows =
                        declared.as_ref().is_some_and(|(_, needs)| needs.iter().any(|n| refused.contains(*n)));
                    refused.extend(declared.map(|(name, _)| name.to_owned()));
                    if !follows {
                        problems.push((index, problem));
                    }
                }
            }
        }
        if problems.is_empty() {
            return Ok(steps);
        }
        let conflict = problems.iter().all(|(_, problem)| problem.code == Code::Changed);
        let (numbers, problems): (Vec<usize>, Vec<sql::Diagnostic>) = problems.into_iter().unzip();
        let all = diagnostics(&problems, &numbers);
        Err(if conflict { ExecuteError::Conflict(all) } else { ExecuteError::Text(all) })
    }

    /// What binds, but cannot run here: plans that the engine refuses, paths and topics that are taken.
    fn unsupported(&self, statement: &Statement, bound: &Bound, catalog: &Catalog) -> Option<sql::Diagnostic> {
        let Bound::Create { object, change, .. } = bound else { return None };
        if *change == Change::Same {
            return None;
        }
        if let Some(plan) = catalog.topology_of(&object.name)
            && let Err(error) = plan.topology.check()
        {
            return Some(statement.error(statement.span, Code::NotSupported, error.to_string(), ""));
        }
        if let Body::Endpoint(endpoint) = &object.body {
            let reserved =
                ["/v1/", "/metrics", "/livez", "/readyz", "/healthz", "/openapi.json", "/actuator/", "/assets/"];
            let taken = endpoint.path == "/"
                || endpoint.path == "/index.html"
                || reserved.iter().any(|known| endpoint.path.starts_with(known));
            if taken {
                let cause = format!("the path `{}` belongs to the console", endpoint.path);
                return Some(statement.error(statement.span, Code::BadOption, cause, "choose another path"));
            }
            let other = catalog.objects().find(|other| {
                matches!(&other.body, Body::Endpoint(e) if e.path == endpoint.path && e.method == endpoint.method)
                    && other.name != object.name
            });
            if let Some(other) = other {
                let cause = format!("`{}` has the path `{}` already", other.name, endpoint.path);
                return Some(statement.error(statement.span, Code::Exists, cause, "choose another path"));
            }
        }
        if let Some(topic) = object.topic()
            && self.is_internal_topic(&topic.name)
        {
            let cause = format!("`{}` is an internal topic", topic.name);
            return Some(statement.error(statement.span, Code::BadOption, cause, "choose another topic"));
        }
        None
    }

    fn apply(&self, bound: Bound, outcome: &mut StatementOutcome) -> Result<(), RuntimeError> {
        match bound {
            Bound::Create { object, change, warnings } => {
                let words: Vec<String> = warnings.iter().map(sql::Diagnostic::message).collect();
                outcome.message = (!words.is_empty()).then(|| words.join("; "));
                outcome.outcome = match change {
                    Change::New => OutcomeKind::Created,
                    Change::Same => OutcomeKind::Unchanged,
                    Change::Replaced => OutcomeKind::Changed,
                };
                if change == Change::New {
                    self.forget_earlier(&object)?;
                }
                if change != Change::Same {
                    self.declare(*object)?;
                }
            }
            Bound::Drop { name: None, .. } => {
                outcome.outcome = OutcomeKind::Unchanged;
                outcome.message = Some("there is nothing of this name".to_owned());
            }
            Bound::Drop { name: Some(name), delete_topic } => {
                outcome.outcome = OutcomeKind::Dropped;
                self.drop_object(&name, delete_topic.as_deref())?;
            }
            Bound::Insert(insert) => {
                let rows = insert.rows.len();
                self.insert(&insert)?;
                outcome.message = Some(format!("{rows} written"));
            }
            Bound::Show(show) => rows(outcome, self.show(show)),
            Bound::Describe(name) => rows(outcome, self.describe(&name)),
            Bound::Explain(text) => {
                let lines = text.lines().map(|line| vec![Json::from(line)]).collect();
                rows(outcome, (vec![value_column("plan", Type::Text)], lines));
            }
            Bound::Select(query) => {
                let answer = self.pull(&query, &BTreeMap::new())?;
                outcome.offsets = Some(answer.offsets);
                rows(outcome, (answer.columns, answer.rows));
            }
        }
        Ok(())
    }

    /// Forgets what an earlier object of this name left behind, if the process ended between its drop and
    /// [`Connector::forget`](connect::seam::Connector::forget). Before the declaration is in the log: what is there is never
    /// forgotten.
    fn forget_earlier(&self, object: &Object) -> Result<(), RuntimeError> {
        let (mut catalog, running) = {
            let state = self.state.read();
            (state.catalog.clone(), state.queries.iter().any(|query| query.name() == object.name))
        };
        catalog.insert(object.clone());
        let Some(plan) = catalog.topology_of(&object.name).filter(|_| !running) else { return Ok(()) };
        let spec = Query::spec_of(&plan, &self.options.instance_name);
        if plan.root == object.name {
            return self.connector.forget(&spec).map_err(connect_error);
        }
        // It joins another query, whose offsets stay.
        match plan.tables.iter().any(|(table, _)| *table == object.name) {
            true => self.connector.delete_topic(&spec.changelog_topic(&object.name)).map_err(connect_error),
            false => Ok(()),
        }
    }

    /// Declares an object: its topic, its place in the statement log, and what runs by itself. Queries start when the
    /// whole text is applied ([`Instance::reconcile`]).
    fn declare(&self, object: Object) -> Result<(), RuntimeError> {
        if let Some(topic) = object.topic() {
            self.connector.ensure_topic(&topic.name, topic.partitions, &[]).map_err(connect_error)?;
        }
        let kind = object.kind().name();
        let paused = self.state.read().generators.get(&object.name).is_some_and(|generator| generator.is_paused());
        let text = object.statement.text.clone();
        let offset = self.log.put(&object.name, kind, &text, paused, self.now_ms()).map_err(connect_error)?;
        self.adopt(object, offset, paused)
    }

    /// Takes an object that the statement log has into the catalogue, and starts what runs by itself.
    pub(crate) fn adopt(&self, object: Object, offset: i64, paused: bool) -> Result<(), RuntimeError> {
        let name = object.name.clone();
        {
            let mut state = self.state.write();
            state.offsets.insert(name.clone(), offset);
            state.unbound.remove(&name);
            state.catalog.insert(object.clone());
        }
        self.objects_changed();
        match &object.body {
            Body::Generator(generator) => {
                let started = self.start_generator(&object, generator, paused)?;
                let before = self.state.write().generators.insert(name, started);
                if let Some(before) = before {
                    before.stop();
                }
            }
            Body::Endpoint(endpoint) => {
                let plan = self.endpoint_plan(&object, endpoint)?;
                let before = self.state.write().endpoints.insert(name, plan);
                if let Some(before) = before {
                    before.end();
                }
            }
            Body::Sink(_) => {
                // A sink's new form takes the place of the old one at the next reconciliation.
            }
            Body::Stream(_) | Body::Table(_) => {}
        }
        Ok(())
    }

    fn drop_object(&self, name: &str, delete_topic: Option<&str>) -> Result<(), RuntimeError> {
        self.log.remove(name, self.now_ms()).map_err(connect_error)?;
        let (object, generator, endpoint) = {
            let mut state = self.state.write();
            state.offsets.remove(name);
            (state.catalog.remove(name), state.generators.remove(name), state.endpoints.remove(name))
        };
        if let Some(generator) = generator {
            generator.stop();
        }
        if let Some(endpoint) = endpoint {
            endpoint.end();
        }
        self.objects_changed();
        if object.is_some_and(|object| object.is_continuous()) {
            self.reconcile()?;
        }
        if let Some(topic) = delete_topic {
            self.connector.delete_topic(topic).map_err(connect_error)?;
        }
        Ok(())
    }

    fn insert(&self, insert: &Insert) -> Result<(), RuntimeError> {
        let writer = self.stream_writer(&insert.stream)?;
        let written = writer.write_values(&insert.rows, self.now_ms()).map_err(connect_error)?;
        written.durable.wait().map_err(connect_error)
    }

    fn show(&self, show: Show) -> (Vec<Column>, Vec<Row>) {
        let text = |name: &str| value_column(name, Type::Text);
        match show {
            Show::Objects(kind) => {
                let state = self.state.read();
                let rows = state.catalog.of_kind(kind);
                let rows = rows.map(|o| vec![Json::from(o.name.as_str()), Json::from(o.statement.text.as_str())]);
                (vec![text("name"), text("statement")], rows.collect())
            }
            Show::Queries => {
                let columns = vec![
                    text("name"),
                    text("state"),
                    text("statements"),
                    text("reads"),
                    text("writes"),
                    value_column("records", Type::BigInt),
                    value_column("lag", Type::BigInt),
                ];
                let rows = self.queries().into_iter().map(|query| {
                    let statements: Vec<&str> = query.statements.iter().map(|s| s.name.as_str()).collect();
                    vec![
                        Json::from(query.name.as_str()),
                        serde_json::to_value(query.state).unwrap_or_default(),
                        Json::from(statements.join(", ")),
                        Json::from(query.reads.join(", ")),
                        Json::from(query.writes.join(", ")),
                        Json::from(query.facts.records),
                        Json::from(query.facts.lag),
                    ]
                });
                (columns, rows.collect())
            }
            Show::Topics => {
                let columns =
                    vec![text("name"), value_column("partitions", Type::BigInt), value_column("records", Type::BigInt)];
                let rows = self.topics(false).into_iter().map(|topic| {
                    vec![Json::from(topic.name), Json::from(topic.partitions.len()), Json::from(topic.records)]
                });
                (columns, rows.collect())
            }
        }
    }

    fn describe(&self, name: &str) -> (Vec<Column>, Vec<Row>) {
        let state = self.state.read();
        let Some(object) = state.catalog.get(name) else { return (Vec::new(), Vec::new()) };
        let rows = object.columns().into_iter().map(|(name, ty)| vec![Json::from(name), Json::from(ty.name())]);
        (vec![value_column("column", Type::Text), value_column("type", Type::Text)], rows.collect())
    }
}

/// The name that a CREATE declares, and the names that it needs.
fn declares(statement: &Statement) -> Option<(&str, Vec<&str>)> {
    let StatementKind::Create(create) = &statement.kind else { return None };
    let mut needs = Vec::new();
    if let Some(from) = create.query.as_ref().and_then(|query| query.from.as_ref()) {
        needs.push(from.name.text.as_str());
    }
    if let Some(sql::ast::Target::Object(into)) = &create.into {
        needs.push(into.text.as_str());
    }
    Some((&create.name.text, needs))
}

fn outcome_of(index: usize, statement: &Statement) -> StatementOutcome {
    let (kind, name) = match &statement.kind {
        StatementKind::Create(create) => (format!("create_{}", create.kind.name()), Some(create.name.text.clone())),
        StatementKind::Drop { kind, name, .. } => (format!("drop_{}", kind.name()), Some(name.text.clone())),
        StatementKind::Insert { into, .. } => ("insert".to_owned(), Some(into.text.clone())),
        StatementKind::Show(_) => ("show".to_owned(), None),
        StatementKind::Describe(name) => ("describe".to_owned(), Some(name.text.clone())),
        StatementKind::Select(_) => ("select".to_owned(), None),
        StatementKind::Explain(_) => ("explain".to_owned(), None),
    };
    StatementOutcome {
        statement: index + 1,
        line: statement.span.start.line as usize,
        kind,
        name,
        outcome: OutcomeKind::Rows,
        message: None,
        columns: None,
        rows: None,
        offsets: None,
    }
}

fn rows(outcome: &mut StatementOutcome, (columns, rows): (Vec<Column>, Vec<Row>)) {
    outcome.outcome = OutcomeKind::Rows;
    outcome.columns = Some(columns);
    outcome.rows = Some(rows);
}

fn value_column(name: &str, ty: Type) -> Column {
    Column { name: name.to_owned(), data_type: ty.name().to_owned(), role: ColumnRole::Value }
}

/// Diagnostics for callers; `statements` are the statements' indices, where known.
pub(crate) fn diagnostics(all: &[sql::Diagnostic], statements: &[usize]) -> Vec<Diagnostic> {
    let one = |(index, problem): (usize, &sql::Diagnostic)| Diagnostic {
        statement: statements.get(index).map_or(0, |index| index + 1),
        line: problem.line as usize,
        column: problem.column as usize,
        length: problem.caret.trim_start().chars().count(),
        code: problem.code.name().to_owned(),
        cause: problem.cause.clone(),
        fix: (!problem.fix.is_empty()).then(|| problem.fix.clone()),
        excerpt: format!("{}\n{}", problem.source_line, problem.caret),
        rendered: problem.render(),
    };
    all.iter().enumerate().map(one).collect()
}

/// A connector's failure as the caller of the instance sees it.
pub(crate) fn connect_error(error: ConnectError) -> RuntimeError {
    match error {
        ConnectError::Retry(cause) | ConnectError::Fenced(cause) => {
            RuntimeError::new(ErrorKind::Unavailable, "interrupted", cause).fix("try again")
        }
        ConnectError::Query { code, cause, fix } => RuntimeError::new(ErrorKind::Invalid, code, cause).fix(fix),
        ConnectError::Storage(cause) => RuntimeError::new(ErrorKind::Unavailable, "storage_failed", cause)
            .fix("restart Millstream, which reads the disk again"),
    }
}

/// The topic that an endpoint writes, as its statement has it.
pub(crate) fn endpoint_topic(target: &EndpointTarget, catalog: &Catalog) -> Option<String> {
    match target {
        EndpointTarget::Topic(template) => Some(template.clone()),
        EndpointTarget::Stream(name) => catalog.get(name)?.topic().map(|topic| topic.name.clone()),
    }
}
