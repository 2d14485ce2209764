//! One connection.
//!
//! The reading half takes a frame and begins it at once: appends happen in the order of arrival. What comes out, ready
//! or not, goes into a queue; the writing half answers in the order of the queue. A parked answer therefore holds up
//! the answers behind it, but not their work. An answer that is there at once while nothing else is in work is sent at once:
//! the way through the queue costs more than many a request. What the socket does not take of it goes that way. The reading
//! half takes the next frame only while the requests in work are within [`super::Limits`], and while few bytes of answers
//! wait for the client to take them.
//!
//! What administrators ask, and what follows a request that cost much processor time, is begun in the *slow lane*
//! ([`super::slow_lane`]). What many of them send (all configs, again and again; batches that unpack to a
//! thousand times their size) leaves the other threads to everybody else. Nothing that costs milliseconds may run on
//! those: with a hundred connections that ask for it, each of their turns comes between two of a well-behaved client.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Duration, timeout};

use super::admission::{Cut, Place};
use super::frame::{FrameError, Frames, PRODUCE_KEY};
use super::patience::{Held, Patience, memory_of};
use super::refusal::Refusal;
use super::slow_lane::{Client, NotDone};
use super::{Shared, send};
use crate::api::{self, Lane, Origin};
use crate::reply::{Answer, Body};

/// A request that took this much processor time sends its connection's next one to the slow lane.
const COSTLY: Duration = Duration::from_millis(5);
/// After requests that took this much together, others have their turn: whoever sends small requests without end would
/// keep everybody else waiting for all that it has sent, on each of its connections.
const TURN: Duration = Duration::from_micros(100);
/// What a request costs beside being served: taking it off the socket, putting its answer there.
const ON_THE_WAY: Duration = Duration::from_micros(10);

