//! What streams tell: messages, endings, failures, counts.

use std::io;

use sip::FrameError;
use sip_stack::Flow;

/// What streams tell their owner. Called on the runtime's threads, or within [`Streams::send`](super::Streams::send); must not block.
#[derive(Clone, Copy, Debug)]
pub enum StreamEvent<'a> {
    /// A whole message came in. Messages of one connection come in order.
    Message {
        /// Where it came from, with its connection.
        flow: Flow,
        /// Start line to end of body, not yet parsed.
        bytes: &'a [u8],
    },
    /// A connection that was open has ended, and what was queued for it is lost. Told once.
    Closed {
        /// Its flow. Messages sent by other flows (no connection, an alias) are told with `Undeliverable`.
        flow: Flow,
        /// Why.
        ending: Ending,
    },
    /// At least one message given to [`Streams::send`](super::Streams::send) with this flow will not reach the kernel.
    Undeliverable {
        /// The flow as it was given.
        flow: Flow,
        /// Why.
        reason: Undelivered,
    },
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The peer closed it.
    Peer,
    /// The network or the peer's host broke it.
    Broken(io::ErrorKind),
    /// What came cannot be cut into messages.
    Malformed(FrameError),
    /// Nothing whole came within the time for the first message, or a message stayed unfinished.
    Unfinished,
    /// The peer did not read, or too slowly: the outbox was full, or not empty in time.
    Slow,
    /// Nothing was exchanged for the idle time.
    Idle,
    /// Displaced by a newer connection.
    Displaced,
    /// Our ping stayed unanswered for 10 seconds, RFC 5626 §4.4.1.
    PingUnanswered,
    /// Closed by its owner: [`Streams::close`](super::Streams::close) or [`Streams::shutdown`](super::Streams::shutdown).
    Owner,
}

/// Why a message was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// No connection could be opened.
    NotConnected(io::ErrorKind),
    /// All connections are in use and none is idle, or the numbers for connections are used up.
    NoRoom,
    /// The connection ended first.
    Ended(Ending),
    /// The streams are shut down.
    ShutDown,
    /// The flow is not one of a stream.
    NotAStream,
}

/// How many streams there are, and were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounts {
    /// Open or being opened now.
    pub open: usize,
    /// Accepted since the start.
    pub accepted: u64,
    /// Opened by us since the start, or tried.
    pub opened: u64,
    /// Refused because the remote address had too many, or nothing could be displaced.
    pub refused: u64,
    /// Displaced by newer ones.
    pub displaced: u64,
}
