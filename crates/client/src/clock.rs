//! The one clock of the client.

use core::time::Duration;
use std::time::SystemTime;

use sip_stack::Timestamp;
use tokio::time::Instant;

/// Wall-clock time that goes on evenly: the wall is looked at once, so a step of it moves no deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Timestamp,
    instant: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { started: Timestamp::ZERO + wall, instant: Instant::now() }
    }

    pub(crate) fn now(self) -> Timestamp {
        self.started + self.instant.elapsed()
    }

    /// When the clock will show this.
    pub(crate) fn instant(self, at: Timestamp) -> Instant {
        // A year is as good as never, and does not overflow.
        self.instant + at.since(self.started).min(Duration::from_secs(31_536_000))
    }
}
