//! How many of something one address may have: connections, live streams. Beyond that it is refused: counted, and said
//! in the log once a second at most.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const SAID_EVERY: Duration = Duration::from_secs(1);

/// All places of one kind.
#[derive(Debug)]
pub(crate) struct Places {
    what: &'static str,
    of_address_max: usize,
    taken: Mutex<Taken>,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Taken {
    by_address: HashMap<IpAddr, usize>,
    said: Option<Instant>,
}

/// One place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    pub fn new(what: &'static str, of_address_max: usize) -> Arc<Self> {
        Arc::new(Self { what, of_address_max, taken: Mutex::default(), refused: AtomicU64::new(0) })
    }

    /// A place for this address, if it may have one more.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let mut taken = self.taken();
        let of_address = taken.by_address.entry(address).or_default();
        if *of_address < self.of_address_max {
            *of_address += 1;
            return Some(Place { places: Arc::clone(self), address });
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        if taken.said.is_none_or(|said| said.elapsed() >= SAID_EVERY) {
            taken.said = Some(Instant::now());
            let (what, of_address_max) = (self.what, self.of_address_max);
            tracing::warn!(%address, of_address_max, "refused one more of the address's {what}");
        }
        None
    }

    /// How often a place was refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub fn what(&self) -> &'static str {
        self.what
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[test]
fn an_address_has_so_many_places_and_others_have_theirs() {
    let places = Places::new("chairs", 2);
    let (one, other): (IpAddr, IpAddr) = ("127.0.0.1".parse().unwrap(), "::1".parse().unwrap());
    let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
    let (first, _second) = (places.enter(one), places.enter(mapped));
    assert!(first.is_some() && places.enter(one).is_none() && places.enter(other).is_some());
    assert_eq!(places.refused(), 1);
    drop(first);
    assert!(places.enter(one).is_some());
}
