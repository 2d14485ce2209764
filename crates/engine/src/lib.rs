//! Continuous queries over columnar batches: time, windows, state, operators, expressions, aggregates.
//!
//! Sources, sinks, changelogs, partitioner and key bytes are traits (`seam`).
//! Never: knows Kafka, SQL or HTTP; reads the wall clock.
//!
//! The idea: rows travel as Arrow columns, but every rule is stated per record, in order. Whatever the batch cut, the
//! number of workers or the restarts, the results are those of the record-at-a-time rules, which are Kafka Streams'.

pub mod aggregate;
pub mod base64;
pub mod batch;
pub mod data_type;
pub mod expr;
pub mod instant;
pub mod plan;
pub mod pull;
pub mod seam;
pub mod store;
pub mod task;

pub use aggregate::{AggregateCall, AggregateFunction};
pub use batch::{Batch, Keys};
pub use data_type::{Field, Schema, Type, Value};
pub use expr::{DatePart, EvalContext, EvalError, Expr, Function};
pub use plan::{Node, NodeId, Operator, Topology};
pub use task::{Task, TaskOptions};
