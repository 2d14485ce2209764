//! Queries, their tables and their live stream (`docs/http.md` §2–§4).

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use runtime::{Isolation, QueryStatus, SubscribeOptions, TableResult, TraceOutcome};
use serde::Serialize;
use serde_json::Value;

use super::{Answer, App, Params, PathNames, blocking, json, name, stream_place};
use crate::problem::Problem;
use crate::safety::Connection;
use crate::stream;

const ROWS_MAX: usize = 100_000;
const TRACE_WAIT_MS_MAX: u64 = 5_000;
const TRACE_LOOK_EVERY: Duration = Duration::from_millis(10);

#[derive(Serialize)]
struct Queries {
    queries: Vec<QueryStatus>,
}

pub(super) async fn list(State(shared): App) -> Answer {
    json(&Queries { queries: blocking(&shared, |instance| Ok(instance.queries())).await? })
}

pub(super) async fn one(State(shared): App, path: PathNames) -> Answer {
    json(&blocking(&shared, move |instance| instance.query(name(&path, "name"))).await?)
}

pub(super) async fn trace(State(shared): App, path: PathNames, RawQuery(query): RawQuery) -> Answer {
    let params = Params::read(query.as_deref(), &["topic", "partition", "offset", "wait_ms"])?;
    let topic: String = params.required("topic")?;
    let partition: i32 = params.required("partition")?;
    let offset: i64 = params.required("offset")?;
    let wait_ms = params.parse::<u64>("wait_ms")?.unwrap_or(0).min(TRACE_WAIT_MS_MAX);
    let deadline = tokio::time::Instant::now() + Duration::from_millis(wait_ms);
    loop {
        let (query, topic) = (name(&path, "name").to_owned(), topic.clone());
        let trace = blocking(&shared, move |instance| instance.trace(&query, &topic, partition, offset)).await;
        let unsettled = match &trace {
            Ok(trace) => trace.outcome == TraceOutcome::Pending,
            Err(_) => false,
        };
        if !unsettled || tokio::time::Instant::now() >= deadline {
            return json(&trace?);
        }
        tokio::time::sleep(TRACE_LOOK_EVERY).await;
    }
}

pub(super) async fn table(
    State(shared): App,
    path: PathNames,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let params = Params::read(query.as_deref(), &["isolation", "limit", "format"])?;
    let isolation = match params.text("isolation") {
        None | Some("latest") => Isolation::Latest,
        Some("committed") => Isolation::Committed,
        Some(other) => {
            return Err(Problem::bad_parameter("isolation", format!("`{other}` is neither latest nor committed")));
        }
    };
    let limit = params.parse::<usize>("limit")?.unwrap_or(ROWS_MAX).min(ROWS_MAX);
    let accepts_csv = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/csv"));
    let csv = match params.text("format") {
        None => accepts_csv,
        Some("json") => false,
        Some("csv") => true,
        Some(other) => return Err(Problem::bad_parameter("format", format!("`{other}` is neither json nor csv"))),
    };
    let result = blocking(&shared, move |instance| instance.table(name(&path, "name"), isolation, limit)).await?;
    if csv { Ok(csv_of(&result)) } else { json(&result) }
}

fn csv_of(table: &TableResult) -> Response<Body> {
    let mut text = String::new();
    let mut line = |fields: &mut dyn Iterator<Item = String>| {
        let fields: Vec<String> = fields.map(csv_field).collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    };
    line(&mut table.columns.iter().map(|column| column.name.clone()));
    for row in &table.rows {
        line(&mut row.iter().map(|value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }));
    }
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let file: String = table.table.chars().filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c)).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{file}.csv\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

fn csv_field(text: String) -> String {
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

pub(super) async fn stream(
    State(shared): App,
    Extension(connection): Extension<Connection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let place = stream_place(&shared, connection)?;
    let params = Params::read(query.as_deref(), &["q", "topic", "stats", "fps", "since"])?;
    let options = SubscribeOptions {
        queries: params.all("q"),
        topics: params.all("topic"),
        stats: params.flag("stats")?,
        fps: params.parse("fps")?,
    };
    let subscription = blocking(&shared, move |instance| instance.subscribe(&options)).await?;
    let header = headers.get("last-event-id").and_then(|v| v.to_str().ok());
    let last_id = header.or(params.text("since")).map(str::to_owned);
    Ok(stream::live(shared, place, subscription, last_id.as_deref()))
}
