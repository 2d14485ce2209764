//! `__cluster_metadata`. Written by `cargo xtask wire`.

pub mod abort_transaction_record;
pub mod access_control_entry_record;
pub mod begin_transaction_record;
pub mod broker_registration_change_record;
pub mod clear_elr_record;
pub mod client_quota_record;
pub mod config_record;
pub mod delegation_token_record;
pub mod end_transaction_record;
pub mod feature_level_record;
pub mod fence_broker_record;
pub mod no_op_record;
pub mod partition_change_record;
pub mod partition_record;
pub mod producer_ids_record;
pub mod register_broker_record;
pub mod register_controller_record;
pub mod remove_access_control_entry_record;
pub mod remove_delegation_token_record;
pub mod remove_topic_record;
pub mod remove_user_scram_credential_record;
pub mod topic_record;
pub mod unfence_broker_record;
pub mod unregister_broker_record;
pub mod user_scram_credential_record;
pub mod zk_migration_state_record;

pub use abort_transaction_record::AbortTransactionRecord;
pub use access_control_entry_record::AccessControlEntryRecord;
pub use begin_transaction_record::BeginTransactionRecord;
pub use broker_registration_change_record::BrokerRegistrationChangeRecord;
pub use clear_elr_record::ClearElrRecord;
pub use client_quota_record::ClientQuotaRecord;
pub use config_record::ConfigRecord;
pub use delegation_token_record::DelegationTokenRecord;
pub use end_transaction_record::EndTransactionRecord;
pub use feature_level_record::FeatureLevelRecord;
pub use fence_broker_record::FenceBrokerRecord;
pub use no_op_record::NoOpRecord;
pub use partition_change_record::PartitionChangeRecord;
pub use partition_record::PartitionRecord;
pub use producer_ids_record::ProducerIdsRecord;
pub use register_broker_record::RegisterBrokerRecord;
pub use register_controller_record::RegisterControllerRecord;
pub use remove_access_control_entry_record::RemoveAccessControlEntryRecord;
pub use remove_delegation_token_record::RemoveDelegationTokenRecord;
pub use remove_topic_record::RemoveTopicRecord;
pub use remove_user_scram_credential_record::RemoveUserScramCredentialRecord;
pub use topic_record::TopicRecord;
pub use unfence_broker_record::UnfenceBrokerRecord;
pub use unregister_broker_record::UnregisterBrokerRecord;
pub use user_scram_credential_record::UserScramCredentialRecord;
pub use zk_migration_state_record::ZkMigrationStateRecord;

use crate::generated::*;

/// Any record of `__cluster_metadata`. [`crate::metadata`] turns it into bytes and back.
#[derive(Debug, Clone, PartialEq)]
pub enum MetadataRecord {
    RegisterBroker(RegisterBrokerRecord),
    UnregisterBroker(UnregisterBrokerRecord),
    Topic(TopicRecord),
    Partition(PartitionRecord),
    Config(ConfigRecord),
    PartitionChange(PartitionChangeRecord),
    FenceBroker(FenceBrokerRecord),
    UnfenceBroker(UnfenceBrokerRecord),
    RemoveTopic(RemoveTopicRecord),
    DelegationToken(DelegationTokenRecord),
    UserScramCredential(UserScramCredentialRecord),
    FeatureLevel(FeatureLevelRecord),
    ClientQuota(ClientQuotaRecord),
    ProducerIds(ProducerIdsRecord),
    BrokerRegistrationChange(BrokerRegistrationChangeRecord),
    AccessControlEntry(AccessControlEntryRecord),
    RemoveAccessControlEntry(RemoveAccessControlEntryRecord),
    NoOp(NoOpRecord),
    ZkMigrationState(ZkMigrationStateRecord),
    RemoveUserScramCredential(RemoveUserScramCredentialRecord),
    BeginTransaction(BeginTransactionRecord),
    EndTransaction(EndTransactionRecord),
    AbortTransaction(AbortTransactionRecord),
    RemoveDelegationToken(RemoveDelegationTokenRecord),
    RegisterController(RegisterControllerRecord),
    ClearElr(ClearElrRecord),
}

impl MetadataRecord {
    /// The record's number in its frame.
    pub fn record_type(&self) -> i16 {
        match self {
            Self::RegisterBroker(_) => 0,
            Self::UnregisterBroker(_) => 1,
            Self::Topic(_) => 2,
            Self::Partition(_) => 3,
            Self::Config(_) => 4,
            Self::PartitionChange(_) => 5,
            Self::FenceBroker(_) => 7,
            Self::UnfenceBroker(_) => 8,
            Self::RemoveTopic(_) => 9,
            Self::DelegationToken(_) => 10,
            Self::UserScramCredential(_) => 11,
            Self::FeatureLevel(_) => 12,
            Self::ClientQuota(_) => 14,
            Self::ProducerIds(_) => 15,
            Self::BrokerRegistrationChange(_) => 17,
            Self::AccessControlEntry(_) => 18,
            Self::RemoveAccessControlEntry(_) => 19,
            Self::NoOp(_) => 20,
            Self::ZkMigrationState(_) => 21,
            Self::RemoveUserScramCredential(_) => 22,
            Self::BeginTransaction(_) => 23,
            Self::EndTransaction(_) => 24,
            Self::AbortTransaction(_) => 25,
            Self::RemoveDelegationToken(_) => 26,
            Self::RegisterController(_) => 27,
            Self::ClearElr(_) => 28,
        }
    }

