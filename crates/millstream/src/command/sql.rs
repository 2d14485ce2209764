//! `millstream sql`: executes statements on a running instance, over its HTTP API.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::{Exit, Failure};
use crate::command::http::{self, Answer};
use crate::command::table;

/// Flags of `sql`.
#[derive(Debug, Args)]
pub struct SqlFlags {
    /// Statements. Without them and without --file they are read from standard input.
    statements: Vec<String>,
    /// Files with statements. May be repeated.
    #[arg(long, short, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Address of the running instance's HTTP API.
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:8080")]
    http: String,
    /// One setting for `${name:default}`. May be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Prints the answer as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(flags: &SqlFlags) -> Result<(), Failure> {
    let text = statements(flags)?;
    let mut settings = serde_json::Map::new();
    for set in &flags.set {
        let usage = || Failure::new(Exit::Usage, format!("--set `{set}`: write NAME=VALUE"));
        let (name, value) = set.split_once('=').ok_or_else(usage)?;
        settings.insert(name.to_owned(), value.into());
    }
    let body = serde_json::json!({"sql": text, "settings": settings});
    let answer = http::post(&flags.http, "/v1/sql", &body)?;
    if answer.status != 200 {
        return Err(refused(&answer));
    }
    if flags.json {
        println!("{}", answer.body);
        return Ok(());
    }
    for statement in answer.json()["statements"].as_array().into_iter().flatten() {
        print(statement);
    }
    Ok(())
}

fn statements(flags: &SqlFlags) -> Result<String, Failure> {
    let mut texts = flags.statements.clone();
    for file in &flags.file {
        let read = std::fs::read_to_string(file);
        texts.push(read.map_err(|e| Failure::new(Exit::Usage, format!("cannot read {}: {e}", file.display())))?);
    }
    if texts.is_empty() {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|e| Failure::new(Exit::Usage, format!("cannot read standard input: {e}")))?;
        texts.push(text);
    }
    // Each argument may leave its last semicolon out.
    Ok(texts.join(";\n"))
}

fn print(statement: &Value) {
    if let (Some(columns), Some(rows)) = (statement["columns"].as_array(), statement["rows"].as_array()) {
        let names: Vec<&str> = columns.iter().filter_map(|column| column["name"].as_str()).collect();
        print!("{}", table::render(&names, rows));
        return;
    }
    let text = |field: &str| statement[field].as_str().unwrap_or_default().to_owned();
    let message = text("message");
    let said = [text("outcome"), text("name"), message].join(" ");
    println!("{}", said.trim());
}

fn refused(answer: &Answer) -> Failure {
    let problem = answer.json();
    let errors: Vec<String> = problem["errors"].as_array().into_iter().flatten().map(diagnostic).collect();
    let exit = match answer.status {
        404 => Exit::NotFound,
        400..=499 => Exit::Usage,
        _ => Exit::Failed,
    };
    if errors.is_empty() {
        return Failure::new(exit, problem_text(&problem));
    }
    Failure::new(exit, errors.join("\n"))
}

fn diagnostic(error: &Value) -> String {
    let place = format!("line {}, column {}", error["line"], error["column"]);
    let fix = error["fix"].as_str().map(|fix| format!("\n  fix: {fix}")).unwrap_or_default();
    let excerpt = error["excerpt"].as_str().unwrap_or_default();
    format!("{place}: {}\n{excerpt}{fix}", error["cause"].as_str().unwrap_or_default())
}

fn problem_text(problem: &Value) -> String {
    let detail = problem["detail"].as_str().unwrap_or("the server gave no reason");
    match problem["fix"].as_str() {
        Some(fix) => format!("{detail}; {fix}"),
        None => detail.to_owned(),
    }
}
