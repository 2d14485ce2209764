//! Queries: the continuous ones of streams, sinks and tables, and those that are answered once.

use engine::aggregate::{AggregateFunction, SortKey};
use engine::plan::Tumble;
use engine::{AggregateCall, Expr, Type};

use super::expr::Binder;
use super::grouping::Grouping;
use super::readable;
use super::scope::{Scope, is_storable, table_of};
use crate::ast::{self, ExprKind, Select, SelectItem, Statement};
use crate::catalog::{Body, Catalog, Input, Object, PullOutput, PullQuery, StreamQuery};
use crate::diagnostic::{Code, Diagnostic, Span};

/// What a table's query gives, before its options are known.
pub(super) struct Aggregation {
    pub(super) input: Input,
    pub(super) group: Vec<(String, Expr)>,
    pub(super) group_is_key: bool,
    pub(super) calls: Vec<(String, AggregateCall)>,
    pub(super) columns: Vec<(String, Expr)>,
    pub(super) size_ms: Option<i64>,
}

/// The query of a stream or a sink.
pub(super) fn continuous(statement: &Statement, select: &Select, catalog: &Catalog) -> Result<StreamQuery, Diagnostic> {
    let (object, scope) = input(statement, select, catalog)?;
    let refuse = |span: Span, what: &str, fix: &str| {
        Err(statement.error(span, Code::NotSupported, format!("{what} is not supported in a stream's query"), fix))
    };
    if let Some(key) = select.group_by.first() {
        let fix = "a grouped result is a table: CREATE TABLE name AS SELECT …, and a stream of its changes reads that";
        return refuse(key.span, "GROUP BY", fix);
    }
    if let Some(window) = select.from.as_ref().and_then(|from| from.window) {
        return refuse(
            window.size_span,
            "TUMBLE",
            "windows belong to GROUP BY: CREATE TABLE name AS SELECT … GROUP BY …",
        );
    }
    refuse_order(statement, select)?;
    if let Some((emit, span)) = select.emit
        && emit != ast::Emit::Changes
    {
        return refuse(span, "EMIT FINAL or EVERY", "it belongs to the table that groups");
    }
    if let Some(call) = first_aggregate(select) {
        let fix = "aggregates make a table: CREATE TABLE name AS SELECT … GROUP BY …";
        return Err(statement.error(call.span, Code::Grouping, "an aggregate in a stream's query", fix));
    }
    unreadable_table(statement, select, object)?;
    let filter = filter(statement, select, &scope)?;
    let columns = columns(statement, select, &scope, false)?;
    storable(statement, select, &columns)?;
    let mut key = Vec::new();
    for (i, expr) in select.partition_by.iter().enumerate() {
        let bound = with_aliases(statement, select, &scope, expr, "PARTITION BY")?;
        key_type(statement, expr.span, &bound, "PARTITION BY")?;
        key.push((name_of(expr).unwrap_or_else(|| format!("key_{}", i + 1)), bound));
    }
    Ok(StreamQuery { input: Input { from: object.name.clone(), filter }, columns, key })
}

