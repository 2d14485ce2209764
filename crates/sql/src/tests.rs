//! Every case of `testdata/` through one `check`.
//!
//! A case file holds blocks: a line `=== title`, lines `set name=value`, the text, a line `---`, and what comes out:
//! one line per statement, or the rendered diagnostics. `UPDATE_GOLDEN=1 cargo test -p sql` writes what comes out;
//! read the diff before it is committed.

use std::fmt::Write;
use std::path::PathBuf;

use crate::catalog::Body;
use crate::{Bound, Catalog, Diagnostic, Settings};

fn testdata() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// Runs every block of `file` through `run` and compares with what the file says.
fn check(file: &str, run: impl Fn(&str, &Settings) -> String) {
    let path = testdata().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut out = String::new();
    let mut failures = Vec::new();
    let (head, blocks) = text.split_once("=== ").unwrap_or((&text, ""));
    out.push_str(head);
    for block in blocks.split("\n=== ") {
        let (title, rest) = block.split_once('\n').unwrap_or((block, ""));
        let (input, expected) = rest.split_once("\n---\n").unwrap_or((rest, ""));
        let mut settings = Settings::new();
        let mut sql = String::new();
        for line in input.lines() {
            match line.strip_prefix("set ").and_then(|s| s.split_once('=')) {
                Some((name, value)) => settings.set(name, value, "--set"),
                None => {
                    sql.push_str(line);
                    sql.push('\n');
                }
            }
        }
        let actual = run(sql.trim_end(), &settings);
        if actual.trim_end() != expected.trim_end() {
            failures.push(format!("--- {file}: {title}\nexpected:\n{}\nactual:\n{actual}", expected.trim_end()));
        }
        let _ = write!(out, "=== {title}\n{}\n---\n{}\n\n", input.trim_end(), actual.trim_end());
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{}\n", out.trim_end())).unwrap();
    } else {
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}

fn rendered(problems: &[Diagnostic]) -> String {
    problems.iter().map(Diagnostic::render).collect::<Vec<_>>().join("")
}

fn parsed(sql: &str, settings: &Settings) -> String {
    match crate::parse("", sql, settings) {
        Err(problems) => rendered(&problems),
        Ok(statements) => statements
            .iter()
            .map(|s| {
                let again = crate::parse_canonical("", &s.text).expect("the logged text reads back");
                assert_eq!(again.len(), 1, "{}", s.text);
                assert_eq!(again[0].canonical, s.canonical, "the logged text is the same declaration");
                format!("{}\n", s.canonical)
            })
            .collect(),
    }
}

/// Declares everything in order and tells the topologies, the pull queries, or the first fault.
fn bound(sql: &str, settings: &Settings) -> String {
    let statements = match crate::parse("", sql, settings) {
        Err(problems) => return rendered(&problems),
        Ok(statements) => statements,
    };
    let mut catalog = Catalog::new();
    let mut out = String::new();
    for statement in &statements {
        match crate::bind(statement, &catalog) {
            Err(problem) => {
                out.push_str(&problem.render());
                return out;
            }
            Ok(Bound::Create { object, change, warnings }) => {
                out.push_str(&rendered(&warnings));
                let columns: Vec<String> = object.columns().iter().map(|(name, ty)| format!("{name} {ty}")).collect();
                let _ = writeln!(out, "{change:?} {} {} ({})", object.kind().name(), object.name, columns.join(", "));
                if let Body::Endpoint(endpoint) = &object.body {
                    let _ = writeln!(
                        out,
                        "  {} {} every {:?} into {:?}",
                        endpoint.method.name(),
                        endpoint.path,
                        endpoint.every_ms,
                        endpoint.into
                    );
                    let _ = write!(out, "  {}", crate::describe::explain_pull(&endpoint.query));
                }
                catalog.insert(*object);
            }
            Ok(Bound::Drop { name, delete_topic }) => {
                let _ = writeln!(out, "drop {name:?} delete topic {delete_topic:?}");
                name.and_then(|name| catalog.remove(&name));
            }
            Ok(Bound::Select(pull)) => {
                let _ = write!(out, "{}", crate::describe::explain_pull(&pull));
                let _ = writeln!(out, "  order by {} limit {:?}", pull.order_by.len(), pull.limit);
            }
            Ok(Bound::Explain(text)) => out.push_str(&text),
            Ok(other) => {
                let _ = writeln!(out, "{other:?}");
            }
        }
    }
    for plan in catalog.topologies() {
        plan.topology.check().unwrap_or_else(|error| panic!("{sql}: {error}"));
        for (name, node) in &plan.tables {
            let engine::Operator::Aggregate(aggregate) = &plan.topology.nodes[*node].operator else { panic!("{name}") };
            let Body::Table(table) = &catalog.get(name).unwrap().body else { panic!("{name}") };
            assert_eq!(aggregate.schema(), table.store_schema(), "the store's rows are what pull queries are bound to");
        }
        let object = catalog.get(&plan.root).unwrap();
        let text = crate::describe::explain(object, &catalog);
        out.push_str(text.split_once('\n').map_or("", |(_, plan)| plan));
    }
    out
}

#[test]
fn plans() {
    check("plans.txt", bound);
}

#[test]
fn faults_of_meaning_are_told() {
    check("bind-errors.txt", |sql, settings| {
        let setup = "CREATE STREAM page_events (name TEXT, \"user\" TEXT, date TIMESTAMP, duration BIGINT DEFAULT 0) WITH (topic = 'R2');
            CREATE TABLE page_count AS SELECT name, window_start, window_end, count(*) AS visits
              FROM TUMBLE(page_events, INTERVAL '5 seconds') GROUP BY name, window_start, window_end;
            CREATE STREAM derived AS SELECT name FROM page_events;";
        let mut catalog = Catalog::new();
        for statement in crate::parse("", setup, &Settings::new()).unwrap() {
            let Ok(Bound::Create { object, .. }) = crate::bind(&statement, &catalog) else {
                panic!("the set-up binds")
            };
            catalog.insert(*object);
        }
        let statements = crate::parse("", sql, settings).unwrap_or_else(|e| panic!("{sql}: {}", rendered(&e)));
        let mut out = String::new();
        for statement in &statements {
            match crate::bind(statement, &catalog) {
                Err(problem) => out.push_str(&problem.render()),
                Ok(Bound::Create { object, change, warnings }) => {
                    out.push_str(&rendered(&warnings));
                    let _ = writeln!(out, "{change:?} {}", object.name);
                    catalog.insert(*object);
                }
                Ok(_) => out.push_str("fine\n"),
            }
        }
        out
    });
}

#[test]
fn statements_read_back() {
    check("parse.txt", parsed);
}

#[test]
fn faults_of_the_text_are_told() {
    check("syntax-errors.txt", parsed);
}

#[test]
fn settings_fill_literals_only() {
    check("settings.txt", parsed);
}

#[test]
fn no_text_makes_the_parser_panic_or_hang() {
    let example = include_str!("../../../examples/page-events/page-events.sql");
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/sql");
    let files: Vec<_> = std::fs::read_dir(&corpus).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty());
    files.iter().for_each(|file| crate::fuzz_text(&std::fs::read(file).unwrap()));
    let chars: Vec<char> = example.chars().collect();
    // Cut anywhere, and with any one character replaced.
    for i in (0..chars.len()).step_by(17) {
        let cut: String = chars[..i].iter().collect();
        crate::fuzz_text(cut.as_bytes());
        for strange in ['(', '\'', '"', '$', '{', ';', '\0', '-', 'é', '\n'] {
            if i % (17 * 8) == 0 {
                let mut changed = chars.clone();
                changed[i] = strange;
                crate::fuzz_text(changed.into_iter().collect::<String>().as_bytes());
            }
        }
    }
    for piece in [
        "(",
        "NOT ",
        "- ",
        "CASE WHEN ",
        "CAST(",
        "a + ",
        "f(",
        "EXPLAIN ",
        "a::TEXT::",
        "1 IN (",
        "/*",
        "'",
        "${",
        "x.",
        "CASE ",
    ] {
        let _ = crate::parse("", &format!("SELECT {}", piece.repeat(20_000)), &Settings::new());
        let _ = crate::parse("", &piece.repeat(20_000), &Settings::new());
    }
}

