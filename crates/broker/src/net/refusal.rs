//! What is refused to clients: counted, and said in the log, but never so often that a client could fill it.
//!
//! Never: decides what is refused.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A kind is said at most this often; the next line tells how many were not said.
const SAID_EVERY: Duration = Duration::from_secs(1);

/// What is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A connection, because there are as many as there may be.
    Connections,
    /// A connection, because its address has as many as it may have.
    ConnectionsOfAddress,
    /// A connection that never sent a request, because newer ones needed its place or its time was over.
    Silent,
    /// A frame whose declared size is none.
    FrameSize,
    /// A frame that came too slowly.
    SlowFrame,
    /// A large frame, because others hold all the memory that there is for them.
    NoRoom,
    /// Bytes that are no request that we serve.
    Request,
    /// A connection whose client does not take its answers.
    SlowReader,
    /// A connection that cannot be accepted: out of descriptors, most likely.
    Accept,
    /// A new transactional id, because those that there are take all the memory that there is for them.
    TransactionalIds,
    /// Offsets of a group, because it or all groups have as many as there is memory for.
    GroupOffsets,
    /// A batch of a new producer, because there are as many as are remembered.
    Producers,
}

impl Refusal {
    /// All kinds.
    pub const ALL: [Refusal; 12] = [
        Refusal::Connections,
        Refusal::ConnectionsOfAddress,
        Refusal::Silent,
        Refusal::FrameSize,
        Refusal::SlowFrame,
        Refusal::NoRoom,
        Refusal::Request,
        Refusal::SlowReader,
        Refusal::Accept,
        Refusal::TransactionalIds,
        Refusal::GroupOffsets,
        Refusal::Producers,
    ];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Refusal::Connections => "connections",
            Refusal::ConnectionsOfAddress => "connections_of_address",
            Refusal::Silent => "silent",
            Refusal::FrameSize => "frame_size",
            Refusal::SlowFrame => "slow_frame",
            Refusal::NoRoom => "no_room",
            Refusal::Request => "request",
            Refusal::SlowReader => "slow_reader",
            Refusal::Accept => "accept",
            Refusal::TransactionalIds => "transactional_ids",
            Refusal::GroupOffsets => "group_offsets",
            Refusal::Producers => "producers",
        }
    }
}

#[derive(Debug, Default)]
struct Kind {
    count: AtomicU64,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    last: Option<Instant>,
    unsaid: u64,
}

/// How often each kind was refused.
#[derive(Debug, Default)]
pub struct Refusals([Kind; Refusal::ALL.len()]);

impl Refusals {
    /// How often this was refused since the start.
    #[must_use]
    pub fn count(&self, refusal: Refusal) -> u64 {
        self.0[refusal as usize].count.load(Ordering::Relaxed)
    }

    /// Counts a refusal, and says it if this kind was not said just now.
    pub(crate) fn note(&self, refusal: Refusal, peer: Option<SocketAddr>, why: impl fmt::Display) {
        let kind = &self.0[refusal as usize];
        kind.count.fetch_add(1, Ordering::Relaxed);
        let unsaid = {
            let mut said = kind.said.lock();
            if said.last.is_some_and(|last| last.elapsed() < SAID_EVERY) {
                said.unsaid += 1;
                return;
            }
            said.last = Some(Instant::now());
            std::mem::take(&mut said.unsaid)
        };
        let what = refusal.name();
        match (peer, unsaid) {
            (Some(peer), 0) => tracing::warn!(what, %peer, "{why}"),
            (Some(peer), unsaid) => tracing::warn!(what, %peer, unsaid, "{why}"),
            (None, _) => tracing::warn!(what, unsaid, "{why}"),
        }
    }
}
