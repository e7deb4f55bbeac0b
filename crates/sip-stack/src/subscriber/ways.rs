//! Where a SUBSCRIBE goes: the places of the next hop are asked for, and tried one after the other. RFC 3263 §4.

use core::time::Duration;

use super::{Phase, Report, Subscriber, Termination};
use crate::effect::Effect;
use crate::endpoint::{Endpoint, Failure, Way};
use crate::flow::Flow;
use crate::time::Timestamp;

impl Subscriber {
    /// The next hop whose places must be known before anything more is sent; the answer goes to
    /// [`Subscriber::located`]. Never set unless the endpoint is hosted.
    pub fn wanted(&self) -> Option<&str> {
        self.unsent.is_some().then_some(self.hop_asked.as_str())
    }

    /// The places of a hop that was [`Subscriber::wanted`], best first; none: it leads nowhere now.
    pub fn located(
        &mut self,
        now: Timestamp,
        hop: &str,
        ways: impl IntoIterator<Item = Way>,
        endpoint: &mut Endpoint,
    ) -> Vec<Effect<Report>> {
        let Some(expires) = self.unsent.filter(|_| self.hop_asked == hop) else { return Vec::new() };
        self.unsent = None;
        self.ways = ways.into_iter().collect();
        let mut effects = match self.phase {
            Phase::Idle | Phase::Over => return Vec::new(),
            Phase::Leaving if self.dialog.is_none() => self.end(Termination::Unsubscribed),
            Phase::Leaving => Vec::new(), // no refresh any more: the end is due
            Phase::NotifyWait | Phase::Live | Phase::Left if self.ways.is_empty() => {
                self.failed(now, 503, Failure::Unreachable, None, endpoint) // RFC 3261 §8.1.3.1
            }
            Phase::NotifyWait | Phase::Live | Phase::Left => vec![self.send(now, expires, endpoint)],
        };
        effects.extend(self.advance(now, endpoint));
        effects
    }

    /// Where the last request went, if it was us who knew: over a stream NOTIFYs may come back on it.
    pub fn flow(&self) -> Option<Flow> {
        self.flow
    }

    /// Where the request went that waits for its answer, if it was us who knew.
    pub fn under_way(&self) -> Option<Flow> {
        self.in_flight.as_ref().filter(|in_flight| in_flight.transaction.is_open())?.flow
    }

    /// Sends a SUBSCRIBE whose number is drawn, or keeps it until it is known where to.
    pub(super) fn send_or_ask(
        &mut self,
        now: Timestamp,
        expires: Duration,
        endpoint: &mut Endpoint,
    ) -> Vec<Effect<Report>> {
        if endpoint.settings.hosted.is_some() {
            let hop = self.hop(endpoint);
            if self.ways.is_empty() || self.hop_asked != hop {
                self.ways.clear();
                self.hop_asked = hop;
                self.unsent = Some(expires);
                return Vec::new();
            }
        }
        vec![self.send(now, expires, endpoint)]
    }

    /// After a failure that another place need not share: the same request, but for its branch, goes to the next one, if
    /// there is one. RFC 3263 §4.3.
    pub(super) fn try_next(&mut self, now: Timestamp, endpoint: &mut Endpoint) -> Option<Effect<Report>> {
        let expires = self.in_flight.as_ref()?.expires;
        if self.ways.len() < 2 || self.hop_asked != self.hop(endpoint) {
            return None;
        }
        self.ways.pop_front();
        Some(self.send(now, expires, endpoint))
    }
}
