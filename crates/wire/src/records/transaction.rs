//! `__transaction_state`. Written by `cargo xtask wire`.

pub mod transaction_log_key;
pub mod transaction_log_value;

pub use transaction_log_key::TransactionLogKey;
pub use transaction_log_value::TransactionLogValue;
