//! AddOffsetsToTxn: key 25, v0–v4
//!
//! Enrols a group's offsets in a transaction: the partition of `__consumer_offsets`, of which there is one.
//!
//! Behaviour: as AddPartitionsToTxn.
//!
//! Versions: v2 PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH · v3 flexible · v4 clients that know
//! TRANSACTION_ABORTABLE.

use std::sync::Arc;

use record::{ProducerEpoch, ProducerId};
use wire::messages::add_offsets_to_txn_request::AddOffsetsToTxnRequest;
use wire::messages::add_offsets_to_txn_response::AddOffsetsToTxnResponse;
use wire::{ApiKey, ErrorCode};

use super::{Api, Context, fenced_as};
use crate::broker::Broker;
use crate::reply::Reply;
use crate::txn::{Producer, Refusal};

pub(super) const API: Api = Api::new(ApiKey::AddOffsetsToTxn, 0..=4, |call| call.run(handle));

fn handle(broker: &Arc<Broker>, ctx: &Context, request: AddOffsetsToTxnRequest) -> Reply<AddOffsetsToTxnResponse> {
    if request.group_id.is_empty() {
        return respond(ErrorCode::InvalidGroupId).into();
    }
    let producer = Producer { id: ProducerId(request.producer_id), epoch: ProducerEpoch(request.producer_epoch) };
    let fenced = fenced_as(ctx.version >= 2);
    let transactional_id = request.transactional_id.to_string();
    match broker.coordinators().add_offsets(transactional_id, producer, ctx.connection_id) {
        Ok(later) => Reply::later(async move { respond(later.await.err().map_or(ErrorCode::None, fenced)) }),
        Err(Refusal::Error(error)) => respond(fenced(error)).into(),
        Err(Refusal::Busy) => respond(ErrorCode::ConcurrentTransactions).into(),
        Err(Refusal::StaleConnection) => Reply::Close,
    }
}

fn respond(error: ErrorCode) -> AddOffsetsToTxnResponse {
    AddOffsetsToTxnResponse { error_code: error.code(), ..AddOffsetsToTxnResponse::default() }
}
