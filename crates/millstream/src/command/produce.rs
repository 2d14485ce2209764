//! `millstream produce`: writes the lines of standard input to a topic.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use client::{Acks, Delivery, Producer, ProducerOptions, ProducerRecord};
use os::Clock;
use record::{Compression, TimestampMs};
use serde_json::Value;

use super::kafka::{ClusterFlags, is_true, pair};
use super::record_text::unescape;
use super::{Exit, Failure};

/// Deliveries that may be open before we look at the oldest.
const DELIVERIES_OPEN_MAX: usize = 100_000;

/// Flags of `produce`.
#[derive(Debug, Args)]
pub struct ProduceFlags {
    /// The topic to write.
    #[arg(value_name = "TOPIC")]
    name: Option<String>,
    /// The topic to write.
    #[arg(long, short, value_name = "TOPIC", conflicts_with = "name")]
    topic: Option<String>,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Splits each line into key and value at this text.
    #[arg(long, short = 'K', value_name = "TEXT")]
    key_separator: Option<String>,
    /// The key of all records.
    #[arg(long, short, value_name = "KEY")]
    key: Option<String>,
    /// A header of all records, NAME=VALUE or NAME:VALUE. May be repeated.
    #[arg(long, short = 'H', value_name = "NAME=VALUE")]
    header: Vec<String>,
    /// The partition of all records.
    #[arg(long, short, value_name = "N")]
    partition: Option<i32>,
    /// none, gzip, snappy, lz4 or zstd.
    #[arg(long, short = 'z', visible_alias = "compression-codec", value_name = "CODEC", default_value = "none")]
    compression: String,
    /// 0, 1 or all.
    #[arg(long, value_name = "ACKS", default_value = "all")]
    acks: String,
    /// Waits for each record's acknowledgement before the next.
    #[arg(long)]
    sync: bool,
    /// Reads records as JSON objects, as `consume --json` prints them: key, value, headers, timestamp, partition.
    #[arg(long, short = 'J')]
    json: bool,
    /// A property of Kafka's line reader, such as parse.key=true. May be repeated.
    #[arg(long = "reader-property", visible_alias = "property", value_name = "NAME=VALUE", value_parser = pair)]
    reader_property: Vec<(String, String)>,
}

/// How a line becomes a record: Kafka's line reader.
#[derive(Clone, Debug)]
struct LineReader {
    parse_key: bool,
    key_separator: String,
    parse_headers: bool,
    headers_delimiter: String,
    headers_separator: String,
    headers_key_separator: String,
    null_marker: Option<String>,
    ignore_error: bool,
    json: bool,
}

impl LineReader {
    fn new(flags: &ProduceFlags) -> Self {
        let mut reader = Self {
            parse_key: flags.key_separator.is_some(),
            key_separator: flags.key_separator.as_deref().map_or("\t".into(), unescape),
            parse_headers: false,
            headers_delimiter: "\t".into(),
            headers_separator: ",".into(),
            headers_key_separator: ":".into(),
            null_marker: None,
            ignore_error: false,
            json: flags.json,
        };
        for (name, value) in &flags.reader_property {
            match name.as_str() {
                "parse.key" => reader.parse_key = is_true(value),
                "key.separator" => reader.key_separator = unescape(value),
                "parse.headers" => reader.parse_headers = is_true(value),
                "headers.delimiter" => reader.headers_delimiter = unescape(value),
                "headers.separator" => reader.headers_separator = unescape(value),
                "headers.key.separator" => reader.headers_key_separator = unescape(value),
                "null.marker" => reader.null_marker = Some(value.clone()),
                "ignore.error" => reader.ignore_error = is_true(value),
                other => eprintln!("millstream: warning: the line reader has no property `{other}`"),
            }
        }
        reader
    }

    fn read(&self, line: &str) -> Result<ProducerRecord, String> {
        if self.json {
            return from_json(line);
        }
        let mut rest = line;
        let mut record = ProducerRecord::default();
        if self.parse_headers {
            let (headers, after) = self.part(rest, &self.headers_delimiter, "headers")?;
            rest = after;
            if let Some(headers) = headers.filter(|headers| !headers.is_empty()) {
                for header in headers.split(self.headers_separator.as_str()) {
                    let (name, value) = header
                        .split_once(self.headers_key_separator.as_str())
                        .ok_or_else(|| format!("no `{}` in the header `{header}`", self.headers_key_separator))?;
                    record.headers.push((name.to_owned(), self.bytes(value)));
                }
            }
        }
        if self.parse_key {
            let (key, after) = self.part(rest, &self.key_separator, "key")?;
            rest = after;
            record.key = key.and_then(|key| self.bytes(key));
        }
        record.value = self.bytes(rest);
        Ok(record)
    }

