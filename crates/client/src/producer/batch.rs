//! A batch on its way, and what its records' senders wait for.

use std::sync::{Arc, OnceLock};

use record::{BatchBuilder, BatchOptions, Compression, LeaderEpoch, Offset, TimestampMs};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;

use super::{Produced, ProducerRecord};
use crate::ClientError;

/// A batch that records are still added to, or that waits to be sent.
pub(super) struct PendingBatch {
    pub(super) builder: BatchBuilder,
    pub(super) outcome: Arc<Outcome>,
    pub(super) born: Instant,
    /// Whether records without keys are in it.
    pub(super) sticky: bool,
    /// Its share of the producer's buffer, given back when it is done.
    room: Option<OwnedSemaphorePermit>,
}

impl PendingBatch {
    pub(super) fn new(compression: Compression, partition: i32) -> Self {
        Self {
            builder: BatchBuilder::new(BatchOptions { compression, ..BatchOptions::default() }),
            outcome: Arc::new(Outcome { partition, result: OnceLock::new(), done: Notify::new() }),
            born: Instant::now(),
            sticky: false,
            room: None,
        }
    }

    pub(super) fn push(&mut self, record: &ProducerRecord, room: OwnedSemaphorePermit) -> Delivery {
        let index = i64::from(self.builder.count());
        let headers = record.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_deref()));
        self.builder.push(record.timestamp, record.key.as_deref(), record.value.as_deref(), headers);
        self.sticky |= record.partition.is_none() && record.key.is_none();
        match &mut self.room {
            Some(held) => held.merge(room),
            None => self.room = Some(room),
        }
        Delivery { outcome: Arc::clone(&self.outcome), index }
    }

    /// The batch's bytes, and what is left to settle.
    pub(super) fn finish(self) -> (bytes::Bytes, Unsettled) {
        let unsettled = Unsettled { outcome: self.outcome, born: self.born, _room: self.room };
        (self.builder.finish(Offset(0), LeaderEpoch::NONE), unsettled)
    }
}

/// A batch in flight: settled once, also when its task is dropped.
pub(super) struct Unsettled {
    outcome: Arc<Outcome>,
    pub(super) born: Instant,
    _room: Option<OwnedSemaphorePermit>,
}

impl Unsettled {
    pub(super) fn settle(self, result: Result<Written, ClientError>) {
        self.outcome.settle(result);
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.outcome.settle(Err(ClientError::Closed));
    }
}

/// Where a batch was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    /// The first record's offset; `None` without acknowledgement.
    pub(super) base_offset: Option<Offset>,
    pub(super) log_append_time: Option<TimestampMs>,
}

pub(super) struct Outcome {
    partition: i32,
    result: OnceLock<Result<Written, ClientError>>,
    done: Notify,
}

impl Outcome {
    /// The first result counts.
    fn settle(&self, result: Result<Written, ClientError>) {
        let _ = self.result.set(result);
        self.done.notify_waiters();
    }
}

/// What becomes of one record.
#[derive(Clone)]
pub struct Delivery {
    outcome: Arc<Outcome>,
    index: i64,
}

impl Delivery {
    /// Waits for the acknowledgement or the failure.
    pub async fn wait(&self) -> Result<Produced, ClientError> {
        loop {
            let done = self.outcome.done.notified();
            if let Some(result) = self.result() {
                return result;
            }
            done.await;
        }
    }

    /// The acknowledgement or the failure, if it is known already.
    pub fn result(&self) -> Option<Result<Produced, ClientError>> {
        self.outcome.result.get().map(|result| match result {
            Ok(written) => Ok(Produced {
                partition: self.outcome.partition,
                offset: written.base_offset.map(|base| base + self.index),
                log_append_time: written.log_append_time,
            }),
            Err(error) => Err(error.clone()),
        })
    }
}
