//! Two members of a group that read with the small client, and commit what they have read.

use std::cell::Cell;
use std::time::Duration;

use client::{Assignor, Client, ClientError, ClientOptions, ConsumerOptions, GroupConsumer, GroupOptions, OutOfRange};
use testkit::history::{GroupEvent, Isolation, Poll, ReaderId, Seen};
use tokio::runtime::Handle;
use wire::ErrorCode;

use crate::world::{PLAIN, TRANSACTED, World, value_of};

pub const GROUP: &str = "members";
const NAMES: [&str; 2] = ["member-1", "member-2"];
/// Longer than a program is away, shorter than a check waits for clients.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);

/// Works until the gate closes for good.
pub fn run(world: &World, name: &'static str, runtime: &Handle) {
    if !world.gate.pass(name) {
        return;
    }
    let options = ClientOptions {
        client_id: name.to_owned(),
        request_timeout: Duration::from_secs(10),
        ..ClientOptions::new(world.address.clone())
    };
    let client = loop {
        match runtime.block_on(Client::connect(options.clone())) {
            Ok(client) => break client,
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let consumer = ConsumerOptions {
        isolation: client::Isolation::ReadCommitted,
        out_of_range: OutOfRange::Earliest,
        max_wait: Duration::from_millis(50),
        ..ConsumerOptions::default()
    };
    let topics = vec![PLAIN.name.to_owned(), TRANSACTED.name.to_owned()];
    let options = GroupOptions {
        assignors: vec![Assignor::Range],
        session_timeout: SESSION_TIMEOUT,
        heartbeat_interval: Duration::from_millis(200),
        auto_commit_interval: None,
        consumer,
        ..GroupOptions::new(GROUP, topics)
    };
    let mut members = NAMES.map(|name| Member {
        name,
        reader: world.history().member(Isolation::Committed, GROUP),
        joins: 0,
        consumer: runtime.block_on(async { GroupConsumer::new(&client, options.clone()) }),
    });
    while !world.gate.is_closing() || world.gate.pass(name) {
        let [first, second] = &mut members;
        let idle = [Cell::new(false), Cell::new(false)];
        runtime.block_on(async { tokio::join!(first.work(world, &idle, 0), second.work(world, &idle, 1)) });
    }
    for member in members {
        let _ = runtime.block_on(member.consumer.leave());
    }
}

struct Member {
    name: &'static str,
    reader: ReaderId,
    joins: u64,
    consumer: GroupConsumer,
}

impl Member {
    /// Polls until the gate closes, and then until the other one has come to rest too: its join waits for this one.
    async fn work(&mut self, world: &World, idle: &[Cell<bool>; 2], index: usize) {
        while !idle.iter().all(Cell::get) {
            self.step(world).await;
            idle[index].set(world.gate.is_closing());
        }
    }

    /// One poll, and a commit of it.
    async fn step(&mut self, world: &World) {
        let records = match self.consumer.poll(500, Duration::from_millis(100)).await {
            Ok(records) => records,
            Err(error) => return note(world, self.name, &error).await,
        };
        let seen = records.iter().filter_map(|record| {
            let partition = world.id(&record.topic, record.partition)?;
            let value = value_of(&record.topic, record.key.as_deref(), record.value.as_deref().unwrap_or_default());
            Some(Seen { partition, offset: record.offset.0, value })
        });
        let repositioned = std::mem::replace(&mut self.joins, self.consumer.joins()) != self.consumer.joins();
        let (reader, records) = (self.reader, seen.collect());
        world.history().polls.push(Poll { reader, transaction: None, repositioned, records, marks: Vec::new() });
        let positions = self.consumer.positions();
        match self.consumer.commit().await {
            Ok(()) => {
                let committed = positions.into_iter().filter_map(|(topic, partition, offset)| {
                    let partition = world.id(&topic, partition)?;
                    Some(GroupEvent::Committed { group: GROUP.to_owned(), partition, offset: offset.0 })
                });
                world.history().groups.extend(committed);
            }
            Err(error) => note(world, self.name, &error).await,
        }
    }
}

/// A restart and a rebalance are what the client is there for; anything else is not.
async fn note(world: &World, name: &str, error: &ClientError) {
    let rebalance = matches!(
        error.code(),
        Some(ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId)
    );
    let passes = error.is_unreachable() || error.code().is_some_and(ErrorCode::is_retriable) || rebalance;
    if !passes {
        world.unexpected(format!("{name}: {error}"));
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
}
