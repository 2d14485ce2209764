//! Statements: what repeats, what changes, what conflicts, what is dropped, what a restart brings back.

use std::sync::Arc;

use broker::{Broker, BrokerOptions};
use connect::embedded::PrintTo;
use runtime::{ExecuteError, ExecuteOptions, Instance, InstanceOptions, OutcomeKind, QueryState, Settings};

use crate::bench::{Bench, Dir, PAGE_EVENTS};

fn outcomes(bench: &Bench, sql: &str, options: &ExecuteOptions) -> Vec<(String, OutcomeKind)> {
    let outcomes = bench.instance.execute(sql, options).unwrap_or_else(|error| panic!("{error}"));
    outcomes.into_iter().map(|outcome| (outcome.name.unwrap_or_default(), outcome.outcome)).collect()
}

#[test]
fn a_file_is_a_declaration() {
    let dir = Dir::new("declaration");
    let bench = Bench::start(&dir, &[("supplier.every", "1 hour")]);
    let options = ExecuteOptions::default();
    let first = outcomes(&bench, PAGE_EVENTS, &options);
    assert_eq!(first.len(), 9);
    assert!(first.iter().all(|(_, outcome)| *outcome == OutcomeKind::Created), "{first:?}");
    let again = outcomes(&bench, PAGE_EVENTS, &options);
    assert!(again.iter().all(|(_, outcome)| *outcome == OutcomeKind::Unchanged), "{again:?}");

    // A generator's option is applied.
    let settings = vec![("supplier.every".to_owned(), "2 hours".to_owned())];
    let changed = outcomes(&bench, PAGE_EVENTS, &ExecuteOptions { settings, ..ExecuteOptions::default() });
    for (name, outcome) in changed {
        let expected = if name == "page_event_supplier" { OutcomeKind::Changed } else { OutcomeKind::Unchanged };
        assert_eq!(outcome, expected, "{name}");
    }
    assert_eq!(bench.instance.generators()[0].every_ms, 7_200_000.0);

    // A changed stateful query names both texts and the ways out; nothing else of the text is applied.
    let settings = vec![("window.size".to_owned(), "7 seconds".to_owned())];
    let text = format!("CREATE STREAM extra (a TEXT) WITH (topic = 'extra', value_format = 'json');\n{PAGE_EVENTS}");
    match bench.instance.execute(&text, &ExecuteOptions { settings, ..ExecuteOptions::default() }) {
        Err(ExecuteError::Conflict(all)) => {
            let cause = &all[0].rendered;
            assert!(
                cause.contains("5 seconds") && cause.contains("7 seconds") && cause.contains("DROP TABLE"),
                "{cause}"
            );
            assert!(cause.contains("--data-dir"), "{cause}");
        }
        other => panic!("{other:?}"),
    }
    assert!(bench.broker.topic("extra").is_none());
    bench.stop();
}

#[test]
fn errors_have_a_place_and_nothing_is_applied() {
    let dir = Dir::new("errors");
    let bench = Bench::start(&dir, &[]);
    let text = PAGE_EVENTS.replace("WHERE duration >", "WHERE durations >");
    match bench.instance.execute(&text, &ExecuteOptions::default()) {
        Err(ExecuteError::Text(all)) => {
            assert_eq!(
                (&*all[0].cause, all[0].fix.as_deref()),
                ("unknown column `durations`", Some("did you mean `duration`?"))
            );
            assert!(all[0].rendered.contains("unknown column `durations`; did you mean `duration`?"), "{all:?}");
            assert_eq!(all.len(), 1, "what follows from an error is not told: {all:?}");
            assert!(all[0].line > 1 && all[0].excerpt.contains("^^^^^^^^^"), "{all:?}");
        }
        other => panic!("{other:?}"),
    }
    assert!(bench.instance.queries().is_empty() && bench.broker.topic("R1").is_none());
    bench.stop();
}

