//! Transaction requests: decide, append, replay, and answer when it is durable.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::Arc;

use commitlog::Ticket;
use record::ProducerEpoch;
use tokio::sync::oneshot;
use wire::ErrorCode;

use super::ending::Step;
use super::records::encode_transaction_record;
use super::{Coordinators, Shared};
use crate::group::Now;
use crate::topic::OFFSETS_TOPIC;
use crate::txn::{
    EndStep, InitReply, InitRequest, Partitions, Producer, Refusal, TransactionCoordinator, TransactionDescription,
    TransactionFilter, TransactionRecord,
};

/// The transaction machine, the endings under way, and the requests that wait for one.
pub(super) struct Transactions {
    pub machine: TransactionCoordinator,
    /// In the order of their tickets; Prepare records among them in the order of the log.
    pub steps: VecDeque<Step>,
    /// Requests that would begin an id's next transaction while its last one ends.
    pub waiting: HashMap<String, Vec<oneshot::Sender<()>>>,
    /// The last append to `__transaction_state`.
    pub last: Ticket,
}

impl Transactions {
    pub fn new(machine: TransactionCoordinator) -> Self {
        Self { machine, steps: VecDeque::new(), waiting: HashMap::new(), last: Ticket::done() }
    }
}

impl Transactions {
    /// What the next step waits for.
    pub fn next_ticket(&self) -> Option<Ticket> {
        self.steps.front().map(Step::ticket)
    }
}

impl Shared {
    /// Appends a record to `__transaction_state` and replays it.
    pub(super) fn append_transaction(
        &self,
        transactions: &mut Transactions,
        record: &TransactionRecord,
        now: Now,
    ) -> Result<Ticket, ErrorCode> {
        self.append_transactions(transactions, std::slice::from_ref(record), now)
    }

    /// The same for many, all or none.
    fn append_transactions(
        &self,
        transactions: &mut Transactions,
        records: &[TransactionRecord],
        now: Now,
    ) -> Result<Ticket, ErrorCode> {
        let encoded: Result<Vec<_>, _> = records.iter().map(encode_transaction_record).collect();
        let encoded = encoded.map_err(|error| {
            tracing::error!(%error, "a transaction record cannot be encoded");
            ErrorCode::UnknownServerError
        })?;
        let appended = self.transaction_log.append(&encoded, None, now.wall).map_err(|error| {
            let transactional_id = records.first().map(|record| &record.transactional_id);
            tracing::warn!(%error, transactional_id, "a transaction record was not appended");
            ErrorCode::CoordinatorNotAvailable
        })?;
        for record in records {
            transactions.machine.replay(record, now);
        }
        transactions.last = appended.ticket.clone();
        Ok(appended.ticket)
    }

    pub(super) fn init(&self, request: &InitRequest) -> Result<(Producer, Ticket), Refusal> {
        let mut transactions = self.transactions.lock();
        let now = self.now();
        let Some(fresh) = self.fresh_producer_id() else { return Err(ErrorCode::CoordinatorLoadInProgress.into()) };
        let mut reply = transactions.machine.init(request, || fresh, now);
        if is_full(&reply) && self.make_room(&mut transactions, &request.transactional_id, now)? {
            reply = transactions.machine.init(request, || fresh, now);
        }
        let reply = reply?;
        match reply {
            InitReply::Ready { record: None, producer } => Ok((producer, transactions.last.clone())),
            InitReply::Ready { record: Some(record), producer } => {
                let ticket = self.append_transaction(&mut transactions, &record, now)?;
                Ok((producer, ticket))
            }
            InitReply::Aborting => {
                self.drain(&mut transactions, &request.transactional_id, None);
                Err(ErrorCode::ConcurrentTransactions.into())
            }
        }
    }

    /// Forgets ids at rest, for something new of this one. Whether any.
    fn make_room(&self, transactions: &mut Transactions, transactional_id: &str, now: Now) -> Result<bool, ErrorCode> {
        let gone = transactions.machine.make_room(transactional_id, now);
        if gone.is_empty() {
            return Ok(false);
        }
        // What is new comes behind them in the same log, and is durable only with them.
        drop(self.append_transactions(transactions, &gone, now)?);
        Ok(true)
    }

    fn fresh_producer_id(&self) -> Option<record::ProducerId> {
        let id = self.producer_ids.next();
        if self.producer_ids.is_low() {
            self.alarm.ring();
        }
        id
    }

    /// The record of newly added partitions is in the log; or how to go on.
    pub(super) fn add_partitions(
        &self,
        transactional_id: &str,
        producer: Producer,
        connection: u64,
        partitions: &Partitions,
    ) -> Result<Ticket, Added> {
        let mut transactions = self.transactions.lock();
        let now = self.now();
        let mut added = transactions.machine.add_partitions(transactional_id, producer, connection, partitions, now);
        if is_full(&added) && self.make_room(&mut transactions, transactional_id, now).map_err(Added::refused)? {
            added = transactions.machine.add_partitions(transactional_id, producer, connection, partitions, now);
        }
        match added {
            Ok(None) => Ok(transactions.last.clone()),
            Ok(Some(record)) => {
                // Its timeout is noticed within a second: the background thread sleeps no longer.
                self.append_transaction(&mut transactions, &record, now).map_err(Added::refused)
            }
            Err(Refusal::Busy) => {
                let (sender, receiver) = oneshot::channel();
                transactions.waiting.entry(transactional_id.to_owned()).or_default().push(sender);
                Err(Added::Wait(receiver))
            }
            Err(refusal) => Err(Added::Refused(refusal)),
        }
    }
}

