//! Batches built by us, read back by us, and bent by chance. What Kafka's own client writes is checked in `tests/`.

use bytes::Bytes;
use proptest::prelude::*;

use crate::control::{ControlType, EndTxnMarker, end_txn_marker, parse_end_txn_marker};
use crate::*;

type Fields = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Option<Vec<u8>>)>);

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

fn rules() -> Rules {
    Rules {
        key_required: false,
        now: TimestampMs(1_000_000),
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        log_append_time: false,
        limits: ReadLimits::default(),
    }
}

fn build(options: BatchOptions, records: &[Fields]) -> Bytes {
    let mut builder = BatchBuilder::new(options);
    for (timestamp, key, value, headers) in records {
        let headers = headers.iter().map(|(k, v)| (&k[..], v.as_deref()));
        builder.push(TimestampMs(*timestamp), key.as_deref(), value.as_deref(), headers);
    }
    builder.finish(Offset(0), LeaderEpoch(0))
}

fn read(batch: &Batch) -> Result<Vec<Fields>, BatchError> {
    let records = batch.records(ReadLimits::default())?;
    let fields = records.iter().map(|record| {
        let r = record?;
        let headers = r.headers.map(|h| (h.key.to_vec(), h.value.map(<[u8]>::to_vec))).collect();
        Ok((r.timestamp.0, r.key.map(<[u8]>::to_vec), r.value.map(<[u8]>::to_vec), headers))
    });
    fields.collect()
}

fn bytes_strategy() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::of(proptest::collection::vec(any::<u8>(), 0..80))
}

fn record_strategy() -> impl Strategy<Value = Fields> {
    let header = (proptest::collection::vec(any::<u8>(), 0..8), bytes_strategy());
    (0..2_000_000_i64, bytes_strategy(), bytes_strategy(), proptest::collection::vec(header, 0..4))
}

proptest! {
    #[test]
    fn what_is_built_is_read(records in proptest::collection::vec(record_strategy(), 1..40), codec in 0..5_usize) {
        let options = BatchOptions { compression: CODECS[codec], ..BatchOptions::default() };
        let bytes = build(options, &records);
        let batch = Batch::parse(&bytes).unwrap();
        prop_assert_eq!(batch.bytes.len(), bytes.len());
        let facts = validate(&batch, &rules()).unwrap();
        prop_assert_eq!(facts.max_timestamp, batch.header.max_timestamp);
        prop_assert_eq!(read(&batch).unwrap(), records);
    }

    /// A flipped byte is refused by the checksum; with the checksum made right again, it never panics.
    #[test]
    fn a_bent_batch_never_panics(
        records in proptest::collection::vec(record_strategy(), 1..12),
        codec in 0..5_usize,
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
    ) {
        let options = BatchOptions { compression: CODECS[codec], ..BatchOptions::default() };
        let mut bytes = build(options, &records).to_vec();
        let at = at.index(bytes.len());
        let before = std::mem::replace(&mut bytes[at], to);
        let bent = Bytes::from(bytes.clone());
        if let Ok(batch) = Batch::parse(&bent) {
            if at >= 17 && to != before {
                prop_assert!(batch.check_crc().is_err());
            }
            let _ = read(&batch);
        }
        set_max_timestamp(&mut bytes, TimestampMs(5));
        if let Ok(batch) = Batch::parse(&Bytes::from(bytes)) {
            let _ = validate(&batch, &rules());
            let _ = parse_end_txn_marker(&batch);
        }
    }

    #[test]
    fn varints_round_trip(small in any::<i32>(), large in any::<i64>()) {
        let mut out = Vec::new();
        varint::write_i32(&mut out, small);
        varint::write_i64(&mut out, large);
        let mut rest = &out[..];
        prop_assert_eq!(varint::read_i32(&mut rest), Some(small));
        prop_assert_eq!(rest.len(), varint::len_i64(large));
        prop_assert_eq!(varint::read_i64(&mut rest), Some(large));
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for batch in split(Bytes::from(bytes)).flatten() {
            let _ = read(&batch);
        }
    }
}

