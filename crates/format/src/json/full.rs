//! The full reader: any JSON, and the words for what is wrong.

use std::borrow::Cow;
use std::fmt;

use engine::{Type, base64};
use serde_json::value::RawValue;

use crate::columns::{Field, Slot};
use crate::{Column, json, time};

/// Values longer than this are cut in messages.
const FOUND_CHARS_MAX: usize = 40;

/// Reads one record, a field for each column; the reason names field, expected and found.
pub(crate) fn read<'a>(text: &'a str, columns: &[Column]) -> Result<Vec<Field<'a>>, String> {
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\r']);
    if trimmed.is_empty() {
        return Err("the value is empty, expected a JSON object".to_string());
    }
    if !trimmed.starts_with('{') {
        let found = match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => kind_of(raw.get()),
            Err(_) => "text that is not JSON",
        };
        return Err(format!("expected a JSON object, found {found}: {}", shortened(trimmed)));
    }
    let mut fields: Vec<Option<&'a RawValue>> = vec![None; columns.len()];
    let mut reader = serde_json::Deserializer::from_str(text);
    let visit = serde::de::Deserializer::deserialize_map(&mut reader, Wanted { columns, fields: &mut fields });
    visit.and_then(|()| reader.end()).map_err(|error| format!("not JSON: {}", place(&error)))?;
    let coerced = columns.iter().zip(fields).map(|(column, field)| match field {
        None => Ok(Field::Plain(Slot::Missing)),
        Some(raw) => coerce(raw.get(), column),
    });
    coerced.collect()
}

/// `serde_json`'s message, with its place in bytes.
fn place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.strip_suffix(&format!(" at line 1 column {}", error.column())) {
        Some(what) => format!("{what} at byte {}", error.column()),
        None => text,
    }
}

/// Remembers the wanted fields of an object as they were written.
struct Wanted<'c, 'f, 'a> {
    columns: &'c [Column],
    fields: &'f mut [Option<&'a RawValue>],
}

impl<'a> serde::de::Visitor<'a> for Wanted<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: serde::de::MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(Name(name)) = map.next_key::<Name>()? {
            match self.columns.iter().position(|column| column.name == name) {
                Some(index) => self.fields[index] = Some(map.next_value()?),
                None => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A field's name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'a> serde::Deserialize<'a> for Name<'a> {
    fn deserialize<D: serde::Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'a> serde::de::Visitor<'a> for Read {
            type Value = Name<'a>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Name<'a>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'a>, E> {
                Ok(Name(Cow::Owned(text.to_string())))
            }
        }
        deserializer.deserialize_str(Read)
    }
}

/// A valid JSON value as the column's type.
pub(crate) fn coerce<'a>(raw: &'a str, column: &Column) -> Result<Field<'a>, String> {
    if raw == "null" {
        return Ok(Field::Plain(Slot::Null));
    }
    let refuse = || {
        let (name, ty) = (&column.name, column.ty);
        Err(format!("field `{name}`: expected {}, found {} {}", expected(ty), kind_of(raw), shortened(raw)))
    };
    let plain = |slot| Ok(Field::Plain(slot));
    match (raw.as_bytes()[0], column.ty) {
        (b'"', ty) => {
            let text: Name = serde_json::from_str(raw).map_err(|error| format!("field `{}`: {error}", column.name))?;
            match (ty, text.0) {
                (Type::Text, Cow::Borrowed(text)) => plain(Slot::Text(text)),
                (Type::Text, Cow::Owned(text)) => Ok(Field::Text(text)),
                (Type::Timestamp, text) => time::parse(&text).map_or_else(refuse, |ms| plain(Slot::Integer(ms))),
                (Type::Bytes, text) => base64::decode(&text).map_or_else(refuse, |bytes| Ok(Field::Bytes(bytes))),
                _ => refuse(),
            }
        }
        (b't', Type::Boolean) => plain(Slot::Boolean(true)),
        (b'f', Type::Boolean) => plain(Slot::Boolean(false)),
        (b'-' | b'0'..=b'9', Type::Double) => match raw.parse::<f64>() {
            Ok(value) if value.is_finite() => plain(Slot::Double(value)),
            _ => refuse(),
        },
        (b'-' | b'0'..=b'9', ty) => match raw.parse::<i64>().ok().and_then(|value| json::integer(value, ty)) {
            Some(slot) => plain(slot),
            None => refuse(),
        },
        (b'{', Type::Object) => plain(Slot::Text(raw)),
        _ => refuse(),
    }
}

/// The values of a JSON array, as they were written; `None` if it is none.
pub(crate) fn array(text: &str) -> Option<Vec<&str>> {
    let parts: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(parts.into_iter().map(RawValue::get).collect())
}

fn expected(ty: Type) -> &'static str {
    match ty {
        Type::Boolean => "BOOLEAN",
        Type::Int => "INT",
        Type::BigInt => "BIGINT",
        Type::Double => "DOUBLE",
        Type::Text => "TEXT",
        Type::Bytes => "BYTEA (a base64 text)",
        Type::Timestamp => "TIMESTAMP (an RFC 3339 text or epoch milliseconds)",
        Type::Interval => "INTERVAL",
        Type::Object => "an object",
    }
}

fn kind_of(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'"') => "the text",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "the truth value",
        Some(b'n') => "null",
        _ => "the number",
    }
}

fn shortened(text: &str) -> String {
    let text = text.trim_end();
    let mut out: String = text.chars().take(FOUND_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(FOUND_CHARS_MAX).is_some() {
        out.push('…');
    }
    out
}
