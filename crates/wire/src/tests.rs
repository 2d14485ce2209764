//! The bounds of decoding, the refusals of encoding, and the small types.

use bytes::Bytes;

use crate::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use crate::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use crate::messages::offset_fetch_request::OffsetFetchRequest;
use crate::messages::request_header::RequestHeader;
use crate::records::metadata::{MetadataRecord, TopicRecord};
use crate::records::offset::{OffsetCommitKey, OffsetCommitValue};
use crate::*;

fn decode<M: Message>(bytes: &[u8], version: i16) -> Result<(M, usize), DecodeError> {
    let mut r = Reader::new(Bytes::copy_from_slice(bytes));
    M::decode(&mut r, version).map(|message| (message, r.remaining()))
}

fn encode<M: Message>(message: &M, version: i16) -> Result<Vec<u8>, EncodeError> {
    let mut w = Writer::new();
    message.encode(&mut w, version)?;
    w.into_bytes().map(|bytes| bytes.to_vec())
}

#[test]
fn hostile_frames_are_refused() {
    fn check(bytes: &[u8], version: i16, expected: DecodeError) {
        assert_eq!(decode::<MetadataRequest>(bytes, version).unwrap_err(), expected, "{bytes:02x?}");
    }
    use DecodeError::*;

    check(&[], 99, UnsupportedVersion { message: "MetadataRequest", version: 99 });
    check(&[], -1, UnsupportedVersion { message: "MetadataRequest", version: -1 });
    check(&[0, 0], 1, Truncated { needed: 4, remaining: 2 });
    // A declared count of two thousand million in a frame of four bytes.
    check(&[0x7f, 0xff, 0xff, 0xff], 1, InvalidLength(0x7fff_ffff));
    check(&[0xff, 0xff, 0xff, 0xfe], 1, InvalidLength(-2));
    // Null topics are "all" from version 1 on, and nothing in version 0.
    check(&[0xff, 0xff, 0xff, 0xff], 0, UnexpectedNull);
    check(&[0, 0, 0, 1, 0xff, 0xff], 1, UnexpectedNull);
    check(&[0, 0, 0, 1, 0, 2, 0xc3, 0x28], 1, InvalidUtf8);
    check(&[0, 0, 0, 1, 0x80, 0x00], 1, InvalidLength(-32768));
    check(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x01], 9, InvalidVarint);
    check(&[0xff, 0xff, 0xff, 0xff, 0x1f], 9, InvalidVarint);
    check(&[0xff], 9, Truncated { needed: 2, remaining: 1 });
    // Tagged fields: the same one twice; longer than the frame; cut.
    let front = [1, 1, 0, 0];
    check(&[&front[..], &[2, 5, 0, 5, 0]].concat(), 9, DuplicateTag(5));
    check(&[&front[..], &[1, 5, 9, 0]].concat(), 9, Truncated { needed: 9, remaining: 1 });
    check(&[&front[..], &[1, 5]].concat(), 9, Truncated { needed: 1, remaining: 0 });
    check(&[&front[..], &[2, 70, 0, 69, 0]].concat(), 9, DuplicateTag(69));
}

#[test]
fn tagged_fields_keep_to_their_length() {
    // FetchResponse 12, one topic, one partition whose tag 1 (current leader: two numbers, tags) is one byte too long.
    let mut partition = PartitionData { aborted_transactions: None, ..PartitionData::default() };
    partition.current_leader.leader_id = 7;
    let topics = vec![FetchableTopicResponse { partitions: vec![partition], ..FetchableTopicResponse::default() }];
    let response = FetchResponse { responses: topics, ..FetchResponse::default() };
    let good = encode(&response, 12).unwrap();
    assert_eq!(decode::<FetchResponse>(&good, 12).unwrap(), (response, 0));

    let tag = good.windows(3).position(|window| window == [1, 1, 9]).unwrap();
    for (length, error) in [(10, DecodeError::TagLength(1)), (8, DecodeError::Truncated { needed: 1, remaining: 0 })] {
        let mut bad = good.clone();
        bad[tag + 2] = length;
        assert_eq!(decode::<FetchResponse>(&bad, 12).unwrap_err(), error);
    }
}

#[test]
fn unknown_tags_and_trailing_bytes_are_passed_over() {
    let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
    let mut bytes = encode(&request, 9).unwrap();
    assert_eq!(bytes.pop(), Some(0));
    bytes.extend([2, 200, 1, 3, 1, 2, 3, 201, 1, 0]);
    bytes.extend(b"more");
    assert_eq!(decode::<MetadataRequest>(&bytes, 9).unwrap(), (request, 4));
}

