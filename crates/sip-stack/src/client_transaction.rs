//! One non-INVITE client transaction together with its request, RFC 3261 §17.1.2.2.

use core::time::Duration;
use std::sync::Arc;

use crate::time::Timestamp;

/// The times that transactions and subscriptions are made of, RFC 3261 §17.1.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Estimate of the round trip.
    pub t1: Duration,
    /// The longest time between two retransmissions.
    pub t2: Duration,
    /// How long the network may hold a message.
    pub t4: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl Timers {
    /// 64*T1: Timer F of a transaction, Timer J of its server's, Timer N of a subscription.
    pub fn patience(&self) -> Duration {
        self.t1 * 64
    }
}

/// A request that was sent, until its transaction is terminated.
#[derive(Clone, Debug)]
pub struct ClientTransaction {
    branch: String,
    message: Arc<[u8]>,
    reliable: bool,
    timers: Timers,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No response yet. `resend_at` and `interval` are Timer E, `fails_at` is Timer F.
    Trying {
        resend_at: Timestamp,
        interval: Duration,
        fails_at: Timestamp,
    },
    /// A provisional response came.
    Proceeding {
        resend_at: Timestamp,
        fails_at: Timestamp,
    },
    /// A final response came; its retransmissions are absorbed until Timer K.
    Completed {
        ends_at: Timestamp,
    },
    Terminated,
}

/// What a response means to the owner of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Somebody works on it.
    Provisional,
    /// The answer.
    Final,
    /// A retransmission, or too late: nothing.
    Absorbed,
}

/// What the passing of time asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing now.
    Nothing,
    /// Timer E: send these bytes again.
    Retransmit(Arc<[u8]>),
    /// Timer F: to the owner this is a 408 (RFC 3261 §8.1.3.1), and a later response is none (RFC 4320 §4.2).
    TimedOut,
}

impl ClientTransaction {
    /// Starts with a request that the caller sends now. Over a reliable transport it is never sent again.
    pub fn new(now: Timestamp, branch: String, message: Arc<[u8]>, timers: Timers, reliable: bool) -> Self {
        let resend_at = if reliable { Timestamp::NEVER } else { now + timers.t1 };
        let state = State::Trying { resend_at, interval: timers.t1, fails_at: now + timers.patience() };
        Self { branch, message, reliable, timers, state }
    }

    /// The branch that responses bear, RFC 3261 §17.1.3.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// Whether a final response is still awaited.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Trying { .. } | State::Proceeding { .. })
    }

    /// Whether not even a provisional response came.
    pub fn is_unheard(&self) -> bool {
        matches!(self.state, State::Trying { .. })
    }

    /// Takes a response that bears our branch and method.
    pub fn response(&mut self, now: Timestamp, status: u16) -> Received {
        match self.state {
            State::Trying { resend_at, fails_at, .. } if status < 200 => {
                // Timer E keeps running; when it fires it is set to T2.
                self.state = State::Proceeding { resend_at, fails_at };
                Received::Provisional
            }
            State::Proceeding { .. } if status < 200 => Received::Provisional,
            State::Trying { .. } | State::Proceeding { .. } => {
                self.state = if self.reliable {
                    State::Terminated
                } else {
                    State::Completed { ends_at: now + self.timers.t4 }
                };
                Received::Final
            }
            State::Completed { .. } | State::Terminated => Received::Absorbed,
        }
    }

    /// Takes the passing of time. One call retransmits at most once, however late it comes.
    pub fn tick(&mut self, now: Timestamp) -> Due {
        match self.state {
            State::Trying { fails_at, .. } | State::Proceeding { fails_at, .. } if fails_at <= now => {
                self.state = State::Terminated;
                Due::TimedOut
            }
            State::Trying { resend_at, interval, fails_at } if resend_at <= now => {
                let interval = (interval * 2).min(self.timers.t2);
                self.state = State::Trying { resend_at: now + interval, interval, fails_at };
                Due::Retransmit(self.message.clone())
            }
            State::Proceeding { resend_at, fails_at } if resend_at <= now => {
                self.state = State::Proceeding { resend_at: now + self.timers.t2, fails_at };
                Due::Retransmit(self.message.clone())
            }
            State::Completed { ends_at } if ends_at <= now => {
                self.state = State::Terminated;
                Due::Nothing
            }
            State::Trying { .. } | State::Proceeding { .. } | State::Completed { .. } | State::Terminated => {
                Due::Nothing
            }
        }
    }

    /// When `tick` is next worth a call; never once terminated.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Trying { resend_at, fails_at, .. } | State::Proceeding { resend_at, fails_at } => {
                Some(resend_at.min(fails_at))
            }
            State::Completed { ends_at } => Some(ends_at),
            State::Terminated => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000);

    fn transaction(reliable: bool) -> ClientTransaction {
        ClientTransaction::new(START, "z9hG4bK1".into(), Arc::from(*b"x"), Timers::default(), reliable)
    }

    fn at(millis: u64) -> Timestamp {
        START + Duration::from_millis(millis)
    }

    /// Ticks at every deadline; the milliseconds at which it retransmitted, and at which it timed out.
    fn run(mut transaction: ClientTransaction) -> (Vec<u64>, Option<u64>) {
        let mut sent = Vec::new();
        while let Some(deadline) = transaction.deadline() {
            let millis = deadline.as_millis() - START.as_millis();
            match transaction.tick(deadline) {
                Due::Retransmit(_) => sent.push(millis),
                Due::TimedOut => return (sent, Some(millis)),
                Due::Nothing => {}
            }
        }
        (sent, None)
    }

    #[test]
    fn timer_e_doubles_up_to_t2_and_timer_f_ends_it() {
        let (sent, ended) = run(transaction(false));
        assert_eq!(sent, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
        assert_eq!(ended, Some(32_000));
    }

    #[test]
    fn a_reliable_transport_needs_no_retransmission() {
        assert_eq!(run(transaction(true)), (vec![], Some(32_000)));
    }

    #[test]
    fn after_a_provisional_response_timer_e_fires_every_t2() {
        let mut transaction = transaction(false);
        assert_eq!(transaction.response(at(100), 100), Received::Provisional);
        assert_eq!(transaction.response(at(200), 100), Received::Provisional);
        let (sent, ended) = run(transaction);
        assert_eq!(sent, [500, 4500, 8500, 12500, 16500, 20500, 24500, 28500]);
        assert_eq!(ended, Some(32_000));
    }

    #[test]
    fn retransmitted_responses_are_absorbed_until_timer_k() {
        let mut transaction = transaction(false);
        assert_eq!(transaction.response(at(100), 200), Received::Final);
        assert!(!transaction.is_open());
        assert_eq!(transaction.response(at(600), 200), Received::Absorbed);
        assert_eq!(transaction.deadline(), Some(at(5_100)));
        assert_eq!(transaction.tick(at(5_100)), Due::Nothing);
        assert_eq!(transaction.deadline(), None);
    }

    #[test]
    fn timer_k_is_zero_over_a_reliable_transport() {
        let mut transaction = transaction(true);
        assert_eq!(transaction.response(at(1), 404), Received::Final);
        assert_eq!(transaction.deadline(), None);
    }

    #[test]
    fn a_response_after_timer_f_is_none() {
        let mut transaction = transaction(false);
        assert_eq!(transaction.tick(at(40_000)), Due::TimedOut);
        assert_eq!(transaction.response(at(40_001), 200), Received::Absorbed);
        assert_eq!(transaction.tick(at(50_000)), Due::Nothing);
    }
}
