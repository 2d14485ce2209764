//! The query's results against its input counted again: R4 and the committed table against R2, and R3 record for record.

use std::time::{Duration, Instant};

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
    let durations = |topic| of(topic).map(|record| duration(&record.value)).collect::<Vec<_>>();
    let (given, copied) = (durations(R2.name), durations(R3.name));
    if given != copied {
        let agree = given.iter().zip(&copied).take_while(|(a, b)| a == b).count();
        return Err(format!("R3 has {} records for {} of R2; the first {agree} agree", copied.len(), given.len()));
    }
    Ok(())
}

fn duration(event: &[u8]) -> Option<i64> {
    serde_json::from_slice::<serde_json::Value>(event).ok()?["duration"].as_i64()
}
