//! The rules of the house that a machine can check: who may depend on whom, licences, duplicate and banned crates, door
//! signs, names, paths of one machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The rooms in order: each may depend on those before it only.
const ROOMS: &[&str] = &[
    "os",
    "wire",
    "record",
    "commitlog",
    "broker",
    "client",
    "engine",
    "format",
    "sql",
    "connect",
    "runtime",
    "web",
    "millstream",
];

/// What DESIGN forbids beyond the order: room, and what it must not know.
const MUST_NOT_KNOW: &[(&str, &str)] = &[
    ("engine", "wire"),
    ("engine", "record"),
    ("engine", "broker"),
    ("format", "broker"),
    ("sql", "broker"),
    ("commitlog", "wire"),
    ("web", "wire"),
    ("web", "broker"),
    ("client", "broker"),
    ("runtime", "wire"),
];

const LICENCES: &[&str] = &[
    "Apache-2.0",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "Unlicense",
    "0BSD",
    "CC0-1.0",
    "BSL-1.0",
    "MIT-0",
];

/// Unmaintained, unsound, or decided against in the design.
const BANNED: &[&str] = &[
    "bincode",
    "paste",
    "number_prefix",
    "rustls-pemfile",
    "serde_yaml",
    "openssl-sys",
    "datafusion",
    "figment",
    "sled",
    "rdkafka",
    "rdkafka-sys",
    "lazy_static_include",
];

/// Crates that may be there twice, with the reason.
const DUPLICATES: &[(&str, &str)] = &[
    ("getrandom", "arrow's hasher and the test tools each hold an older one back"),
    ("r-efi", "not built on Linux; comes with the getrandom versions"),
    ("syn", "derive macros are between two majors; build time only"),
    ("hashbrown", "indexmap and our own"),
    ("wasi", "not built on Linux"),
    ("windows-sys", "not built on Linux"),
];

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(tests::root())
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Files that git knows, as paths relative to the root.
fn tracked_files() -> Vec<PathBuf> {
    let output = Command::new("git").current_dir(tests::root()).args(["ls-files", "-z"]).output().expect("git runs");
    assert!(output.status.success(), "this test needs a git checkout");
    String::from_utf8_lossy(&output.stdout).split('\0').filter(|f| !f.is_empty()).map(PathBuf::from).collect()
}

#[test]
fn rooms_depend_only_on_rooms_above() {
    let metadata = metadata();
    let mut faults = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = text(&package["name"]);
        let Some(place) = ROOMS.iter().position(|room| *room == name) else { continue };
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = text(&dependency["name"]);
            let dev = dependency["kind"] == "dev";
            if on == "testkit" && !dev {
                faults.push(format!("{name} ships testkit"));
            }
            if let Some(other) = ROOMS.iter().position(|room| *room == on)
                && !dev
                && other >= place
            {
                faults.push(format!("{name} depends on {on}, which lies below it"));
            }
            if !dev && MUST_NOT_KNOW.contains(&(name, on)) {
                faults.push(format!("{name} must not know {on}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn dependencies_are_licensed_single_and_not_banned() {
    let metadata = metadata();
    let mut faults = Vec::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = text(&package["name"]);
        versions.entry(name).or_default().insert(text(&package["version"]));
        if BANNED.contains(&name) {
            faults.push(format!("{name} is banned"));
        }
        let licence = text(&package["license"]).replace('/', " OR ");
        // An `OR` needs one side that we accept, an `AND` needs all.
        let accepted = licence.split(" OR ").any(|side| {
            side.split(" AND ").all(|l| {
                let l = l.trim_matches(['(', ')', ' ']).trim_end_matches(" WITH LLVM-exception");
                LICENCES.contains(&l)
            })
        });
        if !accepted {
            faults.push(format!("{name} has the licence {licence:?}"));
        }
    }
    for (name, versions) in versions {
        if versions.len() > 1 && !DUPLICATES.iter().any(|(allowed, _)| *allowed == name) {
            faults.push(format!("{name} is there in versions {versions:?}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

fn is_generated(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.starts_with("crates/wire/src/messages") || text.starts_with("crates/wire/src/records")
}

#[test]
fn every_door_has_a_sign_and_a_name_of_its_own() {
    const NAMELESS: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "types", "shared"];
    let mut faults = Vec::new();
    for path in tracked_files() {
        if path.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        if NAMELESS.contains(&stem.as_str()) || NAMELESS.contains(&folder.as_str()) {
            faults.push(format!("{} is named after nothing", path.display()));
        }
        let content = std::fs::read_to_string(tests::root().join(&path)).unwrap_or_default();
        let head = content.lines().find(|line| !line.starts_with("#![") && !line.is_empty()).unwrap_or_default();
        let sign = if is_generated(&path) { "//" } else { "//!" };
        if !head.starts_with(sign) {
            faults.push(format!("{} has no door sign", path.display()));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn only_os_asks_the_machine() {
    // The wall clock and the file system belong to `os`; the rooms of pure logic must not go round it.
    const PURE: &[&str] = &["wire", "record", "commitlog", "broker", "engine", "format", "sql", "connect"];
    const ASKS: &[&str] = &["SystemTime::now", "std::fs::", "fs::File::"];
    let mut faults = Vec::new();
    for path in tracked_files() {
        let text = path.to_string_lossy();
        let room = PURE.iter().find(|room| text.starts_with(&format!("crates/{room}/src/")));
        if room.is_none() || path.extension().is_none_or(|e| e != "rs") || text.contains("tests") {
            continue;
        }
        let content = std::fs::read_to_string(tests::root().join(&path)).unwrap_or_default();
        for (line, what) in content
            .lines()
            .zip(1..)
            .flat_map(|(l, n)| ASKS.iter().filter(move |a| l.contains(**a)).map(move |a| (n, a)))
        {
            faults.push(format!("{text}:{line} uses {what}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn no_path_of_one_machine_is_committed() {
    let mut faults = Vec::new();
    for path in tracked_files() {
        let text = path.to_string_lossy();
        if text.contains("/dist/") || text.ends_with(".lock") || text == "tests/tidy/main.rs" {
            continue;
        }
        let Ok(content) = std::fs::read_to_string(tests::root().join(&path)) else { continue };
        for (number, line) in (1..).zip(content.lines()) {
            if ["/root/", "/home/", "/work/"].iter().any(|p| line.contains(p)) {
                faults.push(format!("{text}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
