//! Transactions, as clients of every version see them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broker::reply::Answer;
use record::{BatchOptions, ProducerEpoch, ProducerId, ProducerIdentity, Sequence};
use wire::messages::add_offsets_to_txn_request::AddOffsetsToTxnRequest;
use wire::messages::add_partitions_to_txn_request::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use wire::messages::describe_transactions_request::DescribeTransactionsRequest;
use wire::messages::end_txn_request::EndTxnRequest;
use wire::messages::init_producer_id_request::InitProducerIdRequest;
use wire::messages::init_producer_id_response::InitProducerIdResponse;
use wire::messages::list_transactions_request::ListTransactionsRequest;
use wire::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestTopic};
use wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};

use crate::harness::produce_request;
use crate::harness::{Fixture, NOW_MS, batch_of, decode, fetch_request, first_fetched, first_produced, name_of};

/// A broker whose timers and endings are run by a thread, as in production.
struct Running {
    fixture: Fixture,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    fn new() -> Self {
        let fixture = Fixture::new();
        fixture.create("t", 2, &[]);
        let stop = Arc::new(AtomicBool::new(false));
        let (broker, stopped) = (Arc::clone(&fixture.broker), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                broker.coordinators().run_due();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self { fixture, stop, thread: Some(thread) }
    }

    fn init(&self, version: i16, id: Option<&str>) -> InitProducerIdResponse {
        let request = InitProducerIdRequest {
            transactional_id: id.map(Into::into),
            transaction_timeout_ms: 60_000,
            producer_id: -1,
            producer_epoch: -1,
            ..InitProducerIdRequest::default()
        };
        self.fixture.ask(version, &request)
    }

    fn add(&self, version: i16, id: &str, producer: (i64, i16), partitions: &[i32]) -> Vec<&'static str> {
        let response = self.fixture.ask(version, &add_request(id, producer, partitions));
        let results = response.results_by_topic_v3_and_below.iter().flat_map(|t| &t.results_by_partition);
        results.map(|p| name_of(p.partition_error_code)).collect()
    }

