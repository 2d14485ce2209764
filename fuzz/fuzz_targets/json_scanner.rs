//! The JSON scanner accepts nothing that the full reader refuses, and reads the same values.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| format::json::fuzz_compare(bytes));
