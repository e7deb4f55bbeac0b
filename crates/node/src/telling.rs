//! A NOTIFY on its way out: which way, and in which words.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::quality::FixedState;
use sip_stack::subscriptions::Notify;
use sip_stack::{Connection, Flow, Local, Protocol, Timestamp};

use crate::door::Branch;
use crate::effects::Effects;
use crate::settings::{Listener, Oversize, Settings};

/// Requests above this do not go into a datagram, RFC 3261 §18.1.1 (path MTU unknown).
pub(crate) const DATAGRAM_MAX: usize = 1300;

/// Where a NOTIFY of `size` octets goes: on its flow, or over a stream to the same address if it is too large for a
/// datagram and the peer is not known to take none.
pub(crate) fn way(
    settings: &Settings,
    streamless: &Streamless,
    now: Timestamp,
    flow: Flow,
    size: usize,
) -> Flow {
    if flow.protocol.is_reliable() || size <= DATAGRAM_MAX || settings.oversize == Oversize::Datagram {
        return flow;
    }
    let family =
        |own: &Listener| own.protocol.is_reliable() && own.sent_by.starts_with('[') == flow.remote.is_ipv6();
    match settings.listeners.iter().position(family) {
        Some(index) if !streamless.contains(now, flow.remote) => Flow {
            protocol: Protocol::Tcp,
            local: Local(u8::try_from(index).unwrap_or(u8::MAX)),
            remote: flow.remote,
            connection: Connection::NONE,
        },
        _ => flow,
    }
}

/// Addresses that were found to take no stream; asked again after a while.
#[derive(Debug)]
pub(crate) struct Streamless(HashMap<SocketAddr, Timestamp, FixedState>);

impl Streamless {
    const MAX: usize = 65_536;
    const FOR: Duration = Duration::from_secs(3600);

    /// No table of `seed` is like that of another, since peers choose the addresses.
    pub(crate) fn new(seed: u64) -> Self {
        Self(HashMap::with_hasher(FixedState::with_seed(seed)))
    }

    pub(crate) fn insert(&mut self, now: Timestamp, address: SocketAddr) {
        if self.0.len() >= Self::MAX {
            self.0.clear(); // they are only asked once more
        }
        self.0.insert(address, now + Self::FOR);
    }

    pub(crate) fn contains(&self, now: Timestamp, address: SocketAddr) -> bool {
        self.0.get(&address).is_some_and(|until| now < *until)
    }
}

/// Prints a NOTIFY for `flow`; its body is shared with whoever sees the same.
pub(crate) fn print(
    notify: &Notify<'_>,
    flow: Flow,
    branch: Branch,
    vias: &[String],
    contacts: &[String],
    out: &mut Effects,
) {
    let local = usize::from(flow.local.0);
    let (Some(via), Some(contact)) = (vias.get(local), contacts.get(local)) else { return };
    out.send(flow, notify.content.map(Arc::clone), |bytes| {
        let mut request = notify.subscription.print(bytes, notify.sent, via, branch.text().as_str(), contact);
        if let Some(content) = notify.content {
            request.lines(&content.fields);
        }
        request.finish_for(notify.content.map_or(0, |content| content.body.len()));
    });
}
