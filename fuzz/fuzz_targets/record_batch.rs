//! `targets/record_batch.rs`, driven by libFuzzer.
#![no_main]

#[path = "../targets/record_batch.rs"]
mod record_batch;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| record_batch::run(bytes));
