//! Every planted defect makes one of the tests of this room fail, within a few seeds.
//!
//! What a defect looks like from below is a disk that lies (`testkit::sim_disk::lie`); the rest is in `crate::seeded`.

use testkit::seeded::{Seeded, catch};

const POWER: &str = "tests::power::nothing_acknowledged_or_shown_is_lost_when_the_power_goes";
const HELPERS: &str = "tests::damage::damaged_helpers_are_built_again";
const ABORTED: &str = "tests::damage::what_was_aborted_stays_unseen_whatever_its_index_says";
const TORN: &str = "tests::damage::a_torn_tail_is_cut_and_kept";

/// What the checkers say of something that should be there.
const LOST: &[&str] = &[
    "acknowledged up to",
    "shown up to",
    "was synced up to",
    "is not a checkpoint file",
    "are damaged",
    "do not fit",
    "does not check out",
    "were acknowledged",
    "the set: name number",
];

const BUGS: [Seeded; 24] = [
    Seeded { bug: "no-sync", test: POWER, says: LOST },
    Seeded { bug: "sync-one-late", test: POWER, says: LOST },
    Seeded { bug: "high-watermark-past-sync", test: POWER, says: &["shown up to"] },
    Seeded { bug: "recovered-tail-not-synced", test: POWER, says: LOST },
    Seeded { bug: "no-directory-sync", test: POWER, says: LOST },
    Seeded { bug: "log-directory-not-synced", test: POWER, says: LOST },
    Seeded { bug: "rename-before-sync", test: POWER, says: &["is not a checkpoint file"] },
    Seeded { bug: "segments-not-synced", test: POWER, says: LOST },
    Seeded { bug: "journal-not-synced", test: POWER, says: LOST },
    Seeded { bug: "journal-not-replayed", test: POWER, says: LOST },
    Seeded { bug: "journal-lap-not-checked", test: POWER, says: LOST },
    Seeded { bug: "checkpoint-before-data", test: POWER, says: LOST },
    Seeded { bug: "torn-tail-not-cut", test: TORN, says: &["what was cut is gone"] },
    Seeded {
        bug: "crc-not-checked",
        test: POWER,
        says: &["a right checksum", "nothing is there that was not appended"],
    },
    Seeded { bug: "index-trusted", test: HELPERS, says: &["left == right"] },
    Seeded { bug: "dedup-not-rebuilt", test: POWER, says: &["producers number", "the last stable offset"] },
    Seeded { bug: "producer-snapshots-dropped", test: POWER, says: &["does not check out"] },
    Seeded { bug: "producer-windows-dropped", test: POWER, says: &["a known batch"] },
    Seeded { bug: "aborted-index-dropped", test: POWER, says: &["aborted number", "does not check out"] },
    Seeded { bug: "aborted-index-trusted", test: ABORTED, says: &["left == right"] },
    Seeded { bug: "last-stable-offset-ignored", test: POWER, says: &["the last stable offset"] },
    Seeded { bug: "leader-epochs-dropped", test: POWER, says: &["is not an epoch file", "leader epoch"] },
    Seeded { bug: "log-starts-dropped", test: POWER, says: &["is not a checkpoint file"] },
    Seeded {
        bug: "failed-sync-ignored",
        test: "tests::behaviour::a_failed_sync_latches_and_a_restart_shows_what_is_on_the_disk",
        says: &["a failed sync was acknowledged"],
    },
];

/// More than any of them needs, by far.
const SEEDS: u64 = 60;

#[test]
fn every_planted_defect_is_noticed() {
    let missed: Vec<String> = BUGS.iter().filter_map(|bug| catch(*bug, SEEDS).err()).collect();
    assert!(missed.is_empty(), "{}", missed.join("\n\n"));
}
