//! What a document of meta-information says.

use core::fmt;
use std::sync::Arc;

use super::Name;

/// A document, RFC 4662 §5.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The list, mostly as it was subscribed to.
    pub uri: Arc<str>,
    /// One more in each NOTIFY of a subscription.
    pub version: u32,
    /// Whether it tells of every resource in the list.
    pub full_state: bool,
    /// The part of the body that tells of the list as a whole.
    pub cid: Option<Arc<str>>,
    /// How many resources are left out of it, if a server of ours says so ([`EXTENSION`](super::EXTENSION)).
    pub omitted: u32,
    /// What people call the list.
    pub names: Vec<Name>,
    /// The resources that are told of, in order.
    pub resources: Vec<Resource>,
}

/// A resource of the list, RFC 4662 §5.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Which resource.
    pub uri: Arc<str>,
    /// What people call it.
    pub names: Vec<Name>,
    /// Its notifiers; none if nothing is known of it.
    pub instances: Vec<Instance>,
}

/// One notifier of a resource, RFC 4662 §5.5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Distinguishes it from the other instances of the resource.
    pub id: Arc<str>,
    /// The state of the subscription to it.
    pub state: State,
    /// Why it is terminated, RFC 6665 §4.1.3; given then.
    pub reason: Option<Arc<str>>,
    /// The part of the body that holds its state, by Content-ID without angle brackets.
    pub cid: Option<Arc<str>>,
}

/// The state of a virtual subscription, RFC 4662 §5.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Accepted and authorized.
    Active,
    /// Accepted; nobody has said yet whether it may be.
    Pending,
    /// Over.
    Terminated,
}

impl State {
    /// As a document says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Terminated => "terminated",
        }
    }

    /// From what a document says.
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "pending" => Some(Self::Pending),
            "terminated" => Some(Self::Terminated),
            _ => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
