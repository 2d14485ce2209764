//! The table of transactional ids: replay, InitProducerId, the partitions of a transaction, and its end.

use std::collections::{BTreeMap, HashMap};

use record::{ProducerEpoch, ProducerId, TimestampMs};
use wire::ErrorCode;

use super::config::TransactionConfig;
use super::record::{Partitions, TransactionRecord, TransactionValue};
use super::room::bytes_of;
use super::state::{Producer, Stage, Transaction, TransactionState};
use crate::group::Now;

/// All transactional ids of the broker. See the module's door sign.
#[derive(Debug, Default)]
pub struct TransactionCoordinator {
    pub(super) config: TransactionConfig,
    pub(super) ids: HashMap<String, Transaction>,
    /// Producer id → transactional id, for all ids that have one.
    by_producer: HashMap<ProducerId, String>,
    /// Deadlines of open transactions; stale entries find that nothing is due.
    pub(super) deadlines: BTreeMap<(u64, String), ()>,
    /// What all ids take.
    pub(super) bytes: usize,
    /// When all ids are looked at again for those that may make room, in monotonic time.
    pub(super) look_again_ms: Option<u64>,
}

/// Why a request is not served now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Kafka's error.
    Error(ErrorCode),
    /// The end of the id's last transaction is under way: ask again when it is over.
    Busy,
    /// A connection that a newer one has replaced: what it left behind must not be heard (a delayed EndTxn would end the
    /// next transaction, which in V1 has the same producer id and epoch).
    StaleConnection,
}

impl From<ErrorCode> for Refusal {
    fn from(error: ErrorCode) -> Self {
        Self::Error(error)
    }
}

/// InitProducerId with a transactional id.
#[derive(Clone, Debug)]
pub struct InitRequest {
    /// The id.
    pub transactional_id: String,
    /// How long a transaction may take.
    pub timeout_ms: i32,
    /// v3+: who the producer believes to be; another one is fenced.
    pub expected: Option<Producer>,
}

/// What InitProducerId comes to.
#[derive(Debug, PartialEq)]
pub enum InitReply {
    /// The producer, once the record is durable.
    Ready {
        /// To append; `None` on the retry of an answer that got lost.
        record: Option<TransactionRecord>,
        /// The answer.
        producer: Producer,
    },
    /// A transaction was open: its abort has begun (stage Draining). Answer CONCURRENT_TRANSACTIONS.
    Aborting,
}

/// What EndTxn comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndStep {
    /// It ended like that already.
    Done,
    /// The end has begun (stage Draining).
    Begun,
}

/// The markers that a prepared transaction needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marking {
    /// Whose.
    pub producer: Producer,
    /// Commit or abort.
    pub commit: bool,
    /// The timestamp of the Prepare record.
    pub timestamp: TimestampMs,
    /// Where.
    pub partitions: Partitions,
}

impl Marking {
    /// Topic and partition of each.
    pub fn places(&self) -> impl Iterator<Item = (&str, i32)> {
        self.partitions.iter().flat_map(|(topic, partitions)| partitions.iter().map(move |p| (topic.as_str(), *p)))
    }
}

/// What a transactional append may do.
pub type Verdict = Result<(), ErrorCode>;

