//! Topics: create, delete, grow.

use wire::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use wire::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use wire::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};

use super::outcome;
use crate::{Client, ClientError};

/// A topic to create.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; the broker's default if not given.
    pub partitions: Option<i32>,
    /// How many replicas; the broker's default if not given.
    pub replication_factor: Option<i16>,
    /// Which brokers hold each partition, by partition index; leave the two fields above empty then.
    pub assignment: Vec<Vec<i32>>,
    /// Its own configuration.
    pub configs: Vec<(String, String)>,
}

impl Client {
    /// Creates topics (or, with `validate_only`, says whether it would); answers for each in the order given.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<Vec<(String, Result<(), ClientError>)>, ClientError> {
        let timeout_ms = self.timeout_ms();
        let request =
            |_| CreateTopicsRequest { topics: topics.iter().map(creatable).collect(), timeout_ms, validate_only };
        let response =
            self.call_controller(request, |answer| answer.topics.first().map_or(0, |topic| topic.error_code)).await?;
        let results = response.topics.iter().map(|topic| {
            let name = topic.name.to_string();
            let what = format!("topic {name}");
            (name, outcome(what, topic.error_code, topic.error_message.as_ref()))
        });
        Ok(results.collect())
    }

    /// Deletes topics; answers for each.
    pub async fn delete_topics(&self, names: &[String]) -> Result<Vec<(String, Result<(), ClientError>)>, ClientError> {
        let timeout_ms = self.timeout_ms();
        let request = |version| DeleteTopicsRequest {
            topics: if version >= 6 {
                let topic = |name: &String| DeleteTopicState { name: Some(name.into()), ..Default::default() };
                names.iter().map(topic).collect()
            } else {
                Vec::new()
            },
            topic_names: if version <= 5 { names.iter().map(Into::into).collect() } else { Vec::new() },
            timeout_ms,
        };
        let response = self
            .call_controller(request, |answer| answer.responses.first().map_or(0, |topic| topic.error_code))
            .await?;
        let results = response.responses.iter().map(|topic| {
            let name = topic.name.as_deref().unwrap_or_default().to_owned();
            self.forget(&name);
            let what = format!("topic {name}");
            (name, outcome(what, topic.error_code, topic.error_message.as_ref()))
        });
        Ok(results.collect())
    }

    /// Grows a topic to `partitions` in all.
    pub async fn create_partitions(&self, topic: &str, partitions: i32) -> Result<(), ClientError> {
        let timeout_ms = self.timeout_ms();
        let request = |_| CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic { name: topic.into(), count: partitions, assignments: None }],
            timeout_ms,
            validate_only: false,
        };
        let response =
            self.call_controller(request, |answer| answer.results.first().map_or(0, |topic| topic.error_code)).await?;
        self.forget(topic);
        for result in &response.results {
            outcome(format!("topic {}", result.name), result.error_code, result.error_message.as_ref())?;
        }
        Ok(())
    }

    pub(crate) fn timeout_ms(&self) -> i32 {
        i32::try_from(self.options().request_timeout.as_millis()).unwrap_or(i32::MAX)
    }
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let assignment = topic.assignment.iter().zip(0..);
    CreatableTopic {
        name: topic.name.as_str().into(),
        num_partitions: topic.partitions.unwrap_or(-1),
        replication_factor: topic.replication_factor.unwrap_or(-1),
        assignments: assignment
            .map(|(brokers, index)| CreatableReplicaAssignment { partition_index: index, broker_ids: brokers.clone() })
            .collect(),
        configs: topic
            .configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig { name: name.into(), value: Some(value.into()) })
            .collect(),
    }
}
