//! Fetching: from where, how much, how long.

use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use broker::reply::{Answer, Body};
use wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::fetch_response::FetchResponse;

use crate::harness::{Fixture, batch, decode, fetch_request, first_fetched, name_of, produce_request, records_of};

#[test]
fn from_where() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    fixture.produce_values("t", 0, &["a", "b", "c"]);
    fixture.produce_values("t", 0, &["d"]);
    let check = |offset: i64, expected: &str| {
        let data = fixture.fetch("t", 0, offset);
        let got = format!("{} {}", name_of(data.error_code), records_of(&data).join(" "));
        assert_eq!(got, expected, "{offset}");
        assert_eq!((data.high_watermark, data.last_stable_offset, data.log_start_offset), (4, 4, 0));
    };
    check(0, "NONE 0=a 1=b 2=c 3=d");
    // The batch that contains the offset comes whole.
    check(1, "NONE 0=a 1=b 2=c 3=d");
    check(3, "NONE 3=d");
    check(4, "NONE ");
    check(5, "OFFSET_OUT_OF_RANGE ");
    check(-1, "OFFSET_OUT_OF_RANGE ");
}

#[test]
fn in_every_version() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    fixture.produce_values("t", 0, &["a"]);
    let id = fixture.broker.topic("t").expect("made").id;
    for version in 4..=17 {
        let mut request = fetch_request(if version < 13 { "t" } else { "" }, 0, 0);
        if version >= 13 {
            request.topics[0].topic_id = id;
        }
        let data = first_fetched(fixture.ask(version, &request));
        assert_eq!(records_of(&data), ["0=a"], "v{version}");
    }
}

#[test]
fn who_is_not_there() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    assert_eq!(name_of(fixture.fetch("none", 0, 0).error_code), "UNKNOWN_TOPIC_OR_PARTITION");
    assert_eq!(name_of(fixture.fetch("t", 1, 0).error_code), "UNKNOWN_TOPIC_OR_PARTITION");
    let check = |epoch: i32, expected: &str| {
        let mut request = fetch_request("t", 0, 0);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        assert_eq!(name_of(first_fetched(fixture.ask(12, &request)).error_code), expected, "{epoch}");
    };
    check(-1, "NONE");
    check(0, "NONE");
    check(1, "UNKNOWN_LEADER_EPOCH");
}

#[test]
fn sessions_are_declined() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    let check = |session_id: i32, session_epoch: i32, expected: &str| {
        let request = FetchRequest { session_id, session_epoch, ..fetch_request("t", 0, 0) };
        let response = fixture.ask(11, &request);
        assert_eq!((name_of(response.error_code), response.session_id), (expected, 0), "{session_id} {session_epoch}");
    };
    check(0, -1, "NONE");
    check(0, 0, "NONE");
    check(5, 1, "FETCH_SESSION_ID_NOT_FOUND");
    check(5, 0, "FETCH_SESSION_ID_NOT_FOUND");
    // Closing a session that never was is a full fetch.
    check(5, -1, "NONE");
}

#[test]
fn how_much() {
    let fixture = Fixture::new();
    fixture.create("t", 2, &[]);
    let value = "x".repeat(1000);
    for partition in 0..2 {
        for _ in 0..3 {
            fixture.produce_values("t", partition, &[&value]);
        }
    }
    let check = |max_bytes: i32, partition_max_bytes: i32, expected: &[usize]| {
        let partitions = (0..2)
            .map(|partition| FetchPartition { partition, partition_max_bytes, ..FetchPartition::default() })
            .collect();
        let topic = FetchTopic { topic: "t".into(), partitions, ..FetchTopic::default() };
        let request = FetchRequest { max_bytes, topics: vec![topic], ..FetchRequest::default() };
        let response = fixture.ask(11, &request);
        let got: Vec<usize> = response.responses[0].partitions.iter().map(|data| records_of(data).len()).collect();
        assert_eq!(got, expected, "{max_bytes} {partition_max_bytes}");
    };
    check(1 << 20, 1 << 20, &[3, 3]);
    check(1 << 20, 2500, &[2, 2]);
    // The first batch of the answer comes whole, the second partition has to wait for its turn.
    check(1 << 20, 1, &[1, 0]);
    check(1, 1 << 20, &[1, 0]);
    check(4500, 1 << 20, &[3, 1]);
    check(0, 0, &[1, 0]);
}

