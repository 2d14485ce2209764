//! The aborted transactions of a segment.
//!
//! ```text
//! .txnindex  ┌─────────────┬─────────────┬──────────────┬─────────────┬────────────────────┐   one entry for each abort
//!            │ version i16 │ producer id │ first offset │ last offset │ last stable offset │   marker in the segment, in
//!            │ = 0         │ i64         │ i64          │ i64         │ i64                │   the order of the markers
//!            └─────────────┴─────────────┴──────────────┴─────────────┴────────────────────┘   (34 bytes, big-endian)
//! ```
//!
//! Kafka's file has no checksum, and an entry that is wrong or missing would show what was aborted. So ours lies in the state
//! directory, and an index that does not agree with it is built again from the segment:
//!
//! ```text
//! <base>.txnindex  ┌───────────────────────┬─────────────────────────┐   of the index's first so many bytes; twice while
//!   (ours)         │ bytes of the index u32│ CRC32C of these u32     │   compaction replaces the index: the old one's, then
//!                  └───────────────────────┴─────────────────────────┘   the new one's (8 bytes each, big-endian)
//! ```
//!
//! What an index has behind those bytes was written later, and is vouched for by nothing yet.

use record::{Offset, ProducerId};

use crate::log::AbortedTxn;

pub(crate) const ENTRY_BYTES: usize = 34;

pub(crate) fn encode(aborted: &[AbortedTxn]) -> Vec<u8> {
    let mut out = Vec::with_capacity(aborted.len() * ENTRY_BYTES);
    for txn in aborted {
        out.extend_from_slice(&0i16.to_be_bytes());
        for field in [txn.producer_id.0, txn.first_offset.0, txn.last_offset.0, txn.last_stable_offset.0] {
            out.extend_from_slice(&field.to_be_bytes());
        }
    }
    out
}

/// What vouches for an index.
pub(crate) fn checksum(index: &[u8]) -> [u8; 8] {
    let mut sum = [0; 8];
    sum[..4].copy_from_slice(&(index.len() as u32).to_be_bytes());
    sum[4..].copy_from_slice(&crc32c::crc32c(index).to_be_bytes());
    sum
}

/// How many leading bytes of an index one of these checksums vouches for; `None`: none of them does.
pub(crate) fn verified(index: &[u8], sums: &[u8]) -> Option<usize> {
    let agrees = |sum: &[u8; 8]| {
        let bytes = u32::from_be_bytes([sum[0], sum[1], sum[2], sum[3]]) as usize;
        (index.get(..bytes).map(checksum) == Some(*sum)).then_some(bytes)
    };
    sums.as_chunks::<8>().0.iter().filter_map(agrees).max()
}

/// The leading entries that can be right for a segment `[base, next_offset)`.
pub(crate) fn decode(bytes: &[u8], base: i64, next_offset: i64) -> Vec<AbortedTxn> {
    let mut out: Vec<AbortedTxn> = Vec::new();
    for entry in bytes.chunks_exact(ENTRY_BYTES) {
        let field = |i: usize| {
            let mut b = [0; 8];
            b.copy_from_slice(&entry[2 + i * 8..10 + i * 8]);
            i64::from_be_bytes(b)
        };
        let txn = AbortedTxn {
            producer_id: ProducerId(field(0)),
            first_offset: Offset(field(1)),
            last_offset: Offset(field(2)),
            last_stable_offset: Offset(field(3)),
        };
        let rises = out.last().is_none_or(|before| txn.last_offset > before.last_offset);
        let inside = (base..next_offset).contains(&txn.last_offset.0) && txn.first_offset < txn.last_offset;
        if entry[..2] != [0, 0] || !rises || !inside {
            break;
        }
        out.push(txn);
    }
    out
}