    /// The text before a separator. Without one: an error, or with `ignore.error` no such part.
    fn part<'l>(&self, line: &'l str, separator: &str, what: &str) -> Result<(Option<&'l str>, &'l str), String> {
        match line.split_once(separator) {
            Some((part, rest)) => Ok((Some(part), rest)),
            None if self.ignore_error => Ok((None, line)),
            None => Err(format!("no {what} in `{line}`: the separator {separator:?} is missing")),
        }
    }

    fn bytes(&self, text: &str) -> Option<Bytes> {
        (self.null_marker.as_deref() != Some(text)).then(|| Bytes::copy_from_slice(text.as_bytes()))
    }
}

/// The fields that `consume --json` prints; the offset is not one that a producer chooses.
fn from_json(line: &str) -> Result<ProducerRecord, String> {
    let object: Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
    let fields = object.as_object().ok_or("not a JSON object")?;
    let side = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(Bytes::copy_from_slice(text.as_bytes())),
        Some(other) => Some(Bytes::from(other.to_string())),
    };
    let mut record = ProducerRecord { key: side("key"), value: side("value"), ..ProducerRecord::default() };
    record.partition = fields.get("partition").and_then(Value::as_i64).and_then(|p| i32::try_from(p).ok());
    record.timestamp = TimestampMs(fields.get("timestamp").and_then(Value::as_i64).unwrap_or(0));
    for header in fields.get("headers").and_then(Value::as_array).into_iter().flatten() {
        let name = header["key"].as_str().ok_or("a header has no key")?;
        let value = header["value"].as_str().map(|text| Bytes::copy_from_slice(text.as_bytes()));
        record.headers.push((name.to_owned(), value));
    }
    Ok(record)
}

pub(super) fn run(flags: ProduceFlags) -> Result<(), Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let topic = flags.name.clone().or(flags.topic.clone());
    let topic = topic.ok_or_else(|| usage("name a topic: produce TOPIC".into()))?;
    let compression = Compression::from_name(&flags.compression).ok_or_else(|| {
        usage(format!("--compression `{}`: write none, gzip, snappy, lz4 or zstd", flags.compression))
    })?;
    let acks = match flags.acks.as_str() {
        "0" => Acks::None,
        "1" => Acks::Leader,
        "all" | "-1" => Acks::All,
        other => return Err(usage(format!("--acks `{other}`: write 0, 1 or all"))),
    };
    let mut headers = Vec::new();
    for header in &flags.header {
        let at = header.find(['=', ':']).ok_or_else(|| usage(format!("--header `{header}`: write NAME=VALUE")))?;
        let value = Bytes::copy_from_slice(&header.as_bytes()[at + 1..]);
        headers.push((header[..at].to_owned(), Some(value)));
    }
    let reader = LineReader::new(&flags);
    let clock = os::SystemClock::new();
    super::network()?.block_on(async {
        let client = flags.cluster.connect("console-producer").await?;
        let producer = Producer::new(&client, ProducerOptions { acks, compression, ..ProducerOptions::default() });
        let mut lines = Lines::open();
        let mut work = Work::new();
        while let Some(line) = lines.next().await? {
            let mut record = reader.read(&line).map_err(usage)?;
            record.topic.clone_from(&topic);
            record.partition = flags.partition.or(record.partition);
            record.key = record.key.or_else(|| flags.key.as_ref().map(|key| Bytes::copy_from_slice(key.as_bytes())));
            record.headers.extend(headers.iter().cloned());
            if record.timestamp.0 == 0 {
                record.timestamp = TimestampMs(clock.now_ms());
            }
            let delivery = producer.send(record).await?;
            if flags.sync {
                delivery.wait().await?;
            }
            work.add(delivery).await;
        }
        producer.flush().await;
        work.finish().await
    })
}

/// Standard input, line by line, read on a thread of its own: a terminal may be slow.
struct Lines {
    lines: tokio::sync::mpsc::Receiver<io::Result<String>>,
}

