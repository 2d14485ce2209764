use super::OffsetMetadata;

/// The texts were written by Kafka Streams 4.3.1 (`TopicPartitionMetadata.encode`).
#[test]
fn kafka_streams_texts() {
    let check = |partition_time, stream_times: &[(&str, i64)], text: &str| {
        let stream_times = stream_times.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect();
        let metadata = OffsetMetadata { partition_time, stream_times };
        assert_eq!(metadata.encode(), text);
        assert_eq!(OffsetMetadata::decode(text), Some(metadata));
    };
    check(5, &[], "AgAAAAAAAAAF");
    check(1_654_732_805_999, &[("page_count", 1_654_732_805_120)], "AgAAAYFFwtdvAAAAAQAAAApwYWdlX2NvdW50AAABgUXC1AA=");
}

#[test]
fn foreign_texts_are_unknown() {
    for text in ["", "x", "hello", "AgAA", "AwAAAAAAAAAF", "AgAAAAAAAAAFf////w==", "====", "AgAAAAAAAAAFAAAAAX////8="] {
        assert_eq!(OffsetMetadata::decode(text), None, "{text}");
    }
    let version_1 = OffsetMetadata::decode("AQAAAAAAAAAF");
    assert_eq!(version_1, Some(OffsetMetadata { partition_time: 5, ..OffsetMetadata::default() }));
}
