//! The offsets of one group: committed ones, and those that wait for the end of their transaction.
//!
//! Rules that make replay equal the live state, in whatever order transactions end: for one partition the record with
//! the higher log offset wins, also when it was staged and its COMMIT marker comes later; a tombstone removes the staged
//! records before it too.

use std::collections::BTreeMap;

use record::{Offset, ProducerId};

use super::record::OffsetValue;
use super::room::offset_bytes;

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
    /// How many producers have staged an offset of a partition: asked for each offset of a commit, and there may be
    /// thousands of them.
    stagers: BTreeMap<String, BTreeMap<i32, usize>>,
    /// What all of them take, kept with each change: a group may have a hundred thousand, and is asked at each commit.
    bytes: usize,
}

impl GroupOffsets {
    pub fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.staged.is_empty()
    }

    pub fn committed(&self) -> &ByPartition {
        &self.committed
    }

    /// What all of them take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How much more they take with such an entry, which takes the place of another: of the one that the producer has staged,
    /// or of the committed one, if there is no staged one that will take that place too.
    pub fn growth(&self, producer: Option<ProducerId>, topic: &str, partition: i32, metadata: &str) -> usize {
        let staged = producer.and_then(|producer| self.staged.get(&producer)?.get(topic)?.get(&partition));
        let before = match staged {
            None if producer.is_some() && self.is_staged(topic, partition) => None,
            None => self.get(topic, partition),
            staged => staged,
        };
        let before = before.map_or(0, |entry| offset_bytes(topic, &entry.value.metadata));
        offset_bytes(topic, metadata).saturating_sub(before)
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
        self.stagers.get(topic).is_some_and(|partitions| partitions.contains_key(&partition))
    }

    /// As [`bytes`](Self::bytes), counted anew.
    #[cfg(test)]
    pub fn counted_bytes(&self) -> usize {
        self.all().map(bytes_of).sum()
    }

    /// The partitions that some producer has staged, counted anew: how often each.
    #[cfg(test)]
    pub fn counted_stagers(&self) -> BTreeMap<(String, i32), usize> {
        let mut counted = BTreeMap::new();
        for (topic, partitions) in self.staged.values().flatten() {
            for partition in partitions.keys() {
                *counted.entry((topic.clone(), *partition)).or_default() += 1;
            }
        }
        counted
    }

    /// As it is kept.
    #[cfg(test)]
    pub fn kept_stagers(&self) -> BTreeMap<(String, i32), usize> {
        let by_topic = self.stagers.iter();
        by_topic.flat_map(|(topic, by)| by.iter().map(|(partition, n)| ((topic.clone(), *partition), *n))).collect()
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
        insert_into(&mut self.committed, &mut self.bytes, topic, partition, entry);
    }

    pub fn stage(&mut self, producer: ProducerId, topic: String, partition: i32, entry: OffsetEntry) {
        let staged = self.staged.entry(producer).or_default();
        if staged.get(&topic).is_none_or(|partitions| !partitions.contains_key(&partition)) {
            *self.stagers.entry(topic.clone()).or_default().entry(partition).or_default() += 1;
        }
        insert_into(staged, &mut self.bytes, topic, partition, entry);
    }

    /// A tombstone.
    pub fn remove(&mut self, topic: &str, partition: i32) {
        remove_from(&mut self.committed, &mut self.bytes, topic, partition);
        if !self.is_staged(topic, partition) {
            return;
        }
        self.forget_stagers(topic, partition, usize::MAX);
        self.staged.retain(|_, staged| {
            remove_from(staged, &mut self.bytes, topic, partition);
            !staged.is_empty()
        });
    }

    /// A COMMIT marker.
    pub fn commit(&mut self, producer: ProducerId) {
        for (topic, partitions) in self.staged.remove(&producer).unwrap_or_default() {
            for (partition, entry) in partitions {
                self.forget_stagers(&topic, partition, 1);
                // It was staged, and is either committed now or gone.
                self.bytes -= offset_bytes(&topic, &entry.value.metadata);
                if self.get(&topic, partition).is_none_or(|now| now.record_offset < entry.record_offset) {
                    self.put(topic.clone(), partition, entry);
                }
            }
        }
    }

    /// An ABORT marker.
    pub fn abort(&mut self, producer: ProducerId) {
        let staged = self.staged.remove(&producer).unwrap_or_default();
        self.bytes -= bytes_of(&staged);
        for (topic, partitions) in &staged {
            partitions.keys().for_each(|partition| self.forget_stagers(topic, *partition, 1));
        }
    }

    /// So many fewer producers have staged an offset of the partition.
    fn forget_stagers(&mut self, topic: &str, partition: i32, count: usize) {
        let Some(partitions) = self.stagers.get_mut(topic) else { return };
        if let Some(stagers) = partitions.get_mut(&partition) {
            *stagers = stagers.saturating_sub(count);
            if *stagers == 0 {
                partitions.remove(&partition);
            }
        }
        if partitions.is_empty() {
            self.stagers.remove(topic);
        }
    }
}

/// What such offsets take.
fn bytes_of(offsets: &ByPartition) -> usize {
    let each = offsets.iter().flat_map(|(topic, partitions)| partitions.values().map(move |entry| (topic, entry)));
    each.map(|(topic, entry)| offset_bytes(topic, &entry.value.metadata)).sum()
}

fn insert_into(offsets: &mut ByPartition, bytes: &mut usize, topic: String, partition: i32, entry: OffsetEntry) {
    remove_from(offsets, bytes, &topic, partition);
    *bytes += offset_bytes(&topic, &entry.value.metadata);
    offsets.entry(topic).or_default().insert(partition, entry);
}

fn remove_from(offsets: &mut ByPartition, bytes: &mut usize, topic: &str, partition: i32) {
    if let Some(partitions) = offsets.get_mut(topic) {
        if let Some(before) = partitions.remove(&partition) {
            *bytes -= offset_bytes(topic, &before.value.metadata);
        }
        if partitions.is_empty() {
            offsets.remove(topic);
        }
    }
}
