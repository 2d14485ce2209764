//! Kafka's messages: facts in `crates/wire/definitions`, Rust in `crates/wire/src`.
//!
//! Owns: the notation of the definitions ([`definition`]), their one-off import from Kafka's specifications
//! ([`import`]), and the Rust that they become ([`rust`]).
//! Never: is needed to build: the output is committed.

mod definition;
mod import;
mod rust;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use definition::Definition;

#[cfg(test)]
mod tests;

/// Writes the generated sources anew.
pub fn generate() -> Result<(), String> {
    let root = wire_root();
    let sources = rust::sources(&families(&root)?)?;
    for directory in ["src/messages", "src/records"] {
        let _ = fs::remove_dir_all(root.join(directory));
    }
    write_formatted(&root, &sources)
}

fn families(root: &Path) -> Result<Vec<Family>, String> {
    let mut families = Vec::new();
    for path in files(&root.join("definitions"))? {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let group = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        let definitions = definition::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        families.push(Family { group, name, definitions });
    }
    Ok(families)
}

/// Writes the definitions anew from Kafka's jars.
pub fn import(jars: &[String]) -> Result<(), String> {
    let root = wire_root().join("definitions");
    let _ = fs::remove_dir_all(&root);
    for (path, text) in import::definitions(jars)? {
        write(&root.join(path), &text)?;
    }
    Ok(())
}

/// One file of definitions.
struct Family {
    /// Its directory: `messages` or `records`.
    group: String,
    name: String,
    definitions: Vec<Definition>,
}

fn wire_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/wire")
}

fn files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let entries = fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "wire") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes the files below `root` as `cargo fmt` would leave them.
fn write_formatted(root: &Path, sources: &BTreeMap<String, String>) -> Result<(), String> {
    let paths: Vec<PathBuf> = sources.keys().map(|path| root.join(path)).collect();
    for (path, text) in paths.iter().zip(sources.values()) {
        write(path, text)?;
    }
    let status = std::process::Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(wire_root().join("../../rustfmt.toml"))
        .args(&paths)
        .status()
        .map_err(|error| format!("rustfmt: {error}"))?;
    if status.success() { Ok(()) } else { Err("rustfmt failed".to_owned()) }
}
