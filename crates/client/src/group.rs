//! [`GroupConsumer`]: a [`Consumer`] whose partitions are those that its group gives it, by the classic protocol.
//!
//! ```text
//! find coordinator ─> join ─┬─ leader: assign ─┬─> sync ─> fetch … heartbeat … ─┐
//!            ^              └─ others ─────────┘                                │
//!            └──────────── a member came or went, a generation ended ───────────┘
//! ```
//! A task sends heartbeats; joining and committing happen inside [`GroupConsumer::poll`] and
//! [`GroupConsumer::commit`], on the caller's task.

mod assignor;
mod membership;

use std::time::Duration;

use record::Offset;
use tokio::time::Instant;

pub use assignor::Assignor;
#[cfg(test)]
pub(crate) use assignor::Candidate;
use membership::Session;

use crate::{Client, ClientError, ConsumedRecord, Consumer, ConsumerOptions, OffsetToCommit, OutOfRange, Position};

/// How a member takes part in its group.
#[derive(Debug, Clone)]
pub struct GroupOptions {
    /// The group.
    pub group_id: String,
    /// The topics to read.
    pub topics: Vec<String>,
    /// How partitions are assigned, the first one that all members know.
    pub assignors: Vec<Assignor>,
    /// Its `group.instance.id`, for a member that keeps its partitions across restarts.
    pub instance_id: Option<String>,
    /// After how long without a heartbeat the member counts as dead.
    pub session_timeout: Duration,
    /// How long members may take to join again.
    pub rebalance_timeout: Duration,
    /// How often a heartbeat is sent.
    pub heartbeat_interval: Duration,
    /// How often positions are committed inside `poll`; never if not given.
    pub auto_commit_interval: Option<Duration>,
    /// How records are fetched. `out_of_range` also says where a partition without a committed offset begins.
    pub consumer: ConsumerOptions,
}

impl GroupOptions {
    /// Kafka's own: range, 45 s of session, 5 min to join again, a heartbeat every 3 s, commits every 5 s, `latest`.
    pub fn new(group_id: impl Into<String>, topics: Vec<String>) -> Self {
        Self {
            group_id: group_id.into(),
            topics,
            assignors: vec![Assignor::Range],
            instance_id: None,
            session_timeout: Duration::from_secs(45),
            rebalance_timeout: Duration::from_secs(300),
            heartbeat_interval: Duration::from_secs(3),
            auto_commit_interval: Some(Duration::from_secs(5)),
            consumer: ConsumerOptions { out_of_range: OutOfRange::Latest, ..ConsumerOptions::default() },
        }
    }
}

/// A member of a group that reads what it is assigned. [`GroupConsumer::leave`] when done: otherwise the group waits for
/// the session timeout.
pub struct GroupConsumer {
    client: Client,
    options: GroupOptions,
    consumer: Consumer,
    session: Session,
    next_commit: Option<Instant>,
    joins: u64,
}

impl GroupConsumer {
    /// A member that joins at its first poll.
    pub fn new(client: &Client, options: GroupOptions) -> Self {
        Self {
            client: client.clone(),
            consumer: Consumer::new(client, options.consumer.clone()),
            session: Session::new(client, &options),
            next_commit: options.auto_commit_interval.map(|interval| Instant::now() + interval),
            joins: 0,
            options,
        }
    }

    /// The partitions that this member has now.
    pub fn assignment(&self) -> impl Iterator<Item = (&str, i32)> {
        self.consumer.assignment()
    }

    /// How often this member has joined. It reads on from the committed offsets after each time, also when the group
    /// takes it back into the generation that it was in, as a restarted broker may.
    pub fn joins(&self) -> u64 {
        self.joins
    }

    /// Topic, partition, and the offset that [`GroupConsumer::commit`] would commit now.
    pub fn positions(&self) -> Vec<(String, i32, Offset)> {
        let positions = self.consumer.positions().into_iter();
        positions.map(|(topic, partition, offset, _)| (topic, partition, offset)).collect()
    }

    /// Whether everything is read up to where each of its partitions ended when it was last fetched.
    pub fn is_at_end(&self) -> bool {
        self.session.is_stable() && self.consumer.is_at_end()
    }

    /// Up to `records_max` records: as soon as there are some, none after `patience`. Joins the group, and joins it again
    /// when it rebalances; commits the positions first if it commits by itself.
    pub async fn poll(&mut self, records_max: usize, patience: Duration) -> Result<Vec<ConsumedRecord>, ClientError> {
        if !self.session.is_stable() {
            self.rejoin().await?;
        }
        if self.next_commit.is_some_and(|due| due <= Instant::now()) {
            self.commit_if_possible().await?;
        }
        // A heartbeat may tell of a rebalance while records are awaited.
        let patience = patience.min(self.options.heartbeat_interval);
        self.consumer.poll(records_max, patience).await
    }

    /// Commits the positions: everything that `poll` has handed out counts as dealt with.
    pub async fn commit(&mut self) -> Result<(), ClientError> {
        let positions = self.consumer.positions().into_iter();
        let offsets: Vec<OffsetToCommit> = positions
            .map(|(topic, partition, offset, leader_epoch)| OffsetToCommit {
                topic,
                partition,
                offset,
                leader_epoch,
                metadata: String::new(),
            })
            .collect();
        self.next_commit = self.options.auto_commit_interval.map(|interval| Instant::now() + interval);
        if offsets.is_empty() {
            return Ok(());
        }
        let done = self.client.commit_as(&self.options.group_id, &self.session.membership(), &offsets).await;
        self.session.note(&done);
        done
    }

    /// Commits if this member commits by itself, and leaves the group.
    pub async fn leave(mut self) -> Result<(), ClientError> {
        if self.options.auto_commit_interval.is_some() && self.session.is_member() {
            self.commit_if_possible().await?;
        }
        self.session.leave().await
    }

    async fn commit_if_possible(&mut self) -> Result<(), ClientError> {
        match self.commit().await {
            // The positions were those of a generation that is over; whoever has the partitions now reads them again.
            Err(error) if membership::is_over(&error) => Ok(()),
            // The next commit says the same and more.
            Err(error) if self.client.may_pass(&error) => {
                tracing::warn!(group = self.options.group_id, %error, "positions are not committed");
                Ok(())
            }
            done => done,
        }
    }

    async fn rejoin(&mut self) -> Result<(), ClientError> {
        if self.options.auto_commit_interval.is_some() && self.session.is_member() {
            self.commit_if_possible().await?;
        }
        let owned: Vec<(String, i32)> =
            self.consumer.assignment().map(|(topic, partition)| (topic.to_owned(), partition)).collect();
        let assigned = self.session.join(&owned).await?;
        self.joins += 1;
        // Partitions that it keeps go on at the committed offset too: others may have had them in between.
        self.consumer.retain(|_, _| false);
        let committed = self.client.committed_offsets(&self.options.group_id).await?;
        let start = match self.options.consumer.out_of_range {
            OutOfRange::Earliest => Position::Earliest,
            OutOfRange::Latest => Position::Latest,
            OutOfRange::Fail => Position::Offset(Offset(-1)),
        };
        let positions = assigned.into_iter().flat_map(|(topic, partitions)| {
            let committed = &committed;
            partitions.into_iter().map(move |partition| {
                let found = committed.iter().find(|known| known.topic == topic && known.partition == partition);
                (topic.clone(), partition, found.map_or(start, |found| Position::Offset(found.offset)))
            })
        });
        let positions: Vec<_> = positions.collect();
        self.consumer.assign(&positions).await
    }
}
