//! The background thread: retention, segment roll by time, checkpoints, once a second.

use std::io;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::broker::Broker;

/// How often the housekeeping is done.
const PERIOD: Duration = Duration::from_secs(1);

/// The thread, if it runs.
#[derive(Debug, Default)]
pub struct Maintenance {
    thread: Mutex<Option<JoinHandle<()>>>,
    stop: Arc<(Mutex<bool>, Condvar)>,
}

impl Maintenance {
    /// Starts the thread. It holds no broker alive.
    pub fn start(&self, broker: &Arc<Broker>) -> io::Result<()> {
        let (weak, stop) = (Arc::downgrade(broker), Arc::clone(&self.stop));
        let thread = std::thread::Builder::new().name("maintenance".to_owned()).spawn(move || run(&weak, &stop))?;
        *self.thread.lock() = Some(thread);
        Ok(())
    }

    /// Stops the thread and waits for it.
    pub fn stop(&self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.lock().take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(broker: &Weak<Broker>, stop: &(Mutex<bool>, Condvar)) {
    let mut complained = false;
    loop {
        {
            let mut stopped = stop.0.lock();
            if !*stopped {
                stop.1.wait_for(&mut stopped, PERIOD);
            }
            if *stopped {
                return;
            }
        }
        let Some(broker) = broker.upgrade() else { return };
        match broker.maintain() {
            Ok(()) => complained = false,
            Err(e) if !complained => {
                tracing::error!(error = %e, "housekeeping failed");
                complained = true;
            }
            Err(_) => {}
        }
    }
}