/// The query of a table.
pub(super) fn aggregation(
    statement: &Statement,
    select: &Select,
    catalog: &Catalog,
) -> Result<Aggregation, Diagnostic> {
    let (object, mut scope) = input(statement, select, catalog)?;
    let window = select.from.as_ref().and_then(|from| from.window);
    refuse_order(statement, select)?;
    if let Some(key) = select.partition_by.first() {
        let fix = "a table's key is its GROUP BY; PARTITION BY stands in CREATE STREAM … AS SELECT … FROM table";
        return Err(statement.error(key.span, Code::NotSupported, "PARTITION BY for a table is not supported", fix));
    }
    if let Some(having) = &select.having {
        let fix = "filter where the table is read: SELECT … FROM table WHERE …";
        return Err(statement.error(having.span, Code::NotSupported, "HAVING is not supported", fix));
    }
    if let Body::Table(_) = object.body {
        let span = select.from.as_ref().map_or(select.span, |from| from.span);
        let fix = "write the first table to a topic (CREATE STREAM … WITH (topic = '…') AS SELECT … FROM table) and group that";
        return Err(statement.error(span, Code::NotSupported, "a table over another table is not supported", fix));
    }
    if select.group_by.is_empty() && first_aggregate(select).is_none() {
        let fix = "a table needs GROUP BY; rows as they come are a stream: CREATE STREAM name AS SELECT …";
        return Err(statement.error(select.span, Code::Grouping, "this query groups nothing", fix));
    }
    scope.window_hint = Some(match window {
        Some(_) => "WHERE runs before the window; filter on the window where the table is read",
        None => "windows are given in FROM: TUMBLE(stream, INTERVAL '5 seconds')",
    });
    let filter = filter(statement, select, &scope)?;
    let mut group: Vec<(String, Expr)> = Vec::new();
    let mut window_named = false;
    for key in &select.group_by {
        if window.is_some()
            && let ExprKind::Column { qualifier: None, name } = &key.kind
            && (name.text == "window_start" || name.text == "window_end")
        {
            window_named = true;
            continue;
        }
        let bound = with_aliases(statement, select, &scope, key, "GROUP BY")?;
        key_type(statement, key.span, &bound, "GROUP BY")?;
        if group.iter().any(|(_, known)| *known == bound) {
            continue;
        }
        let name =
            name_of(key).or_else(|| alias_of(select, key)).unwrap_or_else(|| format!("group_{}", group.len() + 1));
        group.push((unique(&group, name), bound));
    }
    if let Some(window) = window
        && !window_named
    {
        let fix = "add window_start, window_end to GROUP BY";
        return Err(statement.error(
            window.size_span,
            Code::Grouping,
            "the rows of TUMBLE are grouped by their window",
            fix,
        ));
    }
    let explicit = !select.group_by.is_empty();
    if group.is_empty() {
        // One group of all rows: a key that is always the same, so that it has bytes and a partition.
        group.push(("all_rows".to_string(), Expr::literal(engine::Value::text(""))));
    }
    let group_is_key = matches!(&group[..], [(_, expr)] if is_record_key(object, expr));
    let mut grouping = Grouping::new(group.iter().map(|(_, expr)| expr.clone()).collect(), window.is_some(), explicit);
    let columns = grouped_columns(statement, select, &scope, &mut grouping, false)?;
    storable(statement, select, &columns)?;
    let mut calls: Vec<(String, AggregateCall)> = Vec::new();
    let first = group.len() + if window.is_some() { 2 } else { 0 };
    for (i, call) in grouping.into_calls().into_iter().enumerate() {
        if !call.function.is_continuous() {
            let name = call.function.name();
            let cause = format!("`{name}` cannot be kept continuously");
            return Err(statement.error(
                select.span,
                Code::NotSupported,
                cause,
                "it works in SELECT on a table, and in endpoints",
            ));
        }
        let wanted = Expr::column(first + i, call.ty);
        let name = columns.iter().find(|(_, expr)| *expr == wanted).map(|(name, _)| name.clone());
        let name = name.unwrap_or_else(|| format!("{}_{}", call.function.name(), i + 1));
        calls.push((name, call));
    }
    let size_ms = window.map(|window| window.size_ms);
    Ok(Aggregation { input: Input { from: object.name.clone(), filter }, group, group_is_key, calls, columns, size_ms })
}

