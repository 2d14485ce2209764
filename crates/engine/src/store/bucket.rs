//! One window's groups (or all groups of a running aggregate), as columns.

use arrow_array::{Array, ArrayRef};
use hashbrown::HashTable;

use super::group_key;
use crate::aggregate::Accumulator;
use crate::data_type::Type;
use crate::plan::AggregateNode;

/// The groups of one window. A group is a slot; slots are given in the order of first arrival and never taken back.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    /// The window's start; 0 for a running aggregate.
    pub(super) window_start: i64,
    /// Slots by key.
    table: HashTable<u32>,
    /// All keys, one behind the other.
    key_bytes: Vec<u8>,
    groups: Vec<Group>,
    /// The largest version of the groups' last changes.
    pub(super) changed_last: u64,
    /// The dirty slots, in the order of their first write since the last flush.
    pub(super) dirty: Vec<u32>,
    /// Rows that came when the window had ended already.
    pub(super) corrections: u64,
    /// Rows that were counted.
    pub(super) rows: u64,
    /// EMIT FINAL has given it out.
    pub(super) finished: bool,
    pub(super) accumulators: Vec<Box<dyn Accumulator>>,
}

/// What a row touches of its group besides the accumulators: in one place, as each place may be a cache miss.
#[derive(Debug, Clone)]
pub(super) struct Group {
    hash: u64,
    key_start: usize,
    key_len: u32,
    /// The largest timestamp of its rows; `i64::MIN` without rows.
    pub(super) timestamp: i64,
    /// The store version of its last change.
    pub(super) changed: u64,
    /// Its last write since the last flush, as a number that grows with every row; 0: not dirty.
    pub(super) written: u64,
}

impl Bucket {
    pub(super) fn new(plan: &AggregateNode, window_start: i64) -> Self {
        Self {
            window_start,
            table: HashTable::new(),
            key_bytes: Vec::new(),
            groups: Vec::new(),
            changed_last: 0,
            dirty: Vec::new(),
            corrections: 0,
            rows: 0,
            finished: false,
            accumulators: plan.calls.iter().map(|(_, call)| call.accumulator()).collect(),
        }
    }

    /// The number of groups.
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// A group.
    pub(super) fn group(&self, slot: u32) -> &Group {
        &self.groups[slot as usize]
    }

    /// A group.
    pub(super) fn group_mut(&mut self, slot: u32) -> &mut Group {
        &mut self.groups[slot as usize]
    }

    /// The slots that have rows. (A group whose only row was refused has a slot and none.)
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len() as u32).filter(|slot| self.group(*slot).timestamp != i64::MIN)
    }

    /// Empties a slot.
    pub(super) fn forget(&mut self, slot: u32) {
        self.accumulators.iter_mut().for_each(|accumulator| accumulator.remove(slot));
        self.group_mut(slot).timestamp = i64::MIN;
    }

    /// The key of a slot.
    pub(super) fn key(&self, slot: u32) -> &[u8] {
        let group = self.group(slot);
        &self.key_bytes[group.key_start..group.key_start + group.key_len as usize]
    }

    /// The slot of a key, if it has one.
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.table.find(hash, |slot| self.group(*slot).hash == hash && self.key(*slot) == key).copied()
    }

    /// The slot of a key; a new one if it has none. New slots have no state until [`Bucket::grow`].
    pub(super) fn slot(&mut self, hash: u64, key: &[u8]) -> u32 {
        if let Some(slot) = self.find(hash, key) {
            return slot;
        }
        let slot = self.groups.len() as u32;
        let (key_start, key_len) = (self.key_bytes.len(), key.len() as u32);
        self.key_bytes.extend_from_slice(key);
        self.groups.push(Group { hash, key_start, key_len, timestamp: i64::MIN, changed: 0, written: 0 });
        let groups = &self.groups;
        self.table.insert_unique(hash, slot, |slot| groups[*slot as usize].hash);
        slot
    }

    /// Gives state to all slots.
    pub(super) fn grow(&mut self) {
        for accumulator in &mut self.accumulators {
            accumulator.grow(self.groups.len());
        }
    }

    /// Notes that a row with this timestamp was added to a slot.
    #[inline]
    pub(super) fn touch(&mut self, slot: u32, timestamp: i64, write: u64, version: u64) {
        let group = &mut self.groups[slot as usize];
        if group.written == 0 {
            self.dirty.push(slot);
        }
        group.written = write;
        group.changed = version;
        group.timestamp = group.timestamp.max(timestamp);
    }

    /// Notes that rows were added.
    pub(super) fn note(&mut self, rows: u64, corrections: u64, version: u64) {
        self.rows += rows;
        self.corrections += corrections;
        self.changed_last = version;
    }

    /// The group columns and the results of slots.
    pub(super) fn read(&self, types: &[Type], slots: &[u32]) -> (Vec<ArrayRef>, Vec<ArrayRef>) {
        let keys = group_key::decode(types, slots.iter().map(|slot| self.key(*slot)));
        (keys, self.accumulators.iter().map(|accumulator| accumulator.read(slots)).collect())
    }

    /// What a group takes, roughly; does not look at the groups.
    pub(super) fn group_bytes(&self) -> usize {
        self.key_bytes.len() / self.len().max(1) + 48 + 24 * self.accumulators.len()
    }

    /// The memory it takes.
    pub(super) fn size_bytes(&self) -> usize {
        // An entry of the table: the slot, one control byte, and room to grow.
        let per_slot = size_of::<Group>() + 6;
        let state: usize = self.accumulators.iter().map(|accumulator| accumulator.size_bytes()).sum();
        self.key_bytes.capacity() + self.groups.capacity() * per_slot + state
    }
}

/// True when every column has a value in a row.
pub(super) fn no_nulls(columns: &[ArrayRef]) -> bool {
    columns.iter().all(|column| column.null_count() == 0)
}
