//! How long an answer may take to be taken, and how many bytes of answers wait for that.
//!
//! A client that takes nothing is cut after [`Limits::write_stall_timeout`], and one that takes too little when the answer
//! should long have been gone. While the answers of all connections hold more than [`Limits::answers_bytes_max`], patience
//! is short: whoever stalls then is cut after [`Limits::pressed_write_stall_timeout`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use commitlog::Chunk;
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, timeout};

use super::Limits;
use crate::reply::Part;

/// Bytes of memory that answers hold, over all connections.
#[derive(Debug, Default)]
pub(super) struct AnswerMemory(AtomicUsize);

/// Bytes of one answer; given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    memory: Arc<AnswerMemory>,
    bytes: usize,
}

impl AnswerMemory {
    pub fn hold(self: &Arc<Self>, bytes: usize) -> Held {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Held { memory: Arc::clone(self), bytes }
    }

    fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Bytes of an answer that lie in memory; the others lie in files.
pub(super) fn memory_of(parts: &[Part]) -> usize {
    let of = |part: &Part| match part {
        Part::Bytes(bytes) | Part::Chunk(Chunk::Bytes(bytes)) => bytes.len(),
        Part::Chunk(_) => 0,
    };
    parts.iter().map(of).sum()
}

/// Patience with the client of one answer.
#[derive(Debug)]
pub(super) struct Patience<'a> {
    memory: &'a AnswerMemory,
    limits: &'a Limits,
    /// When the whole answer must be gone.
    deadline: Instant,
}

impl<'a> Patience<'a> {
    pub fn new(memory: &'a AnswerMemory, limits: &'a Limits, answer_bytes: usize) -> Self {
        let at_the_slowest = Duration::from_secs((answer_bytes / limits.answer_bytes_per_second_min) as u64);
        Self { memory, limits, deadline: Instant::now() + limits.write_stall_timeout + at_the_slowest }
    }

    /// Waits until the socket takes more, or patience is at its end.
    pub async fn writable(&self, stream: &TcpStream) -> io::Result<()> {
        let began = Instant::now();
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if let Ok(ready) = timeout(left.min(self.limits.pressed_write_stall_timeout), stream.writable()).await {
                return ready;
            }
            let stall = if self.memory.bytes() > self.limits.answers_bytes_max {
                self.limits.pressed_write_stall_timeout.min(self.limits.write_stall_timeout)
            } else {
                self.limits.write_stall_timeout
            };
            if Instant::now() >= self.deadline || began.elapsed() >= stall {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
}
