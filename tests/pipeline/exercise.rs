//! The exercise's minimum behaviour (`examples/page-events`), through the HTTP API and standard output.

use std::time::Duration;

use tests::http;
use tests::program::{Program, test_dir};

const WAIT: Duration = Duration::from_secs(20);

fn record_of(program: &Program, topic: &str, offset: i64) -> serde_json::Value {
    let path = format!("/v1/topics/{topic}/records?partition=0&offset={offset}&limit=1");
    http::get(&program.http, &path).expect("it answers").json()["records"][0].clone()
}

#[test]
fn the_demo_does_what_the_exercise_asks() {
    let mut program = Program::start(&test_dir("demo"), &[]);

    // 1. Publish over HTTP and get the event back, with its place.
    let answer = http::get(&program.http, "/publish/R1/P1").expect("it answers");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let fields: Vec<String> = answer.json().as_object().expect("an object").keys().cloned().collect();
    assert_eq!(fields, ["name", "user", "date", "duration"]);
    let date = answer.json()["date"].as_str().unwrap_or_default().to_owned();
    assert!(date.len() == "2022-06-09T00:00:05.000+00:00".len() && date.ends_with("+00:00"), "{date}");
    for header in ["kafka-partition", "kafka-offset", "kafka-timestamp"] {
        assert!(answer.header(header).is_some(), "{:?}", answer.headers);
    }
    let offset: i64 = answer.header("kafka-offset").and_then(|o| o.parse().ok()).expect("a number");
    assert_eq!(record_of(&program, "R1", offset)["value"], answer.json());
    let post = http::post_json(&program.http, "/publish/R1/P1", "{}").expect("it answers");
    assert_eq!((post.status, post.header("allow")), (405, Some("GET")));

    // 2. The consumer prints it, with its defaults where fields are missing.
    let printed = program.process.stdout.wait(WAIT, |line| line.contains(r#""name":"P1""#));
    assert!(printed.is_some(), "{:?}", program.process.stdout.all());
    let typed = http::post_json(&program.http, "/v1/topics/R1/records", r#"{"records":[{"value":{"name":"P9"}}]}"#);
    assert_eq!(typed.expect("it answers").status, 200);
    let printed = program.process.stdout.wait(WAIT, |line| line.contains("P9"));
    let printed: serde_json::Value = serde_json::from_str(&printed.expect("it is printed")).expect("JSON");
    assert_eq!(printed, serde_json::json!({"name": "P9", "user": null, "date": null, "duration": 0}));

    // 3.–5. The supplier writes R2, the function R3, the counts R4 with their odd keys.
    let events = http::events(&program.http, "/analytics", 3).expect("a stream");
    for event in &events {
        let json = event.strip_prefix("data:").expect("data:");
        assert!(json.starts_with('{') && !event.contains("id:"), "{event}");
    }
    assert!(events[2].contains("\"P1\":") || events[2].contains("\"P2\":"), "{events:?}");
    let function = record_of(&program, "R3", 0)["value"].clone();
    assert_eq!((function["name"].as_str(), function["user"].as_str()), (Some("L:2"), Some("UUUUUU")));
    let count = http::get(&program.http, "/v1/topics/R4").expect("it answers").json()["newest"].clone();
    let key = count["key"].as_str().unwrap_or_default().to_owned();
    assert!(key.starts_with("=>20") && (key.ends_with("ZP1") || key.ends_with("ZP2")), "{count}");
    assert_eq!(count["value_format"], "int64");

    // A bad record goes to the dead letters, and the counts go on.
    let bad = http::post_json(&program.http, "/v1/topics/R2/records", r#"{"records":[{"value":"hello"}]}"#);
    assert_eq!(bad.expect("it answers").status, 200);
    let deadline = std::time::Instant::now() + WAIT;
    let letters = loop {
        let letters = http::get(&program.http, "/v1/topics/page_count-dlq/records").expect("it answers").json();
        if letters["records"].as_array().is_some_and(|records| !records.is_empty()) {
            break letters;
        }
        assert!(std::time::Instant::now() < deadline, "no dead letter: {letters}");
    };
    assert_eq!(letters["records"][0]["value"], "hello");
    assert!(!letters["records"][0]["headers"].as_array().expect("headers").is_empty(), "{letters}");
    let facts = |program: &Program| {
        http::get(&program.http, "/v1/queries/page_count").expect("it answers").json()["facts"].clone()
    };
    assert_eq!(facts(&program)["bad"], 1);
    let before = facts(&program)["records"].as_i64().expect("a number");
    assert_eq!(http::events(&program.http, "/analytics", 1).expect("a stream").len(), 1);
    assert!(facts(&program)["records"].as_i64() > Some(before), "the counts go on");

    // Pause and resume.
    let pause = http::post_json(&program.http, "/v1/generators/page_event_supplier/pause", "{}").expect("it answers");
    assert_eq!(pause.json()["state"], "paused");
    let resume = http::post_json(&program.http, "/v1/generators/page_event_supplier/resume", "{}").expect("it answers");
    assert_eq!(resume.json()["state"], "running");
    program.process.close_input();
    program.stop();
}

#[test]
fn topics_offsets_and_counts_are_still_there_after_a_restart() {
    let dir = test_dir("restart");
    let program = Program::start(&dir, &["--set", "supplier.every=20 ms"]);
    http::events(&program.http, "/analytics", 3).expect("a stream");
    let pause = http::post_json(&program.http, "/v1/generators/page_event_supplier/pause", "{}").expect("it answers");
    assert_eq!(pause.status, 200);
    let table = |program: &Program| {
        let answer = http::get(&program.http, "/v1/tables/page_count?isolation=committed").expect("it answers").json();
        (answer["rows"].clone(), answer["offsets"].clone())
    };
    let end = |program: &Program| {
        http::get(&program.http, "/v1/topics/R2").expect("it answers").json()["partitions"][0]["end_offset"].clone()
    };
    let deadline = std::time::Instant::now() + WAIT;
    while table(&program).1["R2"]["0"] != end(&program) {
        assert!(std::time::Instant::now() < deadline, "{:?} {}", table(&program).1, end(&program));
    }
    let (before, end_before) = (table(&program), end(&program));
    assert!(before.0.as_array().is_some_and(|rows| !rows.is_empty()));
    program.stop();

    let program = Program::start(&dir, &["--set", "supplier.every=20 ms"]);
    assert_eq!(end(&program), end_before, "a pause lasts across restarts");
    assert_eq!(table(&program), before);
    program.stop();
}
