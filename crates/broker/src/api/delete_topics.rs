//! DeleteTopics: key 20, v1–v6
//!
//! Deletes topics with their records.
//!
//! Behaviour
//! - The answer comes when the deletion is durable. A topic created later under the same name has another id.
//! - From v6 on a topic is named or given by id, never both.
//! - The broker's own topics stay: INVALID_TOPIC_EXCEPTION.
//!
//! Versions: v1 throttle time · v4 flexible · v5 error text · v6 topic ids.

use std::sync::Arc;

use wire::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use wire::messages::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use wire::{ApiKey, Str};

use super::{Api, Context, told};
use crate::admin::AdminError;
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::DeleteTopics, 1..=6, |call| call.run(handle)).in_the_slow_lane();

fn handle(broker: &Arc<Broker>, ctx: &Context, request: DeleteTopicsRequest) -> Reply<DeleteTopicsResponse> {
    let (broker, version) = (Arc::clone(broker), ctx.version);
    Reply::blocking(move || {
        let mut wanted = request.topics;
        let by_name = |name: Str| DeleteTopicState { name: Some(name), ..DeleteTopicState::default() };
        wanted.extend(request.topic_names.into_iter().map(by_name));
        let mut responses: Vec<DeletableTopicResult> = Vec::with_capacity(wanted.len());
        for topic in wanted {
            let mut result = DeletableTopicResult {
                name: topic.name.clone(),
                topic_id: topic.topic_id,
                ..DeletableTopicResult::default()
            };
            match delete(&broker, &topic) {
                Ok((name, id)) => {
                    result.name = Some(name);
                    result.topic_id = if version >= 6 { id } else { result.topic_id };
                }
                Err(error) => {
                    result.error_code = error.code().code();
                    result.error_message = told(&error);
                }
            }
            responses.push(result);
        }
        DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() }
    })
}

fn delete(broker: &Broker, wanted: &DeleteTopicState) -> Result<(Str, wire::Uuid), AdminError> {
    let name = match (&wanted.name, wanted.topic_id.is_zero()) {
        (Some(name), true) => name.to_string(),
        (None, false) => match broker.topic_by_id(wanted.topic_id) {
            Some(topic) => topic.name.to_string(),
            None => {
                let why = "This server does not host this topic ID.".to_owned();
                return Err(AdminError::UnknownTopicId(why));
            }
        },
        (Some(_), false) => {
            return Err(AdminError::InvalidRequest("You may not specify both topic name and topic id.".to_owned()));
        }
        (None, true) => {
            return Err(AdminError::InvalidRequest("Neither topic name nor id were specified.".to_owned()));
        }
    };
    broker.delete_topic(&name).map(|info| (Str::from(info.name), info.id))
}
