//! A partition's share of a fetch becomes records: batches before the position, control records and, for
//! `read_committed`, the records of aborted transactions are left out.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use record::control::{ControlType, parse_end_txn_marker};
use record::{Batch, BatchError, LeaderEpoch, Offset, ProducerId, ReadLimits, split};
use wire::messages::fetch_response::{AbortedTransaction, PartitionData};

use super::{ConsumedRecord, ConsumerOptions};
use crate::{ClientError, Isolation};

pub(super) struct Decoded {
    pub(super) records: Vec<ConsumedRecord>,
    /// The offset after the last batch, whether or not its records are shown.
    pub(super) next: Offset,
    pub(super) leader_epoch: Option<LeaderEpoch>,
}

pub(super) fn records(
    key: &(Arc<str>, i32),
    from: Offset,
    data: PartitionData,
    options: &ConsumerOptions,
) -> Result<Decoded, ClientError> {
    let mut decoded = Decoded { records: Vec::new(), next: from, leader_epoch: None };
    let mut aborted = Aborted::new(data.aborted_transactions, options.isolation);
    for batch in split(data.records.into_bytes().unwrap_or_default()) {
        let bad = |error, offset: Offset| ClientError::BadBatch {
            topic: key.0.to_string(),
            partition: key.1,
            offset: offset.0,
            error,
        };
        let batch = match batch {
            Ok(batch) => batch,
            // A broker may cut the last batch of an answer; the next fetch begins with it.
            Err(BatchError::Incomplete { .. }) if decoded.next > from => break,
            Err(error) => return Err(bad(error, decoded.next)),
        };
        let at = batch.header.base_offset;
        if options.check_crcs {
            batch.check_crc().map_err(|error| bad(error, at))?;
        }
        if aborted.shows(&batch).map_err(|error| bad(error, at))? {
            append(&mut decoded.records, key, from, &batch, options).map_err(|error| bad(error, at))?;
        }
        decoded.next = decoded.next.max(batch.header.next_offset());
        decoded.leader_epoch = Some(batch.header.leader_epoch);
    }
    Ok(decoded)
}

fn append(
    records: &mut Vec<ConsumedRecord>,
    key: &(Arc<str>, i32),
    from: Offset,
    batch: &Batch,
    options: &ConsumerOptions,
) -> Result<(), BatchError> {
    let limits = ReadLimits { decompressed_bytes_max: options.decompressed_bytes_max };
    let content = batch.records(limits)?;
    let share = |bytes: &[u8]| content.body().slice_ref(bytes);
    for record in &content {
        let record = record?;
        // A fetch begins with the batch that contains the position.
        if record.offset < from {
            continue;
        }
        let headers = record.headers.map(|header| (share(header.key), header.value.map(share)));
        records.push(ConsumedRecord {
            topic: Arc::clone(&key.0),
            partition: key.1,
            offset: record.offset,
            timestamp: record.timestamp,
            timestamp_type: batch.header.timestamp_type(),
            leader_epoch: batch.header.leader_epoch,
            key: record.key.map(share),
            value: record.value.map(share),
            headers: headers.collect::<Vec<(Bytes, Option<Bytes>)>>(),
        });
    }
    Ok(())
}

/// Follows which producers are inside an aborted transaction, batch by batch.
struct Aborted {
    isolation: Isolation,
    /// Transactions that are still ahead, the earliest last.
    ahead: Vec<AbortedTransaction>,
    inside: BTreeSet<ProducerId>,
}

impl Aborted {
    fn new(transactions: Option<Vec<AbortedTransaction>>, isolation: Isolation) -> Self {
        let mut ahead = transactions.unwrap_or_default();
        ahead.sort_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        Self { isolation, ahead, inside: BTreeSet::new() }
    }

    /// Whether the batch's records are for the reader.
    fn shows(&mut self, batch: &Batch) -> Result<bool, BatchError> {
        let header = &batch.header;
        if self.isolation == Isolation::ReadCommitted {
            while let Some(next) = self.ahead.pop_if(|next| next.first_offset <= header.last_offset().0) {
                self.inside.insert(ProducerId(next.producer_id));
            }
            if header.is_control()
                && let Some(marker) = parse_end_txn_marker(batch)?
                && marker.control_type == ControlType::Abort
            {
                self.inside.remove(&header.producer_id);
            }
        }
        let hidden = header.is_control() || (header.is_transactional() && self.inside.contains(&header.producer_id));
        Ok(!hidden)
    }
}