/// A query that is answered once. `params`: there is a request.
pub(super) fn pull(
    statement: &Statement,
    select: &Select,
    catalog: &Catalog,
    params: bool,
) -> Result<PullQuery, Diagnostic> {
    let refuse = |span: Span, cause: &str, fix: &str| Err(statement.error(span, Code::NotSupported, cause, fix));
    if let Some((_, span)) = select.emit {
        let fix = "a query that runs on is declared: CREATE TABLE|STREAM|SINK … AS SELECT …; this one is answered once";
        return refuse(span, "EMIT in a query that is answered once", fix);
    }
    if let Some(key) = select.partition_by.first() {
        return refuse(key.span, "PARTITION BY in a query that is answered once", "it sets the key of a stream");
    }
    if let Some(window) = select.from.as_ref().and_then(|from| from.window) {
        return refuse(
            window.size_span,
            "TUMBLE in a query that is answered once",
            "read a table that groups by the window",
        );
    }
    if let Some(having) = &select.having {
        return refuse(having.span, "HAVING is not supported", "filter with WHERE");
    }
    let (table, scope) = match &select.from {
        None => (None, Scope::empty()),
        Some(from) => {
            let object = readable(statement, &from.name, catalog)?;
            if table_of(catalog, &object.name).is_none() {
                let fix = "declare a table over it and select from that, or look at its topic: millstream consume";
                let cause = format!("the stream `{}` keeps no rows to select from", object.name);
                return Err(statement.error(from.name.span, Code::WrongKind, cause, fix));
            }
            (Some(object.name.clone()), Scope::of(object, from.alias.as_ref()))
        }
    };
    let filter = match &select.filter {
        Some(filter) => Some(Binder::new(statement, &scope, "WHERE").with_params(params).condition(filter)?),
        None => None,
    };
    let limit = select.limit.map(|(n, _)| n);
    let grouped = !select.group_by.is_empty() || first_aggregate(select).is_some();
    if !grouped {
        let columns = pull_columns(statement, select, &scope, None, params)?;
        let order_by = order(statement, select, &scope, None, &columns, params)?;
        return Ok(PullQuery { table, filter, output: PullOutput::Rows(columns), order_by, limit });
    }
    if table.is_none() {
        return Err(statement.error(select.span, Code::Grouping, "there is nothing to group", "add FROM table"));
    }
    let mut group: Vec<(String, Expr)> = Vec::new();
    for key in &select.group_by {
        let bound = with_aliases(statement, select, &scope, key, "GROUP BY")?;
        let name = name_of(key).unwrap_or_else(|| format!("group_{}", group.len() + 1));
        group.push((unique(&group, name), bound));
    }
    let exprs = group.iter().map(|(_, expr)| expr.clone()).collect();
    let mut grouping = Grouping::new(exprs, false, !select.group_by.is_empty());
    let columns = pull_columns(statement, select, &scope, Some(&mut grouping), params)?;
    let order_by = order(statement, select, &scope, Some(&mut grouping), &columns, params)?;
    let calls = grouping
        .into_calls()
        .into_iter()
        .enumerate()
        .map(|(i, call)| (format!("{}_{}", call.function.name(), i + 1), call));
    let output = PullOutput::Groups { group, calls: calls.collect(), columns };
    Ok(PullQuery { table, filter, output, order_by, limit })
}

/// The select list of values for a record or row: a generator's, an endpoint's.
pub(super) fn values(
    statement: &Statement,
    select: &Select,
    what: &str,
    params: bool,
) -> Result<Vec<(String, Expr)>, Diagnostic> {
    if let Some(from) = &select.from {
        let cause = format!("{what} makes its rows from nothing but functions");
        return Err(statement.error(from.span, Code::NotSupported, cause, "leave out FROM"));
    }
    let scope = Scope::empty();
    let columns = pull_columns(statement, select, &scope, None, params)?;
    unnamed(statement, select)?;
    Ok(columns)
}

fn input<'a>(statement: &Statement, select: &Select, catalog: &'a Catalog) -> Result<(&'a Object, Scope), Diagnostic> {
    let Some(from) = &select.from else {
        return Err(statement.error(select.span, Code::Syntax, "this query reads nothing", "add FROM stream"));
    };
    let object = readable(statement, &from.name, catalog)?;
    Ok((object, Scope::of(object, from.alias.as_ref())))
}

