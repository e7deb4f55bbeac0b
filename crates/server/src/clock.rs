//! The one place that reads a clock.

use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sip_stack::Timestamp;

/// Wall time that never goes backwards: the wall clock is read once, at the start; from there the monotonic clock counts.
///
/// A wall clock that is set while the server runs moves no lifetime. Copies show the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    wall: Duration,
}

impl Clock {
    /// Reads the wall clock.
    #[expect(clippy::new_without_default, reason = "a default that reads the wall clock would surprise")]
    pub fn new() -> Self {
        // A wall clock before 1970 is one that was never set.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), wall }
    }

    /// Milliseconds since 1970.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(u64::try_from((self.wall + self.elapsed()).as_millis()).unwrap_or(u64::MAX))
    }

    /// Time since this clock was made: for measuring.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_go_backwards_and_copies_agree() {
        let clock = Clock::new();
        let copy = clock;
        let first = clock.now();
        let second = copy.now();
        assert!(second >= first);
        assert!(first > Timestamp::from_secs(1_600_000_000), "after 2020");
    }
}
