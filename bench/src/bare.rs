//! What the disk gives a program that does nothing but append to a growing file and sync it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::table::{self, Table};
use crate::{Result, frames};

/// How long each size is tried.
const TRIED_FOR: Duration = Duration::from_secs(2);

/// The median append and `fdatasync` of the bytes that the rows send, and the records/s that follow.
pub fn table(dir: &Path) -> Result<String> {
    let mut table = Table::new("append and `fdatasync`");
    let one = frames::batch(1, 1_000);
    let batch = frames::batch(65, 1_000);
    let many = [batch.as_ref(); 10].concat();
    let sizes: [(&str, &[u8], u64); 3] =
        [("one 1 KB record", &one, 1), ("a 64 KiB batch", &batch, 65), ("ten 64 KiB batches", &many, 650)];
    table.column("p50");
    let mut measured = Vec::new();
    for (title, bytes, records) in sizes {
        let seconds = append_and_sync(dir, bytes).map_err(|e| format!("bare append in {}: {e}", dir.display()))?;
        table.put(title, format!("{:.0} µs", seconds * 1e6));
        measured.push((title, records as f64 / seconds));
    }
    table.column("1 KB records/s at that");
    for (title, per_second) in measured {
        table.put(title, table::rate(per_second));
    }
    Ok(table.to_string())
}

/// The median, in seconds.
fn append_and_sync(dir: &Path, bytes: &[u8]) -> std::io::Result<f64> {
    let path = dir.join("bare");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    let started = Instant::now();
    let mut times = Vec::new();
    while started.elapsed() < TRIED_FOR {
        let begun = Instant::now();
        file.write_all(bytes)?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64());
    }
    std::fs::remove_file(&path)?;
    Ok(table::median(&mut times))
}
