//! What a log knows of its producers: sequences, epochs, transactions. Kafka's rules, as `ProducerStateManager` has them.
//!
//! The state changes with the append, never before it: [`Staged`] collects what a group of batches would change, and
//! [`ProducerStates::apply`] makes it so once the bytes are written. Replaying a log gives the state that appending gave.

use std::collections::{BTreeMap, HashMap};

use record::control::{ControlType, EndTxnMarker};
use record::{BatchHeader, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

use crate::error::AppendError;
use crate::log::{AbortedTxn, OpenTransaction, ProducerInfo};

/// How many batches of a producer are remembered, to answer a retry with the original offset.
pub(crate) const WINDOW_BATCHES: usize = 5;

/// One remembered batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BatchMeta {
    pub last_sequence: i32,
    pub last_offset: i64,
    pub offset_delta: i32,
    pub timestamp: i64,
}

impl BatchMeta {
    pub(crate) fn first_sequence(&self) -> i32 {
        Sequence(self.last_sequence).plus(-self.offset_delta).0
    }

    pub(crate) fn first_offset(&self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }
}

/// One producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProducerEntry {
    pub epoch: i16,
    pub coordinator_epoch: i32,
    pub last_timestamp: i64,
    pub txn_first_offset: Option<i64>,
    /// When it last wrote, by the clock of this run.
    seen_ms: i64,
    window: [BatchMeta; WINDOW_BATCHES],
    window_len: u8,
}

/// Found on the disk: it counts as seen when this run first looks for idle producers.
pub(crate) const NOT_SEEN: i64 = i64::MIN;

impl ProducerEntry {
    pub(crate) fn new(epoch: i16) -> Self {
        Self {
            epoch,
            coordinator_epoch: -1,
            last_timestamp: -1,
            txn_first_offset: None,
            seen_ms: NOT_SEEN,
            window: [BatchMeta::default(); WINDOW_BATCHES],
            window_len: 0,
        }
    }

    /// The remembered batches, oldest first.
    pub(crate) fn window(&self) -> &[BatchMeta] {
        &self.window[..usize::from(self.window_len)]
    }

    pub(crate) fn push(&mut self, batch: BatchMeta) {
        if usize::from(self.window_len) == WINDOW_BATCHES {
            self.window.rotate_left(1);
            self.window[WINDOW_BATCHES - 1] = batch;
        } else {
            self.window[usize::from(self.window_len)] = batch;
            self.window_len += 1;
        }
    }

    fn last_sequence(&self) -> i32 {
        self.window().last().map_or(Sequence::NONE.0, |b| b.last_sequence)
    }

    fn set_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.window_len = 0;
        }
    }
}

/// Whether the rules are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// A producer's batch: epoch and sequence.
    Sequence,
    /// A coordinator's: epoch only.
    Epoch,
    /// Replay of what was accepted before.
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct CompletedTxn {
    producer_id: i64,
    first_offset: i64,
    last_offset: i64,
    aborted: bool,
}

/// What a group of batches would change.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    entries: Vec<(i64, ProducerEntry)>,
    completed: Vec<CompletedTxn>,
}

/// All producers of a log.
#[derive(Debug, Default)]
pub(crate) struct ProducerStates {
    entries: HashMap<i64, ProducerEntry>,
    /// Open transactions: first offset → producer id.
    ongoing: BTreeMap<i64, i64>,
    /// Ended transactions whose marker lies at or above the high watermark: first offset → marker's offset.
    undecided: BTreeMap<i64, i64>,
}

impl ProducerStates {
    pub(crate) fn insert(&mut self, producer_id: i64, entry: ProducerEntry) {
        if let Some(first) = entry.txn_first_offset {
            self.ongoing.insert(first, producer_id);
        }
        self.entries.insert(producer_id, entry);
    }

    /// The earlier arrival of this batch, if it is among the last five of its producer.
    pub(crate) fn duplicate_of(&self, header: &BatchHeader) -> Option<BatchMeta> {
        let entry = self.entries.get(&header.producer_id.0)?;
        if entry.epoch != header.producer_epoch.0 {
            return None;
        }
        let (first, last) = (header.base_sequence.0, header.last_sequence().0);
        entry.window().iter().find(|b| b.first_sequence() == first && b.last_sequence == last).copied()
    }

    /// Checks a batch against the rules and notes its effect. `header` has its final offsets.
    pub(crate) fn stage(
        &self,
        staged: &mut Staged,
        header: &BatchHeader,
        marker: Option<EndTxnMarker>,
        check: Check,
    ) -> Result<(), AppendError> {
        let id = header.producer_id.0;
        if id < 0 {
            return Ok(());
        }
        let known = staged.entries.iter().position(|(i, _)| *i == id);
        let before = match known {
            Some(i) => Some(staged.entries[i].1),
            None => self.entries.get(&id).copied(),
        };
        let epoch = header.producer_epoch.0;
        if check != Check::Nothing
            && let Some(entry) = &before
            && epoch < entry.epoch
        {
            return Err(AppendError::InvalidProducerEpoch {
                producer_id: header.producer_id,
                current: ProducerEpoch(entry.epoch),
                got: header.producer_epoch,
            });
        }
        let mut entry = before.unwrap_or_else(|| ProducerEntry::new(epoch));
        if header.is_control() {
            let Some(marker) = marker else { return Ok(()) };
            if check != Check::Nothing && marker.coordinator_epoch < entry.coordinator_epoch {
                return Err(AppendError::CoordinatorFenced {
                    current: entry.coordinator_epoch,
                    got: marker.coordinator_epoch,
                });
            }
            entry.set_epoch(epoch);
            entry.coordinator_epoch = marker.coordinator_epoch;
            entry.last_timestamp = header.max_timestamp.0;
            // A marker without data before it changes neither the last stable offset nor the index.
            if let Some(first_offset) = entry.txn_first_offset.take() {
                staged.completed.push(CompletedTxn {
                    producer_id: id,
                    first_offset,
                    last_offset: header.last_offset().0,
                    aborted: marker.control_type == ControlType::Abort,
                });
            }
        } else {
            if check == Check::Sequence {
                check_sequence(before.as_ref(), header)?;
            }
            entry.set_epoch(epoch);
            match (entry.txn_first_offset, header.is_transactional()) {
                (Some(_), false) if check != Check::Nothing => {
                    return Err(AppendError::InvalidTxnState { producer_id: header.producer_id });
                }
                (None, true) => entry.txn_first_offset = Some(header.base_offset.0),
                _ => {}
            }
            entry.last_timestamp = header.max_timestamp.0;
            // A coordinator's batches have no sequence, but Kafka remembers them all the same.
            entry.push(BatchMeta {
                last_sequence: header.last_sequence().0,
                last_offset: header.last_offset().0,
                offset_delta: header.last_offset_delta,
                timestamp: header.max_timestamp.0,
            });
        }
        match known {
            Some(i) => staged.entries[i].1 = entry,
            None => staged.entries.push((id, entry)),
        }
        Ok(())
    }

