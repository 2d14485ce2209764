//! Dead letters: the record as it came, and why it could not be processed, in headers.
//!
//! The headers are Kafka Streams' (KIP-1034), and one more for the time: `__streams.errors.exception` (the kind),
//! `__streams.errors.message` (the reason), `__streams.errors.topic`, `.partition`, `.offset`, `.timestamp`.

use bytes::Bytes;
use commitlog::{Isolation, Log};

use crate::fetch::fetch;
use crate::seam::DeadLetterNote;

/// Most bytes of a value that a note keeps.
const NOTE_BYTES_MAX: usize = 1024;

/// A record for the dead letters.
pub(super) struct Letter {
    pub(super) timestamp: i64,
    pub(super) key: Option<Bytes>,
    pub(super) value: Option<Bytes>,
    pub(super) headers: Vec<(String, Option<Bytes>)>,
}

/// The dead letter of a note, and the note with the value that it is about. `log` is the record's, if there is one.
pub(super) fn dead_letter(mut note: DeadLetterNote, log: Option<&Log>) -> (DeadLetterNote, Letter) {
    let mut headers = vec![
        header("__streams.errors.exception", "BadRecord"),
        header("__streams.errors.message", &note.reason),
        header("__streams.errors.topic", &note.topic),
    ];
    let (mut key, mut value) = (None, None);
    if let Some((partition, offset)) = note.origin {
        headers.push(header("__streams.errors.partition", &partition.to_string()));
        headers.push(header("__streams.errors.offset", &offset.to_string()));
        let fetched = log.and_then(|log| fetch(log, offset, 1, Isolation::HighWatermark).ok());
        let found = fetched.iter().flat_map(|fetched| fetched.records()).filter_map(Result::ok);
        if let Some(record) = found.into_iter().find(|record| record.offset.0 == offset) {
            key = record.key.map(Bytes::copy_from_slice);
            value = record.value.map(Bytes::copy_from_slice);
            for own in record.headers {
                let name = String::from_utf8_lossy(own.key).into_owned();
                headers.push((name, own.value.map(Bytes::copy_from_slice)));
            }
        }
    }
    headers.push(header("__streams.errors.timestamp", &note.timestamp.to_string()));
    note.value = value.as_ref().map(|value: &Bytes| value[..value.len().min(NOTE_BYTES_MAX)].to_vec());
    let record = Letter { timestamp: note.timestamp.max(0), key, value, headers };
    (note, record)
}

fn header(name: &str, value: &str) -> (String, Option<Bytes>) {
    (name.to_owned(), Some(Bytes::copy_from_slice(value.as_bytes())))
}
