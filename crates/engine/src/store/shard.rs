//! The windows of one key partition: what a batch of rows does to them, and what comes out.
//!
//! The rules are Kafka Streams' (`TimeWindows`): for each row in order, stream time becomes the largest timestamp so
//! far, this row's included; the row counts if `window end > stream time - grace`. Rows are taken window by window
//! here, which changes nothing, as windows do not influence each other; the order of writes is kept by numbers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BinaryArray, TimestampMillisecondArray, UInt32Array};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};

use super::bucket::{Bucket, Key, no_nulls};
use super::changelog::{self, WINDOW_SUFFIX_BYTES};
use super::{RestoreError, Store, group_key};
use crate::batch::{Batch, KeyColumns, Keys};
use crate::data_type::{self, Value};
use crate::plan::{AggregateNode, Emit};
use crate::seam::ChangelogRows;

/// The state of one key partition.
#[derive(Debug, Clone)]
pub(crate) struct Shard {
    /// The operator's stream time: -1 before the first row.
    pub(crate) stream_time: i64,
    /// The largest window start ever put: what the store shows depends on it.
    pub(super) window_start_max: i64,
    pub(super) buckets: BTreeMap<i64, Arc<Bucket>>,
    /// Closed windows beyond retention, for charts, oldest first.
    pub(super) history: VecDeque<Arc<Bucket>>,
    /// Numbers the rows: the order of writes.
    writes: u64,
    hasher: hashbrown::DefaultHashBuilder,
    scratch: Scratch,
}

/// Buffers that live from batch to batch.
#[derive(Debug, Clone, Default)]
struct Scratch {
    windows: Vec<WindowRows>,
    slots: Vec<u32>,
}

/// The rows of a batch that fall into one window.
#[derive(Debug, Clone, Default)]
struct WindowRows {
    start: i64,
    rows: Vec<Row>,
    /// How many of them came when the window had ended.
    corrections: u64,
}

/// A row of a batch.
pub(crate) type Row = u32;

/// Rows for an aggregate, one entry per row in each part.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    /// Group keys, by [`super::encode_group_keys`]; no NULLs.
    pub(crate) keys: &'a BinaryArray,
    /// The arguments of each call.
    pub(crate) args: &'a [Vec<ArrayRef>],
    /// Times, ms.
    pub(crate) timestamps: &'a [i64],
    /// The store version that these rows make.
    pub(crate) version: u64,
}

/// What a batch or a flush gave.
#[derive(Debug, Default)]
pub(crate) struct Emitted {
    /// Results for the nodes behind the aggregate.
    pub(crate) results: Option<Batch>,
    /// For results that were given out row by row: the input row of each.
    pub(crate) causes: Vec<Row>,
    /// Rows for the changelog.
    pub(crate) changelog: Option<ChangelogRows>,
    /// Rows that came too late: row, window start, stream time.
    pub(crate) late: Vec<(Row, i64, i64)>,
    /// Rows that an aggregate refused, with the reason.
    pub(crate) refused: Vec<(Row, String)>,
}

/// Rows on their way out: bucket by bucket, in the order of `order`.
struct Pick<'a> {
    parts: Vec<(&'a Bucket, Vec<u32>)>,
    /// Positions in the concatenation of the parts.
    order: Vec<u32>,
}

impl Shard {
    pub(super) fn new() -> Self {
        Self {
            stream_time: -1,
            window_start_max: -1,
            buckets: BTreeMap::new(),
            history: VecDeque::new(),
            writes: 0,
            hasher: hashbrown::DefaultHashBuilder::default(),
            scratch: Scratch::default(),
        }
    }

