//! The user's own HTTP endpoints, as plans: what to match, and what a call does.
//!
//! Never: speaks HTTP; `web` turns a [`EndpointReply`] into a response.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::outcome::RuntimeError;

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EndpointInfo {
    /// Name.
    pub name: String,
    /// `GET` or `POST`.
    pub method: String,
    /// Path with `{parameters}`.
    pub path: String,
    /// Whether a call writes to a topic (`INTO`): web safety's rules for writes apply.
    pub writes: bool,
    /// Milliseconds between two server-sent events (`every`), the first after one such interval.
    pub every_ms: Option<i64>,
    /// The statement, placeholders filled.
    pub sql: String,
}

/// What a method and path lead to.
pub enum EndpointMatch {
    /// This endpoint, with its path parameters taken.
    Found(EndpointCall),
    /// The path is one's, but not with this method (405); the methods that it has.
    MethodNotAllowed(Vec<String>),
    /// No endpoint has this path.
    NotFound,
}

/// What a call answered.
pub enum EndpointReply {
    /// 200 with the event as JSON in the endpoint's field order; it is durable at this place.
    Written {
        /// The event.
        json: String,
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
        /// Timestamp in ms.
        timestamp_ms: i64,
    },
    /// 200 with this JSON.
    Json(String),
    /// Server-sent events; each datum is to be written as `data:<json>` and an empty line, without a space.
    Ticker(EndpointTicker),
}

/// An endpoint that was matched, ready to be called.
pub struct EndpointCall {
    pub(crate) plan: Arc<dyn EndpointPlan>,
    pub(crate) params: Vec<(String, String)>,
}

impl EndpointCall {
    /// The endpoint.
    #[must_use]
    pub fn info(&self) -> &EndpointInfo {
        self.plan.info()
    }

    /// Calls it. `query` are the decoded parameters of the URL's query part; path parameters win over them.
    /// A written event is durable when this returns.
    pub async fn call(self, query: &[(String, String)]) -> Result<EndpointReply, RuntimeError> {
        let mut params = self.params;
        params.extend(query.iter().cloned());
        let plan = self.plan.clone();
        match self.plan.info().every_ms {
            Some(every_ms) => Ok(EndpointReply::Ticker(EndpointTicker::new(plan, params, every_ms))),
            None => plan.call(params).await,
        }
    }
}

/// A stream of server-sent events that is pulled: nothing is computed for a client that does not read.
pub struct EndpointTicker {
    plan: Arc<dyn EndpointPlan>,
    params: Vec<(String, String)>,
    interval: tokio::time::Interval,
}

impl EndpointTicker {
    fn new(plan: Arc<dyn EndpointPlan>, params: Vec<(String, String)>, every_ms: i64) -> Self {
        let every = Duration::from_millis(every_ms.max(1) as u64);
        let mut interval = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        Self { plan, params, interval }
    }

    /// Waits for the next tick and answers the JSON of its event; `None` when the endpoint was dropped or the
    /// instance stops.
    pub async fn next(&mut self) -> Option<Result<String, RuntimeError>> {
        tokio::select! {
            _ = self.interval.tick() => {}
            () = self.plan.ended() => return None,
        }
        match self.plan.call(self.params.clone()).await {
            Ok(EndpointReply::Json(json)) => Some(Ok(json)),
            Ok(EndpointReply::Written { json, .. }) => Some(Ok(json)),
            Ok(EndpointReply::Ticker(_)) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// A future of an endpoint's plan.
pub(crate) type PlanFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an endpoint does when it is called.
pub(crate) trait EndpointPlan: Send + Sync {
    /// Its description.
    fn info(&self) -> &EndpointInfo;
    /// One call; the first parameter of a name wins.
    fn call(&self, params: Vec<(String, String)>) -> PlanFuture<'_, Result<EndpointReply, RuntimeError>>;
    /// Completes when the endpoint is dropped or the instance stops.
    fn ended(&self) -> PlanFuture<'_, ()>;
}

/// Matches a path with a template; gives the parameters. A parameter is one whole, non-empty segment.
pub(crate) fn match_path(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let mut params = Vec::new();
    let mut segments = path.split('/');
    for wanted in template.split('/') {
        let segment = segments.next()?;
        match wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return None,
            Some(name) => params.push((name.to_owned(), segment.to_owned())),
            None if wanted == segment => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(params)
}

/// Fills `{parameters}` into a template; `Err` names one that was not given.
pub(crate) fn fill(template: &str, params: &HashMap<String, String>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}') else { break };
        let name = &rest[open + 1..open + close];
        filled.push_str(&rest[..open]);
        filled.push_str(params.get(name).ok_or_else(|| name.to_owned())?);
        rest = &rest[open + close + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::{fill, match_path};

    #[test]
    fn paths() {
        let check = |template: &str, path: &str, expected: Option<&[(&str, &str)]>| {
            let got = match_path(template, path);
            let got: Option<Vec<(&str, &str)>> =
                got.as_ref().map(|params| params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect());
            assert_eq!(got.as_deref(), expected, "{template} {path}");
        };
        check("/analytics", "/analytics", Some(&[]));
        check("/analytics", "/analytics/", None);
        check("/publish/{topic}/{name}", "/publish/R1/P1", Some(&[("topic", "R1"), ("name", "P1")]));
        check("/publish/{topic}/{name}", "/publish/R1", None);
        check("/publish/{topic}/{name}", "/publish/R1/", None);
        check("/publish/{topic}/{name}", "/publish/R1/P1/x", None);
    }

    #[test]
    fn templates() {
        let params = [("topic".to_owned(), "R2".to_owned())].into();
        assert_eq!(fill("{topic}", &params).as_deref(), Ok("R2"));
        assert_eq!(fill("a-{topic}-b", &params).as_deref(), Ok("a-R2-b"));
        assert_eq!(fill("{name}", &params), Err("name".to_owned()));
    }
}
