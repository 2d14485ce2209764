//! One file per section of `docs/http.md`, and what all requests pass through.

mod endpoints;
mod operations;
mod queries;
pub(crate) mod sql;
mod topics;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use runtime::{Instance, RuntimeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::places::Place;
use crate::problem::Problem;
use crate::safety::Connection;
use crate::server::Shared;

/// Most bytes of a request's body.
const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a client may take to send it.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of a path with its query.
const URI_BYTES_MAX: usize = 8 * 1024;

pub(crate) type App = State<Arc<Shared>>;
pub(crate) type Answer = Result<Response<Body>, Problem>;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/queries", get(queries::list))
        .route("/v1/queries/{name}", get(queries::one))
        .route("/v1/queries/{name}/trace", get(queries::trace))
        .route("/v1/tables/{name}", get(queries::table))
        .route("/v1/stream", get(queries::stream))
        .route("/v1/topics", get(topics::list))
        .route("/v1/topics/{topic}", get(topics::one))
        .route("/v1/topics/{topic}/records", get(topics::records).post(topics::write))
        .route("/v1/sql", post(sql::execute))
        .route("/v1/generators", get(endpoints::generators))
        .route("/v1/generators/{name}/pause", post(endpoints::pause))
        .route("/v1/generators/{name}/resume", post(endpoints::resume))
        .route("/livez", get(operations::live))
        .route("/actuator/health/liveness", get(operations::live))
        .route("/readyz", get(operations::ready))
        .route("/healthz", get(operations::ready))
        .route("/actuator/health", get(operations::ready))
        .route("/actuator/health/readiness", get(operations::ready))
        .route("/metrics", get(operations::metrics))
        .route("/openapi.json", get(operations::openapi))
        .method_not_allowed_fallback(wrong_method)
        .fallback(endpoints::endpoint_or_file)
        .layer(middleware::from_fn_with_state(shared.clone(), admit))
        .with_state(shared)
}

/// What every request passes: the rules of [`crate::safety`], and the headers that every answer has.
async fn admit(State(shared): App, request: Request, next: Next) -> Response<Body> {
    let mut response = match admitted(&shared, request) {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn admitted(shared: &Shared, request: Request) -> Result<Request, Problem> {
    let (parts, body) = request.into_parts();
    if parts.uri.path_and_query().is_some_and(|p| p.as_str().len() > URI_BYTES_MAX) {
        let cause = format!("the path is longer than {URI_BYTES_MAX} bytes");
        return Err(Problem::new(StatusCode::URI_TOO_LONG, "too_large", cause));
    }
    shared.policy.admit(&parts, &connection(&parts)?)?;
    Ok(Request::from_parts(parts, body))
}

pub(crate) fn connection(parts: &Parts) -> Result<Connection, Problem> {
    let missing = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the connection is not known");
    parts.extensions.get::<Connection>().copied().ok_or_else(missing)
}

/// A place among the live streams of this connection's address.
pub(crate) fn stream_place(shared: &Shared, connection: Connection) -> Result<Place, Problem> {
    shared.streams.enter(connection.peer.ip()).ok_or_else(|| {
        let cause = "this address has as many live streams as it may have";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", cause).fix("close pages that are not needed")
    })
}

async fn wrong_method(request: Request) -> Response<Body> {
    let path = request.uri().path();
    let posts = path == "/v1/sql" || path.ends_with("/pause") || path.ends_with("/resume");
    let methods: &[&str] = match path {
        _ if posts => &["POST"],
        _ if path.ends_with("/records") => &["GET", "POST"],
        _ => &["GET"],
    };
    Problem::method_not_allowed(&methods.iter().map(|m| (*m).to_owned()).collect::<Vec<_>>()).into_response()
}

/// A JSON answer.
pub(crate) fn json(value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).map_err(|e| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", format!("cannot write the answer: {e}"))
    })?;
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The JSON body of a request that writes, after the rules for writes.
pub(crate) async fn written_json<T: DeserializeOwned>(shared: &Shared, request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    shared.policy.admit_write(&parts, &connection(&parts)?)?;
    let is_json = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.split(';').next().is_some_and(|v| v.trim().eq_ignore_ascii_case("application/json")));
    if !is_json {
        let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", "the body must be JSON");
        return Err(problem.fix("send Content-Type: application/json"));
    }
    let bytes = body_bytes(body).await?;
    object_of(&bytes)
}

/// The object that a body is.
pub(crate) fn object_of<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        // Of an array it would be said how many elements which of our types has.
        let problem = Problem::new(StatusCode::BAD_REQUEST, "bad_request", "the body is not a JSON object");
        return Err(problem.fix("send an object with named fields: { … }; docs/http.md names them"));
    }
    serde_json::from_slice(bytes)
        .map_err(|e| Problem::new(StatusCode::BAD_REQUEST, "bad_request", format!("the body is not as expected: {e}")))
}

async fn body_bytes(body: Body) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let cause = format!("the body is longer than {BODY_BYTES_MAX} bytes, or was cut off");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", cause))
        }
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "bad_request", "the body did not come in time")),
    }
}

/// Runs a call that may block on the disk.
pub(crate) async fn blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    call: impl FnOnce(&Instance) -> Result<T, RuntimeError> + Send + 'static,
) -> Result<T, Problem> {
    let instance = shared.instance.clone();
    match tokio::task::spawn_blocking(move || call(&instance)).await {
        Ok(outcome) => outcome.map_err(Problem::from),
        Err(_) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request failed unexpectedly")),
    }
}

/// The parameters after the `?`, decoded, in order.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads them; `known` are the names that the path understands.
    pub fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let all = Self::decode(query);
        match all.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => {
                Err(Problem::bad_parameter(name, format!("not known here; known are {}", known.join(", "))))
            }
            None => Ok(Self(all)),
        }
    }

    /// Name and value of each parameter.
    pub fn decode(query: Option<&str>) -> Vec<(String, String)> {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (percent_decode(name, true), percent_decode(value, true))
            })
            .collect()
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.clone()).collect()
    }

    pub fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        let parse = |text: &str| text.parse().map_err(|e| Problem::bad_parameter(name, format!("`{text}`: {e}")));
        self.text(name).map(parse).transpose()
    }

    pub fn required<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T, Problem> {
        self.parse(name)?.ok_or_else(|| Problem::bad_parameter(name, "is missing"))
    }

    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true" | "") => Ok(true),
            Some(other) => Err(Problem::bad_parameter(name, format!("`{other}` is neither true nor false"))),
        }
    }
}

/// Decodes `%41` and, in a query, `+`. What is not UTF-8 afterwards gets replacement characters; a stray `%` stays.
pub(crate) fn percent_decode(text: &str, plus_is_space: bool) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|d| d as u8);
        rest = after;
        match (first, after) {
            (b'%', [high, low, tail @ ..]) if digit(*high).is_some() && digit(*low).is_some() => {
                out.push(digit(*high).unwrap_or(0) << 4 | digit(*low).unwrap_or(0));
                rest = tail;
            }
            (b'+', _) if plus_is_space => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A lookup of names that handlers take from a path.
pub(crate) type PathNames = axum::extract::Path<HashMap<String, String>>;

pub(crate) fn name<'p>(path: &'p PathNames, name: &str) -> &'p str {
    path.get(name).map_or("", String::as_str)
}
