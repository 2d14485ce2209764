//! The Kafka APIs that we serve: one file each, with its card.
//!
//! Owns: [`APIS`], the one list of what is served and advertised, in key order; decoding a request, calling its
//! handler, encoding its response.
//! Never: keeps state; lets a wire struct go further into the broker.
//!
//! To add an API: write `api/<name>.rs` with its card, `API` and `handle`; add `mod` below and its line in [`APIS`].

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use wire::messages::response_header::ResponseHeader;
use wire::{ApiKey, DecodeError, ErrorCode, Message, Piece, Reader, RequestHeaderError, RequestPrefix, Str, Writer};

use crate::admin::{AdminError, Resource};
use crate::broker::Broker;
use crate::config::Shown;
use crate::metadata::{BROKER_RESOURCE, NODE_ID, TOPIC_RESOURCE};
use crate::reply::{Answer, Body, Part, Reply, Response};
use crate::topic::Partition;

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod alter_configs;
mod api_versions;
mod create_acls;
mod create_partitions;
mod create_topics;
mod delete_acls;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_acls;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_topic_partitions;
mod describe_transactions;
mod elect_leaders;
mod end_txn;
mod fetch;
mod find_coordinator;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod list_transactions;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod once;
mod produce;
mod sync_group;
mod txn_offset_commit;

/// Everything that is served, in key order.
static APIS: &[&Api] = &[
    &produce::API,
    &fetch::API,
    &list_offsets::API,
    &metadata::API,
    &offset_commit::API,
    &offset_fetch::API,
    &find_coordinator::API,
    &join_group::API,
    &heartbeat::API,
    &leave_group::API,
    &sync_group::API,
    &describe_groups::API,
    &list_groups::API,
    &api_versions::API,
    &create_topics::API,
    &delete_topics::API,
    &delete_records::API,
    &init_producer_id::API,
    &offset_for_leader_epoch::API,
    &add_partitions_to_txn::API,
    &add_offsets_to_txn::API,
    &end_txn::API,
    &txn_offset_commit::API,
    &describe_acls::API,
    &create_acls::API,
    &delete_acls::API,
    &describe_configs::API,
    &alter_configs::API,
    &describe_log_dirs::API,
    &create_partitions::API,
    &delete_groups::API,
    &elect_leaders::API,
    &incremental_alter_configs::API,
    &list_partition_reassignments::API,
    &offset_delete::API,
    &describe_client_quotas::API,
    &describe_cluster::API,
    &describe_producers::API,
    &describe_transactions::API,
    &list_transactions::API,
    &list_config_resources::API,
    &describe_topic_partitions::API,
];

/// Who asks, how, and when.
#[derive(Clone, Debug)]
pub struct Context {
    /// The version of the API that the request is in.
    pub version: i16,
    /// What the client calls itself.
    pub client_id: Option<Str>,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// The host that this client is told we are at.
    pub host: Arc<str>,
    /// The port that this client is told we are at.
    pub port: u16,
    /// Wall-clock time of arrival.
    pub now_ms: i64,
    /// Which connection it came by; unique in this process.
    pub connection_id: u64,
    /// The threads that begin it.
    pub lane: Lane,
    /// Nothing else of this connection is in work, and nothing more of it has arrived: its thread may wait for the disk.
    pub alone: bool,
}

/// Which threads begin a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Those that serve the sockets: what producers, consumers and group members ask, again and again.
    Fast,
    /// A few that all connections share: what administrators ask, now and then. An answer may list everything there is.
    Slow,
}

