//! Bytes that nobody meant: mutated instances of every message.
//!
//! Verified: no panic, whatever the bytes; what does decode is a value that encodes and decodes to itself.

use super::{Line, corpus, entries};

/// A small generator of our own: a failure prints the seed that replays it.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Numbers that lengths, counts and tags like to trip over.
const TRAPS: &[&[u8]] = &[
    &[0xff],
    &[0x00],
    &[0x80],
    &[0xff, 0xff],
    &[0x7f, 0xff],
    &[0x80, 0x00],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xfe],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0x00, 0x00, 0x00],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
];

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(5) {
        0 if !bytes.is_empty() => bytes[at] = random.next() as u8,
        1 => bytes.truncate(at),
        2 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        3 => {
            bytes.splice(at..at, TRAPS[random.below(TRAPS.len())].iter().copied());
        }
        _ => {
            let trap = TRAPS[random.below(TRAPS.len())];
            let end = bytes.len().min(at + trap.len());
            bytes.splice(at..end, trap.iter().copied());
        }
    }
}

#[test]
fn mutated_messages_never_panic() {
    let entries = entries();
    let corpus = corpus();
    let (mut refused, mut accepted) = (0, 0);
    for seed in 1..=40_000u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let Line { name, version, bytes } = &corpus[random.below(corpus.len())];
        let mut bytes = bytes.to_vec();
        for _ in 0..=random.below(3) {
            mutate(&mut bytes, &mut random);
        }
        let entry = entries[name.as_str()];
        let decoded = std::panic::catch_unwind(|| (entry.decode)(bytes.clone().into(), *version));
        match decoded {
            Ok(Ok(())) => accepted += 1,
            Ok(Err(_)) => refused += 1,
            Err(_) => panic!("seed {seed}: {name} v{version} panics on {bytes:02x?}"),
        }
    }
    // Both kinds must occur, or the mutations are not worth their name.
    assert!(refused > 5_000 && accepted > 5_000, "{refused} refused, {accepted} accepted");
}

#[test]
fn every_prefix_is_refused_or_whole() {
    let entries = entries();
    for Line { name, version, bytes } in corpus().iter().filter(|line| line.bytes.len() < 400) {
        for len in 0..bytes.len() {
            let decoded = (entries[name.as_str()].round_trip)(bytes.slice(..len), *version);
            assert!(decoded.is_err(), "{name} v{version} decodes from {len} of {} bytes", bytes.len());
        }
    }
}
