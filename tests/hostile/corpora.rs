//! The committed corpora of the fuzz targets, replayed through the targets' own functions; and where their seeds come
//! from.
//!
//! Verified: no input that ever was a finding is one again. Not verified: anything that no file holds (`fuzz/README.md`).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use bytes::Bytes;
use record::Compression;

use crate::samples::{self, Sample};
use crate::targets;

fn corpus(target: &str) -> PathBuf {
    tests::root().join("fuzz/corpus").join(target)
}

#[test]
fn the_corpora_are_replayed() {
    for (target, run) in targets::ALL {
        let entries = std::fs::read_dir(corpus(target)).unwrap_or_else(|e| panic!("corpus of {target}: {e}"));
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{target} has no corpus");
        for file in files {
            let bytes = std::fs::read(&file).expect("a corpus file can be read");
            if std::panic::catch_unwind(|| run(&bytes)).is_err() {
                panic!("{target}: {} is a finding", file.display());
            }
        }
    }
}

/// Writes the seeds that are made from requests, batches and what Kafka itself wrote; files that are there for another
/// reason stay. `cargo test -p tests --test hostile -- --ignored write_the_seeds`
#[test]
#[ignore = "writes into fuzz/corpus"]
fn write_the_seeds() {
    let write = |target: &str, name: &str, bytes: &[u8]| {
        std::fs::create_dir_all(corpus(target)).expect("the corpus can be made");
        std::fs::write(corpus(target).join(name), bytes).expect("a seed can be written");
    };
    let samples = samples::all();
    // The lowest and the highest version of each request.
    for (at, sample) in samples.iter().enumerate() {
        let first = at == 0 || samples[at - 1].key != sample.key;
        let last = samples.get(at + 1).is_none_or(|next| next.key != sample.key);
        if first || last {
            write("requests", &name(sample), &chosen(sample.key, sample.version, &sample.body));
        }
    }
    for (codec, compression) in CODECS {
        write("record_batch", codec, &samples::batch(*compression, 5));
    }
    let newest: Vec<&Sample> = samples.iter().filter(|sample| [0, 1, 3, 18].contains(&sample.key)).collect();
    for (crumbs, seed) in [([1_u8, 3, 5, 200], 0), ([0, 7, 255, 143], 1)] {
        let mut stream = crumbs.to_vec();
        for sample in newest.iter().skip(seed).step_by(7) {
            stream.extend_from_slice(&(sample.frame.len() as u32).to_be_bytes());
            stream.extend_from_slice(&sample.frame);
        }
        write("frame", &format!("pipelined-{seed}"), &stream);
    }
    for (name, declared) in [("one-gigabyte", 1 << 30), ("negative", -1), ("tiny", 3), ("http", 0x4745_5420)] {
        let mut stream = vec![9, 9, 9, 9];
        stream.extend_from_slice(&i32::to_be_bytes(declared));
        stream.extend_from_slice(b"/ HTTP/1.1\r\n\r\n");
        write("frame", name, &stream);
    }
    written_by_kafka(write);
}

const CODECS: &[(&str, Compression)] = &[
    ("none", Compression::None),
    ("gzip", Compression::Gzip),
    ("snappy", Compression::Snappy),
    ("lz4", Compression::Lz4),
    ("zstd", Compression::Zstd),
];

fn name(sample: &Sample) -> String {
    format!("{}-v{}", sample.api, sample.version)
}

/// The form of the target `requests`.
fn chosen(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut seed = vec![u8::try_from(key).expect("a small key"), u8::try_from(version).expect("a small version")];
    seed.extend_from_slice(body);
    seed
}

/// One instance of each message, of those that Kafka's own classes wrote for `wire`.
fn written_by_kafka(write: impl Fn(&str, &str, &[u8])) {
    let packed = std::fs::read(tests::root().join("crates/wire/testdata/corpus.gz")).expect("the corpus of wire");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).expect("it unpacks");
    let mut newest: BTreeMap<&str, (i16, Bytes)> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("name, version and hex");
        let (name, version, hex) = (word(), word().parse().expect("a version"), word());
        let bytes =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect();
        newest.insert(name, (version, bytes));
    }
    for (api, versions) in broker::api::served() {
        let Some((version, bytes)) = newest.get(format!("{}Request", api.name()).as_str()) else { continue };
        let version = (*version).min(*versions.end());
        write("requests", &format!("kafka-{}", api.name()), &chosen(api.code(), version, bytes));
    }
    for (number, (name, version)) in targets::wire_decode::messages().enumerate() {
        let Some((_, bytes)) = newest.get(name).filter(|(newest, _)| *newest == version) else { continue };
        // A few are enough to begin with.
        if number % 8 == 0 && bytes.len() < 512 {
            let mut seed = u16::try_from(number).expect("few messages").to_be_bytes().to_vec();
            seed.push(u8::try_from(version).expect("a small version"));
            seed.extend_from_slice(bytes);
            write("wire_decode", name, &seed);
        }
    }
}
