//! The runtime of the coordinators: where the decisions of the pure machines meet the logs.
//!
//! Owns: appending a decision's records to `__consumer_offsets` and `__transaction_state`, replaying them, keeping parked
//! requests, the steps by which a transaction ends, timers, producer ids, and recovery.
//! Never: decides anything that `crate::group` or `crate::txn` could decide; knows a request's wire form.
//!
//! The idea: a decision and the append of its records happen under one short lock, so the order of the log is the order of
//! decisions; answers leave later, when the record's ticket is done. Both topics have one partition each.
//!
//! Locks, in this order: transactions, then groups. Nobody waits for a sync while holding one.
//!
//! - [`log`] — a coordinator's log: append records, read it all.
//! - [`records`] — the byte layout of records.
//! - [`groups`] — group requests, and offsets that are part of a transaction.
//! - [`transactions`] — transaction requests.
//! - [`ending`] — the three rounds in which a transaction ends.
//! - [`recovery`] — what happens before any other append.
//! - [`producer_ids`] — producer ids that are never given twice.
//! - [`background`] — the thread that runs timers and endings.

mod background;
mod ending;
mod groups;
mod log;
mod producer_ids;
mod records;
mod recovery;
mod transactions;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use commitlog::{Log, LogSet};
use os::Clock;
use parking_lot::{Condvar, Mutex};
use record::{LeaderEpoch, TimestampMs};

use crate::group::{GroupConfig, Now};
use crate::txn::TransactionConfig;

use background::Background;
use groups::Groups;
use log::CoordinatorLog;
use producer_ids::ProducerIds;
use transactions::Transactions;

pub use ending::EndError;
pub use log::CoordinatorAppend;
pub use producer_ids::ReserveProducerIds;
pub use recovery::RecoveryError;

/// Finds the log of a partition, with the leader epoch that appends to it are stamped with.
pub type FindPartition = Arc<dyn Fn(&str, i32) -> Option<(Arc<Log>, LeaderEpoch)> + Send + Sync>;

/// What the coordinators are made of.
pub struct CoordinatorOptions {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The set that all logs are part of.
    pub set: Arc<LogSet>,
    /// The log of `__consumer_offsets`.
    pub offsets: (Arc<Log>, LeaderEpoch),
    /// The log of `__transaction_state`.
    pub transactions: (Arc<Log>, LeaderEpoch),
    /// All other partitions.
    pub find: FindPartition,
    /// Where blocks of producer ids come from.
    pub reserve_producer_ids: ReserveProducerIds,
    /// Limits of groups.
    pub group: GroupConfig,
    /// Limits of transactions.
    pub transaction: TransactionConfig,
    /// Whether a thread runs timers and endings. Without it, somebody calls [`Coordinators::run_due`].
    pub background: bool,
}

/// The coordinators of the broker.
pub struct Coordinators {
    shared: Arc<Shared>,
    background: Mutex<Option<Background>>,
}

impl std::fmt::Debug for Coordinators {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coordinators").finish_non_exhaustive()
    }
}

/// What requests, the background thread and embedded queries share.
struct Shared {
    clock: Arc<dyn Clock>,
    set: Arc<LogSet>,
    offsets: CoordinatorLog,
    transaction_log: CoordinatorLog,
    find: FindPartition,
    producer_ids: ProducerIds,
    groups: Mutex<Groups>,
    transactions: Mutex<Transactions>,
    /// An ending is over, or has failed: blocked threads look again.
    ended: Condvar,
    /// Wakes the background thread.
    alarm: Arc<background::Alarm>,
}

impl Shared {
    fn now(&self) -> Now {
        let monotonic_ms = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        Now { monotonic_ms, wall: TimestampMs(self.clock.now_ms()) }
    }
}

impl Coordinators {
    /// Recovers the coordinators from their logs, finishing what the last run left, and starts them. Nothing may be
    /// appended to any log of the set before this returns.
    pub fn open(options: CoordinatorOptions) -> Result<Self, RecoveryError> {
        let with_thread = options.background;
        let shared = Arc::new(recovery::recover(options)?);
        let background = if with_thread { Background::start(&shared) } else { None };
        Ok(Self { shared, background: Mutex::new(background) })
    }

    /// Runs what is due: timers, and endings whose ticket is done. The background thread does this by itself.
    pub fn run_due(&self) {
        self.shared.run_due();
    }

    /// Stops the background thread. Parked requests are dropped.
    pub fn stop(&self) {
        if let Some(background) = self.background.lock().take() {
            background.stop();
        }
        self.shared.groups.lock().parked.clear();
    }
}

impl Drop for Coordinators {
    fn drop(&mut self) {
        self.stop();
    }
}
