//! The numbers of a log that could be swapped by mistake, each with a type of its own.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// The position of a record in its partition.
    Offset(i64)
);
number!(
    /// Milliseconds since 1970-01-01T00:00:00Z; −1 means none.
    TimestampMs(i64)
);
number!(
    /// What the broker calls an idempotent or transactional producer; −1 means none.
    ProducerId(i64)
);
number!(
    /// The incarnation of a producer id; a lower one is fenced. −1 means none.
    ProducerEpoch(i16)
);
number!(
    /// The number of a record in its producer's stream to one partition; wraps to 0 after 2³¹−1. −1 means none.
    Sequence(i32)
);
number!(
    /// The incarnation of a partition's leader; −1 means unknown.
    LeaderEpoch(i32)
);

impl Offset {
    /// The offset after this one.
    #[must_use]
    pub fn next(self) -> Self {
        self + 1
    }
}

impl std::ops::Add<i64> for Offset {
    type Output = Self;

    fn add(self, records: i64) -> Self {
        Self(self.0.saturating_add(records))
    }
}

impl std::ops::Sub for Offset {
    type Output = i64;

    fn sub(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

impl TimestampMs {
    /// No timestamp.
    pub const NONE: Self = Self(-1);
}

impl ProducerId {
    /// No producer id: the batch is neither idempotent nor transactional.
    pub const NONE: Self = Self(-1);

    /// Whether this names a producer.
    #[must_use]
    pub fn is_some(self) -> bool {
        self.0 >= 0
    }
}

impl ProducerEpoch {
    /// No producer epoch.
    pub const NONE: Self = Self(-1);
}

impl LeaderEpoch {
    /// Unknown.
    pub const NONE: Self = Self(-1);
}

impl Sequence {
    /// No sequence.
    pub const NONE: Self = Self(-1);

    /// The sequence `records` after this one, wrapping to 0 after 2³¹−1 as Kafka's does.
    #[must_use]
    pub fn plus(self, records: i32) -> Self {
        Self((i64::from(self.0) + i64::from(records)).rem_euclid(1 << 31) as i32)
    }
}
