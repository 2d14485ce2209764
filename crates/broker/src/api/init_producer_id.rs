//! InitProducerId: key 22, v0–v5
//!
//! Gives a producer its id and epoch.
//!
//! Behaviour
//! - Without a transactional id: an id that was never given, at epoch 0.
//! - With one: its id at the next epoch, durably; every older epoch is fenced. An open transaction is aborted first, with
//!   CONCURRENT_TRANSACTIONS meanwhile. When the epochs are used up there is a new id.
//! - v3+ may name the id and epoch that the producer believes to have: another one is fenced, a retry gets the same answer
//!   (KIP-360). One whose transaction took too long, and which nobody has replaced, gets the epoch that its abort took.
//! - A new transactional id is POLICY_VIOLATION while the present ones take all the memory that there is for them.
//! - A timeout beyond `transaction.max.timeout.ms`, or none, is INVALID_TRANSACTION_TIMEOUT.
//!
//! Versions: v2 flexible · v3 expected id and epoch · v4 PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH · v5 clients
//! that know TRANSACTION_ABORTABLE.

use std::sync::Arc;

use record::{ProducerEpoch, ProducerId};
use wire::messages::init_producer_id_request::InitProducerIdRequest;
use wire::messages::init_producer_id_response::InitProducerIdResponse;
use wire::{ApiKey, ErrorCode};

use super::{Api, Context, fenced_as};
use crate::broker::Broker;
use crate::net::refusal::Refusal as TooMuch;
use crate::reply::Reply;
use crate::txn::{InitRequest, Producer, Refusal};

pub(super) const API: Api = Api::new(ApiKey::InitProducerId, 0..=5, |call| call.run(handle));

fn handle(broker: &Arc<Broker>, ctx: &Context, request: InitProducerIdRequest) -> Reply<InitProducerIdResponse> {
    let Some(transactional_id) = request.transactional_id else {
        let producer = broker.coordinators().fresh_producer();
        return respond(producer.ok_or(ErrorCode::CoordinatorLoadInProgress)).into();
    };
    let expected = match (request.producer_id, request.producer_epoch) {
        (-1, -1) => None,
        (-1, _) | (_, -1) => return respond(Err(ErrorCode::InvalidRequest)).into(),
        (id, epoch) => Some(Producer { id: ProducerId(id), epoch: ProducerEpoch(epoch) }),
    };
    let init = InitRequest {
        transactional_id: transactional_id.to_string(),
        timeout_ms: request.transaction_timeout_ms,
        expected,
    };
    let fenced = fenced_as(ctx.version >= 4);
    match broker.coordinators().init_producer(&init) {
        Ok(later) => Reply::later(async move { respond(later.await.map_err(fenced)) }),
        Err(Refusal::Error(ErrorCode::PolicyViolation)) => {
            let why = "refused a new transactional id: those that there are take all the memory that there is for them; \
                       they go when they are idle for transactional.id.expiration.ms";
            broker.refusals().note(TooMuch::TransactionalIds, Some(ctx.peer), why);
            respond(Err(ErrorCode::PolicyViolation)).into()
        }
        Err(Refusal::Error(error)) => respond(Err(fenced(error))).into(),
        Err(_) => respond(Err(ErrorCode::ConcurrentTransactions)).into(),
    }
}

fn respond(producer: Result<Producer, ErrorCode>) -> InitProducerIdResponse {
    match producer {
        Ok(Producer { id, epoch }) => {
            InitProducerIdResponse { producer_id: id.0, producer_epoch: epoch.0, ..InitProducerIdResponse::default() }
        }
        Err(error) => InitProducerIdResponse {
            error_code: error.code(),
            producer_id: -1,
            producer_epoch: -1,
            ..InitProducerIdResponse::default()
        },
    }
}
