//! ListTransactions and DescribeTransactions.

use super::coordinator::TransactionCoordinator;
use super::record::TransactionValue;
use super::state::{Stage, Transaction, TransactionState};
use crate::group::Now;
use record::ProducerId;

/// A transactional id, as tools see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionDescription {
    /// The id.
    pub transactional_id: String,
    /// Its state, with the present epoch.
    pub value: TransactionValue,
}

/// Which ids ListTransactions wants. Empty lists mean all.
#[derive(Clone, Debug, Default)]
pub struct TransactionFilter {
    /// In one of these states.
    pub states: Vec<TransactionState>,
    /// With one of these producer ids.
    pub producer_ids: Vec<ProducerId>,
    /// Open for longer than this; negative: all.
    pub duration_ms_min: i64,
}

impl TransactionCoordinator {
    /// One transactional id.
    #[must_use]
    pub fn describe(&self, transactional_id: &str) -> Option<TransactionDescription> {
        let transaction = self.ids.get(transactional_id)?;
        Some(description(transactional_id, transaction))
    }

    /// All ids that pass the filter, ordered.
    #[must_use]
    pub fn list(&self, filter: &TransactionFilter, now: Now) -> Vec<TransactionDescription> {
        let mut rows: Vec<TransactionDescription> = self
            .ids
            .iter()
            .map(|(id, transaction)| description(id, transaction))
            .filter(|row| filter.states.is_empty() || filter.states.contains(&row.value.state))
            .filter(|row| filter.producer_ids.is_empty() || filter.producer_ids.contains(&row.value.producer_id))
            .filter(|row| {
                let running = row.value.start.0 >= 0;
                let duration_ms = now.wall.0.saturating_sub(row.value.start.0);
                filter.duration_ms_min < 0 || (running && duration_ms > filter.duration_ms_min)
            })
            .collect();
        rows.sort_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
        rows
    }
}

fn description(transactional_id: &str, transaction: &Transaction) -> TransactionDescription {
    let mut value = transaction.value.clone();
    value.producer_epoch = transaction.producer().epoch;
    if transaction.stage == Stage::Marked {
        // The markers are out: for everybody else it is over.
        value.state = match value.state {
            TransactionState::PrepareCommit => TransactionState::CompleteCommit,
            _ => TransactionState::CompleteAbort,
        };
    }
    TransactionDescription { transactional_id: transactional_id.to_owned(), value }
}
