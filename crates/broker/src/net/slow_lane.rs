//! The slow lane: a few threads that all connections share, for requests that may cost much.
//!
//! Each connection waits for them with one request at most, and reads nothing more meanwhile. So what waits is bounded:
//! in requests by the connections, in bytes by the small frames of those and the budget of the large ones
//! ([`super::frame::Budget`]). Who is gone gives up waiting: nobody would read the answer.
//!
//! The addresses take turns: one of them has as many requests at the front as there are threads, and the others of that
//! address wait behind those. However many connections somebody else asks by, a newcomer waits for a turn of each address.
//!
//! Never: knows what the work is; interrupts work that has begun.

use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// The most threads, however many processors there are: each may hold what a large request decodes to.
const THREADS_MAX: usize = 4;

/// The threads, and who waits for them.
#[derive(Debug)]
pub(super) struct SlowLane {
    threads: Arc<Semaphore>,
    threads_count: usize,
    /// The addresses that have something to do here, with their places at the front.
    addresses: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
}

/// Why work in the slow lane has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotDone {
    /// The client is gone.
    Gone,
    /// It panicked, our mistake, or there are no more threads.
    Failed,
}

/// From now on this thread comes behind those that serve cheap requests, where the processors do not suffice for both.
fn give_way() {
    // On Linux this is the thread's own priority, elsewhere that of all.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(10);
}

/// Somebody of this address waits or works; the last one to leave takes the address off the list.
struct Front {
    lane: Arc<SlowLane>,
    address: IpAddr,
    places: Option<Arc<Semaphore>>,
}

impl SlowLane {
    /// A lane for a machine with this many processors: half of them stay for those whose requests are cheap.
    pub fn new(processors: usize) -> Arc<Self> {
        let threads_count = (processors / 2).clamp(1, THREADS_MAX);
        Arc::new(Self { threads: Arc::new(Semaphore::new(threads_count)), threads_count, addresses: Mutex::default() })
    }

    /// Does `work` when it is this client's turn. A client that hangs up before has `grace` left.
    pub async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        client: &Client<'_>,
        grace: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        let places = self.places_of(client.address);
        let front = Front { lane: Arc::clone(self), address: client.address, places: Some(Arc::clone(&places)) };
        let turn = async { (places.acquire_owned().await, Arc::clone(&self.threads).acquire_owned().await) };
        let Some(turn) = client.unless_gone(grace, turn).await else { return Err(NotDone::Gone) };
        // The turn goes with the work, which goes on when the connection is cut meanwhile.
        let work = move || {
            let done = work();
            drop((turn, front));
            done
        };
        let (done, is_done) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        // Of its own: a thread that has given way once does so for ever, and the runtime's have other work, too.
        let thread = std::thread::Builder::new().name("slow-lane".to_owned()).spawn(move || {
            give_way();
            let _runtime = runtime.enter();
            let _ = done.send(work());
        });
        thread.map_err(|_| NotDone::Failed)?;
        is_done.await.map_err(|_| NotDone::Failed)
    }

    fn places_of(&self, address: IpAddr) -> Arc<Semaphore> {
        let mut addresses = self.addresses.lock();
        let present = addresses.get(&address).and_then(Weak::upgrade);
        present.unwrap_or_else(|| {
            let places = Arc::new(Semaphore::new(self.threads_count));
            addresses.insert(address, Arc::downgrade(&places));
            places
        })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let mut addresses = self.lane.addresses.lock();
        // Under the lock, so that nobody takes it up again in between.
        drop(self.places.take());
        if addresses.get(&self.address).is_some_and(|places| places.strong_count() == 0) {
            addresses.remove(&self.address);
        }
    }
}

/// Somebody who may hang up while a request of theirs waits.
pub(super) struct Client<'a> {
    pub address: IpAddr,
    pub socket: &'a TcpStream,
}

