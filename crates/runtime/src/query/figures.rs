//! What the rest of the instance sees of a running query.
//!
//! Written by the thread that computes, after each superstep; read by pages and pull queries at any time.

use std::collections::{BTreeMap, VecDeque};

use engine::seam::LateRow;
use engine::store::StoreReader;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::instant::InstantMs;
use crate::rate::RateMeter;
use crate::status::{BadRecord, LateRecord, QueryError, QueryState};

/// Late rows that are kept for pages that have not drained them yet.
const LATE_ROWS_KEPT: usize = 100;

/// What the rest of the instance sees of a running query.
#[derive(Debug)]
pub(crate) struct Shared {
    life: Mutex<(QueryState, Option<QueryError>)>,
    pub(crate) figures: Mutex<Figures>,
    /// One per table.
    pub(crate) readers: RwLock<Vec<StoreReader>>,
    pub(crate) rate_in: Mutex<RateMeter>,
    pub(crate) rate_out: Mutex<RateMeter>,
    /// Tells subscriptions that something may have changed.
    changed: watch::Sender<u64>,
}

/// Figures of this process's run, across reopenings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) records: u64,
    pub(crate) records_out: u64,
    pub(crate) filtered: u64,
    pub(crate) late: u64,
    pub(crate) bad: u64,
    pub(crate) null_keys: u64,
    pub(crate) commits: u64,
    pub(crate) delay_ms: Option<i64>,
    pub(crate) last_update_ms: Option<i64>,
    pub(crate) last_bad: Option<BadRecord>,
    pub(crate) last_late: Option<LateRecord>,
    /// Next offset, per topic and partition.
    pub(crate) positions: BTreeMap<(String, i32), i64>,
    /// Rows per sink topic or connector.
    pub(crate) sinks: BTreeMap<String, u64>,
    /// Transaction markers written per topic: offsets that hold no record.
    pub(crate) markers: BTreeMap<String, u64>,
    /// The newest late rows with their topics; the first has the number `late_first`.
    pub(crate) late_rows: VecDeque<(String, LateRow)>,
    pub(crate) late_first: u64,
}

impl Figures {
    /// Remembers late rows for pages.
    pub(crate) fn push_late(&mut self, rows: impl IntoIterator<Item = (String, LateRow)>) {
        for row in rows {
            self.late_rows.push_back(row);
            if self.late_rows.len() > LATE_ROWS_KEPT {
                self.late_rows.pop_front();
                self.late_first += 1;
            }
        }
    }
}

impl Shared {
    pub(crate) fn new(changed: watch::Sender<u64>) -> Self {
        Self {
            life: Mutex::new((QueryState::Starting, None)),
            figures: Mutex::default(),
            readers: RwLock::default(),
            rate_in: Mutex::default(),
            rate_out: Mutex::default(),
            changed,
        }
    }

    /// Where it is in its life, and why it failed.
    pub(crate) fn life(&self) -> (QueryState, Option<QueryError>) {
        self.life.lock().clone()
    }

    pub(crate) fn set_life(&self, state: QueryState, error: Option<QueryError>) {
        *self.life.lock() = (state, error);
        self.touch();
    }

    /// A running query is blocked, or runs again. Whatever else it does is left alone.
    pub(crate) fn set_blocked(&self, why: Option<QueryError>) {
        {
            let mut life = self.life.lock();
            match (life.0, why) {
                (QueryState::Running, Some(why)) => *life = (QueryState::Blocked, Some(why)),
                (QueryState::Blocked, None) => *life = (QueryState::Running, None),
                _ => return,
            }
        }
        self.touch();
    }

    /// Wakes subscriptions.
    pub(crate) fn touch(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    /// Stream time of the query's (first) table.
    pub(crate) fn stream_time(&self) -> Option<InstantMs> {
        let time = self.readers.read().first().map(StoreReader::stream_time)?;
        (time >= 0).then_some(InstantMs(time))
    }
}