/// Whether all that is missing is room.
fn is_full<T>(reply: &Result<T, Refusal>) -> bool {
    matches!(reply, Err(Refusal::Error(ErrorCode::PolicyViolation)))
}

/// Why partitions were not added at once.
pub(super) enum Added {
    /// The id's last transaction is ending; try again after this.
    Wait(oneshot::Receiver<()>),
    /// They are refused.
    Refused(Refusal),
}

impl Added {
    fn refused(error: ErrorCode) -> Self {
        Self::Refused(Refusal::Error(error))
    }
}

impl Coordinators {
    /// InitProducerId without a transactional id: a producer id of its own, at epoch 0. `None` until the next block of ids
    /// is reserved.
    #[must_use]
    pub fn fresh_producer(&self) -> Option<Producer> {
        Some(Producer { id: self.shared.fresh_producer_id()?, epoch: ProducerEpoch(0) })
    }

    /// InitProducerId with a transactional id.
    pub fn init_producer(
        &self,
        request: &InitRequest,
    ) -> Result<impl Future<Output = Result<Producer, ErrorCode>> + Send + use<>, Refusal> {
        let (producer, ticket) = self.shared.init(request)?;
        Ok(async move {
            ticket.await.map_err(|_| ErrorCode::CoordinatorNotAvailable)?;
            Ok(producer)
        })
    }

    /// AddPartitionsToTxn. Waits while the id's last transaction ends.
    pub fn add_partitions(
        &self,
        transactional_id: String,
        producer: Producer,
        connection: u64,
        partitions: Partitions,
    ) -> Result<impl Future<Output = Result<(), ErrorCode>> + Send + use<>, Refusal> {
        let shared = Arc::clone(&self.shared);
        let mut added = match shared.add_partitions(&transactional_id, producer, connection, &partitions) {
            Err(Added::Refused(refusal)) => return Err(refusal),
            added => added,
        };
        Ok(async move {
            loop {
                match added {
                    Ok(ticket) => break ticket.await.map_err(|_| ErrorCode::CoordinatorNotAvailable),
                    Err(Added::Wait(receiver)) => {
                        // Dropped when the ending is over, or has failed: the next try tells.
                        let _ = receiver.await;
                        if shared.set.health().is_some() {
                            break Err(ErrorCode::CoordinatorNotAvailable);
                        }
                    }
                    Err(Added::Refused(Refusal::Error(error))) => break Err(error),
                    Err(Added::Refused(_)) => break Err(ErrorCode::ConcurrentTransactions),
                }
                added = shared.add_partitions(&transactional_id, producer, connection, &partitions);
            }
        })
    }

    /// AddOffsetsToTxn: all groups live in one partition.
    pub fn add_offsets(
        &self,
        transactional_id: String,
        producer: Producer,
        connection: u64,
    ) -> Result<impl Future<Output = Result<(), ErrorCode>> + Send + use<>, Refusal> {
        let partitions = Partitions::from([(OFFSETS_TOPIC.to_owned(), [0].into())]);
        self.add_partitions(transactional_id, producer, connection, partitions)
    }

    /// EndTxn, answered when the end is decided for good and the markers are appended.
    pub fn end_transaction(
        &self,
        transactional_id: &str,
        producer: Producer,
        connection: u64,
        commit: bool,
    ) -> Result<impl Future<Output = Result<(), ErrorCode>> + Send + use<>, Refusal> {
        let receiver = {
            let mut transactions = self.shared.transactions.lock();
            match transactions.machine.begin_end(transactional_id, producer, connection, commit)? {
                EndStep::Done => None,
                EndStep::Begun => {
                    let (sender, receiver) = oneshot::channel();
                    self.shared.drain(&mut transactions, transactional_id, Some(sender));
                    Some(receiver)
                }
            }
        };
        Ok(async move {
            match receiver {
                None => Ok(()),
                Some(receiver) => receiver.await.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable)),
            }
        })
    }

    /// Runs `append` if the producer may append to this partition as part of its transaction, so that the transaction
    /// cannot end in between. The error is Produce's.
    pub fn append_transactional<R>(
        &self,
        transactional_id: &str,
        producer: Producer,
        topic: &str,
        partition: i32,
        append: impl FnOnce() -> R,
    ) -> Result<R, ErrorCode> {
        let transactions = self.shared.transactions.lock();
        transactions.machine.verify(transactional_id, producer, topic, partition)?;
        Ok(append())
    }

    /// DescribeTransactions, for one id.
    #[must_use]
    pub fn describe_transaction(&self, transactional_id: &str) -> Option<TransactionDescription> {
        self.shared.transactions.lock().machine.describe(transactional_id)
    }

    /// ListTransactions.
    #[must_use]
    pub fn list_transactions(&self, filter: &TransactionFilter) -> Vec<TransactionDescription> {
        self.shared.transactions.lock().machine.list(filter, self.shared.now())
    }
}
