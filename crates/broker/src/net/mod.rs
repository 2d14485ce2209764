//! The network front: Kafka's protocol over TCP.
//!
//! Owns: listeners, framing with bounds, pipelining (requests are begun in the order of arrival and answered in it),
//! back pressure, timeouts, sendfile, graceful stop.
//! Never: knows what a request means, beyond its key (only Produce may be large).
//!
//! - [`listen`] — binding addresses, and saying who has a busy port.
//! - [`frame`] — taking frames off a socket without trusting their lengths.
//! - [`connection`] — one connection: a reading half that begins requests, a writing half that answers them.
//! - [`send`] — putting answers on a socket: bytes and file ranges.
//! - [`fuzz`] — what any bytes may do to the framing.

mod connection;
mod frame;
mod fuzz;
pub mod listen;
mod send;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use fuzz::fuzz_frames;
pub use listen::{BindError, bind};

use crate::broker::Broker;
use crate::config::Overrides;

/// Bounds of the front. Everything that queues or waits has one.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time; more are closed at once.
    pub connections_max: usize,
    /// Requests of one connection that are begun but not answered.
    pub requests_in_work_max: usize,
    /// Bytes of those requests.
    pub bytes_in_work_max: usize,
    /// Bytes of a Produce frame.
    pub produce_bytes_max: usize,
    /// Bytes of any other frame.
    pub frame_bytes_max: usize,
    /// Bytes of large frames that all connections together may hold.
    pub frames_bytes_max: usize,
    /// How long a connection may stay without its first request.
    pub first_frame_timeout: Duration,
    /// How long a connection may stay without a request (Kafka's `connections.max.idle.ms`).
    pub idle_timeout: Duration,
    /// How long a frame that has begun may take to arrive, beside what [`Limits::frame_bytes_per_second_min`] gives it.
    pub frame_timeout: Duration,
    /// The slowest rate at which a large frame may arrive.
    pub frame_bytes_per_second_min: usize,
    /// How long a client may refuse to take any byte of an answer.
    pub write_stall_timeout: Duration,
    /// How long requests in work may take once the server stops.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            requests_in_work_max: 16,
            bytes_in_work_max: 8 << 20,
            produce_bytes_max: 100 << 20,
            frame_bytes_max: 4 << 20,
            frames_bytes_max: 256 << 20,
            first_frame_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(600),
            frame_timeout: Duration::from_secs(30),
            frame_bytes_per_second_min: 128 << 10,
            write_stall_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(1),
        }
    }
}

impl Limits {
    /// These limits, where the broker was not given others at start.
    #[must_use]
    pub fn with_configs(self, configs: &Overrides) -> Self {
        let given = |name: &str| configs.get(name).and_then(|value| value.trim().parse::<u64>().ok());
        let size = |name: &str| given(name).and_then(|value| usize::try_from(value).ok());
        Self {
            connections_max: size("max.connections").unwrap_or(self.connections_max),
            produce_bytes_max: size("socket.request.max.bytes").unwrap_or(self.produce_bytes_max),
            idle_timeout: given("connections.max.idle.ms").map_or(self.idle_timeout, Duration::from_millis),
            ..self
        }
    }
}

/// A serving front. Dropping it without [`Server::shutdown`] stops accepting, and cuts the connections.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    accepting: Mutex<JoinSet<()>>,
}

/// What all connections of a server share.
#[derive(Debug)]
struct Shared {
    broker: Arc<Broker>,
    limits: Limits,
    slots: Arc<Semaphore>,
    frame_budget: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
    complaints: Complaints,
    next_connection_id: AtomicU64,
}

impl Server {
    /// Serves `broker` on these listeners (see [`bind`]). Needs a running tokio runtime.
    pub fn start(
        broker: &Arc<Broker>,
        listeners: Vec<std::net::TcpListener>,
        limits: Limits,
    ) -> std::io::Result<Server> {
        let (stop, stopped) = watch::channel(false);
        let limits = limits.with_configs(&broker.server_configs().fixed);
        // Half of the files stay for the logs.
        let connections_max = limits.connections_max.min(listen::raise_open_files_max() / 2).max(1);
        let limits = Limits { connections_max, ..limits };
        let shared = Arc::new(Shared {
            broker: Arc::clone(broker),
            slots: Arc::new(Semaphore::new(limits.connections_max)),
            // At least one frame of the largest size must fit.
            frame_budget: Arc::new(Semaphore::new(
                limits.frames_bytes_max.max(limits.produce_bytes_max).div_ceil(frame::BUDGET_UNIT_BYTES),
            )),
            limits,
            stop: stopped,
            complaints: Complaints::default(),
            next_connection_id: AtomicU64::new(1),
        });
        let mut addresses = Vec::new();
        let mut accepting = JoinSet::new();
        for listener in listeners {
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            addresses.push(listener.local_addr()?);
            accepting.spawn(accept(listener, Arc::clone(&shared)));
        }
        Ok(Server { addresses, stop, accepting: Mutex::new(accepting) })
    }

    /// The addresses that are served.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops accepting and reading, answers what is in work (within [`Limits::drain_timeout`]), closes.
    pub async fn shutdown(&self) {
        let _ = self.stop.send(true);
        let mut accepting = std::mem::take(&mut *self.accepting.lock());
        while accepting.join_next().await.is_some() {}
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut stop = shared.stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some(connection) = admit(stream, peer, &shared) {
                    connections.spawn(connection);
                }
            }
            Err(e) => {
                // Out of descriptors, most likely: the listener stays readable, so do not spin on it.
                shared.complaints.say(|| tracing::warn!(error = %e, "cannot accept a connection"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(shared.limits.drain_timeout, drained).await;
}

fn admit(stream: TcpStream, peer: SocketAddr, shared: &Arc<Shared>) -> Option<impl Future<Output = ()> + Send + use<>> {
    let Ok(slot) = Arc::clone(&shared.slots).try_acquire_owned() else {
        let connections_max = shared.limits.connections_max;
        shared.complaints.say(|| tracing::warn!(%peer, connections_max, "too many connections: closed a new one"));
        return None;
    };
    let _ = stream.set_nodelay(true);
    let id = shared.next_connection_id.fetch_add(1, Ordering::Relaxed);
    let shared = Arc::clone(shared);
    Some(async move {
        connection::run(stream, peer, id, &shared).await;
        drop(slot);
    })
}

/// Log lines that clients can cause: at most one a second, so that nobody can fill the log.
#[derive(Debug, Default)]
struct Complaints {
    last: Mutex<Option<std::time::Instant>>,
    unsaid: AtomicU64,
}

impl Complaints {
    fn say(&self, line: impl FnOnce()) {
        {
            let mut last = self.last.lock();
            if last.is_some_and(|last| last.elapsed() < Duration::from_secs(1)) {
                self.unsaid.fetch_add(1, Ordering::Relaxed);
                return;
            }
            *last = Some(std::time::Instant::now());
        }
        let unsaid = self.unsaid.swap(0, Ordering::Relaxed);
        if unsaid > 0 {
            tracing::warn!(unsaid, "more such events were not logged");
        }
        line();
    }
}
