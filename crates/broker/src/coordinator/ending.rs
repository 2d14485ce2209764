//! The three rounds in which a transaction ends.
//!
//! ```text
//!        data and Ongoing record durable    Prepare durable                markers durable
//! EndTxn ─────────────(a)──────────▶ Prepare ─────(b)──────▶ markers, answer ─────(c)─────▶ Complete
//! ```
//!
//! Every step waits for a ticket. Steps are taken strictly in the order in which they were put, which is the order of
//! their tickets; so markers are appended, in each partition, in the order of their Prepare records, and recovery can
//! write lost ones again at the same offsets with the same bytes. Only partitions in which the transaction has data get a
//! marker: elsewhere nothing would be different.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use commitlog::{AppendContext, AppendError, AppendKind, Log, OpenTransaction, Ticket};
use record::control::{ControlType, EndTxnMarker, end_txn_marker};
use record::{LeaderEpoch, ProducerId, TimestampMs};
use tokio::sync::oneshot;
use wire::ErrorCode;

use super::Shared;
use super::transactions::Transactions;
use crate::group::Now;
use crate::topic::OFFSETS_TOPIC;
use crate::txn::Marking;

/// How long a step that met a full disk waits before it is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// The coordinator's epoch in markers. It never changes: there is one coordinator, and markers that are written again must
/// have the same bytes.
pub(super) const COORDINATOR_EPOCH: i32 = 0;

/// Who waits for the answer to an EndTxn.
pub(super) type Waiter = oneshot::Sender<Result<(), ErrorCode>>;

/// One step of one ending, to be taken when its ticket is done.
pub(super) struct Step {
    transactional_id: String,
    kind: Kind,
    ticket: Ticket,
    waiter: Option<Waiter>,
    /// Monotonic time before which the step is not tried again.
    not_before_ms: u64,
}

impl Step {
    /// What it waits for.
    pub fn ticket(&self) -> Ticket {
        self.ticket.clone()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The data are durable: append the Prepare record.
    Prepare,
    /// The Prepare record is durable: append the markers, answer.
    Mark,
    /// The markers are durable: append the Complete record.
    Complete,
}

/// Why the end of a transaction could not be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndError {
    /// The disk failed; the broker stops.
    Storage,
    /// The Prepare record could not be written: the transaction is open still.
    NotPrepared,
}

impl fmt::Display for EndError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Storage => "the disk failed",
            Self::NotPrepared => "the end of the transaction could not be written",
        })
    }
}

impl std::error::Error for EndError {}

impl Shared {
    /// Puts the first step of an ending, whose id is draining.
    pub(super) fn drain(&self, transactions: &mut Transactions, transactional_id: &str, waiter: Option<Waiter>) {
        let ticket = self.data_ticket(transactions, transactional_id);
        self.put(transactions, transactional_id, Kind::Prepare, ticket, waiter);
        self.alarm.ring();
    }

    /// A ticket for all that the transaction has appended. Usually its client has waited for that already.
    fn data_ticket(&self, transactions: &Transactions, transactional_id: &str) -> Ticket {
        let Some(description) = transactions.machine.describe(transactional_id) else { return Ticket::done() };
        let settled = |log: &Log| log.high_watermark() >= log.log_end_offset();
        let mut partitions = description.value.partitions.iter().flat_map(|(t, ps)| ps.iter().map(move |p| (t, *p)));
        let all_settled = transactions.last.is_done()
            && partitions.all(|(topic, partition)| (self.find)(topic, partition).is_none_or(|(log, _)| settled(&log)));
        if all_settled { Ticket::done() } else { self.set.sync() }
    }

    /// Appends the Prepare record of a draining id now; its data must be durable. Markers follow when it is.
    pub(super) fn prepare(
        &self,
        transactions: &mut Transactions,
        transactional_id: &str,
        waiter: Option<Waiter>,
    ) -> Result<(), EndError> {
        let now = self.now();
        let Some(record) = transactions.machine.prepare(transactional_id, now) else { return Ok(()) };
        match self.append_transaction(transactions, &record, now) {
            Ok(ticket) => {
                self.put(transactions, transactional_id, Kind::Mark, ticket, waiter);
                Ok(())
            }
            Err(error) => {
                transactions.machine.prepare_failed(transactional_id, now);
                answer(waiter, Err(error));
                self.release(transactions, transactional_id);
                Err(EndError::NotPrepared)
            }
        }
    }

    /// Puts the last step of an ending, for markers that recovery wrote.
    pub(super) fn complete_later(&self, transactions: &mut Transactions, transactional_id: &str, ticket: Ticket) {
        self.put(transactions, transactional_id, Kind::Complete, ticket, None);
    }

    fn put(
        &self,
        transactions: &mut Transactions,
        transactional_id: &str,
        kind: Kind,
        ticket: Ticket,
        waiter: Option<Waiter>,
    ) {
        let transactional_id = transactional_id.to_owned();
        transactions.steps.push_back(Step { transactional_id, kind, ticket, waiter, not_before_ms: 0 });
    }

