//! What pages and endpoints see: publish, analytics, print, live changes, traces, records.

use std::time::Duration;

use runtime::subscription::Snapshot;
use runtime::{BrowseOptions, EndpointMatch, EndpointReply, Event, Isolation, SubscribeOptions, TraceOutcome};
use serde_json::Value;

use crate::bench::{Bench, Dir, PAGE_EVENTS};

fn network() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Calls `/publish/{topic}/{name}` and answers the event, its partition and its offset.
async fn publish(bench: &Bench, path: &str) -> Result<(String, i32, i64), runtime::RuntimeError> {
    let EndpointMatch::Found(call) = bench.instance.endpoint("GET", path) else { panic!("no endpoint for {path}") };
    assert!(call.info().writes);
    match call.call(&[]).await? {
        EndpointReply::Written { json, partition, offset, .. } => Ok((json, partition, offset)),
        _ => panic!("{path} did not write"),
    }
}

#[test]
fn publish_writes_and_answers_the_event() {
    let dir = Dir::new("publish");
    let bench = Bench::start(&dir, &[("supplier.every", "1 hour")]);
    bench.sql(PAGE_EVENTS);
    network().block_on(async {
        let (json, partition, offset) = publish(&bench, "/publish/R1/P1").await.unwrap();
        assert_eq!((partition, offset), (0, 0));
        let record = &bench.read("R1")[0];
        assert_eq!(record.value.as_deref(), Some(json.as_bytes()));
        let event: Value = serde_json::from_str(&json).unwrap();
        let fields: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["name", "user", "date", "duration"]);
        assert!(event["date"].as_str().unwrap().ends_with("+00:00"), "{json}");
        // A topic that nobody has made yet.
        assert!(publish(&bench, "/publish/R9/P1").await.is_ok());
        for internal in ["__consumer_offsets", "millstream-statements", "millstream-page_count-page_count-changelog"] {
            let refused = publish(&bench, &format!("/publish/{internal}/P1")).await.unwrap_err();
            assert_eq!((refused.status(), refused.code), (403, "internal_topic"));
        }
        assert_eq!(publish(&bench, "/publish/a b/P1").await.unwrap_err().status(), 400);
    });
    let post = bench.instance.endpoint("POST", "/publish/R1/P1");
    assert!(matches!(post, EndpointMatch::MethodNotAllowed(methods) if methods == ["GET"]));
    assert!(matches!(bench.instance.endpoint("GET", "/nothing"), EndpointMatch::NotFound));
    // The consumer prints it, missing fields as they are.
    bench.produce("R1", 0, &[(1_000, r#"{"name":"P1"}"#)]);
    bench.until("both are printed", || bench.printed.0.lock().iter().filter(|byte| **byte == b'\n').count() == 2);
    let printed = String::from_utf8(bench.printed.0.lock().clone()).unwrap();
    assert!(printed.ends_with("{\"name\":\"P1\",\"user\":null,\"date\":null,\"duration\":0}\n"), "{printed}");
    bench.stop();
}

#[test]
fn analytics_ticks_also_while_the_store_is_empty() {
    let dir = Dir::new("analytics");
    let bench = Bench::start(&dir, &[("supplier.every", "1 hour")]);
    bench.sql(PAGE_EVENTS);
    bench.until_idle();
    network().block_on(async {
        let EndpointMatch::Found(call) = bench.instance.endpoint("GET", "/analytics") else { panic!() };
        let Ok(EndpointReply::Ticker(mut ticker)) = call.call(&[]).await else { panic!() };
        assert_eq!(ticker.next().await.unwrap().unwrap(), "{}");
        // The page shows windows that began in the last 5 seconds: at a window's end, it would never show these events.
        bench.until("a window begins", || bench.broker.now_ms() % 5_000 < 1_000);
        let at = bench.broker.now_ms();
        bench.produce("R2", 0, &[(at, r#"{"name":"P2","duration":200}"#), (at, r#"{"name":"P1","duration":200}"#)]);
        let mut tick = ticker.next().await.unwrap().unwrap();
        // On a busy machine a tick may come before the counts.
        while tick == "{}" {
            tick = ticker.next().await.unwrap().unwrap();
        }
        assert_eq!(tick, r#"{"P1":1,"P2":1}"#);
        bench.sql("DROP ENDPOINT analytics");
        assert!(ticker.next().await.is_none());
    });
    bench.stop();
}

fn rows_of(event: &Event) -> Vec<String> {
    match event {
        Event::Update(update) => update.rows.iter().map(|row| Value::from(row.clone()).to_string()).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_subscription_shows_a_snapshot_then_what_changes() {
    let dir = Dir::new("live");
    let bench = Bench::start(&dir, &[("supplier.every", "1 hour")]);
    bench.sql(PAGE_EVENTS);
    bench.until_idle();
    let options = SubscribeOptions {
        queries: vec!["*".to_owned()],
        topics: vec!["R2".to_owned(), "R4".to_owned()],
        stats: true,
        fps: Some(0),
    };
    network().block_on(async {
        let mut subscription = bench.instance.subscribe(&options).unwrap();
        let first = subscription.next().await.unwrap();
        let Event::Snapshot(snapshot) = &first[0] else { panic!("{first:?}") };
        let Snapshot { queries, topics, generators, endpoints, stats, .. } = &**snapshot;
        assert_eq!((queries.len(), topics.len(), generators.len(), endpoints.len()), (3, 2, 1, 2));
        assert!(stats.is_some());

        // Rows of two windows; then the first is closed by stream time.
        let mut seen = Vec::new();
        let mut names = Vec::new();
        let collect = async |subscription: &mut runtime::Subscription,
                             seen: &mut Vec<String>,
                             names: &mut Vec<_>,
                             wanted: &str| {
            let wait = async {
                while !seen.iter().any(|row| row.contains(wanted)) {
                    for event in subscription.next().await.unwrap() {
                        names.push(event.name());
                        seen.extend(rows_of(&event));
                        if let Event::Final(window) = &event {
                            seen.push(format!("final {}", window.window_start.text()));
                        }
                        if let Event::Late(late) = &event {
                            seen.push(format!("late {} {:?}", late.dropped, late.records[0].key));
                        }
                    }
                }
            };
            tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap_or_else(|_| panic!("no {wanted}"));
        };
        bench.produce("R2", 0, &[(1_000, r#"{"name":"P1","duration":200}"#)]);
        collect(&mut subscription, &mut seen, &mut names, r#"["P1","1970-01-01T00:00:00Z","1970-01-01T00:00:05Z",1]"#)
            .await;
        bench.produce("R2", 0, &[(100_000, r#"{"name":"P2","duration":200}"#)]);
        collect(&mut subscription, &mut seen, &mut names, "final 1970-01-01T00:00:00Z").await;
        bench.produce("R2", 0, &[(2_000, r#"{"name":"P3","duration":200}"#)]);
        collect(&mut subscription, &mut seen, &mut names, r#"late 1 {"name": String("P3")}"#).await;
        let wait = async {
            while !names.contains(&"stats") || !names.contains(&"topic") {
                names.extend(subscription.next().await.unwrap().iter().map(Event::name));
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();

        // The objects change: a new snapshot. The instance stops: the end.
        bench.sql("DROP ENDPOINT analytics");
        let wait = async {
            while !subscription.next().await.unwrap().iter().any(|event| matches!(event, Event::Snapshot(_))) {}
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
        bench.instance.stop();
        let wait = async {
            let mut last = None;
            while let Some(events) = subscription.next().await {
                last = events.last().map(Event::name);
            }
            last
        };
        assert_eq!(tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap(), Some("end"));
    });
    assert!(bench.instance.subscribe(&SubscribeOptions { queries: vec!["nope".to_owned()], ..options }).is_err());
    bench.stop();
}

#[test]
fn traces_and_records() {
    let dir = Dir::new("trace");
    let bench = Bench::start(&dir, &[("supplier.every", "1 hour")]);
    bench.sql(PAGE_EVENTS);
    bench.until_idle();
    let events = [
        (6_000, r#"{"name":"P1","duration":200}"#),
        (7_000, r#"{"name":"P1","duration":87}"#),
        (8_000, r#"{"duration":200}"#),
        (9_000, "hello"),
        (100_000, r#"{"name":"P1","duration":200}"#),
        (6_500, r#"{"name":"P1","duration":200}"#),
    ];
    bench.produce("R2", 0, &events);
    bench.until("all are read", || bench.instance.query("page_count").unwrap().facts.records == 6);
    let trace = |offset| bench.instance.trace("page_count", "R2", 0, offset).unwrap();
    let outcomes: Vec<TraceOutcome> = (0..6).map(|offset| trace(offset).outcome).collect();
    let expected = [
        TraceOutcome::Counted,
        TraceOutcome::Filtered,
        TraceOutcome::NullKey,
        TraceOutcome::Bad,
        TraceOutcome::Counted,
        TraceOutcome::Late,
    ];
    assert_eq!(outcomes, expected);
    let counted = trace(0);
    assert_eq!(counted.windows[0].window_start.text(), "1970-01-01T00:00:05Z");
    assert_eq!(counted.key.unwrap()["name"], "P1");
    let filter = trace(1).filter.unwrap();
    assert_eq!((filter.predicate.as_str(), filter.values["duration"].as_i64()), ("duration > 100", Some(87)));
    assert_eq!(bench.instance.trace("page_count", "R2", 0, 6).unwrap_err().status(), 404);
    assert_eq!(bench.instance.trace("page_count", "R1", 0, 0).unwrap_err().status(), 400);

    bench.instance.table("page_count", Isolation::Committed, 10).unwrap();
    let browsed =
        bench.instance.records("R4", &BrowseOptions { offset: -1, limit: 1, ..BrowseOptions::default() }).unwrap();
    let newest = &browsed.records[0];
    assert_eq!((newest.value.as_i64(), newest.value_format), (Some(1), Some("int64")));
    assert_eq!(newest.key, "=>1970-01-01T00:01:40Z1970-01-01T00:01:45ZP1");
    let all = bench.instance.records("R2", &BrowseOptions { offset: 0, limit: 3, ..BrowseOptions::default() }).unwrap();
    assert_eq!(all.records.iter().map(|r| r.offset).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(all.next[&0], 3);
    let health = bench.instance.health();
    assert!(health.ready, "{health:?}");
    let metrics = bench.instance.metrics();
    let late = metrics.iter().find(|metric| metric.name == "millstream_query_late_total").unwrap();
    assert!(late.samples.iter().any(|sample| sample.labels[0].1 == "page_count" && sample.value == 1.0));
    bench.stop();
}

#[test]
fn a_look_at_a_span_of_time_passes_over_other_records_and_ends() {
    let dir = Dir::new("span");
    let bench = Bench::start(&dir, &[]);
    bench.sql("CREATE STREAM spans (name TEXT) WITH (topic = 'S', value_format = 'json')");
    let timestamp = |offset: i64| if [1, 3, 9_999, 10_001].contains(&offset) { 100 } else { 50 + offset % 2 * 100 };
    let records: Vec<(i64, &str)> = (0..10_010).map(|offset| (timestamp(offset), "{}")).collect();
    bench.produce("S", 0, &records);
    let offsets = |from_ms, limit| {
        let options = BrowseOptions { from_ms: Some(from_ms), to_ms: Some(120), limit, ..BrowseOptions::default() };
        let browsed = bench.instance.records("S", &options).unwrap();
        browsed.records.iter().map(|record| record.offset).collect::<Vec<_>>()
    };
    assert_eq!(offsets(100, 2), [1, 3]);
    assert_eq!(offsets(100, 500), [1, 3, 9_999], "10 000 offsets from the first one on");
    bench.stop();
}
