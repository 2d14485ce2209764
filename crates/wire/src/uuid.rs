//! [`Uuid`]: topic and directory ids, in Kafka's own text form.

use std::fmt;
use std::str::FromStr;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A 128-bit id. Its text is URL-safe base64 without padding: 22 characters.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// "No id".
    pub const ZERO: Self = Self([0; 16]);
    /// The id of the `__cluster_metadata` topic.
    pub const METADATA_TOPIC: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// Whether this is "no id".
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// A version 4 id from 16 random bytes.
    #[must_use]
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 128 bits and four zero bits: 22 digits of six.
        let bits = u128::from_be_bytes(self.0);
        let mut text = [0u8; 22];
        for (index, digit) in text.iter_mut().enumerate() {
            let six = if index == 21 { bits << 4 } else { bits >> (122 - 6 * index) };
            *digit = ALPHABET[six as usize & 0x3f];
        }
        f.pad(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is no id: not 22 characters of URL-safe base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidUuid;

impl fmt::Display for InvalidUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id: expected 22 characters of URL-safe base64")
    }
}

impl std::error::Error for InvalidUuid {}

impl FromStr for Uuid {
    type Err = InvalidUuid;

    fn from_str(text: &str) -> Result<Self, InvalidUuid> {
        let text = text.strip_suffix("==").unwrap_or(text).as_bytes();
        if text.len() != 22 {
            return Err(InvalidUuid);
        }
        let mut bits = 0u128;
        for (index, digit) in text.iter().enumerate() {
            let six = ALPHABET.iter().position(|known| known == digit).ok_or(InvalidUuid)? as u128;
            if index < 21 {
                bits = bits << 6 | six;
            } else if six & 0x0f == 0 {
                bits = bits << 2 | six >> 4;
            } else {
                return Err(InvalidUuid);
            }
        }
        Ok(Self(bits.to_be_bytes()))
    }
}
