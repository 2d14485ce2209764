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
//! - [`blocking`] — what threads of this process ask.
//! - [`recovery`] — what happens before any other append.
//! - [`producer_ids`] — producer ids that are never given twice.
//! - [`background`] — the thread that runs timers and endings.

mod background;
mod blocking;
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

use crate::broker::{Broker, OpenError};
use crate::group::{GroupConfig, Now};
use crate::topic::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};
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

/// The options for a broker whose topics are up.
pub(crate) fn options(broker: &Arc<Broker>) -> Result<CoordinatorOptions, OpenError> {
    let internal = |topic: &str| {
        let partition = broker.partition(topic, 0);
        partition
            .map(|p| (Arc::clone(p.log()), p.leader_epoch()))
            .ok_or_else(|| OpenError::Other(format!("{topic} has no partition")))
    };
    let number = |name: &str| broker.server_number(name);
    let ms = |name: &str, default: u64| number(name).and_then(|n| u64::try_from(n).ok()).unwrap_or(default);
    let group = GroupConfig::default();
    let transaction = TransactionConfig::default();
    let group = GroupConfig {
        initial_rebalance_delay_ms: ms("group.initial.rebalance.delay.ms", group.initial_rebalance_delay_ms),
        session_timeout_ms_min: ms("group.min.session.timeout.ms", group.session_timeout_ms_min),
        session_timeout_ms_max: ms("group.max.session.timeout.ms", group.session_timeout_ms_max),
        members_max: ms("group.max.size", group.members_max as u64) as usize,
        offset_metadata_bytes_max: ms("offset.metadata.max.bytes", group.offset_metadata_bytes_max as u64) as usize,
        offsets_retention_ms: number("offsets.retention.minutes").map_or(group.offsets_retention_ms, |m| m * 60_000),
        ..group
    };
    let transaction = TransactionConfig {
        transaction_timeout_ms_max: number("transaction.max.timeout.ms")
            .and_then(|n| i32::try_from(n).ok())
            .unwrap_or(transaction.transaction_timeout_ms_max),
        transactional_id_expiration_ms: number("transactional.id.expiration.ms")
            .unwrap_or(transaction.transactional_id_expiration_ms),
        ..transaction
    };
    let (find, reserve) = (Arc::downgrade(broker), Arc::downgrade(broker));
    Ok(CoordinatorOptions {
        clock: Arc::clone(broker.clock()),
        set: Arc::clone(&broker.logs),
        offsets: internal(OFFSETS_TOPIC)?,
        transactions: internal(TRANSACTIONS_TOPIC)?,
        find: Arc::new(move |topic, index| {
            let partition = find.upgrade()?.partition(topic, index)?;
            Some((Arc::clone(partition.log()), partition.leader_epoch()))
        }),
        reserve_producer_ids: Box::new(move || {
            let broker = reserve.upgrade().ok_or("the broker is closed")?;
            broker.allocate_producer_ids().map_err(|e| e.to_string())
        }),
        group,
        transaction,
        background: broker.options.background,
    })
}

impl Drop for Coordinators {
    fn drop(&mut self) {
        self.stop();
    }
}
