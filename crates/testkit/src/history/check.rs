//! Finds the anomalies of a history: pure, one pass per kind.

use std::collections::{BTreeMap, HashMap};

use super::{
    Anomaly, GroupEvent, History, Isolation, Mark, PartitionId, ReaderId, Seen, Send, SendOutcome, TransactionOutcome,
    Value,
};

/// Everything in the history that must never happen; empty when all is well.
#[must_use]
pub fn check(history: &History) -> Vec<Anomaly> {
    let at_rest = history.rested..history.readers.len();
    let drains: Vec<ReaderId> = at_rest.filter(|at| history.readers[*at].is_drain()).map(ReaderId).collect();
    assert!(drains.len() <= Drains::BITS as usize, "{} drains of one rest: a mistake of the test", drains.len());
    let (sends, places) = (HashMap::new(), HashMap::new());
    let mut checker = Checker { history, logs: Vec::new(), sends, places, drains, found: Vec::new() };
    checker.found.extend(history.unexpected.iter().cloned().map(Anomaly::Unexpected));
    checker.index_sends();
    checker.offsets_and_values();
    checker.reads();
    checker.poll_order();
    checker.send_order();
    checker.completeness();
    checker.watermarks();
    checker.group_offsets();
    checker.group_reads();
    checker.transformations();
    checker.found
}

/// What is known of one offset.
#[derive(Clone, Copy, Default)]
struct Slot {
    value: Option<Value>,
    /// Shown to someone, by isolation.
    seen: [bool; 2],
    /// The drains of this rest that show it, a bit for each.
    drained: Drains,
}

/// Drains of this rest, a bit for each.
type Drains = u32;

struct Checker<'a> {
    history: &'a History,
    /// By partition, by offset.
    logs: Vec<Vec<Slot>>,
    sends: HashMap<Value, &'a Send>,
    places: HashMap<Value, (PartitionId, i64)>,
    /// Those of this rest.
    drains: Vec<ReaderId>,
    found: Vec<Anomaly>,
}

impl<'a> Checker<'a> {
    fn name(&self, partition: PartitionId) -> String {
        self.history.partitions[usize::from(partition.0)].name.clone()
    }

    fn isolation(&self, reader: ReaderId) -> Isolation {
        self.history.readers[reader.0].isolation
    }

    fn slot(&mut self, partition: PartitionId, offset: i64) -> &mut Slot {
        let log = &mut self.logs[usize::from(partition.0)];
        let index = usize::try_from(offset).expect("offsets are not negative");
        if log.len() <= index {
            log.resize(index + 1, Slot::default());
        }
        &mut log[index]
    }

    fn transaction(&self, send: &Send) -> Option<TransactionOutcome> {
        send.transaction.map(|transaction| self.history.transactions[transaction.0])
    }

    /// Whether the send must be there for everyone.
    fn is_promised(&self, send: &Send) -> bool {
        let acknowledged = matches!(send.outcome, SendOutcome::Acknowledged(_));
        acknowledged && matches!(self.transaction(send), None | Some(TransactionOutcome::Committed))
    }

    fn index_sends(&mut self) {
        self.logs = vec![Vec::new(); self.history.partitions.len()];
        for send in &self.history.sends {
            let again = self.sends.insert(send.value, send);
            assert!(again.is_none(), "value {:x} was sent twice: a mistake of the test", send.value);
        }
    }

    fn offsets_and_values(&mut self) {
        for send in &self.history.sends {
            if let SendOutcome::Acknowledged(Some(offset)) = send.outcome {
                self.place(send.partition, offset, send.value);
            }
        }
        for poll in &self.history.polls {
            let isolation = self.isolation(poll.reader) as usize;
            // Only the drains of this rest say what is there now.
            let drain = self.drains.iter().position(|drain| *drain == poll.reader).map_or(0, |at| 1 << at);
            for Seen { partition, offset, value } in poll.records.iter().copied() {
                self.place(partition, offset, value);
                let slot = self.slot(partition, offset);
                slot.seen[isolation] = true;
                slot.drained |= drain;
            }
        }
    }

    /// One offset has one value, one value one offset.
    fn place(&mut self, partition: PartitionId, offset: i64, value: Value) {
        let slot = self.slot(partition, offset);
        let before = *slot.value.get_or_insert(value);
        if before != value {
            let partition = self.name(partition);
            self.found.push(Anomaly::InconsistentOffsets { partition, offset, values: [before, value] });
        }
        if self.history.partitions[usize::from(partition.0)].shared && !self.sends.contains_key(&value) {
            return;
        }
        let before = *self.places.entry(value).or_insert((partition, offset));
        if before != (partition, offset) {
            let places = [before, (partition, offset)].map(|(partition, offset)| (self.name(partition), offset));
            let duplicate = Anomaly::Duplicate { value, places };
            if !self.found.contains(&duplicate) {
                self.found.push(duplicate);
            }
        }
    }

