//! What transactions write to `__transaction_state`, free of its byte layout (`crate::coordinator::records` has that).

use std::collections::{BTreeMap, BTreeSet};

use record::{ProducerEpoch, ProducerId, TimestampMs};

use super::state::TransactionState;

/// Topic → partitions.
pub type Partitions = BTreeMap<String, BTreeSet<i32>>;

/// One record of `__transaction_state`: the whole state of one transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    /// The id.
    pub transactional_id: String,
    /// Its state; `None` forgets the id.
    pub value: Option<TransactionValue>,
}

/// The state of one transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionValue {
    /// The producer id.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// How long a transaction may take.
    pub timeout_ms: i32,
    /// Where it stands.
    pub state: TransactionState,
    /// What the transaction spans.
    pub partitions: Partitions,
    /// When this record was made; the markers of a Prepare record carry it.
    pub last_update: TimestampMs,
    /// When the transaction began, or −1.
    pub start: TimestampMs,
}
