//! Fetching.

use std::time::{Duration, Instant};

use client::{
    Client, Consumer, ConsumerOptions, Isolation, OffsetSpec, OutOfRange, Position, Producer, ProducerOptions,
    ProducerRecord,
};
use record::{Offset, TimestampMs};
use wire::ErrorCode;

use super::{fresh_topic, read, record, values, write};

pub async fn positions(client: &Client) {
    let topic = fresh_topic(client, "positions", 1).await;
    // One batch of three, so that a position can be in its middle.
    let producer = Producer::new(client, ProducerOptions { linger: Duration::from_millis(100), ..Default::default() });
    let mut last = None;
    for (value, timestamp) in [("a", 1_000), ("b", 2_000), ("c", 3_000)] {
        let sent = ProducerRecord { timestamp: TimestampMs(timestamp), ..record(&topic, None, value) };
        last = Some(producer.send(sent).await.expect("room"));
    }
    last.expect("three").wait().await.expect("an acknowledgement");
    let from = async |position| {
        let records = read(client, ConsumerOptions::default(), &topic, 1, position).await;
        values(&records).join("")
    };
    assert_eq!(from(Position::Earliest).await, "abc");
    assert_eq!(from(Position::Offset(Offset(1))).await, "bc");
    assert_eq!(from(Position::Timestamp(TimestampMs(1_500))).await, "bc");
    assert_eq!(from(Position::Timestamp(TimestampMs(3_000))).await, "c");
    assert_eq!(from(Position::Timestamp(TimestampMs(9_000))).await, "");
    assert_eq!(from(Position::Latest).await, "");

    let ask = async |spec| {
        let listed = client.list_offsets(&[(topic.clone(), 0, spec)], Isolation::ReadUncommitted).await;
        let listed = listed.expect("an answer").remove(0).expect("an offset");
        (listed.offset.map(|offset| offset.0), listed.timestamp.map(|timestamp| timestamp.0))
    };
    assert_eq!(ask(OffsetSpec::Earliest).await, (Some(0), None));
    assert_eq!(ask(OffsetSpec::Latest).await, (Some(3), None));
    assert_eq!(ask(OffsetSpec::Timestamp(TimestampMs(1_001))).await, (Some(1), Some(2_000)));
    assert_eq!(ask(OffsetSpec::Timestamp(TimestampMs(9_000))).await, (None, None));
    assert_eq!(ask(OffsetSpec::MaxTimestamp).await, (Some(2), Some(3_000)));
}

pub async fn the_front_is_deleted(client: &Client) {
    let topic = fresh_topic(client, "front", 1).await;
    write(client, &topic, &["a", "b", "c", "d"]).await;
    let deleted = client.delete_records(&[(topic.clone(), 0, Offset(2))]).await.expect("an answer");
    assert_eq!(deleted[0].2.as_ref().expect("deleted"), &Offset(2));
    let records = read(client, ConsumerOptions::default(), &topic, 1, Position::Earliest).await;
    assert_eq!(values(&records), ["c", "d"]);

    for (out_of_range, expected) in
        [(OutOfRange::Earliest, Some("cd")), (OutOfRange::Latest, Some("")), (OutOfRange::Fail, None)]
    {
        let mut consumer = Consumer::new(client, ConsumerOptions { out_of_range, ..ConsumerOptions::default() });
        consumer.assign(&[(topic.clone(), 0, Position::Offset(Offset(0)))]).await.expect("a position");
        let polled = consumer.poll(10, Duration::from_secs(2)).await;
        match expected {
            Some(expected) => {
                let mut records = polled.expect("records");
                if records.len() == 1 {
                    records.extend(consumer.poll(10, Duration::from_secs(2)).await.expect("records"));
                }
                assert_eq!(values(&records).join(""), expected);
            }
            None => assert_eq!(polled.expect_err("out of range").code(), Some(ErrorCode::OffsetOutOfRange)),
        }
    }
    let too_far = client.delete_records(&[(topic.clone(), 0, Offset(99))]).await.expect("an answer");
    assert_eq!(too_far[0].2.as_ref().expect_err("beyond the end").code(), Some(ErrorCode::OffsetOutOfRange));
    let everything = client.delete_records(&[(topic.clone(), 0, Offset(-1))]).await.expect("an answer");
    assert_eq!(everything[0].2.as_ref().expect("deleted"), &Offset(4));
}

pub async fn nothing_yet(client: &Client) {
    let topic = fresh_topic(client, "later", 2).await;
    let mut consumer =
        Consumer::new(client, ConsumerOptions { max_wait: Duration::from_secs(5), ..Default::default() });
    let positions: Vec<_> = (0..2).map(|partition| (topic.clone(), partition, Position::Latest)).collect();
    consumer.assign(&positions).await.expect("positions");
    let begun = Instant::now();
    assert!(consumer.poll(10, Duration::from_millis(300)).await.expect("no records").is_empty());
    assert!((250..2_000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    // The long poll that is still in flight brings the record as soon as it is there.
    write(client, &topic, &["now"]).await;
    let written = Instant::now();
    let records = consumer.poll(10, Duration::from_secs(10)).await.expect("records");
    assert_eq!(values(&records), ["now"]);
    assert!(written.elapsed() < Duration::from_secs(3), "woken after {:?}", written.elapsed());
    assert_eq!(
        consumer.positions().iter().map(|(_, partition, offset, _)| (*partition, offset.0)).collect::<Vec<_>>(),
        [(0, 1), (1, 0)]
    );
}
