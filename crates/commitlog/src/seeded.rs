//! Defects that this room's own tests plant in it, to see that somebody notices (`tests::seeded`). There are none in any
//! other build: [`has`] is then the constant `false`.
//!
//! Only what a disk that lies cannot look like is planted here (`testkit::sim_disk::lie`).

/// One defect, by its name in the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Recovery takes a batch for right without its checksum.
    CrcNotChecked,
    /// Recovery does not tell the producers of the batches that it reads.
    DedupNotRebuilt,
    /// A closed segment's index is believed whatever it says.
    IndexTrusted,
    /// The index of aborted transactions is believed whatever it says.
    AbortedIndexTrusted,
    /// `read_committed` ends at the high watermark.
    LastStableOffsetIgnored,
    /// The high watermark moves with the append.
    HighWatermarkPastSync,
    /// The recovery point is the end of the log, synced or not.
    CheckpointBeforeData,
    /// What recovery read from the cache is shown without a sync.
    RecoveredTailNotSynced,
    /// What stands in the journal behind its last frame is taken for more of it, though it is of an earlier lap.
    JournalLapNotChecked,
}

#[cfg(test)]
impl Bug {
    const ALL: [(&'static str, Bug); 9] = [
        ("crc-not-checked", Bug::CrcNotChecked),
        ("dedup-not-rebuilt", Bug::DedupNotRebuilt),
        ("index-trusted", Bug::IndexTrusted),
        ("aborted-index-trusted", Bug::AbortedIndexTrusted),
        ("last-stable-offset-ignored", Bug::LastStableOffsetIgnored),
        ("high-watermark-past-sync", Bug::HighWatermarkPastSync),
        ("checkpoint-before-data", Bug::CheckpointBeforeData),
        ("recovered-tail-not-synced", Bug::RecoveredTailNotSynced),
        ("journal-lap-not-checked", Bug::JournalLapNotChecked),
    ];
}

/// Whether this process has the defect.
#[cfg(test)]
pub(crate) fn has(bug: Bug) -> bool {
    static PLANTED: std::sync::OnceLock<Option<Bug>> = std::sync::OnceLock::new();
    let planted = PLANTED.get_or_init(|| {
        let name = std::env::var(testkit::seeded::SEEDED_BUG).ok()?;
        Bug::ALL.iter().find(|(known, _)| *known == name).map(|(_, bug)| *bug)
    });
    *planted == Some(bug)
}

/// It has none.
#[cfg(not(test))]
pub(crate) const fn has(_bug: Bug) -> bool {
    false
}