    /// Adds rows, in order. With `forward_all` every change comes out at once, in the order of the rows.
    pub(crate) fn update(&mut self, store: &Store, partition: i32, input: Input<'_>, forward_all: bool) -> Emitted {
        let Input { keys, args, timestamps, version } = input;
        let plan = &store.plan;
        let mut emitted = Emitted::default();
        let mut scratch = std::mem::take(&mut self.scratch);
        self.assign_windows(plan, timestamps, &mut scratch.windows, &mut emitted);
        if forward_all {
            self.update_each(store, partition, input, &mut scratch, &mut emitted);
        } else {
            let first_write = self.writes + 1;
            let hasher = self.hasher.clone();
            self.writes += timestamps.len() as u64;
            for WindowRows { start, rows, corrections } in &mut scratch.windows {
                let bucket = self.bucket(plan, *start);
                find_slots(bucket, &hasher, keys, rows, &mut scratch.slots);
                refuse_overflows(bucket, args, rows, &mut scratch.slots, &mut emitted.refused);
                add(bucket, args, rows, &scratch.slots);
                for (row, slot) in rows.iter().zip(&scratch.slots) {
                    let row = *row as usize;
                    bucket.touch(*slot, timestamps[row], first_write + row as u64, version);
                }
                bucket.note(rows.len() as u64, *corrections, version);
            }
        }
        scratch.windows.clear();
        self.scratch = scratch;
        emitted.refused.sort_unstable_by_key(|(row, _)| *row);
        if plan.emit == Emit::Final {
            emitted.results = self.finish_windows(store);
        }
        self.expire(store);
        emitted
    }

    /// Moves stream time, drops late rows and sorts the others by window, keeping their order.
    fn assign_windows(
        &mut self,
        plan: &AggregateNode,
        timestamps: &[i64],
        windows: &mut Vec<WindowRows>,
        emitted: &mut Emitted,
    ) {
        windows.clear();
        let Some(window) = plan.window else {
            self.stream_time = timestamps.iter().copied().fold(self.stream_time, i64::max);
            if !timestamps.is_empty() {
                windows.push(WindowRows { rows: (0..timestamps.len() as u32).collect(), ..WindowRows::default() });
            }
            return;
        };
        let mut stream_time = self.stream_time;
        // Most rows fall into the window of the row before them.
        let (mut start, mut end, mut current) = (0, 0, 0);
        for (row, timestamp) in timestamps.iter().copied().enumerate() {
            stream_time = stream_time.max(timestamp);
            if timestamp < start || timestamp >= end {
                start = window.start(timestamp);
                end = start.saturating_add(window.size_ms);
                current = windows.iter().rposition(|known| known.start == start).unwrap_or(usize::MAX);
            }
            if end <= stream_time.saturating_sub(window.grace_ms) {
                emitted.late.push((row as Row, start, stream_time));
                continue;
            }
            if current == usize::MAX {
                current = windows.len();
                windows.push(WindowRows { start, ..WindowRows::default() });
            }
            windows[current].rows.push(row as Row);
            windows[current].corrections += u64::from(end <= stream_time);
        }
        self.stream_time = stream_time;
    }

    fn bucket(&mut self, plan: &AggregateNode, window_start: i64) -> &mut Bucket {
        self.window_start_max = self.window_start_max.max(window_start);
        let bucket = self.buckets.entry(window_start).or_insert_with(|| Arc::new(Bucket::new(plan, window_start)));
        // A reader may hold an ended window: it keeps what it has, and this window becomes a copy.
        Arc::make_mut(bucket)
    }

    /// As `update`, but every row gives its result at once.
    fn update_each(
        &mut self,
        store: &Store,
        partition: i32,
        input: Input<'_>,
        scratch: &mut Scratch,
        emitted: &mut Emitted,
    ) {
        let Input { keys, args, timestamps, version } = input;
        let plan = &store.plan;
        let mut rows: Vec<(Row, i64)> = Vec::new();
        for WindowRows { start, rows: of_window, corrections } in &scratch.windows {
            rows.extend(of_window.iter().map(|row| (*row, *start)));
            self.bucket(plan, *start).corrections += corrections;
        }
        rows.sort_unstable_by_key(|(row, _)| *row);
        let mut out = EachRow::new(plan);
        let hasher = self.hasher.clone();
        for (row, start) in rows {
            let bucket = self.bucket(plan, start);
            let mut one = vec![row];
            find_slots(bucket, &hasher, keys, &one, &mut scratch.slots);
            refuse_overflows(bucket, args, &mut one, &mut scratch.slots, &mut emitted.refused);
            let Some(slot) = scratch.slots.first().copied() else { continue };
            add(bucket, args, &one, &scratch.slots);
            let group = bucket.group_mut(slot);
            group.changed = version;
            group.timestamp = group.timestamp.max(timestamps[row as usize]);
            bucket.note(1, 0, version);
            out.push(plan, bucket, slot);
            emitted.causes.push(row);
        }
        if emitted.causes.is_empty() {
            return;
        }
        let (results, changelog) = out.finish(store, partition);
        emitted.changelog = Some(changelog);
        match plan.emit {
            Emit::Final => emitted.causes.clear(),
            _ => emitted.results = Some(results),
        }
    }

