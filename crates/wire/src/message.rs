//! [`Message`]: what every generated top-level type is.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, EncodeError, Reader, Writer};

/// A value inside a message: knows its bytes at a version that its message has already checked.
#[doc(hidden)]
pub trait Element: Sized {
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError>;
    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError>;
}

/// A request, response, header or internal record.
pub trait Message: Element + Default + Clone + PartialEq + std::fmt::Debug {
    /// The specification's name.
    const NAME: &'static str;
    /// The versions that exist.
    const VERSIONS: RangeInclusive<i16>;
    /// From which version on lengths are compact and tagged fields follow; `i16::MAX` if never.
    const FLEXIBLE_FROM: i16;

    /// Takes the message off the front of `r`. Bytes behind it stay there.
    fn decode(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(&version) {
            return Err(DecodeError::UnsupportedVersion { message: Self::NAME, version });
        }
        r.flexible = version >= Self::FLEXIBLE_FROM;
        Self::read(r, version)
    }

    /// Puts the message behind what `w` holds. After an error, `w` holds part of it and must be dropped.
    fn encode(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        if !Self::VERSIONS.contains(&version) {
            return Err(EncodeError::UnsupportedVersion { message: Self::NAME, version });
        }
        w.flexible = version >= Self::FLEXIBLE_FROM;
        self.write(w, version)
    }
}

/// A message that asks for another one.
pub trait Request: Message {
    /// Its number in the protocol.
    const KEY: ApiKey;
    /// What is answered.
    type Response: Message;
}