    /// What a committed reader must not be shown, and what nobody can be shown.
    fn reads(&mut self) {
        for poll in &self.history.polls {
            for Seen { partition, offset, value } in poll.records.iter().copied() {
                let Some(send) = self.sends.get(&value) else {
                    if !self.history.partitions[usize::from(partition.0)].shared {
                        let partition = self.name(partition);
                        self.found.push(Anomaly::NeverSent { partition, offset, value });
                    }
                    continue;
                };
                let aborted = self.transaction(send) == Some(TransactionOutcome::Aborted);
                let committed_reader = self.isolation(poll.reader) == Isolation::Committed;
                if send.outcome == SendOutcome::Refused || (aborted && committed_reader) {
                    self.found.push(Anomaly::AbortedRead { value, place: (self.name(partition), offset) });
                }
                if poll.transaction.is_some() && poll.transaction == send.transaction {
                    self.found.push(Anomaly::PrecommittedRead { value });
                }
            }
        }
    }

    fn poll_order(&mut self) {
        let mut last: HashMap<(ReaderId, PartitionId), i64> = HashMap::new();
        for poll in &self.history.polls {
            let drain = self.history.readers[poll.reader.0].is_drain();
            if poll.repositioned {
                last.retain(|(reader, _), _| *reader != poll.reader);
            }
            let isolation = self.isolation(poll.reader);
            for (index, Seen { partition, offset, .. }) in poll.records.iter().copied().enumerate() {
                let before = last.insert((poll.reader, partition), offset);
                // A drain begins at the beginning: nothing may be missing there either.
                let Some(from) = before.or(drain.then_some(-1)) else { continue };
                // Looked for only where something is wrong: polls are long.
                let internal = || poll.records[..index].iter().any(|seen| seen.partition == partition);
                if offset <= from {
                    let internal = internal();
                    let partition = self.name(partition);
                    self.found.push(Anomaly::NonmonotonicPoll { partition, from, to: offset, internal });
                } else if let Some(skipped) = (from + 1..offset).find(|at| self.is_visible(partition, *at, isolation)) {
                    let internal = internal();
                    let partition = self.name(partition);
                    self.found.push(Anomaly::PollSkip { partition, from, to: offset, skipped, internal });
                }
            }
        }
    }

    /// Whether a reader that passes this offset must be shown a record there.
    fn is_visible(&self, partition: PartitionId, offset: i64, isolation: Isolation) -> bool {
        let slot = self.logs[usize::from(partition.0)][offset as usize];
        let promised = slot.value.and_then(|value| self.sends.get(&value)).is_some_and(|send| self.is_promised(send));
        slot.seen[isolation as usize] || promised
    }

    fn send_order(&mut self) {
        let mut last: HashMap<(u32, PartitionId), i64> = HashMap::new();
        for send in &self.history.sends {
            let Some((partition, offset)) = self.places.get(&send.value).copied() else { continue };
            let before = last.insert((send.producer, partition), offset);
            if let Some(earlier) = before.filter(|before| *before >= offset) {
                let (producer, partition) = (send.producer, self.name(partition));
                self.found.push(Anomaly::NonmonotonicSend { producer, partition, earlier, later: offset });
            }
        }
    }

    /// The drains of this rest that read a partition, of one isolation or of both.
    fn drains_of(&self, partition: PartitionId, isolation: Option<Isolation>) -> Drains {
        let reads = |reader: &ReaderId| {
            let reader = &self.history.readers[reader.0];
            reader.drains.contains(&partition) && isolation.is_none_or(|isolation| reader.isolation == isolation)
        };
        self.drains.iter().enumerate().filter(|(_, reader)| reads(reader)).fold(0, |drains, (at, _)| drains | 1 << at)
    }

    /// What was promised or shown is in each drain of this rest.
    fn completeness(&mut self) {
        let ids = || (0..self.history.partitions.len()).map(|at| PartitionId(at as u16));
        let of = |isolation| ids().map(|id| self.drains_of(id, isolation)).collect::<Vec<Drains>>();
        let (all, committed) = (of(None), of(Some(Isolation::Committed)));
        let uncommitted = of(Some(Isolation::Uncommitted));
        let drained = |checker: &Self, value: Value| {
            let place = checker.places.get(&value).copied();
            place.map_or(0, |(partition, offset)| checker.logs[usize::from(partition.0)][offset as usize].drained)
        };
        // By drain: two of them may differ in what they have of one.
        let mut transactions: BTreeMap<(usize, usize), (Vec<Value>, Vec<Value>)> = BTreeMap::new();
        for send in &self.history.sends {
            let (at, drains) = (usize::from(send.partition.0), drained(self, send.value));
            if let (Some(transaction), SendOutcome::Acknowledged(_)) = (send.transaction, send.outcome) {
                for drain in (0..self.drains.len()).filter(|drain| committed[at] & 1 << drain != 0) {
                    let (present, missing) = transactions.entry((transaction.0, drain)).or_default();
                    if drains & 1 << drain != 0 { present.push(send.value) } else { missing.push(send.value) }
                }
            }
            let there = committed[at] != 0 && drains & all[at] == all[at];
            if there || !self.is_promised(send) {
                continue;
            }
            let log = &self.logs[at];
            let behind = |from: i64| log.iter().skip(from as usize + 1).any(|slot| slot.seen != [false; 2]);
            let anomaly = match send.outcome {
                SendOutcome::Acknowledged(Some(offset))
                    if log[offset as usize].seen == [false; 2] && behind(offset) =>
                {
                    Anomaly::LostWrite { value: send.value, place: (self.name(send.partition), offset) }
                }
                _ => Anomaly::Unseen { value: send.value, partition: self.name(send.partition) },
            };
            self.found.push(anomaly);
        }
        for ((transaction, _), (there, missing)) in transactions {
            if !there.is_empty() && !missing.is_empty() {
                self.found.push(Anomaly::TornTransaction { transaction, there, missing });
            }
        }
        for (at, log) in self.logs.iter().enumerate() {
            for (offset, slot) in log.iter().enumerate() {
                // What a committed reader was shown is there for everyone.
                let [to_someone, to_committed] = slot.seen;
                let lacks = |drains: Drains| drains == 0 || slot.drained & drains != drains;
                if to_someone && lacks(uncommitted[at]) || to_committed && (lacks(committed[at]) || lacks(all[at])) {
                    let partition = self.history.partitions[at].name.clone();
                    let value = slot.value.unwrap_or_default();
                    self.found.push(Anomaly::TakenBack { partition, offset: offset as i64, value });
                }
            }
        }
    }

