//! Groups and transactions for queries in this process: no sockets, and the same records as any client's.
//!
//! Owns: the member that a running query is of its group, its transactional producer, and the commit that takes many
//! topologies through at most two awaited sync rounds.
//! Never: knows what a query computes.
//!
//! - [`commit`](mod@commit) — [`TransactionalProducer`], [`TopologyCommit`].
//! - [`overview`] — what metrics and the page tell of groups.

pub mod commit;
pub mod overview;

#[cfg(test)]
mod tests;

use std::fmt;

use record::Offset;
use wire::messages::consumer_protocol_assignment::{ConsumerProtocolAssignment, TopicPartition};
use wire::messages::consumer_protocol_subscription::ConsumerProtocolSubscription;
use wire::{ErrorCode, Str, encode_versioned};

use crate::broker::Broker;
use crate::group::admin::QueryJoin;
use crate::metadata::properties::random_uuid;

pub use commit::{CommitDone, CommitError, TopologyCommit, TransactionalProducer};
pub use overview::{GroupInfo, GroupMemberInfo, GroupOffsetInfo};

/// The version of subscriptions and assignments that every tool can read.
const CONSUMER_PROTOCOL_VERSION: i16 = 0;

/// Why a query could not take or leave its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupError {
    /// Kafka's error.
    pub code: ErrorCode,
    group_id: String,
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {}: {}", self.group_id, self.code.message())
    }
}

impl std::error::Error for GroupError {}

/// A query's place in its group. It is kept until a successor takes it, or the query is dropped
/// ([`Broker::forget_query`]); dropping the value does not leave the group, so that offsets outlive a stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryMember {
    pub(crate) group_id: String,
    pub(crate) member_id: String,
    pub(crate) generation: i32,
}

impl QueryMember {
    /// The group: the query's application id.
    #[must_use]
    pub fn group_id(&self) -> &str {
        &self.group_id
    }

    /// The member id.
    #[must_use]
    pub fn member_id(&self) -> &str {
        &self.member_id
    }

    /// The generation: commits of an older one are refused.
    #[must_use]
    pub fn generation(&self) -> i32 {
        self.generation
    }
}

impl Broker {
    /// Makes a query the one member of its group, assigned all partitions of these topics. Whoever was in the group is
    /// out at once; the new generation is durable when this returns.
    pub fn query_member(&self, group_id: &str, topics: &[String]) -> Result<QueryMember, GroupError> {
        let fail = |code| GroupError { code, group_id: group_id.to_owned() };
        let internal = |_| fail(ErrorCode::UnknownServerError);
        let text = |t: &String| Str::from(t.as_str());
        let subscription =
            ConsumerProtocolSubscription { topics: topics.iter().map(text).collect(), ..Default::default() };
        let assigned = topics.iter().map(|topic| TopicPartition {
            topic: text(topic),
            partitions: (0..self.topic(topic).map_or(0, |info| info.partitions)).collect(),
        });
        let assignment = ConsumerProtocolAssignment { assigned_partitions: assigned.collect(), ..Default::default() };
        let incarnation = random_uuid().map_err(|_| fail(ErrorCode::UnknownServerError))?;
        let member_id = format!("{group_id}-{incarnation}");
        let generation = self
            .coordinators()
            .query_join(QueryJoin {
                group_id: group_id.to_owned(),
                member_id: member_id.clone(),
                client_id: group_id.to_owned(),
                client_host: "/127.0.0.1".to_owned(),
                subscription: encode_versioned(&subscription, CONSUMER_PROTOCOL_VERSION).map_err(internal)?,
                assignment: encode_versioned(&assignment, CONSUMER_PROTOCOL_VERSION).map_err(internal)?,
            })
            .map_err(fail)?;
        Ok(QueryMember { group_id: group_id.to_owned(), member_id, generation })
    }

    /// What a group has committed: topic, partition, offset, metadata.
    #[must_use]
    pub fn committed_offsets(&self, group_id: &str) -> Vec<(String, i32, Offset, String)> {
        let committed = self.coordinators().committed(group_id).into_iter();
        committed.map(|(topic, partition, value)| (topic, partition, value.offset, value.metadata)).collect()
    }

    /// Forgets a query that was dropped: it leaves its group, and the group goes with its offsets.
    pub fn forget_query(&self, group_id: &str) -> Result<(), GroupError> {
        match self.coordinators().forget_query(group_id) {
            ErrorCode::None | ErrorCode::GroupIdNotFound => Ok(()),
            code => Err(GroupError { code, group_id: group_id.to_owned() }),
        }
    }
}
