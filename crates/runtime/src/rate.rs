//! Rates over the last five seconds.

use std::collections::VecDeque;
use std::time::Duration;

const SPAN: Duration = Duration::from_secs(5);

/// A counter's growth per second, from samples that somebody takes about once a second.
#[derive(Clone, Debug, Default)]
pub(crate) struct RateMeter {
    samples: VecDeque<(Duration, u64)>,
}

impl RateMeter {
    /// Takes a sample at a monotonic time.
    pub(crate) fn sample(&mut self, at: Duration, value: u64) {
        if self.samples.back().is_some_and(|(_, last)| value < *last) {
            self.samples.clear();
        }
        self.samples.push_back((at, value));
        // One sample at or before the span's start stays, so that the span is whole.
        while self.samples.len() > 2 && self.samples[1].0 + SPAN <= at {
            self.samples.pop_front();
        }
    }

    /// Units per second with one decimal; 0 before the second sample.
    pub(crate) fn per_second(&self) -> f64 {
        let (Some((start, first)), Some((end, last))) = (self.samples.front(), self.samples.back()) else { return 0.0 };
        let seconds = (*end - *start).as_secs_f64();
        if seconds <= 0.0 { 0.0 } else { ((last - first) as f64 / seconds * 10.0).round() / 10.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, RateMeter};

    #[test]
    fn rates() {
        let check = |samples: &[(u64, u64)], expected: f64| {
            let mut meter = RateMeter::default();
            for (ms, value) in samples {
                meter.sample(Duration::from_millis(*ms), *value);
            }
            assert!((meter.per_second() - expected).abs() < 1e-9, "{samples:?}: {}", meter.per_second());
        };
        check(&[], 0.0);
        check(&[(0, 7)], 0.0);
        check(&[(0, 0), (1000, 10)], 10.0);
        check(&[(0, 0), (1000, 100), (2000, 100), (3000, 100), (4000, 100), (5000, 100), (6000, 100)], 0.0);
        check(&[(0, 0), (1000, 10), (2000, 20), (3000, 30), (4000, 40), (5000, 50), (6000, 60)], 10.0);
        check(&[(0, 50), (1000, 3), (2000, 5)], 2.0);
    }
}
