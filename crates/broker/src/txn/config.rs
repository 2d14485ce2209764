//! The limits of transactions, under Kafka's names.

/// Settings of the transaction coordinator; the defaults are Kafka's.
#[derive(Clone, Debug)]
pub struct TransactionConfig {
    /// `transaction.max.timeout.ms`.
    pub transaction_timeout_ms_max: i32,
    /// `transactional.id.expiration.ms`.
    pub transactional_id_expiration_ms: i64,
    /// Bytes that all ids and their open transactions may take.
    pub state_bytes_max: usize,
}

impl Default for TransactionConfig {
    fn default() -> Self {
        Self {
            transaction_timeout_ms_max: 900_000,
            transactional_id_expiration_ms: 7 * 24 * 60 * 60 * 1_000,
            state_bytes_max: 64 << 20,
        }
    }
}
