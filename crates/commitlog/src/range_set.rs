//! Byte ranges of a file that have been looked at: sorted, disjoint, merged when they touch.

/// A set of byte positions, as ranges.
#[derive(Clone, Debug, Default)]
pub(crate) struct RangeSet {
    ranges: Vec<(u64, u64)>,
}

impl RangeSet {
    /// Adds `[from, to)`.
    pub(crate) fn insert(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        // The common case: the active segment grows at its end.
        if let Some(last) = self.ranges.last_mut()
            && last.1 == from
        {
            last.1 = to;
            return;
        }
        let first = self.ranges.partition_point(|r| r.1 < from);
        let end = self.ranges.partition_point(|r| r.0 <= to);
        let (mut low, mut high) = (from, to);
        for r in &self.ranges[first..end] {
            low = low.min(r.0);
            high = high.max(r.1);
        }
        self.ranges.splice(first..end, [(low, high)]);
    }

    /// Where the range that contains `position` ends; `None` when it is in none.
    pub(crate) fn end_of(&self, position: u64) -> Option<u64> {
        let i = self.ranges.partition_point(|r| r.1 <= position);
        self.ranges.get(i).filter(|r| r.0 <= position).map(|r| r.1)
    }

    /// The first position at or after `position` that is in no range.
    pub(crate) fn first_gap(&self, position: u64) -> u64 {
        self.end_of(position).unwrap_or(position)
    }
}