#[test]
fn a_restart_brings_everything_back_and_a_drop_takes_it_away() {
    let dir = Dir::new("drop");
    let bench = Bench::start(&dir, &[("supplier.every", "1 hour")]);
    bench.sql(PAGE_EVENTS);
    bench.instance.generator_pause("page_event_supplier").unwrap();
    bench.until_idle();
    let id = bench.instance.query("page_count").unwrap().id;
    bench.stop();

    // Other settings do not change what was agreed on.
    let bench = Bench::start(&dir, &[("topic.R2", "X2")]);
    bench.until_idle();
    let names: Vec<String> = bench.instance.queries().into_iter().map(|query| query.name).collect();
    assert_eq!(names, ["page_count", "page_event_consumer", "page_event_function"]);
    let query = bench.instance.query("page_visits").unwrap();
    assert_eq!((query.name.as_str(), &query.id, query.reads.as_slice()), ("page_count", &id, &["R2".to_owned()][..]));
    assert_eq!(bench.instance.generators()[0].state, runtime::GeneratorState::Paused);
    assert_eq!(bench.instance.endpoints().len(), 2);

    let in_use = bench.instance.execute("DROP TABLE page_count", &ExecuteOptions::default());
    assert!(matches!(in_use, Err(ExecuteError::Text(_))), "{in_use:?}");
    let at = bench.broker.now_ms();
    bench.produce("R2", 0, &[(at, r#"{"name":"P1","duration":200}"#)]);
    bench.until_idle();
    bench.sql("DROP ENDPOINT analytics; DROP STREAM page_visits DELETE TOPIC; DROP TABLE page_count;");
    assert!(bench.broker.topic("R4").is_none());
    assert!(bench.broker.topic("millstream-page_count-page_count-changelog").is_none());
    assert!(bench.broker.committed_offsets("millstream-page_count").is_empty());
    assert!(bench.instance.query("page_count").is_err());
    bench.stop();

    // Gone is gone; created again, it counts anew from the beginning.
    let bench = Bench::start(&dir, &[]);
    assert!(bench.instance.query("page_count").is_err());
    bench.sql(PAGE_EVENTS);
    bench.until_idle();
    let query = bench.instance.query("page_count").unwrap();
    assert_ne!(query.id, id);
    bench.until("the event is counted again", || bench.instance.query("page_count").unwrap().facts.records == 1);
    bench.stop();
}

#[test]
fn function_definition_chooses_what_starts() {
    let dir = Dir::new("functions");
    let set = [("function.definition", "pageEventConsumer;pageEventSupplier"), ("supplier.every", "1 hour")];
    let bench = Bench::start(&dir, &set);
    let options = ExecuteOptions { declaration: true, ..ExecuteOptions::default() };
    let skipped: Vec<String> = outcomes(&bench, PAGE_EVENTS, &options)
        .into_iter()
        .filter(|(_, outcome)| *outcome == OutcomeKind::Skipped)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(skipped, ["page_event_function", "page_count", "page_visits", "analytics"]);
    bench.stop();
}

#[test]
fn select_show_insert() {
    let dir = Dir::new("select");
    let bench = Bench::start(&dir, &[("supplier.every", "1 hour")]);
    bench.sql(PAGE_EVENTS);
    bench.sql("INSERT INTO page_events (name, duration) VALUES ('P1', 200), ('P2', 300), ('P1', 50)");
    bench.until_idle();
    bench.until("three are read", || bench.instance.query("page_count").unwrap().facts.records == 3);
    let rows = |sql: &str| {
        let outcomes = bench.instance.execute(sql, &ExecuteOptions::default()).unwrap();
        serde_json::to_string(&outcomes[0].rows).unwrap()
    };
    assert_eq!(rows("SELECT name, visits FROM page_count ORDER BY name"), r#"[["P1",1],["P2",1]]"#);
    assert_eq!(rows("SELECT 1 + 1 AS two"), "[[2]]");
    assert!(rows("SHOW QUERIES").contains(r#""page_count","running""#));
    assert!(rows("SHOW TOPICS").contains(r#"["R2",1,3]"#));
    assert!(rows("DESCRIBE page_count").contains(r#"["visits","BIGINT"]"#));
    bench.stop();
}

#[test]
fn an_inserted_key_column_is_the_records_key_and_a_tables_topic_is_there_at_once() {
    let dir = Dir::new("keys");
    let bench = Bench::start(&dir, &[]);
    bench.sql(
        "CREATE STREAM keyed (id TEXT KEY, amount BIGINT) WITH (topic = 'K', key_format = 'text', value_format = 'json'); \
         CREATE TABLE totals WITH (topic = 'T', key_format = 'text', value_format = 'json') AS \
           SELECT id, sum(amount) AS total FROM keyed GROUP BY id; \
         INSERT INTO keyed (id, amount) VALUES ('a', 1), ('b', 2), ('a', 3);",
    );
    assert!(bench.broker.topic("T").is_some());
    let keys: Vec<_> = bench.read("K").into_iter().map(|record| (record.key, record.value)).collect();
    assert_eq!(keys[0], (Some(b"a".to_vec()), Some(br#"{"amount":1}"#.to_vec())));
    bench.until("three are read", || bench.instance.query("totals").unwrap().facts.records == 3);
    let outcomes =
        bench.instance.execute("SELECT id, total FROM totals ORDER BY id", &ExecuteOptions::default()).unwrap();
    assert_eq!(serde_json::to_string(&outcomes[0].rows).unwrap(), r#"[["a",4],["b",2]]"#);
    bench.stop();
}

#[derive(Debug)]
struct Panics;

impl PrintTo for Panics {
    fn print(&self, _lines: &[u8]) {
        panic!("this printer does not print (a test wants it so)");
    }
}

#[test]
fn a_panic_fails_its_query_alone_and_nothing_of_it_is_committed() {
    let dir = Dir::new("panic");
    let broker = Broker::open(BrokerOptions::new(dir.path())).unwrap();
    let options = InstanceOptions {
        broker: Arc::clone(&broker),
        clock: Arc::new(os::SystemClock::new()),
        settings: Settings::default(),
        instance_name: "millstream".to_owned(),
        workers: 2,
    };
    let instance = Instance::start_printing_to(options, Arc::new(Panics)).unwrap();
    let bench = Bench { broker, instance, printed: Arc::default() };
    bench.sql(PAGE_EVENTS);
    bench.instance.generator_pause("page_event_supplier").unwrap();
    let at = bench.broker.now_ms();
    bench.produce("R1", 0, &[(at, r#"{"name":"P1","duration":200}"#)]);
    bench.until("the query has failed", || {
        bench.instance.query("page_event_consumer").unwrap().state == QueryState::Failed
    });
    let error = bench.instance.query("page_event_consumer").unwrap().error.unwrap();
    assert_eq!(error.code, "internal");
    assert!(error.cause.contains("this printer does not print"), "{error:?}");
    bench.produce("R2", 0, &[(at, r#"{"name":"P1","duration":200}"#)]);
    bench.until("other queries commit", || {
        bench.broker.committed_offsets("millstream-page_count").iter().any(|(_, _, offset, _)| offset.0 > 0)
    });
    let committed = bench.broker.committed_offsets("millstream-page_event_consumer");
    assert!(committed.iter().all(|(_, _, offset, _)| offset.0 == 0), "{committed:?}");
    bench.stop();
}

#[test]
fn what_was_declared_before_a_statement_failed_runs() {
    let dir = Dir::new("half");
    let bench = Bench::start(&dir, &[]);
    // The broker refuses a topic whose name differs from another's in `.` and `_` only.
    let text = "CREATE STREAM keyed (id TEXT KEY, amount BIGINT) \
           WITH (topic = 'K_1', key_format = 'text', value_format = 'json'); \
         CREATE TABLE totals WITH (topic = 'T', key_format = 'text', value_format = 'json') AS \
           SELECT id, sum(amount) AS total FROM keyed GROUP BY id; \
         CREATE STREAM bad (id TEXT KEY) WITH (topic = 'K.1', key_format = 'text', value_format = 'json');";
    let refused = bench.instance.execute(text, &ExecuteOptions::default());
    assert!(matches!(refused, Err(ExecuteError::Runtime(_))), "{refused:?}");
    bench.until("the query before it runs", || {
        bench.instance.query("totals").is_ok_and(|query| query.state == QueryState::Running)
    });
    bench.stop();
}

#[test]
fn a_record_that_is_no_statement_does_not_keep_the_instance_from_starting() {
    let dir = Dir::new("foreign");
    let bench = Bench::start(&dir, &[]);
    bench.sql("CREATE STREAM keyed (id TEXT KEY) WITH (topic = 'K', key_format = 'text', value_format = 'json')");
    let mut batch = record::BatchBuilder::new(record::BatchOptions::default());
    batch.push(record::TimestampMs(0), Some(b"keyed"), Some(b"no statement"), []);
    let log = bench.broker.partition("millstream-statements", 0).unwrap();
    let appended = log.produce(batch.finish(record::Offset(0), record::LeaderEpoch(0)), 0).unwrap();
    appended.ticket.wait().unwrap();
    bench.stop();
    let bench = Bench::start(&dir, &[]);
    assert_eq!(outcomes(&bench, "DESCRIBE keyed", &ExecuteOptions::default()).len(), 1);
    bench.stop();
}

/// Writes into the statement log, as another version of the program does.
fn log_statements(bench: &Bench, statements: &[(&str, &str, &str)]) {
    let mut batch = record::BatchBuilder::new(record::BatchOptions::default());
    for (name, kind, sql) in statements {
        let value = serde_json::json!({"version": 1, "kind": kind, "sql": sql}).to_string();
        batch.push(record::TimestampMs(0), Some(name.as_bytes()), Some(value.as_bytes()), []);
    }
    let log = bench.broker.partition("millstream-statements", 0).unwrap();
    let appended = log.produce(batch.finish(record::Offset(0), record::LeaderEpoch(0)), 0).unwrap();
    appended.ticket.wait().unwrap();
}

#[test]
fn a_statement_that_does_not_bind_any_more_fails_alone_and_can_be_dropped() {
    let dir = Dir::new("unbound");
    let bench = Bench::start(&dir, &[]);
    bench.sql(
        "CREATE STREAM keyed (id TEXT, amount BIGINT) WITH (topic = 'K', value_format = 'json'); \
         CREATE TABLE totals AS SELECT id, sum(amount) AS total FROM keyed GROUP BY id;",
    );
    log_statements(
        &bench,
        &[
            (
                "broken",
                "table",
                "CREATE TABLE broken AS SELECT id, no_such_function(amount) AS x FROM keyed GROUP BY id",
            ),
            ("garbled", "stream", "CREATE GARBLED"),
            ("after", "stream", "CREATE STREAM after WITH (topic = 'A', value_format = 'json') AS SELECT id FROM lost"),
        ],
    );
    bench.stop();

    let bench = Bench::start(&dir, &[]);
    let running = |name: &str| bench.instance.query(name).is_ok_and(|query| query.state == QueryState::Running);
    bench.until("what binds runs", || running("totals"));
    for (name, says) in [("broken", "no_such_function"), ("garbled", "GARBLED"), ("after", "lost")] {
        let query = bench.instance.query(name).unwrap();
        let error = query.error.unwrap();
        assert_eq!((query.state, error.code.as_str()), (QueryState::Failed, "does_not_bind"), "{name}");
        assert!(error.cause.contains(says), "{name}: {error:?}");
        assert!(error.fix.unwrap().contains(&format!("{name}, then create it anew")));
        assert!(bench.instance.queries().iter().any(|query| query.name == name));
    }
    let health = bench.instance.health();
    let queries = health.checks.iter().find(|check| check.name == "queries").unwrap();
    assert!(queries.detail.as_ref().is_some_and(|detail| detail.contains("no_such_function")), "{health:?}");

    // Nor is it dropped by who means a stream, whatever else the text does.
    let options = ExecuteOptions::default();
    match bench.instance.execute("DROP STREAM broken; DROP STREAM garbled", &options) {
        Err(ExecuteError::Text(all)) => {
            let said = &all[0].rendered;
            assert!(said.contains("`broken` was declared with CREATE TABLE: it is not a stream"), "{said}");
            assert!(said.contains("write DROP TABLE broken"), "{said}");
        }
        other => panic!("{other:?}"),
    }
    assert!(["broken", "garbled"].iter().all(|name| bench.instance.query(name).is_ok()));

    // A table that has counted is not replaced by the way.
    let create = "CREATE TABLE broken AS SELECT id, count(*) AS x FROM keyed GROUP BY id";
    match bench.instance.execute(create, &options) {
        Err(ExecuteError::Text(all)) => assert!(all[0].rendered.contains("DROP TABLE broken first"), "{all:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        outcomes(&bench, &format!("DROP TABLE broken; {create}; DROP STREAM garbled"), &options),
        [("broken", OutcomeKind::Dropped), ("broken", OutcomeKind::Created), ("garbled", OutcomeKind::Dropped)]
            .map(|(name, outcome)| (name.to_owned(), outcome))
    );
    bench.until("the new one runs", || running("broken"));
    // What it was waiting for is there: it runs without a restart.
    bench.sql("CREATE STREAM lost (id TEXT) WITH (topic = 'L', value_format = 'json')");
    bench.until("what was waiting runs", || running("after"));
    assert!(bench.instance.health().ready);
    bench.stop();

    let bench = Bench::start(&dir, &[]);
    let running = |name: &str| bench.instance.query(name).is_ok_and(|query| query.state == QueryState::Running);
    assert!(bench.instance.query("garbled").is_err());
    // It stands in the log before what it waits for.
    bench.until("all run", || ["totals", "broken", "after"].into_iter().all(running));
    bench.stop();
}

#[test]
fn state_that_lost_its_statement_or_its_changelog_is_not_counted_on_from() {
    let dir = Dir::new("lost");
    let text = "CREATE STREAM keyed (id TEXT, amount BIGINT) WITH (topic = 'K', value_format = 'json'); \
         CREATE TABLE totals WITH (topic = 'T', key_format = 'text', value_format = 'json') AS \
           SELECT id, sum(amount) AS total FROM keyed GROUP BY id;";
    let total = |bench: &Bench| {
        bench.until("all is read", || bench.instance.query("totals").unwrap().facts.records > 0);
        bench.instance.table("totals", runtime::Isolation::Committed, 10).unwrap().rows
    };
    let bench = Bench::start(&dir, &[]);
    bench.sql(text);
    bench.produce("K", 0, &[(0, r#"{"id":"a","amount":1}"#)]);
    assert_eq!(serde_json::to_string(&total(&bench)).unwrap(), r#"[["a",1]]"#);
    bench.stop();

    // As if the process had ended in the middle of a DROP.
    let broker = Broker::open(BrokerOptions::new(dir.path())).unwrap();
    broker.delete_topic("millstream-statements").unwrap();
    let bench = Bench::on(broker, &[]);
    bench.sql(text);
    assert_eq!(serde_json::to_string(&total(&bench)).unwrap(), r#"[["a",1]]"#);
    bench.stop();

    let broker = Broker::open(BrokerOptions::new(dir.path())).unwrap();
    broker.delete_topic("millstream-totals-totals-changelog").unwrap();
    let bench = Bench::on(broker, &[]);
    bench.until("it is refused", || bench.instance.query("totals").unwrap().state == QueryState::Failed);
    assert_eq!(bench.instance.query("totals").unwrap().error.unwrap().code, "changelog_deleted");
    bench.sql("DROP TABLE totals");
    bench.sql(text);
    assert_eq!(serde_json::to_string(&total(&bench)).unwrap(), r#"[["a",1]]"#);
    bench.stop();
}

#[test]
fn partitions_that_a_topic_gets_are_read_or_refused_in_plain_words() {
    let dir = Dir::new("more-partitions");
    let bench = Bench::start(&dir, &[]);
    bench.sql(
        "CREATE STREAM keyed (id TEXT, amount BIGINT) WITH (topic = 'K', value_format = 'json'); \
         CREATE STREAM late (id TEXT) WITH (topic = 'L', value_format = 'json', start = 'latest'); \
         CREATE STREAM copies WITH (topic = 'C', value_format = 'json') AS SELECT id FROM keyed; \
         CREATE STREAM late_copies WITH (topic = 'LC', value_format = 'json') AS SELECT id FROM late; \
         CREATE TABLE totals WITH (topic = 'T', key_format = 'text', value_format = 'json') AS \
           SELECT id, sum(amount) AS total FROM keyed GROUP BY id;",
    );
    let committed = |topic: &str, count: usize| bench.until(topic, || bench.read(topic).len() == count);

    // What is produced before a query runs is not later than its start.
    bench.until_idle();
    // Nothing is counted yet: the changelog grows with its topic.
    bench.broker.create_partitions("K", 2, false).unwrap();
    bench.produce("K", 1, &[(0, r#"{"id":"a","amount":1}"#)]);
    bench.produce("L", 0, &[(0, r#"{"id":"seen"}"#)]);
    for topic in ["C", "T", "LC"] {
        committed(topic, 1);
    }
    assert_eq!(bench.broker.topic("millstream-totals-totals-changelog").unwrap().partitions, 2);

    // Copies go on, in what their own topic has got too; counts would not be those of a key any more.
    for topic in ["K", "C", "L"] {
        bench.broker.create_partitions(topic, 3, false).unwrap();
    }
    bench.produce("K", 2, &[(0, r#"{"id":"b","amount":1}"#), (1, r#"{"id":"c","amount":1}"#), (2, r#"{"id":"d"}"#)]);
    bench.produce("L", 2, &[(0, r#"{"id":"new"}"#)]);
    committed("C", 4);
    committed("LC", 2);
    assert!(bench.read("C").iter().any(|record| record.partition > 0));
    bench.until("it is refused", || bench.instance.query("totals").unwrap().state == QueryState::Failed);
    let error = bench.instance.query("totals").unwrap().error.unwrap();
    assert_eq!(error.code, "changelog_partitions");
    assert!(error.cause.contains("`K` has 3 partitions") && error.fix.unwrap().contains("drop the query"));
    bench.stop();
}
