//! Statements (`docs/http.md` §6).

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use runtime::{ExecuteOptions, StatementOutcome};
use serde::{Deserialize, Serialize};

use super::{Answer, App, json, written_json};
use crate::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlRequest {
    sql: String,
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct SqlAnswer {
    statements: Vec<StatementOutcome>,
}

pub(super) async fn execute(State(shared): App, request: Request) -> Answer {
    let SqlRequest { sql, settings } = written_json(&shared, request).await?;
    let options = ExecuteOptions { settings: settings.into_iter().collect(), ..ExecuteOptions::default() };
    let instance = shared.instance.clone();
    let executed = tokio::task::spawn_blocking(move || instance.execute(&sql, &options)).await;
    let internal =
        |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the statements failed unexpectedly");
    json(&SqlAnswer { statements: executed.map_err(internal)?? })
}
