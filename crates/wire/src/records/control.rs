//! Contents of control records. Written by `cargo xtask wire`.

pub mod control_record_type_schema;
pub mod end_txn_marker;
pub mod k_raft_version_record;
pub mod leader_change_message;
pub mod snapshot_footer_record;
pub mod snapshot_header_record;
pub mod voters_record;

pub use control_record_type_schema::ControlRecordTypeSchema;
pub use end_txn_marker::EndTxnMarker;
pub use k_raft_version_record::KRaftVersionRecord;
pub use leader_change_message::LeaderChangeMessage;
pub use snapshot_footer_record::SnapshotFooterRecord;
pub use snapshot_header_record::SnapshotHeaderRecord;
pub use voters_record::VotersRecord;
