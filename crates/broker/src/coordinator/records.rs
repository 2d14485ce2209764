//! The byte layout of group and transaction records: Kafka's own, so that its dump tools read them.
//!
//! ```text
//! __consumer_offsets   key  | 1 i16 | group | topic | partition i32 |     value | 3 i16 (1 with a retention) | OffsetCommitValue |
//!                      key  | 2 i16 | group |                             value | 3 i16 | GroupMetadataValue |
//! __transaction_state  key  | 0 i16 | transactional id |                  value | 0 i16 | TransactionLogValue |
//! ```
//!
//! Records of other kinds (newer group protocols) are passed over, as Kafka does.

use bytes::Bytes;
use record::{Offset, ProducerEpoch, ProducerId, TimestampMs};
use wire::coordinator::{CoordinatorKey, decode_key, decode_value, encode_key, encode_value, record_type};
use wire::records::group::group_metadata_value::MemberMetadata;
use wire::records::group::{GroupMetadataKey, GroupMetadataValue};
use wire::records::offset::{LegacyOffsetCommitKey, OffsetCommitKey, OffsetCommitValue};
use wire::records::transaction::transaction_log_value::PartitionsSchema;
use wire::records::transaction::{TransactionLogKey, TransactionLogValue};
use wire::{DecodeError, EncodeError, Str};

use crate::group::{GroupRecord, GroupValue, MemberValue, OffsetValue};
use crate::txn::{Partitions, TransactionRecord, TransactionState, TransactionValue};

/// Key and value of a record; no value is a tombstone.
pub(super) type KeyValue = (Bytes, Option<Bytes>);

const GROUP_VERSION: i16 = 3;
const OFFSET_VERSION: i16 = 3;
/// The only version that has a retention of its own.
const OFFSET_VERSION_EXPIRING: i16 = 1;
/// Version 1 belongs to transactions V2.
const TRANSACTION_VERSION: i16 = 0;

pub(super) fn encode_group_record(record: &GroupRecord) -> Result<KeyValue, EncodeError> {
    match record {
        GroupRecord::Offset { group_id, topic, partition, value } => {
            let key = OffsetCommitKey {
                group: Str::from(group_id.as_str()),
                topic: Str::from(topic.as_str()),
                partition: *partition,
            };
            let value = value.as_ref().map(encode_offset).transpose()?;
            Ok((encode_key(&key)?, value))
        }
        GroupRecord::Group { group_id, value } => {
            let key = GroupMetadataKey { group: Str::from(group_id.as_str()) };
            let value = value.as_ref().map(encode_group).transpose()?;
            Ok((encode_key(&key)?, value))
        }
    }
}

fn encode_offset(value: &OffsetValue) -> Result<Bytes, EncodeError> {
    let version = if value.expire_timestamp.is_some() { OFFSET_VERSION_EXPIRING } else { OFFSET_VERSION };
    let message = OffsetCommitValue {
        offset: value.offset.0,
        leader_epoch: value.leader_epoch,
        metadata: Str::from(value.metadata.as_str()),
        commit_timestamp: value.commit_timestamp.0,
        expire_timestamp: value.expire_timestamp.map_or(-1, |t| t.0),
        ..OffsetCommitValue::default()
    };
    encode_value(&message, version)
}

fn encode_group(value: &GroupValue) -> Result<Bytes, EncodeError> {
    let text = |t: &String| Str::from(t.as_str());
    let members = value.members.iter().map(|m| MemberMetadata {
        member_id: text(&m.member_id),
        group_instance_id: m.group_instance_id.as_ref().map(text),
        client_id: text(&m.client_id),
        client_host: text(&m.client_host),
        rebalance_timeout: m.rebalance_timeout_ms,
        session_timeout: m.session_timeout_ms,
        subscription: m.subscription.clone(),
        assignment: m.assignment.clone(),
    });
    let message = GroupMetadataValue {
        protocol_type: text(&value.protocol_type),
        generation: value.generation,
        protocol: value.protocol.as_ref().map(text),
        leader: value.leader.as_ref().map(text),
        current_state_timestamp: value.state_timestamp.map_or(-1, |t| t.0),
        members: members.collect(),
    };
    encode_value(&message, GROUP_VERSION)
}