impl TransactionCoordinator {
    /// A coordinator without ids.
    #[must_use]
    pub fn new(config: TransactionConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Applies a record that is in the log, live or on recovery.
    pub fn replay(&mut self, record: &TransactionRecord, now: Now) {
        let id = &record.transactional_id;
        let Some(value) = &record.value else {
            if let Some(gone) = self.ids.remove(id) {
                self.bytes -= bytes_of(id, &gone.value);
                self.by_producer.remove(&gone.value.producer_id);
            }
            return;
        };
        self.bytes += bytes_of(id, value);
        self.bytes -= self.ids.get(id).map_or(0, |present| bytes_of(id, &present.value));
        let transaction = self.ids.entry(id.clone()).or_insert_with(|| Transaction::new(value.clone()));
        if transaction.value.producer_id != value.producer_id {
            self.by_producer.remove(&transaction.value.producer_id);
        }
        self.by_producer.insert(value.producer_id, id.clone());
        let began = value.state == TransactionState::Ongoing && transaction.deadline_ms.is_none();
        transaction.value.clone_from(value);
        transaction.fenced = None;
        if value.state != TransactionState::Ongoing {
            transaction.deadline_ms = None;
        }
        if began {
            // After a restart the wall clock tells how much of the timeout is used up, within reason.
            let timeout_ms = i64::from(value.timeout_ms.max(0));
            let used_ms = (now.wall.0.saturating_sub(value.start.0)).clamp(0, timeout_ms);
            let deadline_ms = now.monotonic_ms + (timeout_ms - used_ms) as u64;
            transaction.deadline_ms = Some(deadline_ms);
            self.deadlines.insert((deadline_ms, id.clone()), ());
        }
        transaction.stage = match value.state {
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => Stage::Prepared,
            _ => Stage::Idle,
        };
    }

    /// InitProducerId. `fresh` gives a producer id that was never used.
    pub fn init(
        &mut self,
        request: &InitRequest,
        fresh: impl FnOnce() -> ProducerId,
        now: Now,
    ) -> Result<InitReply, Refusal> {
        if request.transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest.into());
        }
        if request.timeout_ms <= 0 || request.timeout_ms > self.config.transaction_timeout_ms_max {
            return Err(ErrorCode::InvalidTransactionTimeout.into());
        }
        let last_update = self.ids.get(&request.transactional_id).map_or(TimestampMs::NONE, |t| t.value.last_update);
        let next = |producer: Producer| TransactionRecord {
            transactional_id: request.transactional_id.clone(),
            value: Some(TransactionValue {
                producer_id: producer.id,
                producer_epoch: producer.epoch,
                timeout_ms: request.timeout_ms,
                state: TransactionState::Empty,
                partitions: Partitions::new(),
                last_update: last_update.max(now.wall),
                start: TimestampMs::NONE,
            }),
        };
        if !self.ids.contains_key(&request.transactional_id) {
            let producer = Producer { id: fresh(), epoch: ProducerEpoch(0) };
            let record = next(producer);
            if record.value.as_ref().is_some_and(|value| !self.has_room(&record.transactional_id, value)) {
                return Err(ErrorCode::PolicyViolation.into());
            }
            return Ok(InitReply::Ready { record: Some(record), producer });
        }
        let Some(transaction) = self.ids.get_mut(&request.transactional_id) else {
            return Err(ErrorCode::InvalidProducerIdMapping.into());
        };
        let current = transaction.producer();
        if let Some(expected) = request.expected {
            let is_retry =
                transaction.last_producer.is_some_and(|last| last.id == expected.id && expected.is_exhausted());
            if expected.id != current.id && !is_retry {
                return Err(ErrorCode::ProducerFenced.into());
            }
        }
        if transaction.is_busy() {
            return Err(ErrorCode::ConcurrentTransactions.into());
        }
        if transaction.value.state == TransactionState::Ongoing {
            begin_fencing_abort(transaction);
            return Ok(InitReply::Aborting);
        }
        let rotates = current.is_exhausted() && request.expected.is_none_or(|expected| expected.epoch == current.epoch);
        let producer = match request.expected {
            _ if rotates => Producer { id: fresh(), epoch: ProducerEpoch(0) },
            Some(expected) if expected == current => Producer { epoch: ProducerEpoch(current.epoch.0 + 1), ..current },
            Some(expected) if [transaction.last_producer, transaction.overdue].contains(&Some(expected)) => {
                return Ok(InitReply::Ready { record: None, producer: current });
            }
            Some(_) => return Err(ErrorCode::ProducerFenced.into()),
            None => Producer { epoch: ProducerEpoch(current.epoch.0 + 1), ..current },
        };
        transaction.last_producer = request.expected.map(|_| current);
        transaction.overdue = None;
        // The next request may come by any connection: some clients keep one for InitProducerId alone.
        transaction.newest_connection = 0;
        Ok(InitReply::Ready { record: Some(next(producer)), producer })
    }

    /// AddPartitionsToTxn and AddOffsetsToTxn: the record to append, unless the partitions are in already.
    pub fn add_partitions(
        &mut self,
        transactional_id: &str,
        producer: Producer,
        connection: u64,
        partitions: &Partitions,
        now: Now,
    ) -> Result<Option<TransactionRecord>, Refusal> {
        let transaction = self.speaks_for(transactional_id, producer, connection)?;
        if transaction.is_busy() {
            return Err(Refusal::Busy);
        }
        let value = &transaction.value;
        let ongoing = value.state == TransactionState::Ongoing;
        if ongoing && partitions.iter().all(|(t, ps)| value.partitions.get(t).is_some_and(|has| ps.is_subset(has))) {
            return Ok(None);
        }
        let mut next = value.clone();
        if !ongoing {
            next.partitions.clear();
            next.start = now.wall;
        }
        for (topic, added) in partitions {
            next.partitions.entry(topic.clone()).or_default().extend(added);
        }
        next.state = TransactionState::Ongoing;
        next.last_update = next.last_update.max(now.wall);
        if !self.has_room(transactional_id, &next) {
            return Err(ErrorCode::PolicyViolation.into());
        }
        Ok(Some(TransactionRecord { transactional_id: transactional_id.to_owned(), value: Some(next) }))
    }

    /// EndTxn by the producer.
    pub fn begin_end(
        &mut self,
        transactional_id: &str,
        producer: Producer,
        connection: u64,
        commit: bool,
    ) -> Result<EndStep, Refusal> {
        use TransactionState as S;
        if let Some(transaction) = self.ids.get(transactional_id)
            && transaction.overdue == Some(producer)
            && !commit
        {
            // It has been aborted, as its producer wishes; or it will be in a moment.
            let done = transaction.value.state == S::CompleteAbort;
            return if done { Ok(EndStep::Done) } else { Err(ErrorCode::ConcurrentTransactions.into()) };
        }
        let transaction = self.speaks_for(transactional_id, producer, connection)?;
        if let Stage::Draining { .. } = transaction.stage {
            return Err(ErrorCode::ConcurrentTransactions.into());
        }
        match (transaction.value.state, commit) {
            (S::Ongoing, _) => {
                transaction.stage = Stage::Draining { commit };
                transaction.deadline_ms = None;
                Ok(EndStep::Begun)
            }
            (S::CompleteCommit, true) | (S::CompleteAbort, false) => Ok(EndStep::Done),
            // The markers are appended: nothing can change any more. Prepared: they will be in a moment.
            (S::PrepareCommit, true) | (S::PrepareAbort, false) if transaction.stage == Stage::Marked => {
                Ok(EndStep::Done)
            }
            (S::PrepareCommit, true) | (S::PrepareAbort, false) => Err(ErrorCode::ConcurrentTransactions.into()),
            _ => Err(ErrorCode::InvalidTxnState.into()),
        }
    }

    /// The Prepare record, once the transaction's data are durable. `None`: the id is not draining.
    pub fn prepare(&mut self, transactional_id: &str, now: Now) -> Option<TransactionRecord> {
        let transaction = self.ids.get(transactional_id)?;
        let Stage::Draining { commit } = transaction.stage else { return None };
        let mut next = transaction.value.clone();
        next.state = if commit { TransactionState::PrepareCommit } else { TransactionState::PrepareAbort };
        next.producer_epoch = transaction.producer().epoch;
        // Later than any Prepare record before, whatever the clock says: recovery knows a transaction's markers by it.
        next.last_update = now.wall.max(TimestampMs(next.last_update.0 + 1));
        Some(TransactionRecord { transactional_id: transactional_id.to_owned(), value: Some(next) })
    }

    /// A Prepare record could not be appended: the transaction is open again.
    pub fn prepare_failed(&mut self, transactional_id: &str, now: Now) {
        if let Some(transaction) = self.ids.get_mut(transactional_id)
            && matches!(transaction.stage, Stage::Draining { .. })
        {
            transaction.stage = Stage::Idle;
            let deadline_ms = now.monotonic_ms + u64::try_from(transaction.value.timeout_ms).unwrap_or(0);
            transaction.deadline_ms = Some(deadline_ms);
            self.deadlines.insert((deadline_ms, transactional_id.to_owned()), ());
        }
    }

    /// The markers of a prepared transaction.
    #[must_use]
    pub fn marking(&self, transactional_id: &str) -> Option<Marking> {
        let transaction = self.ids.get(transactional_id)?;
        if !transaction.value.state.is_prepared() {
            return None;
        }
        Some(Marking {
            producer: transaction.producer(),
            commit: transaction.value.state == TransactionState::PrepareCommit,
            timestamp: transaction.value.last_update,
            partitions: transaction.value.partitions.clone(),
        })
    }

    /// The markers are appended.
    pub fn marked(&mut self, transactional_id: &str) {
        if let Some(transaction) = self.ids.get_mut(transactional_id)
            && transaction.stage == Stage::Prepared
        {
            transaction.stage = Stage::Marked;
        }
    }

    /// The Complete record, once the markers are durable.
    #[must_use]
    pub fn complete(&self, transactional_id: &str, now: Now) -> Option<TransactionRecord> {
        let transaction = self.ids.get(transactional_id)?;
        let mut next = transaction.value.clone();
        next.state = match next.state {
            TransactionState::PrepareCommit => TransactionState::CompleteCommit,
            TransactionState::PrepareAbort => TransactionState::CompleteAbort,
            _ => return None,
        };
        next.partitions.clear();
        next.last_update = next.last_update.max(now.wall);
        Some(TransactionRecord { transactional_id: transactional_id.to_owned(), value: Some(next) })
    }

    /// A producer of this process has this id: it is not forgotten.
    pub fn pin(&mut self, transactional_id: &str) {
        if let Some(transaction) = self.ids.get_mut(transactional_id) {
            transaction.pinned = true;
        }
    }

    /// Whether the id's next transaction must wait.
    #[must_use]
    pub fn is_busy(&self, transactional_id: &str) -> bool {
        self.ids.get(transactional_id).is_some_and(Transaction::is_busy)
    }

    /// Whether the id's last transaction has ended for everybody to see: its markers are appended.
    #[must_use]
    pub fn is_marked(&self, transactional_id: &str) -> bool {
        self.ids.get(transactional_id).is_none_or(|t| match t.stage {
            Stage::Draining { .. } | Stage::Prepared => false,
            Stage::Marked => true,
            Stage::Idle => t.value.state != TransactionState::Ongoing,
        })
    }

    /// Whether a producer may append to a partition as part of its transaction: it must have added it. The errors are
    /// those of Produce and TxnOffsetCommit.
    pub fn verify(&self, transactional_id: &str, producer: Producer, topic: &str, partition: i32) -> Verdict {
        let transaction = match self.ids.get(transactional_id) {
            Some(transaction) if transaction.value.producer_id == producer.id => transaction,
            _ => return Err(ErrorCode::InvalidProducerIdMapping),
        };
        if transaction.producer().epoch != producer.epoch {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        let added = transaction.value.partitions.get(topic).is_some_and(|ps| ps.contains(&partition));
        let open = transaction.value.state == TransactionState::Ongoing && !transaction.is_busy();
        if open && added { Ok(()) } else { Err(ErrorCode::InvalidTxnState) }
    }

    /// Whether this open transaction of a partition log belongs to one that is known to be under way there.
    #[must_use]
    pub fn knows_open(&self, producer: Producer, topic: &str, partition: i32) -> bool {
        let Some(transaction) = self.by_producer.get(&producer.id).and_then(|id| self.ids.get(id)) else {
            return false;
        };
        let value = &transaction.value;
        value.state == TransactionState::Ongoing
            && value.producer_epoch == producer.epoch
            && value.partitions.get(topic).is_some_and(|ps| ps.contains(&partition))
    }

    /// The ids whose end is decided but not complete, as recovery finds them; unordered.
    #[must_use]
    pub fn prepared(&self) -> Vec<String> {
        self.ids.iter().filter(|(_, t)| t.value.state.is_prepared()).map(|(id, _)| id.clone()).collect()
    }

    /// The largest producer id that any transactional id has.
    #[must_use]
    pub fn producer_id_max(&self) -> Option<ProducerId> {
        self.by_producer.keys().max().copied()
    }

    fn speaks_for(
        &mut self,
        transactional_id: &str,
        producer: Producer,
        connection: u64,
    ) -> Result<&mut Transaction, Refusal> {
        if transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest.into());
        }
        let Some(transaction) = self.ids.get_mut(transactional_id) else {
            return Err(ErrorCode::InvalidProducerIdMapping.into());
        };
        if transaction.value.producer_id != producer.id {
            return Err(ErrorCode::InvalidProducerIdMapping.into());
        }
        if transaction.producer().epoch != producer.epoch {
            return Err(ErrorCode::ProducerFenced.into());
        }
        if connection < transaction.newest_connection {
            return Err(Refusal::StaleConnection);
        }
        transaction.newest_connection = connection;
        Ok(transaction)
    }
}

/// Begins to abort an open transaction under a new epoch, which shuts the present producer out at once.
pub(super) fn begin_fencing_abort(transaction: &mut Transaction) {
    let epoch = transaction.value.producer_epoch.0;
    transaction.fenced = Some(ProducerEpoch(epoch.saturating_add(1)));
    transaction.last_producer = None;
    transaction.overdue = None;
    transaction.stage = Stage::Draining { commit: false };
    transaction.deadline_ms = None;
}
