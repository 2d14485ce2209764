//! `millstream consume`: prints the records of a topic.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::{ArgAction, Args};
use client::{
    Client, ClientError, ConsumedRecord, Consumer, ConsumerOptions, GroupConsumer, GroupOptions, Isolation, OffsetSpec,
    OutOfRange, Position, TopicDescription,
};
use record::{Offset, TimestampMs};

use super::kafka::{ClusterFlags, pair};
use super::record_text::{LineFormat, Shown};
use super::{Exit, Failure};

const RECORDS_PER_POLL: usize = 10_000;
const PATIENCE: Duration = Duration::from_millis(500);
const TOPIC_WAIT: Duration = Duration::from_secs(3);
const TOPIC_RETRY: Duration = Duration::from_millis(100);

/// Flags of `consume`.
#[derive(Debug, Args)]
pub struct ConsumeFlags {
    /// The topics to read.
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    /// A topic to read. May be repeated.
    #[arg(long = "topic", short, value_name = "TOPIC")]
    topic: Vec<String>,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Begins at the first record (of a group without committed offsets).
    #[arg(long)]
    from_beginning: bool,
    /// Where to begin: beginning, end, an offset, -N (so many before the end), or @MS (a timestamp in ms).
    #[arg(long, short, value_name = "WHERE", allow_hyphen_values = true)]
    offset: Option<String>,
    /// Partitions, such as 0 or 0,2.
    #[arg(long, short, value_name = "LIST", value_delimiter = ',')]
    partition: Vec<i32>,
    /// Reads as a member of this group, and commits.
    #[arg(long, short = 'G', visible_short_alias = 'g', value_name = "GROUP")]
    group: Option<String>,
    /// Ends after so many records.
    #[arg(long, short = 'n', visible_short_alias = 'c', visible_alias = "count", value_name = "N")]
    max_messages: Option<u64>,
    /// Ends at the end of all partitions.
    #[arg(long, short)]
    exit_at_end: bool,
    /// Ends when no record came for so long.
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// read_uncommitted or read_committed.
    #[arg(long, value_name = "LEVEL", default_value = "read_uncommitted")]
    isolation_level: String,
    /// As --isolation-level read_committed.
    #[arg(long)]
    read_committed: bool,
    /// Prints the key before the value.
    #[arg(long)]
    print_key: bool,
    /// How keys are read: text, json, int64, …
    #[arg(long, value_name = "FORMAT")]
    key_format: Option<String>,
    /// How values are read: text, json, int64, …
    #[arg(long, value_name = "FORMAT")]
    value_format: Option<String>,
    /// A property of Kafka's formatter, such as print.key=true. May be repeated.
    #[arg(long = "formatter-property", visible_alias = "property", value_name = "NAME=VALUE", value_parser = pair)]
    formatter_property: Vec<(String, String)>,
    /// A format string as kcat's: %t topic, %p partition, %o offset, %T timestamp, %k key, %s value, %h headers.
    #[arg(long, short, value_name = "STRING")]
    format: Option<String>,
    /// Prints each record as one JSON object, which `produce --json` reads back.
    #[arg(long, short = 'J', action = ArgAction::SetTrue)]
    json: bool,
}

impl ConsumeFlags {
    fn usage(message: impl std::fmt::Display) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    fn line_format(&self) -> Result<LineFormat, Failure> {
        let mut format = LineFormat { key: self.print_key, ..LineFormat::default() };
        for (name, value) in &self.formatter_property {
            if !format.set(name, value).map_err(Self::usage)? {
                eprintln!("millstream: warning: the formatter has no property `{name}`");
            }
        }
        if let Some(name) = &self.key_format {
            format.key_shown = Shown::from_name(name).map_err(Self::usage)?;
        }
        if let Some(name) = &self.value_format {
            format.value_shown = Shown::from_name(name).map_err(Self::usage)?;
        }
        Ok(format)
    }

