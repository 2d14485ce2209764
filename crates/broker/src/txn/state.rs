//! One transactional id.

use record::{ProducerEpoch, ProducerId};

use super::record::TransactionValue;

/// Where a transactional id stands; the codes are those of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum TransactionState {
    /// No transaction yet.
    Empty = 0,
    /// A transaction is open.
    Ongoing = 1,
    /// It will be committed, whatever happens.
    PrepareCommit = 2,
    /// It will be aborted, whatever happens.
    PrepareAbort = 3,
    /// Committed, with markers everywhere.
    CompleteCommit = 4,
    /// Aborted, with markers everywhere.
    CompleteAbort = 5,
    /// Forgotten.
    Dead = 6,
    /// Kafka: an abort with a new epoch has begun; never written.
    PrepareEpochFence = 7,
}

impl TransactionState {
    /// The state with a code of the log.
    #[must_use]
    pub fn from_code(code: i8) -> Option<Self> {
        Some(match code {
            0 => Self::Empty,
            1 => Self::Ongoing,
            2 => Self::PrepareCommit,
            3 => Self::PrepareAbort,
            4 => Self::CompleteCommit,
            5 => Self::CompleteAbort,
            6 => Self::Dead,
            7 => Self::PrepareEpochFence,
            _ => return None,
        })
    }

    /// The name that tools use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
            Self::Dead => "Dead",
            Self::PrepareEpochFence => "PrepareEpochFence",
        }
    }

    /// Every name that ListTransactions may filter by.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        (0..=7).filter_map(Self::from_code).find(|state| state.name() == name)
    }

    /// Whether the end is decided and under way.
    #[must_use]
    pub fn is_prepared(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }
}

/// A producer id with its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Producer {
    /// The id.
    pub id: ProducerId,
    /// The epoch.
    pub epoch: ProducerEpoch,
}

impl Producer {
    /// The last epoch but one of a producer id: the next bump takes a new id. The very last one is kept for fencing.
    pub(super) fn is_exhausted(self) -> bool {
        self.epoch.0 >= i16::MAX - 1
    }
}

/// How far the end of a transaction has come, beyond what its record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No end is under way.
    Idle,
    /// The end is wanted; its data are being made durable.
    Draining {
        /// Commit or abort.
        commit: bool,
    },
    /// The Prepare record is appended; when it is durable, markers follow.
    Prepared,
    /// Markers are appended; when they are durable, the Complete record follows.
    Marked,
}

/// One transactional id: its last record, and what is not recorded.
#[derive(Debug)]
pub(super) struct Transaction {
    pub value: TransactionValue,
    pub stage: Stage,
    /// An abort with a new epoch has begun: this epoch is the producer's, although the Prepare record that says so is yet
    /// to be appended.
    pub fenced: Option<ProducerEpoch>,
    /// The producer before the last InitProducerId that named it (KIP-360): its retry gets the same answer again.
    pub last_producer: Option<Producer>,
    /// The producer whose transaction took too long, until somebody takes the id: it may hear that the abort is done, and go
    /// on with the epoch that the abort took, as with Kafka's transactions V2.
    pub overdue: Option<Producer>,
    /// When the open transaction takes too long, in monotonic time.
    pub deadline_ms: Option<u64>,
    /// The newest connection that spoke for this producer: requests that older ones left behind are dropped.
    pub newest_connection: u64,
    /// A producer of this process has it, and may be idle for as long as it likes.
    pub pinned: bool,
}

impl Transaction {
    pub fn new(value: TransactionValue) -> Self {
        Self {
            value,
            stage: Stage::Idle,
            fenced: None,
            last_producer: None,
            overdue: None,
            deadline_ms: None,
            newest_connection: 0,
            pinned: false,
        }
    }

    /// The producer that may speak for the id.
    pub fn producer(&self) -> Producer {
        Producer { id: self.value.producer_id, epoch: self.fenced.unwrap_or(self.value.producer_epoch) }
    }

    /// Whether it is at rest, and nobody is sure to come back to it.
    pub fn is_forgettable(&self) -> bool {
        use TransactionState as S;
        let at_rest = matches!(self.value.state, S::Empty | S::CompleteCommit | S::CompleteAbort);
        at_rest && self.stage == Stage::Idle && !self.pinned
    }

    /// Whether its next transaction must wait.
    pub fn is_busy(&self) -> bool {
        self.stage != Stage::Idle || self.value.state.is_prepared()
    }
}
