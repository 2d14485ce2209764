//! The JSON scanner accepts nothing that the full reader refuses, and reads the same values.

/// See `format::json::fuzz_compare`.
pub fn run(bytes: &[u8]) {
    format::json::fuzz_compare(bytes);
}