    fn consumer_options(&self) -> Result<ConsumerOptions, Failure> {
        let isolation = match self.isolation_level.as_str() {
            _ if self.read_committed => Isolation::ReadCommitted,
            "read_committed" => Isolation::ReadCommitted,
            "read_uncommitted" => Isolation::ReadUncommitted,
            other => {
                let message = format!("--isolation-level `{other}`: write read_committed or read_uncommitted");
                return Err(Self::usage(message));
            }
        };
        let out_of_range = if self.from_beginning { OutOfRange::Earliest } else { OutOfRange::Latest };
        Ok(ConsumerOptions { isolation, out_of_range, ..ConsumerOptions::default() })
    }
}

enum Reader {
    Plain(Box<Consumer>),
    Member(Box<GroupConsumer>),
}

impl Reader {
    async fn poll(&mut self, records_max: usize, patience: Duration) -> Result<Vec<ConsumedRecord>, ClientError> {
        match self {
            Self::Plain(consumer) => consumer.poll(records_max, patience).await,
            Self::Member(consumer) => consumer.poll(records_max, patience).await,
        }
    }

    fn is_at_end(&self) -> bool {
        match self {
            Self::Plain(consumer) => consumer.is_at_end(),
            Self::Member(consumer) => consumer.is_at_end(),
        }
    }
}

pub(super) fn run(flags: ConsumeFlags) -> Result<(), Failure> {
    let topics: Vec<String> = flags.topics.iter().chain(&flags.topic).cloned().collect();
    if topics.is_empty() {
        return Err(ConsumeFlags::usage("name a topic: consume TOPIC"));
    }
    let format = flags.line_format()?;
    let options = flags.consumer_options()?;
    super::network()?.block_on(async {
        let client = flags.cluster.connect("console-consumer").await?;
        let mut reader = match &flags.group {
            Some(_) if flags.offset.is_some() || !flags.partition.is_empty() => {
                return Err(ConsumeFlags::usage(
                    "a group chooses partitions and offsets: leave --group or --offset and --partition out",
                ));
            }
            Some(group) => {
                if flags.from_beginning {
                    eprintln!("--from-beginning counts only where the group {group} has no committed offset");
                }
                let options = GroupOptions { consumer: options, ..GroupOptions::new(group, topics) };
                Reader::Member(Box::new(GroupConsumer::new(&client, options)))
            }
            None => {
                let positions = positions(&client, &flags, &topics, options.isolation).await?;
                let mut consumer = Consumer::new(&client, options);
                consumer.assign(&positions).await?;
                Reader::Plain(Box::new(consumer))
            }
        };
        let printed = tokio::select! {
            printed = print(&mut reader, &flags, &format) => printed,
            _ = tokio::signal::ctrl_c() => Ok(None),
        };
        // Also after an error: a member that just vanishes holds its group up until its session ends.
        if let Reader::Member(mut member) = reader {
            if printed.is_ok() {
                member.commit().await?;
            }
            member.leave().await?;
        }
        if let Some(count) = printed? {
            eprintln!("Processed a total of {count} messages");
        }
        Ok(())
    })
}

async fn positions(
    client: &Client,
    flags: &ConsumeFlags,
    topics: &[String],
    isolation: Isolation,
) -> Result<Vec<(String, i32, Position)>, Failure> {
    let mut partitions = Vec::new();
    for topic in topics {
        let described = described(client, topic).await?;
        let all = described.partitions.iter().map(|partition| partition.index);
        let wanted: Vec<i32> = all.filter(|p| flags.partition.is_empty() || flags.partition.contains(p)).collect();
        if let Some(missing) = flags.partition.iter().find(|p| !wanted.contains(p)) {
            let message = format!("topic {topic} has no partition {missing}");
            return Err(Failure::new(Exit::NotFound, message));
        }
        partitions.extend(wanted.into_iter().map(|partition| (topic.clone(), partition)));
    }
    let wrong =
        |text: &str| ConsumeFlags::usage(format!("--offset `{text}`: write beginning, end, an offset, -N or @MS"));
    let position = match flags.offset.as_deref() {
        None if flags.from_beginning => Position::Earliest,
        None => Position::Latest,
        Some("beginning" | "start" | "earliest" | "oldest") => Position::Earliest,
        Some("end" | "latest" | "newest") => Position::Latest,
        Some(text) => match (text.strip_prefix('@'), text.parse::<i64>()) {
            (Some(ms), _) => Position::Timestamp(TimestampMs(ms.parse().map_err(|_| wrong(text))?)),
            (None, Ok(offset)) if offset >= 0 => Position::Offset(Offset(offset)),
            (None, Ok(back)) => return before_end(client, partitions, -back, isolation).await,
            (None, Err(_)) => return Err(wrong(text)),
        },
    };
    Ok(partitions.into_iter().map(|(topic, partition)| (topic, partition, position)).collect())
}

