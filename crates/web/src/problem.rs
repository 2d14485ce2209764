//! Errors as `application/problem+json`, with cause and fix (`docs/http.md` §1.1).

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use runtime::{Diagnostic, ExecuteError, RuntimeError};
use serde::Serialize;

/// What went wrong, for the one who asked. Boxed: every handler's `Result` carries room for it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Problem(Box<Details>);

#[derive(Debug, Serialize)]
struct Details {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    fix: Option<String>,
    code: String,
    errors: Vec<Diagnostic>,
    #[serde(skip)]
    allow: Option<String>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &str, cause: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: cause.into(),
            fix: None,
            code: code.to_owned(),
            errors: Vec::new(),
            allow: None,
        }))
    }

    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.0.fix = Some(fix.into());
        self
    }

    pub fn bad_parameter(name: &str, why: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_parameter", format!("parameter `{name}`: {why}"))
    }

    pub fn method_not_allowed(allow: &[String]) -> Self {
        let allow = allow.join(", ");
        let cause = format!("this path answers {allow} only");
        let mut problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", cause);
        problem.0.allow = Some(allow);
        problem
    }
}

impl From<RuntimeError> for Problem {
    fn from(error: RuntimeError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut problem = Self::new(status, error.code, error.cause);
        problem.0.fix = error.fix;
        problem
    }
}

impl From<ExecuteError> for Problem {
    fn from(error: ExecuteError) -> Self {
        let (status, errors) = match error {
            ExecuteError::Text(errors) => (StatusCode::BAD_REQUEST, errors),
            ExecuteError::Conflict(errors) => (StatusCode::CONFLICT, errors),
            ExecuteError::Runtime(error) => return error.into(),
        };
        let first = errors.first();
        let code = match status {
            StatusCode::CONFLICT => "conflict".to_owned(),
            _ => first.map_or_else(|| "sql".to_owned(), |e| e.code.clone()),
        };
        let detail = first.map(|e| e.cause.clone()).unwrap_or_default();
        let fix = first.and_then(|e| e.fix.clone());
        let mut problem = Self::new(status, &code, detail);
        problem.0.fix = fix;
        problem.0.errors = errors;
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(allow) = self.0.allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}
