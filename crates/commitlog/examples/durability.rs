//! What a sync costs on this machine, and what the log makes of it:
//! `cargo run --release -p commitlog --example durability -- DIRECTORY`. The figures are kept in `docs/durability.md`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use commitlog::{AppendContext, AppendKind, Log, LogConfig, LogSet, SetOptions, Ticket};
use os::{Disk, File, OpenMode, RealDisk};
use record::{BatchBuilder, BatchOptions, LeaderEpoch, Offset, TimestampMs};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("usage: durability DIRECTORY")?);
    RealDisk.create_dir_all(&dir)?;
    // With `set` as the second argument, only what the log makes of it.
    if std::env::args().nth(2).as_deref() != Some("set") {
        raw(&dir)?;
    }
    single(&dir)?;
    many(&dir)?;
    throughput(&dir)?;
    restart(&dir)
}

fn raw(dir: &Path) -> Outcome<()> {
    println!(
        "| dirty files | bytes each | fdatasync, 1 thread | 4 threads | 16 threads | journal, growing | journal, rewritten |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    for bytes in [200, 16 * 1024] {
        for files in [1, 2, 8, 64, 1000] {
            ways(dir, files, bytes)?;
        }
    }
    println!();
    Ok(())
}

/// p50 in microseconds.
fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn timed(samples: &mut Vec<f64>, work: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
    let start = Instant::now();
    work()?;
    samples.push(start.elapsed().as_secs_f64() * 1e6);
    Ok(())
}

fn ways(dir: &Path, count: usize, bytes: usize) -> Outcome<()> {
    let open = |name: String| RealDisk.open(&dir.join(name), OpenMode::Write);
    let files = (0..count).map(|i| open(format!("f{i}"))).collect::<Result<Vec<_>, _>>()?;
    let block = vec![7; bytes];
    let mut end = 0;
    let mut append = |files: &[Arc<dyn File>]| -> Outcome<()> {
        for file in files {
            file.write_all_at(&block, end)?;
        }
        end += bytes as u64;
        Ok(())
    };
    for file in &files {
        file.set_len(0)?;
    }
    append(&files)?;
    sync_all(&files, 16)?;
    let rounds = if count >= 1000 { 7 } else { 60 };
    let mut row = format!("| {count} | {bytes} |");
    for threads in [1, 4, 16] {
        let mut samples = Vec::new();
        for _ in 0..rounds {
            append(&files)?;
            timed(&mut samples, || sync_all(&files, threads))?;
        }
        let shown = if threads > count { "–".to_owned() } else { format!("{:.0} µs", median(samples)) };
        row += &format!(" {shown} |");
    }
    for rewritten in [false, true] {
        let journal = open("journal".to_owned())?;
        journal.set_len(0)?;
        let frame = vec![3; (bytes + 64) * count];
        if rewritten {
            journal.write_all_at(&vec![0; frame.len() * (rounds + 1)], 0)?;
            journal.sync_all()?;
        }
        let mut samples = Vec::new();
        for i in 0..rounds {
            append(&files)?;
            timed(&mut samples, || {
                journal.write_all_at(&frame, (i * frame.len()) as u64)?;
                Ok(journal.sync_data()?)
            })?;
        }
        row += &format!(" {:.0} µs |", median(samples));
    }
    println!("{row}");
    Ok(())
}

fn sync_all(files: &[Arc<dyn File>], threads: usize) -> Outcome<()> {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            file.sync_data()?;
        }
        Ok::<(), std::io::Error>(())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(files.len())).map(|_| scope.spawn(work)).collect();
        work()?;
        for other in others {
            other.join().map_err(|_| "a sync thread panicked")??;
        }
        Ok(())
    })
}

fn open_set(dir: &Path) -> Outcome<Arc<LogSet>> {
    if RealDisk.exists(dir)? {
        RealDisk.remove_dir_all(dir)?;
    }
    let options = SetOptions::new(Arc::new(RealDisk), dir.join("log"), dir.join("state"));
    Ok(LogSet::open(options, TimestampMs(0))?.0)
}

fn batch(records: usize, value_bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for _ in 0..records {
        builder.push(TimestampMs(1_700_000_000_000), None, Some(&vec![b'v'; value_bytes]), []);
    }
    builder.finish(Offset(0), LeaderEpoch(0))
}

fn append(log: &Log, batch: &Bytes) -> Outcome<Ticket> {
    let context = AppendContext {
        kind: AppendKind::Client,
        leader_epoch: LeaderEpoch(0),
        now_ms: TimestampMs(1_700_000_000_000),
    };
    Ok(log.append(batch.clone(), context)?.ticket)
}

/// One record at a time, against an append and a sync of the same bytes by a bare program, taken in turn.
fn single(dir: &Path) -> Outcome<()> {
    let set = open_set(&dir.join("single"))?;
    let log = set.create("single-0", LogConfig::default())?;
    let bare = RealDisk.open(&dir.join("bare"), OpenMode::Write)?;
    bare.set_len(0)?;
    for value_bytes in [100, 1024, 16 * 1024] {
        let batch = batch(1, value_bytes);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..500 {
            timed(&mut ours, || Ok(append(&log, &batch)?.wait()?))?;
            timed(&mut theirs, || {
                bare.write_all_at(&batch, bare.len()?)?;
                Ok(bare.sync_data()?)
            })?;
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "one record of {value_bytes} bytes, acknowledged: p50 {ours:.0} µs; bare append and fdatasync {theirs:.0} µs; ratio {:.2}",
            ours / theirs
        );
    }
    set.close()?;
    Ok(())
}

