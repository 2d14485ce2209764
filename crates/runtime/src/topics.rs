//! Topics and their records, made readable for people.
//!
//! Owns: how bytes are shown. Never: joins a group, commits, or waits for records.

use std::collections::BTreeMap;
use std::ops::Range;

use broker::Broker;
use commitlog::{Isolation, Log};
use connect::fetch::{FetchError, Fetched, fetch};
use record::{Record, TimestampMs};
use serde_json::Value;

use crate::instant::InstantMs;
use crate::outcome::{ErrorKind, RuntimeError};
use crate::settings::nearest;
use crate::status::{BrowseOptions, Browsed, DamagedOffsets, PartitionStatus, RecordHeader, TopicRecord};

/// Longer values are cut.
const VALUE_BYTES_MAX: usize = 4096;
/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// Most records of one answer.
const RECORDS_MAX: usize = 500;

/// Where a look at a span of time stops: so many offsets after its start.
const SPAN_OFFSETS_MAX: i64 = 10_000;

/// How a topic's bytes are to be read, by the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TopicFormats {
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
}

/// The error for a topic that is not there.
pub(crate) fn unknown_topic(broker: &Broker, name: &str) -> RuntimeError {
    let error = RuntimeError::new(ErrorKind::NotFound, "unknown_topic", format!("no topic is named `{name}`"));
    let topics = broker.topics();
    match nearest(name, topics.iter().map(|topic| topic.name.as_str())) {
        Some(near) => error.fix(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// The partitions of a topic with their bounds.
pub(crate) fn partitions(broker: &Broker, topic: &str, count: i32) -> Vec<PartitionStatus> {
    (0..count)
        .filter_map(|index| {
            let partition = broker.partition(topic, index)?;
            let log = partition.log();
            let (start_offset, end_offset) = (log.log_start_offset().0, log.high_watermark().0);
            let damaged = log.damaged().into_iter().map(|range| DamagedOffsets {
                first_offset: range.first.0,
                next_offset: range.next.0,
                file: range.file.display().to_string(),
                position: range.position,
            });
            Some(PartitionStatus { partition: index, start_offset, end_offset, damaged: damaged.collect() })
        })
        .collect()
}

/// The newest visible record of a topic.
pub(crate) fn newest(broker: &Broker, topic: &str, partitions: i32, formats: &TopicFormats) -> Option<TopicRecord> {
    (0..partitions)
        .filter_map(|index| {
            let partition = broker.partition(topic, index)?;
            last_records(partition.log(), index, 1, formats).ok()?.pop()
        })
        .max_by_key(|record| (record.timestamp, record.partition))
}

/// Records of a topic by timestamp, partition, offset.
pub(crate) fn browse(
    broker: &Broker,
    topic: &str,
    options: &BrowseOptions,
    formats: &TopicFormats,
) -> Result<Browsed, RuntimeError> {
    let info = broker.topic(topic).ok_or_else(|| unknown_topic(broker, topic))?;
    let indices: Vec<i32> = match options.partition {
        Some(index) if !(0..info.partitions).contains(&index) => {
            let cause = format!("`{topic}` has no partition {index}; its partitions are 0 to {}", info.partitions - 1);
            return Err(RuntimeError::new(ErrorKind::Invalid, "bad_parameter", cause));
        }
        Some(index) => vec![index],
        None => (0..info.partitions).collect(),
    };
    let limit = options.limit.min(RECORDS_MAX);
    let wanted = |timestamp: i64| {
        options.from_ms.is_none_or(|from| timestamp >= from) && options.to_ms.is_none_or(|to| timestamp < to)
    };
    let spans = options.from_ms.is_some() || options.to_ms.is_some();
    let upwards = |log: &Log, index: i32, from: i64| {
        let until = if spans { from.saturating_add(SPAN_OFFSETS_MAX) } else { i64::MAX };
        read(log, index, from..until, limit, usize::MAX, &wanted, formats)
    };
    let mut records = Vec::new();
    for index in indices {
        let Some(partition) = broker.partition(topic, index) else { continue };
        let log = partition.log();
        let some = match options.from_ms {
            Some(from_ms) => {
                let found = log.offset_for_timestamp(TimestampMs(from_ms), Isolation::LastStable);
                let found = found.map_err(|e| unreadable(topic, index, &e.to_string()))?;
                match found {
                    Some(at) => upwards(log, index, at.offset.0),
                    None => Ok(Vec::new()),
                }
            }
            None if options.offset < 0 => {
                let count = usize::try_from(options.offset.unsigned_abs()).unwrap_or(usize::MAX).min(limit);
                last_records(log, index, count, formats)
            }
            None => upwards(log, index, options.offset.max(log.log_start_offset().0)),
        };
        records.extend(some.map_err(|e| unreadable(topic, index, &e.to_string()))?);
    }
    records.retain(|record| wanted(record.timestamp.0));
    records.sort_by_key(|record| (record.timestamp, record.partition, record.offset));
    if options.offset < 0 && options.from_ms.is_none() {
        records.drain(..records.len().saturating_sub(limit));
    } else {
        records.truncate(limit);
    }
    let mut next = BTreeMap::new();
    for record in &records {
        let place = next.entry(record.partition).or_insert(0);
        *place = record.offset.saturating_add(1).max(*place);
    }
    Ok(Browsed { topic: topic.to_owned(), records, next })
}

fn unreadable(topic: &str, partition: i32, reason: &str) -> RuntimeError {
    let cause = format!("partition {partition} of `{topic}` cannot be read: {reason}");
    RuntimeError::new(ErrorKind::Internal, "storage_failed", cause)
}

/// The last `count` records; steps back further where transaction markers or compaction left gaps.
fn last_records(
    log: &Log,
    partition: i32,
    count: usize,
    formats: &TopicFormats,
) -> Result<Vec<TopicRecord>, FetchError> {
    let (start, end) = (log.log_start_offset().0, log.last_stable_offset().0);
    let mut back = count as i64 + 1;
    loop {
        let from = end.saturating_sub(back).max(start);
        let mut records = read(log, partition, from..i64::MAX, usize::MAX, count, &|_| true, formats)?;
        if records.len() >= count || from == start || back > 65_536 {
            records.drain(..records.len().saturating_sub(count));
            return Ok(records);
        }
        back *= 4;
    }
}

/// Up to `limit` records of these offsets whose timestamp is wanted; the last `keep` of them are kept.
fn read(
    log: &Log,
    partition: i32,
    offsets: Range<i64>,
    limit: usize,
    keep: usize,
    wanted: &dyn Fn(i64) -> bool,
    formats: &TopicFormats,
) -> Result<Vec<TopicRecord>, FetchError> {
    let mut records: Vec<TopicRecord> = Vec::new();
    let mut position = offsets.start;
    if position >= log.last_stable_offset().0 {
        return Ok(records);
    }
    while records.len() < limit && position < offsets.end {
        let fetched: Fetched = fetch(log, position, READ_BYTES, Isolation::LastStable)?;
        for record in fetched.records() {
            let record = record?;
            if records.len() >= limit || record.offset.0 >= offsets.end {
                break;
            }
            if wanted(record.timestamp.0) {
                records.push(readable(partition, &record, formats));
            }
        }
        if keep < usize::MAX && records.len() > keep.saturating_mul(2) + 64 {
            records.drain(..records.len() - keep);
        }
        if fetched.at_end || fetched.next_offset <= position {
            break;
        }
        position = fetched.next_offset;
    }
    Ok(records)
}

/// A record made readable.
fn readable(partition: i32, record: &Record<'_>, formats: &TopicFormats) -> TopicRecord {
    let (key, key_format, _) = shown(record.key, formats.key.as_deref());
    let (value, value_format, truncated) = shown(record.value, formats.value.as_deref());
    let headers = record
        .headers
        .map(|header| RecordHeader {
            name: String::from_utf8_lossy(header.key).into_owned(),
            value: header.value.map(|value| match str::from_utf8(value) {
                Ok(text) => cut(text).0.to_owned(),
                Err(_) => engine::base64::encode(&value[..value.len().min(VALUE_BYTES_MAX)]),
            }),
        })
        .collect();
    TopicRecord {
        partition,
        offset: record.offset.0,
        timestamp: InstantMs(record.timestamp.0),
        key,
        key_format,
        value,
        value_format,
        headers,
        truncated,
    }
}

/// Bytes as JSON, the format in which they were read, and whether they were cut. A declared format is tried first, then
/// a JSON object or array, then text, then bytes.
pub(crate) fn shown(bytes: Option<&[u8]>, declared: Option<&str>) -> (Value, Option<&'static str>, bool) {
    let Some(bytes) = bytes else { return (Value::Null, None, false) };
    match declared {
        Some("int64" | "bigint" | "long") => {
            if let Ok(bytes) = bytes.try_into() {
                return (Value::from(i64::from_be_bytes(bytes)), Some("int64"), false);
            }
        }
        Some("text") => {
            if let Ok(text) = str::from_utf8(bytes) {
                let (text, truncated) = cut(text);
                return (Value::from(text), Some("text"), truncated);
            }
        }
        _ => {}
    }
    let looks_like_json = matches!(bytes.first(), Some(b'{' | b'[')) || declared == Some("json");
    if looks_like_json
        && bytes.len() <= VALUE_BYTES_MAX
        && let Ok(value) = serde_json::from_slice::<Value>(bytes)
    {
        return (value, Some("json"), false);
    }
    match str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) => {
            let (text, truncated) = cut(text);
            (Value::from(text), Some("text"), truncated)
        }
        _ => {
            let shown = &bytes[..bytes.len().min(VALUE_BYTES_MAX)];
            (Value::from(engine::base64::encode(shown)), Some("bytes"), shown.len() < bytes.len())
        }
    }
}

fn cut(text: &str) -> (&str, bool) {
    if text.len() <= VALUE_BYTES_MAX {
        return (text, false);
    }
    let end = (0..=VALUE_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    (&text[..end], true)
}
