//! Records as text: what `consume` prints and `produce` reads.
//!
//! Kafka: the default line has the fields of Kafka's console consumer, in its order and with its words; deserializers are
//! known by short names and by the names of Kafka's Java classes.

use client::ConsumedRecord;
use record::TimestampType;
use serde_json::{Value, json};

/// How bytes are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shown {
    /// UTF-8 text, with replacement characters where it is none.
    #[default]
    Text,
    Int16,
    Int32,
    Int64,
    Float,
    Double,
    Uuid,
    Hex,
    /// Nothing: null only.
    Void,
}

impl Shown {
    /// By our name, or that of Kafka's deserializer or serde class.
    pub fn from_name(name: &str) -> Result<Self, String> {
        let class = name.rsplit(['.', '$']).next().unwrap_or(name);
        let short = class.strip_suffix("Deserializer").or_else(|| class.strip_suffix("Serde")).unwrap_or(class);
        Ok(match short.to_ascii_lowercase().as_str() {
            "text" | "string" | "json" | "bytearray" | "bytes" | "raw" => Self::Text,
            "int16" | "short" => Self::Int16,
            "int32" | "int" | "integer" => Self::Int32,
            "int64" | "long" => Self::Int64,
            "float" => Self::Float,
            "double" => Self::Double,
            "uuid" => Self::Uuid,
            "hex" => Self::Hex,
            "void" => Self::Void,
            _ => {
                let known =
                    "text, json, int16, int32, int64, float, double, uuid, hex, or the class of a Kafka deserializer";
                return Err(format!("`{name}` is not a format; write {known}"));
            }
        })
    }

    /// The text of some bytes; the error says what is wrong with them.
    pub fn text(self, bytes: &[u8]) -> Result<String, String> {
        Ok(match self {
            Self::Text => String::from_utf8_lossy(bytes).into_owned(),
            Self::Int16 => i16::from_be_bytes(exact(bytes)?).to_string(),
            Self::Int32 => i32::from_be_bytes(exact(bytes)?).to_string(),
            Self::Int64 => i64::from_be_bytes(exact(bytes)?).to_string(),
            Self::Float => f32::from_be_bytes(exact(bytes)?).to_string(),
            Self::Double => f64::from_be_bytes(exact(bytes)?).to_string(),
            Self::Uuid => String::from_utf8_lossy(bytes).into_owned(),
            Self::Hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Self::Void => String::new(),
        })
    }

    /// As a JSON value: a number where it is one; JSON itself where text is JSON.
    pub fn json(self, bytes: &[u8]) -> Result<Value, String> {
        let text = self.text(bytes)?;
        Ok(match self {
            Self::Int16 | Self::Int32 | Self::Int64 | Self::Float | Self::Double => {
                serde_json::from_str(&text).unwrap_or(Value::String(text))
            }
            Self::Text => serde_json::from_slice(bytes).unwrap_or(Value::String(text)),
            _ => Value::String(text),
        })
    }
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| format!("it has {} bytes, not {N}", bytes.len()))
}

/// What a printed line has.
#[derive(Clone, Debug)]
pub(super) struct LineFormat {
    pub timestamp: bool,
    pub partition: bool,
    pub offset: bool,
    pub epoch: bool,
    pub headers: bool,
    pub key: bool,
    pub value: bool,
    pub key_separator: String,
    pub line_separator: String,
    pub headers_separator: String,
    pub null_literal: String,
    pub key_shown: Shown,
    pub value_shown: Shown,
}

impl Default for LineFormat {
    fn default() -> Self {
        Self {
            timestamp: false,
            partition: false,
            offset: false,
            epoch: false,
            headers: false,
            key: false,
            value: true,
            key_separator: "\t".into(),
            line_separator: "\n".into(),
            headers_separator: ",".into(),
            null_literal: "null".into(),
            key_shown: Shown::Text,
            value_shown: Shown::Text,
        }
    }
}

