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

        let timestamp_delta = timestamp.0.wrapping_sub(self.base_timestamp.0);
        let mut headers = headers.into_iter().peekable();
        let headers: Vec<_> = if headers.peek().is_none() { Vec::new() } else { headers.collect() };
        let headers_bytes = headers.iter().map(|(key, value)| len_bytes(Some(key)) + len_bytes(*value)).sum::<usize>();
        // The length comes first: so that nothing is written twice, it is known before the rest is written.
        let len = 1
            + varint::len_i64(timestamp_delta)
            + varint::len_i64(self.count.into())
            + len_bytes(key)
            + len_bytes(value)
            + varint::len_i64(headers.len() as i64)
            + headers_bytes;
        let out = &mut self.out;
        varint::write_i32(out, len as i32);
        out.push(0);
        varint::write_i64(out, timestamp_delta);
        varint::write_i32(out, self.count);
        write_bytes(out, key);
        write_bytes(out, value);
        varint::write_i32(out, headers.len() as i32);
        for (key, value) in headers {
            write_bytes(out, Some(key));
            write_bytes(out, value);
        }
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

/// [`BatchesBuilder`] cuts near this size: below `max.message.bytes`, so that every consumer's fetch takes its batches.
const BATCH_BYTES: usize = 900 * 1024;

/// Collects records into as many uncompressed batches as it takes. Whose they are is said at the end.
#[derive(Clone, Debug, Default)]
pub struct BatchesBuilder {
    batches: Vec<BatchBuilder>,
    size_bytes: usize,
}

impl BatchesBuilder {
    /// Appends a record, as [`BatchBuilder::push`] does.
    pub fn push<'h>(
        &mut self,
        timestamp: TimestampMs,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = (&'h [u8], Option<&'h [u8]>)>,
    ) {
        let batch = match self.batches.last_mut() {
            Some(last) if last.size_bytes() < BATCH_BYTES => last,
            _ => self.batches.push_mut(BatchBuilder::new(BatchOptions::default())),
        };
        let before = batch.size_bytes();
        batch.push(timestamp, key, value, headers);
        self.size_bytes += batch.size_bytes() - before;
    }

    /// Whether it has no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Bytes of the records so far.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// The batches and their numbers of records, numbered on from the producer's base sequence.
    pub fn finish(self, mut producer: ProducerIdentity, transactional: bool) -> Vec<(Bytes, i32)> {
        let finish = |mut batch: BatchBuilder| {
            let count = batch.count;
            batch.options = BatchOptions { producer: Some(producer), transactional, ..BatchOptions::default() };
            producer.base_sequence = producer.base_sequence.plus(count);
            (batch.finish(Offset(0), LeaderEpoch(0)), count)
        };
        self.batches.into_iter().map(finish).collect()
    }
}

fn len_bytes(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::len_i64(bytes.len() as i64) + bytes.len())
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
