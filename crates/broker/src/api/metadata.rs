//! Metadata: key 3, v0–v13
//!
//! Says which brokers and topics there are, and who leads which partition.
//!
//! Behaviour
//! - No list of topics asks for all (v0: an empty list does; from v1 on an empty list asks for none).
//! - A topic that does not exist is created if the client allows it (v4+; before, always) and
//!   `auto.create.topics.enable` does. The answer comes when it exists: no second try is needed.
//! - The broker's address is the one that the client connected to, unless another is advertised.
//!
//! Versions: v1 controller, internal flag · v2 cluster id · v3 throttle time · v4 auto-create flag · v5 offline
//! replicas · v7 leader epoch · v8–v10 authorized operations · v9 flexible · v10 topic ids · v12 lookup by id ·
//! v13 top-level error.
//!
//! Kafka: Apache Kafka answers LEADER_NOT_AVAILABLE while it creates a topic.

use std::sync::Arc;

use wire::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use wire::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use wire::{ApiKey, ErrorCode, Str};

use super::once::once;
use super::{Api, Context, cluster_operations, topic_operations};
use crate::admin::AdminError;
use crate::broker::Broker;
use crate::metadata::NODE_ID;
use crate::reply::Reply;
use crate::topic::{NewTopic, Topic, check_name};

pub(super) const API: Api = Api::new(ApiKey::Metadata, 0..=13, |call| call.run(handle));

/// Most topics that one request makes; the client asks again for the others.
const CREATED_MAX: usize = 100;

fn handle(broker: &Arc<Broker>, ctx: &Context, mut request: MetadataRequest) -> Reply<MetadataResponse> {
    request.topics = request.topics.map(|topics| once(topics, |topic| (topic.topic_id, topic.name.clone())));
    let may_create = ctx.version < 4 || request.allow_auto_topic_creation;
    let creates = may_create
        && request.topics.as_ref().is_some_and(|topics| topics.iter().any(|wanted| missing(broker, wanted)))
        && broker.server_configs().value("auto.create.topics.enable").as_deref() == Some("true")
        && broker.admit(0).is_ok();
    if !creates {
        return answer(broker, ctx, &request).into();
    }
    let (broker, ctx) = (Arc::clone(broker), ctx.clone());
    Reply::blocking(move || {
        let wanted = request.topics.iter().flatten().filter(|wanted| missing(&broker, wanted));
        for wanted in wanted.take(CREATED_MAX) {
            let Some(name) = wanted.name.as_deref() else { continue };
            match broker.create_topic(name, NewTopic::default()) {
                // Somebody was faster.
                Ok(_) | Err(AdminError::AlreadyExists(_)) => {}
                Err(e) => tracing::debug!(topic = name, error = %e, "a topic could not be created on demand"),
            }
        }
        answer(&broker, &ctx, &request)
    })
}

/// Whether this is the name of a topic that there could be, and is not.
fn missing(broker: &Broker, wanted: &MetadataRequestTopic) -> bool {
    let could_be = |name: &str| check_name(name).is_ok() && broker.catalog.topic(name).is_none();
    wanted.topic_id.is_zero() && wanted.name.as_deref().is_some_and(could_be)
}

fn answer(broker: &Broker, ctx: &Context, request: &MetadataRequest) -> MetadataResponse {
    let topics = match &request.topics {
        Some(wanted) if ctx.version > 0 || !wanted.is_empty() => {
            wanted.iter().map(|wanted| describe_wanted(broker, ctx, request, wanted)).collect()
        }
        _ => broker.catalog.topics().iter().map(|topic| describe(ctx, request, topic)).collect(),
    };
    let address = MetadataResponseBroker {
        node_id: NODE_ID,
        host: (&*ctx.host).into(),
        port: i32::from(ctx.port),
        ..MetadataResponseBroker::default()
    };
    let mut response = MetadataResponse {
        brokers: vec![address],
        cluster_id: Some(broker.cluster_id().into()),
        controller_id: NODE_ID,
        topics,
        ..MetadataResponse::default()
    };
    if (8..=10).contains(&ctx.version) && request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = cluster_operations();
    }
    response
}

fn describe_wanted(
    broker: &Broker,
    ctx: &Context,
    request: &MetadataRequest,
    wanted: &MetadataRequestTopic,
) -> MetadataResponseTopic {
    let failed = |error: ErrorCode| MetadataResponseTopic {
        error_code: error.code(),
        // Before v12 the name cannot be null.
        name: if ctx.version < 12 { Some(wanted.name.clone().unwrap_or_default()) } else { wanted.name.clone() },
        topic_id: wanted.topic_id,
        ..MetadataResponseTopic::default()
    };
    if !wanted.topic_id.is_zero() {
        if ctx.version < 12 {
            return failed(ErrorCode::InvalidRequest);
        }
        return match broker.topic_by_id(wanted.topic_id) {
            Some(topic) => describe(ctx, request, &topic),
            None => failed(ErrorCode::UnknownTopicId),
        };
    }
    match wanted.name.as_deref() {
        None => failed(ErrorCode::InvalidRequest),
        Some(name) => match broker.catalog.topic(name) {
            Some(topic) => describe(ctx, request, &topic),
            None if check_name(name).is_err() => failed(ErrorCode::InvalidTopicException),
            None => failed(ErrorCode::UnknownTopicOrPartition),
        },
    }
}

fn describe(ctx: &Context, request: &MetadataRequest, topic: &Topic) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().map(|partition| MetadataResponsePartition {
        partition_index: partition.index(),
        leader_id: NODE_ID,
        leader_epoch: partition.leader_epoch().0,
        replica_nodes: vec![NODE_ID],
        isr_nodes: vec![NODE_ID],
        ..MetadataResponsePartition::default()
    });
    let mut described = MetadataResponseTopic {
        name: Some(Str::from(&*topic.name)),
        topic_id: topic.id,
        is_internal: topic.is_internal(),
        partitions: partitions.collect(),
        ..MetadataResponseTopic::default()
    };
    if ctx.version >= 8 && request.include_topic_authorized_operations {
        described.topic_authorized_operations = topic_operations();
    }
    described
}
