//! Administration: what the console tools ask of a cluster beside records. Each file adds methods to [`Client`].
//!
//! Every method answers for each thing that was named, so that one failure does not hide the others.

pub(crate) mod configs;
pub(crate) mod groups;
pub(crate) mod offsets;
pub(crate) mod records;
pub(crate) mod topics;

use wire::{ErrorCode, Str};

use crate::ClientError;

/// The answer for one thing: nothing, or the refusal with the broker's own words.
fn outcome(what: String, error_code: i16, message: Option<&Str>) -> Result<(), ClientError> {
    ErrorCode::check(error_code).map_err(|error| ClientError::refused(what, error, message.map(|message| &**message)))
}
