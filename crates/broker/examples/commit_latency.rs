//! How long a commit of queries takes: `cargo run -p broker --example commit_latency -- DATA_DIR [TOPOLOGIES]`.

use std::error::Error;
use std::time::{Duration, Instant};

use broker::{Broker, BrokerOptions, NewTopic, TopologyCommit};
use record::{BatchesBuilder, Offset, TimestampMs};

const COMMITS: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let data_dir = args.next().ok_or("usage: commit_latency DATA_DIR [TOPOLOGIES]")?;
    let count: usize = args.next().map_or(Ok(1), |n| n.parse())?;
    let broker = Broker::open(BrokerOptions::new(data_dir))?;
    if broker.topic("out").is_none() {
        broker.create_topic("out", NewTopic { partitions: Some(4), ..NewTopic::default() })?;
        broker.create_topic("in", NewTopic::default())?;
    }
    let mut topologies = Vec::new();
    for n in 0..count {
        let id = format!("query-{n}");
        topologies.push((broker.open_transactional(&id, 60_000)?, broker.query_member(&id, &["in".to_owned()])?));
    }
    let mut times = Vec::with_capacity(COMMITS);
    for at in 0..COMMITS {
        let mut records = BatchesBuilder::default();
        for _ in 0..10 {
            records.push(TimestampMs(broker.now_ms()), None, Some(&[b'x'; 100]), []);
        }
        let commits = topologies.iter_mut().map(|(producer, member)| TopologyCommit {
            producer,
            appends: (0..4).map(|p| ("out".to_owned(), p, records.clone())).collect(),
            offsets: vec![("in".to_owned(), 0, Offset(at as i64), String::new())],
            member,
        });
        let commits = commits.collect();
        let started = Instant::now();
        broker.commit(commits)?;
        times.push(started.elapsed());
        // A pause as between two commit intervals: the markers' round is over when the next commit begins.
        std::thread::sleep(Duration::from_millis(10));
    }
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{count} topologies: p50 {:?}  p99 {:?}  max {:?}", at(0.5), at(0.99), at(1.0));
    broker.shutdown()?;
    Ok(())
}
