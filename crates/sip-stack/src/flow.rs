//! Where a message came from and where one is to go, without a socket.

use core::net::SocketAddr;

/// The transport protocol of a message, RFC 3261 §18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Datagrams; the transaction layer retransmits.
    Udp,
    /// A stream; RFC 3261 §18.3 framing.
    Tcp,
}

impl Protocol {
    /// As written in a Via header field.
    pub const fn via(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// Whether retransmission timers are needed: false over streams, RFC 3261 §17.1.2.2.
    pub const fn is_reliable(self) -> bool {
        matches!(self, Self::Tcp)
    }
}

/// Index of one of our own listening addresses, in the order of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Local(pub u8);

/// Names one stream connection for the life of the process; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection(pub u32);

impl Connection {
    /// No connection yet: a datagram, or a stream that the transport opens (or finds) by its remote address.
    pub const NONE: Self = Self(0);
}

/// The way between us and one peer address: what RFC 5626 calls a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Our end.
    pub local: Local,
    /// The peer's end: where the bytes came from, not what the peer wrote in a header field.
    pub remote: SocketAddr,
    /// The stream, if it is one that exists.
    pub connection: Connection,
}
