//! The bodies of the fuzz targets: each takes any bytes, and panics when something is wrong. `fuzz_targets/` hands them to
//! libFuzzer, `tests/hostile` replays the committed corpora through the same functions.

pub mod frame;
pub mod json_scanner;
pub mod properties;
pub mod record_batch;
pub mod requests;
pub mod sql;
pub mod wire_decode;

/// A target's body.
pub type Target = fn(&[u8]);

/// Every target by the name of its corpus.
pub const ALL: &[(&str, Target)] = &[
    ("frame", frame::run),
    ("json_scanner", json_scanner::run),
    ("properties", properties::run),
    ("record_batch", record_batch::run),
    ("requests", requests::run),
    ("sql", sql::run),
    ("wire_decode", wire_decode::run),
];
