//! Why bytes are no message, and why a message cannot be written.

use std::fmt;

/// Why a message could not be decoded. None of these is worth a retry; [`DecodeError::UnsupportedVersion`] alone has an
/// answer of its own in the protocol (error 35), the others mean that the sender and we do not speak the same language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message exists, but not at this version.
    UnsupportedVersion {
        /// The message's name.
        message: &'static str,
        /// The version that was asked for.
        version: i16,
    },
    /// A field needs more bytes than there are.
    Truncated {
        /// How many bytes the field needs.
        needed: usize,
        /// How many are left.
        remaining: usize,
    },
    /// A length is negative where it may not be, or larger than what is left of the frame.
    InvalidLength(i64),
    /// A field is null that may not be null in this version.
    UnexpectedNull,
    /// A string is not UTF-8.
    InvalidUtf8,
    /// A variable-length number is longer than its type.
    InvalidVarint,
    /// A tagged field occurs twice.
    DuplicateTag(u32),
    /// A tagged field is longer or shorter than the length in front of it.
    TagLength(u32),
    /// A presence byte in front of a struct is neither -1 nor 1.
    InvalidPresence(i8),
    /// The decoded message would need more than 64 times the memory of its frame.
    OverBudget,
    /// An internal record is followed by bytes that belong to nothing.
    TrailingBytes(usize),
    /// An internal record is of another type than the one asked for, or of a type that is not known.
    UnexpectedType(i16),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedVersion { message, version } => write!(f, "{message} has no version {version}"),
            Self::Truncated { needed, remaining } => {
                write!(f, "message is cut: {needed} bytes needed, {remaining} left")
            }
            Self::InvalidLength(length) => write!(f, "length {length} does not fit the message"),
            Self::UnexpectedNull => f.write_str("null in a field that cannot be null at this version"),
            Self::InvalidUtf8 => f.write_str("a string is not UTF-8"),
            Self::InvalidVarint => f.write_str("a variable-length number is longer than its type"),
            Self::DuplicateTag(tag) => write!(f, "tagged field {tag} occurs twice"),
            Self::TagLength(tag) => write!(f, "tagged field {tag} does not have the length it declares"),
            Self::InvalidPresence(byte) => write!(f, "presence byte {byte} is neither -1 nor 1"),
            Self::OverBudget => f.write_str("message would need more than 64 times its size in memory"),
            Self::TrailingBytes(bytes) => write!(f, "{bytes} bytes follow the end of the record"),
            Self::UnexpectedType(code) => write!(f, "record type {code} is not the expected one"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Why a message could not be encoded. Each is a mistake of the caller: it chose a version that cannot say what the
/// message says, or a value that the protocol has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The message exists, but not at this version.
    UnsupportedVersion {
        /// The message's name.
        message: &'static str,
        /// The version that was asked for.
        version: i16,
    },
    /// A field is set that this version does not have, and leaving it out would change the meaning.
    FieldNotInVersion(&'static str),
    /// A field is null that cannot be null at this version.
    UnexpectedNull(&'static str),
    /// A string, array or message is longer than its length field can say.
    TooLong(usize),
    /// `Records::External` stands where only bytes can.
    ExternalRecords,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedVersion { message, version } => write!(f, "{message} has no version {version}"),
            Self::FieldNotInVersion(field) => write!(f, "field {field} does not exist at this version"),
            Self::UnexpectedNull(field) => write!(f, "field {field} cannot be null at this version"),
            Self::TooLong(length) => write!(f, "length {length} is more than its field can say"),
            Self::ExternalRecords => f.write_str("external records cannot be written here"),
        }
    }
}

impl std::error::Error for EncodeError {}
