//! `targets/properties.rs`, driven by libFuzzer.
#![no_main]

#[path = "../targets/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::run(bytes));
