//! Where each leader epoch began.
//!
//! ```text
//! leader-epoch-checkpoint   0                     version
//!                           2                     entries
//!                           0 0                   epoch, start offset
//!                           3 1042
//! ```

use record::{LeaderEpoch, Offset};

use crate::log::EpochEnd;

/// Epochs and their start offsets; both rise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeaderEpochs {
    entries: Vec<(i32, i64)>,
}

impl LeaderEpochs {
    /// A batch of `epoch` begins at `offset`. An epoch that is not newer changes nothing.
    pub(crate) fn note(&mut self, epoch: i32, offset: i64) {
        if epoch >= 0 && self.entries.last().is_none_or(|(last, _)| epoch > *last) {
            self.entries.push((epoch, offset));
        }
    }

    pub(crate) fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|(epoch, _)| LeaderEpoch(*epoch))
    }

    pub(crate) fn at(&self, offset: i64) -> Option<LeaderEpoch> {
        self.entries.iter().rev().find(|(_, start)| *start <= offset).map(|(epoch, _)| LeaderEpoch(*epoch))
    }

    /// Where `epoch` ended, in a log `[log_start, log_end)`. `None`: newer than any, or none is known.
    pub(crate) fn end_of(&self, epoch: i32, log_start: i64, log_end: i64) -> Option<EpochEnd> {
        let mut left = self.clone();
        left.cut_front(log_start);
        left.end_of_any(epoch, log_end)
    }

    fn end_of_any(&self, epoch: i32, log_end: i64) -> Option<EpochEnd> {
        let end = |leader_epoch, end_offset| {
            Some(EpochEnd { leader_epoch: LeaderEpoch(leader_epoch), end_offset: Offset(end_offset) })
        };
        let (latest, _) = *self.entries.last()?;
        if epoch == latest {
            return end(epoch, log_end);
        }
        let higher = self.entries.iter().position(|(e, _)| *e > epoch)?;
        let start_of_higher = self.entries[higher].1;
        match higher.checked_sub(1) {
            Some(floor) => end(self.entries[floor].0, start_of_higher),
            None => end(epoch, start_of_higher),
        }
    }

    /// Nothing below `log_start` is left: the epoch in force there begins there.
    pub(crate) fn cut_front(&mut self, log_start: i64) {
        let first_kept = self.entries.iter().rposition(|(_, start)| *start <= log_start).unwrap_or(0);
        self.entries.drain(..first_kept);
        if let Some(first) = self.entries.first_mut() {
            first.1 = first.1.max(log_start);
        }
    }

    /// Nothing from `log_end` on is left.
    pub(crate) fn cut_back(&mut self, log_end: i64) {
        self.entries.retain(|(_, start)| *start < log_end);
    }

    pub(crate) fn encode(&self) -> String {
        let mut out = format!("0\n{}\n", self.entries.len());
        for (epoch, start) in &self.entries {
            out.push_str(&format!("{epoch} {start}\n"));
        }
        out
    }

    /// `None` when the text is not of this form.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != "0" {
            return None;
        }
        let count: usize = lines.next()?.parse().ok()?;
        let mut epochs = Self::default();
        for line in lines.by_ref().take(count) {
            let (epoch, start) = line.split_once(' ')?;
            let (epoch, start) = (epoch.parse().ok()?, start.parse().ok()?);
            if epochs.entries.last().is_some_and(|(e, s)| epoch <= *e || start < *s) {
                return None;
            }
            epochs.entries.push((epoch, start));
        }
        (epochs.entries.len() == count).then_some(epochs)
    }
}