/// `None`: a kind of record that is not ours.
pub(super) fn decode_group_record(key: Bytes, value: Option<Bytes>) -> Result<Option<GroupRecord>, DecodeError> {
    let kind = record_type(&key)?;
    if kind == OffsetCommitKey::TYPE || kind == LegacyOffsetCommitKey::TYPE {
        let key = if kind == OffsetCommitKey::TYPE {
            decode_key::<OffsetCommitKey>(key)?
        } else {
            let LegacyOffsetCommitKey { group, topic, partition } = decode_key(key)?;
            OffsetCommitKey { group, topic, partition }
        };
        let value = value.map(decode_value::<OffsetCommitValue>).transpose()?.map(|(_, v)| OffsetValue {
            offset: Offset(v.offset),
            leader_epoch: v.leader_epoch,
            metadata: v.metadata.to_string(),
            commit_timestamp: TimestampMs(v.commit_timestamp),
            expire_timestamp: (v.expire_timestamp >= 0).then_some(TimestampMs(v.expire_timestamp)),
        });
        let (group_id, topic) = (key.group.to_string(), key.topic.to_string());
        Ok(Some(GroupRecord::Offset { group_id, topic, partition: key.partition, value }))
    } else if kind == GroupMetadataKey::TYPE {
        let key = decode_key::<GroupMetadataKey>(key)?;
        let value = value.map(decode_value::<GroupMetadataValue>).transpose()?.map(|(_, v)| GroupValue {
            protocol_type: v.protocol_type.to_string(),
            generation: v.generation,
            protocol: v.protocol.map(|p| p.to_string()),
            leader: v.leader.map(|l| l.to_string()),
            state_timestamp: (v.current_state_timestamp >= 0).then_some(TimestampMs(v.current_state_timestamp)),
            members: v.members.into_iter().map(decode_member).collect(),
        });
        Ok(Some(GroupRecord::Group { group_id: key.group.to_string(), value }))
    } else {
        Ok(None)
    }
}

fn decode_member(m: MemberMetadata) -> MemberValue {
    MemberValue {
        member_id: m.member_id.to_string(),
        group_instance_id: m.group_instance_id.map(|i| i.to_string()),
        client_id: m.client_id.to_string(),
        client_host: m.client_host.to_string(),
        rebalance_timeout_ms: m.rebalance_timeout,
        session_timeout_ms: m.session_timeout,
        subscription: Bytes::copy_from_slice(&m.subscription),
        assignment: Bytes::copy_from_slice(&m.assignment),
    }
}

pub(super) fn encode_transaction_record(record: &TransactionRecord) -> Result<KeyValue, EncodeError> {
    let key = encode_key(&TransactionLogKey { transactional_id: Str::from(record.transactional_id.as_str()) })?;
    let Some(value) = &record.value else { return Ok((key, None)) };
    // Kafka writes no list, rather than an empty one, while there never was a transaction.
    let partitions = (value.state != TransactionState::Empty).then(|| {
        let of_topic = |(topic, partitions): (&String, &std::collections::BTreeSet<i32>)| PartitionsSchema {
            topic: Str::from(topic.as_str()),
            partition_ids: partitions.iter().copied().collect(),
        };
        value.partitions.iter().map(of_topic).collect()
    });
    let message = TransactionLogValue {
        producer_id: value.producer_id.0,
        producer_epoch: value.producer_epoch.0,
        transaction_timeout_ms: value.timeout_ms,
        transaction_status: value.state as i8,
        transaction_partitions: partitions,
        transaction_last_update_timestamp_ms: value.last_update.0,
        transaction_start_timestamp_ms: value.start.0,
        ..TransactionLogValue::default()
    };
    Ok((key, Some(encode_value(&message, TRANSACTION_VERSION)?)))
}

/// `None`: a kind of record, or a state, that is not ours.
pub(super) fn decode_transaction_record(
    key: Bytes,
    value: Option<Bytes>,
) -> Result<Option<TransactionRecord>, DecodeError> {
    if record_type(&key)? != TransactionLogKey::TYPE {
        return Ok(None);
    }
    let transactional_id = decode_key::<TransactionLogKey>(key)?.transactional_id.to_string();
    let Some(value) = value else { return Ok(Some(TransactionRecord { transactional_id, value: None })) };
    let (_, value) = decode_value::<TransactionLogValue>(value)?;
    let Some(state) = TransactionState::from_code(value.transaction_status) else { return Ok(None) };
    let mut partitions = Partitions::new();
    for of_topic in value.transaction_partitions.unwrap_or_default() {
        partitions.entry(of_topic.topic.to_string()).or_default().extend(of_topic.partition_ids);
    }
    let value = TransactionValue {
        producer_id: ProducerId(value.producer_id),
        producer_epoch: ProducerEpoch(value.producer_epoch),
        timeout_ms: value.transaction_timeout_ms,
        state,
        partitions,
        last_update: TimestampMs(value.transaction_last_update_timestamp_ms),
        start: TimestampMs(value.transaction_start_timestamp_ms),
    };
    Ok(Some(TransactionRecord { transactional_id, value: Some(value) }))
}
