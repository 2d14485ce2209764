//! Key bytes are those of Kafka's serializers, and read back.

use arrow_buffer::ScalarBuffer;
use engine::data_type::column;

use super::*;

fn keys(types: &[Type], rows: &[Vec<Value>]) -> KeyColumns {
    let columns = types.iter().enumerate().map(|(i, ty)| column(*ty, rows.iter().map(|row| &row[i]))).collect();
    KeyColumns { types: types.to_vec(), columns }
}

/// The bytes of one key, after reading them back.
fn check(types: &[Type], row: Vec<Value>, expected: &[u8]) {
    let key = keys(types, std::slice::from_ref(&row));
    let bytes = PrimitiveKeys.encode(&key.types, &key.columns);
    assert_eq!(bytes.value(0), expected, "{row:?}");
    let back = PrimitiveKeys.decode(types, &bytes).unwrap();
    for ((ty, column), value) in types.iter().zip(&back).zip(&row) {
        assert_eq!(Value::at(column, *ty, 0), *value);
    }
}

#[test]
fn kafkas_serializers() {
    check(&[Type::Text], vec![Value::text("é")], "é".as_bytes());
    check(&[Type::Text], vec![Value::text("")], b"");
    check(&[Type::BigInt], vec![Value::BigInt(-2)], &[255, 255, 255, 255, 255, 255, 255, 254]);
    check(&[Type::Int], vec![Value::Int(258)], &[0, 0, 1, 2]);
    check(&[Type::Double], vec![Value::Double(1.0)], &[0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
    check(&[Type::Boolean], vec![Value::Boolean(true)], &[1]);
    check(&[Type::Timestamp], vec![Value::Timestamp(5_000)], &[0, 0, 0, 0, 0, 0, 0x13, 0x88]);
    check(&[Type::Text, Type::BigInt], vec![Value::text("P\"1"), Value::BigInt(5)], br#"["P\"1",5]"#);
    check(
        &[Type::Text, Type::Timestamp, Type::Int],
        vec![Value::Null, Value::Timestamp(0), Value::Int(1)],
        br#"[null,"1970-01-01T00:00:00.000+00:00",1]"#,
    );
}

#[test]
fn a_null_key_is_no_key() {
    let key = keys(&[Type::Text], &[vec![Value::Null], vec![Value::text("a")]]);
    let bytes = PrimitiveKeys.encode(&key.types, &key.columns);
    assert!(bytes.is_null(0));
    let back = PrimitiveKeys.decode(&[Type::Text], &bytes).unwrap();
    assert!(back[0].is_null(0));
}

#[test]
fn keys_that_are_none_are_told() {
    let bad = |types: &[Type], bytes: &[u8]| PrimitiveKeys.decode(types, &BinaryArray::from(vec![bytes])).unwrap_err();
    assert_eq!(bad(&[Type::BigInt], b"abc"), "a key of 3 bytes is no BIGINT");
    assert_eq!(bad(&[Type::Text], b"\xff"), "a key of 1 bytes is no TEXT");
    assert_eq!(bad(&[Type::Boolean], b"\x02"), "a key of 1 bytes is no BOOLEAN");
    assert_eq!(bad(&[Type::Text, Type::Int], b"{}"), "a key is no JSON array of 2 values");
    assert_eq!(bad(&[Type::Text, Type::Int], b"[\"a\"]"), "a key has 1 parts, expected 2");
    assert_eq!(bad(&[Type::Text, Type::Int], b"[1,1]"), "field `key 1`: expected TEXT, found the number 1");
}

#[test]
fn windowed_keys_are_partitioned_by_the_key_proper() {
    let key = keys(&[Type::Text], &[vec![Value::text("P1")], vec![Value::Null]]);
    let windowed = Keys::Windowed { key, window_starts: ScalarBuffer::from(vec![5_000, 5_000]), size_ms: 5_000 };
    let encoded = KeyFormat::Kafka.encode(&windowed);
    let keys = encoded.keys.unwrap();
    assert_eq!(keys.value(0), [b'P', b'1', 0, 0, 0, 0, 0, 0, 0x13, 0x88]);
    assert!(keys.is_null(1));
    assert_eq!(encoded.partition_by.unwrap().value(0), b"P1");
}

#[test]
fn key_formats() {
    let text = |format: KeyFormat, types: &[Type], row: Vec<Value>| {
        let encoded = format.encode(&Keys::Columns(keys(types, &[row])));
        encoded.keys.map(|keys| String::from_utf8(keys.value(0).to_vec()).unwrap())
    };
    assert_eq!(text(KeyFormat::Json, &[Type::Text], vec![Value::text("P1")]), Some("\"P1\"".to_string()));
    assert_eq!(
        text(KeyFormat::Json, &[Type::Text, Type::Int], vec![Value::text("P1"), Value::Int(1)]),
        Some("[\"P1\",1]".to_string())
    );
    assert_eq!(text(KeyFormat::Text, &[Type::Text], vec![Value::text("P1")]), Some("P1".to_string()));
    assert_eq!(text(KeyFormat::None, &[Type::Text], vec![Value::text("P1")]), None);
    for name in ["kafka", "text", "int64", "json", "none"] {
        assert!(KeyFormat::parse(name).is_some());
    }
    assert!(KeyFormat::parse("avro").is_none());
}
