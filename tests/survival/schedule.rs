//! What happens when, from a seed: the same seed gives the same rounds.

use std::time::Duration;

use fastrand::Rng;

/// How the program ends in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// `kill -9`.
    Kill,
    /// A clean stop.
    Term,
    /// The file system loses its power, and the program lives on for so long without it.
    Power(Duration),
}

/// What mostly ends a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`.
    Kill,
    /// A power loss.
    Power,
}

/// Load, an end, perhaps starts that are killed themselves, a start, a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Seeds what the clients of a chain do.
    pub seed: u64,
    /// How long the clients work before the end.
    pub load: Duration,
    /// The end.
    pub ending: Ending,
    /// How long each start lives that is killed before the one that stays.
    pub starts_killed_after: Vec<Duration>,
    /// Whether a client that is not ours reads everything as well.
    pub foreign_reader: bool,
}

/// How many rounds one data directory sees.
const CHAIN_ROUNDS: usize = 10;

/// The rounds, in chains of one data directory each.
pub fn chains(seed: u64, rounds: usize, fault: Fault) -> Vec<Vec<Round>> {
    let mut rng = Rng::with_seed(seed);
    let all: Vec<Round> = (0..rounds).map(|_| round(&mut rng, fault)).collect();
    all.chunks(CHAIN_ROUNDS).map(<[Round]>::to_vec).collect()
}

fn round(rng: &mut Rng, fault: Fault) -> Round {
    let starts = if rng.u8(..5) == 0 { rng.usize(1..=3) } else { 0 };
    Round {
        seed: rng.u64(..),
        load: Duration::from_millis(rng.u64(50..1500)),
        ending: match (rng.u8(..10), fault) {
            (0, _) => Ending::Term,
            (1, _) | (_, Fault::Kill) => Ending::Kill,
            (_, Fault::Power) => Ending::Power(Duration::from_millis(rng.u64(..30))),
        },
        // A start takes a tenth of a second or a few: most of these fall into it.
        starts_killed_after: (0..starts).map(|_| Duration::from_micros(rng.u64(1_000..250_000))).collect(),
        foreign_reader: rng.u8(..4) == 0,
    }
}

#[test]
fn a_seed_gives_the_same_rounds_again() {
    let chains = |seed| chains(seed, 25, Fault::Power);
    assert_eq!(chains(7), chains(7));
    assert_ne!(chains(7), chains(8));
    assert_eq!(chains(7).iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
}
