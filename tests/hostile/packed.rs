//! What unpacks to a thousand times its size: bombs that must be refused, and JSON that is valid.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use record::{BatchBuilder, BatchOptions, Compression, LeaderEpoch, Offset, TimestampMs};
use wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use wire::messages::produce_request::ProduceRequest;

use crate::attack::{Attacker, TOPIC};
use crate::raw::decode;
use crate::{pair, samples};

/// Builds what is sent.
pub fn prepare() {
    let _ = (bombs(), packed_batches());
}

/// One batch per codec that unpacks to more than a batch may.
fn bombs() -> &'static [Bytes] {
    static BOMBS: OnceLock<Vec<Bytes>> = OnceLock::new();
    BOMBS.get_or_init(|| {
        let value = vec![0; 65 << 20];
        let codecs = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
        let bomb = |compression| {
            let mut builder = BatchBuilder::new(BatchOptions { compression, ..BatchOptions::default() });
            builder.push(TimestampMs(1_700_000_000_000), None, Some(&value), []);
            builder.finish(Offset(0), LeaderEpoch(0))
        };
        codecs.into_iter().map(bomb).collect()
    })
}

/// Batches that unpack to a thousand times their size, in every codec.
pub fn decompression_bombs(attacker: &mut Attacker) {
    let frames: Vec<Bytes> =
        bombs().iter().map(|bomb| samples::sample(9, &pair::produce(TOPIC, bomb.clone())).frame).collect();
    // MESSAGE_TOO_LARGE.
    produce_all(attacker, 28, &frames, 10);
}

/// Sends the frames one after the other, on a connection of this host's; each must be answered so.
fn produce_all(attacker: &mut Attacker, host: u8, frames: &[Bytes], error_code: i16) {
    while attacker.goes_on() {
        let Some(mut raw) = attacker.open(host) else { continue };
        let _ = raw.0.set_read_timeout(Some(Duration::from_secs(30)));
        for frame in frames {
            if !attacker.goes_on() || raw.send(frame).is_err() {
                break;
            }
            let Ok(answer) = raw.answer() else { break };
            let response = decode::<ProduceRequest>(9, answer).expect("a response");
            assert_eq!(response.responses[0].partition_responses[0].error_code, error_code);
            attacker.did(1);
        }
    }
}

/// The topic that [`PACKED_QUERY`] reads.
pub const PACKED: &str = "packed";
/// What counts the records of [`packed_json`].
pub const PACKED_QUERY: &str = "CREATE STREAM packed (name TEXT) WITH (topic = 'packed', value_format = 'json'); \
    CREATE TABLE packed_count AS SELECT name, count(*) AS n FROM packed GROUP BY name EMIT CHANGES;";

/// JSON that unpacks to a thousand times its size and is valid all the same: one record of 48 MiB, and 300,000 small ones.
fn packed_batches() -> &'static [Bytes] {
    static BATCHES: OnceLock<Vec<Bytes>> = OnceLock::new();
    BATCHES.get_or_init(|| {
        let options = BatchOptions { compression: Compression::Zstd, ..BatchOptions::default() };
        let mut large = BatchBuilder::new(options);
        let value = format!("{{\"pad\":\"{}\",\"name\":\"a\"}}", "x".repeat(48 << 20));
        large.push(TimestampMs(1_700_000_000_000), None, Some(value.as_bytes()), []);
        let mut many = BatchBuilder::new(options);
        for at in 0..300_000 {
            many.push(
                TimestampMs(1_700_000_000_000 + at),
                None,
                Some(b"{\"name\":\"b\",\"pad\":[[],{},\"xxxx\"]}"),
                [],
            );
        }
        vec![large.finish(Offset(0), LeaderEpoch(0)), many.finish(Offset(0), LeaderEpoch(0))]
    })
}

/// Such batches, which a query of the server itself unpacks and reads.
pub fn packed_json(attacker: &mut Attacker) {
    let frames: Vec<Bytes> =
        packed_batches().iter().map(|batch| samples::sample(9, &pair::produce(PACKED, batch.clone())).frame).collect();
    produce_all(attacker, 81, &frames, 0);
}

/// Searches by time, each on a connection of its own, for which such a batch must be unpacked to its end.
pub fn searches_in_packed(attacker: &mut Attacker) {
    let batch = packed_batches()[1].clone();
    let Some(mut raw) = attacker.open(82) else { return };
    let _ = raw.0.set_read_timeout(Some(Duration::from_secs(30)));
    if raw.send(&samples::sample(9, &pair::produce(TOPIC, batch)).frame).is_ok() {
        let _ = raw.answer();
    }
    let wanted =
        ListOffsetsPartition { current_leader_epoch: -1, timestamp: 1_700_000_000_000 + 299_999, ..Default::default() };
    let search = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic { name: TOPIC.into(), partitions: vec![wanted] }],
        ..Default::default()
    };
    let frame = samples::sample(6, &search).frame;
    let mut waiting = VecDeque::new();
    while attacker.goes_on() {
        let Some(mut raw) = attacker.open(82) else { continue };
        let _ = raw.0.set_read_timeout(Some(Duration::from_millis(200)));
        let _ = raw.send(&frame);
        waiting.push_back(raw);
        if waiting.len() > 20 {
            let answered = waiting.pop_front().is_some_and(|mut raw| raw.answer().is_ok());
            attacker.did(u64::from(answered));
        }
    }
}
