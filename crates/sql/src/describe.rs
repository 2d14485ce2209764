//! Plans in words, for people: the console's cards, `DESCRIBE`, `EXPLAIN`.
//!
//! Never: decides anything.

use std::fmt::Write;

use engine::plan::{Emit, Operator};

use crate::ast::{self, ExprKind, IsWhat, UnaryOp};
use crate::catalog::{Body, Catalog, EndpointTarget, Object, PullOutput, PullQuery};
use crate::duration;

/// What a card of the console shows of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    /// Its kind: `table`.
    pub kind: &'static str,
    /// Its statement on one line.
    pub sql: String,
    /// The stream or table that it reads.
    pub reads: Option<String>,
    /// The topic, connector, stream or path that it writes to.
    pub writes: Option<String>,
    /// WHERE, as text.
    pub filter: Option<String>,
    /// The window: `5 seconds`.
    pub window: Option<String>,
    /// How late a record may be: `1 minute`.
    pub grace: Option<String>,
    /// How long a window can be read: `1 minute 5 seconds` as `65 seconds`.
    pub retention: Option<String>,
    /// When results come out: `changes`, `final`.
    pub emit: Option<&'static str>,
    /// The interval of a generator or an endpoint.
    pub every: Option<String>,
}

/// The card of an object.
pub fn card(object: &Object) -> Card {
    let mut card = Card {
        kind: object.kind().name(),
        sql: object.statement.text.clone(),
        reads: object.reads().map(str::to_string),
        writes: object.topic().map(|topic| topic.name.clone()),
        ..Card::default()
    };
    match &object.body {
        Body::Stream(stream) => {
            card.filter =
                stream.query.as_ref().and_then(|query| query.input.filter.as_ref()).map(|(_, text)| text.clone());
        }
        Body::Table(table) => {
            card.filter = table.input.filter.as_ref().map(|(_, text)| text.clone());
            card.window = table.window.map(|window| duration::text(window.size_ms));
            card.grace = table.window.map(|window| duration::text(window.grace_ms));
            card.retention = table.window.map(|window| duration::text(window.retention_ms));
            card.emit = Some(match table.emit {
                Emit::Final => "final",
                Emit::Changes | Emit::Every { .. } => "changes",
            });
        }
        Body::Sink(sink) => {
            card.filter = sink.query.input.filter.as_ref().map(|(_, text)| text.clone());
            card.writes = Some(sink.connector.clone());
        }
        Body::Generator(generator) => {
            card.writes = Some(generator.into.clone());
            card.every = Some(duration::text(generator.every_ms));
        }
        Body::Endpoint(endpoint) => {
            card.every = endpoint.every_ms.map(duration::text);
            card.writes = endpoint.into.as_ref().map(|target| match target {
                EndpointTarget::Topic(template) => format!("topic {template}"),
                EndpointTarget::Stream(name) => name.clone(),
            });
        }
    }
    card
}

/// What a declaration would run: its columns, and the topology that it would belong to, one node a line.
pub fn explain(object: &Object, catalog: &Catalog) -> String {
    let mut with = catalog.clone();
    with.insert(object.clone());
    let mut out = format!("{} {}", object.kind().name(), object.name);
    let columns: Vec<String> = object.columns().iter().map(|(name, ty)| format!("{name} {ty}")).collect();
    let _ = writeln!(out, " ({})", columns.join(", "));
    let Some(plan) = with.topology_of(&object.name) else { return out };
    let _ = writeln!(out, "topology {}: {}", plan.root, plan.statements.join(", "));
    for (id, node) in plan.topology.nodes.iter().enumerate() {
        let from = node.inputs.first().map_or(String::new(), |input| format!(" <- {input}"));
        let _ = writeln!(out, "{id}{from} {}", operator_text(&node.operator));
    }
    out
}

