//! Every planted defect makes one of these tests fail, within a few seeds. The defects are disks that lie
//! (`testkit::sim_disk::lie`); `commitlog` has the table of those inside a log.

use testkit::seeded::{Seeded, catch};

const TOPICS: &str = "nothing_acknowledged_is_lost";
const CLIENTS: &str = "clients::transactions_offsets_and_producers_survive_every_crash";

/// What the checkers say of something that should be there.
const LOST: &[&str] = &[
    "is gone",
    "was shown before",
    "ends early",
    "not a checkpoint file",
    "acknowledged (",
    "was synced up to",
    "were acknowledged",
    "the record at offset",
    "plain is at",
    "its group's offset and its output",
    "does not check out",
    "is torn",
    "and is seen:",
    "was given twice",
    "came back",
    "has another id",
    "has retention",
    "partitions, not",
    "starts at",
    "cannot open",
    "the partition that was acknowledged",
];

const BUGS: [Seeded; 6] = [
    Seeded { bug: "no-sync", test: TOPICS, says: LOST },
    Seeded { bug: "sync-one-late", test: CLIENTS, says: LOST },
    Seeded { bug: "no-directory-sync", test: TOPICS, says: LOST },
    Seeded { bug: "journal-not-synced", test: CLIENTS, says: LOST },
    Seeded { bug: "journal-not-replayed", test: CLIENTS, says: LOST },
    Seeded { bug: "producer-snapshots-dropped", test: CLIENTS, says: &["does not check out"] },
];

/// More than any of them needs, by far.
const SEEDS: u64 = 40;

#[test]
fn every_planted_defect_is_noticed() {
    let missed: Vec<String> = BUGS.iter().filter_map(|bug| catch(*bug, SEEDS).err()).collect();
    assert!(missed.is_empty(), "{}", missed.join("\n\n"));
}
