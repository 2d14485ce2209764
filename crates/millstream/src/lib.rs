//! The façade: a whole Millstream — broker, queries, web — in one value, for the binary and for programs that embed it.
//!
//! Owns: the order in which the rooms come up and go down ([`Millstream`]).
//! Never: is clever.

mod start;

pub use start::{Millstream, SqlText, StartError, StartOptions};

pub use broker::Durability;
pub use runtime::{Instance, Settings};
