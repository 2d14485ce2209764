//! Topics and their records (`docs/http.md` §5).

use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use runtime::{BrowseOptions, InstantMs, NewRecord, TopicStatus, WrittenRecord};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, App, Params, PathNames, blocking, json, name, written_json};
use crate::problem::Problem;

const RECORDS_READ_MAX: usize = 500;
const RECORDS_WRITTEN_MAX: usize = 1000;

#[derive(Serialize)]
struct Topics {
    topics: Vec<TopicStatus>,
}

pub(super) async fn list(State(shared): App, RawQuery(query): RawQuery) -> Answer {
    let internal = Params::read(query.as_deref(), &["internal"])?.flag("internal")?;
    json(&Topics { topics: blocking(&shared, move |instance| Ok(instance.topics(internal))).await? })
}

pub(super) async fn one(State(shared): App, path: PathNames) -> Answer {
    json(&blocking(&shared, move |instance| instance.topic(name(&path, "topic"))).await?)
}

pub(super) async fn records(State(shared): App, path: PathNames, RawQuery(query): RawQuery) -> Answer {
    let params = Params::read(query.as_deref(), &["partition", "offset", "from", "to", "limit"])?;
    let default = BrowseOptions::default();
    let options = BrowseOptions {
        partition: params.parse("partition")?,
        offset: params.parse("offset")?.unwrap_or(default.offset),
        from_ms: params.parse::<InstantMs>("from")?.map(|at| at.0),
        to_ms: params.parse::<InstantMs>("to")?.map(|at| at.0),
        limit: params.parse("limit")?.unwrap_or(default.limit).min(RECORDS_READ_MAX),
    };
    json(&blocking(&shared, move |instance| instance.records(name(&path, "topic"), &options)).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteRequest {
    records: Vec<WriteRecord>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteRecord {
    #[serde(default)]
    key: Value,
    value: Value,
    partition: Option<i32>,
    timestamp: Option<String>,
    #[serde(default)]
    headers: Vec<WriteHeader>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteHeader {
    name: String,
    value: Option<String>,
}

#[derive(Serialize)]
struct Written {
    records: Vec<WrittenRecord>,
}

pub(super) async fn write(State(shared): App, path: PathNames, request: Request) -> Answer {
    let WriteRequest { records } = written_json(&shared, request).await?;
    if records.len() > RECORDS_WRITTEN_MAX {
        let cause = format!("{} records in one request; at most {RECORDS_WRITTEN_MAX}", records.len());
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad_request", cause).fix("send several requests"));
    }
    let records = records.into_iter().map(WriteRecord::parse).collect::<Result<Vec<_>, _>>()?;
    let records = shared.instance.write_records(name(&path, "topic"), records).await?;
    json(&Written { records })
}

impl WriteRecord {
    fn parse(self) -> Result<NewRecord, Problem> {
        let at = self.timestamp.map(|text| text.parse::<InstantMs>());
        let at = at.transpose().map_err(|e| Problem::new(StatusCode::BAD_REQUEST, "bad_request", e))?;
        Ok(NewRecord {
            key: bytes(self.key),
            value: bytes(self.value),
            partition: self.partition,
            timestamp_ms: at.map(|at| at.0),
            headers: self.headers.into_iter().map(|h| (h.name, h.value.map(String::into_bytes))).collect(),
        })
    }
}

/// A string is written as its text, `null` as null, anything else as its JSON text.
fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.into_bytes()),
        other => Some(other.to_string().into_bytes()),
    }
}
