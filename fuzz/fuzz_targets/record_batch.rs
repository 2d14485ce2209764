//! Any bytes as record batches: no panic, no memory beyond the bound, whatever the codec.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use record::{ReadLimits, Rules, TimestampMs, split, validate};

fuzz_target!(|data: &[u8]| {
    let limits = ReadLimits { decompressed_bytes_max: 1 << 20 };
    for batch in split(Bytes::copy_from_slice(data)).flatten() {
        let _ = batch.check_crc();
        let _ = record::control::parse_end_txn_marker(&batch);
        if let Ok(records) = batch.records(limits) {
            assert!(records.body().len() <= limits.decompressed_bytes_max);
            for record in &records {
                let Ok(record) = record else { break };
                let _ = record.headers.into_iter().count();
            }
        }
        let rules = Rules {
            key_required: false,
            now: TimestampMs(1_000_000),
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            log_append_time: false,
            limits,
        };
        if let Ok(facts) = validate(&batch, &rules) {
            assert!((0..batch.header.records_count).contains(&facts.max_timestamp_offset_delta));
        }
    }
});
