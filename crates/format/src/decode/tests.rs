//! Columns out of records, in every format.

use std::fmt::Write;

use engine::Value;

use super::*;

fn shown(decoded: &Decoded, columns: &[Column]) -> String {
    let mut out = String::new();
    for row in 0..decoded.rows {
        let cells: Vec<String> = columns
            .iter()
            .zip(&decoded.columns)
            .map(|(column, array)| Value::at(array, column.ty, row).to_string())
            .collect();
        let _ = writeln!(out, "{}", cells.join("|"));
    }
    for bad in &decoded.bad {
        let _ = writeln!(out, "{}: {}", bad.row, bad.reason);
    }
    out
}

fn check(format: ValueFormat, columns: &[Column], values: &[Option<&[u8]>], expected: &str) {
    let decoder = Decoder::compile(format, columns).unwrap();
    let decoded = decoder.decode(values.iter().copied());
    assert!(decoded.columns.iter().all(|column| column.len() == decoded.rows));
    assert_eq!(shown(&decoded, columns), expected);
}

#[test]
fn good_rows_keep_their_order_around_bad_ones() {
    let columns = [
        Column::new("name", Type::Text),
        Column { name: "duration".into(), ty: Type::BigInt, default: Value::BigInt(-1) },
    ];
    let values: [Option<&[u8]>; 7] = [
        Some(br#"{"name":"P1","duration":5}"#),
        Some(b"hello"),
        Some(br#"{"name":"P2"}"#),
        None,
        Some(br#"{"duration":null,"name":null,"more":[]}"#),
        Some(br#"{"name":"P1","duration":"5"}"#),
        Some(br#"{"duration":6,"name":"P3"}"#),
    ];
    check(
        ValueFormat::Json,
        &columns,
        &values,
        "P1|5\nP2|-1\nNULL|NULL\nNULL|NULL\nP3|6\n\
         1: expected a JSON object, found text that is not JSON: hello\n\
         5: field `duration`: expected BIGINT, found the text \"5\"\n",
    );
    // Without a wanted column the records are still read, so that bad ones do not count.
    check(ValueFormat::Json, &[], &values[..3], "\n\n1: expected a JSON object, found text that is not JSON: hello\n");
}

#[test]
fn formats_of_one_column() {
    let text = [Column::new("t", Type::Text)];
    check(
        ValueFormat::Text,
        &text,
        &[Some(b"abc"), None, Some(b""), Some(b"\xff")],
        "abc\nNULL\n\n3: expected UTF-8 text, found a wrong byte at 0\n",
    );
    let int = [Column::new("v", Type::BigInt)];
    check(
        ValueFormat::Int64,
        &int,
        &[Some(&7i64.to_be_bytes()), Some(b"abc")],
        "7\n1: expected 8 bytes (int64), found 3\n",
    );
    let raw = [Column::new("b", Type::Bytes)];
    check(ValueFormat::Raw, &raw, &[Some(b"\xff\x00")], "\\xff00\n");
    check(ValueFormat::Int64, &[], &[Some(b"abc"), Some(&[0; 8])], "\n0: expected 8 bytes (int64), found 3\n");
}

#[test]
fn columns_that_do_not_fit_are_refused() {
    let refused = |format: ValueFormat, types: &[Type]| {
        let columns: Vec<Column> = types.iter().map(|ty| Column::new("c", *ty)).collect();
        Decoder::compile(format, &columns).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(
        refused(ValueFormat::Int64, &[Type::Text]),
        Err("the format int64 does not fit: column `c` is TEXT".into())
    );
    assert_eq!(
        refused(ValueFormat::Text, &[Type::Text, Type::Text]),
        Err("the format text does not fit: it holds one column, not 2".into())
    );
    assert_eq!(refused(ValueFormat::Json, &[Type::Text, Type::Double]), Ok(()));
}
