//! Why something was refused. Variants are chosen by what the caller does next.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use record::{BatchError, Offset, ProducerEpoch, ProducerId, Sequence};

/// The disk failed. When it was a sync or a write that could not be taken back, the set is latched: nothing is
/// acknowledged any more, and only a new start, which reads the disk again, helps.
#[derive(Clone, Debug)]
pub struct StorageError {
    what: &'static str,
    path: PathBuf,
    source: Arc<io::Error>,
}

impl StorageError {
    pub(crate) fn new(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self { what, path: path.to_owned(), source: Arc::new(source) }
    }

    /// Whether there was no space for a write: the log is as it was, and works on. A sync that fails for want of space is
    /// not of this kind: nothing is known of its bytes.
    #[must_use]
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        self.what != "sync" && matches!(self.kind(), StorageFull | QuotaExceeded | FileTooLarge)
    }

    /// Whether the process, or the machine, had no file descriptor left to open the file with.
    #[must_use]
    pub fn is_out_of_files(&self) -> bool {
        os::is_out_of_files(&self.source)
    }

    /// Whether nothing was done that could not be done again: there was no space, or no descriptor. Nobody was promised
    /// anything; the log works on, and the same may succeed later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.is_full() || self.is_out_of_files()
    }

    /// The same of a write that was a sync too: unless nothing was written for want of space, nothing is known of its bytes.
    pub(crate) fn of_durable_write(self) -> Self {
        if self.may_pass() { self } else { Self { what: "sync", ..self } }
    }

    /// What the operating system said.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.what, self.path.display(), self.source)
    }
}

impl std::error::Error for StorageError {}

