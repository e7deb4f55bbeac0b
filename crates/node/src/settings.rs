//! What a node is told at its start: plain values, no file and no words of one.

use core::time::Duration;

use presence::{Lifetimes, Policy};
use sip_stack::Protocol;

/// One of our own addresses as peers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Host and port for Via and Contact, such as `192.0.2.1:5060` or `[2001:db8::1]:5060`.
    pub sent_by: String,
}

/// What to do with a NOTIFY that is too large for a datagram, RFC 3261 §18.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oversize {
    /// Try a stream to the peer first; where the peer takes none, send the datagram and let IP fragment it.
    Stream,
    /// Send the datagram at once.
    Datagram,
}

/// Bounds of a shard. Each has its own refusal and counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bounds of one SIP message.
    pub sip: sip::Limits,
    /// Octets of one presence document (413), unpacked.
    pub document: usize,
    /// Publications of one presentity (403 would say too much: 500 with Retry-After).
    pub publications: usize,
    /// Subscriptions to one presentity (480 with Retry-After).
    pub subscriptions: usize,
    /// Octets that a shard keeps to answer retransmitted requests alike (oldest forgotten first).
    pub transactions: usize,
    /// NOTIFYs without an answer towards one address.
    pub window: u16,
    /// NOTIFYs sent in one turn, so that no owner starves the others.
    pub turn: usize,
    /// Consecutive NOTIFYs that a watcher who has answered before may leave unanswered; then its subscription ends.
    /// RFC 6665 §4.2.2 wants it to end at the first.
    pub unanswered: u8,
    /// Presentities of a shard (503 with Retry-After).
    pub presentities: usize,
    /// Subscriptions of a shard (503 with Retry-After).
    pub dialogs: usize,
    /// Octets of requests of a shard that wait for documents (503 with Retry-After).
    pub parked: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sip: sip::Limits::default(),
            document: 64 * 1024,
            publications: 32,
            subscriptions: 200_000,
            transactions: 16 * 1024 * 1024,
            window: 64,
            turn: 256,
            unanswered: 1,
            presentities: 4_000_000,
            dialogs: 4_000_000,
            parked: 4 * 1024 * 1024,
        }
    }
}

/// All that a shard needs to know. `reconfigure` hands in a new one; listeners and domains stay as they are then.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our own domains and addresses, lower case: Request-URIs with other hosts are not ours (404).
    pub domains: Vec<String>,
    /// Our own addresses; the index is [`sip_stack::Local`].
    pub listeners: Vec<Listener>,
    /// Who a caller is, and how it is proven.
    pub authentication: sip_stack::auth::Settings,
    /// Who may watch and publish.
    pub policy: Policy,
    /// How long publications live.
    pub publications: Lifetimes,
    /// How long subscriptions live.
    pub subscriptions: Lifetimes,
    /// Least time between two NOTIFYs of one dialog, RFC 3856 §6.10; zero turns it off.
    pub pace: Duration,
    /// How a NOTIFY too large for a datagram goes out.
    pub oversize: Oversize,
    /// Bounds.
    pub limits: Limits,
}

impl Settings {
    /// What holds for all presentities.
    pub(crate) fn presence(&self) -> presence::Terms<'_> {
        presence::Terms {
            policy: &self.policy,
            publications: self.publications,
            subscriptions: self.subscriptions,
            pace: self.pace,
            publications_max: self.limits.publications,
            subscriptions_max: self.limits.subscriptions,
            unanswered_max: self.limits.unanswered,
        }
    }
}
