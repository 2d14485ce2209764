//! A running topology: source rows in, effects out.
//!
//! Owns: the supersteps, the order in which rows reach each key partition, the positions to commit. Never: polls by
//! itself, keeps time, writes anything: whoever drives a task pushes batches, calls [`Task::superstep`], hands the
//! [`Effects`] on and commits [`Task::commit_point`] together with them.
//!
//! ```text
//! push ─► buffers ─► merge by head timestamp ─► stateless stage ─► exchange ─► keyed stage ─► effects
//!         (per source partition)                (per source partition)         (per key partition)
//! ```
//! A superstep takes all that the merge allows. Its end is a consistent cut: positions, stream times and stores agree.

mod buffer;
mod exchange;
mod position;
mod stage;
mod trace;
mod workers;

pub use position::{OffsetMetadata, SourcePosition};
pub use stage::NodeStats;
pub use trace::{LATE_REMEMBERED, Trace, TraceOutcome};

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::expr::EvalContext;
use crate::plan::{NodeId, Operator, PlanError, SourceNode, Topology};
use crate::seam::{Effects, KeyBytes, Partitioner, Source, SourceBatch};
use crate::store::{Position, RestoreError, Store, StoreReader};
use buffer::SourceBuffers;
use exchange::Flow;
use stage::{KeyedJob, StageOutput, Stages};
use trace::LateMemory;

/// How a task runs.
#[derive(Debug, Clone)]
pub struct TaskOptions {
    /// The number of partitions of each source node's topic.
    pub partitions: BTreeMap<NodeId, i32>,
    /// Threads that a superstep may use; the results do not depend on it.
    pub workers: usize,
    /// The bound of what EMIT CHANGES coalesces, in bytes; 0 forwards every update.
    pub cache_max_bytes: usize,
    /// How many bytes of records each source partition buffers.
    pub buffer_bytes_max: usize,
    /// How many rows of closed windows each store partition keeps for charts.
    pub history_rows_max: usize,
    /// How keys become bytes.
    pub key_bytes: Arc<dyn KeyBytes>,
    /// How key bytes choose a partition.
    pub partitioner: Arc<dyn Partitioner>,
}

impl TaskOptions {
    /// Kafka Streams' defaults.
    #[must_use]
    pub fn new(
        partitions: BTreeMap<NodeId, i32>,
        key_bytes: Arc<dyn KeyBytes>,
        partitioner: Arc<dyn Partitioner>,
    ) -> Self {
        Self {
            partitions,
            workers: 1,
            cache_max_bytes: 10 << 20,
            buffer_bytes_max: 1 << 20,
            history_rows_max: 20_000,
            key_bytes,
            partitioner,
        }
    }
}

/// Why a task cannot start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskError {
    /// The plan cannot run.
    Plan(PlanError),
    /// The options lack the number of partitions of a source, or it is not positive.
    Partitions(NodeId),
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Plan(error) => write!(f, "{error}"),
            TaskError::Partitions(node) => write!(f, "the number of partitions of source node {node} is not known"),
        }
    }
}

impl std::error::Error for TaskError {}

impl From<PlanError> for TaskError {
    fn from(error: PlanError) -> Self {
        TaskError::Plan(error)
    }
}

/// A running topology.
#[derive(Debug)]
pub struct Task {
    topology: Arc<Topology>,
    options: TaskOptions,
    /// By source node.
    sources: BTreeMap<NodeId, SourceBuffers>,
    /// By aggregate node.
    stores: BTreeMap<NodeId, Arc<Store>>,
    stats: Vec<NodeStats>,
    /// By node, which columns some reader uses.
    used: Vec<Vec<bool>>,
    /// For traces.
    late: LateMemory,
    /// What the last commit had: an unchanged partition commits nothing.
    committed: BTreeMap<(NodeId, i32), SourcePosition>,
    /// Something happened since the last commit.
    uncommitted: bool,
}

impl Task {
    /// A task without state at the beginning of its sources. Restore before the first push.
    pub fn new(topology: Topology, options: TaskOptions) -> Result<Self, TaskError> {
        topology.check()?;
        let topology = Arc::new(topology);
        let mut sources = BTreeMap::new();
        let mut stores = BTreeMap::new();
        for (id, node) in topology.nodes.iter().enumerate() {
            let source = topology.source_of(id);
            let partitions = options.partitions.get(&source).copied().filter(|partitions| *partitions > 0);
            let partitions = partitions.ok_or(TaskError::Partitions(source))?;
            match &node.operator {
                Operator::Source(plan) => {
                    // With one partition there is nothing to merge.
                    let merged = partitions > 1 && stage::has_exchange(&topology, id);
                    sources.insert(id, SourceBuffers::new(id, plan.clone(), partitions, merged));
                }
                Operator::Aggregate(plan) => {
                    let key_bytes = Arc::clone(&options.key_bytes);
                    let store = Store::new(id, plan.clone(), partitions as usize, key_bytes, options.history_rows_max);
                    stores.insert(id, Arc::new(store));
                }
                _ => {}
            }
        }
        let stats = vec![NodeStats::default(); topology.nodes.len()];
        let used = stage::columns_in_use(&topology);
        Ok(Self {
            topology,
            options,
            sources,
            stores,
            stats,
            used,
            late: LateMemory::default(),
            committed: BTreeMap::new(),
            uncommitted: false,
        })
    }

