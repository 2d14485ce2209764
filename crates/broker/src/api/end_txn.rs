//! EndTxn: key 26, v0–v4
//!
//! Ends the transaction of a transactional id, by commit or abort.
//!
//! Behaviour
//! - Answered when the decision is durable and the markers are appended to every partition that has data of the
//!   transaction; consumers may see them then, for what power loss takes of them recovery writes again.
//! - A retry that matches the last outcome succeeds, one that contradicts it is INVALID_TXN_STATE.
//! - A request that comes by a connection which a newer one has replaced is not heard: its connection is closed.
//!
//! Versions: v2 PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH · v3 flexible · v4 clients that know
//! TRANSACTION_ABORTABLE. v5 is transactions V2.

use std::sync::Arc;

use record::{ProducerEpoch, ProducerId};
use wire::messages::end_txn_request::EndTxnRequest;
use wire::messages::end_txn_response::EndTxnResponse;
use wire::{ApiKey, ErrorCode};

use super::{Api, Context, fenced_as};
use crate::broker::Broker;
use crate::reply::Reply;
use crate::txn::{Producer, Refusal};

pub(super) const API: Api = Api::new(ApiKey::EndTxn, 0..=4, |call| call.run(handle));

fn handle(broker: &Arc<Broker>, ctx: &Context, request: EndTxnRequest) -> Reply<EndTxnResponse> {
    let producer = Producer { id: ProducerId(request.producer_id), epoch: ProducerEpoch(request.producer_epoch) };
    let fenced = fenced_as(ctx.version >= 2);
    let coordinators = broker.coordinators();
    match coordinators.end_transaction(&request.transactional_id, producer, ctx.connection_id, request.committed) {
        Ok(later) => Reply::later(async move { respond(later.await.err().map_or(ErrorCode::None, fenced)) }),
        Err(Refusal::Error(error)) => respond(fenced(error)).into(),
        Err(Refusal::Busy) => respond(ErrorCode::ConcurrentTransactions).into(),
        Err(Refusal::StaleConnection) => Reply::Close,
    }
}

fn respond(error: ErrorCode) -> EndTxnResponse {
    EndTxnResponse { error_code: error.code(), ..EndTxnResponse::default() }
}
