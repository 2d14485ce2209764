//! How many page events a core reads and writes a second: `cargo run --release -p format --example json_rate`.
//!
//! Prints the median of nine rounds, by CPU time, over 100,000 records of 80 to 84 bytes, for the fields of the
//! page-event query, for all fields, for the full reader alone, and for writing. Not a benchmark of a query: no log,
//! no engine.

use std::time::Instant;

use engine::Type;
use format::{Column, Decoder, Encoder, ValueFormat};

const ROWS: usize = 100_000;
const ROUNDS: usize = 9;

fn main() {
    let plain: Vec<String> = (0..ROWS).map(|i| event(i, ":")).collect();
    // A tab after the colon is enough to send a record to the full reader.
    let unusual: Vec<String> = (0..ROWS).map(|i| event(i, ":\t")).collect();
    let name = Column::new("name", Type::Text);
    let user = Column::new("user", Type::Text);
    let date = Column::new("date", Type::Timestamp);
    let duration = Column::new("duration", Type::BigInt);
    println!("{} bytes a record", plain.iter().map(String::len).sum::<usize>() / ROWS);
    rate("read name, duration", &plain, &[name.clone(), duration.clone()]);
    rate("read nothing (count)", &plain, &[]);
    rate("read all four", &plain, &[name.clone(), user.clone(), date.clone(), duration.clone()]);
    rate("full reader: name, duration", &unusual, &[name.clone(), duration.clone()]);
    write_rate(&plain, &[name, user, date, duration]);
}

fn event(i: usize, colon: &str) -> String {
    format!(
        "{{\"name\"{colon}\"P{}\",\"user\"{colon}\"U{}\",\"date\"{colon}\"2025-10-18T15:{:02}:{:02}.542+00:00\",\"duration\"{colon}{}}}",
        1 + i % 2,
        1 + i % 3 % 2,
        i / 60 % 60,
        i % 60,
        i * 7919 % 9000
    )
}

fn median(mut run: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let (start, cpu_start) = (Instant::now(), cpu_seconds());
            run();
            match (cpu_start, cpu_seconds()) {
                (Some(before), Some(after)) => after - before,
                _ => start.elapsed().as_secs_f64(),
            }
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[ROUNDS / 2]
}

/// What this thread has used of a core, so that a busy machine does not count; Linux only.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

fn rate(what: &str, records: &[String], columns: &[Column]) {
    let decoder = Decoder::compile(ValueFormat::Json, columns).expect("the columns fit");
    let seconds = median(|| {
        let decoded = decoder.decode(records.iter().map(|record| Some(record.as_bytes())));
        assert_eq!(decoded.rows, ROWS);
    });
    println!("{what:<30} {:>6.1} M rows/s", ROWS as f64 / seconds / 1e6);
}

fn write_rate(records: &[String], columns: &[Column]) {
    let decoder = Decoder::compile(ValueFormat::Json, columns).expect("the columns fit");
    let decoded = decoder.decode(records.iter().map(|record| Some(record.as_bytes())));
    let named: Vec<(String, Type)> = columns.iter().map(|column| (column.name.clone(), column.ty)).collect();
    let encoder = Encoder::compile(ValueFormat::Json, &named).expect("the columns fit");
    let seconds = median(|| assert_eq!(encoder.encode(&decoded.columns, ROWS).iter().count(), ROWS));
    println!("{:<30} {:>6.1} M rows/s", "write all four", ROWS as f64 / seconds / 1e6);
}