fn check_refused(what: &str, bend: impl FnOnce(&mut Vec<u8>), kind: InvalidKind) {
    let records: Vec<Fields> = vec![(1, None, Some(b"a".to_vec()), vec![]), (2, None, Some(b"b".to_vec()), vec![])];
    let mut bytes = build(BatchOptions::default(), &records).to_vec();
    bend(&mut bytes);
    let max = i64::from_be_bytes(bytes[35..43].try_into().unwrap());
    set_max_timestamp(&mut bytes, TimestampMs(max));
    let outcome = Batch::parse(&Bytes::from(bytes)).map_err(InvalidBatch::from).and_then(|b| validate(&b, &rules()));
    assert_eq!(outcome.as_ref().map_err(|e| e.kind), Err(kind), "{what}: {outcome:?}");
}

#[test]
fn lying_headers_are_refused() {
    let count = |n: i32| move |b: &mut Vec<u8>| b[57..61].copy_from_slice(&n.to_be_bytes());
    let delta = |n: i32| move |b: &mut Vec<u8>| b[23..27].copy_from_slice(&n.to_be_bytes());
    check_refused("count 0", count(0), InvalidKind::Record);
    check_refused("count 1 of 2", count(1), InvalidKind::Record);
    check_refused("count 2³¹−1", count(i32::MAX), InvalidKind::Record);
    check_refused("negative count", count(-1), InvalidKind::Record);
    check_refused("delta 0", delta(0), InvalidKind::Record);
    check_refused("delta 2³¹−1", delta(i32::MAX), InvalidKind::Record);
    check_refused("negative delta", delta(-7), InvalidKind::Record);
    let both = |b: &mut Vec<u8>| {
        count(3)(b);
        delta(2)(b);
    };
    check_refused("three promised, two there", both, InvalidKind::Record);
    let fewer = |b: &mut Vec<u8>| {
        count(1)(b);
        delta(0)(b);
    };
    check_refused("one promised, two there", fewer, InvalidKind::Record);
    check_refused("control bit", |b| b[22] |= 0x20, InvalidKind::Record);
    check_refused("transactional without producer", |b| b[22] |= 0x10, InvalidKind::Record);
    check_refused("delete horizon", |b| b[22] |= 0x40, InvalidKind::Record);
    check_refused("log append time", |b| b[22] |= 0x08, InvalidKind::Timestamp);
    check_refused("codec 7", |b| b[22] |= 0x07, InvalidKind::Record);
    check_refused(
        "producer without sequence",
        |b| b[43..51].copy_from_slice(&7_i64.to_be_bytes()),
        InvalidKind::Record,
    );
    check_refused("magic 1", |b| b[16] = 1, InvalidKind::Format);
    check_refused("offsets overflow", |b| b[0..8].copy_from_slice(&i64::MAX.to_be_bytes()), InvalidKind::Record);
}

#[test]
fn timestamps_and_keys_follow_the_topic() {
    let at = |timestamp| build(BatchOptions::default(), &[(timestamp, None, None, vec![])]);
    let check = |bytes: Bytes, rules: Rules, kind: Result<(), InvalidKind>| {
        let batch = Batch::parse(&bytes).unwrap();
        assert_eq!(validate(&batch, &rules).map(|_| ()).map_err(|e| e.kind), kind);
    };
    check(at(4_600_000), rules(), Ok(()));
    check(at(4_600_001), rules(), Err(InvalidKind::Timestamp));
    check(at(i64::MAX), rules(), Err(InvalidKind::Timestamp));
    check(at(-2), rules(), Err(InvalidKind::Timestamp));
    check(at(i64::MAX), Rules { log_append_time: true, ..rules() }, Ok(()));
    check(at(0), Rules { timestamp_before_max_ms: 999_999, ..rules() }, Err(InvalidKind::Timestamp));
    check(at(0), Rules { key_required: true, ..rules() }, Err(InvalidKind::Record));
}