    fn produce(&self, id: &str, producer: (i64, i16), sequence: i32, partition: i32, value: &str) -> &'static str {
        let identity = ProducerIdentity {
            id: ProducerId(producer.0),
            epoch: ProducerEpoch(producer.1),
            base_sequence: Sequence(sequence),
        };
        let options = BatchOptions { producer: Some(identity), transactional: true, ..BatchOptions::default() };
        let mut request = produce_request("t", partition, batch_of(options, &[(None, value, NOW_MS)]));
        request.transactional_id = Some(id.into());
        name_of(first_produced(self.fixture.ask(11, &request)).error_code)
    }

    fn end(&self, version: i16, id: &str, producer: (i64, i16), committed: bool) -> &'static str {
        name_of(self.fixture.ask(version, &end_request(id, producer, committed)).error_code)
    }

    fn read_committed(&self, partition: i32) -> Vec<String> {
        let mut request = fetch_request("t", partition, 0);
        request.isolation_level = 1;
        let data = first_fetched(self.fixture.ask(12, &request));
        let aborted = data.aborted_transactions.clone().unwrap_or_default();
        let mut values = Vec::new();
        for batch in record::split(data.records.clone().into_bytes().unwrap_or_default()) {
            let batch = batch.expect("a batch");
            let skipped = aborted
                .iter()
                .any(|a| a.producer_id == batch.header.producer_id.0 && a.first_offset <= batch.header.base_offset.0);
            if !batch.header.is_control() && !skipped {
                for record in batch.records(record::ReadLimits::default()).expect("records").iter() {
                    let value = record.expect("a record").value.unwrap_or_default().to_vec();
                    values.push(String::from_utf8(value).expect("text"));
                }
            }
        }
        values
    }

    fn committed(&self, group: &str) -> i64 {
        let topic = OffsetFetchRequestTopic { name: "t".into(), partition_indexes: vec![0] };
        let request = OffsetFetchRequest {
            group_id: group.into(),
            topics: Some(vec![topic]),
            require_stable: true,
            ..OffsetFetchRequest::default()
        };
        let response = self.fixture.ask(7, &request);
        let partition = &response.topics[0].partitions[0];
        match name_of(partition.error_code) {
            "NONE" => partition.committed_offset,
            "UNSTABLE_OFFSET_COMMIT" => -88,
            other => panic!("{other}"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn add_request(id: &str, producer: (i64, i16), partitions: &[i32]) -> AddPartitionsToTxnRequest {
    AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: id.into(),
        v3_and_below_producer_id: producer.0,
        v3_and_below_producer_epoch: producer.1,
        v3_and_below_topics: vec![AddPartitionsToTxnTopic { name: "t".into(), partitions: partitions.to_vec() }],
        ..AddPartitionsToTxnRequest::default()
    }
}

fn end_request(id: &str, producer: (i64, i16), committed: bool) -> EndTxnRequest {
    let (producer_id, producer_epoch) = producer;
    EndTxnRequest { transactional_id: id.into(), producer_id, producer_epoch, committed }
}

#[test]
fn a_producer_of_every_version_commits_and_aborts() {
    let running = Running::new();
    for version in 0..=5 {
        let id = format!("id-{version}");
        let group = format!("g-{version}");
        let of = |newest: i16| version.min(newest);
        let init = running.init(version, Some(&id));
        assert_eq!(name_of(init.error_code), "NONE", "v{version}");
        let producer = (init.producer_id, init.producer_epoch);

        assert_eq!(running.produce(&id, producer, 0, 0, "early"), "TRANSACTION_ABORTABLE", "v{version}");
        assert_eq!(running.add(of(3), &id, producer, &[0]), ["NONE"], "v{version}");
        assert_eq!(running.produce(&id, producer, 0, 0, &format!("committed {version}")), "NONE", "v{version}");
        assert_eq!(running.produce(&id, producer, 0, 1, "elsewhere"), "TRANSACTION_ABORTABLE", "v{version}");

        let offsets = TxnOffsetCommitRequest {
            transactional_id: id.as_str().into(),
            group_id: group.as_str().into(),
            producer_id: producer.0,
            producer_epoch: producer.1,
            generation_id: -1,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: "t".into(),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    committed_offset: 7,
                    ..TxnOffsetCommitRequestPartition::default()
                }],
            }],
            ..TxnOffsetCommitRequest::default()
        };
        let code = |response: wire::messages::txn_offset_commit_response::TxnOffsetCommitResponse| {
            name_of(response.topics[0].partitions[0].error_code)
        };
        let early = if version < 4 { "INVALID_TXN_STATE" } else { "TRANSACTION_ABORTABLE" };
        assert_eq!(code(running.fixture.ask(of(4), &offsets)), early, "v{version}: not added yet");
        let add_offsets = AddOffsetsToTxnRequest {
            transactional_id: id.as_str().into(),
            producer_id: producer.0,
            producer_epoch: producer.1,
            group_id: group.as_str().into(),
        };
        assert_eq!(name_of(running.fixture.ask(of(4), &add_offsets).error_code), "NONE", "v{version}");
        assert_eq!(code(running.fixture.ask(of(4), &offsets)), "NONE", "v{version}");
        assert_eq!(running.committed(&group), -88, "v{version}: the transaction is open");
        if version >= 3 {
            let stranger = TxnOffsetCommitRequest { generation_id: 3, member_id: "who".into(), ..offsets.clone() };
            assert_eq!(code(running.fixture.ask(of(4), &stranger)), "UNKNOWN_MEMBER_ID", "v{version}");
        }

        assert_eq!(running.end(of(4), &id, producer, true), "NONE", "v{version}");
        assert_eq!(running.committed(&group), 7, "v{version}");
        assert_eq!(running.end(of(4), &id, producer, true), "NONE", "v{version}: a retry");
        assert_eq!(running.end(of(4), &id, producer, false), "INVALID_TXN_STATE", "v{version}");

        // At once the next one, which is aborted; the request waits where it must.
        assert_eq!(running.add(of(3), &id, producer, &[0]), ["NONE"], "v{version}");
        assert_eq!(running.produce(&id, producer, 1, 0, "aborted"), "NONE", "v{version}");
        assert_eq!(running.end(of(4), &id, producer, false), "NONE", "v{version}");
        let values = running.read_committed(0);
        assert_eq!(values.last(), Some(&format!("committed {version}")), "v{version}");
        assert!(values.iter().all(|v| v.starts_with("committed")), "v{version}: {values:?}");
    }
}

#[test]
fn a_newer_producer_fences_in_the_words_of_each_version() {
    let running = Running::new();
    let first = running.init(4, Some("id"));
    let first = (first.producer_id, first.producer_epoch);
    assert_eq!(running.add(3, "id", first, &[0]), ["NONE"]);
    assert_eq!(running.produce("id", first, 0, 0, "lost"), "NONE");
    assert_eq!(name_of(running.init(4, Some("id")).error_code), "CONCURRENT_TRANSACTIONS");
    let second = loop {
        let init = running.init(4, Some("id"));
        match name_of(init.error_code) {
            "NONE" => break (init.producer_id, init.producer_epoch),
            "CONCURRENT_TRANSACTIONS" => std::thread::sleep(Duration::from_millis(2)),
            other => panic!("{other}"),
        }
    };
    assert_eq!(second, (first.0, first.1 + 2));
    assert_eq!(running.end(2, "id", first, true), "PRODUCER_FENCED");
    assert_eq!(running.end(1, "id", first, true), "INVALID_PRODUCER_EPOCH");
    assert_eq!(running.add(2, "id", first, &[0]), ["PRODUCER_FENCED"]);
    assert_eq!(running.add(1, "id", first, &[0]), ["INVALID_PRODUCER_EPOCH"]);
    assert_eq!(running.produce("id", first, 1, 0, "zombie"), "INVALID_PRODUCER_EPOCH");
    assert_eq!(running.read_committed(0), [""; 0]);
    assert_eq!(running.add(3, "id", second, &[0, 9]), ["OPERATION_NOT_ATTEMPTED", "UNKNOWN_TOPIC_OR_PARTITION"]);
    assert_eq!(running.add(3, "other", second, &[0]), ["INVALID_PRODUCER_ID_MAPPING"]);
}

