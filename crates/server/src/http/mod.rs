//! The HTTP/1.1 entrance for clients: connections, TLS, bounds; what is asked is the concern of a [`Site`].

pub mod answer;
pub mod body;
pub mod connection;
pub mod counts;
pub mod listener;
pub mod patience;
pub mod rate;
pub mod tls;

use core::net::SocketAddr;
use core::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::http::request::Parts;

pub use answer::Answer;

/// What the entrance sends back: one piece of octets, whole.
pub type Sent = Response<Full<Bytes>>;

/// A request before its body.
#[derive(Debug)]
pub struct Head {
    /// Method, target and header fields.
    pub parts: Parts,
    /// Where it came from.
    pub peer: SocketAddr,
    /// When it came, by [`crate::clock::Clock::elapsed`].
    pub at: Duration,
}

/// What answers requests. Two steps, so that nobody's body is read who is not let in.
pub trait Site: Send + Sync + 'static {
    /// What the first step found out, for the second.
    type Pass: Send;

    /// Whether a peer is one of ours: it speaks for many clients, so it is not counted as one.
    fn trusts(&self, peer: SocketAddr) -> bool;

    /// Lets a request in, or answers it at once.
    fn admit(&self, head: &Head) -> Result<Self::Pass, Answer>;

    /// Answers. `body` is whole and unpacked.
    fn answer(&self, head: Head, pass: Self::Pass, body: Bytes) -> impl Future<Output = Answer> + Send;
}

/// Bounds of the entrance. Each has its own refusal.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Octets of a head: 431.
    pub header: usize,
    /// Octets of a target: 414.
    pub target: usize,
    /// Octets of a body, as sent and as unpacked: 413.
    pub body: usize,
    /// For a head to be whole: 408.
    pub header_timeout: Duration,
    /// For a body to be whole: 408.
    pub body_timeout: Duration,
    /// Without a request: the connection is closed.
    pub idle_timeout: Duration,
    /// In all: 503.
    pub connections: usize,
    /// Of one address: 503.
    pub connections_per_peer: usize,
    /// Requests per second and address: 429. 0: no limit.
    pub client_rate: u32,
    /// Requests at work: 503.
    pub at_work: usize,
}
