//! The front of a request frame.
//!
//! ```text
//! length: i32 | api_key: i16 | api_version: i16 | correlation_id: i32 | client_id: i16 + text | tags | message
//!             '---------------------- RequestPrefix ----------------' '------ by header version ----'
//! ```

use std::fmt;

use crate::messages::request_header::RequestHeader;
use crate::{ApiKey, DecodeError, Message, Reader, UnknownApiKey};

/// What every request begins with, whatever its versions: enough to answer one that we cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestPrefix {
    /// The request's number, perhaps one that does not exist.
    pub api_key: i16,
    /// The request's version, perhaps one that does not exist.
    pub api_version: i16,
    /// What the answer must carry.
    pub correlation_id: i32,
}

impl RequestPrefix {
    /// Reads the prefix of a frame (without the frame's length); `None` if the frame is shorter.
    pub fn peek(frame: &[u8]) -> Option<Self> {
        let [k0, k1, v0, v1, c0, c1, c2, c3] = *frame.first_chunk::<8>()?;
        Some(Self {
            api_key: i16::from_be_bytes([k0, k1]),
            api_version: i16::from_be_bytes([v0, v1]),
            correlation_id: i32::from_be_bytes([c0, c1, c2, c3]),
        })
    }
}

/// Why the front of a frame could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestHeaderError {
    /// The request's number belongs to nothing, so that even its header is unreadable.
    UnknownApiKey(UnknownApiKey),
    /// The bytes are no header.
    Decode(DecodeError),
}

impl fmt::Display for RequestHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownApiKey(error) => error.fmt(f),
            Self::Decode(error) => write!(f, "request header: {error}"),
        }
    }
}

impl std::error::Error for RequestHeaderError {}

/// Takes the header off a request frame; the message follows in `r`. The version may still be one that does not exist:
/// `Message::decode` says so, and for ApiVersions the caller answers at version 0.
pub fn read_request_header(r: &mut Reader) -> Result<(ApiKey, RequestHeader), RequestHeaderError> {
    let Some(prefix) = RequestPrefix::peek(r.rest()) else {
        let error = DecodeError::Truncated { needed: 8, remaining: r.remaining() };
        return Err(RequestHeaderError::Decode(error));
    };
    let key = ApiKey::try_from(prefix.api_key).map_err(RequestHeaderError::UnknownApiKey)?;
    let version = key.request_header_version(prefix.api_version);
    let header = RequestHeader::decode(r, version).map_err(RequestHeaderError::Decode)?;
    Ok((key, header))
}
