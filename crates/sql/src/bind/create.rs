//! CREATE and INSERT: options, columns, and what changes when a declaration is repeated.

use engine::plan::{Emit, Start, Tumble};
use engine::{Expr, Type, Value};

use super::endpoint::endpoint;
use super::expr::{Binder, engine_type};
use super::scope::Scope;
use super::topic::{DEFAULT_KEY_FORMAT, inherited_key, key_for, single_format, topic, widen_single};
use super::{Bound, Change, Insert, query, writable};
use crate::ast::{self, ColumnDef, Create, Ident, ObjectKind, Select, Statement, Target};
use crate::catalog::{Body, Catalog, Column, Generator, Object, QueryOptions, Sink, Stream, StreamQuery, Table, Topic};
use crate::diagnostic::{Code, Diagnostic};
use crate::options::Options;

pub(super) fn create(statement: &Statement, create: &Create, catalog: &Catalog) -> Result<Bound, Diagnostic> {
    let name = &create.name.text;
    check_name(statement, &create.name)?;
    let known = catalog.get(name);
    if let Some(known) = known {
        if known.kind() != create.kind {
            let cause = format!("`{name}` is {} already", known.kind().with_article());
            return Err(statement.error(create.name.span, Code::Exists, cause, "give this one another name"));
        }
        if create.if_not_exists || known.statement.canonical == statement.canonical {
            return Ok(Bound::Create { object: Box::new(known.clone()), change: Change::Same, warnings: vec![] });
        }
    }
    let mut warnings = Vec::new();
    let body = match create.kind {
        ObjectKind::Stream => Body::Stream(stream(statement, create, catalog, &mut warnings)?),
        ObjectKind::Table => Body::Table(table(statement, create, catalog)?),
        ObjectKind::Sink => Body::Sink(sink(statement, create, catalog)?),
        ObjectKind::Generator => Body::Generator(generator(statement, create, catalog)?),
        ObjectKind::Endpoint => Body::Endpoint(endpoint(statement, create, catalog)?),
    };
    let change = match known {
        None => Change::New,
        Some(known) if matches!(create.kind, ObjectKind::Stream | ObjectKind::Table) => {
            return Err(changed(statement, create, known));
        }
        Some(_) => Change::Replaced,
    };
    let object = Object { name: name.clone(), statement: statement.clone(), body };
    Ok(Bound::Create { object: Box::new(object), change, warnings })
}

/// The name ends up in topic names and group ids, so it is held to what those can be.
fn check_name(statement: &Statement, name: &Ident) -> Result<(), Diagnostic> {
    let fits = name.text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) && name.text.len() <= 100;
    if fits {
        return Ok(());
    }
    let fix = "use at most 100 letters, digits, `_` and `-`: the name becomes a part of topic names";
    Err(statement.error(name.span, Code::Value, format!("`{}` cannot be an object's name", name.text), fix))
}

fn changed(statement: &Statement, create: &Create, known: &Object) -> Diagnostic {
    let kind = create.kind.name();
    let name = &create.name.text;
    let cause = format!(
        "the {kind} `{name}` runs with another declaration: running `{}`, here `{}`",
        known.statement.text, statement.text
    );
    let fix =
        format!("DROP {} {name} first (its counts are lost), or start with another --data-dir", kind.to_uppercase());
    statement.error(create.name.span, Code::Changed, cause, fix)
}

fn start(options: &Options) -> Result<Option<Start>, Diagnostic> {
    Ok(options.choice("start", &["earliest", "latest"])?.map(|start| match start {
        "latest" => Start::Latest,
        _ => Start::Earliest,
    }))
}

fn query_options(options: &Options) -> Result<QueryOptions, Diagnostic> {
    Ok(QueryOptions {
        start: start(options)?,
        commit_interval_ms: options.duration_ms("commit.interval", false)?,
        cache_max_bytes: options.number("cache_max_bytes", 0, i64::MAX)?.map(|n| n as u64),
    })
}

