//! One transactional id over many incarnations, step by step; the callers decide what to do about trouble.

use std::collections::HashMap;
use std::time::Duration;

use wire::ErrorCode;
use wire::messages::add_offsets_to_txn_request::AddOffsetsToTxnRequest;
use wire::messages::add_partitions_to_txn_request::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use wire::messages::end_txn_request::EndTxnRequest;
use wire::messages::produce_request::ProduceRequest;
use wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};

use crate::produce::{self, Batch, PRODUCE, Producer};
use crate::session::{Link, Trouble, accepted};

/// Trouble that may pass is waited for as long; the one thing that has no event to wait for.
const PAUSE: Duration = Duration::from_millis(2);

/// See the module.
#[derive(Debug)]
pub struct Transactional {
    pub link: Link,
    id: String,
    /// None: the next thing to do is to ask for one.
    pub producer: Option<Producer>,
    sequences: HashMap<(&'static str, i32), i32>,
}

impl Transactional {
    pub fn new(address: &str, id: &str) -> Self {
        Self { link: Link::new(address), id: id.to_owned(), producer: None, sequences: HashMap::new() }
    }

    /// The next incarnation; whatever an earlier one left open is aborted. Waits for trouble to pass.
    pub fn init(&mut self) -> Result<Producer, Trouble> {
        let producer = loop {
            match produce::init(&mut self.link, Some(&self.id)) {
                Err(trouble) if !trouble.is_final() => std::thread::sleep(PAUSE),
                done => break done?,
            }
        };
        self.sequences.clear();
        Ok(*self.producer.insert(producer))
    }

    fn current(&self) -> Producer {
        self.producer.expect("an incarnation has begun")
    }

    pub fn add_partitions(&mut self, topic: &str, partitions: Vec<i32>) -> Result<(), Trouble> {
        let producer = self.current();
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.id.as_str().into(),
            v3_and_below_producer_id: producer.id,
            v3_and_below_producer_epoch: producer.epoch,
            v3_and_below_topics: vec![AddPartitionsToTxnTopic { name: topic.into(), partitions }],
            ..AddPartitionsToTxnRequest::default()
        };
        let response = self.link.call(3, &request)?;
        let mut results = response.results_by_topic_v3_and_below.iter().flat_map(|topic| &topic.results_by_partition);
        results.try_for_each(|result| accepted(result.partition_error_code))
    }

    /// A batch with the next sequence of its partition. To be sent until [`Transactional::send`] says that it is there.
    pub fn batch(&mut self, topic: &'static str, partition: i32, records: &[String]) -> Batch {
        let producer = self.current();
        let sequence = self.sequences.entry((topic, partition)).or_insert(0);
        let bytes = produce::batch(producer, true, *sequence, records);
        *sequence += records.len() as i32;
        Batch { topic, partition, bytes, sends: Vec::new() }
    }

    /// A batch whose sequence does not matter: it is refused before anyone looks at that.
    pub fn batch_of_nobody(&self, topic: &'static str, partition: i32, record: &str) -> Batch {
        let bytes = produce::batch(self.current(), true, 0, &[record.to_owned()]);
        Batch { topic, partition, bytes, sends: Vec::new() }
    }

    /// Sends a batch; its first offset, unless the broker only says that it has it.
    pub fn send(&mut self, batch: &Batch) -> Result<Option<i64>, Trouble> {
        let response = self.link.call::<ProduceRequest>(PRODUCE, &produce::request(Some(&self.id), batch))?;
        let (code, base_offset) = produce::outcome(&response);
        match ErrorCode::from_code(code) {
            ErrorCode::DuplicateSequenceNumber => Ok(None),
            _ => accepted(code).map(|()| Some(base_offset)),
        }
    }

    pub fn add_offsets(&mut self, group: &str, topic: &str, offsets: &[(i32, i64)]) -> Result<(), Trouble> {
        let producer = self.current();
        let request = AddOffsetsToTxnRequest {
            transactional_id: self.id.as_str().into(),
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            group_id: group.into(),
        };
        accepted(self.link.call(3, &request)?.error_code)?;
        let partition = |(partition, offset): &(i32, i64)| TxnOffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: *offset,
            committed_leader_epoch: -1,
            committed_metadata: None,
        };
        let partitions = offsets.iter().map(partition).collect();
        let request = TxnOffsetCommitRequest {
            transactional_id: self.id.as_str().into(),
            group_id: group.into(),
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            topics: vec![TxnOffsetCommitRequestTopic { name: topic.into(), partitions }],
            ..TxnOffsetCommitRequest::default()
        };
        let response = self.link.call(3, &request)?;
        let mut results = response.topics.iter().flat_map(|topic| &topic.partitions);
        results.try_for_each(|result| accepted(result.error_code))
    }

    pub fn end(&mut self, commit: bool) -> Result<(), Trouble> {
        let producer = self.current();
        let request = EndTxnRequest {
            transactional_id: self.id.as_str().into(),
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            committed: commit,
        };
        accepted(self.link.call(3, &request)?.error_code)
    }

    /// Does a step until it is done; gives up when trouble is final, or when the connection broke and `patient` is not
    /// set: then this incarnation is over.
    pub fn until_done<T>(
        &mut self,
        patient: bool,
        mut step: impl FnMut(&mut Self) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        loop {
            let trouble = match step(self) {
                Ok(done) => return Ok(done),
                Err(trouble) => trouble,
            };
            if trouble.is_final() || (!patient && matches!(trouble, Trouble::Broken(_))) {
                self.producer = None;
                return Err(trouble);
            }
            std::thread::sleep(PAUSE);
        }
    }
}
