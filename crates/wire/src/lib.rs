//! Kafka's messages: every request, response, header and internal record, at every version.
//!
//! Owns: generated Rust types with bounded, zero-copy decoding, and the error codes.
//! Never: does I/O; knows what a message means.
