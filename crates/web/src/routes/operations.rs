//! Health, metrics and the description of the API (`docs/http.md` §8).

use std::fmt::Write;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, StatusCode, header};
use runtime::{HealthCheck, Metric, MetricKind};
use serde::Serialize;

use super::{Answer, App, blocking, json};

const OPENAPI: &str = include_str!("../../openapi.json");

pub(super) async fn live() -> Answer {
    json(&serde_json::json!({"status": "live"}))
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    checks: Vec<HealthCheck>,
}

pub(super) async fn ready(State(shared): App) -> Answer {
    let stopping = *shared.stop.borrow();
    let health = blocking(&shared, |instance| Ok(instance.health())).await?;
    let ready = health.ready && !stopping;
    let status = if ready { "ready" } else { "not ready" };
    let mut response = json(&Readiness { status, checks: health.checks })?;
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

pub(super) async fn metrics(State(shared): App) -> Answer {
    let _alone = shared.scrape.lock().await;
    let metrics = blocking(&shared, |instance| Ok(instance.metrics())).await?;
    let mut text = String::new();
    let version = &shared.about.version;
    let _ = writeln!(text, "# HELP millstream_build_info The program's version.\n# TYPE millstream_build_info gauge");
    let _ = writeln!(text, "millstream_build_info{{version=\"{}\"}} 1", escape(version));
    metrics.iter().for_each(|metric| write_metric(&mut text, metric));
    let _ =
        writeln!(text, "# HELP millstream_web_refused_total Refused to web clients, because their address has enough.");
    let _ = writeln!(text, "# TYPE millstream_web_refused_total counter");
    for places in [&shared.connections, &shared.streams] {
        let _ = writeln!(text, "millstream_web_refused_total{{what=\"{}\"}} {}", places.what(), places.refused());
    }
    let mut response = Response::new(Body::from(text));
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

fn write_metric(text: &mut String, metric: &Metric) {
    let kind = match metric.kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
    };
    // Writing into a string cannot fail.
    let _ = writeln!(text, "# HELP {} {}\n# TYPE {} {kind}", metric.name, metric.help, metric.name);
    for sample in &metric.samples {
        text.push_str(&metric.name);
        if !sample.labels.is_empty() {
            let labels: Vec<String> = sample.labels.iter().map(|(n, v)| format!("{n}=\"{}\"", escape(v))).collect();
            let _ = write!(text, "{{{}}}", labels.join(","));
        }
        let _ = writeln!(text, " {}", sample.value);
    }
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

pub(super) async fn openapi() -> Answer {
    let mut response = Response::new(Body::from(OPENAPI));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
