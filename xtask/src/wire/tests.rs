//! The definitions are in their notation, and the committed sources are what they generate.

use std::fs;

use super::definition::{parse, print};
use super::{families, files, rust, wire_root, write_formatted};

#[test]
fn definitions_are_printed_as_they_are_read() {
    let paths = files(&wire_root().join("definitions")).expect("the definitions");
    assert!(paths.len() > 90, "only {} files", paths.len());
    for path in paths {
        let text = fs::read_to_string(&path).expect("a text");
        let printed: Vec<String> = parse(&text).expect("definitions").iter().map(print).collect();
        let without_comments = text.split_once("\n\n").expect("a comment first").1;
        assert_eq!(printed.join("\n"), without_comments, "{}", path.display());
    }
}

#[test]
fn committed_sources_are_generated() {
    let sources = rust::sources(&families(&wire_root()).expect("the definitions")).expect("sources");
    let scratch = std::env::temp_dir().join(format!("millstream-wire-{}", std::process::id()));
    write_formatted(&scratch, &sources).expect("formatted");
    let stale: Vec<&String> = sources
        .keys()
        .filter(|path| fs::read(scratch.join(path)).ok() != fs::read(wire_root().join(path)).ok())
        .collect();
    let _ = fs::remove_dir_all(&scratch);
    assert!(stale.is_empty(), "run `cargo xtask wire`: {stale:?}");

    let mut committed = files_of_rust("src/messages");
    committed.extend(files_of_rust("src/records"));
    committed.retain(|path| !sources.contains_key(path));
    assert!(committed.is_empty(), "no definition makes {committed:?}");
}

fn files_of_rust(directory: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(wire_root().join(directory)).expect("a directory") {
        let entry = entry.expect("an entry");
        let path = format!("{directory}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() { found.extend(files_of_rust(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn faults_are_told_with_their_line() {
    fn check(text: &str, expected: &str) {
        assert_eq!(parse(text).expect_err("a fault"), expected, "{text}");
    }
    check("query Produce", "line 1: `query` is no kind of message");
    check("request Produce 0 versions", "line 1: `request Produce 0 versions` ends too early");
    check("request Produce zero", "line 1: unexpected `zero`");
    check("request Produce 0 versions 0-1\n  acks", "line 2: `acks` ends too early");
    check(
        "request Produce 0 versions 0-1\n  acks int16 x+",
        "line 2: `x+` are no versions: expected N, N-M, N+ or none",
    );
    check("request Produce 0 versions 0-1\n  acks int16 tag t 0+", "line 2: `t` is no tag");
    check("request Produce 0 versions 0-1\n   acks int16", "line 2: indented by 3 spaces; expected two for each level");
    check("request Produce 0 versions 0-1\n  a []A\n      b int8", "line 3: indented too deeply");
}
