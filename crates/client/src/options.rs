//! What a client is told at its start.

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use sip_stack::Protocol;
use sip_stack::client_transaction::Timers;

use crate::Identity;

/// Who the user is, and where the server.
#[derive(Clone)]
pub struct Options {
    /// Whose presence is published, and who watches.
    pub identity: Identity,
    /// The name that goes with the password; the user part of the identity if there is none.
    pub username: Option<String>,
    /// What proves the user, where that is asked for.
    pub password: Option<String>,
    /// `host`, `host:port` or an address: where requests go first. Without it they go where the DNS records of the
    /// domain in their URI lead (RFC 3263).
    pub server: Option<String>,
    /// What is spoken to the server.
    pub protocol: Protocol,
    /// Our own address, where the machine has several and the system's choice is wrong.
    pub local: Option<IpAddr>,
    /// The lifetime asked for publications.
    pub publication: Duration,
    /// The lifetime asked for subscriptions.
    pub subscription: Duration,
    /// RFC 3261 §17.1.1.1.
    pub timers: Timers,
}

impl Options {
    /// The user by UDP, with one hour asked for publications and subscriptions.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            username: None,
            password: None,
            server: None,
            protocol: Protocol::Udp,
            local: None,
            publication: Duration::from_secs(3600),
            subscription: Duration::from_secs(3600),
            timers: Timers::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("identity", &self.identity)
            .field("server", &self.server)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive() // the password above all
    }
}
