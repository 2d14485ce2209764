//! What clients of a log did and what they were shown, as plain data, and [`check`], which finds what must never happen.
//!
//! The anomalies are those that Jepsen's checker of Kafka-like logs defines, and what a restart adds: a record that was
//! shown and is taken back, a watermark or a group's offset that goes back. Whoever records a history enters a send when
//! it is begun and its outcome when that is known; polls come in the order in which each reader got them. Before a check,
//! everything is read once more from the beginning, at both isolations: a *drain*. Each drain that was begun since
//! [`History::rest`] was called last must be complete, whoever made it.
//!
//! Verified: each promise of [`Anomaly`]. Not verified: cycles of information flow between transactions (a history in
//! which no transaction reads what another transaction wrote cannot have one), real-time order between two producers,
//! and anything about partitions whose records retention or compaction removes.

mod check;
#[cfg(test)]
mod tests;

pub use check::check;

/// What was sent: each value is sent once in the whole history.
pub type Value = u64;

/// A partition, by its place in [`History::partitions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u16);

/// A partition that is watched.
#[derive(Clone, Debug)]
pub struct Partition {
    /// What a message calls it.
    pub name: String,
    /// Whether others write to it too: their values need be neither known nor unique.
    pub shared: bool,
}

/// Which records a reader is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// All of them.
    Uncommitted,
    /// Those of committed transactions and those outside of any.
    Committed,
}

/// A send, by its place in [`History::sends`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SendId(pub usize);

/// One value on its way into the log. Retries of it are the same send.
#[derive(Clone, Debug)]
pub struct Send {
    /// Who sends; each one's sends to a partition are entered in order.
    pub producer: u32,
    /// Where to.
    pub partition: PartitionId,
    /// What.
    pub value: Value,
    /// The transaction that it belongs to.
    pub transaction: Option<TransactionId>,
    /// What became of it.
    pub outcome: SendOutcome,
}

/// What became of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// Nothing is known.
    Unknown,
    /// It was refused for good: nobody may ever see it.
    Refused,
    /// It was acknowledged, at this offset unless the broker only said that it has it already.
    Acknowledged(Option<i64>),
}

/// A transaction, by its place in [`History::transactions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransactionId(pub usize);

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionOutcome {
    /// It was to be committed, and nothing came back: all or nothing of it may be there.
    Unknown,
    /// The commit was acknowledged.
    Committed,
    /// It was never to be committed.
    Aborted,
}

/// A reader, by its place in [`History::readers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReaderId(pub usize);

/// Someone who polls.
#[derive(Clone, Debug)]
pub struct Reader {
    /// What it is shown.
    pub isolation: Isolation,
    /// The partitions that it reads from the beginning to the end, while nobody writes; of a drain only.
    pub drains: Vec<PartitionId>,
    /// The group for which it reads, if it is a member of one.
    pub group: Option<String>,
}

impl Reader {
    /// Whether it reads all that its partitions have.
    #[must_use]
    pub fn is_drain(&self) -> bool {
        !self.drains.is_empty()
    }
}

/// A record as a reader saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where.
    pub partition: PartitionId,
    /// At which offset.
    pub offset: i64,
    /// What.
    pub value: Value,
}

/// Where a partition ends, as an answer to a fetch said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Of which partition.
    pub partition: PartitionId,
    /// What is below is durable.
    pub high_watermark: i64,
    /// What is below is decided.
    pub last_stable_offset: i64,
}

/// One answer to a reader.
#[derive(Clone, Debug)]
pub struct Poll {
    /// Whose.
    pub reader: ReaderId,
    /// The transaction in which it polls.
    pub transaction: Option<TransactionId>,
    /// Whether it moved, or was assigned partitions anew, since its last poll.
    pub repositioned: bool,
    /// The records in the order of the answer.
    pub records: Vec<Seen>,
    /// The ends that the answer named.
    pub marks: Vec<Mark>,
}

