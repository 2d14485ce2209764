//! Where a partition begins and ends, and which offset a timestamp has.

use std::collections::BTreeMap;

use record::{LeaderEpoch, Offset, TimestampMs};
use wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use wire::{ApiKey, ErrorCode};

use crate::{Client, ClientError, Isolation};

/// Which offset of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first one that is kept.
    Earliest,
    /// The one after the last: of all records, or with `ReadCommitted` of the stable ones.
    Latest,
    /// The first record with this timestamp or a later one.
    Timestamp(TimestampMs),
    /// The record with the largest timestamp.
    MaxTimestamp,
}

impl OffsetSpec {
    fn code(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::Timestamp(timestamp) => timestamp.0.max(0),
        }
    }
}

/// What a partition has for an [`OffsetSpec`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; `None` if no record has such a timestamp.
    pub offset: Option<Offset>,
    /// The record's timestamp, where the question was about one.
    pub timestamp: Option<TimestampMs>,
    /// The leader epoch of the record.
    pub leader_epoch: LeaderEpoch,
}

impl Client {
    /// Looks up offsets; answers for each question in the order given. A partition may be asked about once in a call:
    /// brokers refuse one that occurs twice.
    pub async fn list_offsets(
        &self,
        questions: &[(String, i32, OffsetSpec)],
        isolation: Isolation,
    ) -> Result<Vec<Result<ListedOffset, ClientError>>, ClientError> {
        let mut answers: BTreeMap<usize, Result<ListedOffset, ClientError>> = BTreeMap::new();
        let mut open: Vec<usize> = (0..questions.len()).collect();
        let tries = self.tries("offsets");
        loop {
            let mut by_leader: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
            for index in std::mem::take(&mut open) {
                let (topic, partition, _) = &questions[index];
                match self.leader(topic, *partition).await {
                    Ok(leader) => by_leader.entry(leader).or_default().push(index),
                    Err(error) => {
                        answers.insert(index, Err(error));
                    }
                }
            }
            let mut waits = None;
            for (leader, indexes) in by_leader {
                for (index, listed) in self.list_offsets_at(leader, questions, &indexes, isolation).await? {
                    match listed {
                        Err(ClientError::Refused { error, .. }) if error.is_retriable() => {
                            self.forget(&questions[index].0);
                            open.push(index);
                            waits = Some(error);
                        }
                        done => {
                            answers.insert(index, done);
                        }
                    }
                }
            }
            match waits {
                Some(error) => tries.wait(error).await?,
                None => return Ok(answers.into_values().collect()),
            }
        }
    }

    /// The offsets that one leader has for some of the questions.
    async fn list_offsets_at(
        &self,
        leader: i32,
        questions: &[(String, i32, OffsetSpec)],
        indexes: &[usize],
        isolation: Isolation,
    ) -> Result<Vec<(usize, Result<ListedOffset, ClientError>)>, ClientError> {
        let link = self.link(leader).await?;
        let version = link.version(ApiKey::ListOffsets, i16::MAX)?;
        let topics = indexes.iter().map(|index| {
            let (topic, partition, spec) = &questions[*index];
            let partition =
                ListOffsetsPartition { partition_index: *partition, timestamp: spec.code(), ..Default::default() };
            ListOffsetsTopic { name: topic.as_str().into(), partitions: vec![partition] }
        });
        let request = ListOffsetsRequest {
            replica_id: -1,
            isolation_level: if version >= 2 { isolation.code() } else { 0 },
            topics: merged(topics.collect()),
            timeout_ms: self.timeout_ms(),
        };
        let response = link.call(version, &request).await?;
        let listed = indexes.iter().map(|index| {
            let (topic, partition, _) = &questions[*index];
            let what = format!("{topic}-{partition}");
            let found = response
                .topics
                .iter()
                .filter(|answer| *answer.name == **topic)
                .flat_map(|answer| &answer.partitions)
                .find(|answer| answer.partition_index == *partition);
            let answer = match found {
                Some(answer) => ErrorCode::check(answer.error_code)
                    .map(|()| ListedOffset {
                        offset: Some(Offset(answer.offset)).filter(|offset| offset.0 >= 0),
                        timestamp: Some(TimestampMs(answer.timestamp)).filter(|timestamp| timestamp.0 >= 0),
                        leader_epoch: LeaderEpoch(answer.leader_epoch),
                    })
                    .map_err(|error| ClientError::refused(what, error, None)),
                None => Err(ClientError::refused(what, ErrorCode::UnknownTopicOrPartition, None)),
            };
            (*index, answer)
        });
        Ok(listed.collect())
    }
}

/// One entry for each topic.
fn merged(topics: Vec<ListOffsetsTopic>) -> Vec<ListOffsetsTopic> {
    let mut merged: Vec<ListOffsetsTopic> = Vec::new();
    for topic in topics {
        match merged.iter_mut().find(|known| known.name == topic.name) {
            Some(known) => known.partitions.extend(topic.partitions),
            None => merged.push(topic),
        }
    }
    merged
}
