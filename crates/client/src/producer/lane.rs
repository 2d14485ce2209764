//! One partition's queue, and the task that empties it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use record::{Offset, TimestampMs};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use wire::messages::produce_response::ProduceResponse;
use wire::{ApiKey, ErrorCode, Records};

use super::batch::{PendingBatch, Unsettled, Written};
use super::{Acks, Delivery, ProducerRecord, Shared, size_bytes};
use crate::ClientError;

/// From version 13 on, Produce names topics by id.
const PRODUCE_VERSION_MAX: i16 = 12;
/// How long to wait before a batch is sent again.
const RETRY_BACKOFF: std::time::Duration = std::time::Duration::from_millis(100);

pub(super) struct Lane {
    topic: String,
    partition: i32,
    queue: Mutex<Queue>,
    /// Told when there is no point in waiting for more records.
    hurry: Notify,
}

#[derive(Default)]
struct Queue {
    sealed: VecDeque<PendingBatch>,
    open: Option<PendingBatch>,
    /// Whether a task is emptying the queue.
    running: bool,
    hurry: bool,
}

impl Lane {
    pub(super) fn new(topic: &str, partition: i32) -> Self {
        Self { topic: topic.to_owned(), partition, queue: Mutex::default(), hurry: Notify::new() }
    }

    pub(super) fn push(&self, record: &ProducerRecord, room: OwnedSemaphorePermit, shared: &Shared) -> Delivery {
        let mut queue = self.queue.lock();
        let full = |open: &PendingBatch| {
            open.builder.size_bytes() + size_bytes(record) > shared.options.batch_bytes_max && !open.builder.is_empty()
        };
        if queue.open.as_ref().is_some_and(full)
            && let Some(sealed) = queue.open.take()
        {
            if sealed.sticky {
                shared.move_on();
            }
            queue.sealed.push_back(sealed);
            self.hurry.notify_one();
        }
        let open = queue.open.get_or_insert_with(|| PendingBatch::new(shared.options.compression, self.partition));
        open.push(record, room)
    }

    /// Sees to it that a task empties the queue.
    pub(super) fn start(self: &Arc<Self>, shared: &Arc<Shared>) {
        if !std::mem::replace(&mut self.queue.lock().running, true) {
            tokio::spawn(Arc::clone(self).run(Arc::clone(shared)));
        }
    }

    pub(super) fn hurry(&self) {
        self.queue.lock().hurry = true;
        self.hurry.notify_one();
    }

    pub(super) fn is_idle(&self) -> bool {
        !self.queue.lock().running
    }

    async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let linger = shared.options.linger;
        loop {
            if !linger.is_zero() && self.may_wait() {
                let _ = tokio::time::timeout(linger, self.hurry.notified()).await;
            }
            let Some(batch) = self.next(&shared) else {
                shared.idle.notify_waiters();
                return;
            };
            let (bytes, unsettled) = batch.finish();
            self.deliver(&shared, bytes, unsettled).await;
        }
    }

    fn may_wait(&self) -> bool {
        let queue = self.queue.lock();
        queue.sealed.is_empty() && queue.open.is_some() && !queue.hurry
    }

    fn next(&self, shared: &Shared) -> Option<PendingBatch> {
        let mut queue = self.queue.lock();
        let next = queue.sealed.pop_front().or_else(|| {
            let open = queue.open.take();
            if open.as_ref().is_some_and(|open| open.sticky) {
                shared.move_on();
            }
            open
        });
        if next.is_none() {
            queue.running = false;
            queue.hurry = false;
        }
        next
    }

    /// Sends a batch until it is acknowledged, refused for good, or too old.
    async fn deliver(&self, shared: &Shared, batch: Bytes, unsettled: Unsettled) {
        let deadline = unsettled.born + shared.options.delivery_timeout;
        loop {
            let error = match self.write(shared, batch.clone()).await {
                Ok(written) => return unsettled.settle(Ok(written)),
                Err(error) => error,
            };
            let again = shared.client.may_pass(&error) || matches!(error, ClientError::TimedOut { .. });
            if !again || tokio::time::Instant::now() + RETRY_BACKOFF >= deadline {
                return unsettled.settle(Err(error));
            }
            tracing::debug!(topic = self.topic, partition = self.partition, %error, "sending a batch again");
            shared.client.forget(&self.topic);
            tokio::time::sleep(RETRY_BACKOFF).await;
        }
    }

    async fn write(&self, shared: &Shared, batch: Bytes) -> Result<Written, ClientError> {
        let client = &shared.client;
        let leader = client.leader(&self.topic, self.partition).await?;
        let link = client.link(leader).await?;
        let version = link.version(ApiKey::Produce, PRODUCE_VERSION_MAX)?;
        let partition = PartitionProduceData { index: self.partition, records: Records::Bytes(batch) };
        let request = ProduceRequest {
            acks: shared.options.acks.code(),
            timeout_ms: client.timeout_ms(),
            topic_data: vec![TopicProduceData {
                name: self.topic.as_str().into(),
                partition_data: vec![partition],
                ..TopicProduceData::default()
            }],
            ..ProduceRequest::default()
        };
        if shared.options.acks == Acks::None {
            link.tell(version, &request).await?;
            return Ok(Written { base_offset: None, log_append_time: None });
        }
        // The broker itself waits for as long as its answer may take; the answer then needs to get here.
        let patience = client.options().request_timeout * 2;
        let response = link.call_within(version, &request, patience).await?;
        self.written(&response)
    }

    fn written(&self, response: &ProduceResponse) -> Result<Written, ClientError> {
        let what = format!("{}-{}", self.topic, self.partition);
        let answer = response.responses.first().and_then(|topic| topic.partition_responses.first());
        let Some(answer) = answer else {
            return Err(ClientError::refused(what, ErrorCode::UnknownServerError, Some("the answer is empty")));
        };
        let record_error = answer.record_errors.iter().find_map(|error| error.batch_index_error_message.as_deref());
        match ErrorCode::check(answer.error_code) {
            Ok(()) => Ok(Written {
                base_offset: Some(Offset(answer.base_offset)),
                log_append_time: Some(TimestampMs(answer.log_append_time_ms)).filter(|time| time.0 >= 0),
            }),
            Err(error) => Err(ClientError::refused(what, error, record_error.or(answer.error_message.as_deref()))),
        }
    }
}
