//! What the disk gives a program that does nothing but append to a growing file and sync it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Result;
use crate::rows::Row;
use crate::table::{self, Table};

/// How its column is called.
pub const TITLE: &str = "bare append and `fdatasync`";
/// How long each row is tried when nothing else is measured.
const TRIED_FOR: Duration = Duration::from_secs(2);

/// The rows that have a bare counterpart, alone.
pub fn table(dir: &Path) -> Result<String> {
    let mut table = Table::new("");
    table.column(TITLE);
    for row in Row::ALL {
        let Some((bytes, records)) = row.bare() else { continue };
        let rounds = append_and_sync(dir, &bytes, TRIED_FOR)?;
        let p50 = table::micros(rounds.p50_seconds * 1e6);
        let rate = table::rate(records as f64 / rounds.mean_seconds);
        table.put(row.title(), format!("{p50}, {rate}"));
    }
    Ok(table.to_string())
}

/// How long one append with its sync took.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// To be compared with a median time.
    pub p50_seconds: f64,
    /// To be compared with a rate: what was reached has the slow rounds in it, as a server's has.
    pub mean_seconds: f64,
}

/// Appends `bytes` and syncs, again and again.
pub fn append_and_sync(dir: &Path, bytes: &[u8], time: Duration) -> Result<Rounds> {
    let path = dir.join("bare");
    let mut times = Vec::new();
    let mut rounds = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
        let started = Instant::now();
        while started.elapsed() < time {
            let begun = Instant::now();
            file.write_all(bytes)?;
            file.sync_data()?;
            times.push(begun.elapsed().as_secs_f64());
        }
        std::fs::remove_file(&path)
    };
    rounds().map_err(|e| format!("bare append in {}: {e}", dir.display()))?;
    let mean_seconds = times.iter().sum::<f64>() / times.len() as f64;
    Ok(Rounds { p50_seconds: table::median(&mut times), mean_seconds })
}