/// A fetch of all these partitions from their ends.
fn waiting(partitions: &[(&str, i32, i64)], max_wait_ms: i32, min_bytes: i32) -> FetchRequest {
    let topics =
        partitions.iter().map(|(topic, partition, offset)| fetch_request(topic, *partition, *offset).topics.remove(0));
    FetchRequest { max_wait_ms, min_bytes, max_bytes: 1 << 20, topics: topics.collect(), ..FetchRequest::default() }
}

fn is_parked(answer: &Answer) -> bool {
    matches!(answer, Answer::Later(_))
}

fn answer_of(fixture: &Fixture, answer: Answer) -> FetchResponse {
    decode::<FetchRequest>(12, fixture.finish(answer))
}

struct Bell(mpsc::Sender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // Nobody listens once the test has its answer.
        let _ = self.0.send(());
    }
}

/// A parked fetch that the test polls itself: so it is known when it has looked, and that something woke it.
struct Parked<'a> {
    fixture: &'a Fixture,
    answer: Pin<Box<dyn Future<Output = Body> + Send>>,
    waker: Waker,
    rings: mpsc::Receiver<()>,
}

impl<'a> Parked<'a> {
    /// Begins the fetch and lets it look once: from then on it watches its partitions.
    fn begin(fixture: &'a Fixture, request: &FetchRequest) -> Self {
        let Answer::Later(answer) = fixture.begin(12, request) else { panic!("not parked") };
        let (sender, rings) = mpsc::channel();
        let mut parked = Self { fixture, answer, waker: Waker::from(Arc::new(Bell(sender))), rings };
        assert!(parked.look().is_none(), "there is nothing yet");
        parked
    }

    fn look(&mut self) -> Option<FetchResponse> {
        let _entered = self.fixture.runtime.enter();
        match self.answer.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            Poll::Ready(body) => Some(decode::<FetchRequest>(12, body)),
            Poll::Pending => None,
        }
    }

    /// What it answers to the next thing that wakes it: `None` if it goes on waiting.
    fn woken(&mut self) -> Option<FetchResponse> {
        self.rings.recv_timeout(Duration::from_secs(30)).expect("it is woken");
        self.look()
    }

    /// Its answer, by however many rings: one append may move two watermarks.
    fn answered(&mut self) -> FetchResponse {
        loop {
            if let Some(response) = self.woken() {
                return response;
            }
        }
    }
}

#[test]
fn an_empty_fetch_waits_for_its_time() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    let started = Instant::now();
    let answer = fixture.begin(12, &waiting(&[("t", 0, 0)], 100, 1));
    assert!(is_parked(&answer));
    assert!(records_of(&first_fetched(answer_of(&fixture, answer))).is_empty());
    assert!(started.elapsed() >= Duration::from_millis(100));
}

#[test]
fn any_partition_wakes_a_fetch() {
    let fixture = Fixture::new();
    fixture.create("a", 2, &[]);
    fixture.create("b", 1, &[]);
    for (topic, partition) in [("a", 0), ("a", 1), ("b", 0)] {
        let offset = fixture.broker.partition(topic, partition).expect("there").log().log_end_offset().0;
        let mut ends = vec![("a", 0, 0), ("a", 1, 0), ("b", 0, 0)];
        for end in &mut ends {
            end.2 = fixture.broker.partition(end.0, end.1).expect("there").log().log_end_offset().0;
        }
        let mut parked = Parked::begin(&fixture, &waiting(&ends, 60_000, 1));
        fixture.produce_values(topic, partition, &["woken"]);
        let response = parked.answered();
        let got: Vec<String> =
            response.responses.iter().flat_map(|topic| topic.partitions.iter().flat_map(records_of)).collect();
        assert_eq!(got, [format!("{offset}=woken")], "{topic}-{partition}");
    }
}