/// A table whose changes have a topic of their own is a hop, but its topic's keys cannot be read back as columns yet.
fn unreadable_table(statement: &Statement, select: &Select, object: &Object) -> Result<(), Diagnostic> {
    match (&object.body, &select.from) {
        (Body::Table(table), Some(from)) if table.topic.is_some() => {
            let cause =
                format!("reading on from the table `{}`, which has a topic of its own, is not supported", object.name);
            let fix = format!(
                "leave out `topic` in `{}`: CREATE STREAM … WITH (topic = '…') AS SELECT … FROM it writes one",
                object.name
            );
            Err(statement.error(from.name.span, Code::NotSupported, cause, fix))
        }
        _ => Ok(()),
    }
}

fn filter(statement: &Statement, select: &Select, scope: &Scope) -> Result<Option<(Expr, String)>, Diagnostic> {
    let Some(filter) = &select.filter else { return Ok(None) };
    let bound = Binder::new(statement, scope, "WHERE").condition(filter)?;
    Ok(Some((bound, crate::describe::expr_text(filter))))
}

fn refuse_order(statement: &Statement, select: &Select) -> Result<(), Diagnostic> {
    if let Some(key) = select.order_by.first() {
        let fix = "records keep the order in which they come; sort in SELECT on a table";
        return Err(statement.error(key.expr.span, Code::NotSupported, "ORDER BY in a query that runs on", fix));
    }
    if let Some((_, span)) = select.limit {
        return Err(statement.error(
            span,
            Code::NotSupported,
            "LIMIT in a query that runs on",
            "it never ends; LIMIT works in SELECT on a table",
        ));
    }
    Ok(())
}

/// The select list over the input's columns.
fn columns(
    statement: &Statement,
    select: &Select,
    scope: &Scope,
    lenient: bool,
) -> Result<Vec<(String, Expr)>, Diagnostic> {
    let mut binder = Binder::new(statement, scope, "SELECT");
    let bound = list(statement, select, scope, &mut binder, lenient)?;
    Ok(bound)
}

fn grouped_columns(
    statement: &Statement,
    select: &Select,
    scope: &Scope,
    grouping: &mut Grouping,
    lenient: bool,
) -> Result<Vec<(String, Expr)>, Diagnostic> {
    let mut binder = Binder::new(statement, scope, "SELECT");
    binder.grouping = Some(grouping);
    list(statement, select, scope, &mut binder, lenient)
}

fn pull_columns(
    statement: &Statement,
    select: &Select,
    scope: &Scope,
    grouping: Option<&mut Grouping>,
    params: bool,
) -> Result<Vec<(String, Expr)>, Diagnostic> {
    let mut binder = Binder::new(statement, scope, "SELECT").with_params(params);
    binder.grouping = grouping;
    list(statement, select, scope, &mut binder, true)
}

/// `lenient`: columns without a name get one, and two may share one (only people read the result).
fn list(
    statement: &Statement,
    select: &Select,
    scope: &Scope,
    binder: &mut Binder,
    lenient: bool,
) -> Result<Vec<(String, Expr)>, Diagnostic> {
    let mut columns: Vec<(String, Expr)> = Vec::new();
    for item in &select.items {
        match item {
            SelectItem::All(span) => {
                if binder.grouping.is_some() {
                    return Err(statement.error(
                        *span,
                        Code::Grouping,
                        "`*` in a grouped query",
                        "name the columns and aggregates",
                    ));
                }
                if scope.columns.is_empty() {
                    return Err(statement.error(*span, Code::Syntax, "`*` of nothing", "add FROM"));
                }
                columns.extend(scope.columns.iter().cloned());
            }
            SelectItem::Expr { expr, alias } => {
                let bound = binder.any(expr)?;
                let name = alias.as_ref().map(|alias| alias.text.clone()).or_else(|| name_of(expr));
                let name = match name {
                    Some(name) => name,
                    None if lenient => "?column?".to_string(),
                    None => {
                        let fix = "write … AS name";
                        return Err(statement.error(expr.span, Code::Syntax, "this column has no name", fix));
                    }
                };
                if !lenient && columns.iter().any(|(known, _)| *known == name) {
                    let span = alias.as_ref().map_or(expr.span, |alias| alias.span);
                    let cause = format!("two columns are named `{name}`");
                    return Err(statement.error(span, Code::Syntax, cause, "give one another name: … AS name"));
                }
                columns.push((name, bound));
            }
        }
    }
    Ok(columns)
}

