//! Taking frames off a socket without trusting their lengths.
//!
//! ```text
//! +----------+---------------------------------+
//! | size i32 | size bytes, the API key first   |
//! +----------+---------------------------------+
//! ```
//!
//! Memory grows with what has arrived, never with what was declared. What a large frame grows by comes out of a budget
//! that all connections share (one for records, one for everything else), step by step; small frames do not need it, so that nobody's large ones keep them waiting.
//! Each step must arrive in time. While somebody waits for the budget, that time is short, so that whoever holds much and
//! sends little is cut; and whoever holds something waits for more only briefly, so that two halves never wait for each
//! other.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::Limits;
use crate::api;

/// Bytes of a request header's fixed part: key, version, correlation id.
const FRAME_BYTES_MIN: usize = 8;
/// A read asks for at least this much room.
const READ_BYTES_MIN: usize = 8 << 10;
/// From this capacity on, a buffer is not kept while the connection is idle.
const BUFFER_KEPT_BYTES_MAX: usize = 64 << 10;
/// A frame up to this size takes nothing from the shared budget; a larger one must first really have sent as much.
const SMALL_FRAME_BYTES_MAX: usize = 64 << 10;
/// A large frame takes this much of the budget at a time.
const STEP_BYTES: usize = 1 << 20;
/// What one permit of the shared budget stands for.
const BUDGET_UNIT_BYTES: usize = 1 << 10;
/// Key of Produce, the only request that may be large.
pub(super) const PRODUCE_KEY: i16 = 0;

/// Why there is no frame.
#[derive(Debug)]
pub enum FrameError {
    /// The client closed between two frames.
    Closed,
    /// The client closed inside a frame, or the socket failed.
    Io(io::Error),
    /// The declared size is below the smallest header or negative.
    TooSmall(i32),
    /// The declared size is above the bound for this key.
    TooLarge {
        /// What was declared.
        size: usize,
        /// What is allowed.
        size_max: usize,
    },
    /// Nothing came, or it came too slowly.
    Timeout,
    /// The budget of all connections is used up, and stayed so.
    NoRoom,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Closed => f.write_str("closed by the client"),
            FrameError::Io(e) => write!(f, "{e}"),
            FrameError::TooSmall(size) => write!(f, "frame of {size} bytes: not a Kafka request"),
            FrameError::TooLarge { size, size_max } => {
                write!(f, "frame of {size} bytes is larger than the {size_max} allowed; is this a Kafka client?")
            }
            FrameError::Timeout => f.write_str("no complete request in time"),
            FrameError::NoRoom => f.write_str("no memory for a large request: too many of them at once"),
        }
    }
}

/// What frames come from: a socket, or a fuzzer's bytes.
pub trait Incoming: AsyncRead + Unpin {
    /// Waits until a read may find something.
    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send;

    /// Reads what is here; `WouldBlock` when that is nothing.
    fn try_read_buf(&mut self, buffer: &mut BytesMut) -> io::Result<usize>;
}

impl Incoming for OwnedReadHalf {
    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send {
        OwnedReadHalf::readable(self)
    }

    fn try_read_buf(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        OwnedReadHalf::try_read_buf(self, buffer)
    }
}

/// What large frames of all connections may hold. Records have a part of their own: whoever asks for much does not keep
/// producers waiting.
#[derive(Debug)]
pub struct Budget {
    records: Pool,
    others: Pool,
}

#[derive(Debug)]
struct Pool {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A frame's part of the budget; given back when dropped.
pub type Share = Option<OwnedSemaphorePermit>;

impl Budget {
    /// A budget of so many bytes of Produce frames, and of other ones.
    pub fn new(records_bytes: usize, others_bytes: usize) -> Arc<Self> {
        Arc::new(Self { records: Pool::new(records_bytes), others: Pool::new(others_bytes) })
    }

    fn pool_for(&self, key: Option<i16>) -> &Pool {
        if key == Some(PRODUCE_KEY) { &self.records } else { &self.others }
    }

    /// What is left, in bytes.
    pub fn left(&self) -> usize {
        self.records.left() + self.others.left()
    }
}

impl Pool {
    fn new(bytes: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(bytes.div_ceil(BUDGET_UNIT_BYTES))), waiting: AtomicUsize::new(0) }
    }

    /// Raises `share` to `bytes`.
    async fn raise(&self, share: &mut Share, bytes: usize, limits: &Limits) -> Result<(), FrameError> {
        let held = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u32::try_from(bytes.div_ceil(BUDGET_UNIT_BYTES).saturating_sub(held)).unwrap_or(u32::MAX);
        let permits = Arc::clone(&self.permits);
        let more = match permits.try_acquire_many_owned(missing) {
            Ok(more) => more,
            Err(_) => {
                let _waiting = Waiting::count(&self.waiting);
                let patience = if held == 0 { limits.frame_timeout } else { limits.pressed_frame_timeout };
                let more = timeout(patience, Arc::clone(&self.permits).acquire_many_owned(missing)).await;
                more.map_err(|_| FrameError::NoRoom)?.map_err(|_| FrameError::NoRoom)?
            }
        };
        match share {
            Some(share) => share.merge(more),
            None => *share = Some(more),
        }
        Ok(())
    }

    fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    fn left(&self) -> usize {
        self.permits.available_permits() * BUDGET_UNIT_BYTES
    }
}

