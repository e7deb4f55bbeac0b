//! What the owner of a subscription is told.

use crate::endpoint::{Document, Failure};
use crate::time::Timestamp;

/// The state of a subscription as a NOTIFY says it, RFC 6665 §4.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Accepted and authorized.
    Active,
    /// Accepted; nobody has authorized it yet.
    Pending,
    /// Ended by the notifier.
    Terminated,
}

/// One NOTIFY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The state it says the subscription is in.
    pub state: State,
    /// Why it was terminated, if it was and the notifier says so.
    pub reason: Option<String>,
    /// The body, if there is one.
    pub document: Option<Document>,
}

/// What became of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The notifier has said something.
    Notice(Notice),
    /// An attempt failed, or the subscription was lost; another follows.
    Retrying {
        /// Why.
        failure: Failure,
        /// When.
        at: Timestamp,
        /// Whether the subscription lives on meanwhile.
        live: bool,
    },
    /// The notifier ended the subscription in a way that asks for another.
    Resubscribing {
        /// When.
        at: Timestamp,
    },
    /// Nothing more will come.
    Over(Termination),
}

/// Why nothing more will come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Termination {
    /// We wanted it so.
    Unsubscribed,
    /// The state was fetched.
    Fetched,
    /// The notifier ended it for good, with this reason.
    Ended {
        /// `rejected`, `noresource` or `invariant`.
        reason: String,
    },
    /// A SUBSCRIBE was refused for good.
    Failed(Failure),
}