    /// The plan.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The source nodes and their number of partitions.
    pub fn sources(&self) -> impl Iterator<Item = (NodeId, &SourceNode, i32)> {
        self.sources.iter().map(|(id, buffers)| (*id, &buffers.plan, buffers.partitions()))
    }

    /// Takes back changelog records of a store's partition, in their order. A `values` row that is null deletes.
    pub fn restore_changelog(
        &mut self,
        store: &str,
        partition: i32,
        keys: &arrow_array::BinaryArray,
        values: &arrow_array::BinaryArray,
        timestamps: &[i64],
    ) -> Result<(), RestoreError> {
        let unknown = || RestoreError { store: store.to_owned(), reason: format!("there is no partition {partition}") };
        let store = self.stores.values().find(|known| &*known.name == store).ok_or_else(unknown)?;
        let mut state = store.state.write();
        let shard = usize::try_from(partition).ok().and_then(|partition| state.shards.get_mut(partition));
        shard.ok_or_else(unknown)?.restore(store, keys, values, timestamps)
    }

    /// Takes back a committed offset and its metadata. Call it for every partition that has one, after the changelogs.
    /// Metadata that is not ours counts as none.
    pub fn restore_position(&mut self, node: NodeId, partition: i32, offset: i64, metadata: &str) {
        let Some(buffers) = self.sources.get_mut(&node) else { return };
        let times = OffsetMetadata::decode(metadata).unwrap_or_default();
        buffers.restore(partition, offset, times.partition_time);
        for store in self.stores.values().filter(|store| self.topology.source_of(store.node) == node) {
            let mut state = store.state.write();
            let time = times.stream_times.get(&*store.name).copied().unwrap_or(-1);
            if let Some(shard) = usize::try_from(partition).ok().and_then(|partition| state.shards.get_mut(partition)) {
                shard.restored(store, time);
            }
        }
        let topic = buffers.plan.topic.clone();
        let position = SourcePosition { node, topic, partition, offset, metadata: metadata.to_owned() };
        self.committed.insert((node, partition), position);
        self.note_positions();
    }

    /// Where to read a partition next; `None` when neither a restored offset nor a batch has told.
    #[must_use]
    pub fn next_offset(&self, node: NodeId, partition: i32) -> Option<i64> {
        self.sources.get(&node)?.next_offset(partition)
    }

    /// How many more bytes of a partition the task wants to hold.
    #[must_use]
    pub fn room(&self, node: NodeId, partition: i32) -> usize {
        let buffered = self.sources.get(&node).map_or(usize::MAX, |buffers| buffers.bytes(partition));
        self.options.buffer_bytes_max.saturating_sub(buffered)
    }

    /// Polls every partition that has room, once. Gives the number of rows, good or bad, that came.
    pub fn pull<S: Source>(&mut self, source: &mut S) -> Result<usize, S::Error> {
        let mut rows = 0;
        let wanted: Vec<(NodeId, i32)> =
            self.sources.iter().flat_map(|(id, buffers)| (0..buffers.partitions()).map(|p| (*id, p))).collect();
        for (node, partition) in wanted {
            let room = self.room(node, partition);
            if room > 0
                && let Some(batch) = source.poll(node, partition, room)?
            {
                rows += batch.timestamps.len() + batch.bad.len();
                self.push(batch);
            }
        }
        Ok(rows)
    }

    /// Buffers decoded records. Batches of one partition come in order, without gaps that the task should know of.
    pub fn push(&mut self, batch: SourceBatch) {
        if let Some(buffers) = self.sources.get_mut(&batch.node) {
            buffers.push(batch);
        }
    }

