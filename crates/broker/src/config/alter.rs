//! Incremental changes of a set of overrides: SET, DELETE, APPEND, SUBTRACT.

use super::kind::{self, Kind};
use super::{ConfigError, Overrides, topic};

/// What to do with one config. The numbers are those of IncrementalAlterConfigs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Give it this value.
    Set,
    /// Take the override away.
    Delete,
    /// Add these items to a list.
    Append,
    /// Take these items out of a list.
    Subtract,
}

impl Operation {
    /// The operation with this wire number.
    #[must_use]
    pub fn from_code(code: i8) -> Option<Operation> {
        Some(match code {
            0 => Operation::Set,
            1 => Operation::Delete,
            2 => Operation::Append,
            3 => Operation::Subtract,
            _ => return None,
        })
    }
}

/// One change of one config.
#[derive(Clone, Debug)]
pub struct Change {
    /// The config.
    pub name: String,
    /// What to do.
    pub operation: Operation,
    /// With which value; DELETE needs none.
    pub value: Option<String>,
}

/// `overrides` after `changes`. `effective` gives the value that a list has when there is no override yet.
pub fn apply(
    overrides: &Overrides,
    changes: &[Change],
    effective: impl Fn(&str) -> Option<String>,
) -> Result<Overrides, ConfigError> {
    let mut after = overrides.clone();
    for (at, change) in changes.iter().enumerate() {
        if changes[..at].iter().any(|earlier| earlier.name == change.name) {
            return Err(ConfigError::BadRequest(format!("Error due to duplicate config keys: {}", change.name)));
        }
        let value = match (change.operation, &change.value) {
            (Operation::Delete, _) => {
                after.remove(&change.name);
                continue;
            }
            (_, Some(value)) => value,
            (_, None) => {
                return Err(ConfigError::BadRequest(format!("Null value not supported for : {}", change.name)));
            }
        };
        let value = match change.operation {
            Operation::Set | Operation::Delete => value.clone(),
            Operation::Append | Operation::Subtract => {
                if !is_list(&change.name) {
                    let what = if change.operation == Operation::Append { "APPEND" } else { "SUBTRACT" };
                    let why = format!("Can't {what} to key {} because its type is not LIST.", change.name);
                    return Err(ConfigError::Invalid(why));
                }
                let current = after.get(&change.name).cloned().or_else(|| effective(&change.name)).unwrap_or_default();
                let mut items: Vec<&str> = kind::list(&current).collect();
                if change.operation == Operation::Append {
                    for item in kind::list(value) {
                        if !items.contains(&item) {
                            items.push(item);
                        }
                    }
                } else {
                    let gone: Vec<&str> = kind::list(value).collect();
                    items.retain(|item| !gone.contains(item));
                }
                items.join(",")
            }
        };
        after.insert(change.name.clone(), value);
    }
    Ok(after)
}

fn is_list(name: &str) -> bool {
    let definition = topic::definition(name).or_else(|| topic::definition_by_broker_name(name));
    definition.is_some_and(|definition| definition.kind == Kind::List)
}