impl Client<'_> {
    /// What `waiting` comes to. `None` when the client hangs up before, and `grace` is over too.
    pub async fn unless_gone<T>(&self, grace: Duration, waiting: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            done = &mut waiting => return Some(done),
            () = self.gone() => {}
        }
        timeout(grace, waiting).await.ok()
    }

    /// Waits until the other end is closed, whether or not all that it sent is read.
    async fn gone(&self) {
        // Nobody listens for urgent bytes: of what this interest stands for, the end of the stream is all that comes.
        let _ = self.socket.ready(Interest::PRIORITY).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::mpsc;

    use tokio::net::TcpListener;

    use super::*;

    /// Both ends of a connection.
    async fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let other = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
        (listener.accept().await.expect("accepted").0, other)
    }

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(127, 0, 0, last).into()
    }

    /// Work that begins when the first channel says so and lasts until the second one is closed.
    fn long_work() -> (impl FnOnce() + Send + 'static, mpsc::Receiver<()>, mpsc::Sender<()>) {
        let ((begun, has_begun), (end, wait)) = (mpsc::channel(), mpsc::channel::<()>());
        let work = move || {
            let _ = begun.send(());
            let _ = wait.recv();
        };
        (work, has_begun, end)
    }

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test);
    }

    #[test]
    fn who_is_gone_gives_up_and_who_is_there_waits() {
        run(async {
            let lane = SlowLane::new(1);
            let (work, has_begun, end) = long_work();
            let (first, _first) = connected().await;
            let busy = async {
                let client = Client { address: address(1), socket: &first };
                lane.run(&client, Duration::ZERO, work).await
            };
            let others = async {
                while has_begun.try_recv().is_err() {
                    tokio::task::yield_now().await;
                }
                let (second, mut other) = connected().await;
                // What it sent and nobody has read does not hide that it is gone.
                tokio::io::AsyncWriteExt::write_all(&mut other, b"more").await.expect("written");
                drop(other);
                let client = Client { address: address(2), socket: &second };
                assert_eq!(lane.run(&client, Duration::ZERO, || 2).await, Err(NotDone::Gone));
                assert_eq!(lane.run(&client, Duration::from_millis(1), || 2).await, Err(NotDone::Gone));
                let (third, _third) = connected().await;
                let client = Client { address: address(3), socket: &third };
                drop(end);
                assert_eq!(lane.run(&client, Duration::ZERO, || 3).await, Ok(3));
                // Gone, but it is its turn within the grace.
                let client = Client { address: address(2), socket: &second };
                assert_eq!(lane.run(&client, Duration::from_secs(60), || 4).await, Ok(4));
            };
            assert_eq!(tokio::join!(busy, others).0, Ok(()));
            assert!(lane.addresses.lock().is_empty(), "{:?}", lane.addresses);
        });
    }

    #[test]
    fn addresses_take_turns() {
        run(async {
            let lane = SlowLane::new(1);
            let order = Arc::new(Mutex::new(Vec::new()));
            let (work, has_begun, end) = long_work();
            let (socket, _other) = connected().await;
            let ask = |last: u8, name: &'static str| {
                let (order, socket, lane) = (Arc::clone(&order), &socket, &lane);
                async move {
                    let client = Client { address: address(last), socket };
                    lane.run(&client, Duration::ZERO, move || order.lock().push(name)).await.expect("done");
                }
            };
            let client = Client { address: address(1), socket: &socket };
            let first = async { lane.run(&client, Duration::ZERO, work).await.expect("done") };
            let newcomer = async {
                while has_begun.try_recv().is_err() {
                    tokio::task::yield_now().await;
                }
                let newcomer = ask(2, "newcomer");
                tokio::pin!(newcomer);
                // It waits, behind all the others.
                assert!(timeout(Duration::from_millis(1), &mut newcomer).await.is_err());
                drop(end);
                newcomer.await;
            };
            tokio::join!(first, ask(1, "greedy"), ask(1, "greedy"), ask(1, "greedy"), newcomer);
            // At most one of the greedy ones was before it at the front.
            let at = order.lock().iter().position(|name| *name == "newcomer");
            assert!(at.is_some_and(|at| at <= 1), "{order:?}");
        });
    }

    #[test]
    fn work_keeps_its_thread_when_its_connection_is_cut() {
        run(async {
            let lane = SlowLane::new(1);
            let (work, has_begun, end) = long_work();
            let (socket, _other) = connected().await;
            let client = Client { address: address(1), socket: &socket };
            let cut = timeout(Duration::from_millis(50), lane.run(&client, Duration::ZERO, work)).await;
            assert!(cut.is_err() && has_begun.recv().is_ok());
            assert_eq!(lane.threads.available_permits(), 0, "it still works");
            drop(end);
            assert_eq!(lane.run(&client, Duration::ZERO, || 5).await, Ok(5));
            assert_eq!(lane.threads.available_permits(), 1);
        });
    }
}
