//! One topology, open and running: its task and buffers, shared by the thread that computes and the one that commits.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use connect::seam::{CommittedOffset, ConnectError, Producer, Staged, TaskIo, TopologySpec};
use engine::expr::EvalContext;
use engine::plan::{NodeId, Operator, Topology};
use engine::store::Snapshot;
use engine::task::{NodeStats, SourcePosition, Task, Trace};
use parking_lot::{Condvar, Mutex};

use super::figures::{Figures, Shared};
use super::signal::Signal;

/// A topology that is open or will be.
pub(crate) struct Run {
    pub(crate) spec: TopologySpec,
    pub(crate) shared: Arc<Shared>,
    /// Wakes the thread that computes.
    pub(crate) signal: Arc<Signal>,
    /// `None` while it is closed.
    pub(crate) producer: Mutex<Option<Box<dyn Producer>>>,
    pub(super) active: Mutex<Option<Active>>,
    /// Positions that are committed and that the task has not been told of: whoever answers a commit does not wait for the
    /// thread that computes, which may hang on a print sink.
    answered: Mutex<Vec<Vec<SourcePosition>>>,
    /// A print sink is writing, which may take as long as its reader likes.
    pub(super) printing: AtomicBool,
    /// Time between two commits.
    pub(super) interval: Duration,
    /// Why the run must be closed and opened again, or given up.
    failure: Mutex<Option<ConnectError>>,
    /// It has failed: nothing of it is committed until it is closed.
    failed: AtomicBool,
    /// Somebody waits for the tables as of a commit.
    wanted: AtomicBool,
    committed: Mutex<CommittedTables>,
    published: Condvar,
}

/// The tables as of a commit.
#[derive(Debug, Default)]
struct CommittedTables {
    snapshots: Vec<Snapshot>,
    /// Counts publications.
    sequence: u64,
}

/// An open topology.
pub(super) struct Active {
    pub(super) task: Task,
    pub(super) io: Box<dyn TaskIo>,
    /// The task's counters as they were counted last.
    counted: Vec<NodeStats>,
    /// Something was read or computed since a commit was last prepared.
    pub(super) dirty: bool,
    /// A commit is prepared and not yet answered.
    pub(super) committing: bool,
    /// Computing or staging has begun and not succeeded: positions, state and buffer may not belong together.
    pub(super) broken: bool,
}

impl Active {
    pub(super) fn new(task: Task, io: Box<dyn TaskIo>) -> Self {
        let counted = vec![NodeStats::default(); task.stats().len()];
        Self { task, io, counted, dirty: false, committing: false, broken: false }
    }

    /// Adds what the task has counted since the last call.
    pub(super) fn count(&mut self, topology: &Topology, figures: &mut Figures) {
        for ((node, now), before) in topology.nodes.iter().zip(self.task.stats()).zip(&mut self.counted) {
            let rejected = now.rejected - before.rejected;
            figures.bad += rejected;
            figures.null_keys += now.null_keys - before.null_keys;
            figures.late += now.late - before.late;
            let rows_in = now.rows_in - before.rows_in;
            match &node.operator {
                Operator::Source(_) => figures.records += rows_in + rejected,
                Operator::Filter(_) => figures.filtered += rows_in - (now.rows_out - before.rows_out) - rejected,
                _ => {}
            }
            *before = *now;
        }
        for position in self.task.positions() {
            figures.positions.insert((position.topic, position.partition), position.offset);
        }
    }
}

/// How long a commit waits for a superstep before it looks whether that hangs on a print sink.
const LOCK_WAIT: Duration = Duration::from_millis(20);

/// What a topology has for a commit.
#[derive(Debug)]
pub(crate) enum Preparation {
    /// Nothing.
    Nothing,
    /// It cannot be asked now: try again at the next commit.
    Busy,
    /// This.
    Ready(Prepared),
}

/// One topology's part of a commit, and what holds when it has succeeded.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) staged: Staged,
    positions: Vec<SourcePosition>,
    snapshots: Option<Vec<Snapshot>>,
    /// The topics that get a transaction marker, once per partition.
    marked: Vec<String>,
}

/// Runs a part of a query; a panic there fails the query, and nothing else.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, ConnectError>) -> Result<T, ConnectError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        Err(ConnectError::Query {
            code: "internal",
            cause: format!("the query panicked: {text}"),
            fix: "report this error; a restart of Millstream runs the query again from its last commit".to_owned(),
        })
    })
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("application_id", &self.spec.application_id).finish_non_exhaustive()
    }
}

impl Run {
    pub(crate) fn new(spec: TopologySpec, shared: Arc<Shared>, interval: Duration) -> Self {
        Self {
            spec,
            shared,
            signal: Arc::default(),
            producer: Mutex::new(None),
            active: Mutex::new(None),
            answered: Mutex::default(),
            printing: AtomicBool::new(false),
            interval,
            failure: Mutex::new(None),
            failed: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            committed: Mutex::default(),
            published: Condvar::new(),
        }
    }

