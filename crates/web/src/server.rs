//! Listeners, connections and their limits, graceful stop.
//!
//! The accept loop is our own: `axum::serve` sets no header timeout, no write deadline and no connection limit.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use runtime::Instance;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use crate::places::Places;
use crate::routes;
use crate::safety::{Connection, Policy};

/// Most connections at once, over all listeners.
const CONNECTIONS_MAX: usize = 1024;
/// Most connections of one address.
const CONNECTIONS_OF_ADDRESS_MAX: usize = 256;
/// Most live streams of one address: pages, each of which has one.
const STREAMS_OF_ADDRESS_MAX: usize = 64;
/// How long a client may take to send its request's head.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may leave us unable to write.
const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long open requests may go on after a stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What the pages are told of this process (`Instance` in `docs/http.md`).
#[derive(Clone, Debug, Default, Serialize)]
pub struct About {
    /// Instance name.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Start of this process, ms since 1970: a page that sees another one was reconnected to a new process.
    pub epoch: i64,
    /// `embedded` or `kafka`.
    pub mode: &'static str,
    /// Address for Kafka clients.
    pub bootstrap: String,
    /// `fsync` or `os`.
    pub durability: &'static str,
    /// Where the data lies.
    pub data_dir: String,
    /// Whether this is the demo.
    pub demo: bool,
    /// The SQL file that was given.
    pub sql_file: Option<String>,
    /// Kafka's cluster id.
    pub cluster_id: String,
}

/// What a server is made of.
pub struct WebOptions {
    /// What is shown.
    pub instance: Arc<Instance>,
    /// The clock of the pings.
    pub clock: Arc<dyn os::Clock>,
    /// What the pages are told of this process.
    pub about: About,
    /// Bound listeners.
    pub listeners: Vec<std::net::TcpListener>,
    /// Names that a `Host` header may have beside the listeners' own.
    pub allow_hosts: Vec<String>,
    /// Whether GET endpoints write on listeners that other machines can reach.
    pub allow_get_writes: bool,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    connections: Arc<Semaphore>,
}

/// What every handler can reach.
pub(crate) struct Shared {
    pub instance: Arc<Instance>,
    pub clock: Arc<dyn os::Clock>,
    pub about: About,
    pub policy: Policy,
    pub connections: Arc<Places>,
    pub streams: Arc<Places>,
    /// Held while the metrics are gathered and written: one after the other takes memory once.
    pub scrape: tokio::sync::Mutex<()>,
    pub stop: watch::Receiver<bool>,
}

impl Server {
    /// Serves on all listeners until [`Server::stop`]. Must be called within a tokio runtime.
    pub fn start(options: WebOptions) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for listener in options.listeners {
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            let bound = listener.local_addr()?;
            listeners.push((listener, bound));
        }
        let addresses: Vec<SocketAddr> = listeners.iter().map(|(_, bound)| *bound).collect();
        let (stop, stopped) = watch::channel(false);
        let host_names = options.allow_hosts.iter().map(|name| name.to_ascii_lowercase()).collect();
        let shared = Arc::new(Shared {
            instance: options.instance,
            clock: options.clock,
            about: options.about,
            policy: Policy { host_names, allow_get_writes: options.allow_get_writes },
            connections: Places::new("connections", CONNECTIONS_OF_ADDRESS_MAX),
            streams: Places::new("streams", STREAMS_OF_ADDRESS_MAX),
            scrape: tokio::sync::Mutex::new(()),
            stop: stopped.clone(),
        });
        let of_addresses = shared.connections.clone();
        let router = routes::router(shared);
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        for (listener, _) in listeners {
            let admission = (connections.clone(), of_addresses.clone());
            tokio::spawn(accept(listener, router.clone(), admission, stopped.clone()));
        }
        Ok(Self { addresses, stop, connections })
    }

    /// The addresses that it is bound to.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops accepting, ends streams with `end`, lets open requests finish, and returns after at most three seconds.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let all = self.connections.acquire_many(CONNECTIONS_MAX as u32);
        let _ = tokio::time::timeout(STOP_TIMEOUT, all).await;
    }
}

async fn accept(
    listener: TcpListener,
    router: axum::Router,
    (connections, of_addresses): (Arc<Semaphore>, Arc<Places>),
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: existing connections must end first.
                tracing::warn!("cannot accept a web connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Over the limit the newest is turned away: those being served go on.
        let Some(place) = of_addresses.enter(peer.ip()) else { continue };
        let Ok(permit) = connections.clone().try_acquire_owned() else { continue };
        let (router, stopped) = (router.clone(), stopped.clone());
        tokio::spawn(async move {
            serve(stream, peer, router, stopped).await;
            drop((permit, place));
        });
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, router: axum::Router, mut stopped: watch::Receiver<bool>) {
    let Ok(local) = stream.local_addr() else { return };
    let _ = stream.set_nodelay(true);
    let connection = Connection { local, peer };
    let service = router.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(connection);
        request.map(axum::body::Body::new)
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_READ_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
    let io = TokioIo::new(StallGuard { stream, stalled: None });
    let serving = http.serve_connection(io, TowerToHyperService::new(service));
    tokio::pin!(serving);
    tokio::select! {
        // A connection that ends with an error is the client's affair.
        _ = serving.as_mut() => return,
        _ = stopped.changed() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

/// Fails writes after the client has not read for [`WRITE_STALL_TIMEOUT`].
struct StallGuard {
    stream: TcpStream,
    stalled: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl StallGuard {
    fn watch<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_STALL_TIMEOUT)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for StallGuard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for StallGuard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
