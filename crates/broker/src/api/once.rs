//! What a request names many times is looked up and answered once: otherwise four bytes of a request could cost as much
//! as the largest answer, a million times over.
//!
//! Kafka: collects most of these into maps or sets, to the same effect.

use std::collections::HashSet;
use std::hash::Hash;

/// The first of each key, in their order.
pub(super) fn once<T, K: Eq + Hash>(mut named: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    if named.len() > 1 {
        let mut seen = HashSet::with_capacity(named.len());
        named.retain(|item| seen.insert(key(item)));
    }
    named
}

#[test]
fn the_first_of_each_stays() {
    assert_eq!(once(vec![(3, 'a'), (1, 'b'), (3, 'c'), (1, 'd')], |item| item.0), [(3, 'a'), (1, 'b')]);
    assert_eq!(once(Vec::<i32>::new(), |item| *item), []);
}
