//! Produce: key 0, v3–v11 (advertised from v0)
//!
//! Appends record batches.
//!
//! Behaviour
//! - Each partition has exactly one batch of format v2. It is checked, appended at once, and answered when it is
//!   durable and visible; a partition's error does not touch the others.
//! - acks 0 has no answer; if anything fails, the connection is closed, so that the client notices. acks 1 and -1 are
//!   the same on one node. Anything else is INVALID_REQUIRED_ACKS for every partition.
//! - A transactional batch needs the request's transactional id, and a partition that was added to its transaction.
//! - Clients do not write to internal topics.
//!
//! Versions: v3 transactional id, format v2 · v5 log start · v7 zstd · v8 errors per record · v9 flexible · v10 leader
//! and endpoints in answers.
//!
//! Kafka: v0–v2 close the connection, as in Apache Kafka 4. Topics are not created here: clients ask for Metadata first.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use record::{Batch, Compression};
use wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use wire::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use wire::{ApiKey, ErrorCode, Str};

use super::{Api, Context, Lane, abortable_as};
use crate::broker::Broker;
use crate::net::refusal::Refusal;
use crate::produce::{Effort, ProduceError, Unchecked, sole_batch};
use crate::reply::Reply;
use crate::sharing;
use crate::topic::{Partition, Topic, is_internal};
use crate::txn::Producer;
use commitlog::{Appended, Ticket};

pub(super) const API: Api = Api::new(ApiKey::Produce, 3..=11, |call| call.run(handle)).advertised_from(0);

fn handle(broker: &Arc<Broker>, ctx: &Context, request: ProduceRequest) -> Reply<ProduceResponse> {
    let effort = if ctx.lane == Lane::Fast { Effort::quick() } else { Effort::Full };
    Producing {
        broker: Arc::clone(broker),
        version: ctx.version,
        peer: ctx.peer,
        now_ms: ctx.now_ms,
        acks: request.acks,
        transactional_id: request.transactional_id,
        topics: request.topic_data.into_iter(),
        topic: Err(ErrorCode::UnknownTopicOrPartition),
        partitions: Vec::new().into_iter(),
        responses: Vec::new(),
        appends: 0,
        durable: Ticket::done(),
        failed: false,
        effort,
        driver: ctx.alone.then_some(ctx.connection_id),
    }
    .run()
}

/// So many partitions are checked before they are appended to: a request may name more of them than it has bytes for.
const GROUP_MAX: usize = 1024;
/// And so many bytes: what a topic compresses otherwise is held until it is appended.
const GROUP_BYTES_MAX: usize = 1 << 20;

/// A request on its way through its partitions.
struct Producing {
    broker: Arc<Broker>,
    version: i16,
    peer: SocketAddr,
    now_ms: i64,
    acks: i16,
    transactional_id: Option<Str>,
    /// What is to be done.
    topics: std::vec::IntoIter<TopicProduceData>,
    /// The last topic in `responses`, or why nothing can be written to it.
    topic: Result<Arc<Topic>, ErrorCode>,
    /// What is to be done of it.
    partitions: std::vec::IntoIter<PartitionProduceData>,
    /// What is done, by topic.
    responses: Vec<TopicProduceResponse>,
    /// How many partitions were appended to.
    appends: usize,
    /// What all of these wait for.
    durable: Ticket,
    failed: bool,
    effort: Effort,
    /// The connection, when its thread may make the appends durable itself.
    driver: Option<u64>,
}

impl Producing {
    fn run(mut self) -> Reply<ProduceResponse> {
        loop {
            while self.partitions.len() > 0 {
                if let Some(costly) = self.run_group() {
                    // Nothing of this partition is appended; those before it are.
                    let rest: Vec<_> = std::iter::once(costly).chain(self.partitions).collect();
                    self.partitions = rest.into_iter();
                    self.effort = Effort::Full;
                    return Reply::Costly(Box::new(move || self.run()));
                }
            }
            let Some(topic) = self.topics.next() else { break };
            let name = topic.name;
            self.topic = match self.broker.catalog.topic(&name) {
                _ if is_internal(&name) => Err(ErrorCode::InvalidTopicException),
                topic => topic.ok_or(ErrorCode::UnknownTopicOrPartition),
            };
            self.partitions = topic.partition_data.into_iter();
            let partition_responses = Vec::with_capacity(self.partitions.len());
            self.responses.push(TopicProduceResponse { name, partition_responses, ..TopicProduceResponse::default() });
        }
        self.finish()
    }

    /// The next partitions of the topic: their batches are checked, then appended. Returns one whose check is more than the
    /// effort allows; those behind it are left.
    fn run_group(&mut self) -> Option<PartitionProduceData> {
        let mut group = Vec::with_capacity(self.partitions.len().min(GROUP_MAX));
        let (mut costly, mut bytes) = (None, 0);
        while group.len() < GROUP_MAX
            && bytes < GROUP_BYTES_MAX
            && let Some(PartitionProduceData { index, records }) = self.partitions.next()
        {
            let step = match self.check(index, records.into_bytes().unwrap_or_default()) {
                Ok(batch) => {
                    bytes += batch.bytes.len();
                    Step::Checked(batch)
                }
                Err(Unchecked::Refused(e)) => Step::Done(Err(e)),
                Err(Unchecked::TooMuch(records)) => {
                    costly = Some(PartitionProduceData { index, records: records.into() });
                    break;
                }
            };
            group.push((index, step));
        }
        let append = |(index, step): &mut (i32, Step)| {
            *step = match std::mem::take(step) {
                Step::Checked(batch) => Step::Done(self.append(*index, batch)),
                done => done,
            };
        };
        if self.may_share(&group) {
            sharing::each(&mut group, append);
        } else {
            group.iter_mut().for_each(append);
        }
        for (index, step) in group {
            if let Step::Done(appended) = step {
                self.respond(index, appended);
            }
        }
        costly
    }

