//! The bytes of documents that were read or written lately, up to a limit.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::index::Place;

/// What an entry costs beside its bytes.
const OVERHEAD: usize = 128;

/// Bodies by the place of their record: a place never holds another document, so nothing here can be stale.
#[derive(Debug)]
pub(crate) struct Cache {
    bodies: HashMap<Place, Cached>,
    /// Places in the order in which they are looked at when room is needed; some may be gone.
    ring: VecDeque<Place>,
    bytes: usize,
    limit: usize,
}

#[derive(Debug)]
struct Cached {
    body: Arc<[u8]>,
    /// Read since it was last looked at.
    touched: bool,
}

impl Cache {
    pub(crate) fn new(limit: usize) -> Self {
        Self { bodies: HashMap::new(), ring: VecDeque::new(), bytes: 0, limit }
    }

    pub(crate) fn get(&mut self, place: Place) -> Option<Arc<[u8]>> {
        let cached = self.bodies.get_mut(&place)?;
        cached.touched = true;
        Some(Arc::clone(&cached.body))
    }

    pub(crate) fn put(&mut self, place: Place, body: Arc<[u8]>) {
        let size = body.len() + OVERHEAD;
        if size > self.limit || self.bodies.contains_key(&place) {
            return;
        }
        self.bodies.insert(place, Cached { body, touched: false });
        self.ring.push_back(place);
        self.bytes += size;
        while self.bytes > self.limit {
            self.make_room();
        }
        if self.ring.len() > 2 * self.bodies.len() + 64 {
            let bodies = &self.bodies;
            self.ring.retain(|place| bodies.contains_key(place));
        }
    }

    pub(crate) fn remove(&mut self, place: Place) -> Option<Arc<[u8]>> {
        let cached = self.bodies.remove(&place)?;
        self.bytes -= cached.body.len() + OVERHEAD;
        Some(cached.body)
    }

    /// The record at `from` stands at `to` now.
    pub(crate) fn moved(&mut self, from: Place, to: Place) {
        if let Some(body) = self.remove(from) {
            self.put(to, body);
        }
    }

    /// Looks at the oldest: kept for another turn if it was read meanwhile.
    fn make_room(&mut self) {
        let Some(place) = self.ring.pop_front() else {
            self.bytes = 0; // every body has its place in the ring, so there are none
            return;
        };
        match self.bodies.get_mut(&place) {
            Some(cached) if cached.touched => {
                cached.touched = false;
                self.ring.push_back(place);
            }
            Some(_) => _ = self.remove(place),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(offset: u32) -> Place {
        Place { segment: 1, offset, length: 1 }
    }

    fn body(size: usize) -> Arc<[u8]> {
        vec![7; size].into()
    }

    #[test]
    fn the_limit_holds_and_what_is_read_stays() {
        let mut cache = Cache::new(10 * (1000 + OVERHEAD));
        for offset in 0..1000 {
            cache.put(place(offset), body(1000));
            assert!(cache.get(place(0)).is_some(), "read at every step, gone at {offset}");
            assert!(cache.bytes <= cache.limit && cache.bodies.len() <= 10);
        }
        assert_eq!(cache.get(place(500)), None);
        assert!(cache.ring.len() <= 2 * cache.bodies.len() + 64);
    }

    #[test]
    fn a_body_moves_with_its_record_and_a_huge_one_is_not_kept() {
        let mut cache = Cache::new(5000);
        cache.put(place(1), body(100));
        cache.moved(place(1), place(2));
        assert_eq!((cache.get(place(1)), cache.get(place(2))), (None, Some(body(100))));
        cache.put(place(3), body(6000));
        assert_eq!(cache.get(place(3)), None);
        assert!(cache.get(place(2)).is_some());
        cache.remove(place(2));
        assert_eq!(cache.bytes, 0);
    }
}
