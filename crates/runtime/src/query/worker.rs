//! The thread of one query: open, restore, then supersteps until it is told to stop.
//!
//! It is woken by the logs of its sources and sleeps otherwise. An error closes the topology; one that may pass (a full
//! disk, a lost fence) opens it again after a while, from the last commit: the only way out is the same as the way in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use connect::seam::{ConnectError, Connector, TaskIo};
use engine::expr::EvalContext;
use engine::plan::{NodeId, Operator, SinkNode, SinkTarget};
use engine::seam::{Effects, Source, SourceBatch};
use engine::task::{Task, TaskOptions};
use os::Clock;
use parking_lot::Mutex;

use super::committer::Committer;
use super::run::{Active, Run, guarded};
use crate::instant::InstantMs;
use crate::status::{BadRecord, LateRecord, QueryError, QueryState};

/// A query that holds back more than this until its next commit waits for that commit.
const STAGED_BYTES_MAX: usize = 64 << 20;
/// How long an interrupted query waits before it is opened again, at first and at last.
const RETRY_WAIT_MIN: Duration = Duration::from_millis(100);
const RETRY_WAIT_MAX: Duration = Duration::from_secs(5);

/// What a worker works with.
#[derive(Clone, Debug)]
pub(crate) struct WorkerOptions {
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) committer: Arc<Committer>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Threads of a superstep.
    pub(crate) workers: usize,
    pub(crate) cache_max_bytes: usize,
    /// Bytes of records that each source partition buffers.
    pub(crate) buffer_bytes_max: usize,
    /// Time between two commits.
    pub(crate) commit_interval: Duration,
}

/// The thread of one query.
#[derive(Debug)]
pub(crate) struct Worker {
    run: Arc<Run>,
    stopped: Arc<AtomicBool>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Worker {
    pub(crate) fn start(run: &Arc<Run>, options: WorkerOptions) -> std::io::Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let is_connector =
            |operator: &Operator| matches!(operator, Operator::Sink(SinkNode { target: SinkTarget::Connector(_), .. }));
        let prints = run.spec.topology.nodes.iter().any(|node| is_connector(&node.operator));
        let work = Work { run: Arc::clone(run), options, stopped: Arc::clone(&stopped), seed: 0, prints };
        let name = format!("q-{}", run.spec.topology.root);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            give_way();
            work.work();
        })?;
        Ok(Self { run: Arc::clone(run), stopped, thread: Mutex::new(Some(thread)) })
    }

    /// Stops it after the superstep that it is in.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.run.signal.notify();
        if let Some(thread) = self.thread.lock().take() {
            // A panic there has been reported by its own hook.
            let _ = thread.join();
        }
    }
}

/// From now on this thread, and those that it starts, come behind those that serve clients, where the processors do not
/// suffice for both: what somebody sends to a query must not keep others from the broker.
fn give_way() {
    // On Linux this is the thread's own priority, elsewhere that of all.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(10);
}

struct Work {
    run: Arc<Run>,
    options: WorkerOptions,
    stopped: Arc<AtomicBool>,
    seed: u64,
    /// Some sink is a connector.
    prints: bool,
}

impl Work {
    fn work(mut self) {
        let shared = Arc::clone(&self.run.shared);
        let mut wait = RETRY_WAIT_MIN;
        loop {
            let committed = shared.figures.lock().commits;
            let end = match guarded(|| self.open()) {
                Ok(()) => {
                    self.options.committer.add(&self.run);
                    let end = guarded(|| self.run_open());
                    self.options.committer.remove(&self.run);
                    end
                }
                Err(error) => Err(error),
            };
            self.run.close();
            let Err(error) = end else {
                shared.set_life(QueryState::Stopped, None);
                return;
            };
            let name = &self.run.spec.topology.root;
            let again = match &error {
                ConnectError::Retry(_) | ConnectError::Fenced(_) => true,
                ConnectError::Query { .. } | ConnectError::Storage(_) => false,
            };
            tracing::warn!(query = name, again, "the query was interrupted: {error}");
            shared.set_life(if again { QueryState::Starting } else { QueryState::Failed }, Some(describe(&error)));
            loop {
                if self.stopped.load(Ordering::Acquire) {
                    shared.set_life(QueryState::Stopped, None);
                    return;
                }
                if again {
                    // Each try restores the state: the wait grows until a commit has succeeded.
                    let succeeded = shared.figures.lock().commits > committed;
                    wait = if succeeded { RETRY_WAIT_MIN } else { (wait * 2).min(RETRY_WAIT_MAX) };
                    self.wait_unless_stopped(wait);
                    break;
                }
                self.run.signal.wait();
            }
        }
    }