/// One served API.
#[derive(Debug)]
pub(crate) struct Api {
    /// Its key.
    pub key: ApiKey,
    /// The versions that we serve.
    pub versions: RangeInclusive<i16>,
    /// The lowest version that we advertise (Produce: lower than the lowest served).
    pub advertised_min: i16,
    /// Who begins its requests.
    lane: Lane,
    serve: fn(Call<'_>) -> Result<Answer, DecodeError>,
}

impl Api {
    const fn new(
        key: ApiKey,
        versions: RangeInclusive<i16>,
        serve: fn(Call<'_>) -> Result<Answer, DecodeError>,
    ) -> Self {
        let advertised_min = *versions.start();
        Self { key, versions, advertised_min, lane: Lane::Fast, serve }
    }

    const fn advertised_from(mut self, version: i16) -> Self {
        self.advertised_min = version;
        self
    }

    const fn in_the_slow_lane(mut self) -> Self {
        self.lane = Lane::Slow;
        self
    }
}

/// One request, past its header.
pub(crate) struct Call<'a> {
    broker: &'a Arc<Broker>,
    context: &'a Context,
    key: ApiKey,
    correlation_id: i32,
    reader: Reader,
}

impl Call<'_> {
    /// Decodes the request, calls the handler, and arranges for its response to be encoded.
    fn run<Q, R>(mut self, handle: fn(&Arc<Broker>, &Context, Q) -> Reply<R>) -> Result<Answer, DecodeError>
    where
        Q: Message,
        R: Message + Send + 'static,
    {
        let request = Q::decode(&mut self.reader, self.context.version)?;
        let seal = Seal { key: self.key, version: self.context.version, correlation_id: self.correlation_id };
        Ok(seal.answer(handle(self.broker, self.context, request)))
    }
}

/// What is needed to encode a response: to which request, in which version.
#[derive(Clone, Copy, Debug)]
struct Seal {
    key: ApiKey,
    version: i16,
    correlation_id: i32,
}

impl Seal {
    fn answer<R: Message + Send + 'static>(self, reply: Reply<R>) -> Answer {
        match reply {
            Reply::Now(response) => Answer::Now(self.encode(response)),
            Reply::Later(future) => Answer::Later(Box::pin(async move { self.encode(future.await) })),
            Reply::Blocking(work) => Answer::Blocking(Box::new(move || self.encode(work()))),
            Reply::Costly(work) => Answer::Costly(Box::new(move || self.answer(work()))),
            Reply::Silent => Answer::Silent,
            Reply::Close => Answer::Close,
        }
    }

    fn encode<R: Message>(self, response: Response<R>) -> Body {
        let mut writer = Writer::framed();
        let header = ResponseHeader { correlation_id: self.correlation_id };
        let encoded = header
            .encode(&mut writer, self.key.response_header_version(self.version))
            .and_then(|()| response.message.encode(&mut writer, self.version))
            .and_then(|()| writer.finish());
        let pieces = match encoded {
            Ok(pieces) => pieces,
            Err(e) => {
                let (api, version) = (self.key.name(), self.version);
                tracing::error!(api, version, error = %e, "a response cannot be encoded");
                return None;
            }
        };
        let mut externals: Vec<_> = response.externals.into_iter().map(Some).collect();
        let mut parts = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) => parts.push(Part::Bytes(bytes)),
                Piece::External { index, .. } => {
                    let chunks = externals.get_mut(index as usize).and_then(Option::take).unwrap_or_default();
                    parts.extend(chunks.into_iter().map(Part::Chunk));
                }
            }
        }
        Some(parts)
    }
}

/// Where a request came from, for [`serve`].
#[derive(Clone, Debug)]
pub struct Origin {
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// The host that this client is told we are at.
    pub host: Arc<str>,
    /// The port that this client is told we are at.
    pub port: u16,
    /// Which connection it came by.
    pub connection_id: u64,
}

/// Why a frame is not answered. Each closes the connection.
#[derive(Debug)]
pub enum BadFrame {
    /// The key is none of Kafka's, or of an API that we do not serve.
    UnknownApi(i16),
    /// We do not serve this version of the API.
    UnknownVersion(ApiKey, i16),
    /// There is not even a request header.
    Short,
    /// The bytes are not what the header says they are.
    Malformed(DecodeError),
}

impl std::fmt::Display for BadFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BadFrame::UnknownApi(key) => write!(f, "API key {key} is not served"),
            BadFrame::UnknownVersion(key, version) => {
                write!(f, "version {version} of {} is not served", key.name())
            }
            BadFrame::Short => f.write_str("malformed request: no header"),
            BadFrame::Malformed(e) => write!(f, "malformed request: {e}"),
        }
    }
}

