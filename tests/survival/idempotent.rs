//! An idempotent producer: five batches in flight, sent again with the same id, epoch and sequence after a restart.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use testkit::history::{PartitionId, SendId, SendOutcome};
use wire::ErrorCode;
use wire::messages::produce_request::ProduceRequest;

use crate::produce::{self, Batch, PRODUCE, Producer};
use crate::session::{Link, Trouble};
use crate::world::{R2, Values, World, now_ms, page_event, text};

/// As many as a broker remembers.
const IN_FLIGHT_MAX: usize = 5;

struct Idempotent<'a> {
    world: &'a World,
    name: &'static str,
    number: u32,
    targets: Vec<PartitionId>,
    rng: Rng,
    link: Link,
    values: Values,
    producer: Producer,
    sequences: HashMap<PartitionId, i32>,
    in_flight: VecDeque<Batch>,
}

/// Works until the gate closes for good.
pub fn run(world: &World, name: &'static str, number: u32, targets: Vec<PartitionId>, seed: u64) {
    if !world.gate.pass(name) {
        return;
    }
    let mut link = Link::new(&world.address);
    let producer = loop {
        match produce::init(&mut link, None) {
            Ok(producer) => break producer,
            Err(trouble) if trouble.is_final() => {
                return world.unexpected(format!("{name}: no producer id: {trouble}"));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let rng = Rng::with_seed(seed);
    let (values, sequences, in_flight) = (Values::of(number), HashMap::new(), VecDeque::new());
    Idempotent { world, name, number, targets, rng, link, values, producer, sequences, in_flight }.work();
}

impl Idempotent<'_> {
    fn work(&mut self) {
        loop {
            while self.in_flight.len() < IN_FLIGHT_MAX && !self.world.gate.is_closing() {
                self.begin();
            }
            if self.in_flight.is_empty() {
                if !self.world.gate.pass(self.name) {
                    return;
                }
                continue;
            }
            match self.answer() {
                // Not as fast as it goes: everything is read again after each round, and it is moments that are tested.
                Ok(()) if self.rng.u8(..3) == 0 => std::thread::sleep(Duration::from_millis(self.rng.u64(1..20))),
                Ok(()) => {}
                Err(trouble) if trouble.is_final() => {
                    let batch = &self.in_flight[0];
                    let place = format!("{}-{}", batch.topic, batch.partition);
                    self.world.unexpected(format!("{}: {trouble} for the oldest batch to {place}", self.name));
                    return;
                }
                Err(_) => {
                    self.link.close();
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
    }

    /// A new batch, sent at once if the connection stands.
    fn begin(&mut self) {
        let partition = self.targets[self.rng.usize(..self.targets.len())];
        let (topic, index) = self.world.topic_and_partition(partition);
        let values: Vec<_> = (0..self.rng.usize(1..=3)).map(|_| self.values.next()).collect();
        let records: Vec<String> = values.iter().map(|value| self.record(topic, *value)).collect();
        let sends: Vec<SendId> = {
            let mut history = self.world.history();
            values.iter().map(|value| history.send(self.number, partition, *value, None)).collect()
        };
        let sequence = self.sequences.entry(partition).or_insert(0);
        let bytes = produce::batch(self.producer, false, *sequence, &records);
        *sequence += records.len() as i32;
        let batch = Batch { topic, partition: index, bytes, sends };
        if self.link.is_open() {
            let sent = self.link.session().and_then(|session| session.send(PRODUCE, &produce::request(None, &batch)));
            if sent.is_err() {
                self.link.close();
            }
        }
        self.in_flight.push_back(batch);
    }

    fn record(&mut self, topic: &str, value: u64) -> String {
        if topic == R2.name {
            return page_event(value, self.rng.u32(1..=3), self.rng.u64(..1000), now_ms());
        }
        text(value, &"·".repeat(self.rng.usize(..50)))
    }

    /// Takes the next answer; sends everything again first if the connection is new.
    fn answer(&mut self) -> Result<(), Trouble> {
        let fresh = !self.link.is_open();
        let session = self.link.session()?;
        if fresh {
            for batch in &self.in_flight {
                session.send(PRODUCE, &produce::request(None, batch))?;
            }
        }
        let (code, base_offset) = produce::outcome(&session.receive::<ProduceRequest>(PRODUCE)?);
        let known = ErrorCode::from_code(code) == ErrorCode::DuplicateSequenceNumber;
        if code != 0 && !known {
            return Err(Trouble::Refused(ErrorCode::from_code(code)));
        }
        let Some(batch) = self.in_flight.pop_front() else { return Ok(()) };
        let mut history = self.world.history();
        for (offset, send) in (base_offset..).zip(batch.sends) {
            // A known duplicate may come without its offset.
            history.settle(send, SendOutcome::Acknowledged(Some(offset).filter(|_| !known && base_offset >= 0)));
        }
        Ok(())
    }
}