/// What happened to a group's offsets, in order.
#[derive(Clone, Debug)]
pub enum GroupEvent {
    /// A commit was acknowledged.
    Committed {
        /// By which group.
        group: String,
        /// In which partition.
        partition: PartitionId,
        /// At least this offset.
        offset: i64,
    },
    /// The committed offset was asked for, and then the log's end.
    Asked {
        /// Of which group.
        group: String,
        /// In which partition.
        partition: PartitionId,
        /// The answer; −1 if there is none.
        offset: i64,
        /// Where the partition ended.
        log_end: i64,
    },
}

/// What became of an input record of a consume-transform-produce loop.
#[derive(Clone, Debug, Default)]
pub struct Transformation {
    /// What it calls itself.
    pub name: String,
    /// Values of the input up to the offsets that its group has committed, by partition, in order.
    pub consumed: Vec<Vec<Value>>,
    /// The input value of each output that a committed reader sees, by partition, in order.
    pub produced: Vec<Vec<Value>>,
}

/// All that is known.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The partitions that are watched.
    pub partitions: Vec<Partition>,
    /// The sends in order of their beginning.
    pub sends: Vec<Send>,
    /// The transactions.
    pub transactions: Vec<TransactionOutcome>,
    /// Those who poll.
    pub readers: Vec<Reader>,
    /// The drains among them from here on are of this rest: nobody has written since they began.
    pub rested: usize,
    /// What they were shown, each one's in order.
    pub polls: Vec<Poll>,
    /// The offsets of groups.
    pub groups: Vec<GroupEvent>,
    /// Loops that read, transform and write, as they stood at the last drain.
    pub transformations: Vec<Transformation>,
    /// Answers that no correct broker gives, in words.
    pub unexpected: Vec<String>,
}

impl History {
    /// Enters a partition.
    pub fn partition(&mut self, name: &str, shared: bool) -> PartitionId {
        self.partitions.push(Partition { name: name.to_owned(), shared });
        PartitionId((self.partitions.len() - 1) as u16)
    }

    /// Enters a reader.
    pub fn reader(&mut self, isolation: Isolation) -> ReaderId {
        self.readers.push(Reader { isolation, drains: Vec::new(), group: None });
        ReaderId(self.readers.len() - 1)
    }

    /// Everything has come to rest: what was promised or shown before must be in each drain that is entered from now on.
    pub fn rest(&mut self) {
        self.rested = self.readers.len();
    }

    /// Enters a reader of everything that these partitions have.
    pub fn drain(&mut self, isolation: Isolation, partitions: Vec<PartitionId>) -> ReaderId {
        self.readers.push(Reader { isolation, drains: partitions, group: None });
        ReaderId(self.readers.len() - 1)
    }

    /// Enters a member of a group.
    pub fn member(&mut self, isolation: Isolation, group: &str) -> ReaderId {
        self.readers.push(Reader { isolation, drains: Vec::new(), group: Some(group.to_owned()) });
        ReaderId(self.readers.len() - 1)
    }

    /// Enters a transaction that is not to be committed yet.
    pub fn begin(&mut self) -> TransactionId {
        self.transactions.push(TransactionOutcome::Aborted);
        TransactionId(self.transactions.len() - 1)
    }

    /// Says what became of a transaction.
    pub fn end(&mut self, transaction: TransactionId, outcome: TransactionOutcome) {
        self.transactions[transaction.0] = outcome;
    }

    /// Enters a send that begins.
    pub fn send(
        &mut self,
        producer: u32,
        partition: PartitionId,
        value: Value,
        transaction: Option<TransactionId>,
    ) -> SendId {
        self.sends.push(Send { producer, partition, value, transaction, outcome: SendOutcome::Unknown });
        SendId(self.sends.len() - 1)
    }

    /// Says what became of a send.
    pub fn settle(&mut self, send: SendId, outcome: SendOutcome) {
        self.sends[send.0].outcome = outcome;
    }
}

