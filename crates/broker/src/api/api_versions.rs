//! ApiVersions: key 18, v0–v4
//!
//! Says which APIs we serve, at which versions, and which features the cluster has.
//!
//! Behaviour
//! - A version that we do not know is answered in v0's layout with UNSUPPORTED_VERSION and the whole list, so that any
//!   client can come down to one that both know. The response header is v0 in every version.
//! - From v3 on the client names its software; a malformed name is INVALID_REQUEST.
//! - Produce is advertised from v0 although v0–v2 are not served: librdkafka before 2.11.1 looks for exactly v0 before
//!   it compresses (KAFKA-18659).
//!
//! Versions: v1 throttle time · v3 flexible, client software, features · v4 features with a lowest version of 0.
//!
//! Kafka: `metadata.version` is the only finalized feature. Without `transaction.version` clients use transactions V1;
//! without `group.version` they use classic groups. Both are what we serve.

use std::sync::Arc;

use wire::messages::api_versions_request::ApiVersionsRequest;
use wire::messages::api_versions_response::{
    ApiVersion, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use wire::{ApiKey, DecodeError, ErrorCode, RequestPrefix};

use super::{Api, Context, Seal, advertised};
use crate::broker::Broker;
use crate::metadata::{METADATA_FEATURE, METADATA_LEVEL, METADATA_LEVEL_MIN};
use crate::reply::{Answer, Reply};

pub(super) const API: Api = Api::new(ApiKey::ApiVersions, 0..=4, |call| call.run(handle));

fn handle(broker: &Arc<Broker>, ctx: &Context, request: ApiVersionsRequest) -> Reply<ApiVersionsResponse> {
    let named = |text: &str| is_software_text(text);
    if ctx.version >= 3 && !(named(&request.client_software_name) && named(&request.client_software_version)) {
        let error_code = ErrorCode::InvalidRequest.code();
        return ApiVersionsResponse { error_code, ..ApiVersionsResponse::default() }.into();
    }
    let mut response = list(ErrorCode::None);
    response.supported_features = vec![SupportedFeatureKey {
        name: METADATA_FEATURE.into(),
        min_version: METADATA_LEVEL_MIN,
        max_version: METADATA_LEVEL,
    }];
    response.finalized_features = vec![FinalizedFeatureKey {
        name: METADATA_FEATURE.into(),
        max_version_level: METADATA_LEVEL,
        min_version_level: METADATA_LEVEL,
    }];
    response.finalized_features_epoch = broker.metadata_offset();
    response.into()
}

/// Letters, digits, `-` and `.`, beginning and ending with a letter or digit: Kafka's own rule.
fn is_software_text(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

fn list(error: ErrorCode) -> ApiVersionsResponse {
    let api_keys = advertised()
        .map(|(key, min_version, max_version)| ApiVersion { api_key: key.code(), min_version, max_version })
        .collect();
    ApiVersionsResponse { error_code: error.code(), api_keys, ..ApiVersionsResponse::default() }
}

/// The answer to a version that we do not know: v0's layout, to whatever correlation id came.
pub(super) fn answer_unknown_version(prefix: RequestPrefix) -> Result<Answer, DecodeError> {
    let seal = Seal { key: ApiKey::ApiVersions, version: 0, correlation_id: prefix.correlation_id };
    Ok(Answer::Now(seal.encode(list(ErrorCode::UnsupportedVersion).into())))
}
