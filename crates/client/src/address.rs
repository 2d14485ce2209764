//! `host:port`, with the brackets of IPv6 and Kafka's default port.

use crate::ClientError;

/// Where a broker is said to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// Reads `host:port`, `[::1]:port`, or a host alone, which means port 9092.
    pub(crate) fn parse(text: &str) -> Result<Self, ClientError> {
        let bad = || ClientError::InvalidAddress(text.to_owned());
        let text = text.trim();
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, "9092"),
            Some((host, rest)) => (host, rest.strip_prefix(':').ok_or_else(bad)?),
            None if text.matches(':').count() > 1 => (text, "9092"),
            None => text.split_once(':').unwrap_or((text, "9092")),
        };
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?;
        if host.is_empty() || host.contains(['/', ' ', '@']) {
            return Err(bad());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}
