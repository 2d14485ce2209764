//! Tests of the room, as data: each through one `check`, on the simulated disk where power matters.

mod behaviour;
mod compaction;
mod damage;
mod full;
mod power;
mod rounds;
mod seeded;

use std::sync::Arc;

use bytes::Bytes;
use os::Disk;
use record::{
    BatchBuilder, BatchOptions, LeaderEpoch, Offset, ProducerEpoch, ProducerId, ProducerIdentity, Sequence, TimestampMs,
};

use crate::{
    AppendContext, AppendKind, Isolation, Log, LogConfig, LogSet, ReadError, ReadRequest, RecoveryReport, SetOptions,
};

const NOW: TimestampMs = TimestampMs(1_700_000_000_000);

fn options(disk: Arc<dyn Disk>) -> SetOptions {
    // So few that in every test closed segments are closed and opened again.
    SetOptions { open_files_max: 3, ..SetOptions::new(disk, "/data/log".into(), "/data/state".into()) }
}

fn open(disk: &Arc<dyn Disk>) -> (Arc<LogSet>, RecoveryReport) {
    LogSet::open(options(Arc::clone(disk)), NOW).expect("the set opens")
}

/// Waits until something is so: what has no ticket.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed().as_secs() < 60, "{what}: never");
        std::thread::yield_now();
    }
}

/// A batch of these values, one millisecond apart from `at_ms` on.
fn batch(values: &[&str], at_ms: i64) -> Bytes {
    build(BatchOptions::default(), values, at_ms)
}

/// A batch of an idempotent or transactional producer.
fn batch_of(id: i64, epoch: i16, sequence: i32, transactional: bool, values: &[&str]) -> Bytes {
    let producer =
        ProducerIdentity { id: ProducerId(id), epoch: ProducerEpoch(epoch), base_sequence: Sequence(sequence) };
    build(BatchOptions { producer: Some(producer), transactional, ..BatchOptions::default() }, values, NOW.0)
}

fn build(options: BatchOptions, values: &[&str], at_ms: i64) -> Bytes {
    let mut builder = BatchBuilder::new(options);
    for (i, value) in values.iter().enumerate() {
        builder.push(TimestampMs(at_ms + i as i64), None, Some(value.as_bytes()), []);
    }
    builder.finish(Offset(0), LeaderEpoch(0))
}

fn context(kind: AppendKind) -> AppendContext {
    AppendContext { kind, leader_epoch: LeaderEpoch(0), now_ms: NOW }
}

const CLIENT: AppendContext = AppendContext { kind: AppendKind::Client, leader_epoch: LeaderEpoch(0), now_ms: NOW };

/// All records from `from` on, as `offset:value`, damage left out as `first..next damaged`.
fn contents(log: &Log, mut from: i64, isolation: Isolation) -> Vec<String> {
    let mut out = Vec::new();
    loop {
        let request = ReadRequest { from: Offset(from), bytes_max: 1 << 20, at_least_one: true, isolation };
        let result = match log.read(request) {
            Ok(result) => result,
            Err(ReadError::Corrupt { first, next, .. }) => {
                out.push(format!("{first}..{next} damaged"));
                from = next.0;
                continue;
            }
            Err(e) => panic!("{e}"),
        };
        if result.chunks.is_empty() {
            return out;
        }
        for chunk in result.chunks {
            for batch in record::split(chunk.read().expect("the chunk is there")) {
                let batch = batch.expect("whole batches");
                batch.check_crc().expect("a right checksum");
                for record in &batch.records(Default::default()).expect("records") {
                    let record = record.expect("a record");
                    if record.offset.0 >= from && !batch.header.is_control() {
                        out.push(format!(
                            "{}:{}",
                            record.offset,
                            String::from_utf8_lossy(record.value.unwrap_or(b"-"))
                        ));
                    }
                }
                from = batch.header.next_offset().0;
            }
        }
    }
}

fn small_segments() -> LogConfig {
    LogConfig { segment_bytes_max: 400, index_interval_bytes: 100, ..LogConfig::default() }
}