    /// True when a superstep would take something.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.sources.values().any(SourceBuffers::has_work)
    }

    /// Takes all rows that the merge allows through the topology.
    pub fn superstep(&mut self, context: &EvalContext) -> Effects {
        let mut effects = Effects::default();
        let nodes: Vec<NodeId> = self.sources.keys().copied().collect();
        let mut took = false;
        for node in nodes {
            took |= self.step_source(node, context, &mut effects);
        }
        self.late.remember(&effects.late);
        if took {
            self.uncommitted = true;
            if self.options.cache_max_bytes > 0 && self.cached_bytes() > self.options.cache_max_bytes {
                effects.append(self.flush(context));
            }
        }
        effects
    }

    fn step_source(&mut self, source: NodeId, context: &EvalContext, effects: &mut Effects) -> bool {
        let Some(buffers) = self.sources.get_mut(&source) else { return false };
        let taken = buffers.take();
        if taken.is_empty() {
            return false;
        }
        for (partition, bad) in taken.bad {
            self.stats[source].rejected += 1;
            effects.dead_letters.push(buffers.dead_letter(partition, bad));
        }
        let stages = Stages { topology: &self.topology, options: &self.options, used: &self.used };
        // Stateless stage, per source partition.
        let outputs = workers::map(self.options.workers, taken.batches, context, |(partition, rows), context| {
            let mut output = StageOutput::new(self.topology.nodes.len());
            let flow = Flow { batch: rows.batch, partition, ranks: rows.ranks, targets: None };
            output.count_in(source, flow.rows());
            stages.run_from(source, flow, context, &mut output);
            output
        });
        // Exchange, and the keyed stage per key partition.
        let mut inputs = BTreeMap::new();
        for output in outputs {
            output.settle(&mut self.stats, effects, &mut inputs);
        }
        let partitions = self.sources.get(&source).map_or(1, SourceBuffers::partitions);
        for (node, input) in inputs {
            let Some(store) = self.stores.get(&node).cloned() else { continue };
            let mut state = store.state.write();
            state.version += 1;
            let version = state.version;
            let batches = exchange::by_partition(input, partitions);
            let shards = state.shards.iter_mut().enumerate();
            let jobs: Vec<KeyedJob<'_>> = shards
                .zip(batches)
                .filter_map(|((partition, shard), input)| {
                    Some(KeyedJob { partition: partition as i32, shard, input: input? })
                })
                .collect();
            let mut outputs = workers::map(self.options.workers, jobs, context, |job, context| {
                stages.run_keyed(&store, job, version, context)
            });
            if self.options.cache_max_bytes == 0 {
                stage::order_by_rank(&mut outputs);
            }
            for output in outputs {
                output.settle(&mut self.stats, effects, &mut BTreeMap::new());
            }
        }
        self.note_positions();
        true
    }

    /// Tells the stores how far the sources have been counted.
    fn note_positions(&self) {
        for store in self.stores.values() {
            let source = self.topology.source_of(store.node);
            if let Some(buffers) = self.sources.get(&source) {
                store.state.write().positions = buffers.positions();
            }
        }
    }

    /// What the dirty groups of all stores stand for, in bytes.
    #[must_use]
    pub fn cached_bytes(&self) -> usize {
        let of_store =
            |store: &Arc<Store>| store.state.read().shards.iter().map(|shard| shard.dirty_bytes()).sum::<usize>();
        self.stores.values().map(of_store).sum()
    }

    /// Takes out what the stores coalesced: changelog rows, and results to their sinks. Call it before a commit.
    pub fn flush(&mut self, context: &EvalContext) -> Effects {
        let mut effects = Effects::default();
        let stages = Stages { topology: &self.topology, options: &self.options, used: &self.used };
        for store in self.stores.values() {
            let mut state = store.state.write();
            let shards: Vec<_> = state.shards.iter_mut().enumerate().filter(|(_, shard)| shard.dirty() > 0).collect();
            let outputs = workers::map(self.options.workers, shards, context, |(partition, shard), context| {
                stages.flush(store, partition as i32, shard, context)
            });
            drop(state);
            for output in outputs {
                output.settle(&mut self.stats, &mut effects, &mut BTreeMap::new());
            }
        }
        effects
    }

    /// True when nothing happened since the last commit.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        !self.uncommitted
    }

    /// The positions that changed since the last commit, with the times to restore. Commit them together with the
    /// effects of all supersteps and of the flush; then call [`Task::committed`].
    #[must_use]
    pub fn commit_point(&self) -> Vec<SourcePosition> {
        let mut changed = Vec::new();
        for (node, buffers) in &self.sources {
            for partition in 0..buffers.partitions() {
                let Some(offset) = buffers.position(partition) else { continue };
                let mut times =
                    OffsetMetadata { partition_time: buffers.partition_time(partition), ..OffsetMetadata::default() };
                for store in self.stores.values().filter(|store| self.topology.source_of(store.node) == *node) {
                    let state = store.state.read();
                    if let Some(shard) = state.shards.get(partition as usize) {
                        times.stream_times.insert(store.name.to_string(), shard.stream_time);
                    }
                }
                let topic = buffers.plan.topic.clone();
                let metadata = times.encode();
                let position = SourcePosition { node: *node, topic, partition, offset, metadata };
                if self.committed.get(&(*node, partition)) != Some(&position) {
                    changed.push(position);
                }
            }
        }
        changed
    }

    /// Says that this commit point is committed.
    pub fn committed(&mut self, positions: Vec<SourcePosition>) {
        for position in positions {
            self.committed.insert((position.node, position.partition), position);
        }
        self.uncommitted = false;
    }

    /// Readers of all stores.
    pub fn stores(&self) -> impl Iterator<Item = StoreReader> + '_ {
        self.stores.values().map(|store| StoreReader::new(Arc::clone(store)))
    }

    /// The reader of a store.
    #[must_use]
    pub fn store(&self, name: &str) -> Option<StoreReader> {
        self.stores().find(|store| store.name() == name)
    }

    /// Counters per node, since the task was made.
    #[must_use]
    pub fn stats(&self) -> &[NodeStats] {
        &self.stats
    }

    /// How far each source partition has been counted.
    #[must_use]
    pub fn positions(&self) -> Vec<Position> {
        self.sources.values().flat_map(SourceBuffers::positions).collect()
    }
}

#[cfg(test)]
mod tests;
