//! How often somebody may ask: a bounded table of rates, without a lock.

use core::hash::{BuildHasher, Hash};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::hash::RandomState;

/// Rates are kept for this many callers. Two that fall on one place share its allowance; nobody can choose its place.
const PLACES: usize = 1 << 14;

/// So many seconds' worth may come at once.
const BURST: u64 = 10;

/// Allows each caller so many requests per second, and a burst of ten seconds' worth.
///
/// One number per caller: the time at which its allowance would be used up if it asked no more (the generic cell rate
/// algorithm). It takes 128 KiB however many callers there are.
pub struct Meter {
    /// Microseconds between two requests; 0: no limit.
    interval: u64,
    places: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Meter {
    /// `rate` requests per second; 0: no limit.
    pub fn new(rate: u32) -> Self {
        let interval = if rate == 0 { 0 } else { (1_000_000 / u64::from(rate)).max(1) };
        let places = if rate == 0 { 0 } else { PLACES };
        Self {
            interval,
            places: (0..places).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Counts a request at `now` since the start. The error says when the next one may come.
    pub fn take(&self, now: Duration, caller: &(impl Hash + ?Sized)) -> Result<(), Duration> {
        if self.interval == 0 {
            return Ok(());
        }
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX / 2);
        let hash = usize::try_from(self.hasher.hash_one(caller) & (PLACES as u64 - 1)).unwrap_or(0);
        let place = &self.places[hash];
        let patience = 1_000_000 * BURST;
        let taken = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used_up_at| {
            let from = used_up_at.max(now);
            (from + self.interval <= now + patience).then_some(from + self.interval)
        });
        match taken {
            Ok(_) => Ok(()),
            Err(used_up_at) => Err(Duration::from_micros(used_up_at + self.interval - patience - now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_the_rate() {
        let meter = Meter::new(5);
        let at = Duration::from_millis;
        for _ in 0..50 {
            assert_eq!(meter.take(at(0), "alice"), Ok(()));
        }
        assert_eq!(meter.take(at(0), "alice"), Err(at(200)));
        assert_eq!(meter.take(at(0), "bob"), Ok(()), "others are not touched");
        assert_eq!(meter.take(at(150), "alice"), Err(at(50)));
        assert_eq!(meter.take(at(200), "alice"), Ok(()));
        assert_eq!(meter.take(at(200), "alice"), Err(at(200)));
        for _ in 0..50 {
            assert_eq!(meter.take(at(60_000), "alice"), Ok(()), "rest restores the burst");
        }
    }

    #[test]
    fn no_limit_is_no_limit() {
        let meter = Meter::new(0);
        assert!((0..100_000).all(|_| meter.take(Duration::ZERO, "alice").is_ok()));
    }
}