    /// The number of dirty groups.
    pub(crate) fn dirty(&self) -> usize {
        self.buckets.values().map(|bucket| bucket.dirty.len()).sum()
    }

    /// The memory that the dirty groups stand for, roughly as the record cache counts it.
    pub(crate) fn dirty_bytes(&self) -> usize {
        self.buckets.values().map(|bucket| bucket.dirty.len() * bucket.group_bytes()).sum()
    }

    /// Takes out what changed since the last flush: one row per group, in the order of the last writes.
    pub(crate) fn flush(&mut self, store: &Store, partition: i32) -> Emitted {
        let plan = &store.plan;
        let mut emitted = Emitted::default();
        let mut order: Vec<(u64, u32)> = Vec::new();
        let mut parts = Vec::new();
        for bucket in self.buckets.values_mut().filter(|bucket| !bucket.dirty.is_empty()) {
            let bucket = Arc::make_mut(bucket);
            let slots = std::mem::take(&mut bucket.dirty);
            for slot in &slots {
                let write = std::mem::take(&mut bucket.group_mut(*slot).written);
                order.push((write, order.len() as u32));
            }
            parts.push((bucket.window_start, slots));
        }
        if !parts.is_empty() {
            let mut order = by_write(order);
            if let [(_, slots)] = &mut *parts {
                // One window: its slots are put in order before they are read, not their rows afterwards.
                *slots = order.iter().map(|position| slots[*position as usize]).collect();
                order = (0..order.len() as u32).collect();
            }
            let parts = parts.into_iter().map(|(start, slots)| (&*self.buckets[&start], slots)).collect();
            let pick = Pick { parts, order };
            emitted.changelog = Some(changelog_rows(store, partition, &pick));
            if plan.emit == Emit::Changes {
                emitted.results = Some(pick.rows(plan));
            }
        }
        self.expire(store);
        emitted
    }

    /// EMIT FINAL: the windows that stream time has closed, by (start, key bytes).
    fn finish_windows(&mut self, store: &Store) -> Option<Batch> {
        let plan = &store.plan;
        let window = plan.window?;
        let closed = self.stream_time.saturating_sub(window.grace_ms);
        let mut starts = Vec::new();
        for (start, bucket) in &mut self.buckets {
            if start.saturating_add(window.size_ms) > closed {
                break;
            }
            if !bucket.finished {
                Arc::make_mut(bucket).finished = true;
                starts.push(*start);
            }
        }
        let mut parts = Vec::new();
        for start in starts {
            let bucket: &Bucket = &self.buckets[&start];
            let mut slots: Vec<u32> = bucket.slots().collect();
            let columns = group_key::decode(&plan.group_types(), slots.iter().map(|slot| bucket.key(*slot)));
            let keys = encode_keys(store, &columns, slots.len());
            let mut order: Vec<usize> = (0..slots.len()).collect();
            order.sort_by(|a, b| keys.value(*a).cmp(keys.value(*b)));
            slots = order.into_iter().map(|i| slots[i]).collect();
            parts.push((bucket, slots));
        }
        let rows: usize = parts.iter().map(|(_, slots)| slots.len()).sum();
        (rows > 0).then(|| Pick { parts, order: (0..rows as u32).collect() }.rows(plan))
    }

    /// Moves windows that the store no longer shows to the history, once they are flushed.
    pub(super) fn expire(&mut self, store: &Store) {
        let Some(window) = store.plan.window else { return };
        let hidden = self.window_start_max.saturating_sub(window.retention_ms);
        while let Some(first) = self.buckets.first_entry() {
            if *first.key() > hidden || !first.get().dirty.is_empty() {
                break;
            }
            self.history.push_back(first.remove());
        }
        let mut rows: usize = self.history.iter().map(|bucket| bucket.len()).sum();
        while rows > store.history_rows_max
            && let Some(oldest) = self.history.pop_front()
        {
            rows -= oldest.len();
        }
    }