/// Why an append did not happen. The log is unchanged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AppendError {
    /// The batch breaks its producer's sequence, or is a duplicate older than the window of five.
    OutOfOrderSequence {
        /// Whose.
        producer_id: ProducerId,
        /// The last sequence that the log has of it; [`Sequence::NONE`] after an epoch bump.
        last: Sequence,
        /// What came.
        got: Sequence,
    },
    /// A newer incarnation of the producer has written here.
    InvalidProducerEpoch {
        /// Whose.
        producer_id: ProducerId,
        /// The newest epoch seen.
        current: ProducerEpoch,
        /// What came.
        got: ProducerEpoch,
    },
    /// A batch outside a transaction from a producer that has one open here.
    InvalidTxnState {
        /// Whose.
        producer_id: ProducerId,
    },
    /// A marker of a coordinator that has been replaced.
    CoordinatorFenced {
        /// The newest coordinator epoch seen.
        current: i32,
        /// What came.
        got: i32,
    },
    /// More bytes than a segment may have.
    TooLarge {
        /// What came.
        bytes: u64,
        /// `segment.bytes`.
        bytes_max: u64,
    },
    /// The bytes are not whole batches, or a control batch came where none may.
    Malformed(BatchError),
    /// A producer that no log knows, and there are as many as there may be. Retry later: idle ones are forgotten.
    TooManyProducers {
        /// Whose.
        producer_id: ProducerId,
        /// How many there may be.
        producers_max: usize,
    },
    /// No space, or no file descriptor: what was written was cut back, the log works on. Retry a little later.
    NotNow(StorageError),
    /// The log is deleted.
    Deleted,
    /// The set is closing.
    Closed,
    /// The disk failed; the set is latched.
    Storage(StorageError),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfOrderSequence { producer_id, last, got } => {
                write!(f, "producer {producer_id} sent sequence {got} after {last}")
            }
            Self::InvalidProducerEpoch { producer_id, current, got } => {
                write!(f, "producer {producer_id} has epoch {current}, a batch of epoch {got} is too old")
            }
            Self::InvalidTxnState { producer_id } => {
                write!(f, "producer {producer_id} has a transaction open here, a batch outside it is refused")
            }
            Self::CoordinatorFenced { current, got } => {
                write!(f, "a marker of coordinator epoch {got} came after one of epoch {current}")
            }
            Self::TooLarge { bytes, bytes_max } => {
                write!(f, "{bytes} bytes of batches are more than a segment of {bytes_max} bytes holds")
            }
            Self::TooManyProducers { producer_id, producers_max } => {
                write!(
                    f,
                    "producer {producer_id} is new, and there are {producers_max} with sequences to remember; idle ones are \
                     forgotten (producer.id.expiration.ms)"
                )
            }
            Self::Malformed(e) => e.fmt(f),
            Self::NotNow(e) => write!(f, "nothing was appended: {e}"),
            Self::Deleted => f.write_str("the log is deleted"),
            Self::Closed => f.write_str("the log is closing"),
            Self::Storage(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for AppendError {}

/// Why a read gives no records.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The offset lies below the log start or above the end.
    OffsetOutOfRange {
        /// What was asked.
        offset: Offset,
        /// Where the log begins.
        log_start: Offset,
        /// Where it ends for any reader.
        log_end: Offset,
    },
    /// The bytes at this offset are damaged. Nothing was deleted; what lies behind is readable.
    Corrupt {
        /// The segment's file.
        file: PathBuf,
        /// Where the bad bytes begin in it.
        position: u64,
        /// The first offset that cannot be read.
        first: Offset,
        /// The first offset behind them.
        next: Offset,
    },
    /// The log is deleted.
    Deleted,
    /// The disk failed to give the bytes.
    Storage(StorageError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OffsetOutOfRange { offset, log_start, log_end } => {
                write!(f, "offset {offset} is outside the log, which has {log_start} to {log_end}")
            }
            Self::Corrupt { file, position, first, next } => {
                let file = file.display();
                write!(
                    f,
                    "{file} is damaged at byte {position}, offset {first}; records can be read again from offset {next}"
                )
            }
            Self::Deleted => f.write_str("the log is deleted"),
            Self::Storage(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<StorageError> for ReadError {
    fn from(e: StorageError) -> Self {
        Self::Storage(e)
    }
}

/// Why records were not deleted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DeleteRecordsError {
    /// The offset lies above the high watermark or below 0.
    OffsetOutOfRange {
        /// What was asked.
        offset: Offset,
        /// The largest that may be asked.
        high_watermark: Offset,
    },
    /// The log is deleted.
    Deleted,
}

impl fmt::Display for DeleteRecordsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OffsetOutOfRange { offset, high_watermark } => {
                write!(f, "cannot delete records before {offset}: the high watermark is {high_watermark}")
            }
            Self::Deleted => f.write_str("the log is deleted"),
        }
    }
}

impl std::error::Error for DeleteRecordsError {}

/// Why a log could not be created.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CreateError {
    /// There is one of this name.
    Exists(String),
    /// Not a name that a log can have: `<text>-<number>`.
    BadName(String),
    /// The disk failed.
    Storage(StorageError),
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(name) => write!(f, "log {name} exists"),
            Self::BadName(name) => {
                write!(f, "{name:?} cannot name a log: expected letters, digits, '.', '_', '-' and a partition number")
            }
            Self::Storage(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for CreateError {}

impl From<StorageError> for CreateError {
    fn from(e: StorageError) -> Self {
        Self::Storage(e)
    }
}

/// Why the set could not be opened. Nothing that was readable before was removed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The disk failed.
    Storage(StorageError),
    /// A file is of a version that this program does not know.
    UnknownVersion {
        /// Which.
        path: PathBuf,
        /// What it says.
        version: String,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(e) => e.fmt(f),
            Self::UnknownVersion { path, version } => {
                write!(
                    f,
                    "{} is of version {version}, which this program does not know: use a newer one",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for OpenError {}

impl From<StorageError> for OpenError {
    fn from(e: StorageError) -> Self {
        Self::Storage(e)
    }
}