#[test]
fn a_fetch_waits_for_all_the_bytes_that_it_wants() {
    let fixture = Fixture::new();
    fixture.create("t", 2, &[]);
    let one = batch(&["x"]).len();
    let min_bytes = i32::try_from(2 * one).expect("small");
    let mut parked = Parked::begin(&fixture, &waiting(&[("t", 0, 0), ("t", 1, 0)], 60_000, min_bytes));
    fixture.produce_values("t", 0, &["x"]);
    assert!(parked.woken().is_none(), "half of it is not enough");
    fixture.produce_values("t", 1, &["x"]);
    let response = parked.answered();
    let got: usize =
        response.responses.iter().flat_map(|topic| &topic.partitions).map(|data| records_of(data).len()).sum();
    assert_eq!(got, 2);
}

#[test]
fn a_fetch_that_can_get_no_more_does_not_wait() {
    let fixture = Fixture::new();
    fixture.create("t", 2, &[("segment.bytes", "4000")]);
    let value = "x".repeat(1000);
    let one = i32::try_from(batch(&[&value]).len()).expect("small");
    for _ in 0..10 {
        fixture.produce_values("t", 0, &[&value]);
    }
    fixture.produce_values("t", 1, &[&value]);
    let check = |offset: i64, min_bytes: i32, max_bytes: i32, partition_max_bytes: i32, expected: Option<&[usize]>| {
        let mut request = FetchRequest { max_bytes, ..waiting(&[("t", 0, offset), ("t", 1, 0)], 60_000, min_bytes) };
        request.topics.iter_mut().for_each(|topic| topic.partitions[0].partition_max_bytes = partition_max_bytes);
        let answer = fixture.begin(12, &request);
        let got = (!is_parked(&answer)).then(|| {
            let response = answer_of(&fixture, answer);
            let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
            partitions.map(|data| records_of(data).len()).collect::<Vec<_>>()
        });
        assert_eq!(got.as_deref(), expected, "{offset} {min_bytes} {max_bytes} {partition_max_bytes}");
    };
    let all = 1 << 20;
    // Whole batches do not fill the limit to the last byte: of a partition, within a segment and behind it; of the answer.
    check(0, 2500, all, 2500, Some(&[2, 1]));
    check(0, 5 * one + 1, all, 5 * one + 1, Some(&[5, 1]));
    check(0, 2500, 2500, all, Some(&[2, 0]));
    // The limit of the answer is also what a fetch can want.
    check(9, all, 2 * one, all, Some(&[1, 1]));
    // All that there is came, and it is not enough.
    check(0, 11 * one + 1, all, all, None);
    check(0, 11 * one, all, all, Some(&[10, 1]));
    check(9, 2500, all, 2500, None);
    check(10, 2 * one, all, one, None);
}

#[test]
fn an_error_is_answered_at_once_and_a_deletion_wakes() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    let answer = fixture.begin(12, &waiting(&[("t", 0, 0), ("none", 0, 0)], 60_000, 1));
    assert!(!is_parked(&answer));
    let mut parked = Parked::begin(&fixture, &waiting(&[("t", 0, 0)], 60_000, 1));
    fixture.broker.delete_topic("t").expect("deleted");
    let response = parked.answered();
    assert_eq!(name_of(first_fetched(response).error_code), "UNKNOWN_TOPIC_OR_PARTITION");
}

#[test]
fn only_read_committed_gets_a_list_of_aborted_transactions() {
    let fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    fixture.ask(11, &produce_request("t", 0, batch(&["a"])));
    for (isolation_level, expected) in [(0, None), (1, Some(0))] {
        let request = FetchRequest { isolation_level, ..fetch_request("t", 0, 0) };
        let data = first_fetched(fixture.ask(11, &request));
        assert_eq!(data.aborted_transactions.as_ref().map(Vec::len), expected);
        assert_eq!(records_of(&data), ["0=a"]);
    }
}
