//! Any bytes as any message at any version: no panic, and what decodes encodes to something that decodes to it.
//!
//! ```text
//! message number: u16 | version: u8 | message
//! ```

// The list of all messages that `cargo xtask wire` writes for the tests.
#[path = "../../crates/wire/tests/corpus/every_message.rs"]
mod every_message;

use bytes::Bytes;
use wire::{Message, Reader, Writer};

/// One message's codec; see `crates/wire/tests/corpus/main.rs`.
pub struct Entry {
    name: &'static str,
    newest: i16,
    check: fn(Bytes, i16),
}

impl Entry {
    const fn of<M: Message>() -> Self {
        Self { name: M::NAME, newest: *M::VERSIONS.end(), check: check::<M> }
    }
}

/// Name and newest version of each message, in the order of their numbers.
#[allow(dead_code, reason = "the fuzz target does not need it, the seeds do")]
pub fn messages() -> impl Iterator<Item = (&'static str, i16)> {
    every_message::ALL.iter().map(|entry| (entry.name, entry.newest))
}

fn check<M: Message>(bytes: Bytes, version: i16) {
    let Ok(message) = M::decode(&mut Reader::new(bytes), version) else { return };
    let encode = |message: &M| {
        let mut w = Writer::new();
        message.encode(&mut w, version).expect("what was decoded can be encoded");
        w.into_bytes().expect("nothing is external")
    };
    let again = encode(&message);
    let mut r = Reader::new(again.clone());
    let second = M::decode(&mut r, version).expect("what we encoded can be decoded");
    assert_eq!(r.remaining(), 0);
    // Not the values: a float may be NaN.
    assert_eq!(encode(&second), again);
}

/// Decodes and encodes.
pub fn run(bytes: &[u8]) {
    let [high, low, version, message @ ..] = bytes else { return };
    let number = usize::from(u16::from_be_bytes([*high, *low])) % every_message::ALL.len();
    (every_message::ALL[number].check)(Bytes::copy_from_slice(message), i16::from(*version));
}
