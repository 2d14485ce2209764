//! No text makes parser, binder or planner panic; what is parsed reads back from its logged form.

/// See `sql::fuzz_text`.
pub fn run(bytes: &[u8]) {
    sql::fuzz_text(bytes);
}
