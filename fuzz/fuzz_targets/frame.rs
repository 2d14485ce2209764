//! `targets/frame.rs`, driven by libFuzzer.
#![no_main]

#[path = "../targets/frame.rs"]
mod frame;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| frame::run(bytes));
