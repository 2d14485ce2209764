//! The topic of an object, and whether its formats hold what the query makes.

use engine::{Expr, Type};

use crate::ast::Statement;
use crate::catalog::{Body, Catalog, Object, StreamQuery, Topic};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::options::Options;

pub(super) const VALUE_FORMATS: [&str; 4] = ["json", "text", "int64", "raw"];
pub(super) const KEY_FORMATS: [&str; 5] = ["kafka", "text", "int64", "json", "none"];

/// How keys are written where nothing is said: Kafka's own serializers for one column, a JSON array for several.
pub(super) const DEFAULT_KEY_FORMAT: &str = "kafka";

pub(super) fn topic(options: &Options) -> Result<Option<Topic>, Diagnostic> {
    let name = options.text("topic")?;
    let key_format = options.choice("key_format", &KEY_FORMATS)?;
    let value_format = options.choice("value_format", &VALUE_FORMATS)?;
    let partitions = options.number("partitions", 1, 10_000)?;
    let Some(name) = name else {
        for option in ["key_format", "value_format", "partitions"] {
            if options.span(option).is_some() {
                let cause = format!("`{option}` without `topic`");
                return Err(options.bad(
                    option,
                    cause,
                    "add topic = '…', or leave it out: without a topic no records are written",
                ));
            }
        }
        return Ok(None);
    };
    if let Err(why) = topic_name(&name) {
        return Err(options.bad("topic", format!("'{name}' cannot be a topic's name: {why}"), ""));
    }
    Ok(Some(Topic {
        name,
        partitions: partitions.and_then(|n| i32::try_from(n).ok()),
        key_format: key_format.unwrap_or(DEFAULT_KEY_FORMAT).to_string(),
        value_format: value_format.unwrap_or("json").to_string(),
    }))
}

/// Kafka's rule for topic names.
pub(super) fn topic_name(name: &str) -> Result<(), &'static str> {
    if name == "." || name == ".." {
        return Err("`.` and `..` are directories");
    }
    if name.len() > 249 {
        return Err("it has more than 249 characters");
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
        return Err("letters, digits, `.`, `_` and `-` are allowed");
    }
    if name.starts_with("__") {
        return Err("names with `__` belong to Kafka itself");
    }
    Ok(())
}

/// `text` and `int64` write one column of one type, `raw` one of bytes.
pub(super) fn single_format(
    statement: &Statement,
    options: &Options,
    name: Span,
    format: &str,
    columns: &[(&str, Type)],
) -> Result<(), Diagnostic> {
    let wanted: &[Type] = match format {
        "text" => &[Type::Text, Type::Object],
        "int64" => &[Type::BigInt],
        "raw" => &[Type::Bytes, Type::Text],
        _ => return Ok(()),
    };
    let span = options.span("value_format").unwrap_or(name);
    let error = |cause: String, fix: String| Err(statement.error(span, Code::BadOption, cause, fix));
    match columns {
        [(_, ty)] if wanted.contains(ty) => Ok(()),
        [(column, ty)] => {
            let fix = format!("write CAST({column} AS {}) AS {column}, or use value_format = 'json'", wanted[0]);
            error(format!("value_format '{format}' holds one {}, but `{column}` is {ty}", wanted[0]), fix)
        }
        _ => {
            let cause =
                format!("value_format '{format}' holds one {} column, but there are {}", wanted[0], columns.len());
            error(cause, "leave one, or use value_format = 'json'".to_string())
        }
    }
}

/// Makes the key what the format writes.
pub(super) fn key_for(options: &Options, format: &str, key: &mut [(String, Expr)]) -> Result<(), Diagnostic> {
    if key.is_empty() {
        return Ok(());
    }
    let wanted = match format {
        "text" => Type::Text,
        "int64" => Type::BigInt,
        "none" => {
            return Err(options.bad("key_format", "key_format 'none' with PARTITION BY", "leave one of them out"));
        }
        _ => return Ok(()),
    };
    let [(_, expr)] = key else {
        let cause = format!("key_format '{format}' holds one column, but the key has {}", key.len());
        return Err(options.bad(
            "key_format",
            cause,
            "leave key_format out: several columns are written as a JSON array",
        ));
    };
    let from = expr.ty();
    let cast = if wanted == Type::Text { expr.clone().cast(wanted) } else { expr.clone().coerced(wanted) };
    *expr = cast.map_err(|_| {
        options.bad(
            "key_format",
            format!("key_format '{format}' holds {wanted}, but the key is {from}"),
            "CAST it in PARTITION BY",
        )
    })?;
    Ok(())
}

/// An INT is written as the 64-bit integer that the format holds.
pub(super) fn widen_single(format: &str, columns: &mut [(String, Expr)]) {
    if format == "int64"
        && let [(_, expr)] = columns
        && let Ok(widened) = expr.clone().coerced(Type::BigInt)
    {
        *expr = widened;
    }
}

/// A key that is handed on keeps its bytes; a format that says otherwise would lie.
pub(super) fn inherited_key(
    options: &Options,
    format: &str,
    catalog: &Catalog,
    query: &StreamQuery,
) -> Result<(), Diagnostic> {
    let Some(Object { body: Body::Table(table), .. }) = catalog.get(&query.input.from) else { return Ok(()) };
    let types: Vec<Type> = table.group.iter().map(|(_, expr)| expr.ty()).collect();
    let fits = match format {
        "text" => types == [Type::Text],
        "int64" => types == [Type::BigInt],
        _ => true,
    };
    if fits {
        return Ok(());
    }
    let cause = format!("key_format '{format}' does not hold the key of the table `{}`", query.input.from);
    Err(options.bad("key_format", cause, "add PARTITION BY with one expression of that type, or leave key_format out"))
}