#[test]
fn the_manual_names_every_function() {
    let manual = include_str!("../../../docs/sql.md");
    let functions = engine::Function::names().chain(engine::aggregate::AggregateFunction::names());
    let missing: Vec<&str> = functions.filter(|name| !manual.contains(&format!("`{name}"))).collect();
    assert!(missing.is_empty(), "docs/sql.md does not name {missing:?}");
}

#[test]
fn settings_come_from_where_they_say() {
    let mut settings = Settings::new().with("topic.R1", "A", "--set");
    settings.set_environment(
        [("MILLSTREAM_TOPIC_R1", "B"), ("MILLSTREAM_TOPIC_R2", "C"), ("topic.R3", "D"), ("user", "root")]
            .map(|(name, value)| (name.to_string(), value.to_string())),
    );
    let get = |name: &str| settings.get(name).map(|(value, origin)| format!("{value} from {origin}"));
    assert_eq!(get("topic.R1").as_deref(), Some("A from --set"));
    assert_eq!(get("topic.R2").as_deref(), Some("C from environment variable MILLSTREAM_TOPIC_R2"));
    assert_eq!(get("topic.R3").as_deref(), Some("D from environment variable topic.R3"));
    assert_eq!(get("user"), None, "a plain variable of the environment is not meant");
    let uses = crate::setting_uses("SELECT '${topic.R1:R1} $${no} ${b}', ${n:5} -- ${no}\n, '${topic.R1:R9}'");
    let names: Vec<(&str, Option<&str>)> = uses.iter().map(|u| (u.name.as_str(), u.default.as_deref())).collect();
    assert_eq!(names, [("topic.R1", Some("R1")), ("b", None), ("n", Some("5"))]);
    let misspelt = Settings::new().with("topic.R", "x", "--set").with("commit.interval", "1", "--set");
    assert_eq!(misspelt.unused(&uses, &["commit.interval"]), [("topic.R", Some("topic.R1"))]);
}