/// A topic that is asked for may just be coming into being, as dead letters do: it is waited for, a little.
async fn described(client: &Client, topic: &str) -> Result<TopicDescription, ClientError> {
    let deadline = Instant::now() + TOPIC_WAIT;
    loop {
        match client.topic(topic).await {
            Err(e) if e.is_not_found() && Instant::now() < deadline => tokio::time::sleep(TOPIC_RETRY).await,
            described => return described,
        }
    }
}

/// So many before the end of each partition, but not before its start.
async fn before_end(
    client: &Client,
    partitions: Vec<(String, i32)>,
    back: i64,
    isolation: Isolation,
) -> Result<Vec<(String, i32, Position)>, Failure> {
    let ask = |spec| partitions.iter().map(|(t, p)| (t.clone(), *p, spec)).collect::<Vec<_>>();
    let starts = client.list_offsets(&ask(OffsetSpec::Earliest), isolation).await?;
    let ends = client.list_offsets(&ask(OffsetSpec::Latest), isolation).await?;
    let mut positions = Vec::new();
    for (((topic, partition), start), end) in partitions.into_iter().zip(starts).zip(ends) {
        let start = start?.offset.map_or(0, |offset| offset.0);
        let end = end?.offset.map_or(0, |offset| offset.0);
        positions.push((topic, partition, Position::Offset(Offset((end - back).max(start)))));
    }
    Ok(positions)
}

/// Prints until an end is reached (how many) or the reader of our output is gone (`None`).
async fn print(reader: &mut Reader, flags: &ConsumeFlags, format: &LineFormat) -> Result<Option<u64>, Failure> {
    let stdout = io::stdout();
    // A pipe gets whole blocks when there is much, and every poll's lines at once.
    let mut out = BufWriter::with_capacity(if stdout.is_terminal() { 4096 } else { 1 << 16 }, stdout.lock());
    let idle_max = flags.timeout_ms.map(Duration::from_millis);
    let mut last = Instant::now();
    let mut count = 0_u64;
    loop {
        let patience = idle_max.map_or(PATIENCE, |max| max.saturating_sub(last.elapsed()).min(PATIENCE));
        // A member commits what it was handed: never take more than will be printed.
        let left = flags.max_messages.map_or(u64::MAX, |max| max - count);
        let records_max = usize::try_from(left).unwrap_or(usize::MAX).min(RECORDS_PER_POLL);
        let records = reader.poll(records_max, patience).await?;
        if !records.is_empty() {
            last = Instant::now();
        }
        for record in &records {
            let text = match (&flags.format, flags.json) {
                (Some(template), _) => format.template(template, record),
                (None, true) => format.envelope(record).map(|envelope| format!("{envelope}\n")),
                (None, false) => format.line(record),
            };
            let text = text.map_err(|e| Failure::new(Exit::Failed, e))?;
            if out.write_all(text.as_bytes()).is_err() {
                return Ok(None);
            }
            count += 1;
        }
        if out.flush().is_err() {
            return Ok(None);
        }
        let enough = flags.max_messages.is_some_and(|max| count >= max);
        let idle = idle_max.is_some_and(|max| last.elapsed() >= max);
        if enough || idle || (flags.exit_at_end && reader.is_at_end()) {
            return Ok(Some(count));
        }
    }
}
