//! The `millstream` binary: reads the command line, runs one command, ends with its exit code.

mod command;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = command::Arguments::parse();
    match command::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                eprintln!("millstream: {}", failure.message);
            }
            ExitCode::from(failure.exit.code())
        }
    }
}
