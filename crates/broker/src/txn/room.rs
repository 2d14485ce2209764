//! How much memory all transactional ids may take together: whoever makes up ids must not fill the memory.
//!
//! With the room full, new ids and larger transactions are refused; present ids go on. Where it gets scarce, ids that were
//! taken and never used go sooner than `transactional.id.expiration.ms` says.
//!
//! Kafka: has no such bound.

use super::coordinator::TransactionCoordinator;
use super::record::TransactionValue;
use super::state::TransactionState;

/// An id that never had a transaction may be forgotten after this, where room is scarce.
const UNUSED_EXPIRATION_MS: i64 = 3_600_000;
/// What an id takes beside its text, which is there twice; and what a topic of a transaction takes beside its name.
const ID_BYTES: usize = 384;
const TOPIC_BYTES: usize = 640;
const PARTITION_BYTES: usize = 8;

/// What an id with this state takes.
pub(super) fn bytes_of(transactional_id: &str, value: &TransactionValue) -> usize {
    let topic = |(name, partitions): (&String, &std::collections::BTreeSet<i32>)| {
        TOPIC_BYTES + name.len() + partitions.len() * PARTITION_BYTES
    };
    ID_BYTES + 2 * transactional_id.len() + value.partitions.iter().map(topic).sum::<usize>()
}

impl TransactionCoordinator {
    /// Whether the id may have this state instead of its present one.
    pub(super) fn has_room(&self, transactional_id: &str, next: &TransactionValue) -> bool {
        let present = self.ids.get(transactional_id).map_or(0, |t| bytes_of(transactional_id, &t.value));
        let next = bytes_of(transactional_id, next);
        next <= present || self.bytes - present + next <= self.config.state_bytes_max
    }

    /// When an id at rest in this state is to be forgotten.
    pub(super) fn expiration_ms(&self, state: TransactionState) -> i64 {
        let asked_ms = self.config.transactional_id_expiration_ms;
        let scarce = self.bytes > self.config.state_bytes_max / 2;
        if scarce && state == TransactionState::Empty { asked_ms.min(UNUSED_EXPIRATION_MS) } else { asked_ms }
    }
}