    fn watermarks(&mut self) {
        let mut last: HashMap<(ReaderId, PartitionId), (i64, i64)> = HashMap::new();
        for poll in &self.history.polls {
            for Mark { partition, high_watermark, last_stable_offset } in poll.marks.iter().copied() {
                let then = (high_watermark, last_stable_offset);
                let before = last.insert((poll.reader, partition), then).unwrap_or_default();
                if then.0 < before.0 || then.1 < before.1 || then.1 > then.0 {
                    let partition = self.name(partition);
                    self.found.push(Anomaly::Watermark { partition, before, then });
                }
            }
        }
    }

    fn group_offsets(&mut self) {
        // What was acknowledged or shown may not be taken back.
        let mut promised: HashMap<(&str, PartitionId), i64> = HashMap::new();
        for event in &self.history.groups {
            match event {
                GroupEvent::Committed { group, partition, offset } => {
                    let newest = promised.entry((group, *partition)).or_insert(*offset);
                    *newest = (*newest).max(*offset);
                }
                GroupEvent::Asked { group, partition, offset: found, log_end } => {
                    let newest = promised.entry((group, *partition)).or_insert(*found);
                    let before = std::mem::replace(newest, (*newest).max(*found));
                    let (group, name) = (group.clone(), self.name(*partition));
                    if found > log_end {
                        let (found, log_end) = (*found, *log_end);
                        self.found.push(Anomaly::GroupOffsetBeyondEnd { group, partition: name, found, log_end });
                    } else if before > *found {
                        let (promised, found) = (before, *found);
                        self.found.push(Anomaly::GroupOffsetBack { group, partition: name, promised, found });
                    }
                }
            }
        }
    }

    /// Below the offset that a group has committed last, its members were shown everything.
    fn group_reads(&mut self) {
        let mut asked: HashMap<(&str, PartitionId), i64> = HashMap::new();
        for event in &self.history.groups {
            if let GroupEvent::Asked { group, partition, offset, .. } = event {
                asked.insert((group, *partition), *offset);
            }
        }
        let mut read: HashMap<(&str, PartitionId), Vec<bool>> = HashMap::new();
        for poll in &self.history.polls {
            let Some(group) = self.history.readers[poll.reader.0].group.as_deref() else { continue };
            for seen in &poll.records {
                let read = read.entry((group, seen.partition)).or_default();
                read.resize(read.len().max(seen.offset as usize + 1), false);
                read[seen.offset as usize] = true;
            }
        }
        for ((group, partition), committed) in asked {
            // A group of whose reading nothing is known has nothing to be compared with.
            if !self.history.readers.iter().any(|reader| reader.group.as_deref() == Some(group)) {
                continue;
            }
            let read = read.get(&(group, partition)).map_or(&[][..], Vec::as_slice);
            let end = committed.clamp(0, self.logs[usize::from(partition.0)].len() as i64);
            let missed = (0..end).find(|offset| {
                !read.get(*offset as usize).is_some_and(|read| *read)
                    && self.is_visible(partition, *offset, Isolation::Committed)
            });
            if let Some(skipped) = missed {
                let (group, partition) = (group.to_owned(), self.name(partition));
                self.found.push(Anomaly::GroupSkip { group, partition, skipped, committed });
            }
        }
    }

    fn transformations(&mut self) {
        for transformation in &self.history.transformations {
            for (partition, (consumed, produced)) in
                transformation.consumed.iter().zip(&transformation.produced).enumerate()
            {
                let agree = consumed.iter().zip(produced).take_while(|(a, b)| a == b).count();
                if agree < consumed.len().max(produced.len()) {
                    self.found.push(Anomaly::Transformed {
                        name: transformation.name.clone(),
                        partition,
                        agree,
                        consumed: consumed.get(agree).copied(),
                        produced: produced.get(agree).copied(),
                    });
                }
            }
        }
    }
}
