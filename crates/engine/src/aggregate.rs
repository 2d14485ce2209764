//! Aggregates: what a group accumulates.
//!
//! Owns: the list of aggregate functions, their types, and the accumulators that hold the state of many groups as
//! columns. An accumulator is read without being consumed, and its state has a versioned encoding for the changelog.
//! Never: knows windows, keys or time.

mod accumulator;
mod extreme;
mod latest;
mod total;

pub use accumulator::{Accumulator, DecodeError};
pub(crate) use accumulator::{take, take_slice};

use crate::data_type::Type;
use crate::expr::{Expr, TypeError};

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// count(*) without an argument: rows; with one: values that are not NULL.
    Count,
    /// The sum; BIGINT for integers (overflow makes the row a bad one), DOUBLE for doubles. NULL without values.
    Sum,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The mean, a DOUBLE. NULL without values.
    Avg,
    /// The value of the first row, by offset, where it is not NULL (ksqlDB's name).
    EarliestByOffset,
    /// The value of the last row, by offset, where it is not NULL (ksqlDB's name).
    LatestByOffset,
    /// object_agg(key, value): one JSON object; the last value of a key wins. Pull queries only.
    ObjectAgg,
}

impl AggregateFunction {
    const NAMES: [(&str, AggregateFunction); 8] = [
        ("count", AggregateFunction::Count),
        ("sum", AggregateFunction::Sum),
        ("min", AggregateFunction::Min),
        ("max", AggregateFunction::Max),
        ("avg", AggregateFunction::Avg),
        ("earliest_by_offset", AggregateFunction::EarliestByOffset),
        ("latest_by_offset", AggregateFunction::LatestByOffset),
        ("object_agg", AggregateFunction::ObjectAgg),
    ];

    /// The function of that name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, function)| *function)
    }

    /// All names, for suggestions.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().map(|(name, _)| *name)
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, function)| *function == self).map_or("?", |(name, _)| name)
    }

    /// True when a continuous query can keep it as state.
    #[must_use]
    pub fn is_continuous(self) -> bool {
        self != AggregateFunction::ObjectAgg
    }
}

/// One aggregate of a query, bound.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateCall {
    /// Which function.
    pub function: AggregateFunction,
    /// Its arguments over the input's columns; empty for count(*).
    pub args: Vec<Expr>,
    /// ORDER BY inside the call, ascending or not (object_agg in pull queries only).
    pub order_by: Vec<SortKey>,
    /// The result's type.
    pub ty: Type,
}

/// One ORDER BY item.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey {
    /// What to order by.
    pub expr: Expr,
    /// DESC.
    pub descending: bool,
    /// NULLS FIRST (PostgreSQL's default for DESC; NULLs count as largest).
    pub nulls_first: bool,
}

impl AggregateCall {
    /// Binds a call by name.
    pub fn new(name: &str, args: Vec<Expr>, order_by: Vec<SortKey>) -> Result<Self, TypeError> {
        let Some(function) = AggregateFunction::named(name) else {
            return Err(TypeError::UnknownFunction { name: name.to_owned() });
        };
        let types: Vec<Type> = args.iter().map(Expr::ty).collect();
        let refuse = |takes: &'static str| TypeError::Arguments {
            name: function.name().to_owned(),
            given: types.iter().copied().map(Some).collect(),
            takes,
        };
        let ordered = |ty: &Type| !matches!(ty, Type::Object);
        let ty = match (function, &*types) {
            (AggregateFunction::Count, [] | [_]) => Type::BigInt,
            (AggregateFunction::Count, _) => return Err(refuse("* or one value")),
            (AggregateFunction::Sum, [Type::Int | Type::BigInt]) => Type::BigInt,
            (AggregateFunction::Sum, [ty @ (Type::Double | Type::Interval)]) => *ty,
            (AggregateFunction::Sum, _) => return Err(refuse("one number or interval")),
            (AggregateFunction::Avg, [ty]) if ty.is_numeric() => Type::Double,
            (AggregateFunction::Avg, _) => return Err(refuse("one number")),
            (AggregateFunction::Min | AggregateFunction::Max, [ty]) if ordered(ty) => *ty,
            (AggregateFunction::Min | AggregateFunction::Max, _) => return Err(refuse("one value that has an order")),
            (AggregateFunction::EarliestByOffset | AggregateFunction::LatestByOffset, [ty]) => *ty,
            (AggregateFunction::EarliestByOffset | AggregateFunction::LatestByOffset, _) => {
                return Err(refuse("one value"));
            }
            (AggregateFunction::ObjectAgg, [_, _]) => Type::Object,
            (AggregateFunction::ObjectAgg, _) => return Err(refuse("a key and a value")),
        };
        if !order_by.is_empty() && function != AggregateFunction::ObjectAgg {
            return Err(refuse("no ORDER BY: its result does not depend on the order"));
        }
        Ok(Self { function, args, order_by, ty })
    }
}

impl AggregateCall {
    /// An accumulator without groups. The call must be a continuous one ([`AggregateFunction::is_continuous`]).
    #[must_use]
    pub(crate) fn accumulator(&self) -> Box<dyn Accumulator> {
        let arg = self.args.first().map(Expr::ty);
        match (self.function, arg) {
            (AggregateFunction::Sum, Some(Type::Double)) => Box::new(total::DoubleSum::default()),
            (AggregateFunction::Sum, Some(ty)) => Box::new(total::IntegerSum::new(ty)),
            (AggregateFunction::Avg, Some(Type::Double)) => Box::new(total::DoubleMean::default()),
            (AggregateFunction::Avg, Some(ty)) => Box::new(total::IntegerMean::new(ty)),
            (AggregateFunction::Min | AggregateFunction::Max, Some(ty)) => {
                extreme::accumulator(ty, self.function == AggregateFunction::Max)
            }
            (AggregateFunction::EarliestByOffset, Some(ty)) => Box::new(latest::ByOffset::new(ty, true)),
            (AggregateFunction::LatestByOffset, Some(ty)) => Box::new(latest::ByOffset::new(ty, false)),
            _ => Box::new(total::Count::default()),
        }
    }
}

#[cfg(test)]
mod tests;
