//! Records out of columns, and back.

use arrow_array::ArrayRef;
use engine::Value;
use engine::data_type::column;

use super::*;
use crate::{Column, Decoder};

fn rows(types: &[Type], rows: &[Vec<Value>]) -> Vec<ArrayRef> {
    types.iter().enumerate().map(|(i, ty)| column(*ty, rows.iter().map(|row| &row[i]))).collect()
}

#[test]
fn json_records_are_written_as_jackson_writes_them_and_read_back() {
    let columns = [
        ("name", Type::Text),
        ("user", Type::Text),
        ("date", Type::Timestamp),
        ("duration", Type::BigInt),
        ("x", Type::Double),
        ("ok", Type::Boolean),
        ("n", Type::Int),
        ("raw", Type::Bytes),
    ]
    .map(|(name, ty)| (name.to_string(), ty));
    let types: Vec<Type> = columns.iter().map(|(_, ty)| *ty).collect();
    let values = vec![
        vec![
            Value::text("P1"),
            Value::text("it\"s\n\u{1}é"),
            Value::Timestamp(1_654_732_805_000),
            Value::BigInt(-5),
            Value::Double(2.5),
            Value::Boolean(true),
            Value::Int(7),
            Value::Bytes(bytes::Bytes::from_static(b"foo")),
        ],
        vec![Value::Null; 8],
    ];
    let encoder = Encoder::compile(ValueFormat::Json, &columns).unwrap();
    let arrays = rows(&types, &values);
    let encoded = encoder.encode(&arrays, 2);
    let text = |row: usize| std::str::from_utf8(encoded.value(row)).unwrap();
    assert_eq!(
        text(0),
        r#"{"name":"P1","user":"it\"s\n\u0001é","date":"2022-06-09T00:00:05.000+00:00","duration":-5,"x":2.5,"ok":true,"n":7,"raw":"Zm9v"}"#
    );
    assert_eq!(
        text(1),
        r#"{"name":null,"user":null,"date":null,"duration":null,"x":null,"ok":null,"n":null,"raw":null}"#
    );
    let wanted: Vec<Column> = columns.iter().map(|(name, ty)| Column::new(name.clone(), *ty)).collect();
    let decoded = Decoder::compile(ValueFormat::Json, &wanted).unwrap().decode(encoded.iter());
    assert!(decoded.bad.is_empty());
    for (i, ty) in types.iter().enumerate() {
        for (row, values) in values.iter().enumerate() {
            assert_eq!(Value::at(&decoded.columns[i], *ty, row), values[i]);
        }
    }
    let instant = Encoder::compile(ValueFormat::Json, &columns[2..3]).unwrap().with_timestamps(TimestampText::Instant);
    assert_eq!(instant.encode(&arrays[2..3], 1).value(0), br#"{"date":"2022-06-09T00:00:05Z"}"#);
}

#[test]
fn doubles_that_json_has_not_are_null() {
    let encoder = Encoder::compile(ValueFormat::Json, &[("x".to_string(), Type::Double)]).unwrap();
    let values = [f64::NAN, f64::INFINITY, 1e300, 0.1].map(|v| vec![Value::Double(v)]);
    let encoded = encoder.encode(&rows(&[Type::Double], &values), 4);
    let texts: Vec<&str> = encoded.iter().map(|v| std::str::from_utf8(v.unwrap()).unwrap()).collect();
    assert_eq!(texts[..2], [r#"{"x":null}"#, r#"{"x":null}"#]);
    assert_eq!(texts[3], r#"{"x":0.1}"#);
    let read: serde_json::Value = serde_json::from_str(texts[2]).unwrap();
    assert_eq!(read["x"].as_f64(), Some(1e300));
}

#[test]
fn formats_of_one_column_write_null_as_a_tombstone() {
    let one = |format, ty, value: Value| {
        let encoder = Encoder::compile(format, &[("c".to_string(), ty)]).unwrap();
        let encoded = encoder.encode(&rows(&[ty], &[vec![value], vec![Value::Null]]), 2);
        assert!(encoded.is_null(1));
        encoded.value(0).to_vec()
    };
    assert_eq!(one(ValueFormat::Int64, Type::BigInt, Value::BigInt(258)), [0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(one(ValueFormat::Text, Type::Text, Value::text("P1")), b"P1");
    assert_eq!(one(ValueFormat::Raw, Type::Bytes, Value::Bytes(bytes::Bytes::from_static(&[255]))), [255]);
    assert!(Encoder::compile(ValueFormat::Int64, &[]).is_err());
}
