//! A long list of small work, shared with a second thread: a request that names a thousand partitions is answered sooner when
//! a processor that has nothing else to do takes some of them.
//!
//! Owns: who takes what, and from how many items on a second thread is worth its start.
//! Never: keeps an order; depends on that thread: where none can be had, or it comes late, the caller does all.

use std::thread;

use parking_lot::Mutex;

/// A thread takes as long to start as some twenty appends do.
pub(crate) const ITEMS_MIN: usize = 256;
/// So many are taken at a time: few enough that nobody waits long for the other's last ones.
const TAKEN: usize = 16;

/// Calls `work` with each item.
pub(crate) fn each<T: Send>(items: &mut [T], work: impl Fn(&mut T) + Sync) {
    if items.len() < ITEMS_MIN {
        return items.iter_mut().for_each(work);
    }
    let left = Mutex::new(items.chunks_mut(TAKEN));
    let take = || {
        loop {
            let Some(taken) = left.lock().next() else { return };
            taken.iter_mut().for_each(&work);
        }
    };
    thread::scope(|scope| {
        // None to be had is no reason to fail.
        let _ = thread::Builder::new().name("appends".to_owned()).spawn_scoped(scope, take);
        take();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_has_its_turn_once() {
        for len in [0, 1, TAKEN, ITEMS_MIN - 1, ITEMS_MIN, ITEMS_MIN + 1, 1000] {
            let mut items = vec![0; len];
            each(&mut items, |item| *item += 1);
            assert!(items.iter().all(|item| *item == 1), "{len}");
        }
    }
}