/// The API key in the first two bytes of a frame.
#[must_use]
pub fn key_of(frame: &[u8]) -> Option<i16> {
    Some(i16::from_be_bytes([*frame.first()?, *frame.get(1)?]))
}

/// A frame above this many bytes is begun in the slow lane, unless it brings records: it names thousands of things.
const LARGE_BYTES: usize = 64 << 10;
/// The same for records, all of which are checked and copied.
const LARGE_PRODUCE_BYTES: usize = 4 << 20;

/// Which threads are to begin this frame's request.
#[must_use]
pub fn lane_of(frame: &[u8]) -> Lane {
    let key = key_of(frame);
    let api = APIS.iter().find(|api| Some(api.key.code()) == key);
    match api {
        Some(api) if api.key == ApiKey::Produce && frame.len() <= LARGE_PRODUCE_BYTES => Lane::Fast,
        _ if frame.len() > LARGE_BYTES => Lane::Slow,
        Some(api) => api.lane,
        None => Lane::Fast,
    }
}

/// Serves one request frame (without the length before it).
///
/// ```text
/// +---------+-------------+----------------+----------------------+---------+
/// | key i16 | version i16 | correlation i32| client id, tags (v2) | request |
/// +---------+-------------+----------------+----------------------+---------+
/// ```
///
/// In the fast lane the answer may be [`Answer::Costly`], when there is more to do than that lane allows.
pub fn serve(broker: &Arc<Broker>, origin: &Origin, frame: Bytes, lane: Lane) -> Result<Answer, BadFrame> {
    serve_begun(broker, origin, frame, lane, false)
}

/// [`serve`]; `alone`: see [`Context::alone`].
pub(crate) fn serve_begun(
    broker: &Arc<Broker>,
    origin: &Origin,
    frame: Bytes,
    lane: Lane,
    alone: bool,
) -> Result<Answer, BadFrame> {
    let mut reader = Reader::new(frame.clone());
    let Some(prefix) = RequestPrefix::peek(&frame) else {
        return Err(BadFrame::Short);
    };
    let key = ApiKey::try_from(prefix.api_key).map_err(|_| BadFrame::UnknownApi(prefix.api_key))?;
    let Ok(at) = APIS.binary_search_by(|api| api.key.code().cmp(&prefix.api_key)) else {
        return Err(BadFrame::UnknownApi(prefix.api_key));
    };
    let api = APIS[at];
    let version = prefix.api_version;
    if !api.versions.contains(&version) {
        if key == ApiKey::ApiVersions {
            return api_versions::answer_unknown_version(prefix).map_err(BadFrame::Malformed);
        }
        return Err(BadFrame::UnknownVersion(key, version));
    }
    let (_, header) = wire::read_request_header(&mut reader).map_err(|e| match e {
        RequestHeaderError::UnknownApiKey(_) => BadFrame::UnknownApi(prefix.api_key),
        RequestHeaderError::Decode(e) => BadFrame::Malformed(e),
    })?;
    let context = Context {
        version,
        client_id: header.client_id,
        peer: origin.peer,
        host: Arc::clone(&origin.host),
        port: origin.port,
        now_ms: broker.now_ms(),
        connection_id: origin.connection_id,
        lane,
        alone,
    };
    let call = Call { broker, context: &context, key, correlation_id: header.correlation_id, reader };
    (api.serve)(call).map_err(BadFrame::Malformed)
}

/// Every served API with the versions that are really served, in key order.
pub fn served() -> impl Iterator<Item = (ApiKey, RangeInclusive<i16>)> {
    APIS.iter().map(|api| (api.key, api.versions.clone()))
}

/// What ApiVersions says: key, lowest and highest version of each API.
fn advertised() -> impl Iterator<Item = (ApiKey, i16, i16)> {
    APIS.iter().map(|api| (api.key, api.advertised_min, *api.versions.end()))
}

/// Most bytes of an error's text: it may quote what the client sent, and a string of the protocol has an end.
const TOLD_BYTES_MAX: usize = 2000;

