//! A request of a peer until it is answered: sent again as RFC 3261 §17.1.2.2 says, and given up after 32 seconds.

use core::time::Duration;

use sip_stack::Timestamp;

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// One request without an answer.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) branch: String,
    pub(super) bytes: Vec<u8>,
    again_at: Timestamp,
    interval: Duration,
    ends_at: Timestamp,
}

/// What time asks of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Again,
    GiveUp,
}

impl Exchange {
    pub(super) fn new(now: Timestamp, branch: String, bytes: Vec<u8>, reliable: bool) -> Self {
        let again_at = if reliable { Timestamp::NEVER } else { now + T1 };
        Self { branch, bytes, again_at, interval: T1, ends_at: now + T1 * 64 }
    }

    pub(super) fn wake_at(&self) -> Timestamp {
        self.again_at.min(self.ends_at)
    }

    pub(super) fn due(&mut self, now: Timestamp) -> Due {
        if self.ends_at <= now {
            return Due::GiveUp;
        }
        if self.again_at > now {
            return Due::Nothing;
        }
        self.interval = (self.interval * 2).min(T2);
        self.again_at = now + self.interval;
        Due::Again
    }
}
