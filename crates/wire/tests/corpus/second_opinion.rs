//! The same instances through the `kafka-protocol` crate, which reads Kafka's specifications in its own way, and values
//! set field by field in both.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{self as theirs, ApiKey, RequestKind, ResponseKind};
use kafka_protocol::protocol::{Encodable, StrBytes};
use wire::{Message, Records, Str, Uuid, Writer};

use super::{Line, corpus};

/// Versions that the crate lists for the API but does not have in the message.
const THEIR_GAPS: &[(&str, i16)] =
    &[("InitProducerIdRequest", 6), ("OffsetCommitRequest", 10), ("OffsetFetchRequest", 10)];

#[test]
fn agrees_on_kafkas_instances() {
    let mut compared = 0;
    let mut faults = Vec::new();
    for Line { name, version, bytes } in corpus() {
        let (api, is_request) = match (name.strip_suffix("Request"), name.strip_suffix("Response")) {
            (Some(api), _) => (api, true),
            (_, Some(api)) => (api, false),
            _ => continue,
        };
        let Some(key) = ApiKey::iter().find(|key| format!("{key:?}") == api) else { continue };
        let valid = key.valid_versions();
        if !(valid.min..=valid.max).contains(&version) || THEIR_GAPS.contains(&(name.as_str(), version)) {
            continue;
        }
        let mut rest = bytes.clone();
        let mut again = BytesMut::new();
        let done = if is_request {
            RequestKind::decode(key, &mut rest, version).and_then(|message| message.encode(&mut again, version))
        } else {
            ResponseKind::decode(key, &mut rest, version).and_then(|message| message.encode(&mut again, version))
        };
        match done {
            Ok(()) if again == bytes => compared += 1,
            Ok(()) => faults.push(format!("{name} v{version}: {:02x?} became {:02x?}", &bytes[..], &again[..])),
            Err(error) => faults.push(format!("{name} v{version}: {error}")),
        }
    }
    assert!(faults.is_empty(), "{} of {}\n{}", faults.len(), compared, faults[..faults.len().min(20)].join("\n"));
    assert!(compared > 2_700, "only {compared} compared");
}

/// Both write the same bytes at every version that both have.
fn check<M: Message, T: Encodable>(
    versions: std::ops::RangeInclusive<i16>,
    mine: impl Fn(i16) -> M,
    other: impl Fn(i16) -> T,
) {
    for version in versions {
        let mut w = Writer::new();
        mine(version).encode(&mut w, version).expect("our instance fits its version");
        let mut bytes = BytesMut::new();
        other(version).encode(&mut bytes, version).expect("their instance fits its version");
        assert_eq!(w.into_bytes().expect("nothing is external"), bytes.freeze(), "{} v{version}", M::NAME);
    }
}

