//! The program is killed at random moments under load, or its file system loses its power, and it is started again; then
//! all that it promised is compared with what it has.
//!
//! ```text
//! idempotent and transactional producers, copier,          ┌─> tails, group members, drains
//! page events                               ──> program ──┤
//!                                                          └─> history ──> testkit::history::check
//!                                                  ^ kill -9, TERM, kill while it starts
//! ```
//! `MILLSTREAM_ROUNDS` says how many times it is killed (20), `MILLSTREAM_CYCLES` how many times the power goes (3; needs
//! root and a loop device, and is skipped without), `MILLSTREAM_SEED` which ones (1), `MILLSTREAM_BINARY` with which
//! program (a debug build). A failure names the seed and keeps the data directory.
//!
//! Verified: see [`testkit::history`]. Not verified: a disk that lies about a sync.

mod chain;
mod copier;
mod counts;
mod disk;
mod foreign;
mod gate;
mod idempotent;
mod member;
mod offsets;
mod produce;
mod reading;
mod restart_time;
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
use disk::Disk;
use schedule::Fault;
use server::Server;
use testkit::requirement::permit;

/// What the power is taken from.
const FILE_SYSTEM: &str = "ext4";

fn number(variable: &str, default: u64) -> u64 {
    let given = std::env::var(variable).ok().map(|text| text.parse().expect("a number"));
    given.unwrap_or(default)
}

fn first_seed() -> u64 {
    number("MILLSTREAM_SEED", 1)
}

/// Runs the rounds; the seed that replays it and why, when one fails.
fn run(name: &str, seed: u64, rounds: usize, fault: Fault, args: &[&str]) -> Result<(), String> {
    let begun = Instant::now();
    let (mut answered, mut ready, mut sends) = (Vec::new(), Vec::new(), 0);
    for (chain_number, rounds_of_chain) in schedule::chains(seed, rounds, fault).into_iter().enumerate() {
        let dir = test_dir(&format!("{name}-{chain_number}"));
        let disk = match fault {
            Fault::Kill => None,
            Fault::Power => Some(Disk::new(&dir, FILE_SYSTEM)?),
        };
        let data_dir = disk.as_ref().map_or(dir.clone(), |disk| disk.mount.dir.join("data"));
        let args = [&["--set", "supplier.every=20 ms"], args].concat();
        let server = Server::new(data_dir, &args);
        let mut chain = Chain::begin(server, disk, rounds_of_chain[0].seed);
        for round in &rounds_of_chain {
            let number = ready.len() + 1;
            let started = chain.round(round).map_err(|why| {
                let place = dir.display();
                format!("round {number} of {rounds} with MILLSTREAM_SEED={seed} ({round:?}): {why}\nkept: {place}")
            })?;
            println!("{name} {number}: {:?}, {started:?}, after {:?}", round.ending, begun.elapsed());
            answered.push(started.answered);
            ready.push(started.ready);
        }
        sends += chain.end();
        let _ = std::fs::remove_dir_all(dir);
    }
    let (answered, ready) = (median_and_max(answered), median_and_max(ready));
    println!(
        "{name}: {rounds} rounds of seed {seed} in {:?}: {sends} records; from exec to the first answer {:?}, at most \
         {:?}; until ready {:?}, at most {:?}",
        begun.elapsed(),
        answered.0,
        answered.1,
        ready.0,
        ready.1
    );
    Ok(())
}

#[test]
fn killed_under_load() {
    let rounds = number("MILLSTREAM_ROUNDS", 20) as usize;
    run("killed", first_seed(), rounds, Fault::Kill, &[]).unwrap_or_else(|why| panic!("{why}"));
}

/// Whether this machine lets us mount a file system and take its power away.
fn can_lose_power() -> bool {
    let probe = Disk::new(&test_dir("probe"), FILE_SYSTEM).and_then(|disk| disk.cut_power());
    permit("a file system to lose its power", probe).is_some()
}

#[test]
fn without_power_under_load() {
    if can_lose_power() {
        let cycles = number("MILLSTREAM_CYCLES", 3) as usize;
        run("powerless", first_seed(), cycles, Fault::Power, &[]).unwrap_or_else(|why| panic!("{why}"));
    }
}

/// The harness can fail: a program that does not sync loses what it acknowledged, and that is what is noticed. A loss after which
/// it does not even start proves nothing: the next seed is tried.
#[test]
fn a_program_that_does_not_sync_is_caught() {
    if !can_lose_power() {
        return;
    }
    let caught = (first_seed()..).take(5).find_map(|seed| {
        let run = || run("unsynced", seed, 5, Fault::Power, &["--durability", "os"]);
        let done = std::panic::catch_unwind(run).ok()?;
        Some(done.expect_err("five power losses take nothing from a program that does not sync"))
    });
    let why = caught.expect("it starts after one of five losses");
    let is_a_loss = [chain::ANOMALIES, reading::LOST].iter().any(|sign| why.contains(sign));
    assert!(is_a_loss, "something else went wrong: {why}");
    println!("caught, as it should be: {why}");
}
