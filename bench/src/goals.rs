//! The goals of the broker's table: what each came to in this run, and whether it was met.
//!
//! Goals are ratios between figures of one run, so that they say the same on any machine; only the start and the memory are
//! figures by themselves. A goal whose figures were not measured is left out.

use std::collections::HashMap;

use crate::bare;
use crate::rows::Row;
use crate::server::Kind;
use crate::table::Table;

/// From the start to the first acknowledged record.
pub const START_MS_MAX: f64 = 50.0;
/// Before the rows.
pub const IDLE_MIB_MAX: f64 = 32.0;
/// Of what the bare program reaches, in rows with large batches.
const OF_BARE_MIN: f64 = 0.7;
/// Of what the bare program takes, one record at a time.
const BARE_TIMES_MAX: f64 = 1.2;
/// Of the time that one partition takes, for many.
const MANY_TIMES_MAX: f64 = 4.0;
/// Of Kafka's processor time, in rows that write.
const CPU_OF_KAFKA_MAX: f64 = 0.5;

/// What a row came to on one server.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Records per second, or requests per second where a row's figure is the time of one.
    pub per_second: f64,
    /// CPU seconds of the server per million records; the bare program's are not counted.
    pub cpu_seconds_per_million: f64,
}

/// All of a run, by the title of the server's column and the row.
#[derive(Debug, Default)]
pub struct Figures {
    rows: HashMap<(String, Row), Figure>,
    starts_ms: HashMap<String, f64>,
    idle_mib: HashMap<String, f64>,
}

/// A goal, as a ratio and the bound that it must not cross.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn holds(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(min) => ratio >= min,
            Self::AtMost(max) => ratio <= max,
        }
    }

    fn sign(self) -> (&'static str, f64) {
        match self {
            Self::AtLeast(min) => ("≥", min),
            Self::AtMost(max) => ("≤", max),
        }
    }
}

impl Figures {
    pub fn put(&mut self, column: &str, row: Row, figure: Figure) {
        self.rows.insert((column.to_owned(), row), figure);
    }

    pub fn put_start(&mut self, column: &str, ms: f64) {
        self.starts_ms.insert(column.to_owned(), ms);
    }

    pub fn put_idle(&mut self, column: &str, mib: f64) {
        self.idle_mib.insert(column.to_owned(), mib);
    }

    fn of(&self, column: &str, row: Row) -> Option<Figure> {
        self.rows.get(&(column.to_owned(), row)).copied()
    }

    /// A line for each goal that this run can tell of.
    pub fn verdicts(&self) -> Table {
        let mut table = Table::new("goal");
        let mut lines = Vec::new();
        let (fsync, os) = (Kind::MillstreamFsync.title(), Kind::MillstreamOs.title());
        for (ours, theirs) in [(os, Kind::KafkaPageCache.title()), (fsync, Kind::KafkaSyncing.title())] {
            for row in Row::ALL {
                let Some((our, their)) = self.of(ours, row).zip(self.of(theirs, row)) else { continue };
                let what = format!("{}: {ours}, beside {theirs}", row.title());
                lines.push((format!("{what}, speed"), our.per_second / their.per_second, Bound::AtLeast(1.0)));
                if ours == os {
                    let cpu = our.cpu_seconds_per_million / their.cpu_seconds_per_million;
                    let reads = matches!(row, Row::Consume1K | Row::Consume100);
                    let most = if reads { 1.0 } else { CPU_OF_KAFKA_MAX };
                    lines.push((format!("{what}, CPU"), cpu, Bound::AtMost(most)));
                }
            }
        }
        for row in Row::ALL {
            let Some((our, bare)) = self.of(fsync, row).zip(self.of(bare::TITLE, row)) else { continue };
            let what = format!("{}: {fsync}, beside the {}", row.title(), bare::TITLE);
            lines.push(match row {
                Row::OneAtATime => {
                    (format!("{what}, time"), bare.per_second / our.per_second, Bound::AtMost(BARE_TIMES_MAX))
                }
                _ => (format!("{what}, speed"), our.per_second / bare.per_second, Bound::AtLeast(OF_BARE_MIN)),
            });
        }
        for ours in [fsync, os] {
            let both = self.of(ours, Row::ManyPartitions).zip(self.of(ours, Row::OnePartition));
            if let Some((many, one)) = both {
                let what = format!("1,000 partitions, beside one: {ours}, time");
                lines.push((what, one.per_second / many.per_second, Bound::AtMost(MANY_TIMES_MAX)));
            }
        }
        table.column("bound");
        lines.iter().for_each(|(what, _, bound)| {
            let (sign, bound) = bound.sign();
            table.put(what, format!("{sign} {bound} ×"));
        });
        self.absolutes().iter().for_each(|(what, _, max, unit)| table.put(what, format!("≤ {max:.0} {unit}")));
        table.column("here");
        lines.iter().for_each(|(what, ratio, _)| table.put(what, format!("{ratio:.2} ×")));
        self.absolutes().iter().for_each(|(what, here, _, unit)| table.put(what, format!("{here:.0} {unit}")));
        table.column("");
        lines.iter().for_each(|(what, ratio, bound)| table.put(what, verdict(bound.holds(*ratio))));
        self.absolutes().iter().for_each(|(what, here, max, _)| table.put(what, verdict(here <= max)));
        table
    }

