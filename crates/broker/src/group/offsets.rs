//! The offsets of one group: committed ones, and those that wait for the end of their transaction.
//!
//! Rules that make replay equal the live state, in whatever order transactions end: for one partition the record with
//! the higher log offset wins, also when it was staged and its COMMIT marker comes later; a tombstone removes the staged
//! records before it too.

use std::collections::BTreeMap;

use record::{Offset, ProducerId};

use super::record::OffsetValue;

/// A committed offset and the log offset of its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetEntry {
    /// What was committed.
    pub value: OffsetValue,
    /// Where its record is in `__consumer_offsets`.
    pub record_offset: Offset,
}

/// Topic → partition → entry.
pub(super) type ByPartition = BTreeMap<String, BTreeMap<i32, OffsetEntry>>;

/// All offsets of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupOffsets {
    committed: ByPartition,
    staged: BTreeMap<ProducerId, ByPartition>,
}

impl GroupOffsets {
    pub fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.staged.is_empty()
    }

    pub fn committed(&self) -> &ByPartition {
        &self.committed
    }

    /// Committed and staged.
    pub fn all(&self) -> impl Iterator<Item = &ByPartition> {
        std::iter::once(&self.committed).chain(self.staged.values())
    }

    pub fn get(&self, topic: &str, partition: i32) -> Option<&OffsetEntry> {
        self.committed.get(topic)?.get(&partition)
    }

    /// Whether an open transaction has an offset for the partition.
    pub fn is_staged(&self, topic: &str, partition: i32) -> bool {
        self.staged.values().any(|s| s.get(topic).is_some_and(|p| p.contains_key(&partition)))
    }

    /// Every partition that has a committed or staged offset.
    pub fn partitions(&self) -> Vec<(String, i32)> {
        let mut partitions: Vec<(String, i32)> =
            self.all().flat_map(|by| by.iter().flat_map(|(t, p)| p.keys().map(|p| (t.clone(), *p)))).collect();
        partitions.sort();
        partitions.dedup();
        partitions
    }

    pub fn put(&mut self, topic: String, partition: i32, entry: OffsetEntry) {
        self.committed.entry(topic).or_default().insert(partition, entry);
    }

    pub fn stage(&mut self, producer: ProducerId, topic: String, partition: i32, entry: OffsetEntry) {
        self.staged.entry(producer).or_default().entry(topic).or_default().insert(partition, entry);
    }

    /// A tombstone.
    pub fn remove(&mut self, topic: &str, partition: i32) {
        remove_from(&mut self.committed, topic, partition);
        self.staged.retain(|_, staged| {
            remove_from(staged, topic, partition);
            !staged.is_empty()
        });
    }

    /// A COMMIT marker.
    pub fn commit(&mut self, producer: ProducerId) {
        for (topic, partitions) in self.staged.remove(&producer).unwrap_or_default() {
            let committed = self.committed.entry(topic).or_default();
            for (partition, entry) in partitions {
                if committed.get(&partition).is_none_or(|now| now.record_offset < entry.record_offset) {
                    committed.insert(partition, entry);
                }
            }
        }
    }

    /// An ABORT marker.
    pub fn abort(&mut self, producer: ProducerId) {
        self.staged.remove(&producer);
    }
}

fn remove_from(offsets: &mut ByPartition, topic: &str, partition: i32) {
    if let Some(partitions) = offsets.get_mut(topic) {
        partitions.remove(&partition);
        if partitions.is_empty() {
            offsets.remove(topic);
        }
    }
}