fn many(dir: &Path) -> Outcome<()> {
    let set = open_set(&dir.join("many"))?;
    let names: Vec<String> = (0..1000).map(|i| format!("many-{i}")).collect();
    let wanted: Vec<(&str, LogConfig)> = names.iter().map(|n| (n.as_str(), LogConfig::default())).collect();
    let start = Instant::now();
    let logs = set.create_all(&wanted, &|_| Ok(()))?;
    println!("1,000 partitions created in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    let (one, thousand) = (batch(1, 100), batch(1000, 100));
    let (mut spread, mut batches, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..41 {
        timed(&mut spread, || {
            let tickets = logs.iter().map(|log| append(log, &one)).collect::<Outcome<Vec<_>>>()?;
            Ok(Ticket::all(tickets).wait()?)
        })?;
        timed(&mut batches, || {
            let tickets = (0..1000).map(|_| append(&logs[0], &one)).collect::<Outcome<Vec<_>>>()?;
            Ok(Ticket::all(tickets).wait()?)
        })?;
        timed(&mut whole, || Ok(append(&logs[0], &thousand)?.wait()?))?;
    }
    let (spread, batches, whole) = (median(spread), median(batches), median(whole));
    println!(
        "1,000 partitions with one record each, acknowledged: p50 {spread:.0} µs; one partition with 1,000 batches {batches:.0} µs, ratio {:.2}; with one batch of 1,000 {whole:.0} µs, ratio {:.2}",
        spread / batches,
        spread / whole
    );
    let start = Instant::now();
    set.close()?;
    println!("closed in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

fn throughput(dir: &Path) -> Outcome<()> {
    for batch_bytes in [16 << 10, 64 << 10, 256 << 10, 1 << 20] {
        let set = open_set(&dir.join("throughput"))?;
        let log = set.create("throughput-0", LogConfig::default())?;
        let batch = batch(batch_bytes / 1024, 1010);
        let total: usize = 512 << 20;
        let count = total / batch.len();
        // Sixteen appends in flight, as a connection may have.
        let start = Instant::now();
        let mut tickets = std::collections::VecDeque::new();
        for _ in 0..count {
            tickets.push_back(append(&log, &batch)?);
            if tickets.len() == 16
                && let Some(ticket) = tickets.pop_front()
            {
                ticket.wait()?;
            }
        }
        Ticket::all(tickets).wait()?;
        let ours = (count * batch.len()) as f64 / start.elapsed().as_secs_f64() / 1e6;
        set.close()?;
        drop((log, set));

        let bare = RealDisk.open(&dir.join("bare"), OpenMode::Write)?;
        bare.set_len(0)?;
        bare.sync_all()?;
        let block: Vec<u8> = batch.iter().copied().cycle().take(batch.len() * 8).collect();
        let start = Instant::now();
        for i in 0..count / 8 {
            bare.write_all_at(&block, (i * block.len()) as u64)?;
            bare.sync_data()?;
        }
        let theirs = (count / 8 * block.len()) as f64 / start.elapsed().as_secs_f64() / 1e6;
        println!(
            "batches of {} KiB, 16 in flight: {ours:.0} MB/s; bare, 8 batches to a sync: {theirs:.0} MB/s; ratio {:.2}",
            batch_bytes >> 10,
            ours / theirs
        );
        bare.set_len(0)?;
    }
    Ok(())
}

/// How long a start takes after a crash and after a clean stop, with 1 GB in one log and with 1,000 small ones.
fn restart(dir: &Path) -> Outcome<()> {
    let dir = dir.join("restart");
    let open = || LogSet::open(SetOptions::new(Arc::new(RealDisk), dir.join("log"), dir.join("state")), TimestampMs(0));
    let set = open_set(&dir)?;
    let log = set.create("large-0", LogConfig::default())?;
    let large = batch(16, 1010);
    for _ in 0..(1 << 30) / large.len() {
        let ticket = append(&log, &large)?;
        if log.log_end_offset().0 % 1024 == 0 {
            ticket.wait()?;
        }
    }
    let names: Vec<String> = (0..1000).map(|i| format!("small-{i}")).collect();
    let wanted: Vec<(&str, LogConfig)> = names.iter().map(|n| (n.as_str(), LogConfig::default())).collect();
    let small = batch(10, 100);
    let logs = set.create_all(&wanted, &|_| Ok(()))?;
    Ticket::all(logs.iter().map(|log| append(log, &small)).collect::<Outcome<Vec<_>>>()?).wait()?;
    drop(logs);
    drop((log, set));
    for what in ["a crash", "a second crash"] {
        let start = Instant::now();
        let (set, report) = open()?;
        println!(
            "start after {what}, 1 GB and 1,000 small logs: {:.0} ms, {} cuts",
            start.elapsed().as_secs_f64() * 1e3,
            report.cuts.len()
        );
        drop(set);
    }
    let (set, _) = open()?;
    set.close()?;
    drop(set);
    let start = Instant::now();
    let (set, report) = open()?;
    println!("start after a clean stop ({}): {:.0} ms", report.clean, start.elapsed().as_secs_f64() * 1e3);
    drop(set);
    Ok(RealDisk.remove_dir_all(&dir)?)
}