    /// What is measured by itself: its name, what it is, what it may be, and its unit.
    fn absolutes(&self) -> Vec<(String, f64, f64, &'static str)> {
        let mut all = Vec::new();
        for ours in [Kind::MillstreamFsync.title(), Kind::MillstreamOs.title()] {
            if let Some(ms) = self.starts_ms.get(ours) {
                all.push((format!("start: {ours}"), *ms, START_MS_MAX, "ms"));
            }
            if let Some(mib) = self.idle_mib.get(ours) {
                all.push((format!("memory, idle: {ours}"), *mib, IDLE_MIB_MAX, "MiB"));
            }
        }
        all
    }
}

/// How a goal that is met, or is not, is written in a table.
pub fn verdict(met: bool) -> String {
    if met { "met".to_owned() } else { "**missed**".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures as (column, row, per second, CPU), and the lines that must come out.
    fn check(figures: &[(&str, Row, f64, f64)], lines: &[&str]) {
        let mut all = Figures::default();
        for (column, row, per_second, cpu_seconds_per_million) in figures {
            let figure = Figure { per_second: *per_second, cpu_seconds_per_million: *cpu_seconds_per_million };
            all.put(column, *row, figure);
        }
        let text = all.verdicts().to_string();
        assert_eq!(text.lines().skip(2).collect::<Vec<_>>(), lines, "{text}");
    }

    #[test]
    fn a_goal_is_judged_by_the_figures_that_it_names() {
        let (fsync, os) = (Kind::MillstreamFsync.title(), Kind::MillstreamOs.title());
        let (kafka, syncing) = (Kind::KafkaPageCache.title(), Kind::KafkaSyncing.title());
        let both = "Millstream, `--durability os`, beside Kafka 4.3.1";
        check(
            &[(os, Row::Consume1K, 87.0, 0.9), (kafka, Row::Consume1K, 100.0, 1.0)],
            &[
                &format!("| consume 1 KB: {both}, speed | ≥ 1 × | 0.87 × | **missed** |"),
                &format!("| consume 1 KB: {both}, CPU | ≤ 1 × | 0.90 × | met |"),
            ],
        );
        // A row that writes may take half of the processor; one that was not measured on both is left out.
        check(
            &[
                (os, Row::Produce1K, 400.0, 0.6),
                (kafka, Row::Produce1K, 100.0, 1.0),
                (fsync, Row::Produce100, 1.0, 1.0),
            ],
            &[
                &format!("| produce 1 KB, 64 KiB batches: {both}, speed | ≥ 1 × | 4.00 × | met |"),
                &format!("| produce 1 KB, 64 KiB batches: {both}, CPU | ≤ 0.5 × | 0.60 × | **missed** |"),
            ],
        );
        // Times are judged as times: the bare program's one request takes 100 µs, ours 130.
        check(
            &[
                (fsync, Row::OneAtATime, 1e6 / 130.0, 1.0),
                (bare::TITLE, Row::OneAtATime, 1e6 / 100.0, 0.0),
                (syncing, Row::OneAtATime, 1e6 / 300.0, 1.0),
                (fsync, Row::ManyPartitions, 100.0, 1.0),
                (fsync, Row::OnePartition, 390.0, 1.0),
            ],
            &[
                "| one record of 1 KB at a time, p50: Millstream, beside Kafka 4.3.1, `log.flush.interval.messages=1`, \
                 speed | ≥ 1 × | 2.31 × | met |",
                "| one record of 1 KB at a time, p50: Millstream, beside the bare append and `fdatasync`, time | ≤ 1.2 × \
                 | 1.30 × | **missed** |",
                "| 1,000 partitions, beside one: Millstream, time | ≤ 4 × | 3.90 × | met |",
            ],
        );
    }
}
