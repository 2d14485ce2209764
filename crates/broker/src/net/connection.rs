//! One connection.
//!
//! The reading half takes a frame and begins it at once: appends happen in the order of arrival. What comes out, ready
//! or not, goes into a queue; the writing half answers in the order of the queue. A parked answer therefore holds up
//! the answers behind it, but not their work. The reading half takes the next frame only while the requests in work
//! are within [`super::Limits`].

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Duration, timeout};

use super::frame::{FrameError, Frames};
use super::{Shared, send};
use crate::api::{self, Origin};
use crate::reply::{Answer, Body};

/// A begun request, in the order of arrival.
struct Begun {
    answer: Pin<Box<dyn Future<Output = Body> + Send>>,
    /// Its share of the connection's bounds, given back when it is answered.
    _in_work: (OwnedSemaphorePermit, OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
}

/// Why no more requests are read.
enum End {
    /// The client hung up: nobody waits for the answers.
    Gone,
    /// We stop, or a request asks for the end: what is in work is answered.
    Quiet,
    /// The client did something that the log should name; what is in work is answered.
    Loud(String),
}

/// Serves one connection to its end.
pub(super) async fn run(stream: TcpStream, peer: SocketAddr, id: u64, shared: &Arc<Shared>) {
    let Ok(local) = stream.local_addr() else { return };
    let (host, port) = shared.broker.address_for(local);
    let origin = Origin { peer, host, port, connection_id: id };
    let (read, write) = stream.into_split();
    let (queue, begun) = mpsc::channel(shared.limits.requests_in_work_max);
    let writing = write_answers(write, begun, shared.limits.write_stall_timeout);
    let reading = read_requests(Frames::new(read, Arc::clone(&shared.frame_budget)), &origin, queue, shared);
    tokio::pin!(writing);
    let end = tokio::select! {
        // The writer ends first only when the client takes no more.
        () = &mut writing => return,
        end = reading => end,
    };
    match end {
        End::Gone => return,
        End::Quiet => {}
        End::Loud(why) => shared.complaints.say(|| tracing::warn!(%peer, "closing a connection: {why}")),
    }
    let _ = timeout(shared.limits.drain_timeout, writing).await;
}

async fn read_requests(
    mut frames: Frames<OwnedReadHalf>,
    origin: &Origin,
    queue: mpsc::Sender<Begun>,
    shared: &Arc<Shared>,
) -> End {
    let limits = &shared.limits;
    let requests = Arc::new(Semaphore::new(limits.requests_in_work_max));
    let bytes = Arc::new(Semaphore::new(limits.bytes_in_work_max));
    let mut stop = shared.stop.clone();
    let mut patience = limits.first_frame_timeout;
    loop {
        let Ok(request_permit) = Arc::clone(&requests).acquire_owned().await else { return End::Quiet };
        let waited = tokio::select! {
            waited = timeout(patience, frames.wait()) => waited,
            _ = stop.wait_for(|stop| *stop) => return End::Quiet,
        };
        match waited {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return end_of(e),
            // A connection that waits for a long answer is not idle.
            Err(_) if requests.available_permits() + 1 < limits.requests_in_work_max => continue,
            Err(_) => return End::Quiet,
        }
        let size = match timeout(limits.frame_timeout, frames.size(limits)).await {
            Ok(Ok(size)) => size,
            Ok(Err(e)) => return end_of(e),
            Err(_) => return end_of(FrameError::Timeout),
        };
        let share = u32::try_from(size.min(limits.bytes_in_work_max)).unwrap_or(u32::MAX);
        let Ok(bytes_permit) = Arc::clone(&bytes).acquire_many_owned(share).await else { return End::Quiet };
        let time = limits.frame_timeout + Duration::from_secs((size / limits.frame_bytes_per_second_min) as u64);
        let (frame, budget_share) = match timeout(time, frames.take(size)).await {
            Ok(Ok(taken)) => taken,
            Ok(Err(e)) => return end_of(e),
            Err(_) => return end_of(FrameError::Timeout),
        };
        patience = limits.idle_timeout;
        let answer: Pin<Box<dyn Future<Output = Body> + Send>> = match api::serve(&shared.broker, origin, frame) {
            Ok(Answer::Now(body)) => Box::pin(std::future::ready(body)),
            Ok(Answer::Later(future)) => future,
            Ok(Answer::Blocking(work)) => {
                let working = tokio::task::spawn_blocking(work);
                Box::pin(async move { working.await.ok().flatten() })
            }
            Ok(Answer::Silent) => continue,
            Ok(Answer::Close) => return End::Quiet,
            Err(e) => return End::Loud(e.to_string()),
        };
        if queue.send(Begun { answer, _in_work: (request_permit, bytes_permit, budget_share) }).await.is_err() {
            return End::Quiet;
        }
    }
}

fn end_of(e: FrameError) -> End {
    match e {
        // Also in the middle of a frame: clients are killed all the time.
        FrameError::Closed | FrameError::Io(_) => End::Gone,
        FrameError::TooSmall(_) | FrameError::TooLarge { .. } | FrameError::Timeout => End::Loud(e.to_string()),
    }
}

async fn write_answers(socket: OwnedWriteHalf, mut begun: mpsc::Receiver<Begun>, stall: Duration) {
    while let Some(request) = begun.recv().await {
        let Some(parts) = request.answer.await else { return };
        if let Err(e) = send::send(&socket, parts, stall).await {
            tracing::debug!(error = %e, "cannot write an answer");
            return;
        }
    }
}