    /// Whether the order of these appends does not matter. Those of a transaction have a lock in common.
    fn may_share(&self, group: &[(i32, Step)]) -> bool {
        let Ok(topic) = &self.topic else { return false };
        let mut named = vec![false; if group.len() < sharing::ITEMS_MIN { 0 } else { topic.partitions.len() }];
        let mut is_first = |index: i32| {
            let named = usize::try_from(index).ok().and_then(|index| named.get_mut(index));
            // One that the topic does not have was refused before.
            named.is_none_or(|named| !std::mem::replace(named, true))
        };
        self.transactional_id.is_none() && group.iter().all(|(index, _)| is_first(*index))
    }

    fn respond(&mut self, index: i32, appended: Result<Appended, ProduceError>) {
        let response = match appended {
            Ok(appended) => {
                self.appends += 1;
                let before = std::mem::replace(&mut self.durable, Ticket::done());
                self.durable = Ticket::all([before, appended.ticket]);
                PartitionProduceResponse {
                    index,
                    base_offset: appended.base_offset.0,
                    log_append_time_ms: appended.log_append_time.0,
                    log_start_offset: appended.log_start_offset.0,
                    ..PartitionProduceResponse::default()
                }
            }
            Err(e) => {
                self.failed = true;
                if e.code == ErrorCode::ThrottlingQuotaExceeded {
                    self.broker.refusals().note(Refusal::Producers, Some(self.peer), &e);
                }
                refused(index, e)
            }
        };
        if let Some(topic) = self.responses.last_mut() {
            topic.partition_responses.push(response);
        }
    }

    fn finish(self) -> Reply<ProduceResponse> {
        let mut response = ProduceResponse { responses: self.responses, ..ProduceResponse::default() };
        match self.acks {
            0 if self.failed => Reply::Close,
            0 => Reply::Silent,
            _ if self.appends == 0 => response.into(),
            _ => {
                let durable = self.durable;
                if let Some(connection) = self.driver {
                    durable.drive(connection, self.appends);
                }
                if durable.is_done() {
                    return response.into();
                }
                Reply::later(async move {
                    if let Err(e) = durable.await {
                        // The set has latched: which of them reached the disk is not known, so none did.
                        let all = response.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses);
                        for response in all.filter(|response| response.error_code == 0) {
                            let error = ProduceError::new(ErrorCode::KafkaStorageError, e.to_string());
                            *response = refused(response.index, error);
                        }
                    }
                    response
                })
            }
        }
    }

    fn partition(&self, index: i32) -> Result<&Arc<Partition>, ProduceError> {
        let topic = self.topic.as_ref().map_err(|error| refusal(*error))?;
        topic.partition(index).ok_or_else(|| refusal(ErrorCode::UnknownTopicOrPartition))
    }

    fn check(&mut self, index: i32, records: Bytes) -> Result<Batch, Unchecked> {
        if !matches!(self.acks, -1..=1) {
            return Err(refusal(ErrorCode::InvalidRequiredAcks).into());
        }
        self.partition(index)?;
        let batch = sole_batch(records)?;
        if self.version < 7 && batch.header.compression().is_ok_and(|codec| codec == Compression::Zstd) {
            return Err(refusal(ErrorCode::UnsupportedCompressionType).into());
        }
        if batch.header.is_transactional() && self.transactional_id.is_none() {
            return Err(refusal(ErrorCode::TransactionalIdAuthorizationFailed).into());
        }
        let mut effort = std::mem::replace(&mut self.effort, Effort::Full);
        let checked = self.partition(index)?.check(batch, self.now_ms, &mut effort);
        self.effort = effort;
        checked
    }

    fn append(&self, index: i32, checked: Batch) -> Result<Appended, ProduceError> {
        let partition = self.partition(index)?;
        let producer = Producer { id: checked.header.producer_id, epoch: checked.header.producer_epoch };
        let is_transactional = checked.header.is_transactional();
        let append = || partition.append(checked, self.now_ms);
        match &self.transactional_id {
            Some(transactional_id) if is_transactional => {
                let coordinators = self.broker.coordinators();
                let appended =
                    coordinators.append_transactional(transactional_id, producer, partition.topic(), index, append);
                appended.map_err(|error| refusal(abortable_as(self.version >= 11)(error)))?
            }
            _ => append(),
        }
    }
}

/// What is to be done of a partition.
#[derive(Debug, Default)]
enum Step {
    /// To append this.
    Checked(Batch),
    /// Nothing: it has been appended, or refused.
    Done(Result<Appended, ProduceError>),
    /// It is being done.
    #[default]
    Begun,
}

fn refusal(error: ErrorCode) -> ProduceError {
    ProduceError::new(error, error.message())
}

fn refused(index: i32, error: ProduceError) -> PartitionProduceResponse {
    let record_errors = error.records.into_iter().map(|(batch_index, message)| BatchIndexAndErrorMessage {
        batch_index,
        batch_index_error_message: Some(message.into()),
    });
    PartitionProduceResponse {
        index,
        error_code: error.code.code(),
        base_offset: -1,
        log_start_offset: -1,
        record_errors: record_errors.collect(),
        error_message: Some(error.message.into()),
        ..PartitionProduceResponse::default()
    }
}