    /// Takes back changelog records, in order. A later record of a key replaces an earlier one.
    pub(crate) fn restore(
        &mut self,
        store: &Store,
        keys: &BinaryArray,
        values: &BinaryArray,
        timestamps: &[i64],
    ) -> Result<(), RestoreError> {
        let plan = &store.plan;
        let fail = |reason: String| RestoreError { store: plan.store.clone(), reason };
        let types = plan.group_types();
        let parts = keys
            .iter()
            .map(|key| changelog::decode_key(plan, key.unwrap_or_default()).map_err(|error| fail(error.reason)))
            .collect::<Result<Vec<_>, _>>()?;
        let outer: BinaryArray = parts.iter().map(|(key, _)| Some(*key)).collect();
        let columns =
            if types.is_empty() { Vec::new() } else { store.key_bytes.decode(&types, &outer).map_err(fail)? };
        if !no_nulls(&columns) {
            return Err(fail("a null key".to_owned()));
        }
        let inner = group_key::encode(&types, &columns, parts.len());
        for (row, (_, start)) in parts.iter().enumerate() {
            if plan.window.is_some_and(|window| *start <= self.window_start_max.saturating_sub(window.retention_ms)) {
                // Beyond retention: the store would not show it.
                continue;
            }
            let key = inner.value(row);
            let key = Key::new(&self.hasher, key);
            if values.is_null(row) {
                // The engine itself never deletes a group; whoever did wants it empty.
                if let Some(bucket) = self.buckets.get_mut(start)
                    && let Some(slot) = bucket.find(key)
                {
                    let bucket = Arc::make_mut(bucket);
                    bucket.forget(slot);
                }
                continue;
            }
            let bucket = self.bucket(plan, *start);
            let slot = bucket.slot(key);
            bucket.grow();
            changelog::decode_value(plan, bucket, slot, values.value(row)).map_err(|error| fail(error.reason))?;
            bucket.group_mut(slot).timestamp = timestamps[row];
        }
        // A changelog may hold a day of windows: what is beyond retention must not wait for its end.
        self.expire(store);
        Ok(())
    }

    /// Ends a restoration: the operator's stream time is known.
    pub(crate) fn restored(&mut self, store: &Store, stream_time: i64) {
        self.stream_time = self.stream_time.max(stream_time);
        if let (Some(window), Emit::Final) = (store.plan.window, store.plan.emit) {
            let closed = self.stream_time.saturating_sub(window.grace_ms);
            for (start, bucket) in &mut self.buckets {
                if start.saturating_add(window.size_ms) <= closed {
                    Arc::make_mut(bucket).finished = true;
                }
            }
        }
        self.expire(store);
    }
}

/// The slot of each row's key.
fn find_slots(
    bucket: &mut Bucket,
    hasher: &hashbrown::DefaultHashBuilder,
    keys: &BinaryArray,
    rows: &[Row],
    slots: &mut Vec<u32>,
) {
    slots.clear();
    slots.reserve(rows.len());
    for row in rows {
        let key = keys.value(*row as usize);
        slots.push(bucket.slot(Key::new(hasher, key)));
    }
    bucket.grow();
}

/// Takes out the rows that an aggregate refuses. Rarely does anything: the accumulators know when nothing can overflow.
fn refuse_overflows(
    bucket: &mut Bucket,
    args: &[Vec<ArrayRef>],
    rows: &mut Vec<Row>,
    slots: &mut Vec<u32>,
    refused: &mut Vec<(Row, String)>,
) {
    let mut possible = false;
    for (accumulator, args) in bucket.accumulators.iter_mut().zip(args) {
        possible |= accumulator.may_refuse(args, rows);
    }
    if !possible {
        return;
    }
    // Whether a row fits depends on the rows before it: they are tried one after the other on a copy.
    let mut trial = bucket.accumulators.clone();
    let mut kept = 0;
    for i in 0..rows.len() {
        let (row, slot) = (rows[i], slots[i]);
        let verdict = trial.iter().zip(args).try_for_each(|(accumulator, args)| accumulator.check(args, row, slot));
        match verdict {
            Ok(()) => {
                for (accumulator, args) in trial.iter_mut().zip(args) {
                    accumulator.update(args, &[row], &[slot]);
                }
                rows[kept] = row;
                slots[kept] = slot;
                kept += 1;
            }
            Err(error) => refused.push((row, error.reason)),
        }
    }
    rows.truncate(kept);
    slots.truncate(kept);
}

