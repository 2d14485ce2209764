//! The network front: Kafka's protocol over TCP.
//!
//! Owns: listeners, framing with bounds, pipelining (requests are begun in the order of arrival and answered in it),
//! back pressure, timeouts, sendfile, graceful stop.
//! Never: knows what a request means, beyond its key (only Produce may be large).
//!
//! - [`listen`] — binding addresses, and saying who has a busy port.
//! - [`frame`] — taking frames off a socket without trusting their lengths.
//! - [`connection`] — one connection: a reading half that begins requests, a writing half that answers them.
//! - [`admission`] — who may have a connection.
//! - [`slow_lane`] — a few threads for requests that may cost much.
//! - [`send`] — putting answers on a socket: bytes and file ranges.
//! - [`patience`] — how long a client may take to take them.
//! - [`refusal`] — what was refused: counted, and said in the log.
//! - [`fuzz`] — what any bytes may do to the framing.

mod admission;
mod connection;
mod frame;
mod fuzz;
pub mod listen;
mod patience;
pub mod refusal;
mod send;
mod slow_lane;
#[cfg(test)]
mod tests;

pub(crate) use connection::metered;

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
use admission::{Admission, Bounds};
use frame::Budget;
use patience::AnswerMemory;
use refusal::{Refusal, Refusals};
use slow_lane::SlowLane;

/// Changes of topics and configs that are made at a time; more wait, without a thread.
const CHANGES_MAX: usize = 4;

/// Bounds of the front. Everything that queues or waits has one.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time; more are closed at once.
    pub connections_max: usize,
    /// Connections of one address at a time (Kafka's `max.connections.per.ip`); more are closed at once.
    pub connections_of_address_max: usize,
    /// Connections that have not sent a whole request yet; one more costs the oldest of them its place.
    pub silent_connections_max: usize,
    /// Requests of one connection that are begun but not answered.
    pub requests_in_work_max: usize,
    /// Bytes of those requests.
    pub bytes_in_work_max: usize,
    /// Bytes of a Produce frame.
    pub produce_bytes_max: usize,
    /// Bytes of any other frame.
    pub frame_bytes_max: usize,
    /// Bytes of large Produce frames that all connections together may hold.
    pub produce_frames_bytes_max: usize,
    /// Bytes of other large frames that all connections together may hold, until their requests have begun.
    pub other_frames_bytes_max: usize,
    /// How long a connection may stay without its first request.
    pub first_frame_timeout: Duration,
    /// How long a connection may stay without a request (Kafka's `connections.max.idle.ms`).
    pub idle_timeout: Duration,
    /// How long a frame that has begun may take to arrive; of a large one, each further MiB.
    pub frame_timeout: Duration,
    /// How long a further MiB may take while others wait for the memory that the frame holds.
    pub pressed_frame_timeout: Duration,
    /// Bytes of answers that wait for one client to take them; with more, nothing is read from it.
    pub answer_bytes_max: usize,
    /// Bytes of answers that wait on all connections; with more, patience with the clients is short.
    pub answers_bytes_max: usize,
    /// The slowest rate at which an answer may be taken.
    pub answer_bytes_per_second_min: usize,
    /// How long a client may refuse to take any byte of an answer.
    pub write_stall_timeout: Duration,
    /// The same, while patience is short.
    pub pressed_write_stall_timeout: Duration,
    /// How long requests in work may take once the server stops.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            connections_of_address_max: 1024,
            silent_connections_max: 512,
            requests_in_work_max: 16,
            bytes_in_work_max: 8 << 20,
            produce_bytes_max: 100 << 20,
            frame_bytes_max: 4 << 20,
            produce_frames_bytes_max: 128 << 20,
            other_frames_bytes_max: 32 << 20,
            first_frame_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(600),
            frame_timeout: Duration::from_secs(30),
            pressed_frame_timeout: Duration::from_secs(2),
            answer_bytes_max: 1 << 20,
            answers_bytes_max: 64 << 20,
            answer_bytes_per_second_min: 16 << 10,
            write_stall_timeout: Duration::from_secs(30),
            pressed_write_stall_timeout: Duration::from_secs(2),
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
            connections_of_address_max: size("max.connections.per.ip").unwrap_or(self.connections_of_address_max),
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
    admission: Arc<Admission>,
    frame_budget: Arc<Budget>,
    answers: Arc<AnswerMemory>,
    slow_lane: Arc<SlowLane>,
    /// Threads for changes of topics and configs, which wait for the disk.
    changes: Semaphore,
    stop: watch::Receiver<bool>,
    next_connection_id: AtomicU64,
    /// While a thread of the runtime waits for the disk, another one looks after the sockets.
    may_wait: bool,
}

impl Shared {
    fn refusals(&self) -> &Refusals {
        self.broker.refusals()
    }
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
        let limits = Limits {
            connections_max,
            silent_connections_max: limits.silent_connections_max.min(connections_max / 2).max(2),
            ..limits
        };
        let runtime = tokio::runtime::Handle::current();
        let shared = Arc::new(Shared {
            broker: Arc::clone(broker),
            admission: Admission::new(Bounds {
                connections_max: limits.connections_max,
                connections_of_address_max: limits.connections_of_address_max,
                silent_max: limits.silent_connections_max,
            }),
            answers: Arc::default(),
            slow_lane: SlowLane::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
            // They wait for each other anyway: one changes the metadata at a time.
            changes: Semaphore::new(CHANGES_MAX),
            // At least one frame of the largest size must fit.
            frame_budget: Budget::new(
                limits.produce_frames_bytes_max.max(limits.produce_bytes_max + 1024),
                limits.other_frames_bytes_max.max(limits.frame_bytes_max + 1024),
            ),
            limits,
            stop: stopped,
            next_connection_id: AtomicU64::new(1),
            may_wait: runtime.metrics().num_workers() > 1,
        });
        // Should that other one sleep just then, a task wakes it.
        broker.logs.on_stall(move || drop(runtime.spawn(async {})));
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
                } else {
                    // Whoever comes again at once is not to have this thread for all the connections that wait.
                    tokio::task::yield_now().await;
                }
            }
            Err(e) => {
                // Out of descriptors, most likely: the listener stays readable, so do not spin on it.
                shared.refusals().note(Refusal::Accept, None, format_args!("cannot accept a connection: {e}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(shared.limits.drain_timeout, drained).await;
}

fn admit(stream: TcpStream, peer: SocketAddr, shared: &Arc<Shared>) -> Option<impl Future<Output = ()> + Send + use<>> {
    let id = shared.next_connection_id.fetch_add(1, Ordering::Relaxed);
    let (place, cut, cut_another) = match shared.admission.enter(peer.ip(), id) {
        Ok(entered) => entered,
        Err(refusal) => {
            let (of_all, of_address) = (shared.limits.connections_max, shared.limits.connections_of_address_max);
            let why = format_args!(
                "closed a new connection: there may be {of_all} (max.connections), and {of_address} of one address \
                 (max.connections.per.ip)"
            );
            shared.refusals().note(refusal, Some(peer), why);
            return None;
        }
    };
    if cut_another {
        let why = "closed the oldest connection that has not sent a request, for a new one";
        shared.refusals().note(Refusal::Silent, None, why);
    }
    let _ = stream.set_nodelay(true);
    if stream.local_addr().is_ok_and(|local| peer.ip().is_loopback() || local.ip() == peer.ip()) {
        send::without_pacing(&stream);
    }
    let shared = Arc::clone(shared);
    Some(async move { connection::run(stream, peer, id, place, cut, &shared).await })
}
