//! A reader that is not ours: librdkafka, through kcat, reads all that is committed from the beginning.

use std::process::Command;
use std::time::Duration;

use testkit::history::{Isolation, Poll, Seen};
use testkit::process::run;

use crate::world::{COPIED, PLAIN, R2, TRANSACTED, Topic, World, value_of};

const PATIENCE: Duration = Duration::from_secs(60);

/// Topics whose records have no keys: what was sent is in the value alone.
const READ: [Topic; 4] = [PLAIN, TRANSACTED, COPIED, R2];

/// Enters what kcat reads as a drain: what it leaves out is missed as if we had. Nobody may be writing.
pub fn drain(world: &World) -> Result<(), String> {
    let partitions = world.partitions(&READ.each_ref());
    let reader = world.history().drain(Isolation::Committed, partitions);
    for topic in READ {
        let args = ["-b", &world.address, "-C", "-t", topic.name, "-o", "beginning", "-e", "-q", "-f", "%p %o %s\n"];
        let output = run(Command::new("kcat").args(args), "", PATIENCE);
        if !output.success() {
            return Err(format!("kcat on {}: {}", topic.name, output.text()));
        }
        let seen = |line: &str| {
            let mut fields = line.splitn(3, ' ');
            let partition = world.id(topic.name, fields.next()?.parse().ok()?)?;
            let offset = fields.next()?.parse().ok()?;
            Some(Seen { partition, offset, value: value_of(topic.name, None, fields.next()?.as_bytes()) })
        };
        let records: Option<Vec<Seen>> = output.stdout.lines().map(seen).collect();
        let records = records.ok_or_else(|| format!("kcat on {} printed {}", topic.name, output.stdout))?;
        world.history().polls.push(Poll { reader, transaction: None, repositioned: false, records, marks: Vec::new() });
    }
    Ok(())
}
