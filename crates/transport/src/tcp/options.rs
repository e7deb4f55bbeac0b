//! Bounds and patience of streams.

use std::time::Duration;

use sip::Limits;
use sip_stack::auth::Network;

/// Bounds and patience of streams.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    /// What one message may measure.
    pub message: Limits,
    /// Connections in all. When full, a new one displaces the one idle longest, see `evictable_after`.
    pub connections_max: usize,
    /// Accepted connections of one IPv4 address or one IPv6 network of 64 bits; more are closed at once.
    pub connections_per_address_max: usize,
    /// Bytes queued for one connection. A peer that reads so slowly that more would be is cut off.
    pub outbox_max: usize,
    /// For a connection to open.
    pub connect_timeout: Duration,
    /// From accepting a connection to its first whole message or ping.
    pub first_message_timeout: Duration,
    /// From the first byte of a message to its last.
    pub message_timeout: Duration,
    /// For the peer to take what has been queued for it, however slowly it trickles.
    pub write_timeout: Duration,
    /// Without a message or ping in either direction. Longer than the hour after which most agents refresh.
    pub idle_timeout: Duration,
    /// A connection that has spoken is displaced only after so long without a message: 64 times T1, since a
    /// transaction may still need it (RFC 3261 §18).
    pub evictable_after: Duration,
    /// Interval of our own keep-alive pings on connections that we opened (RFC 5626 §4.4.1). The peer must be known to
    /// answer them: it is given up 10 seconds after an unanswered one. `None`: the kernel's keep-alive alone.
    pub ping_interval: Option<Duration>,
    /// Peers whose `alias` parameter in the topmost Via makes a connection that they opened carry our requests to the
    /// address in that Via. RFC 5923 §9 forbids it for peers that are not authenticated, so without TLS these are
    /// those that the operator vouches for. Must stay empty for virtual servers (RFC 5923 §9.3).
    pub alias_peers: Vec<Network>,
}

impl Default for StreamOptions {
    /// 20,000 connections, 256 of one address, 1 MiB of outbox; 5 s to connect, 10 s to say something, 20 s to end a
    /// message or take one, 65 min idle; no pings of ours, no aliases.
    fn default() -> Self {
        Self {
            message: Limits::DEFAULT,
            connections_max: 20_000,
            connections_per_address_max: 256,
            outbox_max: 1 << 20,
            connect_timeout: Duration::from_secs(5),
            first_message_timeout: Duration::from_secs(10),
            message_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(65 * 60),
            evictable_after: Duration::from_secs(32),
            ping_interval: None,
            alias_peers: Vec::new(),
        }
    }
}
