//! Taking frames off a socket without trusting their lengths.
//!
//! ```text
//! +----------+---------------------------------+
//! | size i32 | size bytes, the API key first   |
//! +----------+---------------------------------+
//! ```
//!
//! Memory grows with what has arrived, never with what was declared. What a frame may grow to comes out of a budget that
//! all connections share; small frames do not need it, so that nobody's large ones keep them waiting.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, timeout};

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
/// What one permit of the shared budget stands for.
pub const BUDGET_UNIT_BYTES: usize = 1 << 10;
/// How long a frame that has begun may bring nothing.
const STALL_TIMEOUT: Duration = Duration::from_secs(20);
/// Key of Produce, the only request that may be large.
const PRODUCE_KEY: i16 = 0;

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

/// The reading half of a connection.
pub struct Frames<S> {
    socket: S,
    buffer: BytesMut,
    budget: Arc<Semaphore>,
}

impl<S: Incoming> Frames<S> {
    /// `budget` counts in [`BUDGET_UNIT_BYTES`].
    pub fn new(socket: S, budget: Arc<Semaphore>) -> Self {
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
    pub async fn take(&mut self, size: usize) -> Result<(Bytes, Option<OwnedSemaphorePermit>), FrameError> {
        let mut share = None;
        if size > SMALL_FRAME_BYTES_MAX {
            self.fill(SMALL_FRAME_BYTES_MAX).await?;
            let units = u32::try_from(size.div_ceil(BUDGET_UNIT_BYTES)).unwrap_or(u32::MAX);
            share = Arc::clone(&self.budget).acquire_many_owned(units).await.ok();
        }
        self.fill(4 + size).await?;
        let mut frame = self.buffer.split_to(4 + size).freeze();
        Ok((frame.split_off(4), share))
    }

    async fn fill(&mut self, len: usize) -> Result<(), FrameError> {
        while self.buffer.len() < len {
            let missing = len - self.buffer.len();
            // As much again as there is: the buffer at most doubles what the client really sent.
            let room = missing.min(self.buffer.len().max(READ_BYTES_MIN)).max(READ_BYTES_MIN);
            self.buffer.reserve(room);
            let reading = timeout(STALL_TIMEOUT, self.socket.read_buf(&mut self.buffer)).await;
            let read = reading.map_err(|_| FrameError::Timeout)?.map_err(FrameError::Io)?;
            if read == 0 {
                return Err(match self.buffer.len() {
                    0 => FrameError::Closed,
                    _ => FrameError::Io(io::ErrorKind::UnexpectedEof.into()),
                });
            }
        }
        Ok(())
    }
}
