//! Consume, transform, produce, exactly once: copies `PLAIN` to `COPIED`, with the offsets in the same transactions.

use std::time::Duration;

use fastrand::Rng;
use testkit::history::{GroupEvent, Isolation, PartitionId, SendOutcome, TransactionOutcome, Transformation, Value};

use crate::offsets;
use crate::reading::{Fetched, Positions, Record, fetch};
use crate::session::Trouble;
use crate::transaction::Transactional;
use crate::world::{COPIED, PLAIN, Values, World, source_of, text, value_of};

/// Its group, and its transactional id.
pub const NAME: &str = "copier";

/// Works until the gate closes for good.
pub fn run(world: &World, number: u32, seed: u64) {
    let mut transactional = Transactional::new(&world.address, NAME);
    let mut values = Values::of(number);
    let mut rng = Rng::with_seed(seed);
    let reader = world.history().reader(Isolation::Committed);
    let mut positions: Option<Positions> = None;
    loop {
        let placed = match positions.take() {
            Some(placed) if transactional.producer.is_some() => Ok((placed, false)),
            _ => begin(world, &mut transactional).map(|placed| (placed, true)),
        };
        let (mut placed, repositioned) = match placed {
            Ok(placed) => placed,
            Err(trouble) => return world.unexpected(format!("{NAME}: {trouble}")),
        };
        if world.gate.is_closing() {
            if !world.gate.pass(NAME) {
                return;
            }
            positions = Some(placed).filter(|_| !repositioned);
            continue;
        }
        let fetched =
            transactional.link.session().and_then(|s| fetch(world, s, &mut placed, Duration::from_millis(20)));
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(trouble) if trouble.is_final() => return world.unexpected(format!("{NAME}: {trouble}")),
            Err(_) => {
                transactional.link.close();
                std::thread::sleep(Duration::from_millis(2));
                continue;
            }
        };
        let mut poll = fetched.poll(world, reader);
        poll.repositioned = repositioned;
        world.history().polls.push(poll);
        if fetched.records.is_empty() {
            positions = Some(placed);
            continue;
        }
        let commit = rng.u8(..10) > 0;
        match copy(world, number, &mut transactional, &mut values, &fetched, &placed, commit) {
            // An abort takes the offsets back: begin again where the group is.
            Ok(()) => positions = Some(placed).filter(|_| commit),
            Err(Trouble::Broken(_)) => {}
            Err(refused) => return world.unexpected(format!("{NAME}: {refused:?}")),
        }
    }
}

/// The next incarnation, and where its group is: only then is nothing of the last one under way.
fn begin(world: &World, transactional: &mut Transactional) -> Result<Positions, Trouble> {
    transactional.init()?;
    let mut positions = Positions::beginning(world.partitions(&[&PLAIN]), Isolation::Committed);
    let ask = |t: &mut Transactional| {
        let answer = t.link.session().and_then(|session| offsets::committed(world, session, NAME));
        if answer.is_err() {
            t.link.close();
        }
        answer
    };
    for (id, offset) in transactional.until_done(true, ask)? {
        if let Some(next) = positions.next.iter_mut().find(|(partition, _)| *partition == id) {
            next.1 = offset.max(0);
        }
    }
    Ok(positions)
}

fn copy(
    world: &World,
    number: u32,
    transactional: &mut Transactional,
    values: &mut Values,
    fetched: &Fetched,
    positions: &Positions,
    commit: bool,
) -> Result<(), Trouble> {
    let transaction = world.history().begin();
    let mut sources: Vec<(i32, Vec<&Record>)> = Vec::new();
    for record in &fetched.records {
        let (_, partition) = world.topic_and_partition(record.partition);
        match sources.iter_mut().find(|(known, _)| *known == partition) {
            Some((_, records)) => records.push(record),
            None => sources.push((partition, vec![record])),
        }
    }
    let partitions: Vec<i32> = sources.iter().map(|(partition, _)| *partition).collect();
    transactional.until_done(false, |t| t.add_partitions(COPIED.name, partitions.clone()))?;
    for (partition, records) in sources {
        let id = world.id(COPIED.name, partition).expect("a partition that is watched");
        let copies: Vec<(Value, String)> = records
            .iter()
            .map(|record| {
                let source = value_of(PLAIN.name, None, &record.value);
                let value = values.next();
                (value, text(value, &format!("{source:016x}")))
            })
            .collect();
        let texts: Vec<String> = copies.iter().map(|(_, text)| text.clone()).collect();
        let mut batch = transactional.batch(COPIED.name, partition, &texts);
        {
            let mut history = world.history();
            batch.sends = copies.iter().map(|(value, _)| history.send(number, id, *value, Some(transaction))).collect();
        }
        let base = transactional.until_done(false, |t| t.send(&batch))?;
        let mut history = world.history();
        for (index, send) in (0..).zip(&batch.sends) {
            history.settle(*send, SendOutcome::Acknowledged(base.map(|base| base + index)));
        }
    }
    let ends: Vec<(i32, i64)> =
        positions.next.iter().map(|(id, offset)| (world.topic_and_partition(*id).1, *offset)).collect();
    transactional.until_done(false, |t| t.add_offsets(NAME, PLAIN.name, &ends))?;
    if commit {
        world.history().end(transaction, TransactionOutcome::Unknown);
    }
    transactional.until_done(false, |t| t.end(commit))?;
    if commit {
        let mut history = world.history();
        history.end(transaction, TransactionOutcome::Committed);
        for (partition, offset) in &positions.next {
            history.groups.push(GroupEvent::Committed {
                group: NAME.to_owned(),
                partition: *partition,
                offset: *offset,
            });
        }
    }
    Ok(())
}

/// What it has consumed and produced, from a committed drain and its group's offsets.
pub fn transformation(world: &World, drained: &[Record], committed: &[(PartitionId, i64)]) -> Transformation {
    let of = |id: PartitionId| drained.iter().filter(move |record| record.partition == id);
    let mut transformation = Transformation { name: NAME.to_owned(), ..Transformation::default() };
    for (input, output) in world.partitions(&[&PLAIN]).into_iter().zip(world.partitions(&[&COPIED])) {
        let until = committed.iter().find(|(id, _)| *id == input).map_or(0, |(_, offset)| *offset);
        let consumed = of(input).filter(|record| record.offset < until);
        transformation.consumed.push(consumed.map(|record| value_of(PLAIN.name, None, &record.value)).collect());
        transformation.produced.push(of(output).filter_map(|record| source_of(&record.value)).collect());
    }
    transformation
}
