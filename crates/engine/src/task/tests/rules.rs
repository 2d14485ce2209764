//! The rules of time, one case per line: what comes out, record by record (cache off) or per commit (cache on).

use super::*;
use crate::plan::{Emit, Tumble};

fn check(query: &Query, cache_max_bytes: usize, input: &'static str, expected: &[&str]) {
    let mut task = query.task(1, cache_max_bytes, 1);
    let records = records(input);
    task.push(batch(0, &records, records.len() as i64, true));
    let mut effects = task.superstep(&context());
    effects.append(task.flush(&context()));
    assert_eq!(rows(&effects), expected, "{input}");
}

#[test]
fn tumbling_without_grace() {
    let query = Query::counts(Some(Tumble::with_grace(10, 0)));
    // reference/streams.md §2.8, vector 1.
    check(&query, 0, "a@1 a@9 a@10 a@5", &["a[0]: 1 @1", "a[0]: 2 @9", "a[10]: 1 @10"]);
    check(&query, 0, "a@5 a@3", &["a[0]: 1 @5", "a[0]: 2 @5"]);
    // A late key moves nothing, a NULL key neither.
    check(&query, 0, "a@1 -@50 a@2", &["a[0]: 1 @1", "a[0]: 2 @2"]);
}

#[test]
fn grace_is_in_stream_time() {
    let query = Query::counts(Some(Tumble::with_grace(10, 5)));
    check(&query, 0, "a@1 b@14 a@9 b@15 a@8", &["a[0]: 1 @1", "b[10]: 1 @14", "a[0]: 2 @9", "b[10]: 2 @15"]);
}

#[test]
fn rows_that_where_removes_do_not_move_time() {
    let mut query = Query::counts(Some(Tumble::with_grace(10, 0)));
    query.filter = Some(100);
    check(&query, 0, "a@1=500 a@50=50 a@2=101 a@3=- a@60=100 a@4=200", &["a[0]: 1 @1", "a[0]: 2 @2", "a[0]: 3 @4"]);
}

#[test]
fn the_cache_coalesces_in_the_order_of_last_writes() {
    let query = Query::counts(Some(Tumble::with_grace(10, 100)));
    check(&query, 1 << 20, "a@1 b@2 c@15 a@3 b@4 a@1", &["c[10]: 1 @15", "b[0]: 2 @4", "a[0]: 3 @3"]);
}

#[test]
fn running_aggregates_have_no_late_rows() {
    let mut query = Query::counts(None);
    query.calls = vec!["count", "sum", "min", "max", "avg"];
    check(
        &query,
        0,
        "a@100=5 a@1=-2 a@50=-",
        &["a: 1, 5, 5, 5, 5 @100", "a: 2, 3, -2, 5, 1.5 @100", "a: 3, 3, -2, 5, 1.5 @100"],
    );
}

#[test]
fn final_results_come_once() {
    let mut query = Query::counts(Some(Tumble::with_grace(10, 5)));
    query.emit = Emit::Final;
    let expected = ["a[0]: 2 @3", "b[0]: 1 @2", "b[10]: 1 @14", "c[10]: 1 @15"];
    for cache_max_bytes in [0, 1 << 20] {
        check(&query, cache_max_bytes, "b@2 a@1 a@3 b@14 c@15 a@9 c@30 c@31", &expected);
    }
}

#[test]
fn an_overflowing_row_is_a_dead_letter_and_counts_nowhere() {
    let mut query = Query::counts(None);
    query.calls = vec!["count", "sum"];
    for cache_max_bytes in [0, 1 << 20] {
        let mut task = query.task(1, cache_max_bytes, 1);
        let records = records("a@1=9223372036854775807 a@2=1 a@3=-7");
        task.push(batch(0, &records, 3, true));
        let mut effects = task.superstep(&context());
        effects.append(task.flush(&context()));
        assert_eq!(rows(&effects).last().unwrap(), "a: 2, 9223372036854775800 @3");
        assert_eq!(effects.dead_letters.len(), 1);
        assert_eq!(effects.dead_letters[0].origin, Some((0, 1)));
        assert_eq!(effects.dead_letters[0].reason, "sum: BIGINT out of range");
    }
}

#[test]
fn counters_tell_what_was_dropped() {
    let query = Query::counts(Some(Tumble::with_grace(10, 0)));
    let mut task = query.task(1, 0, 1);
    let records = records("a@1 -@2 a@30 a@5 a@6");
    task.push(batch(0, &records, 5, true));
    let effects = task.superstep(&context());
    assert_eq!(effects.late.len(), 2);
    assert_eq!((effects.late[0].offset, effects.late[0].window_start, effects.late[0].stream_time), (3, 0, 30));
    let stats = task.stats()[1];
    assert_eq!((stats.rows_in, stats.rows_out, stats.null_keys, stats.late), (5, 2, 1, 2));
}
