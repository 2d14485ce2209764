//! How long a start takes after `kill -9` with much in the log, warm and with cold caches.
//!
//! `MILLSTREAM_FILL_MB` says how much (16). The figures are printed, not judged: see `docs/durability.md`.

use tests::program::test_dir;

use crate::produce::{self, Batch, PRODUCE};
use crate::server::{Server, Started};
use crate::session::{Link, Trouble, accepted};
use crate::world::PLAIN;
use crate::{chain, number};

const RECORDS_PER_BATCH: usize = 100;
const RECORD_BYTES: usize = 5_000;
/// As Apache Kafka's default.
const SEGMENT_BYTES: usize = 1 << 30;

#[test]
fn ready_after_a_kill_with_a_full_log() {
    let megabytes = number("MILLSTREAM_FILL_MB", 16) as usize;
    let dir = test_dir("full");
    let mut server = Server::new(dir.clone(), &["up"]);
    server.start();
    chain::create_topics(&server, SEGMENT_BYTES);
    let batches = (megabytes << 20) / (RECORDS_PER_BATCH * RECORD_BYTES);
    let mut end = 0;
    append(&server, batches, &mut end).expect("records are written");
    for cold in [false, true] {
        server.kill();
        // Who may not do so starts with warm caches again.
        let cold = cold && std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok();
        let Started { answered, ready } = server.start();
        println!("{megabytes} MB, caches dropped: {cold}; first answer after {answered:?}, ready after {ready:?}");
        append(&server, 1, &mut end).expect("a record goes where the acknowledged ones end");
    }
    server.stop();
    let _ = std::fs::remove_dir_all(dir);
}

/// Appends batches and checks that each lands where the one before ended.
fn append(server: &Server, batches: usize, end: &mut i64) -> Result<(), Trouble> {
    let mut link = Link::new(&server.address);
    let producer = produce::init(&mut link, None)?;
    let records = vec!["·".repeat(RECORD_BYTES / 2); RECORDS_PER_BATCH];
    for turn in 0..batches {
        let bytes = produce::batch(producer, false, (turn * RECORDS_PER_BATCH) as i32, &records);
        let batch = Batch { topic: PLAIN.name, partition: 0, bytes, sends: Vec::new() };
        let (code, base_offset) = produce::outcome(&link.call(PRODUCE, &produce::request(None, &batch))?);
        accepted(code)?;
        assert_eq!(base_offset, *end);
        *end += RECORDS_PER_BATCH as i64;
    }
    Ok(())
}
