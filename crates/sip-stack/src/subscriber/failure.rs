//! What follows when a SUBSCRIBE fails or a subscription is lost. RFC 6665 §4.1.2.

use core::time::Duration;

use super::{Phase, Report, Subscriber, Termination};
use crate::effect::Effect;
use crate::endpoint::{Endpoint, Failure};
use crate::time::Timestamp;

impl Subscriber {
    /// A SUBSCRIBE failed for good or for now.
    pub(super) fn failed(
        &mut self,
        now: Timestamp,
        status: u16,
        failure: Failure,
        wait: Option<Duration>,
        endpoint: &mut Endpoint,
    ) -> Vec<Effect<Report>> {
        self.notify_by = None; // no NOTIFY follows a request that failed
        self.ways.clear();
        match self.phase {
            Phase::Idle | Phase::Over => Vec::new(),
            Phase::Leaving if self.dialog.is_some() => {
                self.next_at = Some(now); // it was the refresh that failed; the end has not been asked for yet
                Vec::new()
            }
            Phase::Leaving | Phase::Left => self.end(Termination::Unsubscribed), // gone, or soon by itself
            Phase::NotifyWait if self.watch.is_fetch() => self.end(Termination::Failed(failure)),
            Phase::NotifyWait => match failure {
                Failure::Unavailable { .. } | Failure::TimedOut | Failure::Untold | Failure::Unreachable => {
                    self.retry(now, failure, wait, endpoint)
                }
                Failure::Refused { .. } | Failure::WrongPassword | Failure::Unanswerable => {
                    self.end(Termination::Failed(failure))
                }
            },
            Phase::Live => self.refresh_failed(now, status, failure, wait, endpoint),
        }
    }

    /// RFC 6665 §4.1.2.2: some responses end the subscription, others only the attempt.
    fn refresh_failed(
        &mut self,
        now: Timestamp,
        status: u16,
        failure: Failure,
        wait: Option<Duration>,
        endpoint: &mut Endpoint,
    ) -> Vec<Effect<Report>> {
        match (status, &failure) {
            (481, _) => self.lost(now, failure, endpoint), // the notifier forgot us: anew
            (480, _) => self.retry(now, failure, wait, endpoint),
            (404 | 405 | 410 | 416 | 482..=485 | 489 | 501 | 604, _)
            | (_, Failure::WrongPassword | Failure::Unanswerable) => self.end(Termination::Failed(failure)),
            // Timer F is Timer N: what was asked for brought no NOTIFY.
            (_, Failure::TimedOut | Failure::Untold) => self.retry(now, failure, wait, endpoint),
            (_, Failure::Refused { .. } | Failure::Unavailable { .. } | Failure::Unreachable) => {
                let backoff = self.backoff.next(endpoint.random());
                let next_at = now + wait.map_or(backoff, |wait| wait.max(backoff));
                self.next_at = Some(next_at);
                vec![Effect::Report(Report::Retrying { failure, at: next_at, live: true })]
            }
        }
    }

    /// The subscription is gone without a word: a new one at once the first time, then with longer and longer waits.
    pub(super) fn lost(
        &mut self,
        now: Timestamp,
        failure: Failure,
        endpoint: &mut Endpoint,
    ) -> Vec<Effect<Report>> {
        self.notify_by = None;
        self.expires_at = None;
        let is_first = self.is_first_loss(now);
        match self.phase {
            Phase::Idle | Phase::Over => Vec::new(),
            Phase::Leaving | Phase::Left => self.end(Termination::Unsubscribed),
            Phase::NotifyWait if self.watch.is_fetch() => self.end(Termination::Failed(failure)),
            Phase::NotifyWait => self.retry(now, failure, None, endpoint),
            Phase::Live if is_first => {
                let _ = self.backoff.next(endpoint.random());
                self.idle_until(now);
                vec![Effect::Report(Report::Retrying { failure, at: now, live: false })]
            }
            Phase::Live => self.retry(now, failure, None, endpoint),
        }
    }

    /// A subscription that lived for a while starts the row of failures anew.
    pub(super) fn is_first_loss(&mut self, now: Timestamp) -> bool {
        if self.live_since.is_some_and(|since| now.since(since) >= Duration::from_secs(32)) {
            self.backoff.reset();
        }
        self.backoff.is_fresh()
    }

    /// Subscribes anew after a wait.
    fn retry(
        &mut self,
        now: Timestamp,
        failure: Failure,
        wait: Option<Duration>,
        endpoint: &mut Endpoint,
    ) -> Vec<Effect<Report>> {
        let backoff = self.backoff.next(endpoint.random());
        let at = now + wait.map_or(backoff, |wait| wait.max(backoff));
        self.idle_until(at);
        vec![Effect::Report(Report::Retrying { failure, at, live: false })]
    }

    pub(super) fn idle_until(&mut self, at: Timestamp) {
        self.phase = Phase::Idle;
        self.next_at = Some(at);
        (self.dialog, self.in_flight, self.unsent) = (None, None, None);
        (self.notify_by, self.expires_at) = (None, None);
        self.ways.clear();
    }

    pub(super) fn end(&mut self, why: Termination) -> Vec<Effect<Report>> {
        self.phase = Phase::Over;
        (self.dialog, self.in_flight, self.unsent) = (None, None, None);
        (self.notify_by, self.expires_at, self.next_at) = (None, None, None);
        vec![Effect::Report(Report::Over(why))]
    }
}