/// What must never happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// One offset had two values, in acknowledgements or polls.
    InconsistentOffsets {
        /// The partition.
        partition: String,
        /// The offset.
        offset: i64,
        /// The two.
        values: [Value; 2],
    },
    /// One value is at two places.
    Duplicate {
        /// The value.
        value: Value,
        /// The places.
        places: [(String, i64); 2],
    },
    /// A value was read that nobody sent.
    NeverSent {
        /// The partition.
        partition: String,
        /// The offset.
        offset: i64,
        /// The value.
        value: Value,
    },
    /// A value was acknowledged, someone read behind it, and nobody ever read it.
    LostWrite {
        /// The value.
        value: Value,
        /// Where it was acknowledged to be.
        place: (String, i64),
    },
    /// A value was acknowledged and is not in each drain of this rest.
    Unseen {
        /// The value.
        value: Value,
        /// Its partition.
        partition: String,
    },
    /// Some, not all, of a transaction is in a committed drain of this rest.
    TornTransaction {
        /// Which one.
        transaction: usize,
        /// What is there.
        there: Vec<Value>,
        /// What is not.
        missing: Vec<Value>,
    },
    /// A committed reader was shown what was aborted or refused.
    AbortedRead {
        /// The value.
        value: Value,
        /// Where.
        place: (String, i64),
    },
    /// A transaction read its own write.
    PrecommittedRead {
        /// The value.
        value: Value,
    },
    /// A reader jumped over a record that it should have been shown.
    PollSkip {
        /// The partition.
        partition: String,
        /// What it was shown before.
        from: i64,
        /// What it was shown next.
        to: i64,
        /// What it was not shown.
        skipped: i64,
        /// Whether both came in one poll.
        internal: bool,
    },
    /// A reader went back.
    NonmonotonicPoll {
        /// The partition.
        partition: String,
        /// What it was shown before.
        from: i64,
        /// What it was shown next.
        to: i64,
        /// Whether both came in one poll.
        internal: bool,
    },
    /// A producer's later send landed before an earlier one.
    NonmonotonicSend {
        /// The producer.
        producer: u32,
        /// The partition.
        partition: String,
        /// The offset of the earlier one.
        earlier: i64,
        /// The offset of the later one.
        later: i64,
    },
    /// A record was shown, and is gone.
    TakenBack {
        /// The partition.
        partition: String,
        /// The offset.
        offset: i64,
        /// The value.
        value: Value,
    },
    /// A high watermark or last stable offset went back, or they contradict each other.
    Watermark {
        /// The partition.
        partition: String,
        /// What the same reader was told before.
        before: (i64, i64),
        /// What it was told then.
        then: (i64, i64),
    },
    /// A committed offset is behind one that was acknowledged or shown.
    GroupOffsetBack {
        /// The group.
        group: String,
        /// The partition.
        partition: String,
        /// What was acknowledged or shown.
        promised: i64,
        /// What is there.
        found: i64,
    },
    /// A committed offset is beyond the end of the log.
    GroupOffsetBeyondEnd {
        /// The group.
        group: String,
        /// The partition.
        partition: String,
        /// The offset.
        found: i64,
        /// The end.
        log_end: i64,
    },
    /// A group has committed an offset behind a record that none of its members was shown.
    GroupSkip {
        /// The group.
        group: String,
        /// The partition.
        partition: String,
        /// Where the record is.
        skipped: i64,
        /// What is committed.
        committed: i64,
    },
    /// A loop's outputs are not its consumed inputs, each once and in order.
    Transformed {
        /// The loop.
        name: String,
        /// The partition.
        partition: usize,
        /// How many inputs and outputs agree before the first difference.
        agree: usize,
        /// The input there.
        consumed: Option<Value>,
        /// The output there.
        produced: Option<Value>,
    },
    /// An answer that no correct broker gives.
    Unexpected(String),
}