    /// Takes every step whose ticket is done, and arranges to be woken for the next one. Answers when a step that met a
    /// full disk is to be tried again, in monotonic time.
    pub(super) fn take_steps(&self, transactions: &mut Transactions, waker: &Waker) -> Option<u64> {
        if transactions.steps.is_empty() {
            return None;
        }
        // What is ready together is appended together: one sync round for the markers of all, and for the Complete records.
        let _together = self.set.hold_round();
        loop {
            let step = transactions.steps.front_mut()?;
            let now = self.now();
            if step.not_before_ms > now.monotonic_ms {
                return Some(step.not_before_ms);
            }
            match Pin::new(&mut step.ticket).poll(&mut Context::from_waker(waker)) {
                Poll::Pending => return None,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    tracing::error!(%error, "transactions cannot end: the disk failed");
                    for step in transactions.steps.drain(..) {
                        answer(step.waiter, Err(ErrorCode::CoordinatorNotAvailable));
                    }
                    transactions.waiting.clear();
                    self.ended.notify_all();
                    return None;
                }
            }
            let mut step = transactions.steps.pop_front()?;
            let id = step.transactional_id.clone();
            match step.kind {
                Kind::Prepare => {
                    // A failure is told to the waiter; an abort without one is tried again by its timeout.
                    let _ = self.prepare(transactions, &id, step.waiter);
                }
                Kind::Mark => match self.mark(transactions, &id) {
                    Ok(ticket) => {
                        transactions.machine.marked(&id);
                        answer(step.waiter, Ok(()));
                        self.put(transactions, &id, Kind::Complete, ticket, None);
                        self.ended.notify_all();
                    }
                    Err(error) => {
                        // It is decided, so it must be done; and the order forbids to go on with another one.
                        tracing::warn!(%error, transactional_id = id, "a marker was not appended, trying again");
                        let not_before_ms = now.monotonic_ms + RETRY.as_millis() as u64;
                        step.not_before_ms = not_before_ms;
                        transactions.steps.push_front(step);
                        return Some(not_before_ms);
                    }
                },
                Kind::Complete => {
                    if !self.complete(transactions, &id, now) {
                        let not_before_ms = now.monotonic_ms + RETRY.as_millis() as u64;
                        step.not_before_ms = not_before_ms;
                        transactions.steps.push_front(step);
                        return Some(not_before_ms);
                    }
                }
            }
        }
    }

    /// Appends the markers of a prepared transaction wherever it is open.
    fn mark(&self, transactions: &Transactions, transactional_id: &str) -> Result<Ticket, AppendError> {
        let Some(marking) = transactions.machine.marking(transactional_id) else { return Ok(Ticket::done()) };
        let mut tickets = Vec::new();
        for (topic, partition) in marking.places() {
            // A partition that is gone took the transaction's records with it.
            let Some((log, epoch)) = (self.find)(topic, partition) else { continue };
            if open_transaction(&log, marking.producer.id).is_some() {
                tickets.push(self.append_marker(&marking, topic, &log, epoch)?);
            }
        }
        Ok(Ticket::all(tickets))
    }

    /// Appends one marker; power loss may take it from the log, but not from the world: recovery writes it again.
    pub(super) fn append_marker(
        &self,
        marking: &Marking,
        topic: &str,
        log: &Log,
        leader_epoch: LeaderEpoch,
    ) -> Result<Ticket, AppendError> {
        let kind = AppendKind::Marker { promised: true };
        let context = AppendContext { kind, leader_epoch, now_ms: marking.timestamp };
        let ticket = match log.append(marker_bytes(marking), context) {
            Ok(appended) => appended.ticket,
            Err(AppendError::Deleted) => Ticket::done(),
            Err(error) => return Err(error),
        };
        if topic == OFFSETS_TOPIC {
            self.offsets_marked(marking.producer.id, marking.commit);
        }
        Ok(ticket)
    }

    /// Appends the Complete record and lets the id's next transaction begin.
    fn complete(&self, transactions: &mut Transactions, transactional_id: &str, now: Now) -> bool {
        if let Some(record) = transactions.machine.complete(transactional_id, now)
            && self.append_transaction(transactions, &record, now).is_err()
        {
            return false;
        }
        self.release(transactions, transactional_id);
        true
    }

    fn release(&self, transactions: &mut Transactions, transactional_id: &str) {
        transactions.waiting.remove(transactional_id);
        self.ended.notify_all();
    }
}

/// The same bytes whenever they are made.
fn marker_bytes(marking: &Marking) -> bytes::Bytes {
    let control_type = if marking.commit { ControlType::Commit } else { ControlType::Abort };
    let marker = EndTxnMarker { control_type, coordinator_epoch: COORDINATOR_EPOCH };
    end_txn_marker(marking.producer.id, marking.producer.epoch, marker, marking.timestamp)
}

/// An abort marker for a transaction that nobody knows of.
pub(super) fn abort_orphan(
    log: &Log,
    leader_epoch: LeaderEpoch,
    open: &OpenTransaction,
    now: TimestampMs,
) -> Result<Ticket, AppendError> {
    let marker = EndTxnMarker { control_type: ControlType::Abort, coordinator_epoch: COORDINATOR_EPOCH };
    let bytes = end_txn_marker(open.producer_id, open.epoch, marker, now);
    let context = AppendContext { kind: AppendKind::Marker { promised: false }, leader_epoch, now_ms: now };
    Ok(log.append(bytes, context)?.ticket)
}

pub(super) fn open_transaction(log: &Log, producer: ProducerId) -> Option<OpenTransaction> {
    log.open_transactions().into_iter().find(|open| open.producer_id == producer)
}

fn answer(waiter: Option<Waiter>, ended: Result<(), ErrorCode>) {
    if let Some(waiter) = waiter {
        // A waiter that is gone belongs to a connection that is gone.
        let _ = waiter.send(ended);
    }
}
