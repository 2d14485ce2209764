//! What happens before any other append: the machines are built from their logs, transactions whose end was decided get
//! the markers that they lack, and transactions that nobody knows of are aborted.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use commitlog::{AppendError, Isolation, Log, ReadRequest, Ticket};
use parking_lot::{Condvar, Mutex};
use record::Offset;

use super::background::Alarm;
use super::ending::{abort_orphan, open_transaction};
use super::groups::Groups;
use super::log::{CoordinatorLog, Entry};
use super::producer_ids::ProducerIds;
use super::records::{decode_group_record, decode_transaction_record};
use super::transactions::Transactions;
use super::{CoordinatorOptions, Shared};
use crate::group::{GroupCoordinator, Now};
use crate::topic::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};
use crate::txn::{Marking, Producer, TransactionCoordinator};

/// Why the coordinators cannot start.
#[derive(Debug)]
pub enum RecoveryError {
    /// A coordinator's log cannot be read.
    Unreadable {
        /// Which topic.
        topic: &'static str,
        /// What is wrong, and where.
        why: String,
    },
    /// A marker cannot be written.
    Append(AppendError),
    /// Producer ids cannot be reserved.
    ProducerIds(String),
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { topic, why } => write!(f, "cannot read {topic} back: {why}"),
            Self::Append(e) => write!(f, "cannot finish the transactions of the last run: {e}"),
            Self::ProducerIds(e) => write!(f, "cannot reserve producer ids: {e}"),
        }
    }
}

impl std::error::Error for RecoveryError {}

