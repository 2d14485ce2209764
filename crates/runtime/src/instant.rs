//! An instant in JSON.

use serde::{Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z; its JSON is Java's `Instant.toString` (`2022-06-09T00:00:05Z`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstantMs(pub i64);

impl InstantMs {
    /// The text.
    #[must_use]
    pub fn text(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) if self.0 % 1000 == 0 => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            Ok(at) => at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            Err(_) => self.0.to_string(),
        }
    }
}

impl std::str::FromStr for InstantMs {
    type Err = String;

    /// From RFC 3339 with any offset, or from integer epoch milliseconds.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ms) = text.parse() {
            return Ok(Self(ms));
        }
        let at: jiff::Timestamp = text.parse().map_err(|_| {
            format!("`{text}` is not an instant; write 2022-06-09T00:00:05Z, or milliseconds since 1970")
        })?;
        Ok(Self(at.as_millisecond()))
    }
}

impl Serialize for InstantMs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}
