//! UDP and TCP ends, readiness and mailboxes for shard threads, and the answers of DNS.
//!
//! A shard thread owns its datagram sockets ([`udp::UdpEnd`]), sleeps in [`poll::Poller`] and is reached by other
//! threads through a [`mailbox`]. Streams live on an asynchronous runtime ([`tcp::Streams`]) and hand whole messages
//! to a callback. Nothing here knows a transaction or a role.

pub mod dns;
pub mod mailbox;
pub mod poll;
mod sys;
pub mod tcp;
pub mod udp;
