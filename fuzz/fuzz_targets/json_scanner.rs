//! `targets/json_scanner.rs`, driven by libFuzzer.
#![no_main]

#[path = "../targets/json_scanner.rs"]
mod json_scanner;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| json_scanner::run(bytes));
