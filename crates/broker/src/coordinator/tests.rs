//! Records survive their bytes: what is encoded is what is decoded, tombstones and expiring offsets included.

use ::record::{Offset, ProducerEpoch, ProducerId, TimestampMs};
use bytes::Bytes;

use super::records::{decode_group_record, decode_transaction_record, encode_group_record, encode_transaction_record};
use crate::group::{GroupRecord, GroupValue, MemberValue, OffsetValue};
use crate::txn::{Partitions, TransactionRecord, TransactionState, TransactionValue};

fn check_group(record: &GroupRecord) {
    let (key, value) = encode_group_record(record).expect("encodable");
    let decoded = decode_group_record(key, value).expect("decodable").expect("a record of ours");
    assert_eq!(&decoded, record);
}

fn check_transaction(record: &TransactionRecord) {
    let (key, value) = encode_transaction_record(record).expect("encodable");
    let decoded = decode_transaction_record(key, value).expect("decodable").expect("a record of ours");
    assert_eq!(&decoded, record);
}

#[test]
fn group_records_survive_their_bytes() {
    let offset = |expire_timestamp: Option<TimestampMs>| OffsetValue {
        offset: Offset(7),
        // The version with a retention of its own has no leader epoch.
        leader_epoch: if expire_timestamp.is_none() { 3 } else { -1 },
        metadata: "note".to_owned(),
        commit_timestamp: TimestampMs(1_700_000_000_000),
        expire_timestamp,
    };
    for value in [None, Some(offset(None)), Some(offset(Some(TimestampMs(1_700_000_001_000))))] {
        let (group_id, topic) = ("g".to_owned(), "t".to_owned());
        check_group(&GroupRecord::Offset { group_id, topic, partition: 2, value });
    }
    let member = MemberValue {
        member_id: "m".to_owned(),
        group_instance_id: Some("i".to_owned()),
        client_id: "c".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        rebalance_timeout_ms: 1,
        session_timeout_ms: 2,
        subscription: Bytes::from_static(b"s"),
        assignment: Bytes::new(),
    };
    let group = GroupValue {
        protocol_type: "consumer".to_owned(),
        generation: 9,
        protocol: Some("range".to_owned()),
        leader: Some("m".to_owned()),
        state_timestamp: Some(TimestampMs(5)),
        members: vec![MemberValue { group_instance_id: None, ..member.clone() }, member],
    };
    let empty =
        GroupValue { protocol: None, leader: None, state_timestamp: None, members: Vec::new(), ..group.clone() };
    for value in [None, Some(group), Some(empty)] {
        check_group(&GroupRecord::Group { group_id: "g".to_owned(), value });
    }
}

#[test]
fn transaction_records_survive_their_bytes() {
    let partitions = Partitions::from([("t".to_owned(), [0, 3].into()), ("u".to_owned(), [1].into())]);
    let value = |state, partitions| TransactionValue {
        producer_id: ProducerId(8),
        producer_epoch: ProducerEpoch(4),
        timeout_ms: 60_000,
        state,
        partitions,
        last_update: TimestampMs(6),
        start: TimestampMs::NONE,
    };
    let values = [
        None,
        Some(value(TransactionState::Empty, Partitions::new())),
        Some(value(TransactionState::Ongoing, partitions.clone())),
        Some(value(TransactionState::PrepareAbort, partitions)),
        Some(value(TransactionState::CompleteCommit, Partitions::new())),
    ];
    for value in values {
        check_transaction(&TransactionRecord { transactional_id: "id".to_owned(), value });
    }
}

#[test]
fn other_kinds_are_passed_over_and_damage_is_told() {
    // A member of the newer group protocol (type 5), and a state that does not exist yet.
    assert_eq!(decode_group_record(Bytes::from_static(&[0, 5, 0, 1, b'g']), None), Ok(None));
    assert!(decode_group_record(Bytes::from_static(&[0]), None).is_err());
    assert!(decode_group_record(Bytes::from_static(&[0, 1, 0, 9, b'g']), None).is_err());
    assert!(decode_transaction_record(Bytes::from_static(&[0, 0, 0, 5, b'i']), None).is_err());
    assert_eq!(decode_transaction_record(Bytes::from_static(&[0, 1, 0, 1, b'i']), None), Ok(None));
}
