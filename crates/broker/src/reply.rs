//! Replies: what an API handler gives back, and when its bytes are there.
//!
//! Owns: the ways of answering (now, later, from a blocking or a costly thread, not at all), and the body of an answer as a
//! list of bytes and file ranges.
//! Never: writes to a socket.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use commitlog::Chunk;

/// A response message, with the record data that it refers to as [`wire::Records::External`].
#[derive(Debug)]
pub struct Response<R> {
    /// The message.
    pub message: R,
    /// What stands at each external index.
    pub externals: Vec<Vec<Chunk>>,
}

impl<R> From<R> for Response<R> {
    fn from(message: R) -> Self {
        Response { message, externals: Vec::new() }
    }
}

/// What comes out of a future reply.
pub type Later<R> = Pin<Box<dyn Future<Output = Response<R>> + Send>>;

/// How a request is answered.
pub enum Reply<R> {
    /// At once.
    Now(Response<R>),
    /// When the future is ready: it awaits tickets, coordinators or log watches. The next request of the connection
    /// starts meanwhile; its answer waits for this one.
    Later(Later<R>),
    /// By a thread that may block (directory syncs). It starts at once.
    Blocking(Box<dyn FnOnce() -> Response<R> + Send>),
    /// By a thread that may take its time: what is to be done turned out to be more than the sockets' threads may do. The
    /// connection's next request waits for it.
    Costly(Box<dyn FnOnce() -> Reply<R> + Send>),
    /// Never (acks=0).
    Silent,
    /// By closing the connection.
    Close,
}

impl<R> From<R> for Reply<R> {
    fn from(message: R) -> Self {
        Reply::Now(message.into())
    }
}

impl<R> Reply<R> {
    /// A reply that is ready when `future` is.
    pub fn later<F>(future: F) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: 'static,
    {
        Reply::Later(Box::pin(async move { Response::from(future.await) }))
    }

    /// A reply that a blocking thread computes.
    pub fn blocking<F>(work: F) -> Self
    where
        F: FnOnce() -> R + Send + 'static,
    {
        Reply::Blocking(Box::new(move || Response::from(work())))
    }
}

/// A piece of an encoded answer.
#[derive(Clone, Debug)]
pub enum Part {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes of a log file, to be sent by the kernel where it can.
    Chunk(Chunk),
}

impl Part {
    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Part::Bytes(bytes) => bytes.len(),
            Part::Chunk(chunk) => chunk.len(),
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An encoded answer (response header and message, without the length before them). `None`: it could not be encoded,
/// which is our mistake; the connection is closed.
pub type Body = Option<Vec<Part>>;

/// The type-erased [`Reply`]: what the network front gets.
pub enum Answer {
    /// The bytes are there.
    Now(Body),
    /// The bytes will be there.
    Later(Pin<Box<dyn Future<Output = Body> + Send>>),
    /// A thread that may block makes them.
    Blocking(Box<dyn FnOnce() -> Body + Send>),
    /// A thread that may take its time goes on; the connection's next request waits for it.
    Costly(Box<dyn FnOnce() -> Answer + Send>),
    /// There is no answer.
    Silent,
    /// The connection is to be closed.
    Close,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Answer::Now(_) => "Now",
            Answer::Later(_) => "Later",
            Answer::Blocking(_) => "Blocking",
            Answer::Costly(_) => "Costly",
            Answer::Silent => "Silent",
            Answer::Close => "Close",
        })
    }
}
