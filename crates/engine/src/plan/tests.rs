//! Plans that must be refused, and why.

use super::*;
use crate::data_type::Value;

fn source() -> Node {
    let source = SourceNode {
        stream: "events".to_owned(),
        topic: "R2".to_owned(),
        schema: Schema::new(vec![Field::new("name", Type::Text), Field::new("duration", Type::BigInt)]),
        metadata: Vec::new(),
        timestamp: TimestampSource::Record,
        start: Start::Earliest,
        key_format: "text".to_owned(),
        value_format: "json".to_owned(),
    };
    Node { name: "events".to_owned(), inputs: Vec::new(), operator: Operator::Source(source) }
}

fn aggregate(window: Option<Tumble>, emit: Emit) -> Operator {
    Operator::Aggregate(AggregateNode {
        store: "counts".to_owned(),
        group: vec![("name".to_owned(), Expr::column(0, Type::Text))],
        window,
        calls: vec![("visits".to_owned(), AggregateCall::new("count", Vec::new(), Vec::new()).unwrap())],
        emit,
    })
}

#[test]
fn refuses_what_cannot_run() {
    let window = Some(Tumble::new(5000));
    let filter = |predicate| Operator::Filter(FilterNode { predicate, text: String::new() });
    for (operators, expected) in [
        (vec![aggregate(window, Emit::Changes)], ""),
        (vec![aggregate(window, Emit::Final)], ""),
        (vec![aggregate(None, Emit::Final)], "EMIT FINAL needs a window"),
        (vec![aggregate(window, Emit::Every { interval_ms: 1000 })], "EMIT EVERY is not supported yet"),
        (vec![aggregate(window, Emit::Changes), aggregate(None, Emit::Changes)], "a GROUP BY over the rows of another"),
        (vec![aggregate(Some(Tumble { size_ms: 0, grace_ms: 0, retention_ms: 0 }), Emit::Changes)], "do not fit"),
        (vec![filter(Expr::column(5, Type::Boolean))], "column 5 of 2"),
        (vec![filter(Expr::literal(Value::Int(1)))], "the predicate is INT"),
    ] {
        let mut nodes = vec![source()];
        for operator in operators {
            nodes.push(Node { name: "n".to_owned(), inputs: vec![nodes.len() - 1], operator });
        }
        let message = match (Topology { root: "q".to_owned(), nodes }).check() {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        assert!(
            if expected.is_empty() { message.is_empty() } else { message.contains(expected) },
            "{message} / {expected}"
        );
    }
}
