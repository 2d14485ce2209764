//! No text makes parser, binder or planner panic; what is parsed reads back from its logged form.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sql::fuzz_text(bytes));
