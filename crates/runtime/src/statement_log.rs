//! The statement log: what this instance is to run, as a compacted topic of one partition.
//!
//! ```text
//! topic  <instance>-statements, one partition, cleanup.policy=compact
//! key    name of the object                      value  JSON, or null: dropped
//!        page_count                                     {"version":1,"kind":"table","sql":"CREATE TABLE …","paused":false}
//! ```
//! The text has its placeholders filled, so that a restart with other settings runs what was agreed on. The order of
//! the log is the order in which objects can be bound: whatever an object reads has been written before it.

use std::sync::Arc;

use connect::seam::{ConnectError, Connector, PlainRecord, Room};
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

/// One object that is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoggedStatement {
    /// Where it stands in the log.
    pub(crate) offset: i64,
    /// Name of the object.
    pub(crate) name: String,
    /// `stream`, `table`, `sink`, `generator`, `endpoint`.
    pub(crate) kind: String,
    /// Its text, placeholders filled.
    pub(crate) sql: String,
    /// A generator's user has paused it.
    pub(crate) paused: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Value {
    version: u32,
    kind: String,
    sql: String,
    #[serde(default)]
    paused: bool,
}

/// The statement log of an instance.
#[derive(Debug)]
pub(crate) struct StatementLog {
    connector: Arc<dyn Connector>,
    topic: String,
}

impl StatementLog {
    /// The log of this instance; creates its topic.
    pub(crate) fn open(connector: &Arc<dyn Connector>, instance: &str) -> Result<Self, ConnectError> {
        let topic = format!("{instance}-statements");
        let compact = [("cleanup.policy", "compact".to_owned())];
        connector.ensure_topic(&topic, Some(1), &compact)?;
        Ok(Self { connector: Arc::clone(connector), topic })
    }

    /// Its topic.
    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// All objects that are not dropped, in the order of their (last) writing.
    pub(crate) fn read(&self) -> Result<Vec<LoggedStatement>, String> {
        let mut statements: Vec<LoggedStatement> = Vec::new();
        let mut fault = None;
        let read = self.connector.read_all(&self.topic, 0, &mut |offset, key, value| {
            match parse(offset, key, value) {
                Ok((name, statement)) => {
                    // A pause rewrites an object in place; it keeps its turn.
                    let at = statements.iter().position(|known| known.name == name);
                    match (at, statement) {
                        (Some(at), Some(new)) if statements[at].sql == new.sql => statements[at].paused = new.paused,
                        (Some(at), new) => {
                            statements.remove(at);
                            statements.extend(new);
                        }
                        (None, new) => statements.extend(new),
                    }
                }
                Err(Fault::Newer(reason)) => {
                    fault.get_or_insert(format!("{} has at offset {offset} {reason}", self.topic));
                }
                // Whoever can write to the topic could keep the instance from starting.
                Err(Fault::NoStatement(reason)) => {
                    tracing::warn!(topic = self.topic, offset, "skipped {reason} in the statement log");
                }
            }
        });
        read.map_err(|e| format!("{} cannot be read: {e}", self.topic))?;
        match fault {
            Some(fault) => Err(fault),
            None => Ok(statements),
        }
    }

    /// Writes an object; durable when it returns. Gives its offset.
    pub(crate) fn put(
        &self,
        name: &str,
        kind: &str,
        sql: &str,
        paused: bool,
        now_ms: i64,
    ) -> Result<i64, ConnectError> {
        let value = Value { version: VERSION, kind: kind.to_owned(), sql: sql.to_owned(), paused };
        let value = serde_json::to_vec(&value).map_err(|e| ConnectError::Retry(e.to_string()))?;
        self.append(name, Some(value), now_ms)
    }

    /// Writes that an object is dropped; durable when it returns.
    pub(crate) fn remove(&self, name: &str, now_ms: i64) -> Result<(), ConnectError> {
        self.append(name, None, now_ms).map(|_| ())
    }

    fn append(&self, name: &str, value: Option<Vec<u8>>, now_ms: i64) -> Result<i64, ConnectError> {
        let key = Some(name.as_bytes().to_vec());
        let record = PlainRecord { partition: Some(0), timestamp: now_ms, key, value, headers: Vec::new() };
        let appended = self.connector.append(&self.topic, vec![record], Room::Reserve)?;
        appended.durable.wait()?;
        Ok(appended.places.first().map_or(-1, |place| place.offset))
    }
}

type Parsed = (String, Option<LoggedStatement>);

/// Why a record is not a statement.
enum Fault {
    /// A newer program has written it.
    Newer(String),
    /// None has.
    NoStatement(String),
}

fn parse(offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Parsed, Fault> {
    let no_statement = |reason: &str| Fault::NoStatement(reason.to_owned());
    let key = key.ok_or_else(|| no_statement("a record without a key"))?;
    let name = String::from_utf8(key.to_vec()).map_err(|_| no_statement("a key that is no text"))?;
    let Some(value) = value else { return Ok((name, None)) };
    let unreadable = |e: serde_json::Error| Fault::NoStatement(format!("a statement that cannot be read ({e})"));
    // Other fields may look different in a newer version.
    let value: serde_json::Value = serde_json::from_slice(value).map_err(unreadable)?;
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    if let Some(newer) = version.filter(|version| *version > u64::from(VERSION)) {
        let reason = format!("a statement of version {newer}; this program knows {VERSION}: use the newer program");
        return Err(Fault::Newer(reason));
    }
    let Value { kind, sql, paused, .. } = serde_json::from_value(value).map_err(unreadable)?;
    let statement = LoggedStatement { offset, name: name.clone(), kind, sql, paused };
    Ok((name, Some(statement)))
}