/// A begun request, in the order of arrival.
struct Begun {
    answer: Pin<Box<dyn Future<Output = Body> + Send>>,
    /// Its bytes, when they are there already: its share of what may wait for the client.
    held: Option<(Held, OwnedSemaphorePermit)>,
    /// Its share of the connection's bounds, given back when it is answered.
    _in_work: (OwnedSemaphorePermit, OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
}

/// Why no more requests are read.
enum End {
    /// The client hung up: nobody waits for the answers.
    Gone,
    /// We stop, or a request asks for the end: what is in work is answered.
    Quiet,
    /// The client did something that is refused; what is in work is answered.
    Refused(Refusal, String),
}

/// Serves one connection to its end.
pub(super) async fn run(
    stream: TcpStream,
    peer: SocketAddr,
    id: u64,
    mut place: Place,
    cut: Cut,
    shared: &Arc<Shared>,
) {
    let Ok(local) = stream.local_addr() else { return };
    let (host, port) = shared.broker.address_for(local);
    let origin = Origin { peer, host, port, connection_id: id };
    let (read, write) = stream.into_split();
    let (queue, begun) = mpsc::channel(shared.limits.requests_in_work_max);
    let writing = write_answers(&write, begun, peer, shared);
    let frames = Frames::new(read, Arc::clone(&shared.frame_budget));
    let reading = read_requests(frames, &origin, &place, queue, &write, shared);
    tokio::pin!(writing);
    let end = tokio::select! {
        // The writer ends first only when the client takes no more.
        () = &mut writing => return,
        end = reading => end,
        // Said and counted where the new connection was let in.
        () = cut_off(cut) => return,
    };
    let mut stay = Duration::ZERO;
    match end {
        End::Gone => return,
        End::Quiet => {}
        End::Refused(what, why) => {
            shared.refusals().note(what, Some(peer), format_args!("closing a connection: {why}"));
            stay = place.refused();
        }
    }
    let _ = timeout(shared.limits.drain_timeout, writing).await;
    let mut stop = shared.stop.clone();
    let _ = timeout(stay, stop.wait_for(|stop| *stop)).await;
}

/// Waits until the place is given to another.
async fn cut_off(cut: Cut) {
    if cut.await.is_err() {
        // It spoke: nobody can cut it any more.
        std::future::pending().await
    }
}

async fn read_requests(
    mut frames: Frames<OwnedReadHalf>,
    origin: &Origin,
    place: &Place,
    queue: mpsc::Sender<Begun>,
    socket: &OwnedWriteHalf,
    shared: &Arc<Shared>,
) -> End {
    let limits = &shared.limits;
    let requests = Arc::new(Semaphore::new(limits.requests_in_work_max));
    let bytes = Arc::new(Semaphore::new(limits.bytes_in_work_max));
    let mut stop = shared.stop.clone();
    let waiting = Arc::new(Semaphore::new(limits.answer_bytes_max));
    let mut patience = limits.first_frame_timeout;
    let (mut silent, mut costly) = (true, false);
    let mut turn = Turn::default();
    let client = Client { address: origin.peer.ip().to_canonical(), socket: socket.as_ref() };
    loop {
        // An answer may be due in weeks: who is gone does not wait for that.
        let room = client.unless_gone(limits.drain_timeout, Arc::clone(&requests).acquire_owned()).await;
        let Some(Ok(request_permit)) = room else { return End::Gone };
        let waited = tokio::select! {
            waited = timeout(patience, frames.wait()) => waited,
            _ = stop.wait_for(|stop| *stop) => return End::Quiet,
        };
        match waited {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return end_of(e),
            // A connection that waits for a long answer is not idle.
            Err(_) if requests.available_permits() + 1 < limits.requests_in_work_max => continue,
            Err(_) if silent => return End::Refused(Refusal::Silent, "no request ever came".to_owned()),
            Err(_) => return End::Quiet,
        }
        let size = match timeout(limits.frame_timeout, frames.size(limits)).await {
            Ok(Ok(size)) => size,
            Ok(Err(e)) => return end_of(e),
            Err(_) => return end_of(FrameError::Timeout),
        };
        let share = u32::try_from(size.min(limits.bytes_in_work_max)).unwrap_or(u32::MAX);
        let room = client.unless_gone(limits.drain_timeout, Arc::clone(&bytes).acquire_many_owned(share)).await;
        let Some(Ok(bytes_permit)) = room else { return End::Gone };
        let (frame, budget_share) = match frames.take(size, limits).await {
            Ok(taken) => taken,
            Err(e) => return end_of(e),
        };
        let brings_records = api::key_of(&frame) == Some(PRODUCE_KEY);
        // Records that were sent are appended, also when their sender does not wait for the answer.
        let grace = if brings_records { limits.drain_timeout } else { Duration::ZERO };
        if std::mem::take(&mut silent) {
            patience = limits.idle_timeout;
            place.spoke();
        }
        let alone = requests.available_permits() + 1 == limits.requests_in_work_max;
        let lane = if costly { Lane::Slow } else { api::lane_of(&frame) };
        let (served, cost) = match lane {
            Lane::Fast => {
                let may_wait = alone && shared.may_wait && !frames.has_more();
                metered(|| api::serve_begun(&shared.broker, origin, frame, lane, may_wait))
            }
            Lane::Slow => {
                let (broker, origin) = (Arc::clone(&shared.broker), origin.clone());
                let serve = move || metered(|| api::serve(&broker, &origin, frame, lane));
                match shared.slow_lane.run(&client, grace, serve).await {
                    Ok(served) => served,
                    Err(why) => return why.into(),
                }
            }
        };
        let (served, cost) = match served {
            Ok(Answer::Costly(work)) => match shared.slow_lane.run(&client, grace, || metered(work)).await {
                Ok((answer, cost)) => (Ok(answer), cost),
                Err(why) => return why.into(),
            },
            // The answers before it may take long; what it waits for, such as a sync, begins now.
            Ok(Answer::Later(mut answer)) if !alone => match poll_once(&mut answer) {
                Poll::Ready(body) => (Ok(Answer::Now(body)), cost),
                Poll::Pending => (Ok(Answer::Later(answer)), cost),
            },
            served => (served, cost),
        };
        // What a Produce request brought stays until it is answered. No other request keeps its frame while it waits.
        let budget_share = budget_share.filter(|_| brings_records);
        costly = cost >= COSTLY;
        let mut held = None;
        let answer: Pin<Box<dyn Future<Output = Body> + Send>> = match served {
            Ok(Answer::Now(mut body)) => {
                // The writing half has nothing to write, and gets nothing meanwhile.
                if let Some(parts) = body.as_mut().filter(|_| alone) {
                    if let Err(e) = send::send_now(socket, parts) {
                        tracing::debug!(error = %e, "cannot write an answer");
                        return End::Gone;
                    }
                    if parts.is_empty() {
                        turn.spent(cost).await;
                        continue;
                    }
                }
                let len = body.as_deref().map_or(0, memory_of);
                let share = u32::try_from(len.min(limits.answer_bytes_max)).unwrap_or(u32::MAX);
                let memory = shared.answers.hold(len);
                let Ok(permit) = Arc::clone(&waiting).acquire_many_owned(share).await else { return End::Quiet };
                held = Some((memory, permit));
                Box::pin(std::future::ready(body))
            }
            Ok(Answer::Later(future)) => future,
            Ok(Answer::Blocking(work)) => {
                let shared = Arc::clone(shared);
                let working = tokio::spawn(async move {
                    let _turn = shared.changes.acquire().await.ok()?;
                    tokio::task::spawn_blocking(work).await.ok().flatten()
                });
                Box::pin(async move { working.await.ok().flatten() })
            }
            // Said once, it is done.
            Ok(Answer::Costly(_)) => return End::Quiet,
            Ok(Answer::Silent) => {
                turn.spent(cost).await;
                continue;
            }
            Ok(Answer::Close) => return End::Quiet,
            Err(e) => return End::Refused(Refusal::Request, e.to_string()),
        };
        turn.spent(cost).await;
        if queue.send(Begun { answer, held, _in_work: (request_permit, bytes_permit, budget_share) }).await.is_err() {
            return End::Quiet;
        }
    }
}

/// How much of a connection's turn is over.
#[derive(Default)]
struct Turn(Duration);

impl Turn {
    /// Its requests took so much more. Others are let in when that is enough.
    async fn spent(&mut self, cost: Duration) {
        self.0 += cost + ON_THE_WAY;
        if self.0 >= TURN {
            self.0 = Duration::ZERO;
            tokio::task::yield_now().await;
        }
    }
}

impl From<NotDone> for End {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::Gone => End::Gone,
            NotDone::Failed => End::Quiet,
        }
    }
}