#[test]
fn producer_ids_are_never_given_twice() {
    let running = Running::new();
    let mut last = -1;
    for version in 0..=5 {
        for _ in 0..200 {
            // The next block is reserved beside us; who is faster asks again, as clients do.
            let init = std::iter::repeat_with(|| running.init(version, None))
                .find(|init| name_of(init.error_code) != "COORDINATOR_LOAD_IN_PROGRESS")
                .expect("an answer");
            assert_eq!((init.error_code, init.producer_epoch), (0, 0));
            assert!(init.producer_id > last, "{} after {last}", init.producer_id);
            last = init.producer_id;
        }
    }
    let disk = running.fixture.disk.reboot(testkit::Loss::All, 1);
    let mut options = broker::BrokerOptions::new("/data");
    options.disk = Arc::new(disk);
    options.background = false;
    let broker = broker::Broker::open(options).expect("it opens");
    let fresh = broker.coordinators().fresh_producer().expect("an id");
    assert!(fresh.id.0 > last, "{} after {last}", fresh.id);
}

#[test]
fn a_delayed_end_of_a_lost_connection_is_not_heard() {
    let running = Running::new();
    let init = running.init(4, Some("id"));
    let producer = (init.producer_id, init.producer_epoch);
    let by = |connection_id: u64, frame: bytes::Bytes| {
        let origin = broker::api::Origin { connection_id, ..crate::harness::origin() };
        let _entered = running.fixture.runtime.enter();
        broker::api::serve(&running.fixture.broker, &origin, frame, broker::api::Lane::Fast).expect("served")
    };
    let added = by(8, crate::harness::frame(3, &add_request("id", producer, &[0])));
    let added = decode::<AddPartitionsToTxnRequest>(3, running.fixture.finish(added));
    assert_eq!(added.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code, 0);
    let late = by(5, crate::harness::frame(3, &end_request("id", producer, true)));
    assert!(matches!(late, Answer::Close), "{late:?}");
    assert_eq!(running.produce("id", producer, 0, 0, "still open"), "NONE");
}

#[test]
fn transactions_are_listed_and_described() {
    let running = Running::new();
    let init = running.init(5, Some("id"));
    let producer = (init.producer_id, init.producer_epoch);
    assert_eq!(running.add(3, "id", producer, &[1]), ["NONE"]);
    let described =
        running.fixture.ask(0, &DescribeTransactionsRequest { transactional_ids: vec!["id".into(), "none".into()] });
    let states = &described.transaction_states;
    assert_eq!(
        (states[0].transaction_state.as_str(), states[0].topics[0].partitions.as_slice()),
        ("Ongoing", &[1][..])
    );
    assert_eq!(name_of(states[1].error_code), "TRANSACTIONAL_ID_NOT_FOUND");

    let list = |version, states: &[&str], pattern: Option<&str>| {
        let request = ListTransactionsRequest {
            state_filters: states.iter().map(|s| (*s).into()).collect(),
            duration_filter: -1,
            transactional_id_pattern: pattern.map(Into::into),
            ..ListTransactionsRequest::default()
        };
        let response = running.fixture.ask(version, &request);
        let ids: Vec<String> = response.transaction_states.iter().map(|t| t.transactional_id.to_string()).collect();
        (name_of(response.error_code), ids, response.unknown_state_filters.len())
    };
    for version in 0..=2 {
        assert_eq!(list(version, &[], None), ("NONE", vec!["id".to_owned()], 0), "v{version}");
        assert_eq!(list(version, &["Empty"], None), ("NONE", vec![], 0), "v{version}");
        assert_eq!(list(version, &["Nonsense"], None), ("NONE", vec![], 1), "v{version}");
    }
    assert_eq!(list(2, &[], Some("i.*")).1, ["id"]);
    assert_eq!(list(2, &[], Some("i")).1, [""; 0]);
    assert_eq!(list(2, &[], Some("(")).0, "INVALID_REGULAR_EXPRESSION");
}
