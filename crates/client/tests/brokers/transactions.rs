//! Reading what transactions left behind. The client has none itself: these are spoken by hand.

use client::{Client, Connection, ConsumerOptions, Isolation, OffsetSpec, Position};
use record::{
    BatchBuilder, BatchOptions, LeaderEpoch, Offset, ProducerEpoch, ProducerId, ProducerIdentity, Sequence, TimestampMs,
};
use wire::messages::add_partitions_to_txn_request::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use wire::messages::end_txn_request::EndTxnRequest;
use wire::messages::find_coordinator_request::FindCoordinatorRequest;
use wire::messages::init_producer_id_request::InitProducerIdRequest;
use wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use wire::{ErrorCode, Records};

use super::{fresh_topic, read, values, write};

struct Transactional {
    /// To the coordinator, and to the leader of the partition.
    link: Connection,
    leader: Connection,
    id: String,
    producer_id: i64,
    epoch: i16,
    topic: String,
    sequence: i32,
}

impl Transactional {
    async fn open(client: &Client, topic: &str) -> Self {
        let id = format!("tx-{:08x}", fastrand::u32(..));
        let anyone = client.open_connection(None).await.expect("a connection");
        let coordinator = loop {
            let request = FindCoordinatorRequest { key: id.as_str().into(), key_type: 1, ..Default::default() };
            let found = anyone.call(1, &request).await.expect("an answer");
            if found.error_code == 0 {
                break found.node_id;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        };
        let link = client.open_connection(Some(coordinator)).await.expect("a connection");
        let leader = client.topic(topic).await.expect("the topic").partitions[0].leader;
        let leader = client.open_connection(leader).await.expect("a connection");
        let request = InitProducerIdRequest {
            transactional_id: Some(id.as_str().into()),
            transaction_timeout_ms: 30_000,
            ..Default::default()
        };
        let producer = loop {
            let answer = link.call(3, &request).await.expect("an answer");
            if !ErrorCode::from_code(answer.error_code).is_retriable() {
                break answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        };
        assert_eq!(producer.error_code, 0);
        let (producer_id, epoch) = (producer.producer_id, producer.producer_epoch);
        Self { link, leader, id, producer_id, epoch, topic: topic.to_owned(), sequence: 0 }
    }

    async fn write(&mut self, value: &str) {
        let topic = AddPartitionsToTxnTopic { name: self.topic.as_str().into(), partitions: vec![0] };
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.id.as_str().into(),
            v3_and_below_producer_id: self.producer_id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: vec![topic],
            ..Default::default()
        };
        loop {
            let added = self.link.call(3, &request).await.expect("an answer");
            let code = added.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code;
            if !ErrorCode::from_code(code).is_retriable() {
                assert_eq!(code, 0);
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let producer = ProducerIdentity {
            id: ProducerId(self.producer_id),
            epoch: ProducerEpoch(self.epoch),
            base_sequence: Sequence(self.sequence),
        };
        self.sequence += 1;
        let mut batch =
            BatchBuilder::new(BatchOptions { producer: Some(producer), transactional: true, ..Default::default() });
        batch.push(TimestampMs(1), None, Some(value.as_bytes()), []);
        let records = Records::Bytes(batch.finish(Offset(0), LeaderEpoch::NONE));
        let request = ProduceRequest {
            transactional_id: Some(self.id.as_str().into()),
            acks: -1,
            timeout_ms: 10_000,
            topic_data: vec![TopicProduceData {
                name: self.topic.as_str().into(),
                partition_data: vec![PartitionProduceData { index: 0, records }],
                ..Default::default()
            }],
        };
        let answer = self.leader.call(9, &request).await.expect("an answer");
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    }

    async fn end(&self, committed: bool) {
        let request = EndTxnRequest {
            transactional_id: self.id.as_str().into(),
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            committed,
        };
        let answer = self.link.call(3, &request).await.expect("an answer");
        assert_eq!(answer.error_code, 0);
    }
}

pub async fn aborted_records_are_hidden(client: &Client) {
    let topic = fresh_topic(client, "tx", 1).await;
    let (mut one, mut two) = (Transactional::open(client, &topic).await, Transactional::open(client, &topic).await);
    write(client, &topic, &["plain1"]).await;
    one.write("abort1").await;
    two.write("commit1").await;
    one.write("abort2").await;
    one.end(false).await;
    two.write("commit2").await;
    two.end(true).await;
    one.write("commit3").await;
    one.end(true).await;
    two.write("abort3").await;
    two.end(false).await;
    write(client, &topic, &["plain2"]).await;

    // The coordinator may write the markers a moment after it has answered.
    let committed = ConsumerOptions { isolation: Isolation::ReadCommitted, ..ConsumerOptions::default() };
    let end = async |isolation| {
        let listed = client.list_offsets(&[(topic.clone(), 0, OffsetSpec::Latest)], isolation).await;
        listed.expect("an answer").remove(0).expect("an offset").offset
    };
    while end(Isolation::ReadCommitted).await != end(Isolation::ReadUncommitted).await {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let records = read(client, committed.clone(), &topic, 1, Position::Earliest).await;
    assert_eq!(values(&records), ["plain1", "commit1", "commit2", "commit3", "plain2"]);
    let records = read(client, ConsumerOptions::default(), &topic, 1, Position::Earliest).await;
    let all = ["plain1", "abort1", "commit1", "abort2", "commit2", "commit3", "abort3", "plain2"];
    assert_eq!(values(&records), all);
    // From inside the first aborted transaction.
    let records = read(client, committed.clone(), &topic, 1, Position::Offset(Offset(3))).await;
    assert_eq!(values(&records), ["commit2", "commit3", "plain2"]);

    // An open transaction holds readers back.
    two.write("open").await;
    write(client, &topic, &["plain3"]).await;
    let records = read(client, committed.clone(), &topic, 1, Position::Earliest).await;
    assert_eq!(values(&records).last(), Some(&"plain2"));
    two.end(true).await;
}