    /// The signal also rings for records; only a stop ends this wait.
    fn wait_unless_stopped(&self, wait: Duration) {
        let until = Instant::now() + wait;
        while !self.stopped.load(Ordering::Acquire) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.run.signal.wait_for(left);
        }
    }

    /// Opens the topology, restores its state from the changelogs, and its positions.
    fn open(&mut self) -> Result<(), ConnectError> {
        let run = &self.run;
        let mut opened = self.options.connector.open(&run.spec)?;
        let mut partitions: BTreeMap<NodeId, i32> = BTreeMap::new();
        for source in &opened.sources {
            let count = partitions.entry(source.node).or_insert(0);
            *count = (*count).max(source.partition + 1);
        }
        let connector = &self.options.connector;
        let mut options = TaskOptions::new(partitions.clone(), connector.key_bytes(), connector.partitioner());
        options.workers = self.options.workers;
        options.cache_max_bytes = self.options.cache_max_bytes;
        options.buffer_bytes_max = self.options.buffer_bytes_max;
        let topology = engine::Topology::clone(&run.spec.topology);
        let mut task = Task::new(topology, options).map_err(|e| ConnectError::Query {
            code: "unsupported_plan",
            cause: e.to_string(),
            fix: "write the query differently".to_owned(),
        })?;
        run.shared.set_life(QueryState::Restoring, None);
        for (id, node) in run.spec.topology.nodes.iter().enumerate() {
            let Operator::Aggregate(aggregate) = &node.operator else { continue };
            let source = run.spec.topology.source_of(id);
            for partition in 0..partitions.get(&source).copied().unwrap_or(0) {
                opened.io.restore(&aggregate.store, partition, &mut |keys, values, timestamps| {
                    task.restore_changelog(&aggregate.store, partition, keys, values, timestamps)
                        .map_err(|e| e.to_string())
                })?;
            }
        }
        let mut positions = BTreeMap::new();
        for source in &opened.sources {
            task.restore_position(source.node, source.partition, source.offset, &source.metadata);
            positions.insert((source.topic.clone(), source.partition), source.offset);
        }
        run.shared.figures.lock().positions = positions;
        // Only now: nobody is to see half a state.
        *run.shared.readers.write() = task.stores().collect();
        opened.io.watch(run.signal.waker());
        *run.producer.lock() = Some(opened.producer);
        *run.active.lock() = Some(Active::new(task, opened.io));
        run.shared.set_life(QueryState::Running, None);
        Ok(())
    }

    /// Runs it until it is told to stop.
    fn run_open(&mut self) -> Result<(), ConnectError> {
        loop {
            if self.stopped.load(Ordering::Acquire) {
                return Ok(());
            }
            if let Some(error) = self.run.take_failure() {
                return Err(error);
            }
            match self.superstep()? {
                Progress::Some => {}
                Progress::None => self.run.signal.wait(),
                Progress::Full => {
                    self.options.committer.urgent();
                    self.run.signal.wait();
                }
            }
        }
    }

    fn superstep(&mut self) -> Result<Progress, ConnectError> {
        let mut guard = self.run.active.lock();
        let Some(active) = guard.as_mut() else { return Ok(Progress::None) };
        self.run.apply_answers(active);
        if active.io.staged_bytes() > STAGED_BYTES_MAX {
            return Ok(Progress::Full);
        }
        active.broken = true;
        let mut source = Polled { io: &mut *active.io, advanced: false, newest: None };
        let rows = active.task.pull(&mut source)?;
        let Polled { advanced, newest, .. } = source;
        if rows == 0 && !active.task.has_work() {
            active.broken = false;
            if advanced && !active.dirty {
                active.dirty = true;
                self.options.committer.dirty();
            }
            return Ok(if advanced { Progress::Some } else { Progress::None });
        }
        let now_ms = self.options.clock.now_ms();
        self.seed = self.seed.wrapping_add(1);
        let context = EvalContext::new(now_ms, self.seed ^ now_ms.unsigned_abs().rotate_left(32));
        let effects = active.task.superstep(&context);
        // A print sink may wait for whoever reads our standard output; commits of other queries do not wait for that.
        self.run.printing.store(self.prints, Ordering::Release);
        let staged = self.run.stage(active, effects, now_ms);
        self.run.printing.store(false, Ordering::Release);
        staged?;
        if let Some(newest) = newest {
            self.run.shared.figures.lock().delay_ms = Some((now_ms - newest).max(0));
        }
        let first = !std::mem::replace(&mut active.dirty, true);
        active.broken = false;
        drop(guard);
        if first {
            self.options.committer.dirty();
        }
        self.run.shared.touch();
        Ok(Progress::Some)
    }
}

