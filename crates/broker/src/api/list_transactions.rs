//! ListTransactions: key 66, v0–v2
//!
//! Names transactional ids, filtered by state, producer id and age.
//!
//! Versions: v1 duration · v2 a pattern for the id.
//!
//! Kafka: the pattern of v2 is a regular expression (RE2); here text, `.` and `.*` are understood, anything else is
//! INVALID_REGULAR_EXPRESSION.

use std::sync::Arc;

use record::ProducerId;
use wire::messages::list_transactions_request::ListTransactionsRequest;
use wire::messages::list_transactions_response::{ListTransactionsResponse, TransactionState};
use wire::{ApiKey, ErrorCode};

use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;
use crate::txn::{self, TransactionFilter};

pub(super) const API: Api = Api::new(ApiKey::ListTransactions, 0..=2, |call| call.run(handle)).in_the_slow_lane();

fn handle(broker: &Arc<Broker>, ctx: &Context, request: ListTransactionsRequest) -> Reply<ListTransactionsResponse> {
    let mut response = ListTransactionsResponse::default();
    let pattern = match request.transactional_id_pattern.as_deref().filter(|p| !p.is_empty()).map(Pattern::parse) {
        None => None,
        Some(Some(pattern)) => Some(pattern),
        Some(None) => {
            response.error_code = ErrorCode::InvalidRegularExpression.code();
            return response.into();
        }
    };
    let filtered = !request.state_filters.is_empty();
    let mut states = Vec::new();
    for name in request.state_filters {
        match txn::TransactionState::from_name(&name) {
            Some(state) => states.push(state),
            None => response.unknown_state_filters.push(name),
        }
    }
    if filtered && states.is_empty() {
        return response.into();
    }
    let filter = TransactionFilter {
        states,
        producer_ids: request.producer_id_filters.into_iter().map(ProducerId).collect(),
        duration_ms_min: if ctx.version >= 1 { request.duration_filter } else { -1 },
    };
    let rows = broker.coordinators().list_transactions(&filter).into_iter();
    let rows = rows.filter(|row| pattern.as_ref().is_none_or(|p| p.matches(&row.transactional_id)));
    response.transaction_states = rows
        .map(|row| TransactionState {
            transactional_id: row.transactional_id.into(),
            producer_id: row.value.producer_id.0,
            transaction_state: row.value.state.name().into(),
        })
        .collect();
    response.into()
}

/// The part of regular expressions that names of applications need: text, `.` and `.*`.
struct Pattern(Vec<Piece>);

enum Piece {
    Exactly(char),
    AnyOne,
    AnyNumber,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            pieces.push(match c {
                '.' if chars.next_if_eq(&'*').is_some() => Piece::AnyNumber,
                '.' => Piece::AnyOne,
                '\\' => Piece::Exactly(chars.next().filter(|c| !c.is_alphanumeric())?),
                '*' | '+' | '?' | '[' | ']' | '(' | ')' | '{' | '}' | '|' | '^' | '$' => return None,
                c => Piece::Exactly(c),
            });
        }
        Some(Self(pieces))
    }

    fn matches(&self, text: &str) -> bool {
        // Which prefixes of the pattern match what has been read.
        let mut reached = vec![false; self.0.len() + 1];
        reached[0] = true;
        let skip = |reached: &mut Vec<bool>| {
            for (at, piece) in self.0.iter().enumerate() {
                if reached[at] && matches!(piece, Piece::AnyNumber) {
                    reached[at + 1] = true;
                }
            }
        };
        skip(&mut reached);
        for c in text.chars() {
            let mut next = vec![false; reached.len()];
            for (at, piece) in self.0.iter().enumerate().filter(|(at, _)| reached[*at]) {
                match piece {
                    Piece::AnyNumber => next[at] = true,
                    Piece::AnyOne => next[at + 1] = true,
                    Piece::Exactly(wanted) => next[at + 1] |= *wanted == c,
                }
            }
            skip(&mut next);
            reached = next;
        }
        reached.last() == Some(&true)
    }
}
