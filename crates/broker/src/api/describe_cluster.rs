//! DescribeCluster: key 60, v0–v2
//!
//! Says which brokers the cluster has.
//!
//! Versions: v1 endpoint type (we are a broker, not a controller's listener: MISMATCHED_ENDPOINT_TYPE) · v2 fenced
//! brokers (there are none).

use std::sync::Arc;

use wire::messages::describe_cluster_request::DescribeClusterRequest;
use wire::messages::describe_cluster_response::{DescribeClusterBroker, DescribeClusterResponse};
use wire::{ApiKey, ErrorCode};

use super::{Api, Context, cluster_operations};
use crate::broker::Broker;
use crate::metadata::NODE_ID;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::DescribeCluster, 0..=2, |call| call.run(handle));

const BROKER_ENDPOINT: i8 = 1;

fn handle(broker: &Arc<Broker>, ctx: &Context, request: DescribeClusterRequest) -> Reply<DescribeClusterResponse> {
    if request.endpoint_type != BROKER_ENDPOINT {
        let message = format!(
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type {}",
            if request.endpoint_type == 2 { "CONTROLLER" } else { "UNKNOWN" }
        );
        return DescribeClusterResponse {
            error_code: ErrorCode::MismatchedEndpointType.code(),
            error_message: Some(message.into()),
            ..DescribeClusterResponse::default()
        }
        .into();
    }
    let mut response = DescribeClusterResponse {
        cluster_id: broker.cluster_id().into(),
        controller_id: NODE_ID,
        brokers: vec![DescribeClusterBroker {
            broker_id: NODE_ID,
            host: (&*ctx.host).into(),
            port: i32::from(ctx.port),
            ..DescribeClusterBroker::default()
        }],
        ..DescribeClusterResponse::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = cluster_operations();
    }
    response.into()
}
