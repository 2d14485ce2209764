//! What a commit remembers of a source partition: the offset, and in its metadata the times.
//!
//! Kafka Streams' layout, in base64 (standard alphabet, padded):
//!
//! ```text
//! version: 1 B (2) ‖ partition time: 8 B ‖ [count: 4 B ‖ (length: 4 B ‖ UTF-8 name ‖ time: 8 B)*]
//! ```
//! All big-endian; the part in brackets is absent when there are no times. The partition time is the largest timestamp
//! read from the partition. Kafka: the named times are Kafka Streams' "processor metadata"; here each is the stream
//! time of the operator of that store in the key partition of the same number.

use std::collections::BTreeMap;

use crate::aggregate::DecodeError;
use crate::base64;
use crate::plan::NodeId;

const VERSION: u8 = 2;

/// An offset to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePosition {
    /// The source node.
    pub node: NodeId,
    /// Its topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next offset to read.
    pub offset: i64,
    /// The times, encoded.
    pub metadata: String,
}

/// The times that a commit remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetMetadata {
    /// The largest timestamp read from the partition; -1 before the first record.
    pub partition_time: i64,
    /// The stream time of each store's operator.
    pub stream_times: BTreeMap<String, i64>,
}

impl Default for OffsetMetadata {
    fn default() -> Self {
        Self { partition_time: -1, stream_times: BTreeMap::new() }
    }
}

impl OffsetMetadata {
    /// The metadata text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.partition_time.to_be_bytes());
        if !self.stream_times.is_empty() {
            bytes.extend_from_slice(&(self.stream_times.len() as u32).to_be_bytes());
            for (name, time) in &self.stream_times {
                bytes.extend_from_slice(&(name.len() as u32).to_be_bytes());
                bytes.extend_from_slice(name.as_bytes());
                bytes.extend_from_slice(&time.to_be_bytes());
            }
        }
        base64::encode(&bytes)
    }

    /// Reads metadata of this layout (version 1, without names, too).
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        use crate::aggregate::{take, take_slice};
        let bytes = base64::decode(text).ok_or_else(|| DecodeError::new("the offset metadata is not base64"))?;
        let mut input = &bytes[..];
        let version = take::<1>(&mut input)?[0];
        if !(1..=VERSION).contains(&version) {
            return Err(DecodeError::new(format!("offset metadata version {version}")));
        }
        let partition_time = i64::from_be_bytes(take(&mut input)?);
        let mut stream_times = BTreeMap::new();
        if version >= 2 && !input.is_empty() {
            let count = u32::from_be_bytes(take(&mut input)?);
            for _ in 0..count {
                let len = u32::from_be_bytes(take(&mut input)?) as usize;
                let name = str::from_utf8(take_slice(&mut input, len)?)
                    .map_err(|_| DecodeError::new("a name in the offset metadata is not UTF-8"))?;
                stream_times.insert(name.to_owned(), i64::from_be_bytes(take(&mut input)?));
            }
        }
        Ok(Self { partition_time, stream_times })
    }
}