/// Does `work`, and says how much processor time that took.
pub(crate) fn metered<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let spent = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
    let before = spent();
    let done = work();
    (done, spent().saturating_sub(before))
}

/// Begins what `future` does. Whoever awaits it later is woken, not we.
fn poll_once<T>(future: &mut Pin<Box<dyn Future<Output = T> + Send>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn end_of(e: FrameError) -> End {
    match e {
        // Also in the middle of a frame: clients are killed all the time.
        FrameError::Closed | FrameError::Io(_) => End::Gone,
        FrameError::TooSmall(_) | FrameError::TooLarge { .. } => End::Refused(Refusal::FrameSize, e.to_string()),
        FrameError::Timeout => End::Refused(Refusal::SlowFrame, e.to_string()),
        FrameError::NoRoom => End::Refused(Refusal::NoRoom, e.to_string()),
    }
}

async fn write_answers(
    socket: &OwnedWriteHalf,
    mut begun: mpsc::Receiver<Begun>,
    peer: SocketAddr,
    shared: &Arc<Shared>,
) {
    while let Some(request) = begun.recv().await {
        let Some(parts) = request.answer.await else { return };
        let _held = match request.held {
            Some(held) => (held.0, Some(held.1)),
            None => (shared.answers.hold(memory_of(&parts)), None),
        };
        let len = parts.iter().map(crate::reply::Part::len).sum();
        let patience = Patience::new(&shared.answers, &shared.limits, len);
        match send::send(socket, parts, &patience).await {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::TimedOut => {
                let why = "closing a connection: its client does not take the answers";
                shared.refusals().note(Refusal::SlowReader, Some(peer), why);
                return;
            }
            Err(e) => {
                tracing::debug!(error = %e, "cannot write an answer");
                return;
            }
        }
    }
}
