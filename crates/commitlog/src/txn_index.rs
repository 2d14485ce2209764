//! The aborted transactions of a segment.
//!
//! ```text
//! .txnindex  ┌─────────────┬─────────────┬──────────────┬─────────────┬────────────────────┐   one entry for each abort
//!            │ version i16 │ producer id │ first offset │ last offset │ last stable offset │   marker in the segment, in
//!            │ = 0         │ i64         │ i64          │ i64         │ i64                │   the order of the markers
//!            └─────────────┴─────────────┴──────────────┴─────────────┴────────────────────┘   (34 bytes, big-endian)
//! ```
//!
//! Without a checksum: entries that do not rise, or lie outside the segment, end the table, and recovery builds it again.

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