    /// Flushes the task and takes what is to be committed.
    pub(crate) fn prepare_commit(&self, now_ms: i64) -> Result<Preparation, ConnectError> {
        let mut guard = loop {
            if let Some(guard) = self.active.try_lock_for(LOCK_WAIT) {
                break guard;
            }
            if self.printing.load(Ordering::Acquire) {
                return Ok(Preparation::Busy);
            }
        };
        let Some(active) = guard.as_mut() else { return Ok(Preparation::Nothing) };
        self.apply_answers(active);
        if active.broken || self.failed.load(Ordering::Acquire) {
            return Ok(Preparation::Nothing);
        }
        if !active.dirty {
            // All is committed. Somebody may have asked while the commit before this one was under way.
            if self.wanted.swap(false, Ordering::AcqRel) {
                self.publish(active.task.stores().map(|store| store.snapshot()).collect());
            }
            return Ok(Preparation::Nothing);
        }
        active.broken = true;
        let effects = active.task.flush(&EvalContext::new(now_ms, now_ms.unsigned_abs()));
        self.stage(active, effects, now_ms)?;
        active.broken = false;
        let mut staged = active.io.take_staged();
        let positions = active.task.commit_point();
        staged.offsets = positions
            .iter()
            .map(|at| CommittedOffset {
                topic: at.topic.clone(),
                partition: at.partition,
                offset: at.offset,
                metadata: at.metadata.clone(),
            })
            .collect();
        active.dirty = false;
        if staged.is_empty() {
            return Ok(Preparation::Nothing);
        }
        active.committing = true;
        let snapshots = self
            .wanted
            .swap(false, Ordering::AcqRel)
            .then(|| active.task.stores().map(|store| store.snapshot()).collect());
        // The buffer is empty again: the thread that computes may have waited for that.
        self.signal.notify();
        let marked = staged.records.iter().map(|part| part.topic.clone()).collect();
        Ok(Preparation::Ready(Prepared { staged, positions, snapshots, marked }))
    }

    /// What became of a record: its timestamp, and how the ways through the plan ended. `None`: there is no such record.
    pub(crate) fn trace(
        &self,
        node: NodeId,
        partition: i32,
        offset: i64,
        now_ms: i64,
    ) -> Result<Option<(i64, Vec<Trace>)>, ConnectError> {
        let guard = self.active.lock();
        let Some(active) = guard.as_ref() else {
            return Err(ConnectError::Retry("the query is not running now".to_owned()));
        };
        let Some(batch) = active.io.read_one(node, partition, offset)? else { return Ok(None) };
        let timestamp = batch.timestamps.first().copied().or(batch.bad.first().map(|bad| bad.timestamp));
        let traces = active.task.trace(batch, &EvalContext::new(now_ms, 0));
        Ok(Some((timestamp.unwrap_or(-1), traces)))
    }

    /// The commit has succeeded.
    pub(crate) fn committed(&self, prepared: Prepared) {
        self.answered.lock().push(prepared.positions);
        if let Some(mut guard) = self.active.try_lock()
            && let Some(active) = guard.as_mut()
        {
            self.apply_answers(active);
        }
        let mut figures = self.shared.figures.lock();
        figures.commits += 1;
        for topic in prepared.marked {
            *figures.markers.entry(topic).or_insert(0) += 1;
        }
        drop(figures);
        if let Some(snapshots) = prepared.snapshots {
            self.publish(snapshots);
        }
    }

    /// Tells the task which commits have succeeded.
    pub(super) fn apply_answers(&self, active: &mut Active) {
        for positions in std::mem::take(&mut *self.answered.lock()) {
            active.task.committed(positions);
            active.committing = false;
        }
    }

    fn publish(&self, snapshots: Vec<Snapshot>) {
        let mut committed = self.committed.lock();
        committed.snapshots = snapshots;
        committed.sequence += 1;
        self.published.notify_all();
    }

    /// It must be closed, and opened again or given up.
    pub(crate) fn fail(&self, error: ConnectError) {
        self.failed.store(true, Ordering::Release);
        self.failure.lock().get_or_insert(error);
        self.signal.notify();
    }

    pub(super) fn take_failure(&self) -> Option<ConnectError> {
        self.failure.lock().take()
    }

    /// Closes it; the committer no longer knows it. A failure that came with or after the one that ended the run is of the
    /// same run.
    pub(super) fn close(&self) {
        *self.active.lock() = None;
        *self.producer.lock() = None;
        self.answered.lock().clear();
        self.printing.store(false, Ordering::Release);
        self.take_failure();
        self.failed.store(false, Ordering::Release);
    }

    /// Snapshots of all tables as of the last commit; `None`: there was none in time.
    pub(crate) fn committed_tables(&self, ask: impl FnOnce(), at_most: Duration) -> Option<Vec<Snapshot>> {
        let before = self.committed.lock().sequence;
        {
            let mut guard = self.active.lock();
            let active = guard.as_mut()?;
            self.apply_answers(active);
            if !active.dirty && !active.committing && !active.broken {
                return Some(active.task.stores().map(|store| store.snapshot()).collect());
            }
            self.wanted.store(true, Ordering::Release);
        }
        ask();
        let until = Instant::now() + at_most;
        let mut committed = self.committed.lock();
        while committed.sequence == before {
            if self.published.wait_until(&mut committed, until).timed_out() {
                return None;
            }
        }
        Some(committed.snapshots.clone())
    }
}
