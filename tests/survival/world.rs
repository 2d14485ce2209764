//! What all clients of one data directory share: where the program is, which topics there are, and the history.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use testkit::history::{History, PartitionId, Value};

use crate::gate::Gate;

/// A topic, its partitions, and whether the program writes to it too.
pub struct Topic {
    pub name: &'static str,
    pub partitions: i32,
    pub shared: bool,
}

/// Idempotent producers write here.
pub const PLAIN: Topic = Topic { name: "plain", partitions: 3, shared: false };
/// Transactional producers write here.
pub const TRANSACTED: Topic = Topic { name: "transacted", partitions: 2, shared: false };
/// The copier writes `PLAIN` here, once.
pub const COPIED: Topic = Topic { name: "copied", partitions: 3, shared: false };
/// The page events: from the program's generator and from our producers.
pub const R2: Topic = Topic { name: "R2", partitions: 1, shared: true };
/// Where the query copies them to.
pub const R3: Topic = Topic { name: "R3", partitions: 1, shared: true };
/// Where the query counts them.
pub const R4: Topic = Topic { name: "R4", partitions: 1, shared: true };
pub const TOPICS: &[&Topic] = &[&PLAIN, &TRANSACTED, &COPIED, &R2, &R3, &R4];

/// See the module.
#[derive(Debug)]
pub struct World {
    /// The Kafka listener.
    pub address: String,
    /// The web listener.
    pub http: String,
    pub gate: Gate,
    history: Mutex<History>,
    /// Topic and partition by [`PartitionId`].
    places: Vec<(&'static str, i32)>,
}

impl World {
    pub fn new(address: String, http: String) -> Self {
        let mut history = History::default();
        let mut places = Vec::new();
        for topic in TOPICS {
            for partition in 0..topic.partitions {
                history.partition(&format!("{}-{partition}", topic.name), topic.shared);
                places.push((topic.name, partition));
            }
        }
        Self { address, http, gate: Gate::new(), history: Mutex::new(history), places }
    }

    pub fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters an answer that no correct broker gives.
    pub fn unexpected(&self, what: String) {
        self.history().unexpected.push(what);
    }

    pub fn topic_and_partition(&self, id: PartitionId) -> (&'static str, i32) {
        self.places[usize::from(id.0)]
    }

    /// The partition, if it is one that is watched.
    pub fn id(&self, topic: &str, partition: i32) -> Option<PartitionId> {
        let place = self.places.iter().position(|place| *place == (topic, partition))?;
        Some(PartitionId(place as u16))
    }

    pub fn partitions(&self, topics: &[&Topic]) -> Vec<PartitionId> {
        let places = topics.iter().flat_map(|topic| (0..topic.partitions).map(|partition| (topic.name, partition)));
        places.filter_map(|(topic, partition)| self.id(topic, partition)).collect()
    }
}

/// The values of one producer: each is sent once.
#[derive(Debug)]
pub struct Values {
    next: Value,
}

impl Values {
    pub fn of(producer: u32) -> Self {
        Self { next: u64::from(producer) << 32 }
    }

    pub fn next(&mut self) -> Value {
        self.next += 1;
        self.next
    }
}

/// A record's value: ours in hexadecimal digits, then what it was made from or something to fill it.
pub fn text(value: Value, rest: &str) -> String {
    format!("{value:016x} {rest}")
}

/// A page event that carries our value as its user.
pub fn page_event(value: Value, page: u32, duration: u64, now_ms: i64) -> String {
    format!(r#"{{"name":"P{page}","user":"V{value:016x}","date":{now_ms},"duration":{duration}}}"#)
}

/// What was sent, from a record; a number made of the record itself where others write.
pub fn value_of(topic: &str, key: Option<&[u8]>, record: &[u8]) -> Value {
    let digits = |from: usize| {
        let digits = record.get(from..from + 16).and_then(|digits| std::str::from_utf8(digits).ok());
        digits.and_then(|digits| u64::from_str_radix(digits, 16).ok())
    };
    let marker = br#""user":"V"#;
    let ours = match topic {
        "R2" => record.windows(marker.len()).position(|at| at == marker).and_then(|at| digits(at + marker.len())),
        "R3" | "R4" => None,
        _ => digits(0),
    };
    ours.unwrap_or_else(|| {
        let mut hasher = DefaultHasher::new();
        (key, record).hash(&mut hasher);
        hasher.finish() | 1 << 63
    })
}

/// The value that a copy was made from.
pub fn source_of(record: &[u8]) -> Option<Value> {
    std::str::from_utf8(record.get(17..33)?).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok())
}

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
