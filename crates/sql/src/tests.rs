//! Every case of `testdata/` through one `check`.
//!
//! A case file holds blocks: a line `=== title`, lines `set name=value`, the text, a line `---`, and what comes out: one line per
//! statement, or the rendered diagnostics. `UPDATE_GOLDEN=1 cargo test -p sql` writes what comes out; read the diff before it is
//! committed.

use std::fmt::Write;
use std::path::PathBuf;

use crate::{Diagnostic, Settings};

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
    let chars: Vec<char> = example.chars().collect();
    // Cut anywhere, and with any one character replaced.
    for i in (0..chars.len()).step_by(5) {
        let cut: String = chars[..i].iter().collect();
        let _ = crate::parse("", &cut, &Settings::new());
        for strange in ['(', '\'', '"', '$', '{', ';', '\0', '-', 'é', '\n'] {
            if i % 40 == 0 {
                let mut changed = chars.clone();
                changed[i] = strange;
                let _ = crate::parse("", &changed.into_iter().collect::<String>(), &Settings::new());
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
