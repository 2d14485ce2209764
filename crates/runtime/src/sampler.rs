//! Takes a sample of every counter once a second, from which rates are computed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::instance::Instance;
use crate::query::signal::Signal;

const EVERY: Duration = Duration::from_secs(1);

/// The thread that samples.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    signal: Arc<Signal>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Sampler {
    pub(crate) fn start(&self, instance: &Arc<Instance>) -> std::io::Result<()> {
        let instance = Arc::downgrade(instance);
        let signal = Arc::clone(&self.signal);
        let handle = std::thread::Builder::new().name("sampler".to_owned()).spawn(move || work(&instance, &signal))?;
        *self.thread.lock() = Some(handle);
        Ok(())
    }

    pub(crate) fn stop(&self) {
        self.signal.notify();
        if let Some(thread) = self.thread.lock().take()
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic there has been reported by its own hook.
            let _ = thread.join();
        }
    }
}

fn work(instance: &Weak<Instance>, signal: &Signal) {
    let started = Instant::now();
    loop {
        if signal.wait_for(EVERY) {
            return;
        }
        let Some(instance) = instance.upgrade() else { return };
        instance.sample(started.elapsed());
    }
}

impl Instance {
    /// Samples all counters at a monotonic time.
    fn sample(&self, at: Duration) {
        let (queries, generators): (Vec<_>, Vec<_>) = {
            let state = self.state.read();
            (state.queries.clone(), state.generators.values().cloned().collect())
        };
        let mut markers: BTreeMap<String, u64> = BTreeMap::new();
        for query in queries {
            let shared = query.shared();
            let (records, records_out) = {
                let figures = shared.figures.lock();
                for (topic, count) in &figures.markers {
                    *markers.entry(topic.clone()).or_insert(0) += count;
                }
                (figures.records, figures.records_out)
            };
            shared.rate_in.lock().sample(at, records);
            shared.rate_out.lock().sample(at, records_out);
        }
        for generator in generators {
            generator.rate.lock().sample(at, generator.records());
        }
        let broker = self.broker();
        let topics = broker.topics();
        let mut rates = self.rates.lock();
        let names: BTreeSet<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
        rates.retain(|name, _| names.contains(name.as_str()));
        for topic in &topics {
            let ends = (0..topic.partitions).filter_map(|index| broker.partition(&topic.name, index));
            let written: i64 = ends.map(|partition| partition.log().high_watermark().0).sum();
            // Offsets of our own transaction markers are no records.
            let records = written.unsigned_abs().saturating_sub(markers.get(&topic.name).copied().unwrap_or(0));
            rates.entry(topic.name.clone()).or_default().sample(at, records);
        }
    }
}
