//! One window's groups (or all groups of a running aggregate), as columns.

use std::hash::BuildHasher;

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

/// A key as it is looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    bytes: &'a [u8],
    hash: u32,
    prefix: u64,
}

impl<'a> Key<'a> {
    #[inline]
    pub(super) fn new(hasher: &hashbrown::DefaultHashBuilder, bytes: &'a [u8]) -> Self {
        let prefix = prefix(bytes);
        // The prefix of a short key is all of it; the length tells a zero byte at its end from none.
        let hash = match bytes.len() {
            len @ 0..=8 => hasher.hash_one(prefix ^ (len as u64) << 56),
            _ => hasher.hash_one(bytes),
        };
        Self { bytes, hash: (hash >> 32) as u32, prefix }
    }
}

/// The first eight bytes of a key, zeros behind its end.
#[inline]
fn prefix(key: &[u8]) -> u64 {
    if let Some(eight) = key.first_chunk() {
        return u64::from_le_bytes(*eight);
    }
    match (key.first_chunk::<4>(), key.last_chunk::<4>()) {
        // They overlap in equal bytes.
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (key.len() - 4))
        }
        _ => key.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// The table's hash of a group's: its tag is made of the highest bits, its place of the lowest.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// What a row touches of its group besides the accumulators: in one place, as each place may be a cache miss. The
/// beginning of the key is here too, which is mostly all of it.
#[derive(Debug, Clone)]
pub(super) struct Group {
    hash: u32,
    key_len: u32,
    key_start: usize,
    prefix: u64,
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
    #[inline]
    pub(super) fn find(&self, key: Key<'_>) -> Option<u32> {
        let same = |slot: &u32| {
            let group = self.group(*slot);
            (group.hash, group.key_len as usize, group.prefix) == (key.hash, key.bytes.len(), key.prefix)
                && (key.bytes.len() <= 8 || self.key(*slot) == key.bytes)
        };
        self.table.find(spread(key.hash), same).copied()
    }

    /// The slot of a key; a new one if it has none. New slots have no state until [`Bucket::grow`].
    #[inline]
    pub(super) fn slot(&mut self, key: Key<'_>) -> u32 {
        match self.find(key) {
            Some(slot) => slot,
            None => self.insert(key),
        }
    }

    fn insert(&mut self, key: Key<'_>) -> u32 {
        let Key { bytes, hash, prefix } = key;
        let slot = self.groups.len() as u32;
        let (key_start, key_len) = (self.key_bytes.len(), bytes.len() as u32);
        self.key_bytes.extend_from_slice(bytes);
        self.groups.push(Group { hash, key_len, key_start, prefix, timestamp: i64::MIN, changed: 0, written: 0 });
        let groups = &self.groups;
        self.table.insert_unique(spread(hash), slot, |slot| spread(groups[*slot as usize].hash));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys of every length up to twelve, some of which differ only in zeros at their ends, keep slots of their own.
    #[test]
    fn every_key_has_its_slot() {
        let hasher = hashbrown::DefaultHashBuilder::default();
        let keys: Vec<Vec<u8>> = (0..=12usize)
            .flat_map(|len| [vec![0; len], vec![b'a'; len], vec![0xff; len], (0..len as u8).collect()])
            .chain((0..2000u32).map(|number| format!("P{number}").into_bytes()))
            .collect();
        let mut distinct: Vec<&[u8]> = Vec::new();
        let mut bucket = Bucket::new(&plan(), 0);
        for round in 0..2 {
            for key in &keys {
                let slot = bucket.slot(Key::new(&hasher, key));
                if slot as usize == distinct.len() && round == 0 {
                    distinct.push(key);
                }
                assert_eq!(distinct[slot as usize], &**key);
                assert_eq!(bucket.key(slot), &**key);
            }
        }
        // Of the four keys of length 0 one is left, and of length 1 the first and the last are the same.
        assert_eq!(bucket.len(), keys.len() - 3 - 1);
    }

    fn plan() -> AggregateNode {
        use crate::plan::Emit;
        AggregateNode { store: "s".to_owned(), group: Vec::new(), window: None, calls: Vec::new(), emit: Emit::Changes }
    }
}
