//! CreatePartitions: key 37, v0–v3
//!
//! Raises the number of partitions of topics.
//!
//! Behaviour
//! - The number can only grow: otherwise INVALID_PARTITIONS. An assignment must name broker 1 for each new partition.
//! - The answer comes when the partitions are durable.
//!
//! Versions: v2 flexible · v3 quota errors (none here).

use std::sync::Arc;

use wire::ApiKey;
use wire::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use wire::messages::create_partitions_response::{CreatePartitionsResponse, CreatePartitionsTopicResult};

use super::{Api, Context, check_replicas, told};
use crate::admin::AdminError;
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::CreatePartitions, 0..=3, |call| call.run(handle)).in_the_slow_lane();

fn handle(broker: &Arc<Broker>, _ctx: &Context, request: CreatePartitionsRequest) -> Reply<CreatePartitionsResponse> {
    let broker = Arc::clone(broker);
    Reply::blocking(move || {
        let mut results = Vec::with_capacity(request.topics.len());
        for (at, topic) in request.topics.iter().enumerate() {
            let twice = request.topics[..at].iter().any(|earlier| earlier.name == topic.name);
            let done = if twice {
                Err(AdminError::InvalidRequest("Duplicate topic name.".to_owned()))
            } else {
                check_assignment(&broker, topic)
                    .and_then(|()| Ok(broker.admit(0)?))
                    .and_then(|()| broker.create_partitions(&topic.name, topic.count, request.validate_only))
            };
            let mut result =
                CreatePartitionsTopicResult { name: topic.name.clone(), ..CreatePartitionsTopicResult::default() };
            if let Err(error) = done {
                result.error_code = error.code().code();
                result.error_message = told(&error);
            }
            results.push(result);
        }
        CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() }
    })
}

fn check_assignment(broker: &Broker, topic: &CreatePartitionsTopic) -> Result<(), AdminError> {
    let Some(assignments) = &topic.assignments else { return Ok(()) };
    // Of a topic that does not exist, the other error is told.
    let Some(current) = broker.topic(&topic.name).map(|info| info.partitions) else { return Ok(()) };
    let new = usize::try_from(topic.count.saturating_sub(current)).unwrap_or(0);
    if assignments.len() != new {
        let given = assignments.len();
        let why =
            format!("Attempted to add {new} additional partition(s), but only {given} assignment(s) were specified.");
        return Err(AdminError::InvalidAssignment(why));
    }
    assignments.iter().try_for_each(|assignment| check_replicas(&assignment.broker_ids))
}
