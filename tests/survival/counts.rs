//! The query's results against its input counted again: R4 and the committed table against R2, and R3 record for
//! record, as the query makes its events of R2's.

use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::history::Isolation;
use tests::page_counts::{self, Recount};

use crate::offsets;
use crate::reading::{Fetched, Positions, Record, fetch};
use crate::session::Session;
use crate::world::{R2, R3, R4, World};

const PATIENCE: Duration = Duration::from_secs(30);
/// The query that copies R2 to R3.
const COPIER: &str = "millstream-page_event_function";

/// Pauses the generator, and waits until the queries have dealt with all of R2.
pub fn settle(world: &World, session: &mut Session) -> Result<(), String> {
    page_counts::pause(&world.http);
    // A topic that is gone is told at once, not after all patience.
    let (mut there, wait) =
        (Positions::beginning(world.partitions(&[&R2, &R3, &R4]), Isolation::Uncommitted), Duration::ZERO);
    fetch(world, session, &mut there, wait).map_err(|trouble| format!("the query's topics: {trouble}"))?;
    page_counts::settle(&world.http, PATIENCE)?;
    let end = page_counts::end_offset(&world.http, R2.name);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let committed = offsets::committed(world, session, COPIER);
        match &committed {
            Ok(offsets) if offsets.iter().any(|(_, offset)| *offset == end) => return Ok(()),
            _ if Instant::now() > deadline => return Err(format!("{COPIER} is at {committed:?}, not at {end}")),
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Compares what a committed drain and the table show.
pub fn check(world: &World, drained: &Fetched) -> Result<(), String> {
    let of = |topic: &'static str| {
        let id = world.id(topic, 0).expect("a partition that is watched");
        drained.records.iter().filter(move |record| record.partition == id)
    };
    let mut recount = Recount::default();
    for event in of(R2.name) {
        recount.event(event.timestamp_ms, &event.value);
    }
    let visits = |record: &Record| {
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        (key, record.value.as_ref().try_into().map_or(-1, i64::from_be_bytes))
    };
    let last = page_counts::last_values(of(R4.name).map(visits))?;
    if last != recount.counts {
        return Err(format!("R4 has {last:?}\nR2 counted again: {:?}", recount.counts));
    }
    let (table, retained) = (page_counts::table(&world.http), recount.retained());
    if table != retained {
        return Err(format!("the table has {table:?}\nR2 counted again: {retained:?}"));
    }
    let events = |topic| {
        of(topic)
            .map(|record| serde_json::from_slice(&record.value).ok().map(with_date_ms))
            .collect::<Vec<Option<Value>>>()
    };
    let (given, copied) = (events(R2.name), events(R3.name));
    let expected: Vec<Option<Value>> = given.into_iter().map(|event| event.map(function_of)).collect();
    if let Some(at) = (0..expected.len().max(copied.len())).find(|at| expected.get(*at) != copied.get(*at)) {
        return Err(format!(
            "R3 has {} records for {} of R2; at {at} it has {:?}, not {:?}",
            copied.len(),
            expected.len(),
            copied.get(at),
            expected.get(at)
        ));
    }
    Ok(())
}

/// What the query makes of an event: `'L:' || length(name) AS name, 'UUUUUU' AS "user", date, duration`. Dates are compared as
/// milliseconds: our producers write them so, the program as text.
fn function_of(mut event: Value) -> Value {
    let letters = event["name"].as_str().map_or(0, |name| name.chars().count());
    event["name"] = format!("L:{letters}").into();
    event["user"] = "UUUUUU".into();
    event
}

/// The event with its date in milliseconds, however it is written.
fn with_date_ms(mut event: Value) -> Value {
    if let Some(ms) = event["date"].as_str().and_then(date_ms) {
        event["date"] = ms.into();
    }
    event
}

/// `2026-11-22T20:39:18.170+00:00` (days from civil, Howard Hinnant's method).
fn date_ms(text: &str) -> Option<i64> {
    let text = text.strip_suffix("+00:00").or_else(|| text.strip_suffix('Z'))?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fields: Vec<i64> = whole.split(['-', 'T', ':']).map(|field| field.parse().ok()).collect::<Option<_>>()?;
    let [year, month, day, hour, minute, second] = fields.try_into().ok()?;
    let y = year - i64::from(month <= 2);
    let (era, yoe) = (y.div_euclid(400), y.rem_euclid(400));
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468;
    let ms: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    Some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + ms)
}
