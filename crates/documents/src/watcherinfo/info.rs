//! What a watcher information document says.

use core::fmt;
use std::sync::Arc;

/// A document, RFC 3858 §3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatcherInfo {
    /// 0 for the first document of a subscription, then one more each time.
    pub version: u32,
    /// Whether it has all watchers.
    pub state: State,
    /// A list for each resource and package.
    pub lists: Vec<WatcherList>,
}

/// Whether a document has all watchers, or those that changed since the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All.
    Full,
    /// Those that changed.
    Partial,
}

/// The watchers of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatcherList {
    /// The URI of what is watched.
    pub resource: Arc<str>,
    /// The event package in which it is.
    pub package: Arc<str>,
    /// In document order.
    pub watchers: Vec<Watcher>,
}

/// One subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watcher {
    /// Who subscribes: mostly an address-of-record.
    pub uri: Arc<str>,
    /// Names the subscription among all that are told in one subscription to watcher information.
    pub id: Arc<str>,
    /// How it stands.
    pub status: Status,
    /// What brought it there.
    pub event: Event,
    /// What people call the watcher.
    pub display_name: Option<Arc<str>>,
    /// The language of that.
    pub language: Option<Arc<str>>,
    /// Seconds from now until it runs out.
    pub expiration: Option<u64>,
    /// Seconds since it was made.
    pub duration_subscribed: Option<u64>,
}

impl Watcher {
    /// A watcher of whom no more is said than must be.
    pub fn new(uri: &str, id: &str, status: Status, event: Event) -> Self {
        Self {
            uri: uri.into(),
            id: id.into(),
            status,
            event,
            display_name: None,
            language: None,
            expiration: None,
            duration_subscribed: None,
        }
    }
}

/// How a subscription stands, RFC 3857 §4.7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Nobody has decided yet.
    Pending,
    /// The watcher is told.
    Active,
    /// It ended undecided; a decision still counts for the next one.
    Waiting,
    /// It is over.
    Terminated,
}

/// What changes the status of a subscription, RFC 3857 §4.7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// It was made.
    Subscribe,
    /// It was allowed.
    Approved,
    /// The server ended it, and the watcher may come again at once.
    Deactivated,
    /// The server ended it for a while.
    Probation,
    /// It was refused.
    Rejected,
    /// It ran out.
    Timeout,
    /// The server did not wait any longer for a decision.
    Giveup,
    /// What was watched is no more.
    NoResource,
}

impl State {
    pub(super) const ALL: [Self; 2] = [Self::Full, Self::Partial];

    /// As a document says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
        }
    }
}

impl Status {
    pub(super) const ALL: [Self; 4] = [Self::Pending, Self::Active, Self::Waiting, Self::Terminated];

    /// As a document says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Terminated => "terminated",
        }
    }
}

impl Event {
    pub(super) const ALL: [Self; 8] = [
        Self::Subscribe,
        Self::Approved,
        Self::Deactivated,
        Self::Probation,
        Self::Rejected,
        Self::Timeout,
        Self::Giveup,
        Self::NoResource,
    ];

    /// As a document says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Approved => "approved",
            Self::Deactivated => "deactivated",
            Self::Probation => "probation",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::Giveup => "giveup",
            Self::NoResource => "noresource",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
