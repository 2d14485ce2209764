//! [`ApiKey`]: the number of each request, and the facts that go with it.

#[allow(missing_docs)]
mod table;

use std::fmt;
use std::ops::RangeInclusive;

pub use table::ApiKey;

/// What the specification says of a request as a whole.
struct Facts {
    name: &'static str,
    versions: RangeInclusive<i16>,
    latest_unstable: bool,
    broker: bool,
    request_flexible_from: i16,
    response_flexible_from: i16,
}

impl ApiKey {
    /// The number in the request header.
    pub fn code(self) -> i16 {
        self as i16
    }

    /// The specification's name, without `Request`.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The versions that the specification has. The last one may be [unstable](ApiKey::is_latest_unstable).
    pub fn versions(self) -> RangeInclusive<i16> {
        self.facts().versions
    }

    /// Whether Kafka keeps the last version to itself because it is not settled.
    pub fn is_latest_unstable(self) -> bool {
        self.facts().latest_unstable
    }

    /// Whether brokers answer it to clients (and not only controllers to one another).
    pub fn is_broker_api(self) -> bool {
        self.facts().broker
    }

    /// The version of the header in front of the request at `version`, also when `version` is newer than ours.
    pub fn request_header_version(self, version: i16) -> i16 {
        if version >= self.facts().request_flexible_from { 2 } else { 1 }
    }

    /// The version of the header in front of the response at `version`.
    pub fn response_header_version(self, version: i16) -> i16 {
        // A client that asks for the versions knows none yet: it must be able to read the answer of any broker.
        if self != Self::ApiVersions && version >= self.facts().response_flexible_from { 1 } else { 0 }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A number that belongs to no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownApiKey(pub i16);

impl fmt::Display for UnknownApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no request number {}", self.0)
    }
}

impl std::error::Error for UnknownApiKey {}

impl TryFrom<i16> for ApiKey {
    type Error = UnknownApiKey;

    fn try_from(code: i16) -> Result<Self, UnknownApiKey> {
        match Self::ALL.binary_search_by_key(&code, |key| key.code()) {
            Ok(index) => Ok(Self::ALL[index]),
            Err(_) => Err(UnknownApiKey(code)),
        }
    }
}