/// What a pull query would read.
pub fn explain_pull(pull: &PullQuery) -> String {
    let columns: Vec<String> = pull.columns().iter().map(|(name, ty)| format!("{name} {ty}")).collect();
    let from = pull.table.as_deref().map_or("nothing".to_string(), |table| format!("the store of {table}"));
    let grouped = if matches!(pull.output, PullOutput::Groups { .. }) { ", grouped" } else { "" };
    format!("answered once from {from}{grouped} ({})\n", columns.join(", "))
}

fn operator_text(operator: &Operator) -> String {
    let names = |columns: &[(String, engine::Expr)]| {
        columns.iter().map(|(name, expr)| format!("{name} {}", expr.ty())).collect::<Vec<_>>().join(", ")
    };
    match operator {
        Operator::Source(source) => {
            let columns: Vec<String> = source.schema.fields.iter().map(|f| format!("{} {}", f.name, f.ty)).collect();
            let metadata: Vec<String> = source.metadata.iter().map(|m| format!(" {m:?}").to_lowercase()).collect();
            format!("source {} {} ({}){}", source.topic, source.value_format, columns.join(", "), metadata.join(","))
        }
        Operator::Filter(filter) => format!("filter {}", filter.text),
        Operator::Project(project) => format!("project {}", names(&project.columns)),
        Operator::Rekey(rekey) => format!("key {}", names(&rekey.columns)),
        Operator::Exchange(exchange) => {
            format!("exchange by {} column(s), {}", exchange.by.len(), exchange.repartition)
        }
        Operator::Aggregate(aggregate) => {
            let calls: Vec<String> = aggregate
                .calls
                .iter()
                .map(|(name, call)| format!("{name} = {} {}", call.function.name(), call.ty))
                .collect();
            let window = aggregate.window.map_or(String::new(), |window| {
                format!(
                    " in windows of {}, grace {}, retention {}",
                    duration::text(window.size_ms),
                    duration::text(window.grace_ms),
                    duration::text(window.retention_ms)
                )
            });
            let emit = if aggregate.emit == Emit::Final { ", final" } else { "" };
            format!("aggregate {} by {}{window}: {}{emit}", aggregate.store, names(&aggregate.group), calls.join(", "))
        }
        Operator::ToStream => "to stream".to_string(),
        Operator::Sink(sink) => {
            let columns: Vec<&str> = sink.columns.iter().map(|(name, _)| name.as_str()).collect();
            let target = match &sink.target {
                engine::plan::SinkTarget::Topic(topic) => format!("topic {topic}"),
                engine::plan::SinkTarget::Connector(connector) => format!("connector {connector}"),
            };
            format!("sink {target} key {} value {} ({})", sink.key_format, sink.value_format, columns.join(", "))
        }
    }
}

/// An expression as SQL, in one canonical spelling.
pub fn expr_text(expr: &ast::Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr, 0);
    out
}

/// Binding strength, as in the parser: an operand that binds looser than its place is put in parentheses.
fn strength(kind: &ExprKind) -> u8 {
    use ast::BinaryOp as Op;
    match kind {
        ExprKind::Binary { op, .. } => match op {
            Op::Or => 1,
            Op::And => 2,
            Op::Equal | Op::NotEqual | Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual => 5,
            Op::IsDistinctFrom | Op::IsNotDistinctFrom => 4,
            Op::Concat => 7,
            Op::Add | Op::Subtract => 8,
            Op::Multiply | Op::Divide | Op::Remainder => 9,
        },
        ExprKind::Unary { op: UnaryOp::Not, .. } => 3,
        ExprKind::Is { .. } => 4,
        ExprKind::Between { .. } | ExprKind::In { .. } | ExprKind::Like { .. } => 6,
        ExprKind::Unary { .. } => 10,
        _ => 20,
    }
}

fn name_text(out: &mut String, name: &ast::Ident) {
    if name.quoted {
        let _ = write!(out, "\"{}\"", name.text.replace('"', "\"\""));
    } else {
        out.push_str(&name.text);
    }
}

fn comma_list(out: &mut String, exprs: &[ast::Expr]) {
    for (i, expr) in exprs.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_expr(out, expr, 0);
    }
}

