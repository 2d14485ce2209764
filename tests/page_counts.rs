//! The exercise's counts, counted again from its input: what R4 and the table must hold.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::http;

const WINDOW_MS: i64 = 5000;
/// Size and the default grace of a minute.
const RETENTION_MS: i64 = WINDOW_MS + 60_000;

/// R2 counted again from its records.
#[derive(Debug, Default)]
pub struct Recount {
    /// Key of R4 → count.
    pub counts: BTreeMap<String, i64>,
    /// Key of R4 → start of its window.
    starts: BTreeMap<String, i64>,
    /// The largest timestamp that passed the filter.
    stream_time: i64,
}

impl Recount {
    /// Counts one record of R2.
    ///
    /// # Panics
    /// When it is no page event.
    pub fn event(&mut self, timestamp_ms: i64, value: &[u8]) {
        let event: serde_json::Value = serde_json::from_slice(value).expect("JSON");
        if event["duration"].as_i64().expect("a duration") > 100 {
            let start = timestamp_ms - timestamp_ms.rem_euclid(WINDOW_MS);
            let name = event["name"].as_str().expect("a name");
            let key = format!("=>{}{}{name}", instant(start), instant(start + WINDOW_MS));
            *self.counts.entry(key.clone()).or_insert(0) += 1;
            self.starts.insert(key, start);
            self.stream_time = self.stream_time.max(timestamp_ms);
        }
    }

    /// The counts of the windows that the table still has.
    #[must_use]
    pub fn retained(&self) -> BTreeMap<String, i64> {
        let mut retained = self.counts.clone();
        retained.retain(|key, _| self.starts[key] > self.stream_time - RETENTION_MS);
        retained
    }
}

/// Java's `Instant.toString` of a whole second, by the calendar (days from civil, Howard Hinnant's method turned round).
fn instant(ms: i64) -> String {
    let (days, seconds) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000) / 1000);
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The last value of each key of R4, from its records in order; an error where a key's values do not grow.
pub fn last_values(records: impl Iterator<Item = (String, i64)>) -> Result<BTreeMap<String, i64>, String> {
    let mut last = BTreeMap::new();
    for (key, value) in records {
        let before = last.insert(key.clone(), value);
        if before.is_some_and(|before| before >= value) {
            return Err(format!("{key} went from {before:?} to {value}: a doubled output"));
        }
    }
    Ok(last)
}

/// Where a topic's first partition ends.
///
/// # Panics
/// When the program does not say.
#[must_use]
pub fn end_offset(address: &str, topic: &str) -> i64 {
    let topic = http::get(address, &format!("/v1/topics/{topic}")).expect("it answers").json();
    topic["partitions"][0]["end_offset"].as_i64().unwrap_or(0)
}

/// Pauses the generator of R2.
///
/// # Panics
/// When the program refuses.
pub fn pause(address: &str) {
    generator(address, "pause");
}

/// Lets the generator of R2 go on.
///
/// # Panics
/// When the program refuses.
pub fn resume(address: &str) {
    generator(address, "resume");
}

fn generator(address: &str, what: &str) {
    let path = format!("/v1/generators/page_event_supplier/{what}");
    let answer = http::post_json(address, &path, "{}").expect("it answers");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn committed(address: &str) -> serde_json::Value {
    http::get(address, "/v1/tables/page_count?isolation=committed").expect("it answers").json()
}

/// Waits until everything in R2 is counted and committed. Nobody may be writing to it.
pub fn settle(address: &str, patience: Duration) -> Result<(), String> {
    let deadline = Instant::now() + patience;
    loop {
        let (offsets, end) = (committed(address)["offsets"].clone(), end_offset(address, "R2"));
        if offsets["R2"]["0"].as_i64() == Some(end) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("{offsets} of {end} are counted"));
        }
    }
}

/// The committed table, by the keys of R4.
///
/// # Panics
/// When it is not a table.
#[must_use]
pub fn table(address: &str) -> BTreeMap<String, i64> {
    let table = committed(address);
    let mut shown = BTreeMap::new();
    for row in table["rows"].as_array().expect("rows") {
        let text = |i: usize| row[i].as_str().expect("text").to_owned();
        shown.insert(format!("=>{}{}{}", text(1), text(2), text(0)), row[3].as_i64().expect("a count"));
    }
    shown
}
