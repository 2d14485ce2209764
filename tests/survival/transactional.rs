//! A transactional producer: commits and aborts; after a restart it either goes on with the same incarnation, as Kafka's
//! clients do, or begins the next one, which fences it.

use fastrand::Rng;
use testkit::history::{SendOutcome, TransactionOutcome};

use crate::produce::Producer;
use crate::session::Trouble;
use crate::transaction::Transactional;
use crate::world::{TRANSACTED, Values, World, text};

struct Client<'a> {
    world: &'a World,
    name: &'static str,
    number: u32,
    rng: Rng,
    values: Values,
    transactional: Transactional,
    /// The incarnation before: it must not write any more.
    fenced: Option<Producer>,
}

/// Works until the gate closes for good.
pub fn run(world: &World, name: &'static str, number: u32, seed: u64) {
    let transactional = Transactional::new(&world.address, name);
    let (rng, values) = (Rng::with_seed(seed), Values::of(number));
    let mut client = Client { world, name, number, rng, values, transactional, fenced: None };
    if let Err(trouble) = client.work() {
        world.unexpected(format!("{name}: {trouble}"));
    }
}

impl Client<'_> {
    /// Ends with an error that no correct broker gives, or when the gate closes for good.
    fn work(&mut self) -> Result<(), Trouble> {
        loop {
            let producer = match self.transactional.producer {
                Some(producer) => producer,
                None => self.transactional.init()?,
            };
            if let Some(fenced) = self.fenced.take() {
                self.write_as(fenced, producer);
            }
            if self.world.gate.is_closing() {
                if !self.world.gate.pass(self.name) {
                    return Ok(());
                }
                continue;
            }
            match self.transaction() {
                Ok(()) => {}
                Err(Trouble::Broken(_)) => self.fenced = Some(producer).filter(|_| self.rng.bool()),
                Err(refused) => return Err(refused),
            }
        }
    }

    /// One transaction. With [`Trouble::Broken`], the incarnation is given up.
    fn transaction(&mut self) -> Result<(), Trouble> {
        let transaction = self.world.history().begin();
        let commit = self.rng.u8(..10) < 7;
        let patient = self.rng.bool();
        let partitions: Vec<i32> = (0..TRANSACTED.partitions).collect();
        let transactional = &mut self.transactional;
        transactional.until_done(patient, |t| t.add_partitions(TRANSACTED.name, partitions.clone()))?;
        for _ in 0..self.rng.usize(1..=4) {
            let partition = self.rng.i32(0..TRANSACTED.partitions);
            let id = self.world.id(TRANSACTED.name, partition).expect("a partition that is watched");
            let values: Vec<_> = (0..self.rng.usize(1..=5)).map(|_| self.values.next()).collect();
            let records: Vec<String> = values.iter().map(|value| text(*value, "in a transaction")).collect();
            let mut batch = self.transactional.batch(TRANSACTED.name, partition, &records);
            {
                let mut history = self.world.history();
                let send = |value: &u64| history.send(self.number, id, *value, Some(transaction));
                batch.sends = values.iter().map(send).collect();
            }
            let base = self.transactional.until_done(patient, |t| t.send(&batch))?;
            let mut history = self.world.history();
            for (index, send) in (0..).zip(&batch.sends) {
                history.settle(*send, SendOutcome::Acknowledged(base.map(|base| base + index)));
            }
        }
        if commit {
            // From here on nobody knows until the answer comes.
            self.world.history().end(transaction, TransactionOutcome::Unknown);
        }
        self.transactional.until_done(patient, |t| t.end(commit))?;
        if commit {
            self.world.history().end(transaction, TransactionOutcome::Committed);
        }
        Ok(())
    }

    /// A write of an incarnation that is over: refused, and never seen.
    fn write_as(&mut self, fenced: Producer, current: Producer) {
        let partition = self.rng.i32(0..TRANSACTED.partitions);
        let id = self.world.id(TRANSACTED.name, partition).expect("a partition that is watched");
        let value = self.values.next();
        let send = {
            let mut history = self.world.history();
            let transaction = history.begin();
            history.send(self.number, id, value, Some(transaction))
        };
        self.transactional.producer = Some(fenced);
        let batch = self.transactional.batch_of_nobody(TRANSACTED.name, partition, &text(value, "from the past"));
        match self.transactional.send(&batch) {
            Ok(_) => self.world.unexpected(format!("{}: {fenced:?} writes although {current:?} is there", self.name)),
            Err(Trouble::Refused(_)) => self.world.history().settle(send, SendOutcome::Refused),
            Err(Trouble::Broken(_)) => {}
        }
        self.transactional.producer = Some(current);
    }
}
