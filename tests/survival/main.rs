//! The program is killed at random moments under load and started again; then all that it promised is compared with what
//! it has.
//!
//! ```text
//! idempotent and transactional producers, copier,          ┌─> tails, group members, drains
//! page events                               ──> program ──┤
//!                                                          └─> history ──> testkit::history::check
//!                                                  ^ kill -9, TERM, kill while it starts
//! ```
//! `MILLSTREAM_ROUNDS` says how many rounds are made (20), `MILLSTREAM_SEED` which ones (1), `MILLSTREAM_BINARY` with
//! which program (a debug build). A failure names the seed and keeps the data directory.
//!
//! Verified: see [`testkit::history`]. Not verified: a machine without power; see `docs/durability.md`.

mod chain;
mod copier;
mod counts;
mod foreign;
mod gate;
mod idempotent;
mod member;
mod offsets;
mod produce;
mod reading;
mod schedule;
mod server;
mod session;
mod tail;
mod transaction;
mod transactional;
mod world;

use std::time::Instant;

use tests::program::test_dir;

use chain::{Chain, median_and_max};
use server::Server;

fn number(variable: &str, default: u64) -> u64 {
    let given = std::env::var(variable).ok().map(|text| text.parse().expect("a number"));
    given.unwrap_or(default)
}

#[test]
fn killed_under_load() {
    let (seed, rounds) = (number("MILLSTREAM_SEED", 1), number("MILLSTREAM_ROUNDS", 20) as usize);
    let begun = Instant::now();
    let (mut answered, mut ready, mut sends) = (Vec::new(), Vec::new(), 0);
    for (chain_number, rounds_of_chain) in schedule::chains(seed, rounds).into_iter().enumerate() {
        let dir = test_dir(&format!("killed-{}", chain_number % 2));
        let server = Server::new(dir.clone(), 0, &["--set", "supplier.every=20 ms"]);
        let mut chain = Chain::begin(server, rounds_of_chain[0].seed);
        for round in &rounds_of_chain {
            match chain.round(round) {
                Ok(started) => {
                    println!("round {}: {:?}, {started:?}, {:?}", ready.len() + 1, round.ending, begun.elapsed());
                    answered.push(started.answered);
                    ready.push(started.ready);
                }
                Err(why) => panic!(
                    "round {} of MILLSTREAM_SEED={seed} MILLSTREAM_ROUNDS={rounds} ({round:?}): {why}\nkept: {}",
                    ready.len() + 1,
                    dir.display()
                ),
            }
        }
        sends += chain.end();
    }
    let (answered, ready) = (median_and_max(answered), median_and_max(ready));
    println!(
        "{rounds} rounds of seed {seed} in {:?}: {sends} records; from exec to the first answer {:?}, at most {:?}; \
         until ready {:?}, at most {:?}",
        begun.elapsed(),
        answered.0,
        answered.1,
        ready.0,
        ready.1
    );
}
