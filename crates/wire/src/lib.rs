//! Kafka's messages: every request, response, header and internal record, at every version.
//!
//! Owns: generated Rust types with bounded, zero-copy decoding, and the error codes.
//! Never: does I/O; knows what a message means.
//!
//! [`messages`] has one module per message of the network protocol, [`records`] one per record of Kafka's internal
//! topics. Both are written by `cargo xtask wire` from `definitions/`; nobody edits them by hand. Everything else in
//! this crate is what they stand on.
//!
//! # Non-obvious
//! - Strings and byte fields are slices of the frame they were decoded from, and keep all of it alive. Whoever keeps one
//!   for longer than a request calls [`Str::detach`], or copies.
//! - Bytes after the last field of a request or response are left in the [`Reader`]; Kafka ignores them there, and so
//!   may the caller ([`Reader::remaining`]). In internal records they are an error, as in Kafka.
//! - Unknown tagged fields are skipped and lost. A tag that occurs twice is refused.
//! - A field that the version does not have must hold its default when it is encoded, unless the specification marks it
//!   `ignorable`: then it is silently left out.

mod api_key;
pub mod coordinator;
mod error;
mod error_code;
mod field;
mod generated;
mod header;
mod message;
#[allow(missing_docs, clippy::field_reassign_with_default)]
pub mod messages;
pub mod metadata;
pub mod primitives;
mod reader;
#[allow(missing_docs, clippy::field_reassign_with_default, clippy::large_enum_variant)]
pub mod records;
mod records_field;
mod text;
mod uuid;
mod versioned;
mod writer;

#[cfg(test)]
mod tests;

pub use api_key::{ApiKey, UnknownApiKey};
pub use error::{DecodeError, EncodeError};
pub use error_code::ErrorCode;
pub use header::{RequestHeaderError, RequestPrefix, read_request_header};
pub use message::{Message, Request};
pub use reader::Reader;
pub use records_field::Records;
pub use text::Str;
pub use uuid::{InvalidUuid, Uuid};
pub use versioned::{decode_versioned, encode_versioned};
pub use writer::{Piece, Writer};