/// What a superstep found.
enum Progress {
    Some,
    None,
    /// The buffer is full: a commit must empty it.
    Full,
}

/// A topology's partitions as the engine polls them.
struct Polled<'a> {
    io: &'a mut dyn TaskIo,
    /// Some position has moved.
    advanced: bool,
    /// The newest timestamp that came.
    newest: Option<i64>,
}

impl Source for Polled<'_> {
    type Error = ConnectError;

    fn poll(&mut self, node: NodeId, partition: i32, bytes_max: usize) -> Result<Option<SourceBatch>, ConnectError> {
        let batch = self.io.poll(node, partition, bytes_max)?;
        self.advanced |= batch.bytes > 0;
        self.newest = self.newest.max(batch.timestamps.last().copied());
        Ok(Some(batch))
    }
}

fn describe(error: &ConnectError) -> QueryError {
    match error {
        ConnectError::Query { code, cause, fix } => {
            QueryError { code: (*code).to_owned(), cause: cause.clone(), fix: Some(fix.clone()) }
        }
        ConnectError::Retry(cause) => QueryError { code: "interrupted".to_owned(), cause: cause.clone(), fix: None },
        ConnectError::Fenced(cause) => QueryError { code: "fenced".to_owned(), cause: cause.clone(), fix: None },
        ConnectError::Storage(cause) => QueryError {
            code: "storage_failed".to_owned(),
            cause: cause.clone(),
            fix: Some("restart Millstream, which reads the disk again".to_owned()),
        },
    }
}

impl Run {
    /// Stages effects and counts them.
    pub(super) fn stage(&self, active: &mut Active, effects: Effects, now_ms: i64) -> Result<(), ConnectError> {
        let late = effects.late.clone();
        let changed = !effects.changelog.is_empty() || !effects.sinks.is_empty();
        let report = active.io.stage(effects)?;
        let topology = &self.spec.topology;
        let mut figures = self.shared.figures.lock();
        active.count(topology, &mut figures);
        for (topic, rows) in report.rows {
            figures.records_out += rows;
            *figures.sinks.entry(topic).or_insert(0) += rows;
        }
        if changed {
            figures.last_update_ms = Some(now_ms);
        }
        if let Some(note) = report.dead_letters.last() {
            let (partition, offset) = note.origin.unwrap_or((-1, -1));
            let value = note.value.as_deref().map(|v| String::from_utf8_lossy(v).chars().take(256).collect());
            figures.last_bad = Some(BadRecord {
                topic: note.topic.clone(),
                partition,
                offset,
                timestamp: InstantMs(note.timestamp),
                reason: note.reason.clone(),
                value,
            });
        }
        let late = late.into_iter().map(|row| {
            let topic = match &topology.nodes[topology.source_of(row.node)].operator {
                Operator::Source(source) => source.topic.clone(),
                _ => String::new(),
            };
            (topic, row)
        });
        figures.push_late(late);
        if let Some((topic, row)) = figures.late_rows.back() {
            let window = match &topology.nodes[row.node].operator {
                Operator::Aggregate(aggregate) => aggregate.window,
                _ => None,
            };
            let closed = window.map_or(0, |window| row.window_start + window.size_ms + window.grace_ms);
            figures.last_late = Some(LateRecord {
                topic: topic.clone(),
                partition: row.partition,
                offset: row.offset,
                timestamp: InstantMs(row.timestamp),
                late_by_ms: row.stream_time - closed,
            });
        }
        Ok(())
    }
}