impl Lines {
    fn open() -> Self {
        let (sender, lines) = tokio::sync::mpsc::channel(1024);
        std::thread::spawn(move || {
            let stdin = io::stdin();
            let prompt = stdin.is_terminal();
            let mut input = stdin.lock();
            loop {
                if prompt {
                    eprint!(">");
                    let _ = io::stderr().flush();
                }
                let mut line = String::new();
                let read = input.read_line(&mut line);
                if matches!(read, Ok(0)) {
                    return;
                }
                line.truncate(line.trim_end_matches(['\n', '\r']).len());
                let failed = read.is_err();
                if sender.blocking_send(read.map(|_| line)).is_err() || failed {
                    return;
                }
            }
        });
        Self { lines }
    }

    async fn next(&mut self) -> Result<Option<String>, Failure> {
        let line = self.lines.recv().await.transpose();
        line.map_err(|e| Failure::new(Exit::Failed, format!("cannot read standard input: {e}")))
    }
}

/// What was sent and not yet settled, and how far we are: a bar on a terminal.
struct Work {
    open: std::collections::VecDeque<Delivery>,
    failed: u64,
    first_error: Option<String>,
    bar: indicatif::ProgressBar,
}

impl Work {
    fn new() -> Self {
        // It draws on standard error, and only on a terminal; whoever types needs none.
        let bar = if io::stdin().is_terminal() {
            indicatif::ProgressBar::hidden()
        } else {
            indicatif::ProgressBar::new_spinner()
        };
        if let Ok(style) = indicatif::ProgressStyle::with_template("{spinner} {pos} records, {per_sec}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { open: std::collections::VecDeque::new(), failed: 0, first_error: None, bar }
    }

    async fn add(&mut self, delivery: Delivery) {
        self.bar.inc(1);
        self.open.push_back(delivery);
        while self.open.len() > DELIVERIES_OPEN_MAX {
            self.settle_one().await;
        }
    }

    async fn settle_one(&mut self) {
        if let Some(delivery) = self.open.pop_front()
            && let Err(error) = delivery.wait().await
        {
            self.failed += 1;
            self.first_error.get_or_insert_with(|| error.to_string());
        }
    }

    async fn finish(mut self) -> Result<(), Failure> {
        while !self.open.is_empty() {
            self.settle_one().await;
        }
        self.bar.finish_and_clear();
        match self.first_error {
            None => Ok(()),
            Some(error) => {
                Err(Failure::new(Exit::Partial, format!("{} records were not written: {error}", self.failed)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> LineReader {
        LineReader {
            parse_key: true,
            key_separator: ":".into(),
            parse_headers: true,
            headers_delimiter: "\t".into(),
            headers_separator: ",".into(),
            headers_key_separator: "=".into(),
            null_marker: Some("NULL".into()),
            ignore_error: false,
            json: false,
        }
    }

    #[test]
    fn lines_are_read_as_kafkas_reader_does() {
        let record = reader().read("a=1,b=NULL\tk:v:w").expect("it reads");
        let headers = vec![("a".to_owned(), Some(Bytes::from_static(b"1"))), ("b".to_owned(), None)];
        assert_eq!(
            (record.headers, record.key, record.value),
            (headers, Some(Bytes::from_static(b"k")), Some(Bytes::from_static(b"v:w")))
        );
        assert_eq!(reader().read("\tk:NULL").expect("a tombstone").value, None);
        assert!(reader().read("\tno key").expect_err("no separator").contains("no key in `no key`"));
        let lenient = LineReader { ignore_error: true, ..reader() };
        assert_eq!(lenient.read("only").expect("it reads").value, Some(Bytes::from_static(b"only")));
    }

    #[test]
    fn json_lines_are_what_consume_prints() {
        let line = r#"{"topic":"t","partition":1,"offset":7,"timestamp":5,"key":"k","value":{"a":1},"headers":[{"key":"h","value":"v"}]}"#;
        let record = from_json(line).expect("it reads");
        assert_eq!(
            (record.partition, record.timestamp, &record.value),
            (Some(1), TimestampMs(5), &Some(Bytes::from_static(b"{\"a\":1}")))
        );
        assert_eq!(record.headers, [("h".to_owned(), Some(Bytes::from_static(b"v")))]);
        assert!(from_json("[]").is_err() && from_json("hello").is_err());
    }
}