#[test]
fn cards_say_what_a_query_does() {
    let example = include_str!("../../../examples/page-events/page-events.sql");
    let mut catalog = Catalog::new();
    for statement in crate::parse("page-events.sql", example, &Settings::new()).unwrap() {
        let Ok(Bound::Create { object, .. }) = crate::bind(&statement, &catalog) else { panic!("{}", statement.text) };
        catalog.insert(*object);
    }
    let card = |name: &str| {
        let card = crate::describe::card(catalog.get(name).unwrap());
        let parts = [card.reads, card.writes, card.filter, card.window, card.grace, card.retention, card.every];
        let parts: Vec<String> = parts.into_iter().map(|part| part.unwrap_or_else(|| "-".to_string())).collect();
        format!("{}: {}", card.kind, parts.join(" | "))
    };
    assert_eq!(card("page_count"), "table: page_events | - | duration > 100 | 5 seconds | 1 minute | 65 seconds | -");
    assert_eq!(card("page_visits"), "stream: page_count | R4 | - | - | - | - | -");
    assert_eq!(card("page_event_supplier"), "generator: - | page_events | - | - | - | - | 1 second");
    assert_eq!(card("publish"), "endpoint: - | topic {topic} | - | - | - | - | -");
    assert_eq!(card("page_event_consumer"), "sink: published | print | - | - | - | - | -");
    let plan = catalog.topology_of("page_visits").unwrap();
    assert_eq!(plan.application_id("millstream"), "millstream-page_count");
    assert_eq!(plan.changelog_topic("millstream", "page_count"), "millstream-page_count-page_count-changelog");
    assert_eq!(plan.dead_letter_topic(), "page_count-dlq");
    assert_eq!(plan.sources[0].columns[1].default, engine::Value::BigInt(0), "the DEFAULT of a missing field");
    assert!(catalog.topology_of("published").is_none(), "a declared stream runs nothing");
}