/// Refuses columns without a name of their own, where the names are the record's fields.
fn unnamed(statement: &Statement, select: &Select) -> Result<(), Diagnostic> {
    let mut seen: Vec<String> = Vec::new();
    for item in &select.items {
        let SelectItem::Expr { expr, alias } = item else { continue };
        let Some(name) = alias.as_ref().map(|alias| alias.text.clone()).or_else(|| name_of(expr)) else {
            return Err(statement.error(expr.span, Code::Syntax, "this column has no name", "write … AS name"));
        };
        if seen.contains(&name) {
            let cause = format!("two columns are named `{name}`");
            return Err(statement.error(expr.span, Code::Syntax, cause, "give one another name: … AS name"));
        }
        seen.push(name);
    }
    Ok(())
}

/// The name that a column has without AS: its own, or its function's.
fn name_of(expr: &ast::Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Column { name, .. } => Some(name.text.clone()),
        ExprKind::Call(call) => Some(call.name.text.clone()),
        ExprKind::Cast { expr, .. } => name_of(expr),
        ExprKind::Case { .. } => Some("case".to_string()),
        _ => None,
    }
}

/// The alias that the select list gives to the very expression that GROUP BY repeats.
fn alias_of(select: &Select, key: &ast::Expr) -> Option<String> {
    let text = crate::describe::expr_text(key);
    select.items.iter().find_map(|item| match item {
        SelectItem::Expr { expr, alias: Some(alias) } if crate::describe::expr_text(expr) == text => {
            Some(alias.text.clone())
        }
        _ => None,
    })
}

fn unique(taken: &[(String, Expr)], name: String) -> String {
    let mut candidate = name.clone();
    let mut n = 2;
    while taken.iter().any(|(known, _)| *known == candidate) {
        candidate = format!("{name}_{n}");
        n += 1;
    }
    candidate
}

/// An expression over the input's columns; a bare name that is none of them may be an alias of the select list, a
/// bare number its position, as in PostgreSQL.
fn with_aliases(
    statement: &Statement,
    select: &Select,
    scope: &Scope,
    expr: &ast::Expr,
    clause: &'static str,
) -> Result<Expr, Diagnostic> {
    let mut binder = Binder::new(statement, scope, clause);
    match &expr.kind {
        ExprKind::Column { qualifier: None, name } => {
            let own = binder.any(expr);
            let alias = select.items.iter().find_map(|item| match item {
                SelectItem::Expr { expr, alias: Some(alias) } if alias.text == name.text => Some(expr),
                _ => None,
            });
            match (own, alias) {
                (Err(_), Some(aliased)) => binder.any(aliased),
                (own, _) => own,
            }
        }
        ExprKind::Number(text) if clause == "GROUP BY" => {
            let item = text.parse::<usize>().ok().and_then(|n| select.items.get(n.wrapping_sub(1)));
            match item {
                Some(SelectItem::Expr { expr, .. }) => binder.any(expr),
                _ => {
                    Err(statement.error(expr.span, Code::Grouping, format!("the select list has no column {text}"), ""))
                }
            }
        }
        _ => binder.any(expr),
    }
}

/// The types that a key can have.
fn key_type(statement: &Statement, span: Span, expr: &Expr, clause: &str) -> Result<(), Diagnostic> {
    match expr.ty() {
        ty @ (Type::Object | Type::Interval) => {
            Err(statement.error(span, Code::Type, format!("{ty} cannot stand in {clause}"), "CAST it to TEXT"))
        }
        _ => Ok(()),
    }
}

/// True where the expression is the record's key itself: rows of one key lie in one partition already.
fn is_record_key(object: &Object, expr: &Expr) -> bool {
    let (Body::Stream(stream), Expr::Column { index, .. }) = (&object.body, expr) else { return false };
    stream.topic.is_some() && stream.columns.get(*index).is_some_and(|column| column.key)
}

