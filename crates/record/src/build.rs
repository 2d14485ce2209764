//! Building batches.

use bytes::Bytes;

use crate::compression::Compression;
use crate::header::{Attributes, BatchHeader, HEADER_BYTES, LENGTH_FREE_BYTES, seal};
use crate::number::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};
use crate::varint;

/// Which producer a batch is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdentity {
    /// Its id.
    pub id: ProducerId,
    /// Its incarnation.
    pub epoch: ProducerEpoch,
    /// Sequence of the batch's first record; [`Sequence::NONE`] in control batches and coordinator records.
    pub base_sequence: Sequence,
}

/// What a batch is, its records aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchOptions {
    /// How the records are compressed.
    pub compression: Compression,
    /// The idempotent or transactional producer, if there is one.
    pub producer: Option<ProducerIdentity>,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
    /// Whether the records are control records.
    pub control: bool,
}

/// Collects records into one batch.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    options: BatchOptions,
    /// The header's place, then the records: so that an uncompressed batch is never copied.
    out: Vec<u8>,
    scratch: Vec<u8>,
    count: i32,
    base_timestamp: TimestampMs,
    max_timestamp: TimestampMs,
}

impl BatchBuilder {
    /// An empty batch.
    #[must_use]
    pub fn new(options: BatchOptions) -> Self {
        Self {
            options,
            out: vec![0; HEADER_BYTES],
            scratch: Vec::new(),
            count: 0,
            base_timestamp: TimestampMs::NONE,
            max_timestamp: TimestampMs::NONE,
        }
    }

    /// Appends a record. Deltas are counted from 0; the first record's timestamp is the base timestamp.
    pub fn push<'h>(
        &mut self,
        timestamp: TimestampMs,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = (&'h [u8], Option<&'h [u8]>)>,
    ) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);

        let body = &mut self.scratch;
        body.clear();
        body.push(0);
        varint::write_i64(body, timestamp.0.wrapping_sub(self.base_timestamp.0));
        varint::write_i32(body, self.count);
        write_bytes(body, key);
        write_bytes(body, value);
        let mut headers = headers.into_iter().peekable();
        if headers.peek().is_none() {
            varint::write_i32(body, 0);
        } else {
            let headers: Vec<_> = headers.collect();
            varint::write_i32(body, headers.len() as i32);
            for (key, value) in headers {
                write_bytes(body, Some(key));
                write_bytes(body, value);
            }
        }
        varint::write_i32(&mut self.out, self.scratch.len() as i32);
        self.out.extend_from_slice(&self.scratch);
        self.count += 1;
    }

    /// How many records it has.
    #[must_use]
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes so far, before compression.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.out.len()
    }

    /// The batch. An empty one is valid only as what compaction leaves of a producer's last batch.
    #[must_use]
    pub fn finish(self, base_offset: Offset, leader_epoch: LeaderEpoch) -> Bytes {
        let mut out = match self.options.compression {
            Compression::None => self.out,
            codec => {
                let mut out = vec![0; HEADER_BYTES];
                codec.compress(&self.out[HEADER_BYTES..], &mut out);
                out
            }
        };
        let mut attributes = self.options.compression.code();
        if self.options.transactional {
            attributes |= Attributes::TRANSACTIONAL;
        }
        if self.options.control {
            attributes |= Attributes::CONTROL;
        }
        let producer = self.options.producer.unwrap_or(ProducerIdentity {
            id: ProducerId::NONE,
            epoch: ProducerEpoch::NONE,
            base_sequence: Sequence::NONE,
        });
        let header = BatchHeader {
            base_offset,
            batch_length: (out.len() - LENGTH_FREE_BYTES) as i32,
            leader_epoch,
            magic: 2,
            crc: 0,
            attributes: Attributes(attributes),
            last_offset_delta: (self.count - 1).max(0),
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            base_sequence: producer.base_sequence,
            records_count: self.count,
        };
        if let Some(place) = out.first_chunk_mut::<HEADER_BYTES>() {
            header.write(place);
        }
        seal(&mut out);
        Bytes::from(out)
    }
}

pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => varint::write_i32(out, -1),
        Some(bytes) => {
            varint::write_i32(out, bytes.len() as i32);
            out.extend_from_slice(bytes);
        }
    }
}
