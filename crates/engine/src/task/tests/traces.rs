//! What is told of records.

use super::*;
use crate::plan::Tumble;
use crate::seam::BadRecord;
use crate::task::TraceOutcome;

#[test]
fn every_record_has_its_story() {
    let mut query = Query::counts(Some(Tumble::with_grace(10, 0)));
    query.filter = Some(100);
    let mut task = query.task(1, 0, 1);
    let input = records("P1@1 P1@2=87 -@3 P1@30 P2@5 P1@31");
    task.push(batch(0, &input[..5], 5, true));
    task.superstep(&context());
    let key = |name: &str| vec![("name".to_owned(), Value::text(name))];
    let expected = [
        TraceOutcome::Counted { key: key("P1"), window: Some((0, 10)) },
        TraceOutcome::Filtered {
            predicate: "duration > 100".to_owned(),
            values: vec![("duration".to_owned(), Value::BigInt(87))],
        },
        TraceOutcome::NullKey { key: vec![("name".to_owned(), Value::Null)] },
        TraceOutcome::Counted { key: key("P1"), window: Some((30, 40)) },
        TraceOutcome::Late { key: key("P2"), window: (0, 10), stream_time: 30 },
        TraceOutcome::Pending,
    ];
    for (record, expected) in input.iter().zip(expected) {
        let traces = task.trace(batch(0, std::slice::from_ref(record), 0, false), &context());
        assert_eq!(traces.len(), 1);
        assert_eq!(traces[0].outcome, expected, "{record:?}");
    }
    let mut bad = batch(0, &[], 0, false);
    bad.bad.push(BadRecord { offset: 3, timestamp: 0, reason: "not JSON".to_owned() });
    assert_eq!(task.trace(bad, &context())[0].outcome, TraceOutcome::Bad { reason: "not JSON".to_owned() });
}
