//! Produce requests and producer ids, for the two kinds of producers.

use bytes::Bytes;
use record::{
    BatchBuilder, BatchOptions, LeaderEpoch, Offset, ProducerEpoch, ProducerId, ProducerIdentity, Sequence, TimestampMs,
};
use testkit::history::SendId;
use wire::Records;
use wire::messages::init_producer_id_request::InitProducerIdRequest;
use wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use wire::messages::produce_response::ProduceResponse;

use crate::session::{Link, Trouble, accepted};
use crate::world::now_ms;

/// The last version in which a transaction's partitions are added by a request of their own.
pub const PRODUCE: i16 = 11;
const TRANSACTION_TIMEOUT_MS: i32 = 60_000;

/// A producer's id and incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    pub id: i64,
    pub epoch: i16,
}

/// A batch that is sent, perhaps again and again, until it is answered.
#[derive(Debug)]
pub struct Batch {
    pub topic: &'static str,
    pub partition: i32,
    pub bytes: Bytes,
    pub sends: Vec<SendId>,
}

/// A producer id: a new one, or the next incarnation of a transactional id, which ends what the last one left open.
pub fn init(link: &mut Link, transactional_id: Option<&str>) -> Result<Producer, Trouble> {
    let request = InitProducerIdRequest {
        transactional_id: transactional_id.map(Into::into),
        transaction_timeout_ms: TRANSACTION_TIMEOUT_MS,
        ..InitProducerIdRequest::default()
    };
    let response = link.call(4, &request)?;
    accepted(response.error_code)?;
    Ok(Producer { id: response.producer_id, epoch: response.producer_epoch })
}

pub fn batch(producer: Producer, transactional: bool, base_sequence: i32, records: &[String]) -> Bytes {
    let identity = ProducerIdentity {
        id: ProducerId(producer.id),
        epoch: ProducerEpoch(producer.epoch),
        base_sequence: Sequence(base_sequence),
    };
    let options = BatchOptions { producer: Some(identity), transactional, ..BatchOptions::default() };
    let mut builder = BatchBuilder::new(options);
    for record in records {
        builder.push(TimestampMs(now_ms()), None, Some(record.as_bytes()), []);
    }
    builder.finish(Offset(0), LeaderEpoch::NONE)
}

pub fn request(transactional_id: Option<&str>, batch: &Batch) -> ProduceRequest {
    let partition_data =
        vec![PartitionProduceData { index: batch.partition, records: Records::Bytes(batch.bytes.clone()) }];
    let topic = TopicProduceData { name: batch.topic.into(), partition_data, ..TopicProduceData::default() };
    ProduceRequest {
        transactional_id: transactional_id.map(Into::into),
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![topic],
    }
}

/// The code and base offset of an answer about one partition.
pub fn outcome(response: &ProduceResponse) -> (i16, i64) {
    let partition = &response.responses[0].partition_responses[0];
    (partition.error_code, partition.base_offset)
}
