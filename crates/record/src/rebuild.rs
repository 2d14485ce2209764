//! What compaction leaves of a batch: some of its records, under the same offsets, producer and sequences.

use bytes::Bytes;

use crate::batch::Batch;
use crate::build::write_bytes;
use crate::compression::Compression;
use crate::header::{Attributes, BatchError, HEADER_BYTES, LENGTH_FREE_BYTES, TimestampType, seal};
use crate::iterate::Records;
use crate::number::TimestampMs;
use crate::varint;

/// The batch with those of its `records` for which `keep` says so, by place. Base and last offset, producer, epoch, base
/// sequence and leader epoch stay: what is missing are gaps. With no record left only the header remains, which tells of the
/// producer. `delete_horizon`: when tombstones and markers in it may go; stored in the base timestamp, as Kafka does.
pub fn rebuild(
    batch: &Batch,
    records: &Records,
    keep: &[bool],
    delete_horizon: Option<TimestampMs>,
) -> Result<Bytes, BatchError> {
    let mut header = batch.header;
    let horizon = delete_horizon.or(header.delete_horizon());
    let mut body = Vec::new();
    let mut scratch = Vec::new();
    let mut base_timestamp = horizon;
    let mut max_timestamp = TimestampMs::NONE;
    let mut count = 0;
    for (record, _) in records.iter().zip(keep).filter(|(_, keep)| **keep) {
        let record = record?;
        let base = *base_timestamp.get_or_insert(record.timestamp);
        max_timestamp = max_timestamp.max(record.timestamp);
        scratch.clear();
        scratch.push(0);
        varint::write_i64(&mut scratch, record.timestamp.0.wrapping_sub(base.0));
        varint::write_i32(&mut scratch, record.offset_delta);
        write_bytes(&mut scratch, record.key);
        write_bytes(&mut scratch, record.value);
        varint::write_i32(&mut scratch, record.headers.count() as i32);
        for field in record.headers {
            write_bytes(&mut scratch, Some(field.key));
            write_bytes(&mut scratch, field.value);
        }
        varint::write_i32(&mut body, scratch.len() as i32);
        body.extend_from_slice(&scratch);
        count += 1;
    }
    let mut out = vec![0; HEADER_BYTES];
    let compression = if count == 0 { Compression::None } else { header.compression()? };
    compression.compress(&body, &mut out);
    // An empty batch has no records to be compressed.
    let codec_bits = 0b111;
    header.attributes.0 = header.attributes.0 & !codec_bits | compression.code();
    if count == 0 {
        // Nothing is left that could go.
        header.attributes.0 &= !Attributes::DELETE_HORIZON;
        base_timestamp = None;
    } else if horizon.is_some() {
        header.attributes.0 |= Attributes::DELETE_HORIZON;
    }
    header.base_timestamp = base_timestamp.unwrap_or(TimestampMs::NONE);
    if count > 0 && header.timestamp_type() == TimestampType::CreateTime {
        header.max_timestamp = max_timestamp;
    }
    header.records_count = count;
    header.batch_length = (out.len() - LENGTH_FREE_BYTES) as i32;
    if let Some(place) = out.first_chunk_mut::<HEADER_BYTES>() {
        header.write(place);
    }
    seal(&mut out);
    Ok(Bytes::from(out))
}
