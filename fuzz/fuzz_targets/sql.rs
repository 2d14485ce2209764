//! `targets/sql.rs`, driven by libFuzzer.
#![no_main]

#[path = "../targets/sql.rs"]
mod sql;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sql::run(bytes));