fn storable(statement: &Statement, select: &Select, columns: &[(String, Expr)]) -> Result<(), Diagnostic> {
    for (name, expr) in columns {
        if !is_storable(expr.ty()) {
            let span = select
                .items
                .iter()
                .find_map(|item| match item {
                    SelectItem::Expr { expr, alias } if alias.as_ref().is_some_and(|a| a.text == *name) => {
                        Some(expr.span)
                    }
                    _ => None,
                })
                .unwrap_or(select.span);
            let cause = format!("column `{name}` is {}, which no record format writes", expr.ty());
            return Err(statement.error(
                span,
                Code::Type,
                cause,
                "write CAST(… AS TEXT), or epoch_ms(a) - epoch_ms(b)",
            ));
        }
    }
    Ok(())
}

fn order(
    statement: &Statement,
    select: &Select,
    scope: &Scope,
    mut grouping: Option<&mut Grouping>,
    columns: &[(String, Expr)],
    params: bool,
) -> Result<Vec<SortKey>, Diagnostic> {
    let mut keys = Vec::new();
    for key in &select.order_by {
        // A name of the result goes before a column of the input, a number is a position: PostgreSQL's rule for ORDER
        // BY.
        let named = match &key.expr.kind {
            ExprKind::Column { qualifier: None, name } => columns.iter().find(|(column, _)| *column == name.text),
            ExprKind::Number(text) => text.parse::<usize>().ok().and_then(|n| columns.get(n.wrapping_sub(1))),
            _ => None,
        };
        let expr = match named {
            Some((_, expr)) => expr.clone(),
            None => {
                let mut binder = Binder::new(statement, scope, "ORDER BY").with_params(params);
                binder.grouping = grouping.as_deref_mut();
                binder.any(&key.expr)?
            }
        };
        keys.push(SortKey { expr, descending: key.descending, nulls_first: key.nulls_first });
    }
    Ok(keys)
}

/// The first aggregate of the select list or ORDER BY.
fn first_aggregate(select: &Select) -> Option<&ast::Expr> {
    let items = select.items.iter().filter_map(|item| match item {
        SelectItem::Expr { expr, .. } => Some(expr),
        SelectItem::All(_) => None,
    });
    items.chain(select.order_by.iter().map(|key| &key.expr)).find_map(aggregate_in)
}

fn aggregate_in(expr: &ast::Expr) -> Option<&ast::Expr> {
    match &expr.kind {
        ExprKind::Call(call) if AggregateFunction::named(&call.name.text).is_some() => Some(expr),
        ExprKind::Call(call) => call.args.iter().find_map(aggregate_in),
        ExprKind::Unary { expr, .. } | ExprKind::Is { expr, .. } | ExprKind::Cast { expr, .. } => aggregate_in(expr),
        ExprKind::Binary { left, right, .. } => aggregate_in(left).or_else(|| aggregate_in(right)),
        ExprKind::Between { expr, low, high, .. } => {
            aggregate_in(expr).or_else(|| aggregate_in(low)).or_else(|| aggregate_in(high))
        }
        ExprKind::In { expr, list, .. } => aggregate_in(expr).or_else(|| list.iter().find_map(aggregate_in)),
        ExprKind::Like { expr, pattern, .. } => aggregate_in(expr).or_else(|| aggregate_in(pattern)),
        ExprKind::Case { operand, branches, otherwise } => operand
            .as_deref()
            .and_then(aggregate_in)
            .or_else(|| branches.iter().find_map(|(when, then)| aggregate_in(when).or_else(|| aggregate_in(then))))
            .or_else(|| otherwise.as_deref().and_then(aggregate_in)),
        _ => None,
    }
}

/// The window of a table, from its size and options.
pub(super) fn tumble(size_ms: i64, grace_ms: Option<i64>, retention_ms: Option<i64>) -> Tumble {
    let window = Tumble::with_grace(size_ms, grace_ms.unwrap_or(engine::plan::DEFAULT_GRACE_MS));
    Tumble { retention_ms: retention_ms.unwrap_or(window.retention_ms), ..window }
}
