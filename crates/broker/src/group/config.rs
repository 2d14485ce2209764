//! The limits of groups, under Kafka's names.

/// Settings of the group coordinator. The defaults are Kafka's, but for `group.initial.rebalance.delay.ms`.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// `group.initial.rebalance.delay.ms`. Kafka: 3000; here 0, because one machine's consumers start together or not
    /// at all, and nobody likes to wait.
    pub initial_rebalance_delay_ms: u64,
    /// `group.min.session.timeout.ms`.
    pub session_timeout_ms_min: u64,
    /// `group.max.session.timeout.ms`.
    pub session_timeout_ms_max: u64,
    /// `group.max.size`.
    pub members_max: usize,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_bytes_max: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// Bytes that all groups together may take in memory. Kafka has no such bound.
    pub state_bytes_max: usize,
    /// How long a member that never completed a join may stay away while its group rebalances.
    pub new_member_join_timeout_ms: u64,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            initial_rebalance_delay_ms: 0,
            session_timeout_ms_min: 6_000,
            session_timeout_ms_max: 1_800_000,
            members_max: i32::MAX as usize,
            offset_metadata_bytes_max: 4_096,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1_000,
            state_bytes_max: 128 << 20,
            new_member_join_timeout_ms: 300_000,
        }
    }
}
