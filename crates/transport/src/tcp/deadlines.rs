//! The time limits of one connection.

use std::time::Duration;

use tokio::time::Instant;

use super::table::Side;
use super::{Ending, StreamOptions};

/// For an unanswered ping, RFC 5626 §4.4.1.
const PONG_TIMEOUT: Duration = Duration::from_secs(10);
/// For writing what is queued when a connection is to be closed.
const LINGER: Duration = Duration::from_secs(2);

/// Instants by which something must have happened.
pub(super) struct Deadlines {
    /// The first whole message or ping.
    first: Option<Instant>,
    /// The end of a message that has begun.
    whole: Option<Instant>,
    /// All that was taken from the outbox.
    written: Option<Instant>,
    /// All that was queued when the connection was to be closed.
    flushed: Option<Instant>,
    /// The answer to our ping.
    pong: Option<Instant>,
    /// Our next ping.
    ping: Option<Instant>,
    /// Any message or ping.
    idle: Instant,
}

/// What to do when a deadline has passed.
pub(super) enum Late {
    End(Ending),
    Ping,
}

impl Deadlines {
    /// For a connection that is open from now on.
    pub(super) fn new(side: Side, options: &StreamOptions) -> Self {
        let now = Instant::now();
        Self {
            first: (side == Side::Accepted).then(|| now + options.first_message_timeout),
            whole: None,
            written: None,
            flushed: None,
            pong: None,
            ping: options.ping_interval.filter(|_| side == Side::Opened).map(|span| now + span),
            idle: now + options.idle_timeout,
        }
    }

    /// Something waits to be written.
    pub(super) fn must_write(&mut self, now: Instant, options: &StreamOptions) {
        self.written.get_or_insert(now + options.write_timeout);
    }

    /// The connection is to be closed.
    pub(super) fn must_flush(&mut self, now: Instant) {
        self.flushed.get_or_insert(now + LINGER);
    }

    /// Nothing waits to be written.
    pub(super) const fn all_written(&mut self) {
        self.written = None;
    }

    /// Something was written, perhaps not all.
    pub(super) fn wrote(&mut self, options: &StreamOptions) {
        self.idle = Instant::now() + options.idle_timeout;
    }

    /// A ping of ours was queued.
    pub(super) fn pinged(&mut self, options: &StreamOptions) {
        let now = Instant::now();
        self.ping = options.ping_interval.map(|span| now + span);
        self.pong.get_or_insert(now + PONG_TIMEOUT);
    }

    /// Something came.
    pub(super) fn heard(&mut self, heard: &Heard, options: &StreamOptions) {
        let now = Instant::now();
        if heard.whole {
            self.first = None;
        }
        if heard.pong {
            self.pong = None;
        }
        if heard.whole || heard.pong {
            self.idle = now + options.idle_timeout;
            self.whole = None;
        }
        if heard.unfinished {
            self.whole.get_or_insert(now + options.message_timeout);
        } else {
            self.whole = None;
        }
    }

    fn all(&self) -> [(Option<Instant>, Late); 7] {
        [
            (self.flushed, Late::End(Ending::Slow)),
            (self.written, Late::End(Ending::Slow)),
            (self.first, Late::End(Ending::Unfinished)),
            (self.whole, Late::End(Ending::Unfinished)),
            (self.pong, Late::End(Ending::PingUnanswered)),
            (Some(self.idle), Late::End(Ending::Idle)),
            (self.ping, Late::Ping),
        ]
    }

    /// The earliest of all.
    pub(super) fn next(&self) -> Instant {
        self.all().into_iter().filter_map(|(at, _)| at).min().unwrap_or(self.idle)
    }

    /// What has to be done because its time has passed.
    pub(super) fn late(&self, now: Instant) -> Option<Late> {
        self.all().into_iter().find(|(at, _)| at.is_some_and(|at| at <= now)).map(|(_, late)| late)
    }
}

/// What one read brought.
pub(super) struct Heard {
    /// A message or a ping.
    pub(super) whole: bool,
    /// The answer to our ping.
    pub(super) pong: bool,
    /// A message has begun.
    pub(super) unfinished: bool,
}