fn stream(
    statement: &Statement,
    create: &Create,
    catalog: &Catalog,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Stream, Diagnostic> {
    match (&create.columns, &create.query) {
        (Some(columns), _) => declared_stream(statement, create, columns, warnings),
        (None, Some(select)) => derived_stream(statement, create, select, catalog),
        (None, None) => Err(statement.error(statement.span, Code::Syntax, "a stream needs columns or AS SELECT", "")),
    }
}

fn declared_stream(
    statement: &Statement,
    create: &Create,
    defs: &[ColumnDef],
    warnings: &mut Vec<Diagnostic>,
) -> Result<Stream, Diagnostic> {
    let known = ["topic", "value_format", "key_format", "partitions", "timestamp", "start"];
    let options = Options::new(statement, &create.options, "a stream", &known)?;
    let Some(topic) = topic(&options)? else {
        let fix = format!("add WITH (topic = '{}')", create.name.text);
        return Err(statement.error(
            create.name.span,
            Code::BadOption,
            "a stream with declared columns needs a topic",
            fix,
        ));
    };
    let mut columns: Vec<Column> = Vec::new();
    for def in defs {
        if columns.iter().any(|column| column.name == def.name.text) {
            let cause = format!("two columns are named `{}`", def.name.text);
            return Err(statement.error(def.name.span, Code::Exists, cause, "leave one"));
        }
        if super::METADATA.iter().any(|(name, _)| *name == def.name.text) {
            let cause = format!("`{}` is a column that every stream has", def.name.text);
            return Err(statement.error(def.name.span, Code::Exists, cause, "give this one another name"));
        }
        if def.name.written != def.name.text && !def.name.quoted && topic.value_format == "json" {
            let cause = format!("`{}` is read from the field `{}`", def.name.written, def.name.text);
            let fix = format!("if the field is spelt so, write \"{}\" with quotes", def.name.written);
            warnings.push(statement.error(def.name.span, Code::UnknownColumn, cause, fix).as_warning());
        }
        columns.push(column(statement, def, &topic)?);
    }
    if columns.iter().filter(|column| column.key).count() > 1 {
        let span = create.name.span;
        return Err(statement.error(span, Code::NotSupported, "more than one KEY column is not supported", "mark one"));
    }
    let values: Vec<(&str, Type)> = columns.iter().filter(|c| !c.key).map(|c| (c.name.as_str(), c.ty)).collect();
    single_format(statement, &options, create.name.span, &topic.value_format, &values)?;
    let timestamp = timestamp(&options, &columns)?;
    let start = start(&options)?.unwrap_or(Start::Earliest);
    Ok(Stream { columns, topic: Some(topic), timestamp, start, query: None, options: QueryOptions::default() })
}

fn column(statement: &Statement, def: &ColumnDef, topic: &Topic) -> Result<Column, Diagnostic> {
    let ty = engine_type(def.data_type);
    let mut default = Value::Null;
    if let Some(expr) = &def.default {
        let scope = Scope::empty();
        let mut binder = Binder::new(statement, &scope, "DEFAULT");
        let bound = binder.any(expr)?;
        let found = bound.ty();
        let bound = bound.coerced(ty).map_err(|error| match error {
            engine::expr::TypeError::NoCast { .. } => {
                let cause = format!("the DEFAULT of `{}` is {found}, the column is {ty}", def.name.text);
                statement.error(expr.span, Code::Type, cause, "")
            }
            other => *binder.type_error(other, expr.span),
        })?;
        let Expr::Literal { value, .. } = bound else {
            return Err(statement.error(
                expr.span,
                Code::NotSupported,
                "a DEFAULT that is no constant",
                "write a literal",
            ));
        };
        default = value;
    }
    if def.key && (ty != Type::Text || topic.key_format == "int64" || topic.key_format == "json") {
        let cause = "a KEY column that is not TEXT is not supported";
        return Err(statement.error(
            def.type_span,
            Code::NotSupported,
            cause,
            "declare it TEXT with key_format = 'text'",
        ));
    }
    if def.key && def.default.is_some() {
        return Err(statement.error(def.name.span, Code::NotSupported, "a KEY column has no DEFAULT", "leave it out"));
    }
    Ok(Column { name: def.name.text.clone(), ty, default, key: def.key })
}

fn timestamp(options: &Options, columns: &[Column]) -> Result<Option<usize>, Diagnostic> {
    let Some(name) = options.text("timestamp")? else { return Ok(None) };
    let Some(index) = columns.iter().position(|column| column.name == name) else {
        let names = columns.iter().map(|column| column.name.as_str());
        let fix = crate::suggest::did_you_mean(&name, names);
        return Err(options.bad("timestamp", format!("unknown column `{name}`"), fix));
    };
    let column = &columns[index];
    if column.key || !matches!(column.ty, Type::Timestamp | Type::BigInt) {
        let cause = format!("column `{name}` is {}, not TIMESTAMP or BIGINT (epoch milliseconds)", column.ty);
        return Err(options.bad("timestamp", cause, ""));
    }
    Ok(Some(index))
}

fn derived_stream(
    statement: &Statement,
    create: &Create,
    select: &Select,
    catalog: &Catalog,
) -> Result<Stream, Diagnostic> {
    let known = [
        "topic",
        "value_format",
        "key_format",
        "partitions",
        "timestamp",
        "start",
        "commit.interval",
        "cache_max_bytes",
    ];
    let options = Options::new(statement, &create.options, "a stream", &known)?;
    let topic = topic(&options)?;
    let mut query: StreamQuery = query::continuous(statement, select, catalog)?;
    if let Some(topic) = &topic {
        widen_single(&topic.value_format, &mut query.columns);
        let values: Vec<(&str, Type)> = query.columns.iter().map(|(n, e)| (n.as_str(), e.ty())).collect();
        single_format(statement, &options, create.name.span, &topic.value_format, &values)?;
        if topic.key_format != "kafka" && query.key.is_empty() {
            inherited_key(&options, &topic.key_format, catalog, &query)?;
        }
        key_for(&options, &topic.key_format, &mut query.key)?;
    } else {
        key_for(&options, DEFAULT_KEY_FORMAT, &mut query.key)?;
    }
    if let (Some(topic), Some(read)) = (&topic, catalog.get(&query.input.from).and_then(Object::topic))
        && topic.name == read.name
    {
        let cause = format!("the query would read its own output: topic '{}'", topic.name);
        return Err(options.bad("topic", cause, "write to another topic"));
    }
    let columns: Vec<Column> = query
        .columns
        .iter()
        .map(|(name, expr)| Column { name: name.clone(), ty: expr.ty(), default: Value::Null, key: false })
        .collect();
    let timestamp = timestamp(&options, &columns)?;
    if timestamp.is_some() && topic.is_none() {
        return Err(options.bad(
            "timestamp",
            "`timestamp` without `topic`",
            "inside a topology rows keep the time that they have",
        ));
    }
    let query_options = query_options(&options)?;
    Ok(Stream { columns, topic, timestamp, start: Start::Earliest, query: Some(query), options: query_options })
}

fn table(statement: &Statement, create: &Create, catalog: &Catalog) -> Result<Table, Diagnostic> {
    let known = [
        "topic",
        "value_format",
        "key_format",
        "partitions",
        "start",
        "grace",
        "retention",
        "commit.interval",
        "cache_max_bytes",
    ];
    let options = Options::new(statement, &create.options, "a table", &known)?;
    let Some(select) = &create.query else {
        return Err(statement.error(statement.span, Code::Syntax, "a table needs AS SELECT", ""));
    };
    let found = query::aggregation(statement, select, catalog)?;
    let window = window(&options, found.size_ms)?;
    let emit = match select.emit {
        None => Emit::Changes,
        Some((ast::Emit::Changes, _)) => Emit::Changes,
        Some((ast::Emit::Final, _)) if window.is_some() => Emit::Final,
        Some((ast::Emit::Final, span)) => {
            let fix = "without a window no result is ever final; use EMIT CHANGES";
            return Err(statement.error(span, Code::NotSupported, "EMIT FINAL needs a window", fix));
        }
        Some((ast::Emit::Every { .. }, span)) => {
            let fix = "use EMIT CHANGES: changes come out once per key and `commit.interval`, which WITH (…) can set";
            return Err(statement.error(span, Code::NotSupported, "EMIT EVERY is not supported", fix));
        }
    };
    let topic = topic(&options)?;
    if let Some(topic) = &topic {
        let values: Vec<(&str, Type)> = found.columns.iter().map(|(n, e)| (n.as_str(), e.ty())).collect();
        single_format(statement, &options, create.name.span, &topic.value_format, &values)?;
        let types: Vec<Type> = found.group.iter().map(|(_, expr)| expr.ty()).collect();
        let fits = match topic.key_format.as_str() {
            "text" => types == [Type::Text],
            "int64" => types == [Type::BigInt],
            "none" => false,
            _ => true,
        };
        if !fits {
            let cause = format!("key_format '{}' does not hold the group columns", topic.key_format);
            return Err(options.bad(
                "key_format",
                cause,
                "leave it out: one column is written as it is, several as a JSON array",
            ));
        }
    }
    Ok(Table {
        input: found.input,
        group: found.group,
        group_is_key: found.group_is_key,
        window,
        calls: found.calls,
        columns: found.columns,
        emit,
        topic,
        options: query_options(&options)?,
    })
}

fn window(options: &Options, size_ms: Option<i64>) -> Result<Option<Tumble>, Diagnostic> {
    let grace = options.duration_ms("grace", true)?;
    let retention = options.duration_ms("retention", false)?;
    let Some(size_ms) = size_ms else {
        for option in ["grace", "retention"] {
            if options.span(option).is_some() {
                let cause = format!("`{option}` without a window");
                return Err(options.bad(
                    option,
                    cause,
                    "give the window in FROM: TUMBLE(stream, INTERVAL '5 seconds')",
                ));
            }
        }
        return Ok(None);
    };
    let window = query::tumble(size_ms, grace, retention);
    let least = window.size_ms.saturating_add(window.grace_ms);
    if window.retention_ms < least {
        let cause =
            format!("the retention of {} is shorter than window and grace", crate::duration::text(window.retention_ms));
        return Err(options.bad("retention", cause, format!("make it at least {}", crate::duration::text(least))));
    }
    Ok(Some(window))
}

fn sink(statement: &Statement, create: &Create, catalog: &Catalog) -> Result<Sink, Diagnostic> {
    let known = ["connector", "start", "commit.interval", "cache_max_bytes"];
    let options = Options::new(statement, &create.options, "a sink", &known)?;
    let Some(select) = &create.query else {
        return Err(statement.error(statement.span, Code::Syntax, "a sink needs AS SELECT", ""));
    };
    let Some(connector) = options.choice("connector", &["print"])? else {
        let fix =
            "add WITH (connector = 'print'); to write to a topic use CREATE STREAM … WITH (topic = '…') AS SELECT …";
        return Err(statement.error(create.name.span, Code::BadOption, "a sink needs a connector", fix));
    };
    let query = query::continuous(statement, select, catalog)?;
    if let Some(key) = select.partition_by.first() {
        let cause = "PARTITION BY for a sink is not supported";
        return Err(statement.error(key.span, Code::NotSupported, cause, "it sets the key of a stream's records"));
    }
    Ok(Sink {
        query,
        connector: connector.to_string(),
        value_format: "json".to_string(),
        options: query_options(&options)?,
    })
}

fn generator(statement: &Statement, create: &Create, catalog: &Catalog) -> Result<Generator, Diagnostic> {
    let options = Options::new(statement, &create.options, "a generator", &["every"])?;
    let Some(every_ms) = options.duration_ms("every", false)? else {
        let fix = "add WITH (every = '1 second')";
        return Err(statement.error(create.name.span, Code::BadOption, "a generator needs an interval", fix));
    };
    let (Some(Target::Object(into)), Some(select)) = (&create.into, &create.query) else {
        return Err(statement.error(statement.span, Code::Syntax, "a generator needs INTO stream AS SELECT …", ""));
    };
    let stream = writable(statement, into, catalog)?;
    let values = query::values(statement, select, "a generator", false)?;
    plain_values(statement, select)?;
    let columns = into_columns(statement, select, into, stream, values)?;
    Ok(Generator { every_ms, into: into.text.clone(), columns })
}

/// A query of values has a select list and nothing else.
pub(super) fn plain_values(statement: &Statement, select: &Select) -> Result<(), Diagnostic> {
    let extra = select
        .filter
        .as_ref()
        .or(select.having.as_ref())
        .or(select.group_by.first())
        .or(select.partition_by.first())
        .map(|expr| expr.span)
        .or(select.order_by.first().map(|key| key.expr.span))
        .or(select.limit.map(|(_, span)| span))
        .or(select.emit.map(|(_, span)| span));
    match extra {
        Some(span) => {
            Err(statement.error(span, Code::NotSupported, "only a select list can stand here", "leave this clause out"))
        }
        None => Ok(()),
    }
}

/// The values of a select list as the columns of the stream that they go into, in the stream's order and types.
pub(super) fn into_columns(
    statement: &Statement,
    select: &Select,
    into: &Ident,
    stream: &Stream,
    values: Vec<(String, Expr)>,
) -> Result<Vec<(String, Expr)>, Diagnostic> {
    let span_of = |index: usize| match select.items.get(index) {
        Some(ast::SelectItem::Expr { alias: Some(alias), .. }) => alias.span,
        Some(ast::SelectItem::Expr { expr, .. }) => expr.span,
        _ => select.span,
    };
    let targets: Vec<&Column> = stream.columns.iter().filter(|column| !column.key).collect();
    for (index, (name, _)) in values.iter().enumerate() {
        if !targets.iter().any(|column| column.name == *name) {
            let fix = crate::suggest::did_you_mean(name, targets.iter().map(|column| column.name.as_str()));
            let cause = format!("the stream `{}` has no column `{name}`", into.text);
            return Err(statement.error(span_of(index), Code::UnknownColumn, cause, fix));
        }
    }
    let mut columns = Vec::with_capacity(targets.len());
    for column in targets {
        let found = values.iter().position(|(name, _)| *name == column.name);
        let expr = match found {
            Some(index) => {
                let (_, expr) = &values[index];
                let from = expr.ty();
                expr.clone().coerced(column.ty).map_err(|_| {
                    let cause = format!("column `{}` of `{}` is {}, found {from}", column.name, into.text, column.ty);
                    statement.error(span_of(index), Code::Type, cause, format!("write CAST(… AS {})", column.ty))
                })?
            }
            None => Expr::Literal { value: column.default.clone(), ty: column.ty },
        };
        columns.push((column.name.clone(), expr));
    }
    Ok(columns)
}

pub(super) fn insert(
    statement: &Statement,
    into: &Ident,
    names: &[Ident],
    rows: &[Vec<ast::Expr>],
    catalog: &Catalog,
) -> Result<Insert, Diagnostic> {
    let stream = writable(statement, into, catalog)?;
    let mut targets = Vec::new();
    for name in names {
        let Some(index) = stream.columns.iter().position(|column| column.name == name.text) else {
            let fix =
                crate::suggest::did_you_mean(&name.text, stream.columns.iter().map(|column| column.name.as_str()));
            return Err(statement.error(
                name.span,
                Code::UnknownColumn,
                format!("unknown column `{}`", name.text),
                fix,
            ));
        };
        if targets.contains(&index) {
            return Err(statement.error(
                name.span,
                Code::Exists,
                format!("column `{}` stands twice", name.text),
                "leave one",
            ));
        }
        targets.push(index);
    }
    if names.is_empty() {
        targets = (0..stream.columns.len()).collect();
    }
    let scope = Scope::empty();
    let mut bound = Vec::with_capacity(rows.len());
    for row in rows {
        if row.len() != targets.len() {
            let span = row.first().map_or(statement.span, |first| first.span.to(row[row.len() - 1].span));
            let cause = format!("{} values for {} columns", row.len(), targets.len());
            return Err(statement.error(span, Code::Value, cause, ""));
        }
        let mut values: Vec<Value> = stream.columns.iter().map(|column| column.default.clone()).collect();
        for (expr, index) in row.iter().zip(&targets) {
            let column = &stream.columns[*index];
            let mut binder = Binder::new(statement, &scope, "VALUES");
            let value = binder.any(expr)?;
            let from = value.ty();
            let value = value.coerced(column.ty).map_err(|error| match error {
                engine::expr::TypeError::NoCast { .. } => {
                    let cause = format!("column `{}` is {}, found {from}", column.name, column.ty);
                    statement.error(expr.span, Code::Type, cause, "")
                }
                other => *binder.type_error(other, expr.span),
            })?;
            let Expr::Literal { value, .. } = value else {
                return Err(statement.error(
                    expr.span,
                    Code::NotSupported,
                    "a value that is no constant",
                    "write literals",
                ));
            };
            values[*index] = value;
        }
        bound.push(values);
    }
    Ok(Insert { stream: into.text.clone(), rows: bound })
}