#[test]
fn a_bomb_is_refused_within_its_bound() {
    let zeros = vec![0_u8; 8 << 20];
    for codec in CODECS {
        let options = BatchOptions { compression: codec, ..BatchOptions::default() };
        let bytes = build(options, &[(0, None, Some(zeros.clone()), vec![])]);
        let batch = Batch::parse(&bytes).unwrap();
        let read = batch.records(ReadLimits { decompressed_bytes_max: 1 << 20 });
        match codec {
            Compression::None => assert!(read.is_ok()),
            _ => assert!(matches!(read, Err(BatchError::Compression(CompressionError::TooLarge { .. }))), "{codec:?}"),
        }
    }
}

#[test]
fn what_is_unpacked_in_turns_is_whole() {
    for codec in CODECS {
        for len in [(128 << 10) - 1, 128 << 10, (128 << 10) + 1, 256 << 10, 1 << 20] {
            let body: Vec<u8> = (0..len).map(|at: usize| (at / 7) as u8).collect();
            let mut packed = Vec::new();
            codec.compress(&body, &mut packed);
            let packed = Bytes::from(packed);
            assert!(codec.decompress(&packed, len).unwrap() == body, "{codec:?}, {len}");
            if codec != Compression::None {
                let too_large = Err(CompressionError::TooLarge { bytes_max: len - 1 });
                assert_eq!(codec.decompress(&packed, len - 1).map(|out| out.len()), too_large, "{codec:?}, {len}");
                let cut = packed.slice(..packed.len() / 2);
                assert_ne!(codec.decompress(&cut, len).map(|out| out.len()), Ok(len), "{codec:?}, {len}");
            }
        }
    }
}

#[test]
fn raw_snappy_is_read_too() {
    let raw = snap::raw::Encoder::new().compress_vec(b"hello hello hello").unwrap();
    let out = Compression::Snappy.decompress(&Bytes::from(raw), 100).unwrap();
    assert_eq!(&out[..], b"hello hello hello");
}

#[test]
fn markers_round_trip() {
    for control_type in [ControlType::Abort, ControlType::Commit] {
        let marker = EndTxnMarker { control_type, coordinator_epoch: 7 };
        let bytes = end_txn_marker(ProducerId(9), ProducerEpoch(3), marker, TimestampMs(55));
        let batch = Batch::parse(&bytes).unwrap();
        batch.check_crc().unwrap();
        assert!(batch.header.is_control() && batch.header.is_transactional());
        assert_eq!((batch.header.producer_id, batch.header.base_sequence), (ProducerId(9), Sequence::NONE));
        assert_eq!(parse_end_txn_marker(&batch).unwrap(), Some(marker));
    }
}

#[test]
fn placing_a_batch_leaves_its_checksum_right() {
    let mut bytes = build(BatchOptions::default(), &[(5, None, None, vec![]), (9, None, None, vec![])]).to_vec();
    assign(&mut bytes, Offset(41), LeaderEpoch(3));
    let batch = Batch::parse(&Bytes::from(bytes.clone())).unwrap();
    batch.check_crc().unwrap();
    assert_eq!((batch.header.base_offset, batch.header.last_offset()), (Offset(41), Offset(42)));
    set_log_append_time(&mut bytes, TimestampMs(77));
    let batch = Batch::parse(&Bytes::from(bytes)).unwrap();
    batch.check_crc().unwrap();
    let records = batch.records(ReadLimits::default()).unwrap();
    let timestamps: Vec<_> = records.iter().map(|r| r.unwrap().timestamp.0).collect();
    assert_eq!(timestamps, [77, 77]);
}

#[test]
fn sequences_wrap_to_zero() {
    assert_eq!(Sequence(i32::MAX).plus(1), Sequence(0));
    assert_eq!(Sequence(i32::MAX - 1).plus(3), Sequence(1));
}
