//! Reading a store from another thread: snapshots, changes, history.

use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::ScalarBuffer;

use super::Store;
use super::bucket::Bucket;
use super::shard::{Shard, table_rows};
use crate::batch::Batch;
use crate::data_type::Value;
use crate::plan::AggregateNode;

/// How far a source partition has been counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next offset: everything before it is counted.
    pub offset: i64,
}

/// What a window is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WindowState {
    /// Stream time is inside or before it.
    Running,
    /// Stream time has passed its end; late records within grace still correct it.
    Ended,
    /// Grace is over: it never changes again.
    Closed,
}

/// A group of a window that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedRow {
    /// The group columns.
    pub key: Vec<Value>,
    /// The window's start; 0 for a running aggregate.
    pub window_start: i64,
    /// The window's end; 0 for a running aggregate.
    pub window_end: i64,
    /// One value per aggregate.
    pub values: Vec<Value>,
    /// The largest timestamp of the group's records.
    pub timestamp: i64,
    /// What the window is at (`Running` for a running aggregate).
    pub state: WindowState,
    /// Records that the window counted, all groups together (since this process started).
    pub records: u64,
    /// Of these, records that came after the window's end.
    pub corrections: u64,
}

/// What changed since a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// Pass it to the next call.
    pub version: u64,
    /// One row per changed group, the newest value only: by window, then in the order of the groups' first arrival.
    pub rows: Vec<ChangedRow>,
    /// The smallest stream time of the key partitions that have one; -1 without any.
    pub stream_time: i64,
    /// More rows had changed than were asked for: take a snapshot instead.
    pub truncated: bool,
}

/// The rows of a table at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    plan: AggregateNode,
    buckets: Vec<(Arc<Bucket>, WindowState)>,
    /// The source offsets up to which the rows have counted.
    pub positions: Vec<Position>,
    /// The version, for [`StoreReader::changes`].
    pub version: u64,
    /// The smallest stream time of the key partitions that have one; -1 without any.
    pub stream_time: i64,
}

/// A handle on a store that any thread may read.
#[derive(Debug, Clone)]
pub struct StoreReader {
    store: Arc<Store>,
}

impl StoreReader {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// The store's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.store.name
    }

    /// The plan of the aggregate.
    #[must_use]
    pub fn plan(&self) -> &AggregateNode {
        &self.store.plan
    }

    /// The rows that the store shows: windows within retention, all groups of a running aggregate.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_of(i64::MIN..=i64::MAX, false)
    }

    /// The same with the windows beyond retention that are still kept for charts, for window starts in a range.
    #[must_use]
    pub fn snapshot_with_history(&self, window_starts: RangeInclusive<i64>) -> Snapshot {
        self.snapshot_of(window_starts, true)
    }

    fn snapshot_of(&self, window_starts: RangeInclusive<i64>, history: bool) -> Snapshot {
        let plan = &self.store.plan;
        let state = self.store.state.read();
        let mut buckets = Vec::new();
        for shard in &state.shards {
            let closed = shard.history.iter().filter(|_| history);
            for bucket in closed.chain(shard.buckets.values()) {
                if window_starts.contains(&bucket.window_start) && (history || shard.shows(plan, bucket)) {
                    let window = window_state(plan, shard.stream_time, bucket);
                    // Ended windows are shared. A running one is copied now: sharing it would make the next superstep
                    // copy it, at its own cost.
                    let bucket = match window {
                        WindowState::Running => Arc::new(Bucket::clone(bucket)),
                        _ => Arc::clone(bucket),
                    };
                    buckets.push((bucket, window));
                }
            }
        }
        buckets.sort_by_key(|(bucket, _)| bucket.window_start);
        Snapshot {
            plan: plan.clone(),
            buckets,
            positions: state.positions.clone(),
            version: state.version,
            stream_time: stream_time(&state.shards),
        }
    }

    /// What changed after `since` (0: everything that the store holds within retention), at most `rows_max` rows.
    #[must_use]
    pub fn changes(&self, since: u64, rows_max: usize) -> Changes {
        let plan = &self.store.plan;
        let state = self.store.state.read();
        let types = plan.group_types();
        let mut rows = Vec::new();
        let mut truncated = false;
        let mut changed: Vec<(&Shard, &Arc<Bucket>)> = Vec::new();
        for shard in &state.shards {
            changed.extend(shard.buckets.values().filter(|b| b.changed_last > since || since == 0).map(|b| (shard, b)));
            // A window may change and go beyond retention between two calls.
            changed.extend(shard.history.iter().filter(|b| b.changed_last > since && since > 0).map(|b| (shard, b)));
        }
        changed.sort_by_key(|(_, bucket)| bucket.window_start);
        for (shard, bucket) in changed {
            let slots: Vec<u32> =
                bucket.slots().filter(|slot| since == 0 || bucket.group(*slot).changed > since).collect();
            if rows.len() + slots.len() > rows_max {
                truncated = true;
                break;
            }
            let (keys, values) = bucket.read(&types, &slots);
            let window = window_state(plan, shard.stream_time, bucket);
            for (i, slot) in slots.iter().enumerate() {
                rows.push(ChangedRow {
                    key: types.iter().zip(&keys).map(|(ty, column)| Value::at(column, *ty, i)).collect(),
                    window_start: bucket.window_start,
                    window_end: plan.window.map_or(0, |window| bucket.window_start.saturating_add(window.size_ms)),
                    values: plan.calls.iter().zip(&values).map(|((_, call), v)| Value::at(v, call.ty, i)).collect(),
                    timestamp: bucket.group(*slot).timestamp,
                    state: window,
                    records: bucket.rows,
                    corrections: bucket.corrections,
                });
            }
        }
        Changes { version: state.version, rows, stream_time: stream_time(&state.shards), truncated }
    }

    /// The version of the last superstep; it grows when something may have changed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.store.state.read().version
    }

    /// The smallest stream time of the key partitions that have one; -1 without any.
    #[must_use]
    pub fn stream_time(&self) -> i64 {
        stream_time(&self.store.state.read().shards)
    }

    /// Groups held (windows within retention), and the memory that they and the history take.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let state = self.store.state.read();
        let groups = state.shards.iter().flat_map(|shard| shard.buckets.values()).map(|bucket| bucket.len()).sum();
        let all = state.shards.iter().flat_map(|shard| shard.buckets.values().chain(&shard.history));
        (groups, all.map(|bucket| bucket.size_bytes()).sum())
    }
}

