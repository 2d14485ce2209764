//! Writes a log directory with every kind of file, for Kafka's own dump-log tool to look at:
//! `cargo run -p commitlog --example fill -- DIRECTORY`.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use commitlog::{AppendContext, AppendKind, Cleanup, LogConfig, LogSet, SetOptions};
use os::RealDisk;
use record::control::{ControlType, EndTxnMarker, end_txn_marker};
use record::{
    BatchBuilder, BatchOptions, Compression, LeaderEpoch, Offset, ProducerEpoch, ProducerId, ProducerIdentity,
    Sequence, TimestampMs,
};

/// A compacted log: three keys, tombstones among them.
fn compacted(set: &LogSet, start: TimestampMs) -> Result<(), Box<dyn Error>> {
    let config = LogConfig { segment_bytes_max: 20_000, cleanup: Cleanup::Compact, ..LogConfig::default() };
    let log = match set.get("compacted-0") {
        Some(log) => log,
        None => set.create("compacted-0", config.clone())?,
    };
    log.set_config(config);
    let context = AppendContext { kind: AppendKind::Client, leader_epoch: LeaderEpoch(0), now_ms: start };
    for i in 0..1000_usize {
        let compression = [Compression::None, Compression::Lz4][i % 2];
        let mut batch = BatchBuilder::new(BatchOptions { compression, ..BatchOptions::default() });
        for k in 0..3 {
            let value = (i % 7 > 0).then_some(&[b'v'; 40][..]);
            batch.push(TimestampMs(start.0 + i as i64), Some(format!("key-{}", (i + k) % 50).as_bytes()), value, []);
        }
        log.append(batch.finish(Offset(0), LeaderEpoch(0)), context)?;
    }
    set.sync().wait()?;
    let before = log.size_bytes();
    for _ in 0..20 {
        set.maintain(start)?;
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    println!("compacted: {before} bytes before, {} after", log.size_bytes());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("usage: fill DIRECTORY")?);
    let start = TimestampMs(1_700_000_000_000);
    let options = SetOptions::new(Arc::new(RealDisk), dir.join("log"), dir.join("state"));
    let (set, report) = LogSet::open(options, start)?;
    println!("opened: {report:?}");
    let config = LogConfig { segment_bytes_max: 200_000, ..LogConfig::default() };
    let log = match set.get("fill-0") {
        Some(log) => log,
        None => set.create("fill-0", config.clone())?,
    };
    log.set_config(config);
    let epoch = log.latest_epoch().map_or(0, |e| e.0 + 1);
    let context = |kind, now: i64| AppendContext { kind, leader_epoch: LeaderEpoch(epoch), now_ms: TimestampMs(now) };
    let codecs = [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    let known = log.producers();
    for i in 0..1000_i64 {
        let now = start.0 + log.log_end_offset().0 * 10;
        let id = i % 4;
        let last = known.iter().find(|p| p.producer_id.0 == id).map_or(-1, |p| p.last_sequence.0);
        let transactional = id >= 2;
        let producer = ProducerIdentity {
            id: ProducerId(id),
            epoch: ProducerEpoch(0),
            base_sequence: Sequence(last + 1 + (i / 4) as i32 * 3),
        };
        let options = BatchOptions {
            compression: codecs[(i % 5) as usize],
            producer: Some(producer),
            transactional,
            ..BatchOptions::default()
        };
        let mut batch = BatchBuilder::new(options);
        for k in 0..3 {
            // Every tenth batch is older than those before it.
            let at = if i % 10 == 0 { now - 500 } else { now + k };
            batch.push(
                TimestampMs(at),
                Some(format!("k{k}").as_bytes()),
                Some(&vec![b'v'; 50 + (i % 300) as usize]),
                [],
            );
        }
        log.append(batch.finish(Offset(0), LeaderEpoch(0)), context(AppendKind::Client, now))?;
        if transactional && i % 8 > 5 {
            let control_type = if i % 16 > 8 { ControlType::Abort } else { ControlType::Commit };
            let marker = EndTxnMarker { control_type, coordinator_epoch: 0 };
            let marker = end_txn_marker(ProducerId(id), ProducerEpoch(0), marker, TimestampMs(now));
            log.append(marker, context(AppendKind::Marker { promised: false }, now))?;
        }
    }
    compacted(&set, start)?;
    set.sync().wait()?;
    set.maintain(start)?;
    println!("{} bytes, offsets {} to {}", log.size_bytes(), log.log_start_offset(), log.log_end_offset());
    if std::env::args().nth(2).as_deref() != Some("crash") {
        set.close()?;
    }
    Ok(())
}
