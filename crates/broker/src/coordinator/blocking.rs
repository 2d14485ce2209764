//! What threads of this process ask: the same steps as requests, waited for by blocking.
//!
//! A thread that waits takes the steps of endings itself, as far as their tickets are done, so that a commit costs no
//! hop to the background thread and works without one.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use commitlog::Ticket;
use wire::ErrorCode;

use super::ending::EndError;
use super::transactions::{Added, Transactions};
use super::{Coordinators, Shared};
use crate::embedded::CommitError;
use crate::group::OffsetCommitRequest;
use crate::txn::{EndStep, InitRequest, Partitions, Producer, Refusal};

/// How long a thread sleeps that waits for another one's progress.
const NAP: Duration = Duration::from_millis(20);
/// In-process requests come by no connection, and in order.
const NO_CONNECTION: u64 = 0;

impl Shared {
    /// Blocks until `ready` finds what it waits for, taking steps of endings meanwhile.
    fn wait_until<T>(&self, mut ready: impl FnMut(&Transactions) -> Option<T>) -> Result<T, EndError> {
        let waker = Waker::from(Arc::clone(&self.alarm));
        loop {
            let mut transactions = self.transactions.lock();
            let retry_ms = self.take_steps(&mut transactions, &waker);
            if let Some(found) = ready(&transactions) {
                return Ok(found);
            }
            if self.set.health().is_some() {
                return Err(EndError::Storage);
            }
            match transactions.next_ticket() {
                Some(ticket) if retry_ms.is_none() => {
                    drop(transactions);
                    ticket.wait().map_err(|_| EndError::Storage)?;
                }
                _ => {
                    self.ended.wait_for(&mut transactions, NAP);
                }
            }
        }
    }

    fn wait_until_idle(&self, transactional_id: &str) -> Result<(), EndError> {
        self.wait_until(|transactions| (!transactions.machine.is_busy(transactional_id)).then_some(()))
    }
}

impl Coordinators {
    /// InitProducerId, waiting where a client would have to ask again.
    pub(crate) fn open_producer(&self, transactional_id: &str, timeout_ms: i32) -> Result<Producer, CommitError> {
        let request = InitRequest { transactional_id: transactional_id.to_owned(), timeout_ms, expected: None };
        loop {
            match self.shared.init(&request) {
                Ok((producer, ticket)) => {
                    ticket.wait().map_err(|e| CommitError::Storage(e.to_string()))?;
                    // Its query may have nothing to commit for weeks.
                    self.shared.transactions.lock().machine.pin(transactional_id);
                    return Ok(producer);
                }
                Err(Refusal::Error(ErrorCode::CoordinatorLoadInProgress)) => {
                    self.shared.producer_ids.refill().map_err(CommitError::Storage)?;
                }
                Err(Refusal::Error(ErrorCode::ConcurrentTransactions) | Refusal::Busy) => {
                    self.shared.wait_until_idle(transactional_id).map_err(|e| CommitError::Storage(e.to_string()))?;
                }
                Err(Refusal::Error(code)) => return Err(fenced(transactional_id, code)),
                Err(Refusal::StaleConnection) => return Err(fenced(transactional_id, ErrorCode::ProducerFenced)),
            }
        }
    }

    /// Waits until the last transactions of these ids are complete.
    pub(crate) fn wait_until_idle(&self, ids: &[String]) -> Result<(), CommitError> {
        for id in ids {
            self.shared.wait_until_idle(id).map_err(|e| CommitError::Storage(e.to_string()))?;
        }
        Ok(())
    }

    /// Begins a transaction: its Ongoing record is appended, durable with the ticket.
    pub(crate) fn begin(
        &self,
        transactional_id: &str,
        producer: Producer,
        partitions: &Partitions,
    ) -> Result<Ticket, CommitError> {
        match self.shared.add_partitions(transactional_id, producer, NO_CONNECTION, partitions) {
            Ok(ticket) => Ok(ticket),
            Err(Added::Refused(Refusal::Error(ErrorCode::CoordinatorNotAvailable))) => {
                Err(CommitError::Storage("the transaction's record was not appended".to_owned()))
            }
            Err(Added::Refused(Refusal::Error(code))) => Err(fenced(transactional_id, code)),
            // Idle a moment ago, and ending now: somebody else speaks for the id.
            Err(_) => Err(fenced(transactional_id, ErrorCode::ProducerFenced)),
        }
    }

    /// Offsets of a begun transaction are appended, durable with the ticket.
    pub(crate) fn stage_offsets_now(
        &self,
        transactional_id: &str,
        request: OffsetCommitRequest,
    ) -> Result<Ticket, ErrorCode> {
        let (reply, ticket) = self.shared.stage_offsets(transactional_id, request)?;
        match reply?.into_iter().find(|code| code.is_error()) {
            Some(code) => Err(code),
            None => Ok(ticket),
        }
    }

    /// Commits transactions whose data are durable: all Prepare records, one sync round, all markers.
    pub(crate) fn commit_all<'a>(&self, enders: impl Iterator<Item = (&'a str, Producer)>) -> Result<(), CommitError> {
        let mut first_error = None;
        let mut prepared = Vec::new();
        {
            let mut transactions = self.shared.transactions.lock();
            let _second_round = self.shared.set.hold_round();
            for (id, producer) in enders {
                let begun = transactions.machine.begin_end(id, producer, NO_CONNECTION, true);
                let ended = match begun {
                    Ok(EndStep::Begun) => self
                        .shared
                        .prepare(&mut transactions, id, None)
                        .map_err(|e| CommitError::Storage(e.to_string())),
                    Ok(EndStep::Done) => Ok(()),
                    Err(Refusal::Error(code)) => Err(fenced(id, code)),
                    Err(_) => Err(fenced(id, ErrorCode::ProducerFenced)),
                };
                match ended {
                    Ok(()) => prepared.push(id),
                    Err(error) => {
                        first_error.get_or_insert(error);
                    }
                }
            }
        }
        for id in prepared {
            self.shared
                .wait_until(|transactions| transactions.machine.is_marked(id).then_some(()))
                .map_err(|e| CommitError::Storage(e.to_string()))?;
        }
        first_error.map_or(Ok(()), Err)
    }

    /// Begins to abort what a producer has begun, if anything.
    pub(crate) fn abort(&self, transactional_id: &str, producer: Producer) {
        let mut transactions = self.shared.transactions.lock();
        if let Ok(EndStep::Begun) = transactions.machine.begin_end(transactional_id, producer, NO_CONNECTION, false) {
            self.shared.drain(&mut transactions, transactional_id, None);
        }
    }

    /// A dropped query's group goes, with its offsets; blocks until that is durable.
    pub(crate) fn forget_query(&self, group_id: &str) -> ErrorCode {
        let ticket = {
            let mut groups = self.shared.groups.lock();
            let now = self.shared.now();
            let decision = groups.machine.query_dismiss(group_id, now);
            let _ = self.shared.carry_out(&mut groups, decision, None, now);
            let decision = groups.machine.delete(group_id);
            match self.shared.carry_out(&mut groups, decision, None, now) {
                Ok((ErrorCode::None, ticket)) => ticket,
                Ok((code, _)) | Err(code) => return code,
            }
        };
        match ticket.wait() {
            Ok(()) => ErrorCode::None,
            Err(_) => ErrorCode::CoordinatorNotAvailable,
        }
    }
}

fn fenced(transactional_id: &str, code: ErrorCode) -> CommitError {
    CommitError::Fenced { transactional_id: transactional_id.to_owned(), code }
}