/// Somebody who waits for the budget, until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn count(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The reading half of a connection.
pub struct Frames<S> {
    socket: S,
    buffer: BytesMut,
    budget: Arc<Budget>,
}

impl Frames<OwnedReadHalf> {
    /// Whether bytes behind the last frame have arrived.
    pub(super) fn has_more(&self) -> bool {
        let stream: &tokio::net::TcpStream = self.socket.as_ref();
        !self.buffer.is_empty() || rustix::io::ioctl_fionread(stream).is_ok_and(|waiting| waiting > 0)
    }
}

impl<S: Incoming> Frames<S> {
    /// Frames from `socket`.
    pub fn new(socket: S, budget: Arc<Budget>) -> Self {
        Self { socket, buffer: BytesMut::new(), budget }
    }

    /// Bytes of memory that it holds.
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Where the frames come from.
    pub(super) fn source(&self) -> &S {
        &self.socket
    }

    /// Waits until bytes of the next frame are here. While a connection is idle it holds no buffer.
    pub async fn wait(&mut self) -> Result<(), FrameError> {
        if self.buffer.is_empty() && self.buffer.capacity() > BUFFER_KEPT_BYTES_MAX {
            self.buffer = BytesMut::new();
        }
        while self.buffer.is_empty() {
            self.socket.readable().await.map_err(FrameError::Io)?;
            // "Readable" may be yesterday's news: only a read tells.
            self.buffer.reserve(READ_BYTES_MIN);
            match self.socket.try_read_buf(&mut self.buffer) {
                Ok(0) => return Err(FrameError::Closed),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.buffer = BytesMut::new(),
                Err(e) => return Err(FrameError::Io(e)),
            }
        }
        Ok(())
    }

    /// The size of the frame that has begun to arrive, checked against the bounds.
    pub async fn size(&mut self, limits: &Limits) -> Result<usize, FrameError> {
        self.fill(4).await?;
        let declared = i32::from_be_bytes([self.buffer[0], self.buffer[1], self.buffer[2], self.buffer[3]]);
        let size = match usize::try_from(declared) {
            Ok(size) if size >= FRAME_BYTES_MIN => size,
            _ => return Err(FrameError::TooSmall(declared)),
        };
        if size > limits.frame_bytes_max {
            self.fill(6).await?;
            let is_produce = api::key_of(&self.buffer[4..]) == Some(PRODUCE_KEY);
            let size_max = if is_produce { limits.produce_bytes_max } else { limits.frame_bytes_max };
            if size > size_max {
                return Err(FrameError::TooLarge { size, size_max });
            }
        }
        Ok(size)
    }

    /// The frame of this size, without the length before it, and its share of the budget.
    pub async fn take(&mut self, size: usize, limits: &Limits) -> Result<(Bytes, Share), FrameError> {
        let end = 4 + size;
        let mut share = None;
        self.fill_in_time(end.min(4 + SMALL_FRAME_BYTES_MAX), None, limits).await?;
        let budget = Arc::clone(&self.budget);
        let pool = budget.pool_for(api::key_of(&self.buffer[4..]));
        // More may be here than was asked for: that needs its share, too.
        while size > SMALL_FRAME_BYTES_MAX && (share.is_none() || self.buffer.len() < end) {
            let step = end.min(self.buffer.len() + STEP_BYTES);
            pool.raise(&mut share, step, limits).await?;
            self.fill_in_time(step, Some(pool), limits).await?;
        }
        let mut frame = self.buffer.split_to(end).freeze();
        Ok((frame.split_off(4), share))
    }

    /// One step: it must be here within `frame_timeout`, or sooner when it holds what others wait for.
    async fn fill_in_time(&mut self, len: usize, held: Option<&Pool>, limits: &Limits) -> Result<(), FrameError> {
        let began = Instant::now();
        let filling = self.fill(len);
        tokio::pin!(filling);
        loop {
            let left = limits.frame_timeout.saturating_sub(began.elapsed());
            if let Ok(filled) = timeout(left.min(limits.pressed_frame_timeout), &mut filling).await {
                return filled;
            }
            if held.is_some_and(Pool::is_wanted) || began.elapsed() >= limits.frame_timeout {
                return Err(FrameError::Timeout);
            }
        }
    }

    async fn fill(&mut self, len: usize) -> Result<(), FrameError> {
        while self.buffer.len() < len {
            let missing = len - self.buffer.len();
            // As much again as there is: the buffer at most doubles what the client really sent.
            let room = missing.min(self.buffer.len().max(READ_BYTES_MIN)).max(READ_BYTES_MIN);
            self.buffer.reserve(room);
            if self.socket.read_buf(&mut self.buffer).await.map_err(FrameError::Io)? == 0 {
                return Err(match self.buffer.len() {
                    0 => FrameError::Closed,
                    _ => FrameError::Io(io::ErrorKind::UnexpectedEof.into()),
                });
            }
        }
        Ok(())
    }
}