impl Shard {
    /// Whether Kafka Streams' window store would still show a window.
    fn shows(&self, plan: &AggregateNode, bucket: &Bucket) -> bool {
        plan.window.is_none_or(|window| bucket.window_start > self.window_start_max.saturating_sub(window.retention_ms))
    }
}

fn stream_time(shards: &[Shard]) -> i64 {
    shards.iter().map(|shard| shard.stream_time).filter(|time| *time >= 0).min().unwrap_or(-1)
}

fn window_state(plan: &AggregateNode, stream_time: i64, bucket: &Bucket) -> WindowState {
    let Some(window) = plan.window else { return WindowState::Running };
    let end = bucket.window_start.saturating_add(window.size_ms);
    if end > stream_time {
        WindowState::Running
    } else if end > stream_time.saturating_sub(window.grace_ms) {
        WindowState::Ended
    } else {
        WindowState::Closed
    }
}

impl Snapshot {
    /// The number of groups, all windows together.
    #[must_use]
    pub fn rows_max(&self) -> usize {
        self.buckets.iter().map(|(bucket, _)| bucket.len()).sum()
    }

    /// The windows, ascending by start (several entries per window with several key partitions): start, state, groups.
    pub fn windows(&self) -> impl Iterator<Item = (i64, WindowState, usize)> + '_ {
        self.buckets.iter().map(|(bucket, state)| (bucket.window_start, *state, bucket.len()))
    }

    /// All rows, with the columns of the aggregate node, ascending by window start.
    #[must_use]
    pub fn rows(&self) -> Batch {
        self.rows_between(i64::MIN..=i64::MAX)
    }

    /// The rows whose window starts in a range.
    #[must_use]
    pub fn rows_between(&self, window_starts: RangeInclusive<i64>) -> Batch {
        let types = self.plan.group_types();
        let (mut starts, mut timestamps) = (Vec::new(), Vec::new());
        let mut parts = Vec::new();
        for (bucket, _) in self.buckets.iter().filter(|(bucket, _)| window_starts.contains(&bucket.window_start)) {
            let slots: Vec<u32> = bucket.slots().collect();
            starts.extend(std::iter::repeat_n(bucket.window_start, slots.len()));
            timestamps.extend(slots.iter().map(|slot| bucket.group(*slot).timestamp));
            parts.push(bucket.read(&types, &slots));
        }
        let join = |empty: ArrayRef, pieces: Vec<&dyn Array>| -> ArrayRef {
            if pieces.is_empty() {
                return empty;
            }
            arrow_select::concat::concat(&pieces).expect("pieces of one column have one type")
        };
        let group = types.iter().enumerate();
        let group = group.map(|(i, ty)| join(ty.empty(), parts.iter().map(|part| part.0[i].as_ref()).collect()));
        let calls = self.plan.calls.iter().enumerate();
        let calls =
            calls.map(|(i, (_, call))| join(call.ty.empty(), parts.iter().map(|part| part.1[i].as_ref()).collect()));
        let starts = ScalarBuffer::from(starts);
        table_rows(&self.plan, group.collect(), calls.collect(), starts, ScalarBuffer::from(timestamps))
    }
}
