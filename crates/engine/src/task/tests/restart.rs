//! A task that is stopped at a commit and built again from changelog, offsets and times goes on as if nothing happened.

use super::*;
use crate::plan::{Emit, Tumble};
use crate::task::OffsetMetadata;

#[test]
fn goes_on_as_if_nothing_happened() {
    let input = "a@1=5 b@12=7 a@9=1 a@25=2 b@3=9 a@26=- b@21=4 a@41=3 b@22=2 a@30=6";
    for emit in [Emit::Changes, Emit::Final] {
        for window in [None, Some(Tumble::with_grace(10, 10))] {
            if window.is_none() && emit == Emit::Final {
                continue;
            }
            let query = Query { emit, calls: vec!["count", "sum", "max", "avg"], ..Query::counts(window) };
            let all = records(input);
            for cache_max_bytes in [0, 1 << 20] {
                let whole = run(&query, cache_max_bytes, &all, &[]);
                for cut in 1..all.len() {
                    assert_eq!(run(&query, cache_max_bytes, &all, &[cut]), whole, "{query:?} restarted at {cut}");
                }
                assert_eq!(run(&query, cache_max_bytes, &all, &[2, 5, 6]), whole);
            }
        }
    }
}

/// Commits after every record, restarts before the given ones.
fn run(query: &Query, cache_max_bytes: usize, records: &[Record], restarts: &[usize]) -> Vec<String> {
    let mut task = query.task(1, cache_max_bytes, 1);
    let mut changelog = KeptChangelog::default();
    let mut committed = Vec::new();
    let mut out = Vec::new();
    for (i, record) in records.iter().enumerate() {
        if restarts.contains(&i) {
            task = query.task(1, cache_max_bytes, 1);
            changelog.restore(&mut task, 0);
            for position in &committed {
                let crate::task::SourcePosition { node, partition, offset, metadata, .. } = position;
                task.restore_position(*node, *partition, *offset, metadata);
            }
            assert_eq!(task.next_offset(0, 0), Some(i as i64));
            assert!(task.commit_point().is_empty(), "nothing has changed yet");
        }
        task.push(batch(0, std::slice::from_ref(record), i as i64 + 1, true));
        let mut effects = task.superstep(&context());
        effects.append(task.flush(&context()));
        out.extend(rows(&effects));
        changelog.append(&effects.changelog);
        let point = task.commit_point();
        assert!(!point.is_empty());
        committed.clone_from(&point);
        task.committed(point);
        assert!(task.is_clean());
    }
    out
}

#[test]
fn a_single_count_is_a_bare_long_in_kafka_streams_layout() {
    let query = Query::counts(Some(Tumble::with_grace(5000, 0)));
    let mut task = query.task(1, 0, 1);
    let input = records("P1@1654732805000");
    task.push(batch(0, &input, 1, true));
    let mut changelog = KeptChangelog::default();
    changelog.append(&task.superstep(&context()).changelog);
    let mut key = b"P1".to_vec();
    key.extend_from_slice(&1_654_732_805_000_i64.to_be_bytes());
    key.extend_from_slice(&[0; 4]);
    assert_eq!(changelog.rows, [(0, key, 1_i64.to_be_bytes().to_vec(), 1_654_732_805_000)]);
}

#[test]
fn damaged_changelogs_are_refused() {
    use arrow_array::BinaryArray;
    let windowed = Query::counts(Some(Tumble::with_grace(10, 0)));
    let running = Query { calls: vec!["count", "sum"], ..Query::counts(None) };
    for (query, key, value, expected) in [
        (&windowed, &b"short"[..], &[0u8; 8][..], "less than 12 bytes"),
        (&windowed, &[b'a'; 13], &[0; 7], "the state ends early"),
        (&windowed, &[b'a'; 13], &[0; 9], "1 bytes too many"),
        (&windowed, &[0xff; 13], &[0; 8], "utf-8"),
        (&running, b"a", &[2; 18], "state version 2"),
        (&running, b"a", &[], "an empty value"),
    ] {
        let mut task = query.task(1, 0, 1);
        let (keys, values) = (BinaryArray::from(vec![key]), BinaryArray::from(vec![value]));
        let error = task.restore_changelog("counts", 0, &keys, &values, &[1]).unwrap_err();
        assert!(error.reason.contains(expected), "{error}");
    }
}

#[test]
fn damaged_offset_metadata_is_refused() {
    assert_eq!(OffsetMetadata::decode("AQAAAAAAAAPo").map(|times| times.partition_time), Ok(1000));
    for bad in ["", "not base64!", "AgAA", "AwAAAAAAAAPo", "AgAAAAAAAAPo/////w==", "AgAAAAAAAAPoAAAAAQAAAAY="] {
        assert!(OffsetMetadata::decode(bad).is_err(), "{bad}");
    }
}
