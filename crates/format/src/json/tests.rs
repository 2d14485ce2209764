//! What the two readers accept, refuse and say; and that they agree.

use engine::Value;

use super::*;

fn columns() -> Vec<Column> {
    vec![
        Column::new("name", Type::Text),
        Column { name: "duration".into(), ty: Type::BigInt, default: Value::BigInt(-1) },
        Column::new("date", Type::Timestamp),
        Column::new("x", Type::Double),
        Column::new("n", Type::Int),
        Column::new("ok", Type::Boolean),
        Column::new("raw", Type::Bytes),
        Column::new("o", Type::Object),
    ]
}

/// The cells that are not NULL, or the reason; `*` marks what the scanner left to the full reader.
fn outcome(text: &str) -> String {
    let columns = columns();
    let mut builders: Vec<Builder> =
        columns.iter().map(|column| Builder::new(column.ty, column.default.clone(), 1)).collect();
    let read = Reader::default().read_other(text.as_bytes(), &columns, &mut builders, 0);
    fuzz_compare(text.as_bytes());
    let mark = if read == Ok(true) { "" } else { "*" };
    if let Err(reason) = read {
        return format!("{mark}{reason}");
    }
    let cells = columns.iter().zip(builders).map(|(column, builder)| {
        let value = Value::at(&builder.finish(), column.ty, 0);
        (value != Value::Null && value != column.default).then(|| format!("{}={value:?}", column.name))
    });
    format!("{mark}{}", cells.flatten().collect::<Vec<_>>().join(" "))
}

fn reason(bytes: &[u8]) -> Option<String> {
    let columns = columns();
    let mut builders: Vec<Builder> =
        columns.iter().map(|column| Builder::new(column.ty, column.default.clone(), 1)).collect();
    Reader::default().read(bytes, &columns, &mut builders, 0).err()
}

