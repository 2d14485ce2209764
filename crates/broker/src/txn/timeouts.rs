//! Transactions that take too long, and ids that nobody uses.

use super::coordinator::{TransactionCoordinator, begin_fencing_abort};
use super::record::TransactionRecord;
use super::state::{Stage, TransactionState};
use crate::group::Now;

impl TransactionCoordinator {
    /// When [`timed_out`](Self::timed_out) has something to do.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.deadlines.keys().next().map(|(deadline, _)| *deadline)
    }

    /// Begins to abort the transactions whose time is up, under a new epoch: their ids are draining now.
    pub fn timed_out(&mut self, now: Now) -> Vec<String> {
        let mut begun = Vec::new();
        while let Some(entry) = self.deadlines.first_entry() {
            if entry.key().0 > now.monotonic_ms {
                break;
            }
            let ((deadline_ms, id), ()) = entry.remove_entry();
            let Some(transaction) = self.ids.get_mut(&id) else { continue };
            let due = transaction.deadline_ms == Some(deadline_ms)
                && transaction.stage == Stage::Idle
                && transaction.value.state == TransactionState::Ongoing;
            if due {
                let late = transaction.producer();
                begin_fencing_abort(transaction);
                // The very last epoch is nobody's.
                transaction.overdue = (!late.is_exhausted()).then_some(late);
                begun.push(id);
            }
        }
        begun
    }

    /// Tombstones for ids that have been idle for `transactional.id.expiration.ms`, but for those of this process's producers.
    #[must_use]
    pub fn expired(&self, now: Now) -> Vec<TransactionRecord> {
        let mut expired: Vec<TransactionRecord> = self
            .ids
            .iter()
            .filter(|(_, t)| {
                let age_ms = now.wall.0.saturating_sub(t.value.last_update.0);
                t.is_forgettable() && age_ms >= self.expiration_ms(&t.value)
            })
            .map(|(id, _)| TransactionRecord { transactional_id: id.clone(), value: None })
            .collect();
        expired.sort_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
        expired
    }
}