    /// The staged producers that are not known yet.
    pub(crate) fn new_among<'a>(&'a self, staged: &'a Staged) -> impl Iterator<Item = ProducerId> + 'a {
        staged.entries.iter().map(|(id, _)| *id).filter(|id| !self.entries.contains_key(id)).map(ProducerId)
    }

    /// Makes it so. `now_ms` is the clock's, or [`NOT_SEEN`] in a replay. Returns the aborted transactions, for the index.
    pub(crate) fn apply(&mut self, staged: Staged, now_ms: i64) -> Vec<AbortedTxn> {
        let mut aborted = Vec::new();
        for txn in &staged.completed {
            if txn.aborted {
                let other = self.ongoing.iter().find(|(_, id)| **id != txn.producer_id).map(|(first, _)| *first);
                aborted.push(AbortedTxn {
                    producer_id: ProducerId(txn.producer_id),
                    first_offset: Offset(txn.first_offset),
                    last_offset: Offset(txn.last_offset),
                    last_stable_offset: Offset(other.unwrap_or(txn.last_offset + 1)),
                });
            }
            self.ongoing.remove(&txn.first_offset);
            self.undecided.insert(txn.first_offset, txn.last_offset);
        }
        for (id, entry) in staged.entries {
            if let Some(first) = entry.txn_first_offset {
                self.ongoing.insert(first, id);
            }
            self.entries.insert(id, ProducerEntry { seen_ms: now_ms, ..entry });
        }
        aborted
    }

    /// The high watermark moved: what was ended below it is decided.
    pub(crate) fn high_watermark_moved(&mut self, high_watermark: i64) {
        if !self.undecided.is_empty() {
            self.undecided.retain(|_, marker| *marker >= high_watermark);
        }
    }

    /// The first offset that a `read_committed` reader may not see.
    pub(crate) fn first_unstable(&self) -> Option<i64> {
        let ongoing = self.ongoing.first_key_value().map(|(first, _)| *first);
        let undecided = self.undecided.first_key_value().map(|(first, _)| *first);
        match (ongoing, undecided) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Forgets producers that have been idle for so long and have no transaction open.
    ///
    /// Kafka: counts from the timestamp of the last record. By that, whoever sends what happened yesterday is forgotten before
    /// it can retry, and whoever claims a time to come never is.
    pub(crate) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.entries.retain(|_, entry| {
            if entry.seen_ms == NOT_SEEN {
                entry.seen_ms = now_ms;
            }
            entry.txn_first_offset.is_some() || now_ms.saturating_sub(entry.seen_ms) < expiration_ms
        });
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &ProducerEntry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn infos(&self) -> Vec<ProducerInfo> {
        let mut infos: Vec<ProducerInfo> = self
            .iter()
            .map(|(id, e)| ProducerInfo {
                producer_id: ProducerId(id),
                epoch: ProducerEpoch(e.epoch),
                last_sequence: Sequence(e.last_sequence()),
                last_timestamp: TimestampMs(e.last_timestamp),
                coordinator_epoch: e.coordinator_epoch,
                current_txn_first_offset: e.txn_first_offset.map(Offset),
            })
            .collect();
        infos.sort_by_key(|i| i.producer_id);
        infos
    }

    pub(crate) fn open_transactions(&self) -> Vec<OpenTransaction> {
        self.ongoing
            .iter()
            .map(|(first, id)| OpenTransaction {
                producer_id: ProducerId(*id),
                epoch: ProducerEpoch(self.entries.get(id).map_or(-1, |e| e.epoch)),
                first_offset: Offset(*first),
            })
            .collect()
    }
}

/// An unknown producer may start anywhere; a new epoch starts at 0; else the next sequence, which after 2³¹−1 is 0.
fn check_sequence(entry: Option<&ProducerEntry>, header: &BatchHeader) -> Result<(), AppendError> {
    let Some(entry) = entry else { return Ok(()) };
    let got = header.base_sequence;
    let last = if entry.epoch == header.producer_epoch.0 { entry.last_sequence() } else { Sequence::NONE.0 };
    // −1, none yet in this epoch, is followed by 0 too.
    let expected = if last == Sequence::NONE.0 { 0 } else { Sequence(last).plus(1).0 };
    if got.0 == expected {
        return Ok(());
    }
    Err(AppendError::OutOfOrderSequence { producer_id: header.producer_id, last: Sequence(last), got })
}
