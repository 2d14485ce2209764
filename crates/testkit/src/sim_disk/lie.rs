//! Disks that lie: what a defect of a program looks like from below.
//!
//! A program that forgets a sync cannot be told from a disk that does not do it. So most defects that lose data are planted
//! here, without a line in the program: [`SEEDED_BUG`] in the environment makes every simulated disk of the process lie in
//! one way, and a test that does not fail then is no proof ([`crate::seeded`]).

use std::path::Path;

/// The environment variable that names the defect.
pub const SEEDED_BUG: &str = "MILLSTREAM_SEEDED_BUG";

/// One defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Nothing is synced.
    NoSync,
    /// A sync is over before it is done: it is done when the next one comes.
    SyncOneLate,
    /// A sync that fails is taken for done.
    FailedSyncIgnored,
    /// No directory is synced.
    NoDirectorySync,
    /// The directory of logs is not synced: created and deleted logs.
    LogDirectoryNotSynced,
    /// A new file is renamed over the old one before its bytes are synced.
    RenameBeforeSync,
    /// Segments are not synced: the journal's space is given back too early.
    SegmentsNotSynced,
    /// The journal is not synced.
    JournalNotSynced,
    /// What the journal holds is not looked at.
    JournalNotReplayed,
    /// A torn tail stays behind the end.
    TornTailNotCut,
    /// The index of aborted transactions is not written.
    AbortedIndexDropped,
    /// The window of a producer's last five batches is not written.
    ProducerWindowsDropped,
    /// The leader epochs are not written.
    LeaderEpochsDropped,
    /// The producer snapshot is not written.
    ProducerSnapshotsDropped,
    /// The log starts are not written.
    LogStartsDropped,
}

impl Lie {
    /// All of them, by the names that the environment variable has for them.
    pub const ALL: [(&'static str, Lie); 15] = [
        ("no-sync", Lie::NoSync),
        ("sync-one-late", Lie::SyncOneLate),
        ("failed-sync-ignored", Lie::FailedSyncIgnored),
        ("no-directory-sync", Lie::NoDirectorySync),
        ("log-directory-not-synced", Lie::LogDirectoryNotSynced),
        ("rename-before-sync", Lie::RenameBeforeSync),
        ("segments-not-synced", Lie::SegmentsNotSynced),
        ("journal-not-synced", Lie::JournalNotSynced),
        ("journal-not-replayed", Lie::JournalNotReplayed),
        ("torn-tail-not-cut", Lie::TornTailNotCut),
        ("aborted-index-dropped", Lie::AbortedIndexDropped),
        ("producer-windows-dropped", Lie::ProducerWindowsDropped),
        ("leader-epochs-dropped", Lie::LeaderEpochsDropped),
        ("producer-snapshots-dropped", Lie::ProducerSnapshotsDropped),
        ("log-starts-dropped", Lie::LogStartsDropped),
    ];

    pub(super) fn of_this_process() -> Option<Self> {
        let name = std::env::var(SEEDED_BUG).ok()?;
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, lie)| *lie)
    }

    /// Whether a sync of this file does nothing.
    pub(super) fn leaves_bytes(self, path: &Path) -> bool {
        match self {
            Self::NoSync => true,
            Self::RenameBeforeSync => has_kind(path, "tmp"),
            Self::SegmentsNotSynced => has_kind(path, "log"),
            Self::JournalNotSynced => path.ends_with("state/journal"),
            _ => false,
        }
    }

    /// Whether a sync of this directory does nothing.
    pub(super) fn leaves_names(self, path: &Path) -> bool {
        match self {
            Self::NoDirectorySync => true,
            Self::LogDirectoryNotSynced => path.ends_with("data/log"),
            _ => false,
        }
    }

    /// Whether bytes written to this file never arrive.
    pub(super) fn drops_writes(self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match self {
            Self::AbortedIndexDropped => name.contains(".txnindex"),
            Self::ProducerWindowsDropped => path.components().any(|part| part.as_os_str() == "windows"),
            Self::LeaderEpochsDropped => name.starts_with("leader-epoch-checkpoint"),
            Self::ProducerSnapshotsDropped => name.contains(".snapshot"),
            Self::LogStartsDropped => name.starts_with("log-start-offset-checkpoint"),
            _ => false,
        }
    }

    /// Whether this file cannot be made shorter.
    pub(super) fn keeps_tails(self, path: &Path) -> bool {
        self == Self::TornTailNotCut && has_kind(path, "log")
    }

    /// Whether this file is empty whenever it is opened.
    pub(super) fn forgets(self, path: &Path) -> bool {
        self == Self::JournalNotReplayed && path.ends_with("state/journal")
    }
}

fn has_kind(path: &Path, kind: &str) -> bool {
    path.extension().is_some_and(|extension| extension == kind)
}
