//! `__consumer_offsets`: committed offsets. Written by `cargo xtask wire`.

pub mod legacy_offset_commit_key;
pub mod legacy_offset_commit_value;
pub mod offset_commit_key;
pub mod offset_commit_value;

pub use legacy_offset_commit_key::LegacyOffsetCommitKey;
pub use legacy_offset_commit_value::LegacyOffsetCommitValue;
pub use offset_commit_key::OffsetCommitKey;
pub use offset_commit_value::OffsetCommitValue;
