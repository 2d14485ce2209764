//! Pull queries over the rows of a windowed count, as data.

use std::sync::Arc;

use arrow_array::{Int64Array, StringArray, TimestampMillisecondArray};

use super::*;

fn key(index: usize, ty: Type, descending: bool) -> SortKey {
    SortKey { expr: Expr::column(index, ty), descending, nulls_first: descending }
}

fn answer(query: &PullQuery<'_>, types: &[Type]) -> String {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["P2", "P1", "P1", "P\"3"])),
        Arc::new(TimestampMillisecondArray::from(vec![0, 5000, 0, 5000])),
        Arc::new(Int64Array::from(vec![Some(4), Some(7), Some(9), None])),
    ];
    match pull(query, &columns, 4, &EvalContext::new(0, 1)) {
        Err(error) => error.reason,
        Ok(answer) => {
            let row = |row| -> Vec<String> {
                types.iter().zip(&answer.columns).map(|(ty, column)| Value::at(column, *ty, row).to_string()).collect()
            };
            (0..answer.rows).map(|at| row(at).join(" ")).collect::<Vec<_>>().join("; ")
        }
    }
}

#[test]
fn rows_are_filtered_ordered_and_limited() {
    let (name, visits) = (Expr::column(0, Type::Text), Expr::column(2, Type::BigInt));
    let filter = Expr::call("is not null", vec![visits.clone()]).unwrap();
    let order = [key(2, Type::BigInt, true)];
    let output = PullOutput::Rows(vec![&name, &visits]);
    let query = PullQuery { filter: Some(&filter), output, order_by: &order, limit: Some(2) };
    assert_eq!(answer(&query, &[Type::Text, Type::BigInt]), "P1 9; P1 7");
    let query = PullQuery { filter: None, limit: None, ..query };
    assert_eq!(answer(&query, &[Type::Text, Type::BigInt]), "P\"3 NULL; P1 9; P1 7; P2 4");
}

#[test]
fn object_agg_takes_the_last_value_of_a_key() {
    let (name, visits) = (Expr::column(0, Type::Text), Expr::column(2, Type::BigInt));
    let agg = |descending| {
        let args = vec![name.clone(), visits.clone()];
        AggregateCall::new("object_agg", args, vec![key(1, Type::Timestamp, descending)]).unwrap()
    };
    let whole = Expr::column(0, Type::Object);
    for (descending, expected) in [(false, r#"{"P\"3":null,"P1":7,"P2":4}"#), (true, r#"{"P\"3":null,"P1":9,"P2":4}"#)]
    {
        let call = agg(descending);
        let output = PullOutput::Groups { group: Vec::new(), calls: vec![&call], columns: vec![&whole] };
        let query = PullQuery { filter: None, output, order_by: &[], limit: None };
        assert_eq!(answer(&query, &[Type::Object]), expected);
        // No rows: an empty object.
        let never = Expr::literal(Value::Boolean(false));
        assert_eq!(answer(&PullQuery { filter: Some(&never), ..query }, &[Type::Object]), "{}");
    }
}

#[test]
fn groups_come_in_the_order_of_arrival() {
    let (name, visits) = (Expr::column(0, Type::Text), Expr::column(2, Type::BigInt));
    let sum = AggregateCall::new("sum", vec![visits.clone()], Vec::new()).unwrap();
    let count = AggregateCall::new("count", Vec::new(), Vec::new()).unwrap();
    let columns = [Expr::column(0, Type::Text), Expr::column(1, Type::BigInt), Expr::column(2, Type::BigInt)];
    let output =
        PullOutput::Groups { group: vec![&name], calls: vec![&sum, &count], columns: columns.iter().collect() };
    let query = PullQuery { filter: None, output, order_by: &[], limit: None };
    let types = [Type::Text, Type::BigInt, Type::BigInt];
    assert_eq!(answer(&query, &types), "P2 4 1; P1 16 2; P\"3 NULL 1");
    let order = [key(2, Type::BigInt, true)];
    assert_eq!(answer(&PullQuery { order_by: &order, ..query }, &types), "P1 16 2; P2 4 1; P\"3 NULL 1");
}

#[test]
fn a_failing_row_fails_the_answer() {
    let visits = Expr::column(2, Type::BigInt);
    let divided = Expr::call(
        "/",
        vec![Expr::literal(Value::BigInt(1)), Expr::call("-", vec![visits, Expr::literal(Value::BigInt(4))]).unwrap()],
    )
    .unwrap();
    let query = PullQuery { filter: None, output: PullOutput::Rows(vec![&divided]), order_by: &[], limit: None };
    assert_eq!(answer(&query, &[Type::BigInt]), "division by zero");
}
