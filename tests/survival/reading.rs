//! Fetches, with the records of aborted transactions left out by our own reading of Kafka's rules.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use record::{ReadLimits, control, split};
use testkit::history::{Isolation, Mark, PartitionId, Poll, ReaderId, Seen};
use wire::Records;
use wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::fetch_response::PartitionData;

use crate::session::{Session, Trouble, accepted};
use crate::world::{World, value_of};

const FETCH: i16 = 11;
/// How it begins when what was there cannot be read at rest.
pub const LOST: &str = "nobody can read on at";

/// A record that was read.
#[derive(Clone, Debug)]
pub struct Record {
    pub partition: PartitionId,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Bytes>,
    pub value: Bytes,
}

/// Where a reader is in each partition that it reads.
#[derive(Clone, Debug)]
pub struct Positions {
    pub isolation: Isolation,
    pub next: Vec<(PartitionId, i64)>,
}

impl Positions {
    pub fn beginning(partitions: Vec<PartitionId>, isolation: Isolation) -> Self {
        Self { isolation, next: partitions.into_iter().map(|partition| (partition, 0)).collect() }
    }
}

/// What one fetch brought.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    pub records: Vec<Record>,
    pub marks: Vec<Mark>,
}

impl Fetched {
    /// As an entry of the history.
    pub fn poll(&self, world: &World, reader: ReaderId) -> Poll {
        let seen = |record: &Record| {
            let (topic, _) = world.topic_and_partition(record.partition);
            let value = value_of(topic, record.key.as_deref(), &record.value);
            Seen { partition: record.partition, offset: record.offset, value }
        };
        let records = self.records.iter().map(seen).collect();
        Poll { reader, transaction: None, repositioned: false, records, marks: self.marks.clone() }
    }
}

/// One fetch; moves the positions behind what it brought.
pub fn fetch(
    world: &World,
    session: &mut Session,
    positions: &mut Positions,
    wait: Duration,
) -> Result<Fetched, Trouble> {
    let topics = positions.next.iter().map(|(id, offset)| {
        let (topic, partition) = world.topic_and_partition(*id);
        let partition = FetchPartition {
            partition,
            current_leader_epoch: -1,
            fetch_offset: *offset,
            log_start_offset: -1,
            partition_max_bytes: 1 << 20,
            ..FetchPartition::default()
        };
        FetchTopic { topic: topic.into(), partitions: vec![partition], ..FetchTopic::default() }
    });
    let request = FetchRequest {
        replica_id: -1,
        max_wait_ms: wait.as_millis() as i32,
        min_bytes: 1,
        max_bytes: 16 << 20,
        isolation_level: i8::from(positions.isolation == Isolation::Committed),
        session_epoch: -1,
        topics: topics.collect(),
        ..FetchRequest::default()
    };
    let response = session.call(FETCH, &request)?;
    accepted(response.error_code)?;
    let mut fetched = Fetched::default();
    for topic in response.responses {
        for data in topic.partitions {
            let id = world.id(&topic.topic, data.partition_index).expect("a partition that was asked for");
            let next =
                positions.next.iter_mut().find(|(asked, _)| *asked == id).expect("a partition that was asked for");
            accepted(data.error_code)?;
            fetched.marks.push(Mark {
                partition: id,
                high_watermark: data.high_watermark,
                last_stable_offset: data.last_stable_offset,
            });
            next.1 = take(id, next.1, data, positions.isolation, &mut fetched.records);
        }
    }
    Ok(fetched)
}

/// The records of a partition's answer from `position` on; the next position.
fn take(id: PartitionId, position: i64, data: PartitionData, isolation: Isolation, into: &mut Vec<Record>) -> i64 {
    let Records::Bytes(bytes) = data.records else { return position };
    let mut aborted = data.aborted_transactions.unwrap_or_default();
    aborted.sort_by_key(|transaction| transaction.first_offset);
    let mut aborted = aborted.into_iter().peekable();
    let mut aborting = HashSet::new();
    let mut next = position;
    // A batch that was cut at the answer's end is an error of `split`, and its last item.
    for batch in split(bytes).map_while(Result::ok) {
        batch.check_crc().expect("a batch's checksum");
        let header = batch.header;
        next = header.next_offset().0;
        while let Some(transaction) = aborted.next_if(|t| t.first_offset <= header.last_offset().0) {
            aborting.insert(transaction.producer_id);
        }
        if header.is_control() {
            let marker = control::parse_end_txn_marker(&batch).expect("a control batch");
            if marker.is_some_and(|marker| marker.control_type == control::ControlType::Abort) {
                aborting.remove(&header.producer_id.0);
            }
            continue;
        }
        let hidden = header.is_transactional() && aborting.contains(&header.producer_id.0);
        if isolation == Isolation::Committed && hidden {
            continue;
        }
        let records = batch.records(ReadLimits::default()).expect("a batch's records");
        for record in records.iter().map(|record| record.expect("a record")) {
            if record.offset.0 >= position {
                into.push(Record {
                    partition: id,
                    offset: record.offset.0,
                    timestamp_ms: record.timestamp.0,
                    key: record.key.map(Bytes::copy_from_slice),
                    value: Bytes::copy_from_slice(record.value.unwrap_or_default()),
                });
            }
        }
    }
    next
}

/// Reads everything from the beginning, as a drain of the history, until nothing is left open or unread. Nobody may be
/// writing.
pub fn drain(
    world: &World,
    session: &mut Session,
    partitions: Vec<PartitionId>,
    isolation: Isolation,
) -> Result<Fetched, String> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let reader = world.history().drain(isolation, partitions.clone());
    let mut positions = Positions::beginning(partitions, isolation);
    let mut all = Fetched::default();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let fetched = fetch(world, session, &mut positions, Duration::ZERO);
        let fetched = fetched.map_err(|trouble| format!("{LOST} {:?}: {trouble}", positions.next))?;
        world.history().polls.push(fetched.poll(world, reader));
        all.records.extend(fetched.records);
        let end = |id| fetched.marks.iter().find(|mark| mark.partition == id);
        let open = positions.next.iter().find(|(id, next)| end(*id).is_none_or(|mark| *next < mark.high_watermark));
        match open {
            None => {
                all.marks = fetched.marks;
                return Ok(all);
            }
            Some((id, next)) if Instant::now() > deadline => {
                let (topic, partition) = world.topic_and_partition(*id);
                let mark = end(*id);
                world.unexpected(format!("{topic}-{partition} cannot be read beyond {next}: {mark:?}"));
                return Ok(all);
            }
            Some(_) => {}
        }
    }
}