fn add(bucket: &mut Bucket, args: &[Vec<ArrayRef>], rows: &[Row], slots: &[u32]) {
    for (accumulator, args) in bucket.accumulators.iter_mut().zip(args) {
        accumulator.update(args, rows, slots);
    }
}

/// The topic's key bytes of group columns.
fn encode_keys(store: &Store, columns: &[ArrayRef], rows: usize) -> BinaryArray {
    if columns.is_empty() {
        // One group of all rows: its key is empty.
        return std::iter::repeat_n(Some(&[][..]), rows).collect();
    }
    store.key_bytes.encode(&store.plan.group_types(), columns)
}

fn changelog_rows(store: &Store, partition: i32, pick: &Pick<'_>) -> ChangelogRows {
    let plan = &store.plan;
    let types = plan.group_types();
    let (mut keys, mut values, mut timestamps) = (Vec::new(), Vec::new(), Vec::new());
    let (mut key_ends, mut value_ends) = (vec![0], vec![0]);
    for (bucket, slots) in &pick.parts {
        let columns = group_key::decode(&types, slots.iter().map(|slot| bucket.key(*slot)));
        let encoded = encode_keys(store, &columns, slots.len());
        for (i, slot) in slots.iter().enumerate() {
            changelog::encode_key(plan, encoded.value(i), bucket.window_start, &mut keys);
            changelog::encode_value(plan, bucket, *slot, &mut values);
            key_ends.push(keys.len() as i32);
            value_ends.push(values.len() as i32);
            timestamps.push(bucket.group(*slot).timestamp);
        }
    }
    let array = |bytes: Vec<u8>, ends: Vec<i32>| -> BinaryArray {
        if pick.in_order() {
            return BinaryArray::new(OffsetBuffer::new(ends.into()), Buffer::from_vec(bytes), None);
        }
        let slice = |at: &u32| &bytes[ends[*at as usize] as usize..ends[*at as usize + 1] as usize];
        let (ends, bytes) = group_key::join(pick.order.iter().map(slice));
        BinaryArray::new(ends, bytes, None)
    };
    ChangelogRows {
        store: Arc::clone(&store.name),
        partition,
        keys: array(keys, key_ends),
        values: array(values, value_ends),
        timestamps: pick.order.iter().map(|position| timestamps[*position as usize]).collect(),
    }
}

/// Positions in the order of their (unique) writes.
fn by_write(mut order: Vec<(u64, u32)>) -> Vec<u32> {
    const EMPTY: u32 = u32::MAX;
    let first = order.iter().map(|(write, _)| *write).min().unwrap_or(0);
    let last = order.iter().map(|(write, _)| *write).max().unwrap_or(0);
    if last - first >= 8 * order.len() as u64 {
        order.sort_unstable();
        return order.into_iter().map(|(_, position)| position).collect();
    }
    // Writes are numbered row by row: there are not many more numbers than dirty groups, and each has its place.
    let mut places = vec![EMPTY; (last - first) as usize + 1];
    for (write, position) in order {
        places[(write - first) as usize] = position;
    }
    places.retain(|position| *position != EMPTY);
    places
}

impl Pick<'_> {
    fn in_order(&self) -> bool {
        self.order.iter().enumerate().all(|(i, position)| i == *position as usize)
    }

    /// The rows of the aggregate node.
    fn rows(&self, plan: &AggregateNode) -> Batch {
        let types = plan.group_types();
        let mut parts: Vec<(Vec<ArrayRef>, Vec<ArrayRef>)> = Vec::new();
        let (mut starts, mut timestamps) = (Vec::new(), Vec::new());
        for (bucket, slots) in &self.parts {
            parts.push(bucket.read(&types, slots));
            starts.extend(std::iter::repeat_n(bucket.window_start, slots.len()));
            timestamps.extend(slots.iter().map(|slot| bucket.group(*slot).timestamp));
        }
        let order = UInt32Array::from(self.order.clone());
        let in_order = self.in_order();
        let column = |pieces: Vec<ArrayRef>| -> ArrayRef {
            let whole = match &*pieces {
                [one] => Arc::clone(one),
                _ => {
                    let pieces: Vec<&dyn Array> = pieces.iter().map(|piece| piece.as_ref()).collect();
                    arrow_select::concat::concat(&pieces).expect("pieces of one column have one type")
                }
            };
            if in_order {
                return whole;
            }
            arrow_select::take::take(&whole, &order, None).expect("positions are within the rows")
        };
        let group: Vec<ArrayRef> =
            (0..types.len()).map(|i| column(parts.iter().map(|part| Arc::clone(&part.0[i])).collect())).collect();
        let calls = (0..plan.calls.len()).map(|i| column(parts.iter().map(|part| Arc::clone(&part.1[i])).collect()));
        let permute = |values: Vec<i64>| -> ScalarBuffer<i64> {
            if in_order { values.into() } else { self.order.iter().map(|i| values[*i as usize]).collect() }
        };
        table_rows(plan, group, calls.collect(), permute(starts), permute(timestamps))
    }
}

