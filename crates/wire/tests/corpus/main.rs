//! Every message and version against what Kafka's own classes write, and against bytes that nobody meant.
//!
//! `testdata/corpus.gz` is written by `tests/java/wire-corpus`: a line for each instance, with name, version and hex.
//! Verified: each line decodes, nothing is left over, and encodes to the same bytes; mutated lines neither panic nor
//! decode to more memory than their bound, and what does decode encodes and decodes to the same value again.
//! Not verified: that every field's value lands under the right name (`second_opinion` looks at some).

#![allow(missing_docs)]

mod every_message;
mod hostile;
mod second_opinion;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::ops::RangeInclusive;

use bytes::Bytes;
use wire::{DecodeError, Message, Reader, Writer};

/// One message's codec.
pub struct Entry {
    pub name: &'static str,
    pub versions: RangeInclusive<i16>,
    /// Decodes, encodes again; says how many bytes were left over.
    pub round_trip: fn(Bytes, i16) -> Result<(usize, Bytes), DecodeError>,
    /// Decodes, and holds what came out against itself, encoded and decoded again.
    pub decode: fn(Bytes, i16) -> Result<(), DecodeError>,
}

impl Entry {
    pub const fn of<M: Message>() -> Self {
        Self { name: M::NAME, versions: M::VERSIONS, round_trip: round_trip::<M>, decode: decode::<M> }
    }
}

fn round_trip<M: Message>(bytes: Bytes, version: i16) -> Result<(usize, Bytes), DecodeError> {
    let mut r = Reader::new(bytes);
    let message = M::decode(&mut r, version)?;
    let mut w = Writer::new();
    message.encode(&mut w, version).expect("what was decoded can be encoded");
    Ok((r.remaining(), w.into_bytes().expect("nothing is external")))
}

fn decode<M: Message>(bytes: Bytes, version: i16) -> Result<(), DecodeError> {
    let (_, again) = round_trip::<M>(bytes, version)?;
    let (left, third) = round_trip::<M>(again.clone(), version).expect("what we encoded can be decoded");
    assert_eq!(left, 0);
    assert_eq!(third, again);
    Ok(())
}

/// An instance that Kafka wrote.
pub struct Line {
    pub name: String,
    pub version: i16,
    pub bytes: Bytes,
}

pub fn corpus() -> Vec<Line> {
    let packed = include_bytes!("../../testdata/corpus.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).expect("the corpus unpacks");
    text.lines()
        .map(|line| {
            let mut words = line.split(' ');
            let mut word = || words.next().expect("name, version and hex");
            let (name, version, hex) = (word().to_owned(), word(), word());
            let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"));
            Line { name, version: version.parse().expect("a version"), bytes: bytes.collect() }
        })
        .collect()
}

pub fn entries() -> BTreeMap<&'static str, &'static Entry> {
    every_message::ALL.iter().map(|entry| (entry.name, entry)).collect()
}

#[test]
fn equals_what_kafka_writes() {
    let entries = entries();
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for Line { name, version, bytes } in corpus() {
        let Some(entry) = entries.get(name.as_str()) else {
            faults.push(format!("{name} is unknown"));
            continue;
        };
        seen.insert((entry.name, version));
        match (entry.round_trip)(bytes.clone(), version) {
            Ok((0, again)) if again == bytes => {}
            Ok((left, again)) => {
                faults.push(format!("{name} v{version}: {left} bytes left; {bytes:02x?} became {again:02x?}"));
            }
            Err(error) => faults.push(format!("{name} v{version}: {error}; {bytes:02x?}")),
        }
    }
    for entry in every_message::ALL {
        for version in entry.versions.clone() {
            if !seen.contains(&(entry.name, version)) {
                faults.push(format!("{} v{version} is not in the corpus", entry.name));
            }
        }
    }
    faults.truncate(20);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