pub(super) fn recover(options: CoordinatorOptions) -> Result<Shared, RecoveryError> {
    let monotonic_ms = u64::try_from(options.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
    let now = Now { monotonic_ms, wall: record::TimestampMs(options.clock.now_ms()) };
    let coordinator_log = |(log, leader_epoch)| CoordinatorLog { log, leader_epoch };
    let transaction_log = coordinator_log(options.transactions);
    let mut machine = TransactionCoordinator::new(options.transaction);
    let positions = replay_transactions(&transaction_log, &mut machine, now)?;
    let shared = Shared {
        clock: options.clock,
        set: options.set,
        offsets: coordinator_log(options.offsets),
        transaction_log,
        find: options.find,
        producer_ids: ProducerIds::open(options.reserve_producer_ids).map_err(RecoveryError::ProducerIds)?,
        groups: Mutex::new(Groups::new(GroupCoordinator::new(options.group))),
        transactions: Mutex::new(Transactions::new(machine)),
        ended: Condvar::new(),
        alarm: Arc::new(Alarm::default()),
    };
    finish_prepared(&shared, &positions)?;
    abort_orphans(&shared, now)?;
    replay_groups(&shared, now)?;
    Ok(shared)
}

/// Answers where each id's last record is.
fn replay_transactions(
    log: &CoordinatorLog,
    machine: &mut TransactionCoordinator,
    now: Now,
) -> Result<HashMap<String, Offset>, RecoveryError> {
    let mut positions = HashMap::new();
    let mut damaged = None;
    let read = log.read_all(|entry| {
        let Entry::Record { offset, key, value, .. } = entry else { return };
        match decode_transaction_record(key, value) {
            Ok(Some(record)) => {
                machine.replay(&record, now);
                positions.insert(record.transactional_id, offset);
            }
            Ok(None) => {}
            Err(error) => damaged = Some(format!("at offset {offset}: {error}")),
        }
    });
    read.and(damaged.map_or(Ok(()), Err))
        .map_err(|why| RecoveryError::Unreadable { topic: TRANSACTIONS_TOPIC, why })?;
    Ok(positions)
}

/// Writes the markers that are missing, in the order of the Prepare records: what a consumer may have seen of them before
/// the crash, it sees again.
fn finish_prepared(shared: &Shared, positions: &HashMap<String, Offset>) -> Result<(), RecoveryError> {
    let mut transactions = shared.transactions.lock();
    let mut prepared = transactions.machine.prepared();
    prepared.sort_by_key(|id| positions.get(id).copied());
    for id in prepared {
        let Some(marking) = transactions.machine.marking(&id) else { continue };
        let mut tickets = Vec::new();
        for (topic, partition) in marking.places() {
            let Some((log, epoch)) = (shared.find)(topic, partition) else { continue };
            let Some(open) = open_transaction(&log, marking.producer.id) else { continue };
            if is_marked(&log, &marking, open.first_offset)? {
                // What is open is the id's next transaction, of which no record was left: an orphan.
                continue;
            }
            // The epoch that the lost marker had is that of the data before it.
            let epoch = log.latest_epoch().unwrap_or(epoch);
            tickets.push(shared.append_marker(&marking, topic, &log, epoch).map_err(RecoveryError::Append)?);
        }
        transactions.machine.marked(&id);
        shared.complete_later(&mut transactions, &id, Ticket::all(tickets));
    }
    Ok(())
}

/// Whether the log has this transaction's marker before an offset: whether the producer's last marker there has its
/// timestamp, which is that of no other of its markers. Walks back batch by batch; the marker is near, because what is open
/// began after it.
fn is_marked(log: &Log, marking: &Marking, before: Offset) -> Result<bool, RecoveryError> {
    let fail =
        |why: String| RecoveryError::Unreadable { topic: TRANSACTIONS_TOPIC, why: format!("{}: {why}", log.name()) };
    let producer = log.producers().into_iter().find(|p| p.producer_id == marking.producer.id);
    if producer.is_none_or(|p| p.coordinator_epoch < 0) {
        return Ok(false);
    }
    let mut before = before;
    while before > log.log_start_offset() {
        let from = before + -1;
        let request = ReadRequest { from, bytes_max: 1, at_least_one: true, isolation: Isolation::LogEnd };
        let read = log.read(request).map_err(|e| fail(e.to_string()))?;
        let Some(chunk) = read.chunks.first() else { return Ok(false) };
        let bytes = chunk.read().map_err(|e| fail(e.to_string()))?;
        let Some(batch) = record::split(bytes).next() else { return Ok(false) };
        let header = batch.map_err(|e| fail(e.to_string()))?.header;
        if header.is_control() && header.producer_id == marking.producer.id {
            return Ok(header.base_timestamp == marking.timestamp);
        }
        before = header.base_offset.min(from);
    }
    Ok(false)
}

/// Aborts what a partition shows open and no transaction accounts for: its data became durable, the record that it is
/// part of a transaction did not.
fn abort_orphans(shared: &Shared, now: Now) -> Result<(), RecoveryError> {
    let transactions = shared.transactions.lock();
    for name in shared.set.names() {
        let Some(log) = shared.set.get(&name) else { continue };
        let Some((topic, Ok(partition))) = name.rsplit_once('-').map(|(t, p)| (t, p.parse::<i32>())) else { continue };
        for open in log.open_transactions() {
            let producer = Producer { id: open.producer_id, epoch: open.epoch };
            if transactions.machine.knows_open(producer, topic, partition) {
                continue;
            }
            let leader_epoch = match (shared.find)(topic, partition) {
                Some((_, epoch)) => epoch,
                None => log.latest_epoch().unwrap_or(record::LeaderEpoch(0)),
            };
            tracing::warn!(log = name, producer_id = open.producer_id.0, "aborting a transaction that nobody knows of");
            let _ticket = abort_orphan(&log, leader_epoch, &open, now.wall).map_err(RecoveryError::Append)?;
        }
    }
    Ok(())
}

fn replay_groups(shared: &Shared, now: Now) -> Result<(), RecoveryError> {
    let mut groups = shared.groups.lock();
    let mut damaged = None;
    let read = shared.offsets.read_all(|entry| match entry {
        Entry::Marker { producer, commit } => groups.machine.replay_marker(producer, commit),
        Entry::Record { offset, producer, key, value } => match decode_group_record(key, value) {
            Ok(Some(record)) => groups.machine.replay(&record, offset, producer, false),
            Ok(None) => {}
            Err(error) => damaged = Some(format!("at offset {offset}: {error}")),
        },
    });
    read.and(damaged.map_or(Ok(()), Err)).map_err(|why| RecoveryError::Unreadable { topic: OFFSETS_TOPIC, why })?;
    groups.machine.start_sessions(now);
    Ok(())
}
