//! What maintainers run: code generation, checks, pages.
//!
//! Owns: everything automated that is no test. `cargo xtask` lists it.
//! Never: ships, or is needed by a user's build: what it generates is committed.

use std::process::ExitCode;

mod wire;

const USAGE: &str = "usage:
  cargo xtask wire                 writes crates/wire/src/{messages,records,api_key/table.rs} from crates/wire/definitions
  cargo xtask wire-import JAR...   writes crates/wire/definitions from the message specifications inside Kafka's jars";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((command, [])) if command == "wire" => wire::generate(),
        Some((command, jars)) if command == "wire-import" && !jars.is_empty() => wire::import(jars),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
