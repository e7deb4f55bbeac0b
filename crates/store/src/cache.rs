//! What was used lately, up to a limit of bytes.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

/// What an entry costs beside its bytes.
const OVERHEAD: usize = 128;

/// Values by their keys. What is read between two looks for room stays; of the rest the oldest goes first.
#[derive(Debug)]
pub struct Cache<K, V> {
    entries: HashMap<K, Cached<V>>,
    /// Keys in the order in which they are looked at when room is needed; some may be gone.
    ring: VecDeque<K>,
    bytes: usize,
    limit: usize,
}

#[derive(Debug)]
struct Cached<V> {
    value: V,
    /// Its bytes, and what it costs beside them.
    size: usize,
    /// Read since it was last looked at.
    touched: bool,
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    /// One of at most so many bytes, each entry counted with some more than it has.
    pub fn new(limit: usize) -> Self {
        Self { entries: HashMap::new(), ring: VecDeque::new(), bytes: 0, limit }
    }

    /// The value of a key, if it is still there.
    pub fn get(&mut self, key: &K) -> Option<V> {
        let cached = self.entries.get_mut(key)?;
        cached.touched = true;
        Some(cached.value.clone())
    }

    /// Keeps a value of `size` bytes, in the place of the one before. One above the limit is not kept.
    pub fn put(&mut self, key: K, value: V, size: usize) {
        let size = size.saturating_add(OVERHEAD);
        if size > self.limit {
            self.remove(&key);
            return;
        }
        match self.entries.get_mut(&key) {
            Some(cached) => {
                self.bytes = self.bytes - cached.size + size;
                *cached = Cached { value, size, touched: true };
            }
            None => {
                self.entries.insert(key.clone(), Cached { value, size, touched: false });
                self.ring.push_back(key);
                self.bytes += size;
            }
        }
        while self.bytes > self.limit {
            self.make_room();
        }
        if self.ring.len() > 2 * self.entries.len() + 64 {
            let (entries, mut seen) = (&self.entries, HashSet::new());
            self.ring.retain(|key| entries.contains_key(key) && seen.insert(key.clone()));
        }
    }

    /// Forgets a key.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.take(key).map(|cached| cached.value)
    }

    /// What was kept by one key is kept by another.
    pub(crate) fn moved(&mut self, from: &K, to: K) {
        if let Some(Cached { value, size, .. }) = self.take(from) {
            self.put(to, value, size - OVERHEAD);
        }
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn take(&mut self, key: &K) -> Option<Cached<V>> {
        let cached = self.entries.remove(key)?;
        self.bytes -= cached.size;
        Some(cached)
    }

    /// Looks at the oldest: kept for another turn if it was read meanwhile.
    fn make_room(&mut self) {
        let Some(key) = self.ring.pop_front() else {
            self.bytes = 0; // every entry has its place in the ring, so there are none
            return;
        };
        match self.entries.get_mut(&key) {
            Some(cached) if cached.touched => {
                cached.touched = false;
                self.ring.push_back(key);
            }
            Some(_) => _ = self.remove(&key),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_and_what_is_read_stays() {
        let mut cache = Cache::new(10 * (1000 + OVERHEAD));
        for key in 0..1000 {
            cache.put(key, key, 1000);
            assert!(cache.get(&0).is_some(), "read at every step, gone at {key}");
            assert!(cache.bytes <= cache.limit && cache.entries.len() <= 10);
        }
        assert_eq!(cache.get(&500), None);
        assert!(cache.ring.len() <= 2 * cache.entries.len() + 64);
    }

    #[test]
    fn a_value_moves_with_its_key_and_a_huge_one_is_not_kept() {
        let mut cache = Cache::new(5000);
        cache.put(1, 'a', 100);
        cache.moved(&1, 2);
        assert_eq!((cache.get(&1), cache.get(&2)), (None, Some('a')));
        cache.put(3, 'b', 6000);
        assert_eq!(cache.get(&3), None);
        assert!(cache.get(&2).is_some());
        cache.remove(&2);
        assert_eq!(cache.bytes, 0);
    }

    #[test]
    fn another_value_takes_the_place_of_the_one_before() {
        let mut cache = Cache::new(5000);
        for size in 0..1000 {
            cache.put(1, size, size);
            assert_eq!((cache.get(&1), cache.bytes), (Some(size), size + OVERHEAD));
        }
        cache.put(1, 0, 6000);
        assert_eq!((cache.get(&1), cache.bytes), (None, 0), "the old value is not served for the new one");
        for key in 0..10_000 {
            cache.put(key % 3, key, 100);
            cache.remove(&(key % 2));
        }
        assert!(cache.ring.len() <= 2 * cache.entries.len() + 64);
        assert!(cache.bytes <= 3 * (100 + OVERHEAD));
    }
}
