//! Any bytes as record batches: no panic, no memory beyond the bound, whatever the codec.

use bytes::{Bytes, BytesMut};
use record::{Batch, ReadLimits, Rules, TimestampMs, split, validate};

const LIMITS: ReadLimits = ReadLimits { decompressed_bytes_max: 1 << 20 };

/// Reads `bytes` as batches, as they are and with their checksums made right: no mutation finds those.
pub fn run(bytes: &[u8]) {
    for batch in split(Bytes::copy_from_slice(bytes)).flatten() {
        read(&batch);
        let mut mended = BytesMut::from(&batch.bytes[..]);
        // Writes the checksum, too.
        record::set_max_timestamp(&mut mended, batch.header.max_timestamp);
        let mended = Batch::parse(&mended.freeze()).expect("only the checksum differs");
        mended.check_crc().expect("it was made right");
        read(&mended);
    }
}

fn read(batch: &Batch) {
    let _ = record::control::parse_end_txn_marker(batch);
    if let Ok(records) = batch.records(LIMITS) {
        assert!(records.body().len() <= LIMITS.decompressed_bytes_max);
        for record in &records {
            let Ok(record) = record else { break };
            let _ = record.headers.into_iter().count();
        }
    }
    for (key_required, log_append_time) in [(false, false), (true, true)] {
        let rules = Rules {
            key_required,
            now: TimestampMs(1_700_000_000_000),
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            log_append_time,
            limits: LIMITS,
        };
        if let Ok(facts) = validate(batch, &rules) {
            assert!((0..batch.header.records_count).contains(&facts.max_timestamp_offset_delta));
            let records = batch.records(LIMITS).expect("validated");
            let whole: Vec<_> = records.iter().map(|record| record.expect("validated")).collect();
            assert_eq!(i32::try_from(whole.len()), Ok(batch.header.records_count));
        }
    }
}
