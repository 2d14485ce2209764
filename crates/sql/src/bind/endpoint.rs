//! CREATE ENDPOINT: paths, parameters, and where its rows go.

use super::create::{into_columns, plain_values};
use super::topic::topic_name;
use super::{query, writable};
use crate::ast::{Create, ObjectKind, Statement, Target};
use crate::catalog::{Body, Catalog, Endpoint, EndpointTarget, Method, Object, PullOutput};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::options::Options;

pub(super) fn endpoint(statement: &Statement, create: &Create, catalog: &Catalog) -> Result<Endpoint, Diagnostic> {
    let known = ["method", "path", "every", "value_format"];
    let options = Options::new(statement, &create.options, "an endpoint", &known)?;
    let Some(path) = options.text("path")? else {
        let fix = format!("add WITH (path = '/{}')", create.name.text);
        return Err(statement.error(create.name.span, Code::BadOption, "an endpoint needs a path", fix));
    };
    check_path(&options, &path)?;
    let other = catalog.of_kind(ObjectKind::Endpoint).find(|object| {
        object.name != create.name.text && matches!(&object.body, Body::Endpoint(e) if same_route(&e.path, &path))
    });
    let method = match options.choice("method", &["GET", "POST"])? {
        Some("POST") => Method::Post,
        _ => Method::Get,
    };
    if let Some(Object { name, body: Body::Endpoint(endpoint), .. }) = other
        && endpoint.method == method
    {
        return Err(options.bad("path", format!("the endpoint `{name}` has this path already"), "use another path"));
    }
    let every_ms = options.duration_ms("every", false)?;
    let value_format = options.choice("value_format", &["json"])?.unwrap_or("json").to_string();
    let Some(select) = &create.query else {
        return Err(statement.error(statement.span, Code::Syntax, "an endpoint needs AS SELECT", ""));
    };
    if create.into.is_some() && every_ms.is_some() {
        return Err(options.bad(
            "every",
            "`every` with INTO",
            "an endpoint that writes answers once; for a steady supply CREATE GENERATOR",
        ));
    }
    let mut query = query::pull(statement, select, catalog, true)?;
    let into = match &create.into {
        None => None,
        Some(target) => {
            let values = query::values(statement, select, "an endpoint that writes", true)?;
            plain_values(statement, select)?;
            let (target, columns) = match target {
                Target::Topic { template, span } => {
                    check_template(statement, template, *span)?;
                    (EndpointTarget::Topic(template.clone()), values)
                }
                Target::Object(into) => {
                    let stream = writable(statement, into, catalog)?;
                    let columns = into_columns(statement, select, into, stream, values)?;
                    (EndpointTarget::Stream(into.text.clone()), columns)
                }
            };
            query.output = PullOutput::Rows(columns);
            Some(target)
        }
    };
    Ok(Endpoint { method, path, every_ms, value_format, into, query })
}

/// Paths that belong to the console and the API.
const RESERVED_PATHS: [&str; 10] =
    ["/", "/index.html", "/v1", "/metrics", "/livez", "/readyz", "/healthz", "/openapi.json", "/actuator", "/assets"];

fn check_path(options: &Options, path: &str) -> Result<(), Diagnostic> {
    let error = |cause: String, fix: &str| Err(options.bad("path", cause, fix));
    if !path.starts_with('/') {
        return error(format!("the path '{path}' does not begin with `/`"), "write '/name'");
    }
    let taken = RESERVED_PATHS.iter().find(|taken| {
        path == **taken || (**taken != "/" && path.strip_prefix(**taken).is_some_and(|rest| rest.starts_with('/')))
    });
    if let Some(taken) = taken {
        return error(format!("the path {taken} belongs to Millstream itself"), "use another path");
    }
    let mut names: Vec<&str> = Vec::new();
    for segment in path[1..].split('/') {
        if segment.is_empty() {
            return error(format!("the path '{path}' has an empty part"), "");
        }
        let inner = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match inner {
            Some(name) if is_parameter(name) && !names.contains(&name) => names.push(name),
            Some(name) => {
                return error(
                    format!("`{{{name}}}` cannot be a parameter of the path"),
                    "use each name once, of letters, digits and `_`",
                );
            }
            None if segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b)) => {}
            None => {
                return error(
                    format!("the part '{segment}' cannot stand in a path"),
                    "parameters are whole parts: '/publish/{topic}/{name}'",
                );
            }
        }
    }
    Ok(())
}

fn is_parameter(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Paths that differ only in the names of their parameters match the same requests.
fn same_route(a: &str, b: &str) -> bool {
    let shape = |path: &str| -> Vec<String> {
        path.split('/').map(|s| if s.starts_with('{') { "{}".to_string() } else { s.to_string() }).collect()
    };
    shape(a) == shape(b)
}

fn check_template(statement: &Statement, template: &str, span: Span) -> Result<(), Diagnostic> {
    let mut rest = template;
    let mut fixed = String::new();
    let error = |cause: String, fix: &str| Err(statement.error(span, Code::Value, cause, fix));
    while let Some(at) = rest.find('{') {
        fixed.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}') else {
            return error(format!("'{template}' has a `{{` without `}}`"), "parameters are written {name}");
        };
        let name = &rest[at + 1..at + end];
        if !is_parameter(name) {
            return error(format!("`{{{name}}}` is no parameter"), "use letters, digits and `_`");
        }
        fixed.push('x');
        rest = &rest[at + end + 1..];
    }
    fixed.push_str(rest);
    topic_name(&fixed)
        .map_err(|why| statement.error(span, Code::Value, format!("'{template}' cannot be a topic's name: {why}"), ""))
}