#[test]
fn records_good_and_bad() {
    let check = |text: &str, expected: &str| assert_eq!(outcome(text), expected, "{text}");
    // Plain records, read by the scanner.
    check(r#"{"name":"P1","duration":7}"#, r#"name=Text("P1") duration=BigInt(7)"#);
    check(
        r#"{"name":"P1","user":"U2","date":"2025-10-18T15:02:06.542+00:00","duration":764}"#,
        r#"name=Text("P1") duration=BigInt(764) date=Timestamp(1760799726542)"#,
    );
    check(r#" { "duration" : -5 , "other" : 1.5 , "b":true, "c":false, "d":null } "#, "duration=BigInt(-5)");
    check("{}", "");
    check(r#"{"name":"é, the word ""#.trim(), r#"*not JSON: EOF while parsing an object at byte 23"#);
    check(r#"{"name":"été sous la pluie"}"#, r#"name=Text("été sous la pluie")"#);
    check(r#"{"name":null,"x":2.50,"n":-0,"ok":true}"#, "x=Double(2.5) n=Int(0) ok=Boolean(true)");
    check(
        r#"{"x":-0,"date":1654732805000,"raw":"Zm9v"}"#,
        "*date=Timestamp(1654732805000) x=Double(-0.0) raw=Bytes(b\"foo\")",
    );
    check(r#"{"date":"2022-06-09T02:00:05+0200"}"#, "date=Timestamp(1654732805000)");
    // Unusual ones, read by the full reader.
    check("{\t\"duration\":\n7}", "*duration=BigInt(7)");
    check(r#"{"n\u0061me":"a\nb"}"#, r#"*name=Text("a\nb")"#);
    check(r#"{"duration":1,"duration":2}"#, "*duration=BigInt(2)");
    check(r#"{"duration":"x","duration":2}"#, "*duration=BigInt(2)");
    check(r#"{"other":{"duration":5},"duration":7}"#, "*duration=BigInt(7)");
    check(r#"{"x":1e3,"duration":9223372036854775807}"#, "*duration=BigInt(9223372036854775807) x=Double(1000.0)");
    check(r#"{"other":[1,{"a":"}"}]}"#, "*");
    check(r#"{"o":{"a": 1},"n":7}"#, r#"*n=Int(7) o=Object("{\"a\": 1}")"#);
    check(r#"{"o":null,"n":7}"#, "n=Int(7)");
    // Bad ones.
    check("hello", "*expected a JSON object, found text that is not JSON: hello");
    check("", "*the value is empty, expected a JSON object");
    check("  ", "*the value is empty, expected a JSON object");
    check("null", "*expected a JSON object, found null: null");
    check("[1]", "*expected a JSON object, found an array: [1]");
    check("5", "*expected a JSON object, found the number: 5");
    check(r#"{"duration":"5"}"#, r#"*field `duration`: expected BIGINT, found the text "5""#);
    check(r#"{"duration":5.7}"#, "*field `duration`: expected BIGINT, found the number 5.7");
    check(r#"{"duration":5.0}"#, "*field `duration`: expected BIGINT, found the number 5.0");
    check(r#"{"duration":1e2}"#, "*field `duration`: expected BIGINT, found the number 1e2");
    check(r#"{"duration":true}"#, "*field `duration`: expected BIGINT, found the truth value true");
    check(
        r#"{"duration":9223372036854775808}"#,
        "*field `duration`: expected BIGINT, found the number 9223372036854775808",
    );
    check(r#"{"n":2147483648}"#, "*field `n`: expected INT, found the number 2147483648");
    check(r#"{"x":1e999}"#, "*field `x`: expected DOUBLE, found the number 1e999");
    check(r#"{"x":"1"}"#, r#"*field `x`: expected DOUBLE, found the text "1""#);
    check(r#"{"name":5}"#, "*field `name`: expected TEXT, found the number 5");
    check(r#"{"name":{"a":1}}"#, r#"*field `name`: expected TEXT, found an object {"a":1}"#);
    check(r#"{"o":"{}"}"#, r#"*field `o`: expected an object, found the text "{}""#);
    check(r#"{"o":7}"#, "*field `o`: expected an object, found the number 7");
    check(r#"{"ok":1}"#, "*field `ok`: expected BOOLEAN, found the number 1");
    check(
        r#"{"date":"yesterday"}"#,
        r#"*field `date`: expected TIMESTAMP (an RFC 3339 text or epoch milliseconds), found the text "yesterday""#,
    );
    check(r#"{"raw":"?"}"#, r#"*field `raw`: expected BYTEA (a base64 text), found the text "?""#);
    check(r#"{"duration":7"#, "*not JSON: EOF while parsing an object at byte 13");
    check(r#"{"duration":7} x"#, "*not JSON: trailing characters at byte 16");
    check(r#"{"duration":07}"#, "*not JSON: invalid number at byte 14");
    check(r#"{"duration":7,}"#, "*not JSON: trailing comma at byte 15");
    check(r#"{duration:7}"#, "*not JSON: key must be a string at byte 2");
    check("{\"a\":\"\u{1}\"}", "*not JSON: control character (\\u0000-\\u001F) found while parsing a string at byte 6");
    check(r#"{"a":tru}"#, "*not JSON: expected ident at byte 9");
}

#[test]
fn what_is_not_utf8_is_told() {
    assert_eq!(reason(b"{\"name\":\"\xff\"}").as_deref(), Some("the value is not UTF-8 (byte 9)"));
}

/// A field takes five bytes, and its place far more: the places of one large record must not outgrow what it was packed in.
#[test]
fn a_record_of_any_number_of_fields_takes_no_memory_of_its_own() {
    let check = |fields: usize, learned: bool| {
        let columns = [Column::new("n", Type::Int)];
        let mut builders = [Builder::new(Type::Int, Value::Null, 1)];
        let record = format!("{{{}\"n\":7}}", "\"\":0,".repeat(fields - 1));
        let mut reader = Reader::default();
        assert_eq!(reader.read_other(record.as_bytes(), &columns, &mut builders, 0), Ok(true), "{fields} fields");
        assert!(reader.spans.capacity() <= 2 * scanner::SPANS_MAX, "{fields} fields: {}", reader.spans.capacity());
        assert_eq!(reader.shape.read::<true>(record.as_bytes(), &mut builders).is_some(), learned, "{fields} fields");
        fuzz_compare(record.as_bytes());
    };
    check(1, true);
    check(scanner::SPANS_MAX, true);
    check(scanner::SPANS_MAX + 1, false);
    check(100_000, false);
}

#[test]
fn deep_nesting_is_no_danger() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(reason(deep.as_bytes()), None);
    let open = format!("{{\"name\":{}", "[".repeat(200_000));
    assert!(reason(open.as_bytes()).is_some());
}

/// Records made of pieces that sit at the edges of the scanner's grammar, whole and damaged.
#[test]
fn scanner_and_full_reader_agree() {
    let pieces = [
        "{",
        "}",
        "\"",
        ":",
        ",",
        " ",
        "\t",
        "\n",
        "name",
        "duration",
        "date",
        "x",
        "n",
        "ok",
        "raw",
        "é",
        "\"name\":",
        "\"duration\":",
        "\"x\":",
        "\"n\":",
        "\"ok\":",
        "\"date\":",
        "\"o\":",
        "\"\":",
        "\"other\":",
        "\"P1\"",
        "\"\"",
        "\"a longer text, beyond eight\"",
        "\"\\u0041\"",
        "\"\\\"",
        "\"\\ud800\"",
        "0",
        "-0",
        "00",
        "7",
        "-5",
        "1.5",
        "1.",
        ".5",
        "-",
        "1e5",
        "1E+2",
        "2147483648",
        "123456789012345678",
        "1234567890123456789",
        "9007199254740993",
        "9223372036854775808",
        "0.1",
        "true",
        "false",
        "null",
        "tru",
        "nul",
        "[",
        "]",
        "[1,2]",
        "{\"a\":1}",
        "\"2022-06-09T00:00:05.000+00:00\"",
        "\"Zm9v\"",
        "\u{1}",
        "\u{7f}",
        "\\",
    ];
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let mut text = String::new();
        if random.bool() {
            // Something close to a record, and more of its shape.
            let fields = ["name", "duration", "date", "x", "n", "ok", "raw", "o", "other", ""];
            let names: Vec<&str> = (0..random.usize(0..5)).map(|_| fields[random.usize(0..fields.len())]).collect();
            for _ in 0..random.usize(1..4) {
                let values = names.iter().map(|name| format!("\"{name}\":{}", pieces[random.usize(25..pieces.len())]));
                text.push_str(&format!("{{{}}}\n", values.collect::<Vec<_>>().join(",")));
            }
            if random.u8(0..4) == 0 {
                let at = text.char_indices().map(|(i, _)| i).nth(random.usize(0..text.chars().count())).unwrap_or(0);
                text.insert_str(at, pieces[random.usize(0..pieces.len())]);
            }
        } else {
            for _ in 0..random.usize(0..12) {
                text.push_str(pieces[random.usize(0..pieces.len())]);
            }
        }
        fuzz_compare(text.as_bytes());
    }
}

/// Bytes that end a text, and their neighbours, at every place of a text of every length around the eight-byte steps.
#[test]
fn texts_end_where_they_end() {
    for len in 0..26 {
        for at in 0..len {
            for byte in *b"\0\x1f !\"#[\\]\x7f\x80\xc3\xff\n" {
                let mut text = vec![b'a'; len];
                text[at] = byte;
                let record = [b"{\"name\":\"", &text[..], b"\"}"].concat();
                fuzz_compare(&record);
            }
        }
    }
}

#[test]
fn the_fuzz_corpus_is_replayed() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/json_scanner");
    let files: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty());
    files.iter().for_each(|file| fuzz_compare(&std::fs::read(file).unwrap()));
}
