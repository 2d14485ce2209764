//! Producing.

use std::time::Duration;

use bytes::Bytes;
use client::{Acks, Client, ConsumerOptions, Position, Producer, ProducerOptions, ProducerRecord};
use record::partition_of_key;
use record::{Compression, Offset, TimestampMs};
use wire::ErrorCode;

use super::{fresh_topic, read, record, text, values};

pub async fn partitions_and_codecs(client: &Client) {
    let topic = fresh_topic(client, "codecs", 4).await;
    let codecs = [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    for compression in codecs {
        let producer = Producer::new(client, ProducerOptions { compression, ..ProducerOptions::default() });
        for key in ["P1", "P2", "P3"] {
            let sent = ProducerRecord {
                headers: vec![("h".to_owned(), Some(Bytes::from_static(b"v"))), ("n".to_owned(), None)],
                ..record(&topic, Some(key), compression.name())
            };
            let produced = producer.send(sent).await.expect("room").wait().await.expect("an acknowledgement");
            assert_eq!(produced.partition, partition_of_key(key.as_bytes(), 4));
            assert!(produced.offset.is_some());
        }
    }
    let mut records = read(client, ConsumerOptions::default(), &topic, 4, Position::Earliest).await;
    assert_eq!(records.len(), 15);
    for record in &records {
        let key = text(&record.key).expect("a key");
        assert_eq!(record.partition, partition_of_key(key.as_bytes(), 4));
        assert_eq!(record.timestamp, TimestampMs(1_000));
        let headers: Vec<_> = record.headers.iter().map(|(name, value)| (&name[..], value.as_deref())).collect();
        assert_eq!(headers, [(&b"h"[..], Some(&b"v"[..])), (&b"n"[..], None)]);
    }
    records.retain(|record| text(&record.key) == Some("P1"));
    assert_eq!(values(&records), codecs.map(Compression::name));

    // Null key and value; a partition that does not exist.
    let producer = Producer::new(client, ProducerOptions::default());
    let nothing = ProducerRecord { topic: topic.clone(), partition: Some(3), ..ProducerRecord::default() };
    let at = producer.send(nothing.clone()).await.expect("room").wait().await.expect("an acknowledgement");
    let position = Position::Offset(at.offset.expect("an offset"));
    let mut records = read(client, ConsumerOptions::default(), &topic, 4, Position::Latest).await;
    assert!(records.is_empty());
    let mut consumer = client::Consumer::new(client, ConsumerOptions::default());
    consumer.assign(&[(topic, 3, position)]).await.expect("a position");
    records.extend(consumer.poll(10, Duration::from_secs(10)).await.expect("records"));
    assert_eq!((records.len(), &records[0].key, &records[0].value), (1, &None, &None));
    let error = producer.send(ProducerRecord { partition: Some(4), ..nothing }).await.err().expect("no such partition");
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopicOrPartition), "{error}");
}

pub async fn many_records(client: &Client) {
    let topic = fresh_topic(client, "many", 3).await;
    // Small batches and a small buffer: sealing, waiting for room, several batches behind one another.
    let options = ProducerOptions {
        batch_bytes_max: 2_000,
        buffer_bytes_max: 50_000,
        linger: Duration::from_millis(1),
        ..ProducerOptions::default()
    };
    let producer = Producer::new(client, options);
    let mut deliveries = Vec::new();
    for index in 0..5_000 {
        deliveries.push(producer.send(record(&topic, None, &index.to_string())).await.expect("room"));
    }
    producer.flush().await;
    let mut per_partition = [0i64; 3];
    for delivery in &deliveries {
        let produced = delivery.result().expect("flushed").expect("acknowledged");
        per_partition[produced.partition as usize] += 1;
    }
    assert!(per_partition.iter().all(|count| *count > 0), "{per_partition:?}");

    let records = read(client, ConsumerOptions::default(), &topic, 3, Position::Earliest).await;
    assert_eq!(records.len(), 5_000);
    for partition in 0..3 {
        let of_partition: Vec<_> = records.iter().filter(|record| record.partition == partition).collect();
        let offsets = of_partition.iter().map(|record| record.offset);
        assert!(offsets.eq((0..per_partition[partition as usize]).map(Offset)), "offsets have holes");
        let numbers: Vec<i32> = of_partition
            .iter()
            .map(|record| text(&record.value).expect("a value").parse().expect("a number"))
            .collect();
        assert!(numbers.is_sorted(), "records of a partition changed places");
    }
    for (index, delivery) in deliveries.iter().enumerate() {
        let produced = delivery.result().expect("flushed").expect("acknowledged");
        let found = records
            .iter()
            .find(|record| record.partition == produced.partition && Some(record.offset) == produced.offset)
            .expect("the record is where its acknowledgement says");
        assert_eq!(text(&found.value), Some(index.to_string().as_str()));
    }
}

pub async fn without_acknowledgement(client: &Client) {
    let topic = fresh_topic(client, "acks0", 1).await;
    let producer = Producer::new(client, ProducerOptions { acks: Acks::None, ..ProducerOptions::default() });
    for value in ["a", "b"] {
        let produced = producer.send(record(&topic, None, value)).await.expect("room").wait().await.expect("sent");
        assert_eq!(produced.offset, None);
    }
    let mut consumer = client::Consumer::new(client, ConsumerOptions::default());
    consumer.assign(&[(topic.clone(), 0, Position::Earliest)]).await.expect("a position");
    let mut records = Vec::new();
    while records.len() < 2 {
        records.extend(consumer.poll(10, Duration::from_secs(10)).await.expect("records"));
    }
    assert_eq!(values(&records), ["a", "b"]);

    // A batch that is too large is refused for good, and the next one goes through.
    let producer = Producer::new(client, ProducerOptions::default());
    let large = record(&topic, None, &"x".repeat(2 << 20));
    let error = producer.send(large).await.expect("room").wait().await.expect_err("more than max.message.bytes");
    assert_eq!(error.code(), Some(ErrorCode::MessageTooLarge), "{error}");
    producer.send(record(&topic, None, "c")).await.expect("room").wait().await.expect("an acknowledgement");
}