/// A batch of the aggregate node from its parts.
pub(super) fn table_rows(
    plan: &AggregateNode,
    group: Vec<ArrayRef>,
    calls: Vec<ArrayRef>,
    window_starts: ScalarBuffer<i64>,
    timestamps: ScalarBuffer<i64>,
) -> Batch {
    let key = KeyColumns { types: plan.group_types(), columns: group.clone() };
    let mut columns = group;
    let keys = match plan.window {
        None => Keys::Columns(key),
        Some(window) => {
            let ends = window_starts.iter().map(|start| start.saturating_add(window.size_ms)).collect();
            columns.push(Arc::new(TimestampMillisecondArray::new(window_starts.clone(), None)));
            columns.push(Arc::new(TimestampMillisecondArray::new(ends, None)));
            Keys::Windowed { key, window_starts, size_ms: window.size_ms }
        }
    };
    columns.extend(calls);
    Batch { columns, timestamps, keys, origins: None }
}

/// Collects results row by row.
struct EachRow {
    keys: Vec<u8>,
    key_ends: Vec<usize>,
    values: Vec<Vec<Value>>,
    states: Vec<u8>,
    state_ends: Vec<usize>,
    starts: Vec<i64>,
    timestamps: Vec<i64>,
}

impl EachRow {
    fn new(plan: &AggregateNode) -> Self {
        Self {
            keys: Vec::new(),
            key_ends: vec![0],
            values: plan.calls.iter().map(|_| Vec::new()).collect(),
            states: Vec::new(),
            state_ends: vec![0],
            starts: Vec::new(),
            timestamps: Vec::new(),
        }
    }

    fn push(&mut self, plan: &AggregateNode, bucket: &Bucket, slot: u32) {
        self.keys.extend_from_slice(bucket.key(slot));
        self.key_ends.push(self.keys.len());
        for (values, accumulator) in self.values.iter_mut().zip(&bucket.accumulators) {
            values.push(accumulator.value(slot));
        }
        changelog::encode_value(plan, bucket, slot, &mut self.states);
        self.state_ends.push(self.states.len());
        self.starts.push(bucket.window_start);
        self.timestamps.push(bucket.group(slot).timestamp);
    }

    fn finish(self, store: &Store, partition: i32) -> (Batch, ChangelogRows) {
        let plan = &store.plan;
        let keys = self.key_ends.windows(2).map(|ends| &self.keys[ends[0]..ends[1]]);
        let group = group_key::decode(&plan.group_types(), keys);
        let calls = plan.calls.iter().zip(&self.values);
        let calls = calls.map(|((_, call), values)| data_type::column(call.ty, values)).collect();
        let outer = encode_keys(store, &group, self.starts.len());
        let mut changelog_keys = Vec::with_capacity(outer.value_data().len() + self.starts.len() * WINDOW_SUFFIX_BYTES);
        let mut ends = vec![0];
        for (i, start) in self.starts.iter().enumerate() {
            changelog::encode_key(plan, outer.value(i), *start, &mut changelog_keys);
            ends.push(changelog_keys.len());
        }
        let timestamps = ScalarBuffer::from(self.timestamps);
        let changelog = ChangelogRows {
            store: Arc::clone(&store.name),
            partition,
            keys: ends.windows(2).map(|ends| Some(&changelog_keys[ends[0]..ends[1]])).collect(),
            values: self.state_ends.windows(2).map(|ends| Some(&self.states[ends[0]..ends[1]])).collect(),
            timestamps: timestamps.clone(),
        };
        (table_rows(plan, group, calls, ScalarBuffer::from(self.starts), timestamps), changelog)
    }
}