/// The text of an error, as a client is told it.
fn told(error: &AdminError) -> Option<Str> {
    let text = error.message();
    let end = (0..=text.len().min(TOLD_BYTES_MAX)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    Some(Str::from(&text[..end]))
}

/// A config's value on the wire; a default is not copied.
fn config_text(value: Shown) -> Str {
    match value {
        Shown::Borrowed(value) => Str::from_static(value),
        Shown::Owned(value) => value.into(),
    }
}

/// Which resource a config request means.
fn resource_named(kind: i8, name: &str) -> Result<Resource, AdminError> {
    match (kind, name) {
        (TOPIC_RESOURCE, name) => Ok(Resource::Topic(name.to_owned())),
        (BROKER_RESOURCE, "") => Ok(Resource::Cluster),
        (BROKER_RESOURCE, id) if id.parse() == Ok(NODE_ID) => Ok(Resource::Node),
        (BROKER_RESOURCE, id) => Err(AdminError::InvalidRequest(format!(
            "Unexpected broker id, expected {NODE_ID} or empty, but received {id}"
        ))),
        _ => Err(AdminError::InvalidRequest(format!("Unsupported resource type {kind}"))),
    }
}

/// Checks the brokers that a client wishes a partition to be on, in Kafka's words: there is one.
fn check_replicas(broker_ids: &[i32]) -> Result<(), AdminError> {
    let refuse =
        |why: String| Err(AdminError::InvalidAssignment(format!("The manual partition assignment includes {why}")));
    match broker_ids {
        [NODE_ID] => Ok(()),
        [] => refuse("an empty replica list.".to_owned()),
        ids => match ids.iter().find(|id| **id != NODE_ID) {
            Some(id) => refuse(format!("broker {id}, but no such broker is registered.")),
            None => refuse(format!("the broker {NODE_ID} more than once.")),
        },
    }
}

/// Compares the epoch that a client believes in with the partition's; −1 believes in none.
fn check_leader_epoch(partition: &Partition, client_epoch: i32) -> Result<(), ErrorCode> {
    let epoch = partition.leader_epoch().0;
    if client_epoch < 0 || client_epoch == epoch {
        Ok(())
    } else if client_epoch < epoch {
        Err(ErrorCode::FencedLeaderEpoch)
    } else {
        Err(ErrorCode::UnknownLeaderEpoch)
    }
}

/// Bits of Kafka's ACL operations.
const fn operations(numbers: &[u32]) -> i32 {
    let mut bits = 0;
    let mut at = 0;
    while at < numbers.len() {
        bits |= 1 << numbers[at];
        at += 1;
    }
    bits
}

/// What anybody may do with a topic: read, write, create, delete, alter, describe, describe and alter configs.
fn topic_operations() -> i32 {
    const { operations(&[3, 4, 5, 6, 7, 8, 10, 11]) }
}

/// What anybody may do with the cluster: create, alter, describe, cluster action, describe and alter configs,
/// idempotent write.
fn cluster_operations() -> i32 {
    const { operations(&[5, 7, 8, 9, 10, 11, 12]) }
}

/// The other end of the connection as Java prints it (`/127.0.0.1`): what tools show for the members of a group.
fn client_host(context: &Context) -> String {
    format!("/{}", context.peer.ip().to_canonical())
}

/// How an API tells a producer that it is fenced: versions before PRODUCER_FENCED say INVALID_PRODUCER_EPOCH.
fn fenced_as(knows_fenced: bool) -> impl Fn(ErrorCode) -> ErrorCode + Copy {
    move |error| match error {
        ErrorCode::ProducerFenced if !knows_fenced => ErrorCode::InvalidProducerEpoch,
        other => other,
    }
}

/// How a producer is told that its transaction does not have the partition: versions that know TRANSACTION_ABORTABLE say
/// that, so that the client aborts instead of giving up.
fn abortable_as(knows_abortable: bool) -> impl Fn(ErrorCode) -> ErrorCode + Copy {
    move |error| match error {
        ErrorCode::InvalidTxnState if knows_abortable => ErrorCode::TransactionAbortable,
        other => other,
    }
}
