//! Why the client could not do what it was asked, by what the caller can do about it.

use std::fmt;

use record::BatchError;
use wire::{ApiKey, DecodeError, EncodeError, ErrorCode};

/// A failed operation.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ClientError {
    /// The text is no `host:port`.
    InvalidAddress(String),
    /// No connection to a broker. Says which, and whether it is a bootstrap address or one that a broker advertises.
    Unreachable(Unreachable),
    /// Something answers at the address that does not speak Kafka's protocol, or not in the clear.
    NotKafka {
        /// Where.
        address: String,
        /// What it seems to be.
        hint: &'static str,
    },
    /// The connection ended.
    Disconnected {
        /// From whom.
        address: String,
        /// As the operating system or the broker's last frame puts it.
        reason: String,
    },
    /// The broker did not answer, or kept answering "not now", for as long as we wait.
    TimedOut {
        /// What was waited for.
        what: String,
        /// The last thing the broker said, if it said something.
        last: Option<ErrorCode>,
    },
    /// The broker does not offer the request at a version that we speak.
    Unsupported {
        /// The request.
        api: ApiKey,
        /// What the broker offers, if anything.
        offered: Option<(i16, i16)>,
        /// What we speak.
        spoken: (i16, i16),
    },
    /// The broker refused.
    Refused {
        /// What it was asked for, with the name of the thing: "topic orders", "group g".
        what: String,
        /// Its answer.
        error: ErrorCode,
        /// The broker's own words, where the protocol has room for them.
        message: Option<String>,
    },
    /// The broker's answer is not what its version says it should be.
    Malformed {
        /// The answer to which request.
        api: ApiKey,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The request cannot say at the broker's version what the caller wants.
    Inexpressible {
        /// The request.
        api: ApiKey,
        /// What it cannot say.
        error: EncodeError,
    },
    /// A batch in a partition is damaged, or in a format older than Kafka 0.11.
    BadBatch {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Where in it.
        offset: i64,
        /// What is wrong.
        error: BatchError,
    },
    /// The producer was closed, or a task of the client died.
    Closed,
}

/// A broker that cannot be reached.
#[derive(Debug, Clone)]
pub struct Unreachable {
    /// Where we tried.
    pub address: String,
    /// The operating system's reason.
    pub reason: String,
    /// If the address is one that a broker advertised: the node and the address where it told us so.
    pub advertised: Option<(i32, String)>,
}

impl ClientError {
    pub(crate) fn refused(what: impl Into<String>, error: ErrorCode, message: Option<&str>) -> Self {
        let message = message.filter(|message| !message.is_empty()).map(str::to_owned);
        Self::Refused { what: what.into(), error, message }
    }

    /// The broker's error code, if it refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { error, .. } => Some(*error),
            Self::TimedOut { last, .. } => *last,
            _ => None,
        }
    }

    /// Whether no broker could be reached or none answered in time.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TimedOut { .. } | Self::Disconnected { .. } | Self::NotKafka { .. })
    }

    /// Whether the thing asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self.code(),
            Some(
                ErrorCode::UnknownTopicOrPartition
                    | ErrorCode::UnknownTopicId
                    | ErrorCode::GroupIdNotFound
                    | ErrorCode::ResourceNotFound
            )
        )
    }

    /// Whether the broker wants other credentials.
    pub fn is_denied(&self) -> bool {
        matches!(
            self.code(),
            Some(
                ErrorCode::TopicAuthorizationFailed
                    | ErrorCode::GroupAuthorizationFailed
                    | ErrorCode::ClusterAuthorizationFailed
                    | ErrorCode::TransactionalIdAuthorizationFailed
                    | ErrorCode::SaslAuthenticationFailed
            )
        )
    }

    /// Whether the same request may succeed on a new connection or after the metadata is fresh.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        match self {
            Self::Disconnected { .. } | Self::Unreachable(_) => true,
            Self::Refused { error, .. } => error.is_retriable(),
            _ => false,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidAddress(text) => write!(f, "`{text}` is no broker address: expected host:port"),
            Self::Unreachable(unreachable) => unreachable.fmt(f),
            Self::NotKafka { address, hint } => write!(f, "{address} does not speak Kafka's protocol: {hint}"),
            Self::Disconnected { address, reason } => write!(f, "{address} ended the connection: {reason}"),
            Self::TimedOut { what, last: Some(error) } => write!(f, "gave up waiting for {what}; last answer {error}"),
            Self::TimedOut { what, last: None } => {
                write!(f, "gave up waiting for {what}: the broker accepts connections but does not answer in time")
            }
            Self::Unsupported { api, offered: None, .. } => {
                write!(f, "the broker does not offer {api}: it is too old for this, or has it switched off")
            }
            Self::Unsupported { api, offered: Some((from, to)), spoken } => write!(
                f,
                "the broker offers {api} in versions {from} to {to}, this program speaks {} to {}",
                spoken.0, spoken.1
            ),
            Self::Refused { what, error, message: Some(message) } => write!(f, "{what}: {message} ({})", error.name()),
            Self::Refused { what, error, message: None } => write!(f, "{what}: {} ({})", error.message(), error.name()),
            Self::Malformed { api, error } => write!(f, "the broker's answer to {api} is unreadable: {error}"),
            Self::Inexpressible { api, error } => {
                write!(f, "the broker's version of {api} cannot say what is asked for: {error}")
            }
            Self::BadBatch { topic, partition, offset, error } => {
                write!(f, "batch at offset {offset} of {topic}-{partition} is unreadable: {error}")
            }
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl std::error::Error for ClientError {}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, reason, advertised } = self;
        match advertised {
            None => write!(f, "cannot connect to {address}: {reason}; is a broker running there?"),
            Some((node, bootstrap)) => write!(
                f,
                "connected to {bootstrap}, but broker {node} there advertises {address}, which cannot be reached from \
                 here ({reason}); let the broker advertise an address that this machine can reach \
                 (`advertised.listeners`, or `--advertise` for Millstream), or make the name resolve here"
            ),
        }
    }
}
