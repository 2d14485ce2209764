//! Windowed keys in Kafka Streams' layouts.
//!
//! ```text
//! output (TimeWindowedSerializer)   | key … | window start, 8 bytes BE |
//! store and changelog               | key … | window start, 8 bytes BE | seq, 4 bytes BE |
//! ```
//!
//! The window's size is not in the bytes: a reader knows it. Never: decides which window a record belongs to.

/// The sequence number of stores that keep one value per key and window.
const SEQ: u32 = 0;

/// Appends an output key.
pub fn write_output_key(out: &mut Vec<u8>, key: &[u8], window_start: i64) {
    out.extend_from_slice(key);
    out.extend_from_slice(&window_start.to_be_bytes());
}

/// An output key's parts; `None` if it is too short to be one.
pub fn split_output_key(bytes: &[u8]) -> Option<(&[u8], i64)> {
    let (key, start) = bytes.split_last_chunk::<8>()?;
    Some((key, i64::from_be_bytes(*start)))
}

/// Appends a store's or changelog's key.
pub fn write_store_key(out: &mut Vec<u8>, key: &[u8], window_start: i64) {
    write_output_key(out, key, window_start);
    out.extend_from_slice(&SEQ.to_be_bytes());
}

/// A store key's parts: key, window start, sequence number; `None` if it is too short to be one.
pub fn split_store_key(bytes: &[u8]) -> Option<(&[u8], i64, u32)> {
    let (rest, seq) = bytes.split_last_chunk::<4>()?;
    let (key, start) = split_output_key(rest)?;
    Some((key, start, u32::from_be_bytes(*seq)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafka_streams_layouts() {
        let mut output = Vec::new();
        write_output_key(&mut output, b"P1", 5_000);
        assert_eq!(output, [b'P', b'1', 0, 0, 0, 0, 0, 0, 0x13, 0x88]);
        assert_eq!(split_output_key(&output), Some((&b"P1"[..], 5_000)));
        let mut store = Vec::new();
        write_store_key(&mut store, b"P1", 5_000);
        assert_eq!(store, [b'P', b'1', 0, 0, 0, 0, 0, 0, 0x13, 0x88, 0, 0, 0, 0]);
        assert_eq!(split_store_key(&store), Some((&b"P1"[..], 5_000, 0)));
        assert_eq!(split_output_key(b"short"), None);
        assert_eq!(split_store_key(b"elevenbytes"), None);
    }
}
