//! The transaction coordinator as a pure state machine (transactions V1): (state, request, now) → records and replies.
//!
//! Owns: which producer id and epoch a transactional id has, which partitions its transaction spans, and how it ends.
//! Never: reads a clock, appends a record or a marker, knows a wire struct, or waits.
//!
//! The idea: a record of `__transaction_state` is the whole state of one transactional id, so replay is assignment, and
//! the machine changes nothing durable itself: it hands out the next record, the runtime (`crate::coordinator`) appends it
//! and hands it back through [`TransactionCoordinator::replay`]. Beside that state there is only the [`Stage`] of a
//! transaction that is ending, which a restart finds again from the logs:
//!
//! ```text
//!  begin_end          prepare            marked              complete
//! ──────────▶ Draining ─────▶ Prepared ─────────▶ Marked ────────────▶ Idle
//!             data syncs      Prepare syncs       markers sync         Complete record appended
//!                             then markers        (only the id's next transaction waits)
//! ```
//!
//! While an id is not idle, requests that would begin its next transaction are [`Refusal::Busy`]: the runtime keeps them
//! until it is. Kafka answers CONCURRENT_TRANSACTIONS there and lets the client ask again.
//!
//! - [`config`] — the limits.
//! - [`record`](mod@record) — what is written to the log.
//! - [`state`] — one transactional id.
//! - [`coordinator`] — the table: replay, InitProducerId, partitions, the end.
//! - [`timeouts`] — transactions that take too long, ids that nobody uses.
//! - [`admin`] — list and describe.

pub mod admin;
pub mod config;
pub mod coordinator;
pub mod record;
mod room;
pub mod state;
pub mod timeouts;

#[cfg(test)]
mod tests;

pub use admin::{TransactionDescription, TransactionFilter};
pub use config::TransactionConfig;
pub use coordinator::{EndStep, InitReply, InitRequest, Marking, Refusal, TransactionCoordinator, Verdict};
pub use record::{Partitions, TransactionRecord, TransactionValue};
pub use state::{Producer, Stage, TransactionState};
