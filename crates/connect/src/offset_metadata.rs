//! The metadata of a committed offset, in Kafka Streams' layout.
//!
//! ```text
//! base64( ┌─────────┬───────────────────┬ - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - ┐ )
//!         │ 2 (u8)  │ partition time i64│ count i32, then count × ( length i32, name, value i64 )     │
//!         └─────────┴───────────────────┴ - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - ┘
//! ```
//! The third part is absent when there is nothing in it. Kafka Streams keeps the last emitted window close times there,
//! by store; here it holds each store's stream time, which Kafka Streams forgets on a restart.
//! Version 1 has no third part. A reader takes what it understands; anything else is "unknown", never an error.

use std::collections::BTreeMap;

use crate::base64;

const VERSION: u8 = 2;

/// What is remembered with a committed offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetMetadata {
    /// Largest timestamp read from the partition; −1 for none.
    pub partition_time: i64,
    /// By store: the stream time of its operator in the key partition of the same number.
    pub stream_times: BTreeMap<String, i64>,
}

impl OffsetMetadata {
    /// The text that is committed.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.partition_time.to_be_bytes());
        if !self.stream_times.is_empty() {
            bytes.extend_from_slice(&(self.stream_times.len() as i32).to_be_bytes());
            for (name, value) in &self.stream_times {
                bytes.extend_from_slice(&(name.len() as i32).to_be_bytes());
                bytes.extend_from_slice(name.as_bytes());
                bytes.extend_from_slice(&value.to_be_bytes());
            }
        }
        base64::encode(&bytes)
    }

    /// Reads the text of a committed offset; `None` when it is none of ours or Kafka Streams'.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let bytes = base64::decode(text)?;
        let mut rest = bytes.as_slice();
        let version = take(&mut rest, 1)?[0];
        if !(1..=VERSION).contains(&version) {
            return None;
        }
        let partition_time = read_i64(&mut rest)?;
        let mut stream_times = BTreeMap::new();
        if !rest.is_empty() {
            let count = read_i32(&mut rest)?;
            for _ in 0..count {
                let len = usize::try_from(read_i32(&mut rest)?).ok()?;
                let name = str::from_utf8(take(&mut rest, len)?).ok()?.to_owned();
                stream_times.insert(name, read_i64(&mut rest)?);
            }
        }
        Some(Self { partition_time, stream_times })
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

fn read_i32(rest: &mut &[u8]) -> Option<i32> {
    take(rest, 4)?.try_into().ok().map(i32::from_be_bytes)
}

fn read_i64(rest: &mut &[u8]) -> Option<i64> {
    take(rest, 8)?.try_into().ok().map(i64::from_be_bytes)
}

#[cfg(test)]
mod tests;