fn write_expr(out: &mut String, expr: &ast::Expr, place: u8) {
    let own = strength(&expr.kind);
    let parens = own < place;
    if parens {
        out.push('(');
    }
    let not = |negated: bool| if negated { " NOT" } else { "" };
    match &expr.kind {
        ExprKind::Column { qualifier, name } => {
            if let Some(qualifier) = qualifier {
                name_text(out, qualifier);
                out.push('.');
            }
            name_text(out, name);
        }
        ExprKind::Null => out.push_str("NULL"),
        ExprKind::Boolean(value) => out.push_str(if *value { "TRUE" } else { "FALSE" }),
        ExprKind::Number(text) => out.push_str(text),
        ExprKind::Text(text) => {
            let _ = write!(out, "'{}'", text.replace('\'', "''"));
        }
        ExprKind::Timestamp(text) => {
            let _ = write!(out, "TIMESTAMP '{}'", text.replace('\'', "''"));
        }
        ExprKind::Interval(ms) => {
            let _ = write!(out, "INTERVAL '{}'", duration::text(*ms));
        }
        ExprKind::Unary { op, expr } => {
            out.push_str(match op {
                UnaryOp::Not => "NOT ",
                UnaryOp::Minus => "-",
                UnaryOp::Plus => "+",
            });
            write_expr(out, expr, own);
        }
        ExprKind::Binary { op, left, right, .. } => {
            write_expr(out, left, own);
            let _ = write!(out, " {} ", op.symbol());
            write_expr(out, right, own + 1);
        }
        ExprKind::Is { expr, what, negated } => {
            write_expr(out, expr, own);
            let what = match what {
                IsWhat::Null => "NULL",
                IsWhat::True => "TRUE",
                IsWhat::False => "FALSE",
            };
            let _ = write!(out, " IS{} {what}", not(*negated));
        }
        ExprKind::Between { expr, low, high, negated } => {
            write_expr(out, expr, own + 1);
            let _ = write!(out, "{} BETWEEN ", not(*negated));
            write_expr(out, low, own + 1);
            out.push_str(" AND ");
            write_expr(out, high, own + 1);
        }
        ExprKind::In { expr, list, negated } => {
            write_expr(out, expr, own + 1);
            let _ = write!(out, "{} IN (", not(*negated));
            comma_list(out, list);
            out.push(')');
        }
        ExprKind::Like { expr, pattern, negated, case_insensitive } => {
            write_expr(out, expr, own + 1);
            let _ = write!(out, "{} {} ", not(*negated), if *case_insensitive { "ILIKE" } else { "LIKE" });
            write_expr(out, pattern, own + 1);
        }
        ExprKind::Case { operand, branches, otherwise } => {
            out.push_str("CASE");
            if let Some(operand) = operand {
                out.push(' ');
                write_expr(out, operand, 0);
            }
            for (when, then) in branches {
                out.push_str(" WHEN ");
                write_expr(out, when, 0);
                out.push_str(" THEN ");
                write_expr(out, then, 0);
            }
            if let Some(otherwise) = otherwise {
                out.push_str(" ELSE ");
                write_expr(out, otherwise, 0);
            }
            out.push_str(" END");
        }
        ExprKind::Cast { expr, to } => {
            out.push_str("CAST(");
            write_expr(out, expr, 0);
            let _ = write!(out, " AS {})", crate::bind::type_name(*to));
        }
        ExprKind::Call(call) => {
            name_text(out, &call.name);
            out.push('(');
            if call.star {
                out.push('*');
            }
            if call.distinct {
                out.push_str("DISTINCT ");
            }
            comma_list(out, &call.args);
            for (i, key) in call.order_by.iter().enumerate() {
                out.push_str(if i == 0 { " ORDER BY " } else { ", " });
                write_expr(out, &key.expr, 0);
                out.push_str(if key.descending { " DESC" } else { "" });
            }
            out.push(')');
            if let Some(filter) = &call.filter {
                out.push_str(" FILTER (WHERE ");
                write_expr(out, filter, 0);
                out.push(')');
            }
        }
    }
    if parens {
        out.push(')');
    }
}
