//! Fetch: key 1, v4–v17
//!
//! Reads record batches.
//!
//! Behaviour
//! - The answer starts with the batch that contains the offset. The first batch of the whole answer is complete, even
//!   when it is larger than the limits.
//! - If less than `min_bytes` are there, the answer waits for more in *any* of the partitions, or for `max_wait_ms`. It
//!   is woken by the logs, never by polling. An error in any partition is answered at once, and so is what stopped at a
//!   limit in bytes: whole batches rarely fill it to the last byte, and waiting would not make it more.
//!   Kafka: counts a partition of which more is there as its limit; with a `min_bytes` above that it waits for others.
//! - `read_committed` sees up to the last stable offset and gets the aborted transactions, in the order of their
//!   markers; `read_uncommitted` sees up to the high watermark and gets no such list.
//! - A fetch offset whose last fetched epoch is not ours gets a diverging epoch (KIP-595), so that clients truncate.
//!
//! Versions: v5 log start · v7 sessions · v9 leader epoch · v10 zstd · v11 rack · v12 flexible, last fetched epoch ·
//! v13 topic ids · v15 replica state · v16 endpoints.
//!
//! Kafka: sessions are declined (session id 0): every fetch is a full one. An incremental fetch of a session that we
//! never gave is FETCH_SESSION_ID_NOT_FOUND.

use std::collections::HashSet;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use commitlog::{Chunk, Isolation, ReadError, ReadRequest, Watch};
use record::{LeaderEpoch, Offset};
use tokio::sync::Notify;
use tokio::time::Instant;
use wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchResponse, FetchableTopicResponse, PartitionData,
};
use wire::{ApiKey, ErrorCode, Records};

use super::{Api, Context, check_leader_epoch};
use crate::broker::Broker;
use crate::net::metered;
use crate::reply::{Reply, Response};
use crate::topic::Partition;

pub(super) const API: Api = Api::new(ApiKey::Fetch, 4..=17, |call| call.run(handle));

/// Bytes of one answer, whatever the client would take (Kafka's `fetch.max.bytes`).
const ANSWER_BYTES_MAX: u64 = 55 << 20;
/// Longest wait, whatever the client would wait.
const WAIT_MAX: Duration = Duration::from_secs(300);
/// A fetch that is woken in vain rests, so that its looks take at most one part in so many of its time: many that wait for
/// more than ever comes, or one that names thousands of partitions, would else look with each append.
const REST_PER_LOOK: u32 = 100;
/// One rest is no longer than this, or than so many times what the last look took: what came meanwhile is not to wait.
const REST_MAX: Duration = Duration::from_millis(20);
const REST_PER_LOOK_MIN: u32 = 4;
/// Shorter rests are left out: the timer is coarser, and the next look is cheap.
const REST_MIN: Duration = Duration::from_millis(2);
/// A full fetch that asks for a new session.
const NEW_SESSION_EPOCH: i32 = 0;
/// A full fetch outside any session.
const NO_SESSION_EPOCH: i32 = -1;

fn handle(broker: &Arc<Broker>, ctx: &Context, request: FetchRequest) -> Reply<FetchResponse> {
    let incremental = !matches!(request.session_epoch, NEW_SESSION_EPOCH | NO_SESSION_EPOCH);
    if incremental || (request.session_id != 0 && request.session_epoch == NEW_SESSION_EPOCH) {
        let error_code = ErrorCode::FetchSessionIdNotFound.code();
        return FetchResponse { error_code, ..FetchResponse::default() }.into();
    }
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(WAIT_MAX);
    let fetch = Fetch::new(broker, ctx, request);
    let attempt = fetch.attempt();
    if attempt.is_enough(fetch.bytes_min) || wait.is_zero() {
        return Reply::Now(attempt.response);
    }
    let deadline = Instant::now() + wait;
    Reply::Later(Box::pin(fetch.wait(deadline)))
}

/// A fetch with its partitions looked up.
struct Fetch {
    isolation: Isolation,
    bytes_min: u64,
    bytes_max: u64,
    topics: Vec<(FetchTopic, Vec<Wanted>)>,
}

/// One partition of a fetch.
struct Wanted {
    request: FetchPartition,
    partition: Result<Arc<Partition>, ErrorCode>,
}

/// One look at all partitions.
struct Attempt {
    response: Response<FetchResponse>,
    bytes: u64,
    /// Of some partition there is more than its limit, or that of the answer, lets through.
    is_cut: bool,
    has_error: bool,
}

impl Attempt {
    fn is_enough(&self, bytes_min: u64) -> bool {
        // Never with nothing in it: its client would ask again at once, and for ever.
        self.has_error || self.bytes >= bytes_min || (self.is_cut && self.bytes > 0)
    }
}