#[test]
fn fields_have_the_same_names() {
    use wire::messages::*;

    let id = [7u8; 16];
    check(
        3..=13,
        |v| produce_request::ProduceRequest {
            transactional_id: Some("tx".into()),
            acks: -1,
            timeout_ms: 1500,
            topic_data: vec![produce_request::TopicProduceData {
                name: if v <= 12 { "t".into() } else { Str::EMPTY },
                topic_id: if v >= 13 { Uuid(id) } else { Uuid::ZERO },
                partition_data: vec![produce_request::PartitionProduceData {
                    index: 3,
                    records: Records::Bytes(Bytes::from_static(b"records")),
                }],
            }],
        },
        |v| {
            let partition = theirs::produce_request::PartitionProduceData::default()
                .with_index(3)
                .with_records(Some(Bytes::from_static(b"records")));
            let mut topic = theirs::produce_request::TopicProduceData::default().with_partition_data(vec![partition]);
            if v <= 12 {
                topic.name = StrBytes::from_static_str("t").into();
            } else {
                topic.topic_id = "07070707-0707-0707-0707-070707070707".parse().expect("an id");
            }
            theirs::ProduceRequest::default()
                .with_transactional_id(Some(StrBytes::from_static_str("tx").into()))
                .with_acks(-1)
                .with_timeout_ms(1500)
                .with_topic_data(vec![topic])
        },
    );
    check(
        0..=9,
        |v| join_group_response::JoinGroupResponse {
            throttle_time_ms: if v >= 2 { 9 } else { 0 },
            error_code: 27,
            generation_id: 12,
            protocol_type: (v >= 7).then(|| "consumer".into()),
            protocol_name: Some("range".into()),
            leader: "m1".into(),
            skip_assignment: v >= 9,
            member_id: "m2".into(),
            members: vec![join_group_response::JoinGroupResponseMember {
                member_id: "m3".into(),
                group_instance_id: (v >= 5).then(|| "i".into()),
                metadata: Bytes::from_static(b"meta"),
            }],
        },
        |v| {
            let text = StrBytes::from_static_str;
            let member = theirs::join_group_response::JoinGroupResponseMember::default()
                .with_member_id(text("m3"))
                .with_group_instance_id((v >= 5).then(|| text("i")))
                .with_metadata(Bytes::from_static(b"meta"));
            theirs::JoinGroupResponse::default()
                .with_throttle_time_ms(if v >= 2 { 9 } else { 0 })
                .with_error_code(27)
                .with_generation_id(12)
                .with_protocol_type((v >= 7).then(|| text("consumer")))
                .with_protocol_name(Some(text("range")))
                .with_leader(text("m1"))
                .with_skip_assignment(v >= 9)
                .with_member_id(text("m2"))
                .with_members(vec![member])
        },
    );
    check(
        4..=16,
        |v| fetch_response::FetchResponse {
            throttle_time_ms: 1,
            error_code: if v >= 7 { 2 } else { 0 },
            session_id: if v >= 7 { 3 } else { 0 },
            responses: vec![fetch_response::FetchableTopicResponse {
                topic: if v <= 12 { "t".into() } else { Str::EMPTY },
                topic_id: if v >= 13 { Uuid(id) } else { Uuid::ZERO },
                partitions: vec![fetch_response::PartitionData {
                    partition_index: 4,
                    error_code: 5,
                    high_watermark: 6,
                    last_stable_offset: 7,
                    log_start_offset: if v >= 5 { 8 } else { -1 },
                    diverging_epoch: fetch_response::EpochEndOffset {
                        epoch: if v >= 12 { 9 } else { -1 },
                        end_offset: if v >= 12 { 10 } else { -1 },
                    },
                    aborted_transactions: Some(vec![fetch_response::AbortedTransaction {
                        producer_id: 11,
                        first_offset: 12,
                    }]),
                    preferred_read_replica: if v >= 11 { 13 } else { -1 },
                    records: Records::Bytes(Bytes::from_static(b"batch")),
                    ..Default::default()
                }],
            }],
            node_endpoints: Vec::new(),
        },
        |v| {
            let mut partition = theirs::fetch_response::PartitionData::default()
                .with_partition_index(4)
                .with_error_code(5)
                .with_high_watermark(6)
                .with_last_stable_offset(7)
                .with_log_start_offset(if v >= 5 { 8 } else { -1 })
                .with_aborted_transactions(Some(vec![
                    theirs::fetch_response::AbortedTransaction::default()
                        .with_producer_id(11.into())
                        .with_first_offset(12),
                ]))
                .with_preferred_read_replica(if v >= 11 { 13.into() } else { (-1).into() })
                .with_records(Some(Bytes::from_static(b"batch")));
            if v >= 12 {
                partition.diverging_epoch =
                    theirs::fetch_response::EpochEndOffset::default().with_epoch(9).with_end_offset(10);
            }
            let mut topic = theirs::fetch_response::FetchableTopicResponse::default().with_partitions(vec![partition]);
            if v <= 12 {
                topic.topic = StrBytes::from_static_str("t").into();
            } else {
                topic.topic_id = "07070707-0707-0707-0707-070707070707".parse().expect("an id");
            }
            theirs::FetchResponse::default()
                .with_throttle_time_ms(1)
                .with_error_code(if v >= 7 { 2 } else { 0 })
                .with_session_id(if v >= 7 { 3 } else { 0 })
                .with_responses(vec![topic])
        },
    );
}