#[test]
fn memory_follows_the_frame() {
    // Honest frames stay far below the bound, even when they are dense: four bytes on the wire, some hundred in memory.
    let mut bytes = Vec::new();
    crate::primitives::put_unsigned_varint(&mut bytes, 100_001);
    (0..100_000).for_each(|_| bytes.extend([2, b'g', 1, 0]));
    bytes.extend([0, 0]);
    assert_eq!(decode::<OffsetFetchRequest>(&bytes, 8).unwrap().0.groups.len(), 100_000);
    // More elements than the budget has room for are refused before any is read.
    let mut r = Reader::new(Bytes::from(vec![0; 100]));
    assert_eq!(r.charge(100, 64), Ok(()));
    assert_eq!(r.charge(1, 1), Err(DecodeError::OverBudget));
    assert_eq!(r.charge(usize::MAX, 64), Err(DecodeError::OverBudget));
}

#[test]
fn fields_that_a_version_lacks_are_refused_unless_ignorable() {
    fn check(request: &MetadataRequest, version: i16, expected: Result<(), EncodeError>) {
        assert_eq!(encode(request, version).map(|_| ()), expected, "v{version}: {request:?}");
    }

    let request = MetadataRequest { allow_auto_topic_creation: false, ..MetadataRequest::default() };
    check(&request, 3, Err(EncodeError::FieldNotInVersion("allow_auto_topic_creation")));
    check(&request, 4, Ok(()));
    let all = MetadataRequest { topics: None, ..MetadataRequest::default() };
    check(&all, 0, Err(EncodeError::UnexpectedNull("topics")));
    check(&all, 1, Ok(()));
    let by_id = MetadataRequestTopic { topic_id: Uuid([1; 16]), name: None };
    let by_id = MetadataRequest { topics: Some(vec![by_id]), ..MetadataRequest::default() };
    check(&by_id, 9, Err(EncodeError::UnexpectedNull("name")));
    check(&by_id, 12, Ok(()));
    check(&all, 14, Err(EncodeError::UnsupportedVersion { message: "MetadataRequest", version: 14 }));
    let long = MetadataRequestTopic { name: Some("x".repeat(40_000).into()), ..MetadataRequestTopic::default() };
    let long = MetadataRequest { topics: Some(vec![long]), ..MetadataRequest::default() };
    check(&long, 1, Err(EncodeError::TooLong(40_000)));
    check(&long, 12, Err(EncodeError::TooLong(40_000)));
}

#[test]
fn external_records_are_left_for_the_caller() {
    let partition = |records| PartitionData { records, aborted_transactions: None, ..PartitionData::default() };
    let response = |records| FetchResponse {
        responses: vec![FetchableTopicResponse { partitions: vec![partition(records)], ..Default::default() }],
        ..FetchResponse::default()
    };
    for version in [4, 11, 12, 18] {
        let bytes = Bytes::from(vec![9; 10_000]);
        let mut w = Writer::framed();
        response(Records::Bytes(bytes.clone())).encode(&mut w, version).unwrap();
        let whole = w.into_bytes().unwrap();
        assert_eq!(whole[..4], ((whole.len() - 4) as u32).to_be_bytes());

        let mut w = Writer::framed();
        response(Records::External { index: 3, len: 10_000 }).encode(&mut w, version).unwrap();
        let mut spliced = Vec::new();
        for piece in w.finish().unwrap() {
            match piece {
                Piece::Bytes(bytes) => spliced.extend_from_slice(&bytes),
                Piece::External { index, len } => {
                    assert_eq!((index, len), (3, 10_000));
                    spliced.extend_from_slice(&bytes);
                }
            }
        }
        assert_eq!(spliced, whole, "v{version}");

        let mut w = Writer::new();
        response(Records::External { index: 3, len: 10_000 }).encode(&mut w, version).unwrap();
        assert_eq!(w.into_bytes(), Err(EncodeError::ExternalRecords));
    }
}

#[test]
fn headers_are_read_by_the_request_they_announce() {
    fn check(key: i16, version: i16, tail: &[u8], expected: Result<ApiKey, RequestHeaderError>) {
        let mut bytes = vec![];
        bytes.extend(key.to_be_bytes());
        bytes.extend(version.to_be_bytes());
        bytes.extend([0, 0, 0, 42, 0, 1, b'c']);
        bytes.extend(tail);
        let mut r = Reader::new(bytes.into());
        let read = read_request_header(&mut r).map(|(key, header)| {
            assert_eq!((header.correlation_id, header.client_id), (42, Some("c".into())));
            assert_eq!(r.remaining(), 0);
            key
        });
        assert_eq!(read, expected);
    }

    check(3, 8, &[], Ok(ApiKey::Metadata));
    check(3, 9, &[0], Ok(ApiKey::Metadata));
    // Newer than ours: the header is still readable, so that ApiVersions can be answered.
    check(18, 77, &[0], Ok(ApiKey::ApiVersions));
    check(9999, 0, &[], Err(RequestHeaderError::UnknownApiKey(UnknownApiKey(9999))));
    check(3, 9, &[], Err(RequestHeaderError::Decode(DecodeError::Truncated { needed: 1, remaining: 0 })));

    assert_eq!(ApiKey::ApiVersions.response_header_version(3), 0);
    assert_eq!(ApiKey::Fetch.response_header_version(11), 0);
    assert_eq!(ApiKey::Fetch.response_header_version(12), 1);
    assert_eq!(RequestPrefix::peek(&[0, 3, 0, 1, 0, 0, 0]), None);
    assert_eq!(decode::<RequestHeader>(&[0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0], 2).unwrap().0.client_id, None);
}