/// Remembers that some log moved.
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.notify_one();
    }
}

impl Fetch {
    fn new(broker: &Broker, ctx: &Context, mut request: FetchRequest) -> Fetch {
        let by_id = ctx.version >= 13;
        // Each partition once, however often it is named: a fetch that waits looks at all of them at each wake.
        let mut seen = HashSet::new();
        let topics = std::mem::take(&mut request.topics).into_iter().map(|mut wanted| {
            // A fetch may wait for long, and must not keep its request's frame alive.
            wanted.topic = wanted.topic.detach();
            let topic = if by_id { broker.topic_by_id(wanted.topic_id) } else { broker.catalog.topic(&wanted.topic) };
            let missing = if by_id { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
            let mut named = std::mem::take(&mut wanted.partitions);
            named.retain(|named| seen.insert((wanted.topic.clone(), wanted.topic_id, named.partition)));
            let partitions = named.into_iter().map(|request| {
                let partition = match &topic {
                    None => Err(missing),
                    Some(topic) => {
                        topic.partition(request.partition).cloned().ok_or(ErrorCode::UnknownTopicOrPartition)
                    }
                };
                Wanted { request, partition }
            });
            let partitions = partitions.collect();
            (wanted, partitions)
        });
        let bytes_max = u64::try_from(request.max_bytes).unwrap_or(0).min(ANSWER_BYTES_MAX);
        Fetch {
            isolation: if request.isolation_level == 1 { Isolation::LastStable } else { Isolation::HighWatermark },
            bytes_min: u64::try_from(request.min_bytes).unwrap_or(0).min(bytes_max),
            bytes_max,
            topics: topics.collect(),
        }
    }

    async fn wait(self, deadline: Instant) -> Response<FetchResponse> {
        let bell = Arc::new(Bell(Notify::new()));
        // Registered before the next look, so that no move is missed; unregistered when this future goes. A request may
        // name a partition many times: it is watched once.
        let mut watched = HashSet::new();
        let _watches: Vec<Watch> = self
            .topics
            .iter()
            .flat_map(|(_, partitions)| partitions)
            .filter_map(|wanted| wanted.partition.as_ref().ok())
            .filter(|partition| watched.insert(Arc::as_ptr(partition.log()) as usize))
            .map(|partition| partition.log().watch(Waker::from(Arc::clone(&bell))))
            .collect();
        drop(watched);
        let started = Instant::now();
        let (mut spent, mut woken) = (Duration::ZERO, false);
        loop {
            let (attempt, look) = metered(|| self.attempt());
            if attempt.is_enough(self.bytes_min) {
                return attempt.response;
            }
            if std::mem::replace(&mut woken, true) {
                spent += look;
            }
            let now = Instant::now();
            let rest = rest_after(look, spent, now.saturating_duration_since(started));
            if !rest.is_zero() {
                tokio::time::sleep_until(deadline.min(now + rest)).await;
            }
            if tokio::time::timeout_at(deadline, bell.0.notified()).await.is_err() {
                return self.attempt().response;
            }
        }
    }

    fn attempt(&self) -> Attempt {
        let mut externals: Vec<Vec<Chunk>> = Vec::new();
        let mut bytes = 0;
        let (mut is_cut, mut has_error) = (false, false);
        let responses = self.topics.iter().map(|(topic, partitions)| {
            let partitions = partitions.iter().map(|wanted| {
                let left = self.bytes_max.saturating_sub(bytes);
                let (data, chunks, has_more) = self.read(wanted, left, bytes == 0);
                has_error |= data.error_code != 0 || data.diverging_epoch != EpochEndOffset::default();
                is_cut |= has_more;
                let len: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
                bytes += len;
                let records = match u32::try_from(len) {
                    Ok(len @ 1..) => {
                        externals.push(chunks);
                        let index = u32::try_from(externals.len() - 1).unwrap_or(u32::MAX);
                        Records::External { index, len }
                    }
                    _ => Records::Bytes(bytes::Bytes::new()),
                };
                PartitionData { records, ..data }
            });
            let partitions = partitions.collect();
            FetchableTopicResponse { topic: topic.topic.clone(), topic_id: topic.topic_id, partitions }
        });
        let responses = responses.collect();
        let message = FetchResponse { responses, ..FetchResponse::default() };
        Attempt { response: Response { message, externals }, bytes, is_cut, has_error }
    }

    /// What one partition answers, its batches, and whether there are more than the limits let through.
    fn read(&self, wanted: &Wanted, bytes_left: u64, is_first: bool) -> (PartitionData, Vec<Chunk>, bool) {
        let request = &wanted.request;
        let empty = || PartitionData {
            partition_index: request.partition,
            high_watermark: -1,
            aborted_transactions: (self.isolation == Isolation::LastStable).then(Vec::new),
            ..PartitionData::default()
        };
        let failed = |error: ErrorCode| (PartitionData { error_code: error.code(), ..empty() }, Vec::new(), false);
        let partition = match &wanted.partition {
            Ok(partition) => partition,
            Err(error) => return failed(*error),
        };
        if let Err(error) = check_leader_epoch(partition, request.current_leader_epoch) {
            return failed(error);
        }
        let log = partition.log();
        let here = || PartitionData {
            high_watermark: log.high_watermark().0,
            last_stable_offset: log.last_stable_offset().0,
            log_start_offset: log.log_start_offset().0,
            ..empty()
        };
        if let Some(diverging_epoch) = divergence(partition, request) {
            return (PartitionData { diverging_epoch, ..here() }, Vec::new(), false);
        }
        let partition_bytes_max = u64::try_from(request.partition_max_bytes).unwrap_or(0);
        let read = log.read(ReadRequest {
            from: Offset(request.fetch_offset),
            bytes_max: partition_bytes_max.min(bytes_left),
            at_least_one: is_first,
            isolation: self.isolation,
        });
        match read {
            Ok(read) => {
                let aborted = read.aborted.iter().map(|aborted| AbortedTransaction {
                    producer_id: aborted.producer_id.0,
                    first_offset: aborted.first_offset.0,
                });
                let data = PartitionData {
                    high_watermark: read.high_watermark.0,
                    last_stable_offset: read.last_stable_offset.0,
                    log_start_offset: read.log_start_offset.0,
                    aborted_transactions: (self.isolation == Isolation::LastStable).then(|| aborted.collect()),
                    ..empty()
                };
                (data, read.chunks, read.has_more)
            }
            Err(ReadError::OffsetOutOfRange { .. }) => {
                let error_code = ErrorCode::OffsetOutOfRange.code();
                (PartitionData { error_code, ..here() }, Vec::new(), false)
            }
            Err(ReadError::Deleted) => failed(ErrorCode::UnknownTopicOrPartition),
            Err(e @ ReadError::Corrupt { .. }) => {
                tracing::error!(topic = %partition.topic(), partition = partition.index(), error = %e, "cannot read");
                failed(ErrorCode::CorruptMessage)
            }
            Err(e) => {
                tracing::error!(topic = %partition.topic(), partition = partition.index(), error = %e, "cannot read");
                failed(ErrorCode::KafkaStorageError)
            }
        }
    }
}

/// How long a fetch rests whose vain looks took so much processor time, the last one and all of them, in so much time.
/// Processor time, because a look from which the machine turned away for a while was not a long one.
fn rest_after(last: Duration, all: Duration, since: Duration) -> Duration {
    let owed = (all * REST_PER_LOOK).saturating_sub(since);
    let rest = owed.min(REST_MAX.max(last * REST_PER_LOOK_MIN));
    if rest > REST_MIN { rest } else { Duration::ZERO }
}

/// Where the client's log parts from ours, if it does.
fn divergence(partition: &Partition, request: &FetchPartition) -> Option<EpochEndOffset> {
    if request.last_fetched_epoch < 0 {
        return None;
    }
    let end = partition.log().end_offset_for_epoch(LeaderEpoch(request.last_fetched_epoch))?;
    let diverges = end.leader_epoch.0 < request.last_fetched_epoch || end.end_offset.0 < request.fetch_offset;
    diverges.then_some(EpochEndOffset { epoch: end.leader_epoch.0, end_offset: end.end_offset.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_are_short_and_keep_looks_a_small_part() {
        let check = |last_us: u64, all_us: u64, since_ms: u64, expected_us: u64| {
            let micros = Duration::from_micros;
            let rest = rest_after(micros(last_us), micros(all_us), Duration::from_millis(since_ms));
            assert_eq!(rest, micros(expected_us), "{last_us} {all_us} {since_ms}");
        };
        // A hundred times what was spent, less what has gone by.
        check(100, 100, 0, 10_000);
        check(100, 150, 5, 10_000);
        check(100, 100, 10, 0);
        check(100, 100, 60_000, 0);
        // Too short for the timer.
        check(20, 20, 0, 0);
        check(100, 100, 8, 0);
        // One rest is short, whatever is owed; after a long look it is four times that.
        check(100, 4_000, 0, 20_000);
        check(4_000, 4_000, 0, 20_000);
        check(10_000, 10_000, 0, 40_000);
        check(10_000, 10_000, 980, 20_000);
        check(0, 0, 0, 0);
    }
}
