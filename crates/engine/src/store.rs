//! The state of an aggregate: windows of groups, in memory, readable from other threads between supersteps.
//!
//! Owns: buckets (one per window), their shards (one per key partition), what changed since the last flush and since a
//! reader looked last, retention, the history of closed windows, and the changelog's layout. Ended windows are shared
//! with readers and copied only when a late record still changes them. Never: decides what a record does (`task`).
//!
//! A reader sees the state between two supersteps. To read what is committed, read between a commit and the next
//! superstep.

mod bucket;
mod changelog;
mod group_key;
mod reader;
mod shard;

pub use changelog::RestoreError;
pub use reader::{ChangedRow, Changes, Position, Snapshot, StoreReader, WindowState};

pub(crate) use group_key::encode as encode_group_keys;
pub(crate) use shard::{Emitted, Input, Shard};

use std::sync::Arc;

use parking_lot::RwLock;

use crate::plan::{AggregateNode, NodeId};
use crate::seam::KeyBytes;

/// The store of one aggregate.
#[derive(Debug)]
pub(crate) struct Store {
    /// The plan's node.
    pub(crate) node: NodeId,
    /// What the node does.
    pub(crate) plan: AggregateNode,
    /// The store's name, shared with every changelog row.
    pub(crate) name: Arc<str>,
    /// How keys become bytes.
    pub(crate) key_bytes: Arc<dyn KeyBytes>,
    /// The largest number of rows of closed windows that each shard keeps for charts.
    pub(crate) history_rows_max: usize,
    /// The state. A superstep holds the lock for writing while it works on the shards.
    pub(crate) state: RwLock<StoreState>,
}

/// What the lock guards.
#[derive(Debug)]
pub(crate) struct StoreState {
    /// One per key partition.
    pub(crate) shards: Vec<Shard>,
    /// The source offsets up to which the state has counted.
    pub(crate) positions: Vec<Position>,
    /// Counts supersteps and flushes; rows remember the version that changed them last.
    pub(crate) version: u64,
}

impl Store {
    pub(crate) fn new(
        node: NodeId,
        plan: AggregateNode,
        partitions: usize,
        key_bytes: Arc<dyn KeyBytes>,
        history_rows_max: usize,
    ) -> Self {
        let shards = (0..partitions).map(|_| Shard::new()).collect();
        Self {
            node,
            name: Arc::from(&*plan.store),
            plan,
            key_bytes,
            history_rows_max,
            state: RwLock::new(StoreState { shards, positions: Vec::new(), version: 0 }),
        }
    }
}
