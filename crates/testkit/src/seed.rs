//! Random tests by seed: the same seed is the same run.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Which seeds to run: `MILLSTREAM_SEEDS=<first>+<count>` or `MILLSTREAM_SEEDS=<count>`, else the first few.
#[must_use]
pub fn seeds(few: u64) -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("MILLSTREAM_SEEDS") else { return 0..few };
    let number = |text: &str| text.parse::<u64>().expect("MILLSTREAM_SEEDS is <first>+<count> or <count>");
    match text.split_once('+') {
        Some((first, count)) => number(first)..number(first) + number(count),
        None => 0..number(&text),
    }
}

/// Runs a test with each seed; a failure names its seed.
pub fn for_each_seed(few: u64, test: impl Fn(u64)) {
    for seed in seeds(few) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(seed))) {
            eprintln!("seed {seed} failed; run again with MILLSTREAM_SEEDS={seed}+1");
            resume_unwind(panic);
        }
    }
}

/// A small generator of numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `below`, which is not 0.
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}
