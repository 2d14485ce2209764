//! Keys of every type come back, and different keys differ.

use super::*;

fn check(types: &[Type], rows: &[Vec<Value>]) {
    let columns: Vec<ArrayRef> =
        types.iter().enumerate().map(|(i, ty)| data_type::column(*ty, rows.iter().map(|row| &row[i]))).collect();
    let keys = encode(types, &columns, rows.len());
    for a in 0..rows.len() {
        for b in 0..rows.len() {
            assert_eq!(keys.value(a) == keys.value(b), rows[a] == rows[b], "{:?} and {:?}", rows[a], rows[b]);
        }
    }
    let decoded = decode(types, keys.iter().flatten());
    for (row, expected) in rows.iter().enumerate() {
        let given: Vec<Value> = types.iter().zip(&decoded).map(|(ty, column)| Value::at(column, *ty, row)).collect();
        assert_eq!(&given, expected);
    }
}

#[test]
fn keys_come_back() {
    use Value::{BigInt, Boolean, Double, Int, Interval, Timestamp};
    let text = |text: &str| Value::text(text);
    let bytes = |bytes: &'static [u8]| Value::Bytes(Bytes::from_static(bytes));
    check(&[Type::Text], &[vec![text("P1")], vec![text("")], vec![text("P1")], vec![text("é")]]);
    check(&[Type::Bytes], &[vec![bytes(b"\\xff")], vec![bytes(b"")]]);
    check(&[Type::BigInt], &[vec![BigInt(i64::MIN)], vec![BigInt(0)], vec![BigInt(-1)]]);
    check(&[Type::Double], &[vec![Double(0.0)], vec![Double(-0.0)], vec![Double(f64::NAN)], vec![Double(-f64::NAN)]]);
    check(&[Type::Int, Type::Boolean], &[vec![Int(1), Boolean(true)], vec![Int(1), Boolean(false)]]);
    check(&[Type::Timestamp, Type::Interval], &[vec![Timestamp(5), Interval(7)], vec![Timestamp(7), Interval(5)]]);
    // A boundary between columns is part of the key.
    check(&[Type::Text, Type::Text], &[vec![text("ab"), text("c")], vec![text("a"), text("bc")]]);
    check(&[Type::Text, Type::Bytes], &[vec![text(""), bytes(b"a")], vec![text("a"), bytes(b"")]]);
}
