//! A reader that follows every partition, over restarts, from where it was: what it was shown must stay.

use std::time::Duration;

use testkit::history::Isolation;

use crate::reading::{Positions, fetch};
use crate::session::{Link, Trouble};
use crate::world::{TOPICS, World};

/// Follows until the gate closes for good.
pub fn run(world: &World, name: &'static str, isolation: Isolation) {
    let reader = world.history().reader(isolation);
    let mut link = Link::new(&world.address);
    let mut positions = Positions::beginning(world.partitions(TOPICS), isolation);
    while !world.gate.is_closing() || world.gate.pass(name) {
        // What a failed fetch brought of its first partitions is not kept, and so asked for again.
        let mut moved = positions.clone();
        let fetched = link.session().and_then(|session| fetch(world, session, &mut moved, Duration::from_millis(50)));
        match fetched {
            Ok(fetched) => {
                positions = moved;
                let poll = fetched.poll(world, reader);
                world.history().polls.push(poll);
            }
            Err(trouble) => {
                link.close();
                if trouble.is_final() {
                    return world.unexpected(format!("{name}: {trouble} at {:?}", positions.next));
                }
                if matches!(trouble, Trouble::Broken(_)) {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
    }
}
