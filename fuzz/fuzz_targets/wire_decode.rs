//! `targets/wire_decode.rs`, driven by libFuzzer.
#![no_main]

#[path = "../targets/wire_decode.rs"]
mod wire_decode;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire_decode::run(bytes));