impl LineFormat {
    /// Sets one of Kafka's formatter properties. `Ok(false)`: there is none of this name.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let on = super::kafka::is_true(value);
        match name {
            "print.timestamp" => self.timestamp = on,
            "print.partition" => self.partition = on,
            "print.offset" => self.offset = on,
            "print.epoch" => self.epoch = on,
            "print.headers" => self.headers = on,
            "print.key" => self.key = on,
            "print.value" => self.value = on,
            "key.separator" => self.key_separator = unescape(value),
            "line.separator" => self.line_separator = unescape(value),
            "headers.separator" => self.headers_separator = unescape(value),
            "null.literal" => self.null_literal = value.to_owned(),
            "key.deserializer" => self.key_shown = Shown::from_name(value)?,
            "value.deserializer" => self.value_shown = Shown::from_name(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The line of a record, its separator included.
    pub fn line(&self, record: &ConsumedRecord) -> Result<String, String> {
        let mut fields: Vec<String> = Vec::new();
        if self.timestamp {
            fields.push(match (record.timestamp.0, record.timestamp_type) {
                (-1, _) => "NO_TIMESTAMP".into(),
                (at, TimestampType::CreateTime) => format!("CreateTime:{at}"),
                (at, TimestampType::LogAppendTime) => format!("LogAppendTime:{at}"),
            });
        }
        if self.partition {
            fields.push(format!("Partition:{}", record.partition));
        }
        if self.offset {
            fields.push(format!("Offset:{}", record.offset));
        }
        if self.epoch {
            fields.push(format!("Epoch:{}", record.leader_epoch));
        }
        if self.headers {
            fields.push(self.headers_text(record));
        }
        if self.key {
            fields.push(self.shown(self.key_shown, record.key.as_deref(), record, "key")?);
        }
        if self.value {
            fields.push(self.shown(self.value_shown, record.value.as_deref(), record, "value")?);
        }
        if fields.is_empty() {
            return Ok(String::new());
        }
        Ok(fields.join(&self.key_separator) + &self.line_separator)
    }

    fn headers_text(&self, record: &ConsumedRecord) -> String {
        if record.headers.is_empty() {
            return "NO_HEADERS".into();
        }
        let headers: Vec<String> = record
            .headers
            .iter()
            .map(|(name, value)| {
                let value = value.as_ref().map_or(self.null_literal.clone().into(), |v| String::from_utf8_lossy(v));
                format!("{}:{value}", String::from_utf8_lossy(name))
            })
            .collect();
        headers.join(&self.headers_separator)
    }

    fn shown(&self, shown: Shown, bytes: Option<&[u8]>, record: &ConsumedRecord, what: &str) -> Result<String, String> {
        let Some(bytes) = bytes else { return Ok(self.null_literal.clone()) };
        shown.text(bytes).map_err(|why| {
            let (topic, partition, offset) = (&record.topic, record.partition, record.offset);
            format!("the {what} of {topic}-{partition} offset {offset} is not of the format asked for: {why}")
        })
    }

    /// The record as one JSON object, which `produce --input json` reads back.
    pub fn envelope(&self, record: &ConsumedRecord) -> Result<Value, String> {
        let side = |shown: Shown, bytes: &Option<bytes::Bytes>| match bytes {
            Some(bytes) => shown.json(bytes),
            None => Ok(Value::Null),
        };
        let headers: Vec<Value> = record
            .headers
            .iter()
            .map(|(name, value)| {
                let value = value.as_ref().map(|value| String::from_utf8_lossy(value));
                json!({"key": String::from_utf8_lossy(name), "value": value})
            })
            .collect();
        Ok(json!({
            "topic": &*record.topic,
            "partition": record.partition,
            "offset": record.offset.0,
            "timestamp": record.timestamp.0,
            "timestampType": match record.timestamp_type {
                TimestampType::CreateTime => "create",
                TimestampType::LogAppendTime => "append",
            },
            "key": side(self.key_shown, &record.key)?,
            "value": side(self.value_shown, &record.value)?,
            "headers": headers,
        }))
    }

    /// kcat's format strings: `%t %p %o %k %s %T %h %K %S`, `\n`, `\t`.
    pub fn template(&self, template: &str, record: &ConsumedRecord) -> Result<String, String> {
        let template = unescape(template);
        let mut out = String::new();
        let mut rest = template.chars();
        while let Some(c) = rest.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(-1, |b| b.len() as i64).to_string();
            out += &match rest.next() {
                Some('t') => record.topic.to_string(),
                Some('p') => record.partition.to_string(),
                Some('o') => record.offset.to_string(),
                Some('T') => record.timestamp.to_string(),
                Some('k') => self.shown(self.key_shown, record.key.as_deref(), record, "key")?,
                Some('s' | 'v') => self.shown(self.value_shown, record.value.as_deref(), record, "value")?,
                Some('h') => self.headers_text(record),
                Some('K') => length(&record.key),
                Some('S' | 'V') => length(&record.value),
                Some('%') => "%".into(),
                other => {
                    let other = other.map(String::from).unwrap_or_default();
                    return Err(format!(
                        "`%{other}` is not a field of a format; known are %t %p %o %T %k %s %h %K %S %%"
                    ));
                }
            };
        }
        Ok(out)
    }
}

/// `\t`, `\n`, `\r`, `\0` and `\\`, as people write them in a shell.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (c, rest.clone().next()) {
            ('\\', Some(escaped @ ('t' | 'n' | 'r' | '0' | '\\'))) => {
                rest.next();
                out.push(match escaped {
                    't' => '\t',
                    'n' => '\n',
                    'r' => '\r',
                    '0' => '\0',
                    _ => '\\',
                });
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use record::{LeaderEpoch, Offset, TimestampMs, TimestampType};

    use super::*;

    fn record() -> ConsumedRecord {
        ConsumedRecord {
            topic: "R4".into(),
            partition: 0,
            offset: Offset(7),
            timestamp: TimestampMs(1_654_732_800_000),
            timestamp_type: TimestampType::CreateTime,
            leader_epoch: LeaderEpoch(0),
            key: Some(Bytes::from_static(b"P1")),
            value: Some(Bytes::copy_from_slice(&10_i64.to_be_bytes())),
            headers: vec![(Bytes::from_static(b"h"), None), (Bytes::from_static(b"i"), Some(Bytes::from_static(b"v")))],
        }
    }

    #[track_caller]
    fn check(properties: &[(&str, &str)], expected: &str) {
        let mut format = LineFormat::default();
        for (name, value) in properties {
            assert_eq!(format.set(name, value), Ok(true), "{name}");
        }
        assert_eq!(format.line(&record()).as_deref(), Ok(expected), "{properties:?}");
    }

    #[test]
    fn lines_are_those_of_kafkas_console_consumer() {
        const LONG: (&str, &str) = ("value.deserializer", "org.apache.kafka.common.serialization.LongDeserializer");
        check(&[LONG], "10\n");
        check(&[LONG, ("print.key", "TRUE")], "P1\t10\n");
        check(&[LONG, ("print.key", "true"), ("key.separator", "=>")], "P1=>10\n");
        let all = ["print.timestamp", "print.partition", "print.offset", "print.epoch", "print.headers", "print.key"];
        let mut properties: Vec<(&str, &str)> = all.iter().map(|name| (*name, "true")).collect();
        properties.push(LONG);
        let expected = "CreateTime:1654732800000\tPartition:0\tOffset:7\tEpoch:0\th:null,i:v\tP1\t10\n";
        check(&properties, expected);
        check(&[("print.value", "false")], "");
    }

    #[test]
    fn formats_and_their_errors() {
        let format = LineFormat { value_shown: Shown::Int64, ..LineFormat::default() };
        assert_eq!(format.template("%t/%p@%o %k=%s (%K,%S) %%\\n", &record()).as_deref(), Ok("R4/0@7 P1=10 (2,8) %\n"));
        assert!(format.template("%q", &record()).is_err());
        let format = LineFormat { value_shown: Shown::Int32, ..LineFormat::default() };
        let error = format.line(&record()).expect_err("eight bytes are no int32");
        assert!(error.contains("R4-0 offset 7") && error.contains("8 bytes"), "{error}");
        assert!(Shown::from_name("org.example.AvroDeserializer").is_err());
        assert_eq!(Shown::from_name("org.apache.kafka.common.serialization.Serdes$LongSerde"), Ok(Shown::Int64));
    }
}
