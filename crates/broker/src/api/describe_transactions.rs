//! DescribeTransactions: key 65, v0
//!
//! Shows the state of transactional ids; an unknown one is TRANSACTIONAL_ID_NOT_FOUND.

use std::sync::Arc;

use wire::messages::describe_transactions_request::DescribeTransactionsRequest;
use wire::messages::describe_transactions_response::{DescribeTransactionsResponse, TopicData, TransactionState};
use wire::{ApiKey, ErrorCode, Str};

use super::once::once;
use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;

pub(super) const API: Api = Api::new(ApiKey::DescribeTransactions, 0..=0, |call| call.run(handle)).in_the_slow_lane();

fn handle(
    broker: &Arc<Broker>,
    _ctx: &Context,
    request: DescribeTransactionsRequest,
) -> Reply<DescribeTransactionsResponse> {
    let states = once(request.transactional_ids, Str::clone).into_iter().map(|id| describe(broker, id));
    DescribeTransactionsResponse { transaction_states: states.collect(), ..DescribeTransactionsResponse::default() }
        .into()
}

fn describe(broker: &Broker, transactional_id: Str) -> TransactionState {
    let Some(transaction) = broker.coordinators().describe_transaction(&transactional_id) else {
        let unknown =
            if transactional_id.is_empty() { ErrorCode::InvalidRequest } else { ErrorCode::TransactionalIdNotFound };
        let error_code = unknown.code();
        return TransactionState { transactional_id, error_code, ..TransactionState::default() };
    };
    let value = transaction.value;
    let topics = value
        .partitions
        .into_iter()
        .map(|(topic, partitions)| TopicData { topic: topic.into(), partitions: partitions.into_iter().collect() });
    TransactionState {
        error_code: 0,
        transactional_id,
        transaction_state: value.state.name().into(),
        transaction_timeout_ms: value.timeout_ms,
        transaction_start_time_ms: value.start.0,
        producer_id: value.producer_id.0,
        producer_epoch: value.producer_epoch.0,
        topics: topics.collect(),
    }
}
