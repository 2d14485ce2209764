//! Who may have a connection: so many in total, so many of one address, so many that have not said anything yet.
//!
//! A connection is *silent* until its first whole request. Only so many silent ones are kept: one more costs the oldest
//! its place. So half-open connections, however many, keep nobody out who speaks.
//!
//! A connection that is refused for what it sent keeps its place for a moment, also when its client is gone: the longer, the
//! more of its address do so. So an address has some 900 such connections a second, however fast it makes new ones.
//! Never: reads or writes a socket.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::refusal::Refusal;

/// How long a connection that is refused for what it sent keeps its place.
const REFUSED_STAY: Duration = Duration::from_millis(100);
/// How much longer for each of its address that does.
const REFUSED_STAY_EACH: Duration = Duration::from_millis(1);

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub connections_max: usize,
    pub connections_of_address_max: usize,
    pub silent_max: usize,
}

/// All connections that are there.
#[derive(Debug)]
pub(super) struct Admission {
    bounds: Bounds,
    present: Mutex<Present>,
}

#[derive(Debug, Default)]
struct Present {
    connections: usize,
    by_address: HashMap<IpAddr, OfAddress>,
    /// By connection id, so in the order of arrival. Sending cuts the connection.
    silent: BTreeMap<u64, oneshot::Sender<()>>,
}

#[derive(Debug, Default)]
struct OfAddress {
    connections: usize,
    /// Those of them that are refused, and stay for a moment.
    refused: u32,
}

/// A connection's place. Dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Place {
    admission: Arc<Admission>,
    address: IpAddr,
    id: u64,
    is_refused: bool,
}

/// What a connection is told when it loses its place.
pub(super) type Cut = oneshot::Receiver<()>;

impl Admission {
    pub fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, present: Mutex::default() })
    }

    /// A place for a new connection, and whether another lost its own for it.
    pub fn enter(self: &Arc<Self>, address: IpAddr, id: u64) -> Result<(Place, Cut, bool), Refusal> {
        let address = address.to_canonical();
        let mut present = self.present.lock();
        let present = &mut *present;
        let of_address = present.by_address.get(&address).map_or(0, |of_address| of_address.connections);
        if of_address >= self.bounds.connections_of_address_max {
            return Err(Refusal::ConnectionsOfAddress);
        }
        let full = present.connections >= self.bounds.connections_max;
        let mut cut_another = false;
        if full || present.silent.len() >= self.bounds.silent_max {
            if let Some((_, oldest)) = present.silent.pop_first() {
                let _ = oldest.send(());
                cut_another = true;
            }
            if full {
                // The place is free when the other has really gone: the next one gets it.
                return Err(Refusal::Connections);
            }
        }
        present.connections += 1;
        present.by_address.entry(address).or_default().connections += 1;
        let (sender, cut) = oneshot::channel();
        present.silent.insert(id, sender);
        Ok((Place { admission: Arc::clone(self), address, id, is_refused: false }, cut, cut_another))
    }
}

impl Place {
    /// The connection has sent a whole request: from now on it keeps its place.
    pub fn spoke(&self) {
        self.admission.present.lock().silent.remove(&self.id);
    }

    /// The connection is refused for what it sent. Answers for how long it is to keep its place.
    pub fn refused(&mut self) -> Duration {
        let mut present = self.admission.present.lock();
        present.silent.remove(&self.id);
        let of_address = present.by_address.entry(self.address).or_default();
        if !std::mem::replace(&mut self.is_refused, true) {
            of_address.refused += 1;
        }
        REFUSED_STAY + REFUSED_STAY_EACH * of_address.refused
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut present = self.admission.present.lock();
        present.connections -= 1;
        present.silent.remove(&self.id);
        if let Some(of_address) = present.by_address.get_mut(&self.address) {
            of_address.connections -= 1;
            of_address.refused -= u32::from(self.is_refused);
            if of_address.connections == 0 {
                present.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const BOUNDS: Bounds = Bounds { connections_max: 4, connections_of_address_max: 3, silent_max: 2 };

    #[test]
    fn places_are_bounded_and_the_silent_make_room() {
        let admission = Admission::new(BOUNDS);
        let address = |last| IpAddr::from(Ipv4Addr::new(127, 0, 0, last));
        let (first, mut first_cut, cut) = admission.enter(address(1), 1).expect("room");
        assert!(!cut);
        let (_second, mut second_cut, _) = admission.enter(address(1), 2).expect("room");
        first.spoke();
        // One more silent one fits: the first is silent no longer.
        let (_third, _, cut) = admission.enter(address(1), 3).expect("room");
        assert!(!cut);
        assert_eq!(admission.enter(address(1), 4).err(), Some(Refusal::ConnectionsOfAddress));
        // The oldest silent one goes, not the one that spoke.
        let (_fifth, _, cut) = admission.enter(address(2), 5).expect("room");
        assert!(cut);
        assert_eq!(second_cut.try_recv(), Ok(()));
        assert!(first_cut.try_recv().is_err(), "it spoke");
        assert_eq!(admission.enter(address(3), 6).err(), Some(Refusal::Connections));
        drop(first);
        assert!(admission.enter(address(3), 7).is_ok());
    }

    #[test]
    fn who_is_refused_stays_the_longer_the_more_there_are() {
        let admission = Admission::new(BOUNDS);
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        let (mut first, ..) = admission.enter(address, 1).expect("room");
        let (mut second, ..) = admission.enter(address, 2).expect("room");
        let (mut other, ..) = admission.enter(Ipv4Addr::BROADCAST.into(), 3).expect("room");
        let stays = [first.refused(), second.refused(), second.refused(), other.refused()];
        assert_eq!(stays, [101, 102, 102, 101].map(Duration::from_millis));
        drop(first);
        assert_eq!(second.refused(), Duration::from_millis(101));
        drop((second, other));
        assert!(admission.present.lock().by_address.is_empty());
    }

    #[test]
    fn an_address_is_forgotten_with_its_last_connection() {
        let admission = Admission::new(BOUNDS);
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().expect("an address");
        let entered = admission.enter(mapped, 1).expect("room");
        assert!(admission.present.lock().by_address.contains_key(&IpAddr::from(Ipv4Addr::LOCALHOST)));
        drop(entered);
        assert!(admission.present.lock().by_address.is_empty());
        assert_eq!(admission.present.lock().connections, 0);
    }
}
