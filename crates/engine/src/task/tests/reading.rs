//! What readers see: snapshots between supersteps, changes since a version, windows beyond retention.

use super::*;
use crate::plan::Tumble;
use crate::store::{StoreReader, WindowState};
use crate::task::Task;

fn step(task: &mut Task, input: &'static str, first_offset: i64) {
    let mut records = records(input);
    records.iter_mut().for_each(|record| record.offset += first_offset);
    let next = first_offset + records.len() as i64;
    task.push(batch(0, &records, next, true));
    task.superstep(&context());
}

/// `name[start]=count` of all rows.
fn table(reader: &StoreReader) -> Vec<String> {
    let snapshot = reader.snapshot();
    let rows = snapshot.rows();
    let cell = |column: usize, ty, row| Value::at(&rows.columns[column], ty, row);
    use crate::data_type::Type::{BigInt, Text};
    let Keys::Windowed { window_starts, .. } = &rows.keys else { panic!("{:?}", rows.keys) };
    (0..rows.rows())
        .map(|row| format!("{}[{}]={}", cell(0, Text, row), window_starts[row], cell(3, BigInt, row)))
        .collect()
}

#[test]
fn a_snapshot_does_not_change() {
    let query = Query::counts(Some(Tumble::with_grace(10, 100)));
    let mut task = query.task(1, 1 << 20, 1);
    let reader = task.store("counts").unwrap();
    assert!(table(&reader).is_empty() && reader.stream_time() == -1);
    step(&mut task, "a@1 b@2 a@12", 0);
    let before = reader.snapshot();
    let state: Vec<_> = before.windows().collect();
    assert_eq!(state, [(0, WindowState::Ended, 2), (10, WindowState::Running, 1)]);
    assert_eq!((before.positions[0].offset, before.stream_time), (3, 12));
    // A late record changes the ended window; the snapshot keeps what it had.
    step(&mut task, "a@3 a@13", 3);
    let counts = |rows: &crate::Batch| format!("{:?}", rows.columns[3]);
    assert!(counts(&before.rows()).replace(char::is_whitespace, "").contains("[1,1,1,]"));
    assert_eq!(table(&reader), ["a[0]=2", "b[0]=1", "a[10]=2"]);
    assert_eq!(reader.snapshot().positions[0].offset, 5);
}

#[test]
fn changes_are_conflated_per_key() {
    let query = Query::counts(Some(Tumble::with_grace(10, 20)));
    let mut task = query.task(1, 1 << 20, 1);
    let reader = task.store("counts").unwrap();
    step(&mut task, "a@1 b@2 a@3", 0);
    let changes = |since| {
        let changes = reader.changes(since, 100);
        let row = |row: &crate::store::ChangedRow| {
            format!("{}[{}]={} {:?} {}", row.key[0], row.window_start, row.values[0], row.state, row.corrections)
        };
        (changes.version, changes.rows.iter().map(row).collect::<Vec<_>>())
    };
    let (version, rows) = changes(0);
    assert_eq!(rows, ["a[0]=2 Running 0", "b[0]=1 Running 0"]);
    assert_eq!(changes(version), (version, vec![]));
    step(&mut task, "b@15 b@4", 3);
    let (version, rows) = changes(version);
    assert_eq!(rows, ["b[0]=2 Ended 1", "b[10]=1 Running 0"]);
    // Flushing changes nothing that a reader sees.
    task.flush(&context());
    assert_eq!(changes(version).1, Vec::<String>::new());
    step(&mut task, "c@30", 5);
    assert_eq!(changes(version).1, ["c[30]=1 Running 0"]);
    assert_eq!(
        reader.snapshot_with_history(0..=100).windows().map(|(_, state, _)| state).collect::<Vec<_>>(),
        [WindowState::Closed, WindowState::Ended, WindowState::Running]
    );
    assert!(reader.changes(0, 1).truncated && !reader.changes(0, 2).truncated);
    // What changed and went beyond retention since then is told too.
    let before = reader.version();
    step(&mut task, "c@31 d@100", 6);
    task.flush(&context());
    assert_eq!(changes(before).1, ["c[30]=2 Closed 0", "d[100]=1 Running 0"]);
}

#[test]
fn windows_beyond_retention_are_only_for_charts() {
    let query = Query::counts(Some(Tumble { size_ms: 10, grace_ms: 0, retention_ms: 25 }));
    let mut task = query.task(1, 1 << 20, 1);
    let reader = task.store("counts").unwrap();
    step(&mut task, "a@1 a@11 a@21 a@31", 0);
    // Kafka Streams shows windows with start > largest start - retention.
    assert_eq!(table(&reader), ["a[10]=1", "a[20]=1", "a[30]=1"]);
    // Dirty windows wait for their flush: their last values are still to be given out.
    assert_eq!(rows(&task.flush(&context())).len(), 4);
    let starts = |from, to| {
        let snapshot = reader.snapshot_with_history(from..=to);
        snapshot.windows().map(|(start, ..)| start).collect::<Vec<_>>()
    };
    assert_eq!(starts(0, 100), [0, 10, 20, 30]);
    assert_eq!(starts(0, 15), [0, 10]);
    assert_eq!(table(&reader).len(), 3);
    // The history is bounded.
    let keys = std::sync::Arc::new(TextKeys);
    let mut options = crate::TaskOptions::new([(0, 1)].into(), keys.clone(), keys);
    options.history_rows_max = 5;
    let mut task = Task::new(query.topology(), options).unwrap();
    for i in 0..100 {
        let record = Record { partition: 0, offset: i, timestamp: i * 10, name: Some("a"), duration: Some(500) };
        task.push(batch(0, &[record], i + 1, true));
        task.superstep(&context());
        task.flush(&context());
    }
    let reader = task.store("counts").unwrap();
    assert_eq!(reader.snapshot_with_history(0..=i64::MAX).rows_max(), 5 + 3);
    assert_eq!(reader.size().0, 3);
}