#[test]
fn coordinator_records_begin_with_type_and_version() {
    let key = OffsetCommitKey { group: "g".into(), topic: "t".into(), partition: 2 };
    let bytes = coordinator::encode_key(&key).unwrap();
    assert_eq!(bytes[..], [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 2]);
    assert_eq!(coordinator::record_type(&bytes), Ok(1));
    assert_eq!(coordinator::decode_key::<OffsetCommitKey>(bytes.clone()), Ok(key));
    let group_key = coordinator::decode_key::<crate::records::group::GroupMetadataKey>(bytes.clone());
    assert_eq!(group_key, Err(DecodeError::UnexpectedType(1)));
    let longer = Bytes::from([&bytes[..], &[0]].concat());
    assert_eq!(coordinator::decode_key::<OffsetCommitKey>(longer), Err(DecodeError::TrailingBytes(1)));

    let value = OffsetCommitValue { offset: 5, commit_timestamp: 6, ..OffsetCommitValue::default() };
    let bytes = coordinator::encode_value(&value, 3).unwrap();
    assert_eq!(coordinator::decode_value(bytes.clone()), Ok((3, value)));
    let newer = Bytes::from([&[0, 99], &bytes[2..]].concat());
    let refused = DecodeError::UnsupportedVersion { message: "OffsetCommitValue", version: 99 };
    assert_eq!(coordinator::decode_value::<OffsetCommitValue>(newer), Err(refused));
}

#[test]
fn metadata_records_are_framed() {
    let record = MetadataRecord::Topic(TopicRecord { name: "t".into(), topic_id: Uuid([3; 16]) });
    let bytes = metadata::encode(&record, 0).unwrap();
    assert_eq!(bytes[..5], [1, 2, 0, 2, b't']);
    assert_eq!(metadata::decode(bytes.clone()), Ok((0, record)));
    let longer = Bytes::from([&bytes[..], &[0]].concat());
    assert_eq!(metadata::decode(longer), Err(DecodeError::TrailingBytes(1)));
    assert_eq!(metadata::decode(Bytes::from_static(&[1, 99, 0])), Err(DecodeError::UnexpectedType(99)));
}

#[test]
fn ids_have_kafkas_text() {
    fn check(bytes: [u8; 16], text: &str) {
        assert_eq!(Uuid(bytes).to_string(), text);
        assert_eq!(text.parse(), Ok(Uuid(bytes)));
    }
    // Written by Kafka's own Uuid.toString.
    check([0; 16], "AAAAAAAAAAAAAAAAAAAAAA");
    check(Uuid::METADATA_TOPIC.0, "AAAAAAAAAAAAAAAAAAAAAQ");
    check([255; 16], "_____________________w");
    check([0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0xff], "EjRWeJq83vAAAAAAAAAA_w");
    for bad in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAA+A"] {
        assert_eq!(bad.parse::<Uuid>(), Err(InvalidUuid), "{bad}");
    }
}

#[test]
fn variable_length_numbers_round_trip() {
    for value in [0, 1, -1, 63, -64, 64, i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN] {
        let mut bytes = Vec::new();
        primitives::put_varlong(&mut bytes, value);
        assert_eq!(bytes.len(), primitives::varlong_len(value));
        assert_eq!(primitives::take_varlong(&mut &bytes[..]), Ok(value));
        if let Ok(value) = i32::try_from(value) {
            assert_eq!(primitives::take_varint(&mut &bytes[..]), Ok(value));
        }
    }
    assert_eq!(primitives::take_unsigned_varlong(&mut &[0xff; 10][..]), Err(DecodeError::InvalidVarint));
}

#[test]
fn error_codes_are_found_by_number() {
    for code in ErrorCode::ALL {
        assert_eq!(ErrorCode::from_code(code.code()), *code);
    }
    assert_eq!(ErrorCode::ALL.len(), 135);
    assert_eq!(ErrorCode::from_code(12_345), ErrorCode::UnknownServerError);
    assert_eq!(ErrorCode::check(0), Ok(()));
    assert_eq!(ErrorCode::check(27), Err(ErrorCode::RebalanceInProgress));
    assert_eq!(ErrorCode::NotLeaderOrFollower.name(), "NOT_LEADER_OR_FOLLOWER");
    assert!(ErrorCode::CoordinatorLoadInProgress.is_retriable() && !ErrorCode::ProducerFenced.is_retriable());
}