    /// The newest version of the record.
    pub fn version_max(&self) -> i16 {
        match self {
            Self::RegisterBroker(_) => 4,
            Self::UnregisterBroker(_) => 0,
            Self::Topic(_) => 0,
            Self::Partition(_) => 2,
            Self::Config(_) => 0,
            Self::PartitionChange(_) => 2,
            Self::FenceBroker(_) => 0,
            Self::UnfenceBroker(_) => 0,
            Self::RemoveTopic(_) => 0,
            Self::DelegationToken(_) => 0,
            Self::UserScramCredential(_) => 0,
            Self::FeatureLevel(_) => 0,
            Self::ClientQuota(_) => 0,
            Self::ProducerIds(_) => 0,
            Self::BrokerRegistrationChange(_) => 3,
            Self::AccessControlEntry(_) => 0,
            Self::RemoveAccessControlEntry(_) => 0,
            Self::NoOp(_) => 0,
            Self::ZkMigrationState(_) => 0,
            Self::RemoveUserScramCredential(_) => 0,
            Self::BeginTransaction(_) => 0,
            Self::EndTransaction(_) => 0,
            Self::AbortTransaction(_) => 0,
            Self::RemoveDelegationToken(_) => 0,
            Self::RegisterController(_) => 0,
            Self::ClearElr(_) => 0,
        }
    }

    pub(crate) fn read(record_type: i16, r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(match record_type {
            0 => Self::RegisterBroker(RegisterBrokerRecord::decode(r, version)?),
            1 => Self::UnregisterBroker(UnregisterBrokerRecord::decode(r, version)?),
            2 => Self::Topic(TopicRecord::decode(r, version)?),
            3 => Self::Partition(PartitionRecord::decode(r, version)?),
            4 => Self::Config(ConfigRecord::decode(r, version)?),
            5 => Self::PartitionChange(PartitionChangeRecord::decode(r, version)?),
            7 => Self::FenceBroker(FenceBrokerRecord::decode(r, version)?),
            8 => Self::UnfenceBroker(UnfenceBrokerRecord::decode(r, version)?),
            9 => Self::RemoveTopic(RemoveTopicRecord::decode(r, version)?),
            10 => Self::DelegationToken(DelegationTokenRecord::decode(r, version)?),
            11 => Self::UserScramCredential(UserScramCredentialRecord::decode(r, version)?),
            12 => Self::FeatureLevel(FeatureLevelRecord::decode(r, version)?),
            14 => Self::ClientQuota(ClientQuotaRecord::decode(r, version)?),
            15 => Self::ProducerIds(ProducerIdsRecord::decode(r, version)?),
            17 => Self::BrokerRegistrationChange(BrokerRegistrationChangeRecord::decode(r, version)?),
            18 => Self::AccessControlEntry(AccessControlEntryRecord::decode(r, version)?),
            19 => Self::RemoveAccessControlEntry(RemoveAccessControlEntryRecord::decode(r, version)?),
            20 => Self::NoOp(NoOpRecord::decode(r, version)?),
            21 => Self::ZkMigrationState(ZkMigrationStateRecord::decode(r, version)?),
            22 => Self::RemoveUserScramCredential(RemoveUserScramCredentialRecord::decode(r, version)?),
            23 => Self::BeginTransaction(BeginTransactionRecord::decode(r, version)?),
            24 => Self::EndTransaction(EndTransactionRecord::decode(r, version)?),
            25 => Self::AbortTransaction(AbortTransactionRecord::decode(r, version)?),
            26 => Self::RemoveDelegationToken(RemoveDelegationTokenRecord::decode(r, version)?),
            27 => Self::RegisterController(RegisterControllerRecord::decode(r, version)?),
            28 => Self::ClearElr(ClearElrRecord::decode(r, version)?),
            other => return Err(DecodeError::UnexpectedType(other)),
        })
    }

    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        match self {
            Self::RegisterBroker(record) => record.encode(w, version),
            Self::UnregisterBroker(record) => record.encode(w, version),
            Self::Topic(record) => record.encode(w, version),
            Self::Partition(record) => record.encode(w, version),
            Self::Config(record) => record.encode(w, version),
            Self::PartitionChange(record) => record.encode(w, version),
            Self::FenceBroker(record) => record.encode(w, version),
            Self::UnfenceBroker(record) => record.encode(w, version),
            Self::RemoveTopic(record) => record.encode(w, version),
            Self::DelegationToken(record) => record.encode(w, version),
            Self::UserScramCredential(record) => record.encode(w, version),
            Self::FeatureLevel(record) => record.encode(w, version),
            Self::ClientQuota(record) => record.encode(w, version),
            Self::ProducerIds(record) => record.encode(w, version),
            Self::BrokerRegistrationChange(record) => record.encode(w, version),
            Self::AccessControlEntry(record) => record.encode(w, version),
            Self::RemoveAccessControlEntry(record) => record.encode(w, version),
            Self::NoOp(record) => record.encode(w, version),
            Self::ZkMigrationState(record) => record.encode(w, version),
            Self::RemoveUserScramCredential(record) => record.encode(w, version),
            Self::BeginTransaction(record) => record.encode(w, version),
            Self::EndTransaction(record) => record.encode(w, version),
            Self::AbortTransaction(record) => record.encode(w, version),
            Self::RemoveDelegationToken(record) => record.encode(w, version),
            Self::RegisterController(record) => record.encode(w, version),
            Self::ClearElr(record) => record.encode(w, version),
        }
    }
}
