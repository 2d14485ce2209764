//! How much memory all transactional ids may take together: whoever makes up ids must not fill the memory.
//!
//! With the room full, ids at rest are forgotten for new ones: first those that never had a transaction, then the others,
//! each time the ones that rested longest. Ids that rest only briefly stay, whoever makes up how many; so do open
//! transactions, and the ids of this process's own producers. Where nothing may go, what is new is refused. A producer
//! whose id was forgotten meanwhile is told what Kafka tells one that slept for `transactional.id.expiration.ms`.
//!
//! Kafka: has no such bound.

use record::ProducerEpoch;

use super::coordinator::TransactionCoordinator;
use super::record::{TransactionRecord, TransactionValue};
use super::state::{Transaction, TransactionState};
use crate::group::Now;

/// An id that never had a transaction may be forgotten after this, where room is scarce.
const UNUSED_EXPIRATION_MS: i64 = 3_600_000;
/// With the room full, an id that never had a transaction may go after this: its producer had the time to begin one.
const UNUSED_REST_MS: i64 = 60_000;
/// With the room full, any other id at rest may go after this.
const USED_REST_MS: i64 = 15 * 60_000;
/// This part of the room is made free at a time, so that not every new id looks at all of them.
const FREED_PART: usize = 64;
/// When less than that could go, all are looked at again after this.
const LOOK_AGAIN_MS: u64 = 1_000;
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

/// Whether the id surely never had a transaction: it was opened once, and nothing came after. An id with a history is
/// `Empty` too when its producer opens it again, but at a higher epoch.
fn never_used(value: &TransactionValue) -> bool {
    value.state == TransactionState::Empty && value.producer_epoch == ProducerEpoch(0)
}

impl TransactionCoordinator {
    /// Whether the id may have this state instead of its present one.
    pub(super) fn has_room(&self, transactional_id: &str, next: &TransactionValue) -> bool {
        let present = self.ids.get(transactional_id).map_or(0, |t| bytes_of(transactional_id, &t.value));
        let next = bytes_of(transactional_id, next);
        next <= present || self.bytes - present + next <= self.config.state_bytes_max
    }

    /// Tombstones that make room for something new, of whom `transactional_id` wants it; empty when nothing may go.
    pub fn make_room(&mut self, transactional_id: &str, now: Now) -> Vec<TransactionRecord> {
        if self.look_again_ms.is_some_and(|at| now.monotonic_ms < at) {
            return Vec::new();
        }
        let age_ms = |t: &Transaction| now.wall.0.saturating_sub(t.value.last_update.0);
        let may_go = |id: &str, t: &Transaction| {
            let unused = never_used(&t.value);
            let rest_ms = if unused { UNUSED_REST_MS } else { USED_REST_MS };
            (id != transactional_id && t.is_forgettable() && age_ms(t) >= rest_ms).then_some(!unused)
        };
        let mut resting: Vec<(bool, i64, &String, usize)> = self
            .ids
            .iter()
            .filter_map(|(id, t)| Some((may_go(id, t)?, t.value.last_update.0, id, bytes_of(id, &t.value))))
            .collect();
        resting.sort_unstable();
        let wanted = self.config.state_bytes_max / FREED_PART;
        let mut freed = 0;
        let gone: Vec<TransactionRecord> = resting
            .into_iter()
            .take_while(|(_, _, _, bytes)| {
                let goes = freed < wanted;
                freed += bytes;
                goes
            })
            .map(|(_, _, id, _)| TransactionRecord { transactional_id: id.clone(), value: None })
            .collect();
        self.look_again_ms = (freed < wanted).then_some(now.monotonic_ms + LOOK_AGAIN_MS);
        gone
    }

    /// When an id at rest with this value is to be forgotten.
    pub(super) fn expiration_ms(&self, value: &TransactionValue) -> i64 {
        let asked_ms = self.config.transactional_id_expiration_ms;
        let scarce = self.bytes > self.config.state_bytes_max / 2;
        if scarce && never_used(value) { asked_ms.min(UNUSED_EXPIRATION_MS) } else { asked_ms }
    }
}
